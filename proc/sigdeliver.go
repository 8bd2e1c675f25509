package proc

import (
	"cleave/abi"
)

// delivery is what deliver works on: the signal that it took and its action. It is a part of the task, for the ABI is
// behind an interface, and so the compiler would allocate local variables.
type delivery struct {
	info SigInfo
	act  SigAction
}

// deliver does what signals ask for before t goes back to user mode: it stops, exits, or calls one handler. When there
// is nothing (more) to do, WorkSignal is clear.
func (t *Task) deliver() {
	info, act := &t.delivery.info, &t.delivery.act
	k := t.k
	k.mu.Lock()
	sig := t.nextActionLocked(info, act)
	if t.Ctx.Work.Load()&WorkExit != 0 {
		k.mu.Unlock()
		return
	}
	mask := t.blocked
	if t.restoring {
		mask = t.restoreMask
		t.restoring = false
		if sig == 0 {
			t.blocked = mask
			t.recalcLocked()
		}
	}
	stepping := sig != 0 && t.endStepLocked()
	k.mu.Unlock()
	t.restartCall(sig, act)
	if sig != 0 {
		t.callHandler(info, act, mask, stepping)
	}
}

// nextActionLocked takes signals until one has a handler, and returns it with its action. It does the defaults of
// those before. 0: there is no handler to call; if WorkExit is set then, the task ends.
func (t *Task) nextActionLocked(info *SigInfo, act *SigAction) Signal {
	g := t.group
	for {
		if t.dyingLocked() {
			t.endLocked()
			return 0
		}
		if t.trapsLocked() {
			t.trapLocked()
			continue
		}
		if t.stopPending {
			t.joinStopLocked()
			continue
		}
		if g.frozen {
			t.freezeLocked()
			continue
		}
		sig := t.takeSignalLocked(t.blocked, info)
		if sig == 0 {
			t.recalcLocked()
			return 0
		}
		t.stopDequeued = true
		if t.trace != nil {
			if sig = t.showSignalLocked(sig, info); sig == 0 {
				continue
			}
		}
		a := &t.handlers.action[sig-1]
		switch {
		case a.Handler == abi.SIG_IGN:
		case a.Handler != abi.SIG_DFL:
			*act = *a
			if a.Flags&abi.SA_RESETHAND != 0 {
				a.Handler = abi.SIG_DFL
			}
			t.recalcLocked()
			return sig
		case ignoredByDefault.Has(sig):
		case g.unkillableLocked() && !unblockable.Has(sig) && !t.forced.Has(sig):
		case stopSignals.Has(sig):
			if t.stopDequeued && (sig == abi.SIGSTOP || !g.pgrp.orphanedLocked(nil)) {
				t.stopLocked(sig)
			}
		default:
			g.killLocked(int32(sig)) // DIVERGES: no core file is written, so bit 7 of the status is never set
		}
	}
}

// takeSignalLocked removes the next signal outside of mask from the queues, t's own first. 0: none.
func (t *Task) takeSignalLocked(mask SigSet, info *SigInfo) Signal {
	p := &t.pending
	sig := p.nextLocked(mask)
	if sig == 0 {
		p = &t.group.pending
		sig = p.nextLocked(mask)
	}
	if sig != 0 {
		p.takeLocked(sig, info)
	}
	return sig
}

// endLocked makes t exit with the status of its group.
func (t *Task) endLocked() {
	if t.group.exiting {
		t.exitCode = t.group.exitCode
	} else {
		t.exitCode = 0 // another thread's execve
	}
	t.Ctx.Work.Or(WorkExit)
}

// restartCall decides about a system call that a signal has interrupted: sig and act are the handler to run, if any.
func (t *Task) restartCall(sig Signal, act *SigAction) {
	r := t.restart
	if r == 0 {
		return
	}
	t.restart = 0
	t.Ctx.Work.And(^uint32(WorkRestart))
	if sig != 0 && (r == abi.ERESTARTNOHAND || r == abi.ERESTART_RESTARTBLOCK ||
		r == abi.ERESTARTSYS && act.Flags&abi.SA_RESTART == 0) {
		return // the result is EINTR, as the ABI has stored it
	}
	t.k.ABI.Restart(t, r == abi.ERESTART_RESTARTBLOCK)
}

// callHandler aims t at a handler. If there is no room for its frame, SIGSEGV kills the task. stepping: a tracer is to see
// the handler's first instruction.
func (t *Task) callHandler(info *SigInfo, act *SigAction, mask SigSet, stepping bool) {
	sig := info.Signo
	err := t.k.ABI.PushSignal(t, info, act, mask)
	k := t.k
	k.mu.Lock()
	if err != nil {
		if sig == abi.SIGSEGV {
			t.handlers.action[sig-1].Handler = abi.SIG_DFL
		}
		t.forceLocked(&SigInfo{Signo: abi.SIGSEGV, Code: abi.SI_KERNEL})
	} else {
		t.blocked |= act.Mask &^ unblockable
		if act.Flags&abi.SA_NODEFER == 0 {
			t.blocked |= sig.bit()
		}
		t.SyscallNr = NoSyscall
		if stepping {
			t.handlerStopLocked()
		}
		t.recalcLocked()
	}
	k.mu.Unlock()
}

// SetRestart notes that the system call that is ending asks to be made again: e is one of abi.ERESTART*. The ABI has
// stored EINTR as its result, in case that it is not.
func (t *Task) SetRestart(e abi.Errno) {
	t.restart = e
	t.Ctx.Work.Or(WorkRestart)
}

// RestartSyscall is restart_syscall(2): it goes on with the call that a signal interrupted. EINTR: there is none.
func (t *Task) RestartSyscall() (uint32, error) {
	f := t.restartBlock
	t.restartBlock = nil
	if f == nil {
		return 0, abi.EINTR
	}
	return f(t)
}
