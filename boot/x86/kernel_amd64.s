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
	JMP	report

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
	LOCK
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

// A debug exception in ring 0, on its own stack and with nothing pushed, is what the user left behind: a step of SYSENTER,
// whose flags have TF still and which goes on; a watchpoint that the routines for user memory, or a MOV to SS before the
// entry, have set off. The last two are lost, as the tracer watches the program.
TEXT ·kernelStepped(SB), NOSPLIT|NOFRAME, $0
	PUSHQ	AX
	PUSHQ	BX
	BTQ	$8, (16+16)(SP) // TF of the flags
	JCC	forget
	MOVQ	16(SP), AX
	LEAQ	·sysenterEntry(SB), BX
	CMPQ	AX, BX
	JCS	report
	LEAQ	·sysenterStepped(SB), BX
	CMPQ	AX, BX
	JHI	report
forget:
	MOVL	$const_dr6None, AX
	MOVQ	AX, DR6
	POPQ	BX
	POPQ	AX
	IRETQ
report:
	POPQ	BX
	POPQ	AX
	PUSHQ	$0
	PUSHQ	$const_vectorDebug
	JMP	·kernelFault(SB)

// Whatever the NMI interrupted goes on; the vector is marked as pending. The word above its stack is the CPU.
TEXT ·nmiEntry(SB), NOSPLIT|NOFRAME, $0
	PUSHQ	AX
	MOVQ	(8+frameSS-frameRIP+8)(SP), AX
	LOCK
	BTSQ	$const_vectorNMI, CPU_pending(AX)
	POPQ	AX
	IRETQ

// Save everything in the CPU's state, which its GDT is a part of, go to a stack that is known to be good and report. There is
// no way back. GS may be the user's or the kernel's.
TEXT ·kernelFault(SB), NOSPLIT|NOFRAME, $0
	PUSHQ	AX
	PUSHQ	BX
	SUBQ	$16, SP
	SGDT	6(SP) // a limit of 2 bytes, then the base
	MOVQ	8(SP), BX
	ADDQ	$16, SP
	SUBQ	$CPU_gdt, BX
	POPQ	AX
	MOVQ	AX, (CPU_fault+KernelTrap_RBX)(BX)
	POPQ	AX
	MOVQ	AX, (CPU_fault+KernelTrap_RAX)(BX)
	MOVQ	CX, (CPU_fault+KernelTrap_RCX)(BX)
	MOVQ	DX, (CPU_fault+KernelTrap_RDX)(BX)
	MOVQ	SI, (CPU_fault+KernelTrap_RSI)(BX)
	MOVQ	DI, (CPU_fault+KernelTrap_RDI)(BX)
	MOVQ	BP, (CPU_fault+KernelTrap_RBP)(BX)
	MOVQ	R8, (CPU_fault+KernelTrap_R8)(BX)
	MOVQ	R9, (CPU_fault+KernelTrap_R9)(BX)
	MOVQ	R10, (CPU_fault+KernelTrap_R10)(BX)
	MOVQ	R11, (CPU_fault+KernelTrap_R11)(BX)
	MOVQ	R12, (CPU_fault+KernelTrap_R12)(BX)
	MOVQ	R13, (CPU_fault+KernelTrap_R13)(BX)
	MOVQ	R14, (CPU_fault+KernelTrap_R14)(BX)
	MOVQ	R15, (CPU_fault+KernelTrap_R15)(BX)
	MOVQ	BX, R15
	MOVQ	frameVector(SP), AX
	MOVQ	AX, (CPU_fault+KernelTrap_Vector)(R15)
	MOVQ	frameError(SP), AX
	MOVQ	AX, (CPU_fault+KernelTrap_Error)(R15)
	MOVQ	frameRIP(SP), AX
	MOVQ	AX, (CPU_fault+KernelTrap_RIP)(R15)
	MOVQ	frameCS(SP), AX
	MOVQ	AX, (CPU_fault+KernelTrap_CS)(R15)
	MOVQ	frameRFLAGS(SP), AX
	MOVQ	AX, (CPU_fault+KernelTrap_RFLAGS)(R15)
	MOVQ	frameRSP(SP), AX
	MOVQ	AX, (CPU_fault+KernelTrap_RSP)(R15)
	MOVQ	frameSS(SP), AX
	MOVQ	AX, (CPU_fault+KernelTrap_SS)(R15)
	MOVQ	CR2, AX
	MOVQ	AX, (CPU_fault+KernelTrap_CR2)(R15)
	MOVQ	CR3, AX
	MOVQ	AX, (CPU_fault+KernelTrap_CR3)(R15)
	PUSHQ	$2
	POPFQ
	LDMXCSR	·kernelMXCSR(SB)
	MOVL	$const_msrFSBase, CX
	RDMSR
	MOVL	AX, (CPU_fault+KernelTrap_FSBase)(R15)
	MOVL	DX, (CPU_fault+KernelTrap_FSBase+4)(R15)
	MOVQ	CPU_reportStack(R15), SP
	// Only in the upper half is there a thread's g. Else it was in user mode, or in the entry, that the exception came:
	// the thread is that which called Run.
	TESTL	DX, DX
	JLT	thread
	MOVQ	CPU_context(R15), BX
	MOVL	(context_Machine+const_machineThread)(BX), AX
	MOVL	(context_Machine+const_machineThread+4)(BX), DX
	WRMSR
thread:
	// Give g the bounds of this stack, as the checks in function prologues compare with them (g.stack and the
	// two guards are the first words of runtime.g; the compiler relies on that, too).
	MOVQ	(TLS), AX
	MOVQ	0(AX), BX
	MOVQ	BX, (CPU_fault+KernelTrap_StackLo)(R15)
	MOVQ	8(AX), BX
	MOVQ	BX, (CPU_fault+KernelTrap_StackHi)(R15)
	MOVQ	SP, BX
	MOVQ	BX, 8(AX)
	SUBQ	$const_reportStackSize, BX
	MOVQ	BX, 0(AX)
	ADDQ	$const_stackGuard, BX
	MOVQ	BX, 16(AX)
	MOVQ	BX, 24(AX)
	SUBQ	$16, SP
	MOVQ	R15, 0(SP)
	CALL	·reportFault(SB)
halt:
	CLI
	HLT
	JMP	halt
