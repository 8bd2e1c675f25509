package proc

import (
	"cleave/abi"
)

// This file has the signal calls that concern the caller itself.

// Action is the action of sig, and with new its replacement (sigaction(2)). EINVAL.
func (t *Task) Action(sig Signal, new *SigAction) (old SigAction, err error) {
	if !sig.Valid() || new != nil && unblockable.Has(sig) {
		return old, abi.EINVAL
	}
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	a := &t.handlers.action[sig-1]
	old = *a
	if new == nil {
		return old, nil
	}
	*a = *new
	a.Mask &^= unblockable
	if t.handlers.ignoresLocked(sig) {
		// What is pending is forgotten as soon as it is ignored (POSIX, sigaction), even if it is blocked.
		t.group.dropLocked(sig.bit())
	}
	return old, nil
}

// Mask is the set of blocked signals.
func (t *Task) Mask() SigSet { return t.blocked }

// SetMask replaces it, but for SIGKILL and SIGSTOP, which are never blocked; sigreturn(2) uses it, too.
func (t *Task) SetMask(m SigSet) {
	t.k.mu.Lock()
	t.setMaskLocked(m)
	t.k.mu.Unlock()
}

func (t *Task) setMaskLocked(m SigSet) {
	m &^= unblockable
	newly := m &^ t.blocked & t.group.pending.signals()
	t.blocked = m
	// Signals of the process that this thread was to take go to others.
	for ; newly != 0; newly &= newly - 1 {
		if o := t.group.chooseLocked(newly.first()); o != nil && o != t {
			o.interruptLocked()
		}
	}
	t.recalcLocked()
}

// SigPending is sigpending(2): what is pending and blocked.
func (t *Task) SigPending() SigSet {
	return (t.pending.signals() | t.group.pending.signals()) & t.blocked
}

// WithMask replaces the mask until the system call ends (ppoll, pselect, epoll_pwait): if no handler runs then, the old
// one comes back at once, else when the handler returns.
func (t *Task) WithMask(m SigSet) {
	t.k.mu.Lock()
	t.restoreMask, t.restoring = t.blocked, true
	t.setMaskLocked(m)
	t.k.mu.Unlock()
}

// Unmask ends WithMask for a call that was not interrupted.
func (t *Task) Unmask() {
	t.k.mu.Lock()
	if t.restoring {
		t.restoring = false
		t.setMaskLocked(t.restoreMask)
	}
	t.k.mu.Unlock()
}

// SigSuspend is sigsuspend(2). It always fails with abi.ERESTARTNOHAND, after a signal has come.
func (t *Task) SigSuspend(mask SigSet) error {
	t.WithMask(mask)
	return t.Pause()
}

// Pause is pause(2). It always fails with abi.ERESTARTNOHAND, after a signal has come.
func (t *Task) Pause() error {
	for t.Block(0) == nil {
	}
	return abi.ERESTARTNOHAND
}

// SigTimedWait is sigtimedwait(2). Errors: EAGAIN (the deadline has passed), EINTR.
func (t *Task) SigTimedWait(set SigSet, d Deadline) (SigInfo, error) {
	var info SigInfo
	set &^= unblockable
	k := t.k
	k.mu.Lock()
	defer k.mu.Unlock()
	if t.takeSignalLocked(^set, &info) != 0 {
		t.recalcLocked()
		return info, nil
	}
	// While it waits the signals of the set are not blocked, so that they wake it; they are taken here, not delivered.
	old := t.blocked
	t.waitingFor = set
	t.setMaskLocked(t.blocked &^ set)
	var err error
	for err == nil && (t.pending.signals()|t.group.pending.signals())&set == 0 {
		k.mu.Unlock()
		err = t.Block(t.monotonic(d))
		k.mu.Lock()
	}
	t.waitingFor = 0
	t.setMaskLocked(old)
	got := t.takeSignalLocked(^set, &info)
	t.recalcLocked()
	switch {
	case got != 0:
		return info, nil
	case err == abi.ETIMEDOUT:
		return info, abi.EAGAIN
	}
	return info, abi.EINTR
}

// AltStack is the alternate signal stack; PushSignal and sigaltstack(2) read and change it.
func (t *Task) AltStack() *AltStack { return &t.altStack }
