package proc_test

import (
	"fmt"
	"slices"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/cgroup"
	"cleave/proc"
	"cleave/proc/proctest"
)

// TestCgroupDelegation lets a user manage what is below a group that was given to him, and no more.
func TestCgroupDelegation(t *testing.T) {
	k := newGroups(t)
	k.mkdir("a", "other")
	do(t, k.Init, func(p *proc.Task) error {
		for _, path := range []string{"/cg/a", "/cg/a/cgroup.procs", "/cg/a/cgroup.subtree_control"} {
			if err := p.Caller.Fchownat(abi.AT_FDCWD, []byte(path), 1000, 1000, 0); err != nil {
				return err
			}
		}
		return nil
	})
	c := k.Init.Fork()
	k.put("a/cgroup.procs", fmt.Sprint(c.TID()))
	c.Must(214, 1000) // setgid32
	c.Must(213, 1000) // setuid32
	for _, path := range []string{"/cg/a/x", "/cg/a/y"} {
		do(t, c, func(p *proc.Task) error { return p.Caller.Mkdirat(abi.AT_FDCWD, []byte(path), 0o755) })
	}
	if err := put(c, "a/x/cgroup.procs", "0"); err != nil {
		t.Error("into a group of one's own:", err)
	}
	if err := put(c, "other/cgroup.procs", "0"); err != abi.EACCES {
		t.Error("out of what was delegated:", err)
	}
	outside := k.Init.Fork()
	if err := put(c, "a/y/cgroup.procs", fmt.Sprint(outside.TID())); err != abi.EACCES {
		t.Error("a process from outside:", err)
	}
	if err := put(c, "a/y/cgroup.procs", "0"); err != nil {
		t.Error("between groups of one's own:", err)
	}
	if err := put(c, "cgroup.subtree_control", "+pids"); err != abi.EACCES {
		t.Error("the root:", err)
	}
	c.Exit(0)
	outside.Exit(0)
	k.rmdir("a/x", "a/y", "a", "other")
}

func TestCgroupNamespace(t *testing.T) {
	k := newGroups(t)
	k.mkdir("a", "a/b", "c")
	k.Mkdir("/inner", 0o755)
	c := k.Init.Fork()
	k.put("a/b/cgroup.procs", fmt.Sprint(c.TID()))
	if err := unshare(c, abi.CLONE_NEWCGROUP|abi.CLONE_NEWNS); err != nil {
		t.Fatal(err)
	}
	if got := c.CgroupPath(c.Task); got != "/" {
		t.Error("inside, the own path is", got)
	}
	if got := k.Init.CgroupPath(c.Task); got != "/../.." {
		t.Error("inside, the path of init is", got)
	}
	k.put("c/cgroup.procs", fmt.Sprint(c.TID()))
	if got := c.CgroupPath(c.Task); got != "/../../c" {
		t.Error("after a move out of the root, the path is", got)
	}
	k.put("a/b/cgroup.procs", fmt.Sprint(c.TID()))
	do(t, c, func(p *proc.Task) error {
		if err := p.Caller.Mount(nil, []byte("/inner"), "cgroup2", 0, ""); err != nil {
			return err
		}
		return p.Caller.Mkdirat(abi.AT_FDCWD, []byte("/inner/own"), 0o755)
	})
	if got := k.ls("a/b"); !slices.Contains(got, "own") {
		t.Error("what is made inside is not below the root of the namespace:", got)
	}
	c.Exit(0)
	k.rmdir("a/b/own", "a/b", "a", "c")
}

// TestCgroupNsdelegate makes cgroup namespaces a boundary.
func TestCgroupNsdelegate(t *testing.T) {
	k := newGroups(t)
	do(t, k.Init, func(p *proc.Task) error {
		return p.Caller.Mount(nil, []byte("/cg"), "", abi.MS_REMOUNT, "nsdelegate")
	})
	k.put("cgroup.subtree_control", "+pids")
	k.mkdir("a", "c")
	c := k.Init.Fork()
	k.put("a/cgroup.procs", fmt.Sprint(c.TID()))
	if err := unshare(c, abi.CLONE_NEWCGROUP); err != nil {
		t.Fatal(err)
	}
	if err := put(c, "c/cgroup.procs", "0"); err != abi.ENOENT {
		t.Error("out of the namespace:", err)
	}
	if err := put(c, "a/pids.max", "5"); err != abi.EPERM {
		t.Error("one's own limit:", err)
	}
	c.Exit(0)
	k.rmdir("a", "c")
}

