#include "go_asm.h"
#include "textflag.h"

// Access to user memory. A page fault between userAccess and userAccessEnd goes on at the address in R11, with the
// faulting address in R10 (kernelTrapped). The linker keeps the order of a file's functions; New checks it.
//
// While these run, the whole user half is open under SMAP: they touch nothing but the range that mm has checked.

#define OPEN \
	CMPB	·smap(SB), $0	\
	JEQ	2(PC)	\
	STAC

#define CLOSE \
	CMPB	·smap(SB), $0	\
	JEQ	2(PC)	\
	CLAC

TEXT ·userAccess(SB), NOSPLIT|NOFRAME, $0
	UNDEF

// func copyIn(dst unsafe.Pointer, src uintptr, n int) (done int)
TEXT ·copyIn(SB), NOSPLIT|NOFRAME, $0-32
	MOVQ	dst+0(FP), DI
	MOVQ	src+8(FP), SI
	MOVQ	n+16(FP), CX
	LEAQ	·copyInFault(SB), R11
	OPEN
	JMP	·copyUser(SB)

// func copyOut(dst uintptr, src unsafe.Pointer, n int) (done int)
TEXT ·copyOut(SB), NOSPLIT|NOFRAME, $0-32
	MOVQ	dst+0(FP), DI
	MOVQ	src+8(FP), SI
	MOVQ	n+16(FP), CX
	LEAQ	·copyOutFault(SB), R11
	OPEN
	JMP	·copyUser(SB)

// Copies CX bytes from SI to DI. What is 64 bytes or less is done by loads that overlap, all loads before all stores, so
// that at a fault SI, DI, CX tell what is left.
TEXT ·copyUser(SB), NOSPLIT|NOFRAME, $0-32
again:
	CMPQ	CX, $16
	JHI	over16
	CMPQ	CX, $8
	JCC	from8
	CMPQ	CX, $4
	JCC	from4
	TESTQ	CX, CX
	JEQ	whole
	// 1 to 3: the first, the middle and the last byte.
	MOVQ	CX, DX
	SHRQ	$1, DX
	MOVBLZX	(SI), AX
	MOVBLZX	(SI)(DX*1), BX
	MOVBLZX	-1(SI)(CX*1), R8
	MOVB	AX, (DI)
	MOVB	BX, (DI)(DX*1)
	MOVB	R8, -1(DI)(CX*1)
	JMP	whole
from4:
	MOVL	(SI), AX
	MOVL	-4(SI)(CX*1), BX
	MOVL	AX, (DI)
	MOVL	BX, -4(DI)(CX*1)
	JMP	whole
from8:
	MOVQ	(SI), AX
	MOVQ	-8(SI)(CX*1), BX
	MOVQ	AX, (DI)
	MOVQ	BX, -8(DI)(CX*1)
	JMP	whole
over16:
	CMPQ	CX, $32
	JHI	over32
	MOVUPS	(SI), X0
	MOVUPS	-16(SI)(CX*1), X1
	MOVUPS	X0, (DI)
	MOVUPS	X1, -16(DI)(CX*1)
	JMP	whole
over32:
	CMPQ	CX, $64
	JHI	over64
	MOVUPS	(SI), X0
	MOVUPS	16(SI), X1
	MOVUPS	-32(SI)(CX*1), X2
	MOVUPS	-16(SI)(CX*1), X3
	MOVUPS	X0, (DI)
	MOVUPS	X1, 16(DI)
	MOVUPS	X2, -32(DI)(CX*1)
	MOVUPS	X3, -16(DI)(CX*1)
	JMP	whole
over64:
	CMPQ	CX, $512
	JHI	words
blocks:
	MOVUPS	(SI), X0
	MOVUPS	16(SI), X1
	MOVUPS	32(SI), X2
	MOVUPS	48(SI), X3
	MOVUPS	X0, (DI)
	MOVUPS	X1, 16(DI)
	MOVUPS	X2, 32(DI)
	MOVUPS	X3, 48(DI)
	ADDQ	$64, SI
	ADDQ	$64, DI
	SUBQ	$64, CX
	CMPQ	CX, $64
	JHI	blocks
	JMP	again
