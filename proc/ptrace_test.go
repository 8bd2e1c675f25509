package proc_test

import (
	"testing"

	"cleave/abi"
	"cleave/proc"
	"cleave/proc/proctest"
)

const (
	nrGetpid = 20
	nrFork   = 2
	allTrace = abi.WEXITED | abi.WSTOPPED | abi.WALL
)

// attach makes init the tracer of c, which is stopped then.
func attach(t *testing.T, k *proctest.Kernel, c *proctest.Task, options uint32) {
	t.Helper()
	do(t, k.Init, func(p *proc.Task) error { return p.Attach(c.Task, false, 0) })
	expect(t, k.Init, c, abi.SIGSTOP)
	do(t, k.Init, func(p *proc.Task) error { return p.SetTraceOptions(c.Task, options) })
}

// seize is attach by PTRACE_SEIZE; c is not stopped.
func seize(t *testing.T, k *proctest.Kernel, c *proctest.Task, options uint32) {
	t.Helper()
	do(t, k.Init, func(p *proc.Task) error { return p.Attach(c.Task, true, options) })
}

// expect waits for a stop of c, whose code is given as bits 8 and up of a wait status.
func expect(t *testing.T, tracer, c *proctest.Task, code int32) {
	t.Helper()
	r, err := wait(t, tracer, abi.P_PID, c.TID(), allTrace)
	if err != nil || r.PID != c.TID() || r.Status != code<<8|0x7f || r.Code != abi.CLD_TRAPPED || r.Value != code {
		t.Fatalf("wait: %+v, %v; wanted %#x", r, err, code)
	}
}

func resume(t *testing.T, tracer, c *proctest.Task, r proc.Resume) {
	t.Helper()
	do(t, tracer, func(p *proc.Task) error { return p.Resume(c.Task, r) })
}

// at runs f while c stands still for tracer.
func at(t *testing.T, tracer, c *proctest.Task, f func()) {
	t.Helper()
	do(t, tracer, func(p *proc.Task) error { return p.AtStop(c.Task, func() error { f(); return nil }) })
}

func TestTraceRelation(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	if err := try(k.Init, func(p *proc.Task) error { return p.Tracee(c.Task) }); err != abi.ESRCH {
		t.Error("no tracee:", err)
	}
	if err := try(c, func(p *proc.Task) error { return p.Attach(p, false, 0) }); err != abi.EPERM {
		t.Error("itself:", err)
	}
	attach(t, k, c, 0)
	other := k.Init.Fork()
	for name, err := range map[string]error{
		"twice":         try(k.Init, func(p *proc.Task) error { return p.Attach(c.Task, false, 0) }),
		"another":       try(other, func(p *proc.Task) error { return p.Attach(c.Task, true, 0) }),
		"init's parent": try(k.Init, func(p *proc.Task) error { return p.TraceMe() }),
	} {
		if err != abi.EPERM {
			t.Error(name, err)
		}
	}
	if err := try(other, func(p *proc.Task) error { return p.Resume(c.Task, proc.Resume{}) }); err != abi.ESRCH {
		t.Error("another's tracee:", err)
	}
	if i := c.Info(k.PIDNamespace(), true); i.State != 't' || i.TracerPID != 1 {
		t.Errorf("state %c, tracer %d", i.State, i.TracerPID)
	}
	if err := try(k.Init, func(p *proc.Task) error { return p.Resume(c.Task, proc.Resume{Signal: 65}) }); err != abi.EIO {
		t.Error("no such signal:", err)
	}
	do(t, k.Init, func(p *proc.Task) error { return p.Detach(c.Task, 0) })
	c.Sync()
	if i := c.Info(k.PIDNamespace(), true); i.TracerPID != 0 {
		t.Error("still traced")
	}
	do(t, other, func(p *proc.Task) error { return p.TraceMe() })
	do(t, k.Init, func(p *proc.Task) error { return p.Tracee(other.Task) })
}