func TestCloneIntoCgroup(t *testing.T) {
	k := newGroups(t)
	k.put("cgroup.subtree_control", "+memory +pids")
	k.mkdir("a", "b")
	var into *cgroup.Group
	do(t, k.Init, func(p *proc.Task) error {
		f, err := p.Caller.Open(abi.AT_FDCWD, []byte("/cg/a"), fs.OpenHow{Flags: abi.O_PATH})
		if err == nil {
			into = cgroup.Of(f)
			f.Put()
		}
		return err
	})
	c := k.Init.Clone(proc.CloneArgs{ExitSignal: abi.SIGCHLD, Cgroup: into})
	k.wantText("a/cgroup.procs", fmt.Sprintln(c.TID()))
	touchPages(c, 3)
	k.wantText("a/memory.stat", "anon 12288\nfile 0\nkernel 0\n")
	clone := func(task *proctest.Task, flags uint64) error {
		return try(task, func(p *proc.Task) error { _, err := p.Clone(&proc.CloneArgs{Flags: flags, Cgroup: into}); return err })
	}
	k.put("a/pids.max", "1")
	if err := clone(k.Init, 0); err != abi.EAGAIN {
		t.Error("beyond the limit there:", err)
	}
	if err := clone(k.Init, threadFlags); err != abi.EOPNOTSUPP {
		t.Error("a thread:", err)
	}
	u := k.Init.Fork()
	u.Must(213, 1000)
	if err := clone(u, 0); err != abi.EACCES {
		t.Error("by a user:", err)
	}
	c.Exit(0)
	u.Exit(0)
	wait2(k.Init)
	wait2(k.Init)
	k.put("cgroup.subtree_control", "-memory -pids")
	k.rmdir("a", "b")
	if err := clone(k.Init, 0); err != abi.ENOENT {
		t.Error("into a group that is gone:", err)
	}
}

// TestCgroupMountNeedsPower lets a user namespace mount only what its cgroup namespace owns.
func TestCgroupMountNeedsPower(t *testing.T) {
	k := newGroups(t)
	k.Mkdir("/own", 0o777)
	c := k.Init.Fork()
	c.Must(213, 1000)
	mount := func() error {
		return try(c, func(p *proc.Task) error { return p.Caller.Mount(nil, []byte("/own"), "cgroup2", 0, "") })
	}
	if err := unshare(c, abi.CLONE_NEWUSER|abi.CLONE_NEWNS); err != nil {
		t.Fatal(err)
	}
	if err := mount(); err != abi.EPERM {
		t.Error("with the cgroup namespace of others:", err)
	}
	if err := unshare(c, abi.CLONE_NEWCGROUP); err != nil {
		t.Fatal(err)
	}
	if err := mount(); err != nil {
		t.Error("with its own:", err)
	}
	c.Exit(0)
}

// TestCgroupFreeze freezes one process in user mode and one in a system call.
func TestCgroupFreeze(t *testing.T) {
	k := newGroups(t)
	k.mkdir("a", "a/b")
	c, d := k.Init.Fork(), k.Init.Fork()
	handle(t, d, abi.SIGUSR1, handlerAddr, 0, 0)
	k.put("a/cgroup.procs", fmt.Sprint(c.TID()))
	k.put("a/b/cgroup.procs", fmt.Sprint(d.TID()))
	const nrPause = 29
	pause := c.Start(nrPause).Asleep()
	k.put("a/cgroup.freeze", "1")
	k.wantText("a/cgroup.freeze", "1\n")
	k.wantText("a/b/cgroup.freeze", "0\n") // its own; that above counts as well
	frozen := func(path string) {
		for {
			if text, _ := get(k.Init, path+"/cgroup.events"); text == "populated 1\nfrozen 1\n" {
				return
			}
			proctest.Yield()
		}
	}
	frozen("a/b")
	frozen("a")
	goes := make(chan *proctest.Task)
	for _, x := range []*proctest.Task{d, k.Init.Fork()} {
		if x != d {
			k.put("a/cgroup.procs", fmt.Sprint(x.TID())) // comes in and freezes
			frozen("a")
		}
		go func() {
			x.Sync()
			goes <- x
		}()
	}
	kill(t, k.Init, d.TID(), abi.SIGUSR1) // waits, with all others that do not kill
	select {
	case <-goes:
		t.Error("a frozen process goes on")
	default:
	}
	k.put("a/cgroup.freeze", "0")
	for range 2 {
		(<-goes).Exit(0)
	}
	k.wantText("a/cgroup.freeze", "0\n")
	if pause.Done() {
		t.Error("the call has ended, but was to be made again")
	}
	k.put("a/cgroup.freeze", "1")
	frozen("a")
	kill(t, k.Init, c.TID(), abi.SIGKILL)
	c.Gone()
	k.put("a/cgroup.freeze", "0")
	k.rmdir("a/b", "a")
}
