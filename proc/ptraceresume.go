package proc

import "cleave/abi"

// This file has the requests that let a tracee go on, or make it stop.

// Resume is how PTRACE_CONT and its like let a tracee go on.
type Resume struct {
	Calls   bool   // up to the next entry or end of a system call (PTRACE_SYSCALL)
	Emulate bool   // up to the next system call, which is not carried out (PTRACE_SYSEMU)
	Step    bool   // for one instruction
	Signal  Signal // for the tracee, 0: none
}

// Resume lets o go on, a tracee of t that is stopped. EIO: there is no such signal; ESRCH.
func (t *Task) Resume(o *Task, r Resume) error {
	if r.Signal != 0 && !r.Signal.Valid() {
		return abi.EIO
	}
	setsFlags := false
	if r.Step {
		setsFlags = t.aboutToSetFlags(o)
	}
	return t.AtStop(o, func() error {
		tr := o.trace
		tr.mode = 0
		if r.Calls {
			tr.mode |= traceCalls
		}
		if r.Emulate {
			tr.mode |= traceEmulate
		}
		if r.Step {
			tr.mode |= traceStep
			o.step(setsFlags)
		} else {
			o.stopStepping()
		}
		if tr.mode != 0 {
			o.Ctx.Work.Or(WorkTraceCall)
		} else {
			o.Ctx.Work.And(^uint32(WorkTraceCall))
		}
		tr.stopped, tr.resumed, tr.signal = false, true, r.Signal
		o.kick()
		return nil
	})
}

// KillTracee is PTRACE_KILL.
func (t *Task) KillTracee(o *Task) error {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if err := t.traceeLocked(o); err != nil {
		return err
	}
	return o.sendLocked(&SigInfo{Signo: abi.SIGKILL, Code: abi.SI_USER, UID: t.Caller.Cred.UID}, false, true)
}

// InterruptTracee is PTRACE_INTERRUPT. EIO: o was not seized; ESRCH.
func (t *Task) InterruptTracee(o *Task) error {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if err := t.traceeLocked(o); err != nil {
		return err
	}
	if !o.trace.seized || o.exited.Load() {
		return abi.EIO
	}
	o.trace.trapStop = true
	o.wakeListenerLocked()
	return nil
}

// ListenTo is PTRACE_LISTEN. EIO: o was not seized, or is in another stop than a group-stop; ESRCH.
func (t *Task) ListenTo(o *Task) error {
	return t.AtStop(o, func() error {
		tr := o.trace
		if !tr.seized || tr.info == nil || tr.info.Code>>8 != abi.PTRACE_EVENT_STOP {
			return abi.EIO
		}
		tr.listening = true
		if tr.trapNotify { // something has happened since the stop began
			o.wakeListenerLocked()
		}
		return nil
	})
}

// step makes o trap after its next instruction. setsFlags says that this one loads the flags: then the trap flag will
// be what the program wants, and nobody's to hide.
func (o *Task) step(setsFlags bool) {
	c := o.Ctx
	had := c.EFLAGS&EFLAGSTF != 0
	c.EFLAGS |= EFLAGSTF
	switch {
	case setsFlags:
		o.stepForced = false
	case !had:
		o.stepForced = true
	}
}

// stopStepping undoes step.
func (o *Task) stopStepping() {
	if o.stepForced {
		o.stepForced = false
		o.Ctx.EFLAGS &^= EFLAGSTF
	}
}

// endStepLocked ends the step of t because a signal handler comes first, whose frame is to have the program's own flags. It
// reports whether there was one.
func (t *Task) endStepLocked() bool {
	t.stopStepping()
	if t.trace == nil || t.trace.mode&traceStep == 0 {
		return false
	}
	t.trace.mode &^= traceStep
	return true
}

// aboutToSetFlags reports whether the next instruction of the stopped o is POPF or IRET.
func (t *Task) aboutToSetFlags(o *Task) bool {
	var addr uint32
	if t.AtStop(o, func() error { addr = o.Ctx.EIP; return nil }) != nil {
		return false
	}
	as := o.AddressSpace()
	if as == nil {
		return false
	}
	defer as.Unref()
	var code [15]byte // the longest instruction
	n, _ := as.Peek(code[:], addr)
	for _, b := range code[:n] {
		switch b {
		case 0x9d, 0xcf: // POPF, IRET
			return true
		case 0x66, 0x67, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0xf0, 0xf2, 0xf3: // prefixes
		default:
			return false
		}
	}
	return false
}

// UserFlags is EFLAGS of t as the program has set it: without the trap flag that only PTRACE_SINGLESTEP has.
func (t *Task) UserFlags() uint32 {
	if t.stepForced {
		return t.Ctx.EFLAGS &^ EFLAGSTF
	}
	return t.Ctx.EFLAGS
}

// tracedFlags are the flags that a tracer may change: CF PF AF ZF SF TF DF OF NT RF AC.
const tracedFlags = 0x54dd5

// SetUserFlags changes what UserFlags gives, as far as a tracer may.
func (t *Task) SetUserFlags(v uint32) {
	if v&EFLAGSTF != 0 {
		t.stepForced = false
	} else if t.stepForced {
		v |= EFLAGSTF
	}
	t.Ctx.EFLAGS = t.Ctx.EFLAGS&^tracedFlags | v&tracedFlags
}
