package proc_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
	"cleave/proc"
	"cleave/proc/proctest"
	events "cleave/wait"
)

// groups is a kernel with the control groups mounted on /cg, and what must be as before at the end.
type groups struct {
	*proctest.Kernel
	t *testing.T
}

func newGroups(t *testing.T) *groups {
	k := &groups{proctest.NewWith(t, proctest.Options{Frames: 2048}), t}
	k.Mkdir("/cg", 0o755)
	do(t, k.Init, func(p *proc.Task) error { return p.Caller.Mount(nil, []byte("/cg"), "cgroup2", 0, "") })
	t.Cleanup(func() {
		if n := k.Pool.Accounts(); n != 0 {
			t.Errorf("%d accounts of memory are left", n)
		}
	})
	return k
}

func (k *groups) mkdir(paths ...string) {
	k.t.Helper()
	for _, p := range paths {
		do(k.t, k.Init, func(t *proc.Task) error { return t.Caller.Mkdirat(abi.AT_FDCWD, []byte("/cg/"+p), 0o755) })
	}
}

// rmdir removes groups, so that none is left at the end.
func (k *groups) rmdir(paths ...string) {
	k.t.Helper()
	for _, p := range paths {
		if err := k.tryRmdir(p); err != nil {
			k.t.Errorf("rmdir %s: %v", p, err)
		}
	}
}

func (k *groups) tryRmdir(path string) error {
	return try(k.Init, func(t *proc.Task) error {
		return t.Caller.Unlinkat(abi.AT_FDCWD, []byte("/cg/"+path), abi.AT_REMOVEDIR)
	})
}

// put writes text to a control file as a task.
func put(c *proctest.Task, path, text string) error {
	return try(c, func(t *proc.Task) error {
		f, err := t.Caller.Open(abi.AT_FDCWD, []byte("/cg/"+path), fs.OpenHow{Flags: abi.O_WRONLY})
		if err != nil {
			return err
		}
		defer f.Put()
		_, err = t.Caller.Write(f, &fs.Bytes{B: []byte(text)})
		return err
	})
}

func (k *groups) put(path, text string) {
	k.t.Helper()
	if err := put(k.Init, path, text); err != nil {
		k.t.Errorf("writing %q to %s: %v", text, path, err)
	}
}

func (k *groups) wantPut(want error, path, text string) {
	k.t.Helper()
	if err := put(k.Init, path, text); err != want {
		k.t.Errorf("writing %q to %s: %v, want %v", text, path, err, want)
	}
}

// get reads a control file as a task.
func get(c *proctest.Task, path string) (text string, err error) {
	err = try(c, func(t *proc.Task) error {
		f, err := t.Caller.Open(abi.AT_FDCWD, []byte("/cg/"+path), fs.OpenHow{})
		if err != nil {
			return err
		}
		defer f.Put()
		b := make([]byte, 4096)
		n, err := t.Caller.Read(f, &fs.Bytes{B: b})
		text = string(b[:n])
		return err
	})
	return text, err
}

func (k *groups) wantText(path, want string) {
	k.t.Helper()
	if text, err := get(k.Init, path); text != want || err != nil {
		k.t.Errorf("%s is %q, %v, want %q", path, text, err, want)
	}
}

func (k *groups) ls(path string) (list []string) {
	k.t.Helper()
	do(k.t, k.Init, func(t *proc.Task) error {
		f, err := t.Caller.Open(abi.AT_FDCWD, []byte("/cg/"+path), fs.OpenHow{Flags: abi.O_DIRECTORY})
		if err != nil {
			return err
		}
		defer f.Put()
		return t.Caller.ReadDir(f, (*names)(&list))
	})
	return list
}

type names []string

func (n *names) Entry(name []byte, _ uint64, _ uint8, _ int64) bool {
	*n = append(*n, string(name))
	return true
}

func fork(c *proctest.Task) error {
	return try(c, func(p *proc.Task) error {
		pid, err := p.Clone(&proc.CloneArgs{ExitSignal: abi.SIGCHLD})
		if err == nil {
			err = p.Kill(pid, abi.SIGKILL)
		}
		if err == nil {
			_, err = p.Wait(proc.WaitArgs{Type: abi.P_PID, ID: pid, Options: abi.WEXITED})
		}
		return err
	})
}

