package proc_test

import (
	"testing"

	"cleave/abi"
	"cleave/ns/user"
	"cleave/proc"
	"cleave/proc/proctest"
)

func TestCloneFlagsThatDoNotGoTogether(t *testing.T) {
	k := proctest.New(t)
	for _, f := range []uint64{
		abi.CLONE_NEWNS | abi.CLONE_FS, abi.CLONE_NEWUSER | abi.CLONE_FS, abi.CLONE_NEWIPC | abi.CLONE_SYSVSEM,
		abi.CLONE_SIGHAND, abi.CLONE_THREAD, abi.CLONE_THREAD | abi.CLONE_VM, abi.CLONE_THREAD | abi.CLONE_SIGHAND,
		abi.CLONE_NEWPID | threadFlags, abi.CLONE_NEWUSER | abi.CLONE_VM | abi.CLONE_SIGHAND | abi.CLONE_THREAD,
		abi.CLONE_NEWPID | abi.CLONE_PARENT, abi.CLONE_NEWUSER | abi.CLONE_PARENT, abi.CLONE_PARENT,
		abi.CLONE_PIDFD | abi.CLONE_DETACHED,
		abi.CLONE_VM | abi.CLONE_SIGHAND | abi.CLONE_CLEAR_SIGHAND,
	} {
		err := try(k.Init, func(p *proc.Task) error {
			_, err := p.Clone(&proc.CloneArgs{Flags: f, ExitSignal: abi.SIGCHLD})
			return err
		})
		if err != abi.EINVAL {
			t.Errorf("flags %#x: %v", f, err)
		}
	}
}

func TestNoRoomForTasks(t *testing.T) {
	short := false
	k := proctest.NewWith(t, proctest.Options{Max: 3, Short: func() bool { return short }})
	fork := func() error {
		return try(k.Init, func(p *proc.Task) error {
			_, err := p.Clone(&proc.CloneArgs{ExitSignal: abi.SIGCHLD})
			return err
		})
	}
	a, b := k.Init.Fork(), k.Init.Fork()
	if err := fork(); err != abi.EAGAIN {
		t.Errorf("a task too many: %v", err)
	}
	a.Exit(0)
	if err := fork(); err != abi.EAGAIN {
		t.Errorf("a task too many, one of which nobody has waited for: %v", err)
	}
	k.Init.Do(func(p *proc.Task) { _, _ = p.Wait(proc.WaitArgs{Options: abi.WEXITED}) })
	short = true
	if err := fork(); err != abi.ENOMEM {
		t.Errorf("kernel memory is short: %v", err)
	}
	short = false
	if !k.KillLargest() {
		t.Error("nobody is to be killed")
	}
	b.Gone()
	if k.KillLargest() {
		t.Error("the first process was killed")
	}
}

func TestThreadsShare(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	ctid := c.Alloc(4)
	a := c.Clone(proc.CloneArgs{
		Flags:    threadFlags | abi.CLONE_PARENT_SETTID | abi.CLONE_CHILD_SETTID | abi.CLONE_CHILD_CLEARTID,
		ChildTID: ctid, ParentTID: c.Alloc(4),
	})
	if a.TGID() != c.TID() || a.TID() == c.TID() || a.PPID() != 1 {
		t.Errorf("the thread is %d of process %d, whose parent is %d", a.TID(), a.TGID(), a.PPID())
	}
	if got := c.Word(ctid); int32(got) != a.TID() {
		t.Errorf("CLONE_CHILD_SETTID stored %d", got)
	}
	if a.MM() != c.MM() || a.Files() != c.Files() || a.FS() != c.FS() {
		t.Error("the thread has memory, descriptors or a directory of its own")
	}
	var err error
	join := c.StartDo(func(p *proc.Task) {
		err = p.FutexWait(ctid, false, uint32(a.TID()), abi.FUTEX_BITSET_MATCH_ANY, proc.Deadline{})
	}).Asleep()
	a.StartDo(func(p *proc.Task) { p.Exit(0) })
	join.Wait()
	if err != nil || c.Word(ctid) != 0 {
		t.Errorf("join: %v, the word is %d", err, c.Word(ctid))
	}
	a.Gone()
}

