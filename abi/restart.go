package abi

// Results that a system call gives when a signal interrupts it. They never reach a user program: the signal code turns
// each into EINTR or into a restart of the call, by the handler's SA_RESTART flag (signal(7)).
const (
	ERESTARTSYS           Errno = 240 + iota // restart if there is no handler, or it has SA_RESTART
	ERESTARTNOINTR                           // always restart
	ERESTARTNOHAND                           // restart only if no handler runs
	ERESTART_RESTARTBLOCK                    // as NOHAND, but by restart_syscall(2), with the time that is left
)
