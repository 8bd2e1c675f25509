#include "go_asm.h"
#include "textflag.h"

// The 32-bit forms (no REX.W) keep the selectors of the last x87 instruction and its operand, as a 32-bit program that
// looks at them expects (SDM vol. 1, 10.5.1.1).

// func saveExtended(area unsafe.Pointer)
TEXT ·saveExtended(SB), NOSPLIT, $0-8
	MOVQ	area+0(FP), DI
	CMPB	·xsaveopt(SB), $0
	JEQ	complete
	MOVQ	·xstate(SB), AX
	XORL	DX, DX
	XSAVEOPT (DI)
	RET
complete:
	JMP	·saveComplete(SB)

// func saveComplete(area unsafe.Pointer)
TEXT ·saveComplete(SB), NOSPLIT, $0-8
	MOVQ	area+0(FP), DI
	CMPB	·xsave(SB), $0
	JEQ	legacy
	MOVQ	·xstate(SB), AX
	XORL	DX, DX
	XSAVE	(DI)
	RET
legacy:
	FXSAVE	(DI)
	RET

// func loadExtended(area unsafe.Pointer)
TEXT ·loadExtended(SB), NOSPLIT, $0-8
	MOVQ	area+0(FP), DI
	CMPB	·fxsaveLeak(SB), $0
	JEQ	restore
	// AMD's FXRSTOR and XRSTOR restore the addresses of the last x87 instruction and operand only with an exception
	// pending (APM vol. 2, 11.4.4). An x87 load here replaces the other task's.
	FCLEX
	EMMS
	FMOVF	·zeroX87(SB), F0
restore:
	CMPB	·xsave(SB), $0
	JEQ	legacy
	MOVQ	·xstate(SB), AX
	XORL	DX, DX
	XRSTOR	(DI)
	LDMXCSR	·kernelMXCSR(SB)
	RET
legacy:
	FXRSTOR	(DI)
	LDMXCSR	·kernelMXCSR(SB)
	RET

// func fxsave(area unsafe.Pointer)
TEXT ·fxsave(SB), NOSPLIT, $0-8
	MOVQ	area+0(FP), DI
	FXSAVE	(DI)
	RET