func TestLeaderExitsFirst(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	a := c.Clone(proc.CloneArgs{Flags: threadFlags})
	c.StartDo(func(p *proc.Task) { p.Exit(5) })
	c.Gone()
	if r, err := wait(t, k.Init, abi.P_ALL, 0, abi.WEXITED|abi.WNOHANG); err != nil || r.PID != 0 {
		t.Fatalf("the process is told to have ended while a thread lives: %+v, %v", r, err)
	}
	kill(t, k.Init, 2, 0)
	a.StartDo(func(p *proc.Task) { p.Exit(6) })
	a.Gone()
	if r, err := wait(t, k.Init, abi.P_ALL, 0, abi.WEXITED); err != nil || r.PID != 2 || r.Value != 5 {
		t.Fatalf("at the end: %+v, %v", r, err)
	}
}

func TestExitGroupEndsAllThreads(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	var threads []*proctest.Task
	for range 5 {
		threads = append(threads, c.Clone(proc.CloneArgs{Flags: threadFlags}))
	}
	word := c.Alloc(4)
	threads[0].StartDo(func(p *proc.Task) {
		_ = p.FutexWait(word, true, 0, abi.FUTEX_BITSET_MATCH_ANY, proc.Deadline{})
	}).Asleep()
	threads[3].StartDo(func(p *proc.Task) { p.ExitGroup(9) })
	for _, a := range threads {
		a.Gone()
	}
	c.Gone()
	if r, err := wait(t, k.Init, abi.P_ALL, 0, abi.WEXITED); err != nil || r.Value != 9 {
		t.Fatalf("at the end: %+v, %v", r, err)
	}
}

func TestVforkParentWaitsForExit(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	vfork := c.StartDo(func(p *proc.Task) {
		_, _ = p.Clone(&proc.CloneArgs{Flags: abi.CLONE_VM | abi.CLONE_VFORK, ExitSignal: abi.SIGCHLD})
	}).Asleep()
	v := k.Find(3)
	kill(t, k.Init, 2, abi.SIGCHLD) // is no reason to wake
	if v.SetWord(proctest.Scratch, 5); vfork.Done() {
		t.Error("the parent goes on before the child has ended")
	}
	v.Exit(0)
	vfork.Wait()
	if c.Word(proctest.Scratch) != 5 {
		t.Error("the child of a vfork does not share memory")
	}
}

func TestOrphansGoToInitOrSubreaper(t *testing.T) {
	k := proctest.New(t)
	reaper := k.Init.Fork()
	do(t, reaper, func(p *proc.Task) error { p.SetSubreaper(true); return nil })
	mid := reaper.Fork()
	leaf := mid.Fork()
	mid.Exit(0)
	if leaf.PPID() != reaper.TID() {
		t.Errorf("the parent is %d, want the subreaper %d", leaf.PPID(), reaper.TID())
	}
	reaper.Exit(0)
	if leaf.PPID() != 1 {
		t.Errorf("the parent is %d, want init", leaf.PPID())
	}
	do(t, leaf, func(p *proc.Task) error { return p.SetParentDeathSignal(abi.SIGUSR1) })
	leaf2 := leaf.Fork()
	if leaf2.ParentDeathSignal() != 0 {
		t.Error("the parent-death signal is inherited")
	}
	do(t, leaf2, func(p *proc.Task) error { return p.SetParentDeathSignal(abi.SIGUSR1) })
	leaf.Exit(0)
	leaf2.Gone()
}

func TestCloneParent(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	s := c.Clone(proc.CloneArgs{Flags: abi.CLONE_PARENT, ExitSignal: abi.SIGCHLD})
	if s.PPID() != 1 {
		t.Errorf("the parent is %d, want 1", s.PPID())
	}
	s.Exit(1)
	if r, err := wait(t, k.Init, abi.P_PID, s.TID(), abi.WEXITED); err != nil || r.Value != 1 {
		t.Errorf("wait: %+v, %v", r, err)
	}
}

