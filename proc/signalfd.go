package proc

import (
	"cleave/wait"
)

// This file is what a signalfd has to know of a task (signalfd(2)).

// TakeSignal takes a pending signal of the set, of the task or of its process. false: there is none.
func (t *Task) TakeSignal(set SigSet) (SigInfo, bool) {
	var info SigInfo
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if t.takeSignalLocked(^set, &info) == 0 {
		return info, false
	}
	t.recalcLocked()
	return info, true
}

// Pending is the signals that wait for the task or its process, blocked or not.
func (t *Task) Pending() SigSet { return t.pending.signals() | t.group.pending.signals() }

// SignalQueue is notified when a signal becomes pending.
func (t *Task) SignalQueue() *wait.Queue { return &t.group.signalQueue }