words:
	// Long copies: the microcode moves whole cache lines, and an emulator does 8 bytes an instruction.
	MOVQ	CX, R9
	ANDQ	$7, R9
	SHRQ	$3, CX
	MOVQ	R11, R12
	LEAQ	·copyWordsFault(SB), R11
	REP; MOVSQ
	MOVQ	R12, R11
	MOVQ	R9, CX
	JMP	again
whole:
	CLOSE
	MOVQ	n+16(FP), AX
	MOVQ	AX, done+24(FP)
	RET

// CX is the rest in words, R9 the bytes after them.
TEXT ·copyWordsFault(SB), NOSPLIT|NOFRAME, $0-32
	LEAQ	(R9)(CX*8), CX
	MOVQ	R12, R11
	JMP	R12

TEXT ·copyInFault(SB), NOSPLIT|NOFRAME, $0-32
	CMPQ	R10, SI
	JEQ	nothing
	JMP	·copyBytes(SB)
nothing:
	JMP	·copyDone(SB)

TEXT ·copyOutFault(SB), NOSPLIT|NOFRAME, $0-32
	CMPQ	R10, DI
	JEQ	nothing
	JMP	·copyBytes(SB)
nothing:
	JMP	·copyDone(SB)

// The fault was not at the first byte that is left: copy byte by byte up to it, so that the count is exact. If it does
// not come again within 64 bytes, the copy goes on.
TEXT ·copyBytes(SB), NOSPLIT|NOFRAME, $0-32
	MOVQ	R11, R12
	LEAQ	·copyDone(SB), R11
	MOVL	$64, DX
next:
	TESTQ	CX, CX
	JEQ	done
	MOVBLZX	(SI), AX
	MOVB	AX, (DI)
	INCQ	SI
	INCQ	DI
	DECQ	CX
	DECL	DX
	JNE	next
	MOVQ	R12, R11
	LEAQ	·copyUser(SB), AX	// the linker takes a direct jump to and fro for endless recursion
	JMP	AX
done:
	JMP	·copyDone(SB)

// CX bytes are left.
TEXT ·copyDone(SB), NOSPLIT|NOFRAME, $0-32
	CLOSE
	MOVQ	n+16(FP), AX
	SUBQ	CX, AX
	MOVQ	AX, done+24(FP)
	RET

// func zeroOut(dst uintptr, n int) (done int)
TEXT ·zeroOut(SB), NOSPLIT|NOFRAME, $0-24
	MOVQ	dst+0(FP), DI
	MOVQ	n+8(FP), CX
	LEAQ	·zeroFault(SB), R11
	XORL	AX, AX
	XORPS	X0, X0
	OPEN
	JMP	·zeroUser(SB)

// Clears CX bytes at DI, like copyUser.
TEXT ·zeroUser(SB), NOSPLIT|NOFRAME, $0-24
	CMPQ	CX, $16
	JCS	small
	JMP	test
blocks:
	MOVUPS	X0, (DI)
	MOVUPS	X0, 16(DI)
	MOVUPS	X0, 32(DI)
	MOVUPS	X0, 48(DI)
	MOVUPS	X0, 64(DI)
	MOVUPS	X0, 80(DI)
	MOVUPS	X0, 96(DI)
	MOVUPS	X0, 112(DI)
	ADDQ	$128, DI
	SUBQ	$128, CX
test:
	CMPQ	CX, $128
	JCC	blocks
more:
	CMPQ	CX, $16
	JCS	small
	MOVUPS	X0, (DI)
	ADDQ	$16, DI
	SUBQ	$16, CX
	JMP	more
small:
	CMPQ	CX, $4
	JCC	from4
	TESTQ	CX, CX
	JEQ	whole
	// 1 to 3: the first, the middle and the last byte.
	MOVQ	CX, DX
	SHRQ	$1, DX
	MOVB	AX, (DI)
	MOVB	AX, (DI)(DX*1)
	MOVB	AX, -1(DI)(CX*1)
	JMP	whole
