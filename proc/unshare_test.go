package proc_test

import (
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
	"cleave/proc"
	"cleave/proc/proctest"
)

func unshare(task *proctest.Task, flags uint64) error {
	return try(task, func(p *proc.Task) error { return p.Unshare(flags) })
}

// sharing is a process that shares all it can with c.
func sharing(c *proctest.Task) *proctest.Task {
	return c.Clone(proc.CloneArgs{
		Flags:      abi.CLONE_VM | abi.CLONE_FS | abi.CLONE_FILES | abi.CLONE_SIGHAND | abi.CLONE_SYSVSEM,
		ExitSignal: abi.SIGCHLD,
	})
}

func TestUnshareFlags(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	for _, f := range []uint64{1, abi.CLONE_VFORK, abi.CLONE_SETTLS, 1 << 40, abi.CLONE_PTRACE, abi.CLONE_PARENT} {
		if err := unshare(c, f); err != abi.EINVAL {
			t.Errorf("unknown flags %#x: %v", f, err)
		}
	}
	all := []uint64{abi.CLONE_FS, abi.CLONE_FILES, abi.CLONE_SIGHAND, abi.CLONE_VM, abi.CLONE_THREAD, abi.CLONE_SYSVSEM}
	for i := range 1 << len(all) {
		f := uint64(0)
		for j, flag := range all {
			if i>>j&1 != 0 {
				f |= flag
			}
		}
		if err := unshare(c, f); err != nil {
			t.Errorf("nothing shared, flags %#x: %v", f, err)
		}
	}
	a := c.Clone(proc.CloneArgs{Flags: threadFlags})
	for _, f := range []uint64{abi.CLONE_THREAD, abi.CLONE_SIGHAND, abi.CLONE_VM, abi.CLONE_NEWUSER} {
		if err := unshare(a, f); err != abi.EINVAL {
			t.Errorf("in a thread group, flags %#x: %v", f, err)
		}
	}
	for _, f := range []uint64{0, abi.CLONE_FS, abi.CLONE_FILES, abi.CLONE_SYSVSEM, abi.CLONE_NEWNS} {
		if err := unshare(a, f); err != nil {
			t.Errorf("in a thread group, flags %#x: %v", f, err)
		}
	}
}

// Each part alone and all combinations: what is shared afterwards shows by an effect.
func TestUnshareByEffect(t *testing.T) {
	k := proctest.New(t)
	k.Mkdir("/d", 0o755)
	type part struct {
		flag  uint64
		name  string
		touch func(task *proctest.Task) // changes something by task
		seen  func(task *proctest.Task) bool
	}
	parts := []part{
		{abi.CLONE_FS, "umask",
			func(c *proctest.Task) { c.FS().SetUmask(0o077) },
			func(c *proctest.Task) bool { return c.FS().Umask() == 0o077 }},
		{abi.CLONE_FILES, "descriptor",
			func(c *proctest.Task) {
				do(t, c, func(p *proc.Task) error {
					f, err := p.Caller.Open(abi.AT_FDCWD, []byte("/init"), fs.OpenHow{})
					if err == nil {
						_, err = p.Files().Install(f, p.NoFile(), false)
					}
					return err
				})
			},
			func(c *proctest.Task) bool { return c.Files().Len() > 0 }},
		{abi.CLONE_SIGHAND, "handler",
			func(c *proctest.Task) { handle(t, c, abi.SIGUSR1, handlerAddr, 0, 0) },
			func(c *proctest.Task) bool { a, _ := c.Action(abi.SIGUSR1, nil); return a.Handler == handlerAddr }},
		{abi.CLONE_VM, "memory",
			func(c *proctest.Task) { c.SetWord(proctest.Scratch, 1) },
			func(c *proctest.Task) bool { return c.Word(proctest.Scratch) == 1 }},
	}
	for i := range 1 << len(parts) {
		c := k.Init.Fork()
		s := sharing(c)
		flags, private := uint64(0), uint64(0)
		for j, p := range parts {
			if i>>j&1 != 0 {
				flags |= p.flag
			}
		}
		if private = flags; flags&abi.CLONE_VM != 0 {
			private |= abi.CLONE_SIGHAND // is implied
		}
		if err := unshare(c, flags); err != nil {
			t.Fatalf("flags %#x: %v", flags, err)
		}
		for _, p := range parts {
			p.touch(c)
			if got, want := p.seen(s), private&p.flag == 0; got != want {
				t.Errorf("flags %#x: %s shared is %v, want %v", flags, p.name, got, want)
			}
		}
		s.Exit(0)
		c.Exit(0)
	}
}

