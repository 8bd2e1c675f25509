// The runtime's operating system primitives (see sys_linux_amd64.s of the standard library for what each must do):
// thunks into nosplit Go. A thunk has no frame, so the Go function finds its arguments and results where the caller
// put them. What has no meaning without an operating system fails as Linux would, or does nothing.

#include "go_asm.h"
#include "go_tls.h"
#include "textflag.h"

// Memory: see mem_linux.go, which needs none of these.

TEXT runtime·sysMmap(SB),NOSPLIT,$0-48
	MOVQ	$0, p+32(FP)
	MOVQ	$12, err+40(FP) // ENOMEM
	RET

TEXT runtime·sysMunmap(SB),NOSPLIT,$0-16
	RET

TEXT runtime·madvise(SB),NOSPLIT,$0-28
	MOVL	$-22, ret+24(FP) // EINVAL
	RET

TEXT runtime·mincore(SB),NOSPLIT,$0-28
	MOVL	$-38, ret+24(FP) // ENOSYS
	RET

TEXT runtime·sbrk0(SB),NOSPLIT,$0-8
	MOVQ	$0, ret+0(FP)
	RET

// Threads: see bare_threads.go.

TEXT runtime·clone(SB),NOSPLIT|NOFRAME,$0-44
	JMP	·bareClone(SB)

TEXT runtime·exitThread(SB),NOSPLIT,$0-8
	JMP	·bareExitThread(SB)

TEXT runtime·futex(SB),NOSPLIT,$0-44
	JMP	·bareFutex(SB)

TEXT runtime·usleep(SB),NOSPLIT,$0-4
	JMP	·bareUsleep(SB)

TEXT runtime·osyield(SB),NOSPLIT,$0
	JMP	·bareYield(SB)

TEXT runtime·gettid(SB),NOSPLIT,$0-4
	JMP	·bareGettid(SB)

TEXT ·getpid(SB),NOSPLIT,$0-8
	MOVQ	$1, ret+0(FP)
	RET

TEXT runtime·sched_getaffinity(SB),NOSPLIT,$0-28
	MOVQ	buf+16(FP), DX
	MOVQ	$1, (DX) // one CPU
	MOVL	$8, ret+24(FP)
	RET

// settls sets the base of FS to DI+8: thread-local storage is at -8(FS). What 8(FS) holds is the base.
TEXT runtime·settls(SB),NOSPLIT,$0
	ADDQ	$8, DI
	MOVQ	DI, 8(DI)
	MOVQ	DI, AX
	MOVQ	DI, DX
	SHRQ	$32, DX
	MOVL	$0xc0000100, CX // IA32_FS_BASE
	WRMSR
	RET

// Time: see bare_time.go.

// func nanotime1() int64: the same as bareClock.Nanoseconds, but it is called so often that each instruction counts.
TEXT runtime·nanotime1(SB),NOSPLIT,$0-8
	RDTSC
	SHLQ	$32, DX
	ORQ	DX, AX
	MOVQ	·bareClock(SB), BX
	SUBQ	bareClockFields_Since(BX), AX
	JCS	early
	MOVQ	bareClockFields_Shift(BX), CX
	MULQ	bareClockFields_Mult(BX)
	SHRQ	CX, DX, AX
	ADDQ	bareClockFields_Base(BX), AX
	MOVQ	AX, ret+0(FP)
	RET
early:
	MOVQ	bareClockFields_Base(BX), AX
	MOVQ	AX, ret+0(FP)
	RET

TEXT runtime·setitimer(SB),NOSPLIT,$0-24
	RET

TEXT runtime·timer_create(SB),NOSPLIT,$0-28
	MOVL	$-38, ret+24(FP)
	RET

TEXT runtime·timer_settime(SB),NOSPLIT,$0-28
	MOVL	$-38, ret+24(FP)
	RET

TEXT runtime·timer_delete(SB),NOSPLIT,$0-12
	MOVL	$-38, ret+8(FP)
	RET

// Files: only writing is possible, and goes to the console.

TEXT runtime·write1(SB),NOSPLIT,$0-28
	JMP	·bareWrite(SB)

TEXT runtime·open(SB),NOSPLIT,$0-20
	MOVL	$-1, ret+16(FP)
	RET

TEXT runtime·closefd(SB),NOSPLIT,$0-12
	MOVL	$-1, ret+8(FP)
	RET

TEXT runtime·read(SB),NOSPLIT,$0-28
	MOVL	$-1, ret+24(FP)
	RET

TEXT runtime·pipe2(SB),NOSPLIT,$0-20
	MOVL	$-38, errno+16(FP)
	RET

TEXT runtime·access(SB),NOSPLIT,$0-20
	MOVL	$-2, ret+16(FP) // ENOENT
	RET

TEXT runtime·connect(SB),NOSPLIT,$0-28
	MOVL	$-2, ret+24(FP)
	RET

TEXT runtime·socket(SB),NOSPLIT,$0-20
	MOVL	$-2, ret+16(FP)
	RET

TEXT runtime·vgetrandom1<ABIInternal>(SB),NOSPLIT,$16-48
	MOVQ	$-38, AX
	RET

// Signals: there are none. To raise one is to die of it.

TEXT runtime·exit(SB),NOSPLIT,$0-4
	JMP	·bareExit(SB)

TEXT runtime·raise(SB),NOSPLIT,$0-4
	JMP	·bareExit(SB)

TEXT runtime·raiseproc(SB),NOSPLIT,$0-4
	JMP	·bareExit(SB)

TEXT ·tgkill(SB),NOSPLIT,$0-24
	RET

TEXT runtime·rtsigprocmask(SB),NOSPLIT,$0-28
	RET

TEXT runtime·rt_sigaction(SB),NOSPLIT,$0-36
	MOVL	$0, ret+32(FP)
	RET

TEXT runtime·sigaltstack(SB),NOSPLIT,$0-16
	RET

TEXT runtime·sigfwd(SB),NOSPLIT,$0-32
	RET

TEXT runtime·sigtramp(SB),NOSPLIT|TOPFRAME|NOFRAME,$0
	RET

TEXT runtime·cgoSigtramp(SB),NOSPLIT,$0
	RET

TEXT runtime·sigreturn__sigaction(SB),NOSPLIT,$0
	RET

TEXT runtime·callCgoSigaction(SB),NOSPLIT,$0
	INT	$3

TEXT runtime·callCgoMmap(SB),NOSPLIT,$0
	INT	$3

TEXT runtime·callCgoMunmap(SB),NOSPLIT,$0
	INT	$3
