#include "go_asm.h"
#include "textflag.h"

// Traps in ring 0. The stack is that which was in use (the IST's for NMI, #DF and #MC) with vector, error code and the
// frame of the processor on it; all registers are those of the code that was interrupted.

// Offsets from SP at kernelTrapped.
#define frameVector	(regs_Vector-regs_Vector)
#define frameError	(regs_Error-regs_Vector)
#define frameRIP	(regs_EIP-regs_Vector)
#define frameCS		(regs_CS-regs_Vector)
#define frameRFLAGS	(regs_EFLAGS-regs_Vector)
#define frameRSP	(regs_ESP-regs_Vector)
#define frameSS		(regs_SS-regs_Vector)

TEXT ·kernelTrapped(SB), NOSPLIT|NOFRAME, $0
	PUSHQ	AX
	PUSHQ	BX
	MOVQ	(16+frameVector)(SP), AX
	CMPQ	AX, $const_vectorPageFault
	JEQ	fault
	CMPQ	AX, $const_vectorInterrupts
	JCC	interrupt
	CMPQ	AX, $const_vectorDebug
	JNE	report

	// The step of a user's SYSENTER goes on; its flags have TF still.
	MOVQ	(16+frameRIP)(SP), AX
	LEAQ	·sysenterEntry(SB), BX
	CMPQ	AX, BX
	JCS	report
	LEAQ	·sysenterStepped(SB), BX
	CMPQ	AX, BX
	JHI	report
	JMP	return

	// In a routine that accesses user memory: it goes on at R11, with the address in R10.
fault:
	MOVQ	(16+frameRIP)(SP), AX
	LEAQ	·userAccess(SB), BX
	CMPQ	AX, BX
	JCS	report
	LEAQ	·userAccessEnd(SB), BX
	CMPQ	AX, BX
	JCC	report
	MOVQ	CR2, R10
	MOVQ	R11, (16+frameRIP)(SP)
	JMP	return

	// Interrupts are on in halt only. GS is the user's, that of the kernel is in its MSR.
interrupt:
	SWAPGS
	BTSQ	AX, CPU_pending(GS)
	SWAPGS
return:
	POPQ	BX
	POPQ	AX
	ADDQ	$(frameRIP-frameVector), SP
	IRETQ

report:
	POPQ	BX
	POPQ	AX
	JMP	·kernelFault(SB)

// Whatever the NMI interrupted goes on; the vector is marked as pending. The word above its stack is the CPU.
TEXT ·nmiEntry(SB), NOSPLIT|NOFRAME, $0
	PUSHQ	AX
	MOVQ	(8+frameSS-frameRIP+8)(SP), AX
	BTSQ	$const_vectorNMI, CPU_pending(AX)
	POPQ	AX
	IRETQ

// Save everything, go to a stack that is known to be good and report. There is no way back.
TEXT ·kernelFault(SB), NOSPLIT|NOFRAME, $0
	MOVQ	AX, ·fault+KernelTrap_RAX(SB)
	MOVQ	BX, ·fault+KernelTrap_RBX(SB)
	MOVQ	CX, ·fault+KernelTrap_RCX(SB)
	MOVQ	DX, ·fault+KernelTrap_RDX(SB)
	MOVQ	SI, ·fault+KernelTrap_RSI(SB)
	MOVQ	DI, ·fault+KernelTrap_RDI(SB)
	MOVQ	BP, ·fault+KernelTrap_RBP(SB)
	MOVQ	R8, ·fault+KernelTrap_R8(SB)
	MOVQ	R9, ·fault+KernelTrap_R9(SB)
	MOVQ	R10, ·fault+KernelTrap_R10(SB)
	MOVQ	R11, ·fault+KernelTrap_R11(SB)
	MOVQ	R12, ·fault+KernelTrap_R12(SB)
	MOVQ	R13, ·fault+KernelTrap_R13(SB)
	MOVQ	R14, ·fault+KernelTrap_R14(SB)
	MOVQ	R15, ·fault+KernelTrap_R15(SB)
	MOVQ	frameVector(SP), AX
	MOVQ	AX, ·fault+KernelTrap_Vector(SB)
	MOVQ	frameError(SP), AX
	MOVQ	AX, ·fault+KernelTrap_Error(SB)
	MOVQ	frameRIP(SP), AX
	MOVQ	AX, ·fault+KernelTrap_RIP(SB)
	MOVQ	frameCS(SP), AX
	MOVQ	AX, ·fault+KernelTrap_CS(SB)
	MOVQ	frameRFLAGS(SP), AX
	MOVQ	AX, ·fault+KernelTrap_RFLAGS(SB)
	MOVQ	frameRSP(SP), AX
	MOVQ	AX, ·fault+KernelTrap_RSP(SB)
	MOVQ	frameSS(SP), AX
	MOVQ	AX, ·fault+KernelTrap_SS(SB)
	MOVQ	CR2, AX
	MOVQ	AX, ·fault+KernelTrap_CR2(SB)
	MOVQ	CR3, AX
	MOVQ	AX, ·fault+KernelTrap_CR3(SB)
	PUSHQ	$2
	POPFQ
	LDMXCSR	·kernelMXCSR(SB)
	MOVL	$const_msrFSBase, CX
	RDMSR
	MOVL	AX, ·fault+KernelTrap_FSBase(SB)
	MOVL	DX, ·fault+KernelTrap_FSBase+4(SB)
	MOVQ	·reportStack(SB), SP
	// Only in the upper half is there a thread's g. Else it was in user mode, or in the entry, that the exception came:
	// the thread is that which called Run.
	TESTL	DX, DX
	JLT	thread
	SWAPGS
	MOVQ	CPU_context(GS), BX
	SWAPGS
	MOVL	(context_Machine+const_machineThread)(BX), AX
	MOVL	(context_Machine+const_machineThread+4)(BX), DX
	WRMSR
thread:
	// Give g the bounds of this stack, as the checks in function prologues compare with them (g.stack and the
	// two guards are the first words of runtime.g; the compiler relies on that, too).
	MOVQ	(TLS), AX
	MOVQ	0(AX), BX
	MOVQ	BX, ·fault+KernelTrap_StackLo(SB)
	MOVQ	8(AX), BX
	MOVQ	BX, ·fault+KernelTrap_StackHi(SB)
	MOVQ	SP, BX
	MOVQ	BX, 8(AX)
	SUBQ	$const_reportStackSize, BX
	MOVQ	BX, 0(AX)
	ADDQ	$const_stackGuard, BX
	MOVQ	BX, 16(AX)
	MOVQ	BX, 24(AX)
	CALL	·reportFault(SB)
halt:
	CLI
	HLT
	JMP	halt
