package linux386

import (
	"errors"

	"cleave/abi"
	"cleave/proc"
)

// Syscall implements proc.ABI: it carries out the system call that t has trapped with.
func (a *ABI) Syscall(t *proc.Task) {
	c := t.Ctx
	nr := c.EAX
	t.SyscallNr = nr
	if c.Work.Load()&proc.WorkEntry != 0 {
		a.watched(t, nr)
		return
	}
	if nr >= uint32(len(a.calls)) {
		c.EAX = noSyscallResult
		return
	}
	v, err := a.calls[nr](t)
	if err != nil {
		v = failed(t, err)
	}
	t.Ctx.EAX = v
}

// noSyscallResult is -ENOSYS.
const noSyscallResult = ^uint32(abi.ENOSYS) + 1

func noSyscall(*proc.Task) (uint32, error) { return 0, abi.ENOSYS }

// failed turns an error into the result of a call. A call that is to be made again seems to fail with EINTR, unless the
// signal code winds it back.
func failed(t *proc.Task, err error) uint32 {
	e := errno(err)
	if e.AsksRestart() {
		t.SetRestart(e)
		e = abi.EINTR
	}
	return -uint32(e)
}

// errno finds the number of an error. Whatever has none is EIO.
func errno(err error) abi.Errno {
	if e, ok := err.(abi.Errno); ok {
		return e
	}
	var e abi.Errno
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, abi.EFAULT):
		return abi.EFAULT
	}
	return abi.EIO
}

// Restart implements proc.ABI: it winds t back to the instruction that made the last system call. All ways in have two
// bytes of int $0x80 before the place they return to; a fast call comes without its sixth argument in EBP.
func (a *ABI) Restart(t *proc.Task, block bool) {
	a.SettleCall(t)
	c := t.Ctx
	c.EAX = t.SyscallNr
	if block {
		c.EAX = nrRestartSyscall
	}
	c.EIP -= 2
}

// SettleCall implements proc.ABI. What follows the fast entries takes EBP off the stack again.
func (a *ABI) SettleCall(t *proc.Task) {
	c := t.Ctx
	if c.Vector == proc.VectorSyscall {
		return
	}
	if v, err := load32(t, c.ESP); err == nil {
		c.EBP, c.Vector = v, proc.VectorSyscall
	}
}