// The tracer sees a call at its entry and its end, and may make another one of it, none, or another result.
func TestTraceCalls(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	attach(t, k, c, abi.PTRACE_O_TRACESYSGOOD)
	const stop = abi.SIGTRAP | 0x80
	for _, x := range []struct {
		name   string
		enter  func()
		leave  func()
		emu    bool
		result uint32
	}{
		{name: "as it is", result: 1},
		{name: "another call", enter: func() { c.SyscallNr = nrGetpid }, result: uint32(c.TID())},
		{name: "no call", enter: func() { c.SyscallNr, c.Ctx.EAX = proc.NoSyscall, 77 }, result: 77},
		{name: "no such call", enter: func() { c.SyscallNr = 9999 }, result: ^uint32(abi.ENOSYS) + 1},
		{name: "another result", leave: func() { c.Ctx.EAX = 5 }, result: 5},
		{name: "emulated", enter: func() { c.Ctx.EAX = 78 }, emu: true, result: 78},
	} {
		resume(t, k.Init, c, proc.Resume{Calls: !x.emu, Emulate: x.emu})
		call := c.Start(nrGetppid)
		expect(t, k.Init, c, stop)
		at(t, k.Init, c, func() {
			if c.SyscallNr != nrGetppid || c.Ctx.EAX != ^uint32(abi.ENOSYS)+1 {
				t.Errorf("%s: call %d, eax %#x", x.name, c.SyscallNr, c.Ctx.EAX)
			}
			if op, _ := c.CallState(); op != abi.PTRACE_SYSCALL_INFO_ENTRY {
				t.Errorf("%s: op %d", x.name, op)
			}
			if x.enter != nil {
				x.enter()
			}
		})
		if !x.emu {
			resume(t, k.Init, c, proc.Resume{Calls: true})
			expect(t, k.Init, c, stop)
			at(t, k.Init, c, func() {
				if op, _ := c.CallState(); op != abi.PTRACE_SYSCALL_INFO_EXIT {
					t.Errorf("%s: op %d at the end", x.name, op)
				}
				if x.leave != nil {
					x.leave()
				}
			})
		}
		resume(t, k.Init, c, proc.Resume{})
		if r := call.Wait(); r.Regs.EAX != x.result {
			t.Errorf("%s: %#x, wanted %#x", x.name, r.Regs.EAX, x.result)
		}
		kill(t, k.Init, c.TID(), abi.SIGSTOP)
		expect(t, k.Init, c, abi.SIGSTOP)
	}
}

// A signal comes to the tracee as the tracer wants it: or another, or none, with what the tracer wrote.
func TestTraceSignals(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	handle(t, c, abi.SIGUSR1, handlerAddr, 0, 0)
	handle(t, c, abi.SIGUSR2, handlerAddr+16, 0, 0)
	attach(t, k, c, 0)
	resume(t, k.Init, c, proc.Resume{})
	for _, x := range []struct {
		sent, given proc.Signal
		at          uint32
	}{
		{abi.SIGUSR1, abi.SIGUSR1, handlerAddr}, {abi.SIGUSR1, 0, 0}, {abi.SIGTERM, abi.SIGUSR2, handlerAddr + 16},
		{abi.SIGCHLD, 0, 0}, {abi.SIGWINCH, abi.SIGUSR1, handlerAddr},
	} {
		kill(t, k.Init, c.TID(), x.sent)
		expect(t, k.Init, c, int32(x.sent))
		at(t, k.Init, c, func() {
			if i, err := c.StopInfo(); err != nil || i.Signo != x.sent || i.PID != 1 {
				t.Errorf("%v: %+v, %v", x.sent, i, err)
			}
		})
		resume(t, k.Init, c, proc.Resume{Signal: x.given})
		r := c.Sync()
		if x.at == 0 {
			if r.Handler {
				t.Errorf("%v: a handler runs at %#x", x.sent, r.Regs.EIP)
			}
			continue
		}
		if r.Regs.EIP != x.at {
			t.Errorf("%v: at %#x", x.sent, r.Regs.EIP)
		}
		c.Return()
	}
	kill(t, k.Init, c.TID(), abi.SIGTERM)
	expect(t, k.Init, c, abi.SIGTERM)
	resume(t, k.Init, c, proc.Resume{Signal: abi.SIGTERM})
	c.Gone()
	if r, err := wait(t, k.Init, abi.P_PID, c.TID(), allTrace); err != nil || r.Status != abi.SIGTERM {
		t.Errorf("at the end: %+v, %v", r, err)
	}
}

