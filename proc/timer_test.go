package proc_test

import (
	"testing"

	"cleave/abi"
	"cleave/proc"
	"cleave/proc/proctest"
)

const second = 1_000_000_000

func TestNanosleep(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	var err error
	start := k.Clock.Monotonic()
	call := c.StartDo(func(p *proc.Task) { err = p.Nanosleep(abi.CLOCK_MONOTONIC, false, 3*second, nil) }).Asleep()
	k.Clock.Advance(2 * second)
	if call.Done() {
		t.Error("it woke too early")
	}
	k.Clock.Advance(second)
	if call.Wait(); err != nil {
		t.Error(err)
	}
	call = c.StartDo(func(p *proc.Task) { err = p.Nanosleep(abi.CLOCK_MONOTONIC, true, start+5*second, nil) }).Asleep()
	k.Clock.Advance(2 * second)
	if call.Wait(); err != nil {
		t.Error(err)
	}
	handle(t, c, abi.SIGUSR1, handlerAddr, 0, 0)
	var left int64
	call = c.StartDo(func(p *proc.Task) {
		err = p.Nanosleep(abi.CLOCK_MONOTONIC, false, 3*second, func(l int64) error { left = l; return nil })
	}).Asleep()
	k.Clock.Advance(second)
	kill(t, k.Init, 2, abi.SIGUSR1)
	if call.Wait(); err != abi.ERESTART_RESTARTBLOCK || left != 2*second {
		t.Errorf("interrupted: %v, %d ns left", err, left)
	}
	for _, x := range []struct {
		clock int32
		ns    int64
		want  error
	}{{99, 1, abi.EINVAL}, {abi.CLOCK_MONOTONIC, -1, abi.EINVAL}, {abi.CLOCK_MONOTONIC_RAW, 1, abi.EINVAL}, {abi.CLOCK_REALTIME, 0, nil}} {
		if err := try(c, func(p *proc.Task) error { return p.Nanosleep(x.clock, false, x.ns, nil) }); err != x.want {
			t.Errorf("clock %d, %d ns: %v, want %v", x.clock, x.ns, err, x.want)
		}
	}
}

func TestRealItimer(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	handle(t, c, abi.SIGALRM, handlerAddr, 0, 0)
	set := func(v, i int64) (old proc.Itimer) {
		do(t, c, func(p *proc.Task) (err error) {
			old, err = p.Itimer(abi.ITIMER_REAL, &proc.Itimer{Value: v, Interval: i})
			return err
		})
		return old
	}
	set(2*second, second)
	for i := range 3 {
		k.Clock.Advance(second - 1)
		if r := c.Sync(); r.Handler {
			t.Fatal("SIGALRM came too early")
		}
		k.Clock.Advance(1)
		if i == 0 {
			continue
		}
		if r := c.Sync(); r.Regs.EIP != handlerAddr {
			t.Fatalf("no SIGALRM after %d s", i+1)
		}
		c.Return()
	}
	if old := set(0, 0); old.Value != second || old.Interval != second {
		t.Errorf("the timer was %+v", old)
	}
	if k.Clock.Timers() != 0 {
		t.Error("the timer still runs")
	}
}

// TestFloodOfTimers runs timers with a period of a nanosecond whose signals nobody takes: they must leave time to others.
func TestFloodOfTimers(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	do(t, c, func(p *proc.Task) error {
		p.SetMask(proc.Signals(abi.SIGALRM))
		_, err := p.Itimer(abi.ITIMER_REAL, &proc.Itimer{Value: 1, Interval: 1})
		return err
	})
	for _, ev := range []proc.SigEvent{{Notify: abi.SIGEV_NONE}, {Signo: abi.SIGCHLD}} {
		do(t, c, func(p *proc.Task) error {
			id, err := p.TimerCreate(abi.CLOCK_MONOTONIC, &ev)
			if err == nil {
				_, err = p.TimerSet(id, false, proc.Itimer{Value: 1, Interval: 1})
			}
			return err
		})
	}
	k.Clock.Advance(60 * second) // which calls the timers' functions as often as they want
	do(t, c, func(p *proc.Task) error {
		_, err := p.SigTimedWait(proc.Signals(abi.SIGALRM), p.DeadlineIn(0))
		return err
	})
}