from4:
	CMPQ	CX, $8
	JCC	from8
	MOVL	AX, (DI)
	MOVL	AX, -4(DI)(CX*1)
	JMP	whole
from8:
	MOVQ	AX, (DI)
	MOVQ	AX, -8(DI)(CX*1)
whole:
	CLOSE
	MOVQ	n+8(FP), AX
	MOVQ	AX, done+16(FP)
	RET

TEXT ·zeroFault(SB), NOSPLIT|NOFRAME, $0-24
	CMPQ	R10, DI
	JEQ	nothing
	JMP	·zeroBytes(SB)
nothing:
	JMP	·zeroDone(SB)

TEXT ·zeroBytes(SB), NOSPLIT|NOFRAME, $0-24
	LEAQ	·zeroDone(SB), R11
	MOVL	$64, DX
next:
	TESTQ	CX, CX
	JEQ	done
	MOVB	AX, (DI)
	INCQ	DI
	DECQ	CX
	DECL	DX
	JNE	next
	LEAQ	·zeroFault(SB), R11
	LEAQ	·zeroUser(SB), R12
	JMP	R12
done:
	JMP	·zeroDone(SB)

TEXT ·zeroDone(SB), NOSPLIT|NOFRAME, $0-24
	CLOSE
	MOVQ	n+8(FP), AX
	SUBQ	CX, AX
	MOVQ	AX, done+16(FP)
	RET

// func load32(addr uintptr) (v uint32, ok bool)
TEXT ·load32(SB), NOSPLIT|NOFRAME, $0-13
	MOVQ	addr+0(FP), DI
	LEAQ	·load32Fault(SB), R11
	OPEN
	MOVL	(DI), AX
	CLOSE
	MOVL	AX, v+8(FP)
	MOVB	$1, ok+12(FP)
	RET

TEXT ·load32Fault(SB), NOSPLIT|NOFRAME, $0-13
	CLOSE
	MOVL	$0, v+8(FP)
	MOVB	$0, ok+12(FP)
	RET

// func store32(addr uintptr, v uint32) (ok bool)
TEXT ·store32(SB), NOSPLIT|NOFRAME, $0-17
	MOVQ	addr+0(FP), DI
	MOVL	v+8(FP), AX
	LEAQ	·store32Fault(SB), R11
	OPEN
	XCHGL	AX, (DI)
	CLOSE
	MOVB	$1, ok+16(FP)
	RET

TEXT ·store32Fault(SB), NOSPLIT|NOFRAME, $0-17
	CLOSE
	MOVB	$0, ok+16(FP)
	RET

// func cas32(addr uintptr, old, new uint32) (seen uint32, ok bool)
//
// CMPXCHG writes to its operand in any case (SDM vol. 2).
TEXT ·cas32(SB), NOSPLIT|NOFRAME, $0-21
	MOVQ	addr+0(FP), DI
	MOVL	old+8(FP), AX
	MOVL	new+12(FP), DX
	LEAQ	·cas32Fault(SB), R11
	OPEN
	LOCK
	CMPXCHGL DX, (DI)
	CLOSE
	MOVL	AX, seen+16(FP)
	MOVB	$1, ok+20(FP)
	RET

TEXT ·cas32Fault(SB), NOSPLIT|NOFRAME, $0-21
	CLOSE
	MOVL	$0, seen+16(FP)
	MOVB	$0, ok+20(FP)
	RET

TEXT ·userAccessEnd(SB), NOSPLIT|NOFRAME, $0
	UNDEF

// func userAccessRange() (begin, first, last, end uintptr)
TEXT ·userAccessRange(SB), NOSPLIT, $0-32
	LEAQ	·userAccess(SB), AX
	MOVQ	AX, begin+0(FP)
	LEAQ	·copyIn(SB), AX
	MOVQ	AX, first+8(FP)
	LEAQ	·cas32(SB), AX
	MOVQ	AX, last+16(FP)
	LEAQ	·userAccessEnd(SB), AX
	MOVQ	AX, end+24(FP)
	RET
