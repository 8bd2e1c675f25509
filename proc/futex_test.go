package proc_test

import (
	"testing"

	"cleave/abi"
	"cleave/proc"
	"cleave/proc/proctest"
)

const anyBits = abi.FUTEX_BITSET_MATCH_ANY

// futexWait begins a wait of the task and returns once it sleeps; err gets the result.
func futexWait(task *proctest.Task, word, val, bits uint32, d proc.Deadline, err *error) *proctest.Call {
	return task.StartDo(func(p *proc.Task) { *err = p.FutexWait(word, true, val, bits, d) }).Asleep()
}

func TestFutexWaitAndWake(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	word := c.Alloc(8)
	var errs [3]error
	var calls [3]*proctest.Call
	for i := range calls {
		calls[i] = futexWait(c.Clone(proc.CloneArgs{Flags: threadFlags}), word, 0, 1<<i, proc.Deadline{}, &errs[i])
	}
	wake := func(n int32, bits uint32, want int32) {
		t.Helper()
		do(t, c, func(p *proc.Task) error {
			got, err := p.FutexWake(word, true, n, bits)
			if got != want {
				t.Errorf("woke %d, want %d", got, want)
			}
			return err
		})
	}
	wake(5, 8, 0)
	wake(5, 4, 1)
	calls[2].Wait()
	wake(1, anyBits, 1)
	calls[0].Wait()
	wake(1, anyBits, 1)
	calls[1].Wait()
	wake(1, anyBits, 0)
	for i, err := range errs {
		if err != nil {
			t.Errorf("waiter %d: %v", i, err)
		}
	}
}

func TestFutexErrors(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	word := c.Alloc(4)
	for _, x := range []struct {
		addr, val, bits uint32
		want            error
	}{
		{word, 1, anyBits, abi.EAGAIN}, {word + 1, 0, anyBits, abi.EINVAL}, {0, 0, anyBits, abi.EFAULT},
		{word, 0, 0, abi.EINVAL}, {0xfffffffc, 0, anyBits, abi.EFAULT},
	} {
		err := try(c, func(p *proc.Task) error { return p.FutexWait(x.addr, true, x.val, x.bits, p.DeadlineIn(0)) })
		if err != x.want {
			t.Errorf("wait at %#x for %d: %v, want %v", x.addr, x.val, err, x.want)
		}
	}
}

func TestFutexTimeoutAndSignal(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	word := c.Alloc(4)
	var err error
	call := c.StartDo(func(p *proc.Task) { err = p.FutexWait(word, true, 0, anyBits, p.DeadlineIn(5e9)) }).Asleep()
	k.Clock.Advance(5e9)
	if call.Wait(); err != abi.ETIMEDOUT {
		t.Errorf("relative: %v", err)
	}
	wall := proc.Deadline{Set: true, Clock: abi.CLOCK_REALTIME, Time: k.Clock.Realtime() + 100e9}
	call = futexWait(c, word, 0, anyBits, wall, &err)
	do(t, k.Init, func(p *proc.Task) error { return p.SetClock(abi.CLOCK_REALTIME, k.Clock.Realtime()+200e9) })
	if call.Wait(); err != abi.ETIMEDOUT {
		t.Errorf("by the time of day, after that was set: %v", err)
	}
	handle(t, c, abi.SIGUSR1, handlerAddr, 0, 0)
	call = futexWait(c, word, 0, anyBits, proc.Deadline{}, &err)
	kill(t, k.Init, 2, abi.SIGUSR1)
	if call.Wait(); err != abi.ERESTARTSYS {
		t.Errorf("interrupted: %v", err)
	}
	if n := k.Clock.Timers(); n != 0 {
		t.Errorf("%d timers still run", n)
	}
}