// SIGKILL ends a tracee in whatever stop it is.
func TestTraceKilledInStops(t *testing.T) {
	k := proctest.New(t)
	for name, stop := range map[string]func(c *proctest.Task){
		"attach": func(c *proctest.Task) { attach(t, k, c, 0) },
		"call": func(c *proctest.Task) {
			attach(t, k, c, 0)
			resume(t, k.Init, c, proc.Resume{Calls: true})
			c.Start(nrGetppid)
			expect(t, k.Init, c, abi.SIGTRAP)
		},
		"exit": func(c *proctest.Task) {
			attach(t, k, c, abi.PTRACE_O_TRACEEXIT)
			resume(t, k.Init, c, proc.Resume{})
			c.StartDo(func(p *proc.Task) { p.Exit(3) })
			expect(t, k.Init, c, abi.SIGTRAP|abi.PTRACE_EVENT_EXIT<<8)
		},
		"interrupt": func(c *proctest.Task) {
			seize(t, k, c, 0)
			do(t, k.Init, func(p *proc.Task) error { return p.InterruptTracee(c.Task) })
			expect(t, k.Init, c, abi.SIGTRAP|abi.PTRACE_EVENT_STOP<<8)
		},
	} {
		c := k.Init.Fork()
		stop(c)
		kill(t, k.Init, c.TID(), abi.SIGKILL)
		c.Gone()
		r, err := wait(t, k.Init, abi.P_PID, c.TID(), allTrace)
		if err != nil || r.Status != abi.SIGKILL {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// The events of fork, vfork and thread creation stop the parent, and the child before it does anything.
func TestTraceBirths(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	attach(t, k, c, abi.PTRACE_O_TRACEFORK|abi.PTRACE_O_TRACEVFORK|abi.PTRACE_O_TRACECLONE|abi.PTRACE_O_TRACEVFORKDONE)
	for _, x := range []struct {
		event int32
		args  proc.CloneArgs
	}{
		{abi.PTRACE_EVENT_FORK, proc.CloneArgs{ExitSignal: abi.SIGCHLD}},
		{abi.PTRACE_EVENT_VFORK, proc.CloneArgs{Flags: abi.CLONE_VFORK | abi.CLONE_VM, ExitSignal: abi.SIGCHLD}},
		{abi.PTRACE_EVENT_CLONE, proc.CloneArgs{Flags: threadFlags}},
	} {
		resume(t, k.Init, c, proc.Resume{})
		c.StartDo(func(p *proc.Task) {
			if _, err := p.Clone(&x.args); err != nil {
				t.Error(err)
			}
		})
		expect(t, k.Init, c, abi.SIGTRAP|x.event<<8)
		var id uint32
		at(t, k.Init, c, func() { id = c.StopMessage() })
		child := k.Find(int32(id))
		expect(t, k.Init, child, abi.SIGSTOP)
		resume(t, k.Init, c, proc.Resume{})
		resume(t, k.Init, child, proc.Resume{})
		child.StartDo(func(p *proc.Task) { p.Exit(3) })
		child.Gone()
		if r, err := wait(t, k.Init, abi.P_PID, int32(id), allTrace); err != nil || r.Status != 3<<8 {
			t.Errorf("event %d: the child's end: %+v, %v", x.event, r, err)
		}
		if x.event == abi.PTRACE_EVENT_VFORK {
			expect(t, k.Init, c, abi.SIGTRAP|abi.PTRACE_EVENT_VFORK_DONE<<8)
			resume(t, k.Init, c, proc.Resume{})
		}
		kill(t, k.Init, c.TID(), abi.SIGSTOP)
		for {
			r, err := wait(t, k.Init, abi.P_PID, c.TID(), allTrace)
			if err != nil {
				t.Fatal(err)
			}
			if r.Value == abi.SIGSTOP {
				break
			}
			resume(t, k.Init, c, proc.Resume{}) // SIGCHLD
		}
	}
}

// Breakpoints are checked as Linux does; their exceptions, steps and INT1 are told apart.
func TestTraceBreakpoints(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	attach(t, k, c, 0)
	for _, x := range []struct {
		reg  int
		v    uint32
		want error
	}{
		{0, 0x1001, nil}, {7, 1, nil}, {7, 1 | 1<<16 | 3<<18, abi.EINVAL}, // a word that is not aligned
		{7, 1 | 2<<16, abi.EINVAL}, {7, 1 | 1<<18, abi.EINVAL}, // ports; an instruction of two bytes
		{0, 0x1004, nil}, {7, 1 | 1<<16 | 3<<18, nil}, {0, 0x1006, abi.EINVAL}, {4, 1, abi.EIO}, {5, 1, abi.EIO}, {6, 0, nil},
		{3, 0xfffffff0, nil}, {7, 1 | 1<<16 | 3<<18 | 1<<6 | 1<<13, nil},
	} {
		var err error
		at(t, k.Init, c, func() { err = c.SetDebugRegister(x.reg, x.v) })
		if err != x.want {
			t.Errorf("DR%d = %#x: %v, wanted %v", x.reg, x.v, err, x.want)
		}
	}
	at(t, k.Init, c, func() {
		if c.Ctx.DR7 != 1|1<<16|3<<18|1<<6|1<<10 || c.Ctx.DR[0] != 0x1004 {
			t.Errorf("the CPU gets DR7 %#x, DR0 %#x", c.Ctx.DR7, c.Ctx.DR[0])
		}
	})
	for _, x := range []struct {
		reasons uint32
		code    int32
		status  uint32
		resume  bool // RF is set
	}{
		{1, abi.TRAP_HWBKPT, 0xffff0ff1, false}, {8, abi.TRAP_HWBKPT, 0xffff0ff8, true}, {1 << 14, abi.TRAP_TRACE, 0xffff4ff0, false},
		{0, abi.TRAP_BRKPT, 0xffff0ff0, false}, {1<<14 | 1, abi.TRAP_TRACE, 0xffff4ff1, false},
	} {
		resume(t, k.Init, c, proc.Resume{})
		c.StartTrap(proc.Trap{Vector: proc.VectorDebug, Error: x.reasons})
		expect(t, k.Init, c, abi.SIGTRAP)
		at(t, k.Init, c, func() {
			i, err := c.StopInfo()
			if err != nil || i.Code != x.code || c.DebugRegister(6) != x.status || c.Ctx.EFLAGS&proc.EFLAGSRF != 0 != x.resume {
				t.Errorf("DR6 %#x: %+v, %v, shown as %#x, flags %#x", x.reasons, i, err, c.DebugRegister(6), c.Ctx.EFLAGS)
			}
			c.Ctx.EFLAGS &^= proc.EFLAGSRF
		})
	}
}

// A process that was stopped when its tracer came is so again when that goes; the tracer's death lets others go on.
func TestTraceEndsInStops(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	kill(t, k.Init, c.TID(), abi.SIGSTOP)
	if r, err := wait(t, k.Init, abi.P_PID, c.TID(), abi.WSTOPPED); err != nil || r.Code != abi.CLD_STOPPED {
		t.Fatalf("%+v, %v", r, err)
	}
	for range 3 {
		seize(t, k, c, 0)
		expect(t, k.Init, c, abi.SIGSTOP|abi.PTRACE_EVENT_STOP<<8)
		do(t, k.Init, func(p *proc.Task) error { return p.Detach(c.Task, 0) })
		for c.Info(k.PIDNamespace(), true).State != 'T' {
			proctest.Yield()
		}
	}
	tracer := k.Init.Fork()
	seize2 := func(p *proc.Task) error { return p.Attach(c.Task, true, abi.PTRACE_O_EXITKILL) }
	do(t, tracer, seize2)
	tracer.Exit(0)
	c.Gone()
	other, tracer := k.Init.Fork(), k.Init.Fork()
	do(t, tracer, func(p *proc.Task) error { return p.Attach(other.Task, false, 0) })
	expect(t, tracer, other, abi.SIGSTOP)
	tracer.Exit(0)
	if r := other.Sync(); r.Exited {
		t.Error("the tracee has ended")
	}
}

// Attaching to a stopped task that is killed at the same time does not wait for ever.
func TestTraceAttachMeetsDeath(t *testing.T) {
	k := proctest.New(t)
	killer := k.Init.Fork()
	for range 100 {
		c := k.Init.Fork()
		kill(t, k.Init, c.TID(), abi.SIGSTOP)
		if _, err := wait(t, k.Init, abi.P_PID, c.TID(), abi.WSTOPPED); err != nil {
			t.Fatal(err)
		}
		killed := killer.StartDo(func(p *proc.Task) { _ = p.Kill(c.TID(), abi.SIGKILL) })
		_ = try(k.Init, func(p *proc.Task) error { return p.Attach(c.Task, true, 0) }) // it may be dead already
		killed.Wait()
		c.Gone()
		for dead := false; !dead; {
			r, err := wait(t, k.Init, abi.P_PID, c.TID(), allTrace)
			if err != nil {
				t.Fatal(err)
			}
			dead = r.Code == abi.CLD_KILLED
		}
	}
}