func TestCgroupFiles(t *testing.T) {
	k := newGroups(t)
	k.mkdir("a")
	k.wantText("cgroup.controllers", "memory pids\n")
	k.wantText("a/cgroup.controllers", "\n")
	k.wantText("cgroup.procs", "1\n")
	k.wantText("a/cgroup.procs", "")
	k.wantText("a/cgroup.type", "domain\n")
	k.wantText("a/cgroup.events", "populated 0\nfrozen 0\n")
	k.wantText("a/cgroup.max.depth", "max\n")
	k.wantText("cgroup.stat", "nr_descendants 1\nnr_dying_descendants 0\n")
	want := []string{".", "..", "cgroup.type", "cgroup.procs", "cgroup.threads", "cgroup.controllers", "cgroup.subtree_control",
		"cgroup.events", "cgroup.max.descendants", "cgroup.max.depth", "cgroup.stat", "cgroup.freeze", "cgroup.kill"}
	if got := k.ls("a"); !slices.Equal(got, want) {
		t.Errorf("a has %v", got)
	}
	k.put("cgroup.subtree_control", "+pids +memory")
	k.wantText("cgroup.subtree_control", "memory pids\n")
	k.wantText("a/cgroup.controllers", "memory pids\n")
	k.wantText("a/pids.max", "max\n")
	k.wantText("a/memory.current", "0\n")
	if got := k.ls("a"); len(got) != len(want)+11 || !slices.Contains(got, "pids.max") {
		t.Errorf("with controllers, a has %v", got)
	}
	k.put("cgroup.subtree_control", "-pids")
	if _, err := get(k.Init, "a/pids.max"); err != abi.ENOENT {
		t.Error("without its controller, pids.max is:", err)
	}
	for _, c := range []struct {
		path, text string
		want       error
	}{
		{"cgroup.subtree_control", "+cpu", abi.EINVAL}, {"cgroup.subtree_control", "pids", abi.EINVAL},
		{"a/cgroup.subtree_control", "+pids", abi.ENOENT}, {"a/cgroup.type", "threaded", abi.EOPNOTSUPP},
		{"a/cgroup.max.depth", "-1", abi.ERANGE}, {"a/memory.max", "many", abi.EINVAL}, {"a/cgroup.kill", "2", abi.ERANGE},
		{"a/cgroup.procs", "x", abi.EINVAL}, {"a/cgroup.procs", "999", abi.ESRCH}, {"a/cgroup.events", "x", abi.EINVAL},
	} {
		k.wantPut(c.want, c.path, c.text)
	}
	if err := try(k.Init, func(t *proc.Task) error {
		return t.Caller.Mknodat(abi.AT_FDCWD, []byte("/cg/file"), abi.S_IFREG, 0)
	}); err != abi.EACCES {
		t.Error("making a file:", err)
	}
	k.put("cgroup.subtree_control", "-memory")
	k.rmdir("a")
}

func TestCgroupTreeLimits(t *testing.T) {
	k := newGroups(t)
	k.mkdir("a", "a/b")
	mkdir := func(path string) error {
		return try(k.Init, func(t *proc.Task) error { return t.Caller.Mkdirat(abi.AT_FDCWD, []byte("/cg/"+path), 0o755) })
	}
	k.put("a/cgroup.max.depth", "1")
	if err := mkdir("a/b/c"); err != abi.EAGAIN {
		t.Error("too deep:", err)
	}
	k.put("a/cgroup.max.depth", "max")
	k.put("a/cgroup.max.descendants", "1")
	if err := mkdir("a/b/c"); err != abi.EAGAIN {
		t.Error("too many:", err)
	}
	if err := mkdir("a/cgroup.procs"); err != abi.EEXIST {
		t.Error("the name of a control file:", err)
	}
	if err := k.tryRmdir("a"); err != abi.EBUSY {
		t.Error("rmdir of a group with children:", err)
	}
	k.rmdir("a/b", "a")
}

