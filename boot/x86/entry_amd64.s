#include "go_asm.h"
#include "textflag.h"

// The way into user mode and back. A context begins with its Regs; while it runs, TSS.RSP0 is the end of Regs.

// func enterUser(ctx *proc.Context)
//
// It ends in IRETQ and "returns" by way of userTrapped. IRETQ serves for every way in: SYSEXIT and SYSRETL would be
// valid only for some states (EIP at the landing pad, TF clear) and cost more instructions to tell and to set up.
//
// A user with a null FS runs on the base of the kernel's thread: in compatibility mode neither an access through a null
// selector nor RDFSBASE is allowed. The word at 8(FS) is the base (settls).
TEXT ·enterUser(SB), NOSPLIT|NOFRAME, $0-8
	MOVQ	ctx+0(FP), BX
	MOVQ	BP, (context_Machine+const_machineFrame)(BX)
	MOVQ	SP, (context_Machine+const_machineStack)(BX)
	MOVQ	8(FS), AX
	MOVQ	AX, (context_Machine+const_machineThread)(BX)
	CMPW	context_FS(BX), $0
	JNE	base
load:
	LDMXCSR	context_MXCSR(BX)
	MOVUPS	(context_XMM+0*16)(BX), X0
	MOVUPS	(context_XMM+1*16)(BX), X1
	MOVUPS	(context_XMM+2*16)(BX), X2
	MOVUPS	(context_XMM+3*16)(BX), X3
	MOVUPS	(context_XMM+4*16)(BX), X4
	MOVUPS	(context_XMM+5*16)(BX), X5
	MOVUPS	(context_XMM+6*16)(BX), X6
	MOVUPS	(context_XMM+7*16)(BX), X7
	MOVQ	BX, SP
	POPQ	DI
	POPQ	SI
	POPQ	BP
	POPQ	BX
	POPQ	DX
	POPQ	CX
	POPQ	AX
	ADDQ	$(regs_EIP-regs_Vector), SP
	IRETQ
base:
	// The selector is what was loaded last, and its descriptor is that of then (prepare).
	MOVW	context_FS(BX), AX
	MOVW	AX, FS
	JMP	load

// With Regs saved, what remains is to save what else Go would change, to make the processor as Go expects it, and to return
// from enterUser. SP is the context.

// The base of FS is the thread's again: the user may have loaded FS.
#define SWITCH_BASE \
	MOVQ	(context_Machine+const_machineThread)(SP), AX	\
	WRFSBASEQ AX

#define SWITCH_BASE_MSR \
	MOVL	$const_msrFSBase, CX	\
	MOVL	(context_Machine+const_machineThread)(SP), AX	\
	MOVL	(context_Machine+const_machineThread+4)(SP), DX	\
	WRMSR

// XMM, MXCSR, segments; back to Go.
#define SAVE_AND_RETURN \
	MOVUPS	X0, (context_XMM+0*16)(SP)	\
	MOVUPS	X1, (context_XMM+1*16)(SP)	\
	MOVUPS	X2, (context_XMM+2*16)(SP)	\
	MOVUPS	X3, (context_XMM+3*16)(SP)	\
	MOVUPS	X4, (context_XMM+4*16)(SP)	\
	MOVUPS	X5, (context_XMM+5*16)(SP)	\
	MOVUPS	X6, (context_XMM+6*16)(SP)	\
	MOVUPS	X7, (context_XMM+7*16)(SP)	\
	STMXCSR	context_MXCSR(SP)	\
	CMPL	context_MXCSR(SP), $const_initialMXCSR	\
	JEQ	2(PC)	\
	LDMXCSR	·kernelMXCSR(SB)	\
	MOVW	DS, context_DS(SP)	\
	MOVW	ES, context_ES(SP)	\
	MOVW	FS, context_FS(SP)	\
	MOVW	GS, context_GS(SP)	\
	MOVQ	(context_Machine+const_machineFrame)(SP), BP	\
	MOVQ	(context_Machine+const_machineStack)(SP), SP	\
	RET

#define PUSH_GENERAL \
	PUSHQ	AX	\
	PUSHQ	CX	\
	PUSHQ	DX	\
	PUSHQ	BX	\
	PUSHQ	BP	\
	PUSHQ	SI	\
	PUSHQ	DI

// INT 0x80, from ring 3 only: no device has this vector. The gate is an interrupt gate: IF, TF, NT, RF are clear; DF and
// AC are the user's.
TEXT ·int80Entry(SB), NOSPLIT|NOFRAME, $0
	PUSHQ	$0
	PUSHQ	$const_vectorSyscall
	PUSH_GENERAL
	MOVL	$const_userCS, regs_CS(SP)	// as Sanitize does: Run won't
	MOVL	$const_userDS, regs_SS(SP)
	JMP	·userTrapped(SB)

// All other vectors: a stub has pushed the error code, if the processor did not, and the vector.
TEXT ·trapEntry(SB), NOSPLIT|NOFRAME, $0
	TESTB	$3, (regs_CS-regs_Vector)(SP)
	JEQ	ring0
	PUSH_GENERAL
	JMP	·userTrapped(SB)
ring0:
	JMP	·kernelTrapped(SB)

