package proc_test

import (
	"testing"

	"cleave/abi"
	"cleave/proc"
	"cleave/proc/proctest"
)

const handlerAddr = 0x08048800

// do runs f on the task and fails the test if it gives an error.
func do(t *testing.T, task *proctest.Task, f func(p *proc.Task) error) {
	t.Helper()
	if err := try(task, f); err != nil {
		t.Fatal(err)
	}
}

// try runs f on the task and gives its error.
func try(task *proctest.Task, f func(p *proc.Task) error) (err error) {
	task.Do(func(p *proc.Task) { err = f(p) })
	return err
}

func handle(t *testing.T, task *proctest.Task, sig proc.Signal, handler, flags uint32, mask proc.SigSet) {
	t.Helper()
	do(t, task, func(p *proc.Task) error {
		_, err := p.Action(sig, &proc.SigAction{Handler: handler, Flags: flags, Mask: mask})
		return err
	})
}

func kill(t *testing.T, task *proctest.Task, pid int32, sig proc.Signal) {
	t.Helper()
	do(t, task, func(p *proc.Task) error { return p.Kill(pid, sig) })
}

func TestKillEndsAProcess(t *testing.T) {
	k := proctest.New(t)
	for _, sig := range []proc.Signal{abi.SIGTERM, abi.SIGKILL, abi.SIGRTMIN, abi.SIGSEGV} {
		c := k.Init.Fork()
		pid := c.TID()
		kill(t, k.Init, pid, sig)
		c.Gone()
		r, err := wait(t, k.Init, abi.P_PID, pid, abi.WEXITED)
		if err != nil || r.Status != int32(sig) || r.Code != abi.CLD_KILLED {
			t.Errorf("%v: %+v, %v", sig, r, err)
		}
	}
}

func TestKillErrors(t *testing.T) {
	k := proctest.New(t)
	for _, c := range []struct {
		pid  int32
		sig  proc.Signal
		want error
	}{
		{1, 0, nil}, {99, abi.SIGTERM, abi.ESRCH}, {1, 65, abi.EINVAL}, {1, -1, abi.EINVAL}, {-1, 0, abi.ESRCH},
		{-99, 0, abi.ESRCH}, {-1 << 31, 0, abi.ESRCH}, {0, 0, nil},
	} {
		if err := try(k.Init, func(p *proc.Task) error { return p.Kill(c.pid, c.sig) }); err != c.want {
			t.Errorf("kill(%d, %d): %v, want %v", c.pid, c.sig, err, c.want)
		}
	}
}

func TestHandlerRunsWithItsMask(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	handle(t, c, abi.SIGUSR1, handlerAddr, 0, proc.Signals(abi.SIGUSR2))
	kill(t, k.Init, c.TID(), abi.SIGUSR1)
	r := c.Sync()
	if r.Regs.EIP != handlerAddr || r.Regs.EAX != abi.SIGUSR1 {
		t.Fatalf("after the signal: EIP %#x, EAX %d", r.Regs.EIP, r.Regs.EAX)
	}
	if got, want := c.Mask(), proc.Signals(abi.SIGUSR1, abi.SIGUSR2); got != want {
		t.Errorf("mask in the handler: %#x, want %#x", got, want)
	}
	c.Return()
	if got := c.Mask(); got != 0 {
		t.Errorf("mask after the handler: %#x", got)
	}
}

func TestResetHandAndNoDefer(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	handle(t, c, abi.SIGUSR1, handlerAddr, abi.SA_RESETHAND|abi.SA_NODEFER, 0)
	kill(t, k.Init, c.TID(), abi.SIGUSR1)
	if r := c.Sync(); r.Regs.EIP != handlerAddr || c.Mask() != 0 {
		t.Fatalf("after the signal: EIP %#x, mask %#x", r.Regs.EIP, c.Mask())
	}
	kill(t, k.Init, c.TID(), abi.SIGUSR1)
	c.Gone()
}

func TestBlockedSignalsWaitAndRealTimeOnesQueue(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	do(t, c, func(p *proc.Task) error { p.SetMask(^proc.SigSet(0)); return nil })
	for range 3 {
		kill(t, k.Init, c.TID(), abi.SIGUSR1)
		for v := range uint64(2) {
			do(t, k.Init, func(p *proc.Task) error {
				return p.QueueInfo(2, &proc.SigInfo{Signo: abi.SIGRTMIN, Code: abi.SI_QUEUE, Value: v})
			})
		}
	}
	want := []uint64{0, 1, 0, 1, 0, 1}
	var got []uint64
	usr1 := 0
	do(t, c, func(p *proc.Task) error {
		if p.SigPending() != proc.Signals(abi.SIGUSR1, abi.SIGRTMIN) {
			t.Errorf("pending: %#x", p.SigPending())
		}
		for {
			info, err := p.SigTimedWait(^proc.SigSet(0), p.DeadlineIn(0))
			if err == abi.EAGAIN {
				return nil
			}
			if err != nil {
				return err
			}
			if info.Signo == abi.SIGUSR1 {
				usr1++
				if info.PID != 1 || info.Code != abi.SI_USER {
					t.Errorf("SIGUSR1 from %d, code %d", info.PID, info.Code)
				}
			} else {
				got = append(got, info.Value)
			}
		}
	})
	if usr1 != 1 {
		t.Errorf("SIGUSR1 came %d times, want 1", usr1)
	}
	if len(got) != len(want) {
		t.Fatalf("queued: %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("queued: %v, want %v", got, want)
		}
	}
}