func TestFutexRequeue(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	one, two := c.Alloc(4), c.Alloc(4)
	var errs [4]error
	var calls [4]*proctest.Call
	for i := range calls {
		calls[i] = futexWait(c.Clone(proc.CloneArgs{Flags: threadFlags}), one, 0, anyBits, proc.Deadline{}, &errs[i])
	}
	do(t, c, func(p *proc.Task) error {
		if _, err := p.FutexRequeue(one, two, true, 1, 9, true, 1); err != abi.EAGAIN {
			t.Errorf("another value: %v", err)
		}
		n, err := p.FutexRequeue(one, two, true, 1, 2, true, 0)
		if n != 3 {
			t.Errorf("woke and moved %d", n)
		}
		return err
	})
	calls[0].Wait()
	for _, x := range []struct {
		word uint32
		want int32
	}{{one, 1}, {two, 2}} {
		do(t, c, func(p *proc.Task) error {
			n, err := p.FutexWake(x.word, true, 9, anyBits)
			if n != x.want {
				t.Errorf("at %#x: woke %d, want %d", x.word, n, x.want)
			}
			return err
		})
	}
	for i := range calls {
		calls[i].Wait()
	}
}

func TestFutexWakeOp(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	one, two := c.Alloc(4), c.Alloc(4)
	c.SetWord(two, 7)
	var err error
	call := futexWait(c.Clone(proc.CloneArgs{Flags: threadFlags}), two, 7, anyBits, proc.Deadline{}, &err)
	const addOneIfEqual7 = 1<<28 | 0<<24 | 1<<12 | 7
	do(t, c, func(p *proc.Task) error {
		n, err := p.FutexWakeOp(one, two, true, 1, 1, addOneIfEqual7)
		if n != 1 {
			t.Errorf("woke %d", n)
		}
		return err
	})
	call.Wait()
	if got := c.Word(two); got != 8 || err != nil {
		t.Errorf("the word is %d, the waiter got %v", got, err)
	}
}

func TestFutexPI(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	a := c.Clone(proc.CloneArgs{Flags: threadFlags})
	b := c.Clone(proc.CloneArgs{Flags: threadFlags})
	word := c.Alloc(4)
	lock := func(p *proc.Task) error { return p.FutexLockPI(word, true, proc.Deadline{}, false) }
	unlock := func(p *proc.Task) error { return p.FutexUnlockPI(word, true) }
	do(t, c, lock)
	if err := try(c, lock); err != abi.EDEADLK {
		t.Errorf("locked twice: %v", err)
	}
	if err := try(a, func(p *proc.Task) error { return p.FutexLockPI(word, true, proc.Deadline{}, true) }); err != abi.EAGAIN {
		t.Errorf("trylock: %v", err)
	}
	if err := try(a, unlock); err != abi.EPERM {
		t.Errorf("unlock by another: %v", err)
	}
	var errA, errB error
	callA := a.StartDo(func(p *proc.Task) { errA = lock(p) }).Asleep()
	callB := b.StartDo(func(p *proc.Task) { errB = lock(p) }).Asleep()
	do(t, c, unlock)
	callA.Wait()
	if got := c.Word(word); errA != nil || got != uint32(a.TID())|abi.FUTEX_WAITERS {
		t.Errorf("handed over: %v, the word is %#x", errA, got)
	}
	do(t, a, unlock)
	callB.Wait()
	if got := c.Word(word); errB != nil || got != uint32(b.TID()) {
		t.Errorf("handed over: %v, the word is %#x", errB, got)
	}
	do(t, b, unlock)
	if got := c.Word(word); got != 0 {
		t.Errorf("free, the word is %#x", got)
	}
}

// Processes that share memory (CLONE_VM) meet at a word; those that do not, do not.
func TestFutexOfProcesses(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	word := c.Alloc(4)
	shares := c.Clone(proc.CloneArgs{Flags: abi.CLONE_VM, ExitSignal: abi.SIGCHLD})
	own := c.Fork()
	var err error
	call := futexWait(shares, word, 0, anyBits, proc.Deadline{}, &err)
	wake := func(p *proc.Task) int32 { n, _ := p.FutexWake(word, true, 1, anyBits); return n }
	do(t, own, func(p *proc.Task) error {
		if wake(p) != 0 {
			t.Error("a process with memory of its own woke a waiter")
		}
		return nil
	})
	do(t, c, func(p *proc.Task) error {
		if wake(p) != 1 {
			t.Error("the waiter was not woken")
		}
		return nil
	})
	call.Wait()
}