func TestCgroupMembership(t *testing.T) {
	k := newGroups(t)
	k.mkdir("a", "a/b", "c")
	c := k.Init.Fork()
	thread := c.Clone(proc.CloneArgs{Flags: threadFlags})
	k.put("a/b/cgroup.procs", fmt.Sprint(thread.TID())) // any thread stands for its process
	k.wantText("a/b/cgroup.procs", fmt.Sprintln(c.TID()))
	k.wantText("a/b/cgroup.threads", fmt.Sprintf("%d\n%d\n", c.TID(), thread.TID()))
	k.wantText("a/cgroup.events", "populated 1\nfrozen 0\n")
	if got := c.CgroupPath(k.Init.Task); got != "/a/b" {
		t.Error("the path is", got)
	}
	child := c.Fork()
	if got := child.CgroupPath(k.Init.Task); got != "/a/b" {
		t.Error("the path of a child is", got)
	}
	if err := k.tryRmdir("a/b"); err != abi.EBUSY {
		t.Error("rmdir of a group with processes:", err)
	}
	if err := put(c, "c/cgroup.procs", "0"); err != nil {
		t.Error("moving oneself:", err)
	}
	k.wantText("c/cgroup.procs", fmt.Sprintln(c.TID()))
	k.wantPut(abi.EOPNOTSUPP, "a/cgroup.threads", fmt.Sprint(thread.TID()))
	child.Exit(0) // a zombie is in no group that counts
	k.wantText("a/cgroup.events", "populated 0\nfrozen 0\n")
	k.rmdir("a/b")
	if got := child.CgroupPath(k.Init.Task); got != "/a/b (deleted)" {
		t.Error("the path of a zombie is", got)
	}
	c.Exit(0)
	thread.Gone()
	k.rmdir("a", "c")
}

func TestCgroupNoInternalProcesses(t *testing.T) {
	k := newGroups(t)
	k.mkdir("a", "a/b")
	k.put("cgroup.subtree_control", "+pids") // the root is exempt
	c := k.Init.Fork()
	pid := fmt.Sprint(c.TID())
	k.put("a/cgroup.procs", pid)
	k.wantPut(abi.EBUSY, "a/cgroup.subtree_control", "+pids")
	k.put("a/b/cgroup.procs", pid)
	k.put("a/cgroup.subtree_control", "+pids")
	k.wantPut(abi.EBUSY, "a/cgroup.procs", pid)
	k.wantPut(abi.EBUSY, "cgroup.subtree_control", "-pids")
	c.Exit(0)
	k.rmdir("a/b", "a")
}

func TestCgroupPids(t *testing.T) {
	k := newGroups(t)
	k.put("cgroup.subtree_control", "+pids")
	k.mkdir("a")
	k.put("a/cgroup.subtree_control", "+pids")
	k.mkdir("a/b")
	c := k.Init.Fork()
	k.put("a/b/cgroup.procs", fmt.Sprint(c.TID()))
	k.wantText("a/pids.current", "1\n")
	k.put("a/pids.max", "2")
	d := c.Fork()
	if err := fork(c); err != abi.EAGAIN {
		t.Error("fork beyond the limit of the group above:", err)
	}
	if err := try(c, func(p *proc.Task) error { _, err := p.Clone(&proc.CloneArgs{Flags: threadFlags}); return err }); err != abi.EAGAIN {
		t.Error("a thread beyond the limit:", err)
	}
	k.wantText("a/pids.events", "max 2\n")
	k.wantText("a/b/pids.events", "max 0\n")
	d.Exit(0)
	k.wantText("a/pids.current", "2\n") // until it is reaped
	if _, err := wait2(c); err != nil {
		t.Error(err)
	}
	k.wantText("a/b/pids.current", "1\n")
	k.wantText("a/b/pids.peak", "2\n")
	if err := fork(c); err != nil {
		t.Error("fork within the limit:", err)
	}
	e := k.Init.Fork()
	k.put("a/b/cgroup.procs", fmt.Sprint(e.TID())) // moving in is not limited
	f := k.Init.Fork()
	k.put("a/b/cgroup.procs", fmt.Sprint(f.TID()))
	k.wantText("a/pids.current", "3\n")
	k.put("cgroup.procs", fmt.Sprint(f.TID()))
	k.wantText("a/pids.current", "2\n")
	k.put("a/cgroup.kill", "1")
	c.Gone()
	e.Gone()
	for range 2 {
		wait2(k.Init)
	}
	k.wantText("a/pids.current", "0\n")
	k.rmdir("a/b", "a")
}

