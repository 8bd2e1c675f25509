package proc

import (
	"cleave/abi"
	"cleave/wait"
)

// kick wakes t if it sleeps, or makes its next sleep end at once. It never blocks, so it may be called with any lock
// held.
//
// No wake-up is lost: the token stays until t takes it, and t tests what it waits for after every token and before every
// sleep. The cost is that a sleep may end for nothing.
func (t *Task) kick() { t.parker.Unpark() }

// Notify implements wait.Listener: it wakes the task.
func (t *Task) Notify(*wait.Entry, wait.Events) { t.kick() }

// park sleeps until a token comes, whatever it means.
func (t *Task) park() {
	if t.parker.Take() {
		return
	}
	t.suspend()
	t.parker.Park()
	t.resume()
}

// Interrupted reports whether a signal is to be delivered, so that an interruptible sleep ends at once.
func (t *Task) Interrupted() bool { return t.Ctx.Work.Load()&(WorkSignal|WorkExit) != 0 }

// Killed reports whether the task is about to die, so that even a killable sleep ends at once.
func (t *Task) Killed() bool { return t.pending.signals().Has(abi.SIGKILL) }

// Block sleeps until a wake-up (nil), a signal (abi.ERESTARTSYS) or the deadline (abi.ETIMEDOUT), which is in ns of
// the monotonic clock; 0 is never. A wake-up may be spurious, or one that a condition tested before: test the
// condition and call Block again.
func (t *Task) Block(deadline int64) error {
	if t.Interrupted() {
		return abi.ERESTARTSYS
	}
	return t.parkUntil(deadline)
}

// BlockKillable is Block for sleeps that only death ends early: it returns abi.EINTR then.
func (t *Task) BlockKillable() error {
	if t.Killed() {
		return abi.EINTR
	}
	t.park()
	return nil
}

func (t *Task) parkUntil(deadline int64) error {
	if deadline == 0 {
		t.park()
		return nil
	}
	if t.k.Clock.Monotonic() >= deadline {
		return abi.ETIMEDOUT
	}
	if t.alarm == nil {
		t.alarm = t.k.Clock.NewTimer(t.kick)
	}
	t.alarm.Set(deadline)
	t.park()
	t.alarm.Stop()
	return nil
}

// Retry calls op until it gives something else than EAGAIN, and sleeps in between until q tells of any of ev. It
// returns the error of op, abi.ERESTARTSYS for a signal, or abi.ETIMEDOUT at the deadline (as Block).
func (t *Task) Retry(q *wait.Queue, ev wait.Events, deadline int64, op func() error) error {
	err := op()
	if err != abi.EAGAIN || q == nil {
		return err
	}
	t.entry.L, t.entry.Mask = t, ev
	q.Register(&t.entry)
	for {
		if err = op(); err != abi.EAGAIN {
			break
		}
		if err = t.Block(deadline); err != nil {
			break
		}
	}
	q.Unregister(&t.entry)
	return err
}

// completion is an event that happens once and that one task waits for: the exec or exit of a vfork child.
type completion struct {
	waiter *Task
	done   bool // guarded by Kernel.mu
}

// completeLocked lets the waiter go on.
func (c *completion) completeLocked() {
	c.done = true
	c.waiter.kick()
}

// await sleeps until c is done or t is killed. It reports whether c is done.
func (t *Task) await(c *completion) bool {
	k := t.k
	k.mu.Lock()
	for !c.done && !t.dyingLocked() {
		k.mu.Unlock()
		t.park()
		k.mu.Lock()
	}
	done := c.done
	k.mu.Unlock()
	return done
}
