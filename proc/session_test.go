package proc_test

import (
	"testing"

	"cleave/abi"
	"cleave/proc"
	"cleave/proc/proctest"
)

func TestSessionsAndGroups(t *testing.T) {
	k := proctest.New(t)
	a := k.Init.Fork() // 2
	b := a.Fork()      // 3
	setpgid := func(task *proctest.Task, pid, pgid int32, want error) {
		t.Helper()
		if err := try(task, func(p *proc.Task) error { return p.SetPGID(pid, pgid) }); err != want {
			t.Errorf("setpgid(%d, %d) by %d: %v, want %v", pid, pgid, task.TID(), err, want)
		}
	}
	ids := func(task *proctest.Task, pgid, sid int32) {
		t.Helper()
		g, _ := task.PGID(0)
		s, _ := task.SID(0)
		if g != pgid || s != sid {
			t.Errorf("%d is in group %d of session %d, want %d of %d", task.TID(), g, s, pgid, sid)
		}
	}
	ids(a, 1, 1)
	setpgid(k.Init, 0, 0, abi.EPERM) // leads its session
	setpgid(a, 0, 0, nil)
	ids(a, 2, 1)
	setpgid(a, 3, 2, nil)
	ids(b, 2, 1)
	setpgid(a, 0, 9, abi.EPERM)
	setpgid(a, 0, -1, abi.EINVAL)
	setpgid(b, 2, 2, abi.ESRCH) // no child of b
	setpgid(a, 99, 2, abi.ESRCH)
	if _, err := a.SetSID(); err != abi.EPERM {
		t.Errorf("setsid of a group leader: %v", err)
	}
	if sid, err := b.SetSID(); sid != 3 || err != nil {
		t.Errorf("setsid: %d, %v", sid, err)
	}
	ids(b, 3, 3)
	setpgid(a, 3, 2, abi.EPERM) // another session
	c := b.Fork()
	setpgid(b, c.TID(), 2, abi.EPERM)
	b.Exit(0)
	ids(c, 3, 3) // the numbers stay while the group has members
	if _, err := a.PGID(99); err != abi.ESRCH {
		t.Errorf("getpgid of nobody: %v", err)
	}
	kill(t, a, -3, abi.SIGKILL)
	c.Gone()
	if r, err := wait(t, k.Init, abi.P_PGID, 3, abi.WEXITED|abi.WALL); err != nil || r.PID == 0 {
		t.Errorf("wait for the group: %+v, %v", r, err)
	}
	if r, err := wait(t, a, abi.P_PID, 3, abi.WEXITED); err != nil || r.PID != 3 {
		t.Errorf("wait for the leader: %+v, %v", r, err)
	}
	if err := try(a, func(p *proc.Task) error { return p.Kill(-3, 0) }); err != abi.ESRCH {
		t.Errorf("kill of an empty group: %v", err)
	}
}

// A stopped job whose shell exits gets SIGHUP and SIGCONT.
func TestOrphanedGroupIsHungUp(t *testing.T) {
	k := proctest.New(t)
	shell := k.Init.Fork()
	do(t, shell, func(p *proc.Task) error { _, err := p.SetSID(); return err })
	job := shell.Fork()
	do(t, shell, func(p *proc.Task) error { return p.SetPGID(job.TID(), job.TID()) })
	if job.Orphaned() {
		t.Error("the job is orphaned while its shell lives")
	}
	kill(t, shell, job.TID(), abi.SIGTSTP)
	if r, err := wait(t, shell, abi.P_ALL, 0, abi.WSTOPPED); err != nil || r.Value != abi.SIGTSTP {
		t.Fatalf("stopped: %+v, %v", r, err)
	}
	handle(t, k.Init, abi.SIGCHLD, abi.SIG_DFL, 0, 0)
	shell.Exit(0)
	job.Gone()
	if r, err := wait(t, k.Init, abi.P_PID, job.TID(), abi.WEXITED); err != nil || r.Status != abi.SIGHUP {
		t.Errorf("the job: %+v, %v", r, err)
	}
}

func TestOrphanedGroupIgnoresTerminalStops(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	do(t, c, func(p *proc.Task) error { _, err := p.SetSID(); return err })
	kill(t, k.Init, c.TID(), abi.SIGTSTP)
	if r := c.Sync(); r.Exited || r.Handler {
		t.Fatal("SIGTSTP did something")
	}
	kill(t, k.Init, c.TID(), abi.SIGSTOP)
	if r, err := wait(t, k.Init, abi.P_ALL, 0, abi.WSTOPPED); err != nil || r.Value != abi.SIGSTOP {
		t.Errorf("SIGSTOP: %+v, %v", r, err)
	}
}