func TestUnshareNewnsAimsRootAndCwd(t *testing.T) {
	k := proctest.New(t)
	k.Mkdir("/mnt", 0o755)
	c := k.Init.Fork()
	s := sharing(c)
	mount := func(p *proc.Task) error {
		return p.Caller.Mount([]byte("none"), []byte("/mnt"), "tmpfs", 0, "")
	}
	made := func(p *proc.Task) error { return p.Caller.Mkdirat(abi.AT_FDCWD, []byte("/mnt/x"), 0o755) }
	sees := func(task *proctest.Task) bool {
		return try(task, func(p *proc.Task) error {
			return p.Caller.Faccessat(abi.AT_FDCWD, []byte("/mnt/x"), abi.F_OK, 0)
		}) == nil
	}
	if err := unshare(c, abi.CLONE_NEWNS); err != nil {
		t.Fatal(err)
	}
	do(t, c, mount)
	do(t, c, made)
	if !sees(c) || sees(s) || sees(k.Init) {
		t.Errorf("the mount is seen by the maker %v, who shared with it %v, init %v", sees(c), sees(s), sees(k.Init))
	}
	c.FS().SetUmask(0o070)
	if s.FS().Umask() == 0o070 {
		t.Error("CLONE_NEWNS did not unshare root and cwd")
	}
	i := c.Clone(proc.CloneArgs{Flags: abi.CLONE_NEWNS, ExitSignal: abi.SIGCHLD})
	if !sees(i) {
		t.Error("the copy does not have the mount")
	}
}

func TestUnshareNeedsPrivilege(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	do(t, c, func(p *proc.Task) error {
		return p.ChangeCred(func(c *user.Cred) (*user.Cred, error) { return c.SetRESUID(1000, 1000, 1000) })
	})
	for _, f := range []uint64{
		abi.CLONE_NEWNS, abi.CLONE_NEWUTS, abi.CLONE_NEWIPC, abi.CLONE_NEWPID, abi.CLONE_NEWNET, abi.CLONE_NEWCGROUP, abi.CLONE_NEWTIME,
	} {
		set := c.NS()
		if err := unshare(c, f); err != abi.EPERM || c.NS() != set {
			t.Errorf("flags %#x: %v", f, err)
		}
	}
	if err := unshare(c, abi.CLONE_NEWUSER|abi.CLONE_NEWNS|abi.CLONE_NEWPID); err != nil {
		t.Errorf("with a user namespace: %v", err)
	}
	if c.Cred().NS.IsInitial() || !c.Cred().HasHere(user.CapSysAdmin) || c.Cred().Has(user.CapSysAdmin, k.UserNS) {
		t.Error("capabilities are not those of a new user namespace")
	}
	first := c.Fork()
	if first.TID() != 1 {
		t.Errorf("the first child in the new pid namespace is %d", first.TID())
	}
	if err := unshare(c, abi.CLONE_NEWPID); err != abi.EINVAL {
		t.Errorf("a second pid namespace for children: %v", err)
	}
}