// wait2 waits for any child.
func wait2(c *proctest.Task) (r proc.WaitResult, err error) {
	c.Do(func(p *proc.Task) { r, err = p.Wait(proc.WaitArgs{Type: abi.P_ALL, Options: abi.WEXITED}) })
	return r, err
}

func TestCgroupEventsArePolled(t *testing.T) {
	k := newGroups(t)
	k.mkdir("a")
	var f *fs.File
	do(t, k.Init, func(p *proc.Task) (err error) {
		f, err = p.Caller.Open(abi.AT_FDCWD, []byte("/cg/a/cgroup.events"), fs.OpenHow{})
		return err
	})
	const changed = events.Pri | events.Err
	if f.Ops.Poll(f)&changed != 0 {
		t.Error("news at once")
	}
	told := 0
	e := events.Entry{L: listener(func() { told++ }), Mask: events.Pri}
	f.Ops.Queue(f).Register(&e)
	c := k.Init.Fork()
	k.put("a/cgroup.procs", fmt.Sprint(c.TID()))
	if f.Ops.Poll(f)&changed != changed || told != 1 {
		t.Errorf("no news of a process; told %d times", told)
	}
	do(t, k.Init, func(p *proc.Task) error { _, err := p.Caller.Pread(f, &fs.Bytes{B: make([]byte, 100)}, 0); return err })
	if f.Ops.Poll(f)&changed != 0 {
		t.Error("news after reading")
	}
	c.Exit(0)
	if f.Ops.Poll(f)&changed != changed || told != 2 {
		t.Errorf("no news of the end; told %d times", told)
	}
	f.Ops.Queue(f).Unregister(&e)
	k.rmdir("a")
	if err := try(k.Init, func(p *proc.Task) error { _, err := p.Caller.Pread(f, &fs.Bytes{B: make([]byte, 100)}, 0); return err }); err != abi.ENODEV {
		t.Error("reading a file of a group that is gone:", err)
	}
	f.Put()
}

type listener func()

func (l listener) Notify(*events.Entry, events.Events) { l() }

// TestCgroupFailedClone lets every step of a clone fail in turn: nothing stays charged.
func TestCgroupFailedClone(t *testing.T) {
	k := newGroups(t)
	k.put("cgroup.subtree_control", "+pids")
	k.mkdir("a")
	c := k.Init.Fork()
	k.put("a/cgroup.procs", fmt.Sprint(c.TID()))
	for n := 0; ; n++ {
		steps := &user.Steps{Left: n}
		k.Steps = steps
		err := fork(c)
		k.Steps = nil
		if !steps.Failed {
			break
		}
		if err != abi.ENOMEM {
			t.Errorf("step %d: %v", n, err)
		}
		k.wantText("a/pids.current", "1\n")
		k.wantText("a/cgroup.procs", fmt.Sprintln(c.TID()))
	}
	c.Exit(0)
	k.rmdir("a")
}

// TestCgroupChurn makes, fills, empties and removes groups while processes come and go in them.
func TestCgroupChurn(t *testing.T) {
	k := newGroups(t)
	k.put("cgroup.subtree_control", "+pids +memory")
	k.mkdir("a", "b")
	c := k.Init.Fork()
	d := k.Init.Fork()
	var wg sync.WaitGroup
	wg.Add(2)
	go func() {
		defer wg.Done()
		for range 50 {
			fork(c)
		}
	}()
	go func() {
		defer wg.Done()
		for i := range 50 {
			put(d, "ab"[i%2:i%2+1]+"/cgroup.procs", fmt.Sprint(c.TID()))
		}
	}()
	wg.Wait()
	for range 200 {
		k.mkdir("a/x")
		k.rmdir("a/x")
	}
	c.Exit(0)
	d.Exit(0)
	wait2(k.Init)
	wait2(k.Init)
	for _, path := range []string{"a", "b"} {
		k.wantText(path+"/pids.current", "0\n")
		k.wantText(path+"/cgroup.events", "populated 0\nfrozen 0\n")
		if text, _ := get(k.Init, path+"/memory.current"); strings.TrimSpace(text) != "0" {
			t.Errorf("%s has %s bytes", path, text)
		}
	}
	if n := k.UserNS.Live(user.KindCgroup); n != 1 {
		t.Errorf("%d cgroup namespaces", n)
	}
	k.put("cgroup.subtree_control", "-pids -memory")
	k.rmdir("a", "b")
}
