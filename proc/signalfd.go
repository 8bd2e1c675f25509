package proc

import (
	"cleave/fs/signalfd"
	"cleave/wait"
)

// This file is what a signalfd has to know of a task (signalfd(2)).

var _ signalfd.Receiver = (*Task)(nil)

// clockTick is the unit of si_utime and si_stime in ns (USER_HZ of times(2)).
const clockTick = 10_000_000

// TakeSignal implements signalfd.Receiver: it takes a pending signal of the set, of the task or of its process.
func (t *Task) TakeSignal(set uint64) (signalfd.Info, bool) {
	var i SigInfo
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if t.takeSignalLocked(^SigSet(set), &i) == 0 {
		return signalfd.Info{}, false
	}
	t.recalcLocked()
	return signalfd.Info{
		Signo: uint32(i.Signo), Errno: i.Errno, Code: i.Code, PID: i.PID, UID: i.UID, FD: i.FD, Timer: uint32(i.TimerID),
		Band: uint32(i.Band), Overrun: uint32(i.Overrun), Status: i.Status, Value: i.Value, UTime: uint64(i.UTime / clockTick),
		STime: uint64(i.STime / clockTick), Addr: uint64(i.Addr), Syscall: i.Syscall, CallAddr: uint64(i.Addr), Arch: i.Arch,
	}, true
}

// PendingSignals implements signalfd.Receiver: what waits for the task or its process, blocked or not.
func (t *Task) PendingSignals() uint64 {
	return uint64(t.pending.signals() | t.group.pending.signals())
}

// SignalQueue implements signalfd.Receiver.
func (t *Task) SignalQueue() *wait.Queue { return &t.group.signalQueue }