func TestPendingSignalLimit(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	do(t, c, func(p *proc.Task) error {
		p.SetMask(^proc.SigSet(0))
		_, err := p.Rlimit(0, abi.RLIMIT_SIGPENDING, &proc.Rlimit{Cur: 2, Max: 2})
		return err
	})
	info := proc.SigInfo{Signo: abi.SIGRTMIN, Code: abi.SI_QUEUE}
	for i, want := range []error{nil, nil, abi.EAGAIN} {
		if err := try(k.Init, func(p *proc.Task) error { return p.QueueInfo(2, &info) }); err != want {
			t.Errorf("signal %d: %v, want %v", i, err, want)
		}
	}
	kill(t, k.Init, 2, abi.SIGTERM) // is not lost, though it has no room
	if c.SigPending() != proc.Signals(abi.SIGRTMIN, abi.SIGTERM) {
		t.Errorf("pending: %#x", c.SigPending())
	}
}

func TestSigTimedWaitWakes(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	do(t, c, func(p *proc.Task) error { p.SetMask(proc.Signals(abi.SIGUSR1)); return nil })
	var info proc.SigInfo
	var err error
	call := c.StartDo(func(p *proc.Task) { info, err = p.SigTimedWait(proc.Signals(abi.SIGUSR1), proc.Deadline{}) }).Asleep()
	kill(t, k.Init, c.TID(), abi.SIGUSR1)
	call.Wait()
	if err != nil || info.Signo != abi.SIGUSR1 || c.Mask() != proc.Signals(abi.SIGUSR1) {
		t.Errorf("got %+v, %v, mask %#x", info, err, c.Mask())
	}
	call = c.StartDo(func(p *proc.Task) { _, err = p.SigTimedWait(proc.Signals(abi.SIGUSR1), p.DeadlineIn(1e9)) }).Asleep()
	k.Clock.Advance(1e9)
	call.Wait()
	if err != abi.EAGAIN {
		t.Errorf("after the time: %v", err)
	}
}

func TestInitIsProtected(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	kill(t, c, 1, abi.SIGTERM)
	kill(t, c, 1, abi.SIGKILL)
	kill(t, c, 1, abi.SIGSTOP)
	if r := k.Init.Sync(); r.Handler || r.Exited {
		t.Fatal("init was touched by a signal that it does not handle")
	}
	handle(t, k.Init, abi.SIGTERM, handlerAddr, 0, 0)
	kill(t, c, 1, abi.SIGTERM)
	if r := k.Init.Sync(); !r.Handler {
		t.Error("init's handler did not run")
	}
	k.Init.Return()
}

func TestStopAndContinue(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	kill(t, k.Init, 2, abi.SIGSTOP)
	r, err := wait(t, k.Init, abi.P_ALL, 0, abi.WSTOPPED|abi.WEXITED)
	if err != nil || r.Status != abi.SIGSTOP<<8|0x7f || r.Code != abi.CLD_STOPPED {
		t.Fatalf("stopped: %+v, %v", r, err)
	}
	if r, _ = wait(t, k.Init, abi.P_ALL, 0, abi.WSTOPPED|abi.WNOHANG); r.PID != 0 {
		t.Error("a stop is told twice")
	}
	kill(t, k.Init, 2, abi.SIGSTOP) // is cancelled by the next
	kill(t, k.Init, 2, abi.SIGCONT)
	r, err = wait(t, k.Init, abi.P_ALL, 0, abi.WCONTINUED)
	if err != nil || r.Status != 0xffff || r.Code != abi.CLD_CONTINUED {
		t.Fatalf("continued: %+v, %v", r, err)
	}
	c.Sync()
	kill(t, k.Init, 2, abi.SIGSTOP)
	if r, err = wait(t, k.Init, abi.P_ALL, 0, abi.WSTOPPED); err != nil || r.PID != 2 {
		t.Fatalf("stopped again: %+v, %v", r, err)
	}
	kill(t, k.Init, 2, abi.SIGUSR2) // waits until the process goes on
	kill(t, k.Init, 2, abi.SIGCONT)
	c.Gone()
	if _, err = wait(t, k.Init, abi.P_ALL, 0, abi.WCONTINUED); err != abi.ECHILD {
		t.Errorf("waiting for a zombie to continue: %v", err)
	}
	if r, err = wait(t, k.Init, abi.P_ALL, 0, abi.WEXITED); err != nil || r.Status != abi.SIGUSR2 {
		t.Fatalf("at the end: %+v, %v", r, err)
	}
}