// What a fast entry saves, but for the flags, ESP, ECX and the vector. The call returns to the landing pad.
#define SAVE_FAST(C) \
	MOVL	DI, regs_EDI(C)	\
	MOVL	SI, regs_ESI(C)	\
	MOVL	BP, regs_EBP(C)	\
	MOVL	BX, regs_EBX(C)	\
	MOVL	DX, regs_EDX(C)	\
	MOVL	AX, regs_EAX(C)	\
	MOVL	context_Landing(C), AX	\
	MOVL	AX, regs_EIP(C)

// Compatibility mode, SYSENTER (SDM vol. 2). RSP is the end of CPU.sysenterStack; TF, NT, DF and AC are the user's. With
// TF set, the processor single-steps through the first instructions (kernelStepped lets it) until the flags are
// replaced; what is saved of them has TF set still, so the user goes on stepping.
//
// By the convention of __kernel_vsyscall EBP is the user's stack pointer.
TEXT ·sysenterEntry(SB), NOSPLIT|NOFRAME, $0
	PUSHFQ
	PUSHQ	$2
	POPFQ
	JMP	·sysenterStepped(SB)

// The single step that follows POPFQ has this address at most.
TEXT ·sysenterStepped(SB), NOSPLIT|NOFRAME, $0
	MOVQ	0(SP), R8
	MOVQ	8(SP), SP	// CPU.context
	ORL	$const_flagIF, R8
	MOVL	R8, regs_EFLAGS(SP)
	MOVL	BP, regs_ESP(SP)
	MOVL	CX, regs_ECX(SP)
	MOVL	$const_vectorSysenter, regs_Vector(SP)
	SAVE_FAST(SP)
	CMPB	·fastBase(SB), $0
	JNE	fast
	SWITCH_BASE_MSR
	JMP	save
fast:
	SWITCH_BASE
save:
	SAVE_AND_RETURN

// Compatibility mode, SYSCALL (APM vol. 3). RSP is the user's: nothing may be pushed, and an NMI or #MC has a stack of its
// own. R11 has the flags, IF among them, RCX the return address, which the landing pad replaces. SFMASK has cleared all
// flags, TF before a single-step trap could be taken.
//
// By the convention of __kernel_vsyscall EBP is the second argument.
#define SAVE_SYSCALL \
	SWAPGS	\
	MOVQ	CPU_context(GS), R8	\
	SWAPGS	\
	MOVL	R11, regs_EFLAGS(R8)	\
	MOVL	SP, regs_ESP(R8)	\
	MOVL	BP, regs_ECX(R8)	\
	MOVL	$const_vectorSyscallInsn, regs_Vector(R8)	\
	SAVE_FAST(R8)	\
	MOVQ	R8, SP

TEXT ·syscallEntry(SB), NOSPLIT|NOFRAME, $0
	SAVE_SYSCALL
	SWITCH_BASE
	SAVE_AND_RETURN

// The same for processors without WRFSBASE.
TEXT ·syscallEntryMSR(SB), NOSPLIT|NOFRAME, $0
	SAVE_SYSCALL
	SWITCH_BASE_MSR
	SAVE_AND_RETURN

// #DB comes on a stack of its own, with the CPU in the word above it. From user mode, the frame is brought to where other
// traps have theirs: CS and SS are known.
TEXT ·debugEntry(SB), NOSPLIT|NOFRAME, $0
	TESTB	$3, 8(SP)
	JEQ	ring0
	PUSHQ	AX
	MOVQ	48(SP), AX
	MOVQ	CPU_context(AX), AX
	MOVL	DI, regs_EDI(AX)
	MOVL	SI, regs_ESI(AX)
	MOVL	BP, regs_EBP(AX)
	MOVL	BX, regs_EBX(AX)
	MOVL	DX, regs_EDX(AX)
	MOVL	CX, regs_ECX(AX)
	MOVL	0(SP), BX
	MOVL	BX, regs_EAX(AX)
	MOVL	8(SP), BX
	MOVL	BX, regs_EIP(AX)
	MOVL	24(SP), BX
	MOVL	BX, regs_EFLAGS(AX)
	MOVL	32(SP), BX
	MOVL	BX, regs_ESP(AX)
	MOVL	$const_vectorDebug, regs_Vector(AX)
	MOVL	$0, regs_Error(AX)
	MOVQ	AX, SP
	JMP	·userTrapped(SB)
ring0:
	JMP	·kernelStepped(SB)

// #DF and #MC come on stacks of their own, from anywhere, and there is no way back.
TEXT ·doubleFaultEntry(SB), NOSPLIT|NOFRAME, $0
	PUSHQ	$const_vectorDoubleFault
	JMP	·kernelFault(SB)

TEXT ·machineCheckEntry(SB), NOSPLIT|NOFRAME, $0
	PUSHQ	$0
	PUSHQ	$const_vectorMachineCheck
	JMP	·kernelFault(SB)

// After a trap: DF and AC are the user's.
TEXT ·userTrapped(SB), NOSPLIT|NOFRAME, $0
	CLD
	CMPB	·modern(SB), $0
	JNE	fast
	CMPB	·smap(SB), $0
	JEQ	2(PC)
	CLAC
	CMPB	·fastBase(SB), $0
	JNE	base
	SWITCH_BASE_MSR
	JMP	save
fast:
	CLAC
base:
	SWITCH_BASE
save:
	SAVE_AND_RETURN