// Every step of unshare fails once: the task goes on with exactly what it had.
func TestUnshareFailsAtEveryStep(t *testing.T) {
	k := proctest.New(t)
	const flags = abi.CLONE_NEWNS | abi.CLONE_NEWUTS | abi.CLONE_NEWIPC | abi.CLONE_NEWPID | abi.CLONE_NEWNET |
		abi.CLONE_NEWCGROUP | abi.CLONE_NEWTIME | abi.CLONE_NEWUSER | abi.CLONE_FILES | abi.CLONE_VM
	c := k.Init.Fork()
	s := sharing(c)
	before := k.Counts()
	n := 0
	for ; ; n++ {
		type state struct{ mm, files, fs, cred, set any }
		now := func() state { return state{c.MM(), c.Files(), c.FS(), c.Cred(), c.NS()} }
		had := now()
		steps := &user.Steps{Left: n}
		k.Steps = steps
		err := unshare(c, flags)
		k.Steps = nil
		if !steps.Failed {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		if err != abi.ENOMEM {
			t.Fatalf("step %d: %v", n, err)
		}
		if now() != had {
			t.Errorf("step %d: the task has changed", n)
		}
		if after := k.Counts(); after != before {
			t.Fatalf("step %d: left over %+v, before %+v", n, after, before)
		}
	}
	if n < 10 {
		t.Errorf("only %d steps could fail", n)
	}
	if c.MM() == s.MM() || c.Files() == s.Files() || c.FS() == s.FS() {
		t.Error("something is still shared")
	}
}

// Threads are released by one futex; some exec, some exit, the others unshare. Nothing hangs or is left over.
func TestThreadsRace(t *testing.T) {
	k := proctest.New(t)
	for round := range 5 {
		c := k.Init.Fork()
		word := c.Alloc(4)
		var calls []*proctest.Call
		for i := range 10 {
			a := c.Clone(proc.CloneArgs{Flags: threadFlags})
			calls = append(calls, a.StartDo(func(p *proc.Task) {
				_ = p.FutexWait(word, true, 0, anyBits, proc.Deadline{})
				switch i % 5 {
				case 0:
					_ = p.Exec(exec("/init"))
				case 1:
					p.Exit(uint32(i))
				case 2:
					_ = p.Unshare(abi.CLONE_FILES | abi.CLONE_FS)
				case 3:
					_ = p.Unshare(abi.CLONE_NEWNS | abi.CLONE_NEWUTS | abi.CLONE_NEWPID)
				case 4:
					_ = p.Unshare(abi.CLONE_VM)
				}
			}).Asleep())
		}
		do(t, c, func(p *proc.Task) error { _, err := p.FutexWake(word, true, 99, anyBits); return err })
		for _, call := range calls {
			call.Wait()
		}
		kill(t, k.Init, c.TGID(), abi.SIGKILL)
		if r, err := wait(t, k.Init, abi.P_ALL, 0, abi.WEXITED); err != nil || r.Status&0x7f != abi.SIGKILL {
			t.Fatalf("round %d: %+v, %v", round, r, err)
		}
	}
}

func TestSetns(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	if err := unshare(c, abi.CLONE_NEWUTS|abi.CLONE_NEWNS); err != nil {
		t.Fatal(err)
	}
	join := func(task *proctest.Task, kinds ...user.Kind) error {
		return try(task, func(p *proc.Task) error {
			var list []user.Any
			for _, kind := range kinds {
				n := c.Namespace(kind, false)
				defer n.Put()
				list = append(list, n)
			}
			return p.Join(list)
		})
	}
	d := k.Init.Fork()
	if err := join(d, user.KindUTS, user.KindMount); err != nil {
		t.Fatal(err)
	}
	if d.NS().UTS != c.NS().UTS || d.NS().Mount != c.NS().Mount || d.Caller.Mounts != c.NS().Mount {
		t.Error("setns did not move the task")
	}
	if err := join(d, user.KindUser); err != abi.EINVAL {
		t.Errorf("its own user namespace: %v", err)
	}
	s := d.Clone(proc.CloneArgs{Flags: abi.CLONE_FS, ExitSignal: abi.SIGCHLD})
	if err := join(s, user.KindMount); err != abi.EINVAL {
		t.Errorf("a mount namespace with a shared root: %v", err)
	}
}

// Every step of setns fails once: the task is where it was, and nothing is left over.
func TestSetnsFailsAtEveryStep(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	if err := unshare(c, abi.CLONE_NEWUSER|abi.CLONE_NEWUTS|abi.CLONE_NEWNS|abi.CLONE_NEWIPC); err != nil {
		t.Fatal(err)
	}
	d := k.Init.Fork()
	join := func() error {
		return try(d, func(p *proc.Task) error {
			var list []user.Any
			for _, kind := range []user.Kind{user.KindUser, user.KindUTS, user.KindMount, user.KindIPC} {
				n := c.Namespace(kind, false)
				defer n.Put()
				list = append(list, n)
			}
			return p.Join(list)
		})
	}
	before := k.Counts()
	type state struct{ fs, cred, set any }
	now := func() state { return state{d.FS(), d.Cred(), d.NS()} }
	had := now()
	n := 0
	for ; ; n++ {
		steps := &user.Steps{Left: n}
		k.Steps = steps
		err := join()
		k.Steps = nil
		if !steps.Failed {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		if err != abi.ENOMEM || now() != had {
			t.Fatalf("step %d: %v, changed %v", n, err, now() != had)
		}
		if after := k.Counts(); after != before {
			t.Fatalf("step %d: left over %+v, before %+v", n, after, before)
		}
	}
	if n == 0 || d.NS().Mount != c.NS().Mount || d.Cred().NS != c.Cred().NS {
		t.Errorf("%d steps could fail; joined: %v", n, d.NS().Mount == c.NS().Mount)
	}
}
