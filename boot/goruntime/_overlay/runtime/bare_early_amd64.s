// The interrupt descriptor table of start-up, until boot/x86 has its own: an exception is fatal, an interrupt is noted.

#include "go_asm.h"
#include "textflag.h"

// Each of the 256 entries pushes its vector and is 16 bytes long.
#define ENTRY(n) \
	PCALIGN	$16; \
	BYTE	$0x68; LONG $(n); /* PUSHQ $n */ \
	JMP	earlyTrap<>(SB)
#define ENTRIES4(n) ENTRY(n); ENTRY(n+1); ENTRY(n+2); ENTRY(n+3)
#define ENTRIES16(n) ENTRIES4(n); ENTRIES4(n+4); ENTRIES4(n+8); ENTRIES4(n+12)
#define ENTRIES64(n) ENTRIES16(n); ENTRIES16(n+16); ENTRIES16(n+32); ENTRIES16(n+48)

TEXT ·bareEarlyEntries(SB),NOSPLIT|NOFRAME,$0
	ENTRIES64(0)
	ENTRIES64(64)
	ENTRIES64(128)
	ENTRIES64(192)

TEXT earlyTrap<>(SB),NOSPLIT|NOFRAME,$0
	CMPQ	0(SP), $32
	JB	exception
	PUSHQ	AX
	MOVQ	8(SP), AX
	BTSQ	AX, ·bareEarlyPending(SB)
	POPQ	AX
	ADDQ	$8, SP
	IRETQ
exception:
	MOVQ	0(SP), AX  // vector
	MOVQ	8(SP), BX  // error code, or RIP
	MOVQ	16(SP), CX // RIP, or CS
	MOVQ	CR2, DX
	ANDQ	$~15, SP
	SUBQ	$32, SP
	MOVQ	AX, 0(SP)
	MOVQ	BX, 8(SP)
	MOVQ	CX, 16(SP)
	MOVQ	DX, 24(SP)
	CALL	·bareEarlyException(SB)
	HLT

// func bareEarlyEntriesPC() uintptr
TEXT ·bareEarlyEntriesPC(SB),NOSPLIT,$0-8
	LEAQ	·bareEarlyEntries(SB), AX
	ADDQ	$15, AX // PCALIGN aligns within the function, which is aligned to 32
	ANDQ	$~15, AX
	MOVQ	AX, ret+0(FP)
	RET