func TestPosixTimer(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	var id int32
	do(t, c, func(p *proc.Task) (err error) {
		p.SetMask(proc.Signals(abi.SIGRTMIN + 1))
		id, err = p.TimerCreate(abi.CLOCK_MONOTONIC, &proc.SigEvent{Notify: abi.SIGEV_SIGNAL, Signo: abi.SIGRTMIN + 1, Value: 9})
		if err == nil {
			_, err = p.TimerSet(id, false, proc.Itimer{Value: second, Interval: second})
		}
		return err
	})
	k.Clock.Advance(second * 7 / 2)
	do(t, c, func(p *proc.Task) error {
		info, err := p.SigTimedWait(proc.Signals(abi.SIGRTMIN+1), p.DeadlineIn(0))
		if info.Value != 9 || info.TimerID != id || info.Overrun != 2 || info.Code != abi.SI_TIMER {
			t.Errorf("the signal tells %+v", info)
		}
		return err
	})
	do(t, c, func(p *proc.Task) error {
		if n, _ := p.TimerOverrun(id); n != 2 {
			t.Errorf("overrun %d", n)
		}
		it, err := p.TimerGet(id)
		if it.Value != second/2 || it.Interval != second {
			t.Errorf("the timer is %+v", it)
		}
		return err
	})
	do(t, c, func(p *proc.Task) error { return p.TimerDelete(id) })
	if err := try(c, func(p *proc.Task) error { return p.TimerDelete(id) }); err != abi.EINVAL {
		t.Errorf("deleted twice: %v", err)
	}
	for _, clock := range []int32{99, -1000} {
		if err := try(c, func(p *proc.Task) error { _, err := p.TimerCreate(clock, nil); return err }); err != abi.EINVAL {
			t.Errorf("clock %d: %v", clock, err)
		}
	}
}

// A task that computes is charged, and its CPU timers and limits speak.
func TestCPUTime(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	compute := func(ns int64) proctest.Result {
		k.Clock.Advance(ns)
		return c.Trap(proc.Trap{Vector: proc.VectorInterrupts})
	}
	interrupted := func(ns int64) proctest.Result { // by a device, or a timer that another sleeps on
		k.Clock.Advance(ns)
		return c.Trap(proc.Trap{Vector: proc.VectorInterrupts + 1})
	}
	compute(second)
	do(t, c, func(p *proc.Task) error {
		u, err := p.Usage(abi.RUSAGE_SELF)
		if total := u.UTime + u.STime; total != second {
			t.Errorf("charged %d ns", total)
		}
		if now, err := p.Now(abi.CLOCK_PROCESS_CPUTIME_ID); now != second || err != nil {
			t.Errorf("CLOCK_PROCESS_CPUTIME_ID is %d, %v", now, err)
		}
		return err
	})
	handle(t, c, abi.SIGPROF, handlerAddr, 0, 0)
	handle(t, c, abi.SIGXCPU, handlerAddr+16, 0, 0)
	do(t, c, func(p *proc.Task) error {
		_, err := p.Itimer(abi.ITIMER_PROF, &proc.Itimer{Value: second / 2, Interval: second / 4})
		return err
	})
	if r := compute(second / 4); r.Handler {
		t.Error("SIGPROF came too early")
	}
	if r := compute(second / 4); r.Regs.EIP != handlerAddr {
		t.Error("no SIGPROF")
	}
	c.Return()
	if r := interrupted(second / 4); r.Regs.EIP != handlerAddr {
		t.Error("no SIGPROF for one who is interrupted before every tick")
	}
	c.Return()
	do(t, c, func(p *proc.Task) error {
		_, err := p.Itimer(abi.ITIMER_PROF, &proc.Itimer{})
		return err
	})
	compute(second / 4)
	do(t, c, func(p *proc.Task) error {
		_, err := p.Rlimit(0, abi.RLIMIT_CPU, &proc.Rlimit{Cur: 3, Max: 4})
		return err
	})
	if r := compute(second); r.Regs.EIP != handlerAddr+16 {
		t.Error("no SIGXCPU")
	}
	c.Return()
	k.Clock.Advance(second)
	c.StartTrap(proc.Trap{Vector: proc.VectorInterrupts})
	c.Gone()
	r, err := wait(t, k.Init, abi.P_ALL, 0, abi.WEXITED)
	if err != nil || r.Status != abi.SIGKILL || r.Usage.UTime+r.Usage.STime < 4*second {
		t.Errorf("wait: %+v, %v", r, err)
	}
}
