package abi

// Signals (signal(7)).
const (
	SIGHUP    = 1
	SIGINT    = 2
	SIGQUIT   = 3
	SIGILL    = 4
	SIGTRAP   = 5
	SIGABRT   = 6
	SIGBUS    = 7
	SIGFPE    = 8
	SIGKILL   = 9
	SIGUSR1   = 10
	SIGSEGV   = 11
	SIGUSR2   = 12
	SIGPIPE   = 13
	SIGALRM   = 14
	SIGTERM   = 15
	SIGSTKFLT = 16
	SIGCHLD   = 17
	SIGCONT   = 18
	SIGSTOP   = 19
	SIGTSTP   = 20
	SIGTTIN   = 21
	SIGTTOU   = 22
	SIGURG    = 23
	SIGXCPU   = 24
	SIGXFSZ   = 25
	SIGVTALRM = 26
	SIGPROF   = 27
	SIGWINCH  = 28
	SIGIO     = 29
	SIGPWR    = 30
	SIGSYS    = 31
	SIGRTMIN  = 32
	SIGRTMAX  = 64
)

// Flags of sigaction(2). SA_RESTORER is the kernel's own: the action names the function that a handler returns to.
const (
	SA_NOCLDSTOP      = 1
	SA_NOCLDWAIT      = 2
	SA_SIGINFO        = 4
	SA_UNSUPPORTED    = 0x400
	SA_EXPOSE_TAGBITS = 0x800
	SA_RESTORER       = 0x4000000
	SA_ONSTACK        = 0x8000000
	SA_RESTART        = 0x10000000
	SA_NODEFER        = 0x40000000
	SA_RESETHAND      = 0x80000000
)

// Handlers that are no function, and the ways of sigprocmask(2).
const (
	SIG_DFL     = 0
	SIG_IGN     = 1
	SIG_BLOCK   = 0
	SIG_UNBLOCK = 1
	SIG_SETMASK = 2
)

// Alternate stacks (sigaltstack(2)).
const (
	SS_ONSTACK    = 1
	SS_DISABLE    = 2
	SS_AUTODISARM = 0x80000000
	MINSIGSTKSZ   = 0x800
)

// Codes that tell who sent a signal (si_code of sigaction(2)).
const (
	SI_USER    = 0
	SI_KERNEL  = 128
	SI_QUEUE   = -1
	SI_TIMER   = -2
	SI_MESGQ   = -3
	SI_ASYNCIO = -4
	SI_SIGIO   = -5
	SI_TKILL   = -6
)

// Codes of SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGTRAP, SIGCHLD, SIGIO and SIGSYS (sigaction(2)).
const (
	ILL_ILLOPC    = 1
	ILL_ILLOPN    = 2
	ILL_ILLADR    = 3
	ILL_ILLTRP    = 4
	ILL_PRVOPC    = 5
	ILL_PRVREG    = 6
	ILL_COPROC    = 7
	ILL_BADSTK    = 8
	FPE_INTDIV    = 1
	FPE_INTOVF    = 2
	FPE_FLTDIV    = 3
	FPE_FLTOVF    = 4
	FPE_FLTUND    = 5
	FPE_FLTRES    = 6
	FPE_FLTINV    = 7
	FPE_FLTSUB    = 8
	FPE_FLTUNK    = 14
	SEGV_MAPERR   = 1
	SEGV_ACCERR   = 2
	SEGV_PKUERR   = 4
	BUS_ADRALN    = 1
	BUS_ADRERR    = 2
	BUS_OBJERR    = 3
	BUS_MCEERR_AR = 4
	TRAP_BRKPT    = 1
	TRAP_TRACE    = 2
	TRAP_BRANCH   = 3
	TRAP_HWBKPT   = 4
	CLD_EXITED    = 1
	CLD_KILLED    = 2
	CLD_DUMPED    = 3
	CLD_TRAPPED   = 4
	CLD_STOPPED   = 5
	CLD_CONTINUED = 6
	POLL_IN       = 1
	POLL_OUT      = 2
	POLL_MSG      = 3
	POLL_ERR      = 4
	POLL_PRI      = 5
	POLL_HUP      = 6
	SYS_SECCOMP   = 1
)
