#include "textflag.h"

// func flags() uint64
TEXT ·flags(SB), NOSPLIT, $0-8
	PUSHFQ
	POPQ	AX
	MOVQ	AX, ret+0(FP)
	RET

// func mxcsr() uint32
TEXT ·mxcsr(SB), NOSPLIT, $8-4
	STMXCSR	0(SP)
	MOVL	0(SP), AX
	MOVL	AX, ret+0(FP)
	RET

// func readCR3() uint64
TEXT ·readCR3(SB), NOSPLIT, $0-8
	MOVQ	CR3, AX
	MOVQ	AX, ret+0(FP)
	RET

// func window()
//
// Lets in interrupts that wait, on the stack of a goroutine: 256 bytes are reserved above SP. It stays open for a while, as
// an emulator need not deliver them at once.
TEXT ·window(SB), NOSPLIT, $256-0
	ADDQ	$256, SP
	MOVL	$1000000, CX
	STI
loop:
	DECL	CX
	JNE	loop
	CLI
	SUBQ	$256, SP
	RET

// func tsc() uint64
TEXT ·tsc(SB), NOSPLIT, $0-8
	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	MOVQ	AX, ret+0(FP)
	RET

// func peek(addr uintptr) byte
TEXT ·peek(SB), NOSPLIT, $0-9
	MOVQ	addr+0(FP), AX
	MOVB	(AX), AX
	MOVB	AX, ret+8(FP)
	RET

// func poke(addr uintptr)
TEXT ·poke(SB), NOSPLIT, $0-8
	MOVQ	addr+0(FP), AX
	MOVB	$0, (AX)
	RET

// func jump(addr uintptr)
TEXT ·jump(SB), NOSPLIT|NOFRAME, $0-8
	MOVQ	addr+0(FP), AX
	JMP	AX

// func loseStack()
TEXT ·loseStack(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ	$0x1000, SP
	PUSHQ	AX
	UNDEF
