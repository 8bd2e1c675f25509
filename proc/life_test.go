package proc_test

import (
	"testing"

	"cleave/abi"
	"cleave/proc"
	"cleave/proc/proctest"
)

func TestKernelStartsAndEnds(t *testing.T) {
	k := proctest.New(t)
	k.Init.SetWord(proctest.Scratch, 42)
	if got := k.Init.Word(proctest.Scratch); got != 42 {
		t.Errorf("user memory holds %d", got)
	}
	if k.Init.TID() != 1 || k.Init.PPID() != 0 {
		t.Errorf("init is %d, its parent %d", k.Init.TID(), k.Init.PPID())
	}
}

// wait does one wait on behalf of task.
func wait(t *testing.T, task *proctest.Task, typ, id int32, options uint32) (r proc.WaitResult, err error) {
	t.Helper()
	task.Do(func(p *proc.Task) { r, err = p.Wait(proc.WaitArgs{Type: typ, ID: id, Options: options}) })
	return r, err
}

func TestForkCopiesMemoryAndWaitReaps(t *testing.T) {
	k := proctest.New(t)
	k.Init.SetWord(proctest.Scratch, 1)
	c := k.Init.Fork()
	if c.TID() != 2 || c.PPID() != 1 {
		t.Errorf("the child is %d, its parent %d", c.TID(), c.PPID())
	}
	c.SetWord(proctest.Scratch, 2)
	if got := k.Init.Word(proctest.Scratch); got != 1 {
		t.Errorf("the child's store is seen by the parent: %d", got)
	}
	if r, err := wait(t, k.Init, abi.P_ALL, 0, abi.WEXITED|abi.WNOHANG); err != nil || r.PID != 0 {
		t.Errorf("wait before the exit: %+v, %v", r, err)
	}
	c.Exit(7)
	r, err := wait(t, k.Init, abi.P_ALL, 0, abi.WEXITED|abi.WNOWAIT)
	if err != nil || r.PID != 2 || r.Status != 7<<8 || r.Code != abi.CLD_EXITED || r.Value != 7 {
		t.Errorf("wait: %+v, %v", r, err)
	}
	if r, err = wait(t, k.Init, abi.P_PID, 2, abi.WEXITED); err != nil || r.PID != 2 {
		t.Errorf("second wait: %+v, %v", r, err)
	}
	if _, err = wait(t, k.Init, abi.P_ALL, 0, abi.WEXITED); err != abi.ECHILD {
		t.Errorf("wait without children: %v", err)
	}
}
