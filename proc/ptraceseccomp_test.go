package proc_test

import (
	"testing"

	"cleave/abi"
	"cleave/proc"
	"cleave/proc/proctest"
)

// A filter may leave the decision to the tracer, who sees the data of the answer and may change or skip the call; its
// other filters are asked again then.
func TestTraceSeccomp(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	mustFilter(t, c, nrGetppid, abi.SECCOMP_RET_TRACE|7)
	attach(t, k, c, abi.PTRACE_O_TRACESECCOMP)
	for _, x := range []struct {
		change func()
		want   uint32
	}{
		{func() {}, 1},
		{func() { c.SyscallNr = nrGetpid }, uint32(c.TID())},
		{func() { c.SyscallNr, c.Ctx.EAX = proc.NoSyscall, 55 }, 55},
	} {
		resume(t, k.Init, c, proc.Resume{})
		call := c.Start(nrGetppid)
		expect(t, k.Init, c, abi.SIGTRAP|abi.PTRACE_EVENT_SECCOMP<<8)
		at(t, k.Init, c, func() {
			if op, data := c.CallState(); op != abi.PTRACE_SYSCALL_INFO_SECCOMP || data != 7 || c.SyscallNr != nrGetppid {
				t.Errorf("op %d, data %d, call %d", op, data, c.SyscallNr)
			}
			x.change()
		})
		resume(t, k.Init, c, proc.Resume{})
		if r := call.Wait(); r.Regs.EAX != x.want {
			t.Errorf("%d, wanted %d", r.Regs.EAX, x.want)
		}
		kill(t, k.Init, c.TID(), abi.SIGSTOP)
		expect(t, k.Init, c, abi.SIGSTOP)
	}
	do(t, k.Init, func(p *proc.Task) error { return p.SetTraceOptions(c.Task, abi.PTRACE_O_SUSPEND_SECCOMP) })
	resume(t, k.Init, c, proc.Resume{})
	if v := c.Must(nrGetppid); v != 1 {
		t.Error("with the filters suspended:", v)
	}
	if err := try(c, func(p *proc.Task) error { return p.CheckTraceOptions(abi.PTRACE_O_SUSPEND_SECCOMP) }); err != abi.EPERM {
		t.Error("who has filters suspends those of others:", err)
	}
}
