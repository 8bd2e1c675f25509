package proc

import (
	"cleave/abi"
	"cleave/ns/user"
	"cleave/wait"
)

// sendKernelLocked sends a signal of the kernel itself to a process.
func (g *ThreadGroup) sendKernelLocked(sig Signal) {
	info := SigInfo{Signo: sig, Code: abi.SI_KERNEL}
	_ = g.leader.sendLocked(&info, true, false) // the kernel's signals arrive even when the queue is full
}

// sendLocked makes a signal pending for t's process, or for t alone. force says that it comes from the kernel or from
// outside of the pid namespace whose init t may be. The only error is EAGAIN: a signal that must be queued can't be.
func (t *Task) sendLocked(info *SigInfo, process, force bool) error {
	sig := info.Signo
	if !t.group.admitLocked(t, sig, force) {
		return nil
	}
	p := &t.pending
	if process {
		p = &t.group.pending
	}
	if !sig.RealTime() && p.signals().Has(sig) {
		return nil
	}
	if sig != abi.SIGKILL {
		if err := t.queueLocked(p, info); err != nil {
			return err
		}
	}
	p.setSignals(p.signals() | sig.bit())
	t.group.signalQueue.Notify(wait.Readable)
	t.group.wakeForLocked(t, sig, process)
	return nil
}

// queueLocked appends info, if the limit of pending signals lets it.
func (t *Task) queueLocked(p *pending, info *SigInfo) error {
	account := t.Caller.Cred.Account
	// A standard signal that the user or the kernel sends may lose its information, but not be lost itself.
	override := !info.Signo.RealTime() && (info.Code == abi.SI_USER || info.Code >= abi.SI_KERNEL || info.Code > 0)
	switch {
	case override:
		account.Add(user.PendingSignals, 1)
	case !account.Charge(user.PendingSignals, 1, int64(min(t.group.limits.get(abi.RLIMIT_SIGPENDING).Cur, 1<<62))):
		if info.Signo.RealTime() && info.Code != abi.SI_USER {
			return abi.EAGAIN
		}
		return nil
	}
	p.addLocked(t.k.newSigEntryLocked(info, account))
	return nil
}

// admitLocked does what a signal does by being sent (stop and continue signals cancel each other), and reports whether
// it has to be made pending at all.
func (g *ThreadGroup) admitLocked(t *Task, sig Signal, force bool) bool {
	if g.zombie.Load() || g.gone.Load() || g.exiting {
		return false
	}
	switch {
	case stopSignals.Has(sig):
		g.dropLocked(contSignal)
	case sig == abi.SIGCONT:
		g.continueLocked()
	}
	return !t.discardsLocked(sig, force)
}

// dropLocked forgets pending signals of the process and of all of its threads.
func (g *ThreadGroup) dropLocked(set SigSet) {
	g.pending.dropLocked(set)
	for _, t := range g.threads {
		t.pending.dropLocked(set)
	}
}

// discardsLocked reports whether t ignores sig. A blocked signal is kept, for the action may change before it is
// unblocked; so is one that a tracer is to see.
func (t *Task) discardsLocked(sig Signal, force bool) bool {
	if t.blocked.Has(sig) || t.waitingFor.Has(sig) || t.trace != nil && sig != abi.SIGKILL {
		return false
	}
	if t.group.unkillableLocked() && t.handlers.action[sig-1].Handler == abi.SIG_DFL {
		if !(force && unblockable.Has(sig)) {
			return true
		}
	}
	return t.handlers.ignoresLocked(sig)
}

// wakeForLocked chooses the thread that takes the signal and wakes it. A signal that kills the process starts that at
// once.
func (g *ThreadGroup) wakeForLocked(t *Task, sig Signal, process bool) {
	target := t
	if !t.wantsLocked(sig) {
		if !process {
			return
		}
		if target = g.chooseLocked(sig); target == nil {
			return // all have it blocked; whoever unblocks it finds it
		}
	}
	if g.fatalLocked(target, sig) && (sig == abi.SIGKILL || t.trace == nil) {
		g.killLocked(int32(sig))
		return
	}
	target.interruptLocked()
}

// chooseLocked finds a thread that wants sig, beginning after the one that was chosen last.
func (g *ThreadGroup) chooseLocked(sig Signal) *Task {
	for i := range g.threads {
		n := (g.next + i) % len(g.threads)
		if g.threads[n].wantsLocked(sig) {
			g.next = n + 1
			return g.threads[n]
		}
	}
	return nil
}

// wantsLocked reports whether t could take sig now.
func (t *Task) wantsLocked(sig Signal) bool {
	if t.exiting || t.blocked.Has(sig) && !t.waitingFor.Has(sig) {
		return false
	}
	return sig == abi.SIGKILL || !t.stopped && !t.heldLocked()
}

// fatalLocked reports whether sig ends the process of t without any handler running.
func (g *ThreadGroup) fatalLocked(t *Task, sig Signal) bool {
	if g.exiting || t.waitingFor.Has(sig) {
		return false
	}
	if sig == abi.SIGKILL {
		return true
	}
	return t.handlers.action[sig-1].Handler == abi.SIG_DFL && !ignoredByDefault.Has(sig) && !stopSignals.Has(sig) &&
		!g.unkillableLocked()
}

// killLocked makes all threads exit; status is as wait(2) gives it.
func (g *ThreadGroup) killLocked(status int32) {
	if g.exiting {
		return
	}
	g.exiting, g.exitCode = true, status
	g.stopCount = 0
	for _, t := range g.threads {
		t.dieLocked()
	}
}

// dieLocked makes one thread exit, whatever it does.
func (t *Task) dieLocked() {
	if t.exiting {
		return
	}
	t.stopPending = false
	t.pending.setSignals(t.pending.signals() | Signal(abi.SIGKILL).bit())
	t.interruptLocked()
}

// interruptLocked makes t look at its signals: before it goes back to user mode, and now if it sleeps interruptibly.
func (t *Task) interruptLocked() {
	t.Ctx.Work.Or(WorkSignal)
	t.kick()
	t.k.cpu.Interrupt(t.Ctx)
}

// recalcLocked sets or clears WorkSignal by what is pending. Only t itself may clear it.
func (t *Task) recalcLocked() {
	if t.pending.signals()&^t.blocked != 0 || t.group.pending.signals()&^t.blocked != 0 || t.stopPending ||
		t.group.frozen || t.pending.signals().Has(abi.SIGKILL) || t.trapsLocked() {
		t.Ctx.Work.Or(WorkSignal)
	} else {
		t.Ctx.Work.And(^uint32(WorkSignal))
	}
}

// forceLocked sends t a signal that its own instruction raised. It is not ignored or held back: if it would be, the
// default is taken.
func (t *Task) forceLocked(info *SigInfo) {
	sig := info.Signo
	a := &t.handlers.action[sig-1]
	if a.Handler == abi.SIG_IGN || t.blocked.Has(sig) {
		a.Handler = abi.SIG_DFL
		t.blocked &^= sig.bit()
	}
	if a.Handler == abi.SIG_DFL {
		t.forced |= sig.bit() // it kills even the init of a pid namespace
	}
	p := &t.pending
	if !p.signals().Has(sig) {
		p.addLocked(t.k.newSigEntryLocked(info, nil))
		p.setSignals(p.signals() | sig.bit())
	}
	t.interruptLocked()
}

// Force sends t a signal that its own instruction raised.
func (t *Task) Force(info *SigInfo) {
	t.k.mu.Lock()
	t.forceLocked(info)
	t.k.mu.Unlock()
}