func TestProcessLimit(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	do(t, c, func(p *proc.Task) error {
		if _, err := p.Rlimit(0, abi.RLIMIT_NPROC, &proc.Rlimit{Cur: 1, Max: 1}); err != nil {
			return err
		}
		return p.ChangeCred(func(c *user.Cred) (*user.Cred, error) { return c.SetRESUID(1000, 1000, 1000) })
	})
	err := try(c, func(p *proc.Task) error { _, err := p.Clone(&proc.CloneArgs{ExitSignal: abi.SIGCHLD}); return err })
	if err != abi.EAGAIN {
		t.Errorf("clone above RLIMIT_NPROC: %v", err)
	}
}

// Every step of clone fails once: the caller sees ENOMEM, and nothing has changed.
func TestCloneFailsAtEveryStep(t *testing.T) {
	for _, flags := range []uint64{
		0, threadFlags,
		abi.CLONE_NEWNS | abi.CLONE_NEWUTS | abi.CLONE_NEWIPC | abi.CLONE_NEWPID | abi.CLONE_NEWNET | abi.CLONE_NEWCGROUP |
			abi.CLONE_NEWUSER | abi.CLONE_NEWTIME | abi.CLONE_PIDFD,
	} {
		k := proctest.New(t)
		before := k.Counts()
		n := 0
		for ; ; n++ {
			steps := &user.Steps{Left: n}
			k.Steps = steps
			var pid int32
			err := try(k.Init, func(p *proc.Task) (err error) {
				pid, err = p.Clone(&proc.CloneArgs{Flags: flags, ExitSignal: abi.SIGCHLD, PIDFD: proctest.Scratch})
				return err
			})
			k.Steps = nil
			if !steps.Failed {
				if err != nil {
					t.Fatalf("flags %#x: %v", flags, err)
				}
				k.Find(pid)
				break
			}
			if err != abi.ENOMEM {
				t.Fatalf("flags %#x, step %d: %v", flags, n, err)
			}
			if after := k.Counts(); after != before {
				t.Fatalf("flags %#x, step %d: left over %+v, before %+v", flags, n, after, before)
			}
		}
		if n < 5 {
			t.Errorf("flags %#x: only %d steps could fail", flags, n)
		}
	}
}

func TestPidNamespaceDiesWithItsInit(t *testing.T) {
	k := proctest.New(t)
	i := k.Init.Clone(proc.CloneArgs{Flags: abi.CLONE_NEWPID, ExitSignal: abi.SIGCHLD})
	if i.TID() != 1 || i.PPID() != 0 {
		t.Errorf("the first process is %d, its parent %d", i.TID(), i.PPID())
	}
	a := i.Fork()
	b := a.Fork()
	if b.TID() != 3 || b.PPID() != 2 {
		t.Errorf("the third process is %d, its parent %d", b.TID(), b.PPID())
	}
	a.Exit(0)
	if b.PPID() != 1 {
		t.Errorf("the orphan's parent is %d", b.PPID())
	}
	kill(t, b, 1, abi.SIGKILL)
	if r := i.Sync(); r.Exited {
		t.Fatal("SIGKILL from inside reached the init")
	}
	kill(t, k.Init, 2, abi.SIGKILL)
	b.Gone()
	i.Gone()
	if r, err := wait(t, k.Init, abi.P_ALL, 0, abi.WEXITED); err != nil || r.PID != 2 || r.Status != abi.SIGKILL {
		t.Errorf("wait: %+v, %v", r, err)
	}
}

func TestPidfd(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	var fd int32
	do(t, k.Init, func(p *proc.Task) (err error) { fd, err = p.PidfdOpen(2, abi.PIDFD_NONBLOCK); return err })
	if _, err := wait(t, k.Init, abi.P_PIDFD, fd, abi.WEXITED); err != abi.EAGAIN {
		t.Errorf("wait for a living one: %v", err)
	}
	do(t, k.Init, func(p *proc.Task) error { return p.PidfdSend(fd, abi.SIGKILL, nil) })
	c.Gone()
	if r, err := wait(t, k.Init, abi.P_PIDFD, fd, abi.WEXITED); err != nil || r.PID != 2 {
		t.Errorf("wait: %+v, %v", r, err)
	}
	if err := try(k.Init, func(p *proc.Task) error { return p.PidfdSend(fd, abi.SIGTERM, nil) }); err != abi.ESRCH {
		t.Errorf("signal to the dead: %v", err)
	}
	do(t, k.Init, func(p *proc.Task) error { return p.Files().Close(int(fd)) })
}
