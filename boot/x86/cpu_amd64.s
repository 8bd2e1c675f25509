#include "go_asm.h"
#include "textflag.h"

// func cpuid(leaf, sub uint32) (eax, ebx, ecx, edx uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-24
	MOVL	leaf+0(FP), AX
	MOVL	sub+4(FP), CX
	CPUID
	MOVL	AX, eax+8(FP)
	MOVL	BX, ebx+12(FP)
	MOVL	CX, ecx+16(FP)
	MOVL	DX, edx+20(FP)
	RET

// func readCR0() uint64
TEXT ·readCR0(SB), NOSPLIT, $0-8
	MOVQ	CR0, AX
	MOVQ	AX, ret+0(FP)
	RET

// func readCR2() uint64
TEXT ·readCR2(SB), NOSPLIT, $0-8
	MOVQ	CR2, AX
	MOVQ	AX, ret+0(FP)
	RET

// func readCR3() uint64
TEXT ·readCR3(SB), NOSPLIT, $0-8
	MOVQ	CR3, AX
	MOVQ	AX, ret+0(FP)
	RET

// func readCR4() uint64
TEXT ·readCR4(SB), NOSPLIT, $0-8
	MOVQ	CR4, AX
	MOVQ	AX, ret+0(FP)
	RET

// func writeCR0(v uint64)
TEXT ·writeCR0(SB), NOSPLIT, $0-8
	MOVQ	v+0(FP), AX
	MOVQ	AX, CR0
	RET

// func writeCR3(v uint64)
TEXT ·writeCR3(SB), NOSPLIT, $0-8
	MOVQ	v+0(FP), AX
	MOVQ	AX, CR3
	RET

// func writeCR4(v uint64)
TEXT ·writeCR4(SB), NOSPLIT, $0-8
	MOVQ	v+0(FP), AX
	MOVQ	AX, CR4
	RET

// func clearDR7()
TEXT ·clearDR7(SB), NOSPLIT, $0-0
	XORL	AX, AX
	MOVQ	AX, DR7
	RET

// func takeDR6() uint32
TEXT ·takeDR6(SB), NOSPLIT, $0-4
	MOVQ	DR6, AX
	MOVL	$const_dr6None, CX
	MOVQ	CX, DR6
	XORL	CX, AX
	ANDL	$const_dr6Reasons, AX
	MOVL	AX, ret+0(FP)
	RET

// func writeBreakpoints(addr *[4]uint32, control uint32)
//
// They are off while they change.
TEXT ·writeBreakpoints(SB), NOSPLIT, $0-12
	MOVQ	addr+0(FP), BX
	MOVL	control+8(FP), CX
	XORL	AX, AX
	MOVQ	AX, DR7
	MOVL	0(BX), AX
	MOVQ	AX, DR0
	MOVL	4(BX), AX
	BYTE $0x0f; BYTE $0x23; BYTE $0xc8 // MOVQ AX, DR1, which the assembler does not know
	MOVL	8(BX), AX
	BYTE $0x0f; BYTE $0x23; BYTE $0xd0 // DR2
	MOVL	12(BX), AX
	BYTE $0x0f; BYTE $0x23; BYTE $0xd8 // DR3
	MOVQ	CX, DR7
	RET

// func rdmsr(msr uint32) uint64
TEXT ·rdmsr(SB), NOSPLIT, $0-16
	MOVL	msr+0(FP), CX
	RDMSR
	SHLQ	$32, DX
	ORQ	DX, AX
	MOVQ	AX, ret+8(FP)
	RET

// func wrmsr(msr uint32, v uint64)
TEXT ·wrmsr(SB), NOSPLIT, $0-16
	MOVL	msr+0(FP), CX
	MOVQ	v+8(FP), AX
	MOVQ	AX, DX
	SHRQ	$32, DX
	WRMSR
	RET

// func xsetbv(v uint64)
TEXT ·xsetbv(SB), NOSPLIT, $0-8
	XORL	CX, CX
	MOVQ	v+0(FP), AX
	MOVQ	AX, DX
	SHRQ	$32, DX
	XSETBV
	RET

// func invlpg(addr uintptr)
TEXT ·invlpg(SB), NOSPLIT, $0-8
	MOVQ	addr+0(FP), AX
	INVLPG	(AX)
	RET

// func loadGDT(pointer *[10]byte)
//
// FS is left alone: the thread's g hangs on its base.
TEXT ·loadGDT(SB), NOSPLIT|NOFRAME, $0-8
	MOVQ	pointer+0(FP), AX
	LGDT	(AX)
	MOVL	$const_kernelDS, AX
	MOVW	AX, SS
	XORL	AX, AX
	MOVW	AX, DS
	MOVW	AX, ES
	LLDT	AX // at reset the LDT is 64 KiB at address 0 (SDM vol. 3, table 10-1), which is the user's
	MOVL	$const_selTSS, AX
	LTR	AX
	// A far return loads CS: below the return address goes the selector.
	POPQ	AX
	PUSHQ	$const_kernelCS
	PUSHQ	AX
	RETFQ

// func loadIDT(pointer *[10]byte)
TEXT ·loadIDT(SB), NOSPLIT, $0-8
	MOVQ	pointer+0(FP), AX
	LIDT	(AX)
	RET

// func entryPoints() entries
TEXT ·entryPoints(SB), NOSPLIT, $0-64
	LEAQ	·stubs(SB), AX
	MOVQ	AX, ret_stubs+0(FP)
	LEAQ	·int80Entry(SB), AX
	MOVQ	AX, ret_int80+8(FP)
	LEAQ	·nmiEntry(SB), AX
	MOVQ	AX, ret_nmi+16(FP)
	LEAQ	·sysenterEntry(SB), AX
	MOVQ	AX, ret_sysenter+24(FP)
	LEAQ	·syscallEntry(SB), AX
	CMPB	·fastBase(SB), $0
	JNE	2(PC)
	LEAQ	·syscallEntryMSR(SB), AX
	MOVQ	AX, ret_syscall+32(FP)
	LEAQ	·doubleFaultEntry(SB), AX
	MOVQ	AX, ret_doubleFault+40(FP)
	LEAQ	·machineCheckEntry(SB), AX
	MOVQ	AX, ret_machineCheck+48(FP)
	LEAQ	·debugEntry(SB), AX
	MOVQ	AX, ret_debug+56(FP)
	RET

// func loadSegments(ds, es, fs, gs uint16)
//
// Loading FS changes its base (and, on some processors, loading a null selector does): the thread's is put back.
TEXT ·loadSegments(SB), NOSPLIT, $0-8
	MOVW	ds+0(FP), AX
	MOVW	AX, DS
	MOVW	es+2(FP), AX
	MOVW	AX, ES
	MOVW	gs+6(FP), AX
	MOVW	AX, GS
	MOVQ	8(FS), BX
	MOVW	fs+4(FP), AX
	MOVW	AX, FS
	CMPB	·fastBase(SB), $0
	JEQ	slow
	WRFSBASEQ BX
	RET
slow:
	MOVL	$const_msrFSBase, CX
	MOVL	BX, AX
	MOVQ	BX, DX
	SHRQ	$32, DX
	WRMSR
	RET

// func readSegments() [4]uint16
TEXT ·readSegments(SB), NOSPLIT, $0-8
	MOVW	DS, ret_0+0(FP)
	MOVW	ES, ret_1+2(FP)
	MOVW	FS, ret_2+4(FP)
	MOVW	GS, ret_3+6(FP)
	RET