func TestStoppedProcessCanBeKilled(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	thread := c.Clone(proc.CloneArgs{Flags: threadFlags})
	kill(t, k.Init, 2, abi.SIGSTOP)
	if r, err := wait(t, k.Init, abi.P_ALL, 0, abi.WSTOPPED); err != nil || r.PID != 2 {
		t.Fatalf("stopped: %+v, %v", r, err)
	}
	kill(t, k.Init, 2, abi.SIGKILL)
	c.Gone()
	thread.Gone()
	if r, err := wait(t, k.Init, abi.P_ALL, 0, abi.WEXITED); err != nil || r.Status != abi.SIGKILL {
		t.Fatalf("killed: %+v, %v", r, err)
	}
}

func TestSigchld(t *testing.T) {
	k := proctest.New(t)
	handle(t, k.Init, abi.SIGCHLD, handlerAddr, 0, 0)
	do(t, k.Init, func(p *proc.Task) error { p.SetMask(proc.Signals(abi.SIGCHLD)); return nil })
	k.Init.Fork().Exit(3)
	do(t, k.Init, func(p *proc.Task) error {
		info, err := p.SigTimedWait(proc.Signals(abi.SIGCHLD), proc.Deadline{})
		if info.PID != 2 || info.Code != abi.CLD_EXITED || info.Status != 3 {
			t.Errorf("SIGCHLD tells %+v", info)
		}
		return err
	})
	if r, err := wait(t, k.Init, abi.P_ALL, 0, abi.WEXITED); err != nil || r.PID != 2 {
		t.Errorf("wait: %+v, %v", r, err)
	}
	handle(t, k.Init, abi.SIGCHLD, abi.SIG_IGN, 0, 0)
	k.Init.Fork().Exit(3)
	if _, err := wait(t, k.Init, abi.P_ALL, 0, abi.WEXITED); err != abi.ECHILD {
		t.Errorf("wait with SIGCHLD ignored: %v", err)
	}
	handle(t, k.Init, abi.SIGCHLD, abi.SIG_DFL, abi.SA_NOCLDWAIT, 0)
	k.Init.Fork().Exit(3)
	if _, err := wait(t, k.Init, abi.P_ALL, 0, abi.WEXITED); err != abi.ECHILD {
		t.Errorf("wait with SA_NOCLDWAIT: %v", err)
	}
}

func TestSignalsOfExceptions(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	do(t, c, func(p *proc.Task) error { p.SetMask(^proc.SigSet(0)); return nil })
	for _, x := range []struct {
		trap proc.Trap
		sig  proc.Signal
	}{
		{proc.Trap{Vector: proc.VectorDivide}, abi.SIGFPE}, {proc.Trap{Vector: proc.VectorInvalidOp}, abi.SIGILL},
		{proc.Trap{Vector: proc.VectorBreakpoint}, abi.SIGTRAP}, {proc.Trap{Vector: proc.VectorProtection}, abi.SIGSEGV},
		{proc.Trap{Vector: proc.VectorPageFault, Error: proc.PFUser | proc.PFWrite, Addr: 0}, abi.SIGSEGV},
		{proc.Trap{Vector: proc.VectorAlignment}, abi.SIGBUS},
	} {
		c := c.Fork()
		handle(t, c, x.sig, handlerAddr, 0, 0) // does not help: the signal is blocked
		c.StartTrap(x.trap)
		c.Gone()
	}
	handle(t, c, abi.SIGSEGV, handlerAddr, 0, 0)
	do(t, c, func(p *proc.Task) error { p.SetMask(0); return nil })
	r := c.Trap(proc.Trap{Vector: proc.VectorPageFault, Error: proc.PFUser, Addr: 0x1234})
	if r.Regs.EIP != handlerAddr {
		t.Errorf("SIGSEGV's handler did not run: EIP %#x", r.Regs.EIP)
	}
	if v, e, a := c.TrapInfo(); v != proc.VectorPageFault || e != proc.PFUser || a != 0x1234 {
		t.Errorf("the fault was vector %d, error %d, address %#x", v, e, a)
	}
	r = c.Trap(proc.Trap{Vector: proc.VectorPageFault, Error: proc.PFUser | proc.PFWrite, Addr: proctest.Scratch + 0x8000})
	if r.Handler && r.Regs.EIP != handlerAddr {
		t.Error("a fault on memory that is there raised a signal")
	}
}
