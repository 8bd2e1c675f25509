package abi

// Results that a system call gives when a signal interrupts it, with Linux's numbers. They never reach the program
// itself, only its tracer: the signal code turns each into EINTR or into a restart of the call, by the handler's
// SA_RESTART flag (signal(7)).
const (
	ERESTARTSYS           Errno = 512 // restart if there is no handler, or it has SA_RESTART
	ERESTARTNOINTR        Errno = 513 // always restart
	ERESTARTNOHAND        Errno = 514 // restart only if no handler runs
	ERESTART_RESTARTBLOCK Errno = 516 // as NOHAND, but by restart_syscall(2), with the time that is left
)

// AsksRestart reports whether e is one of them.
func (e Errno) AsksRestart() bool {
	return e >= ERESTARTSYS && e <= ERESTARTNOHAND || e == ERESTART_RESTARTBLOCK
}
