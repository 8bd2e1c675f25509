package cgroupfs_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
	"cleave/proc"
	"cleave/proc/cgroupfs"
	"cleave/proc/proctest"
	"cleave/wait"
)

// world is a kernel with cgroup2 mounted on /cg by its first process.
type world struct {
	*proctest.Kernel
	t *testing.T
}

func newWorld(t *testing.T) *world {
	w := &world{proctest.New(t), t}
	w.VFS.Register(cgroupfs.Type(w.Kernel.Kernel))
	w.Mkdir("/cg", 0o755)
	w.mount(w.Init)
	t.Cleanup(func() {
		if !t.Failed() {
			w.Init.Do(func(p *proc.Task) { w.want("umount", p.Caller.Umount([]byte("/cg"), abi.MNT_DETACH), 0) })
		}
	})
	return w
}

func (w *world) mount(t *proctest.Task) {
	w.t.Helper()
	t.Do(func(p *proc.Task) {
		w.want("mount", p.Caller.Mount([]byte("none"), []byte("/cg"), "cgroup2", 0, "nsdelegate"), 0)
	})
}

func (w *world) want(what string, err error, want abi.Errno) {
	w.t.Helper()
	var e abi.Errno
	if err != nil && !errors.As(err, &e) || e != want {
		w.t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func (w *world) read(t *proctest.Task, path string) (text string) {
	w.t.Helper()
	t.Do(func(p *proc.Task) {
		f, err := p.Caller.Open(abi.AT_FDCWD, []byte(path), fs.OpenHow{Flags: abi.O_RDONLY})
		if err != nil {
			text = err.Error()
			return
		}
		defer f.Put()
		buf := make([]byte, 1000)
		n, err := p.Caller.Read(f, &fs.Bytes{B: buf})
		if text = string(buf[:n]); err != nil {
			text = err.Error()
		}
	})
	return text
}

func (w *world) write(t *proctest.Task, path, text string) (err error) {
	w.t.Helper()
	t.Do(func(p *proc.Task) {
		var f *fs.File
		if f, err = p.Caller.Open(abi.AT_FDCWD, []byte(path), fs.OpenHow{Flags: abi.O_WRONLY}); err == nil {
			_, err = p.Caller.Write(f, &fs.Bytes{B: []byte(text)})
			f.Put()
		}
	})
	return err
}

func (w *world) mkdir(t *proctest.Task, path string) (err error) {
	t.Do(func(p *proc.Task) { err = p.Caller.Mkdirat(abi.AT_FDCWD, []byte(path), 0o755) })
	return err
}

func (w *world) rmdir(t *proctest.Task, path string) (err error) {
	t.Do(func(p *proc.Task) { err = p.Caller.Unlinkat(abi.AT_FDCWD, []byte(path), abi.AT_REMOVEDIR) })
	return err
}

func (w *world) expect(path, want string) {
	w.t.Helper()
	if got := w.read(w.Init, path); got != want {
		w.t.Errorf("%s: %q, want %q", path, got, want)
	}
}

// forks is how many children t can make before an error, at most ten; they exit and are reaped.
func (w *world) forks(t *proctest.Task) (n int, err error) {
	var pids []int32
	t.Do(func(p *proc.Task) {
		for n = 0; n < 10; n++ {
			var pid int32
			if pid, err = p.Clone(&proc.CloneArgs{ExitSignal: abi.SIGCHLD}); err != nil {
				break
			}
			pids = append(pids, p.FindTask(pid).PIDIn(w.PIDNamespace()))
		}
	})
	for _, pid := range pids {
		w.Find(pid).Exit(0)
	}
	t.Do(func(p *proc.Task) {
		for range pids {
			_, werr := p.Wait(proc.WaitArgs{Type: abi.P_ALL, Options: abi.WEXITED})
			w.want("wait", werr, 0)
		}
	})
	return n, err
}

func TestTree(t *testing.T) {
	w := newWorld(t)
	w.expect("/cg/cgroup.controllers", "pids\n")
	w.expect("/cg/cgroup.subtree_control", "\n")
	w.expect("/cg/cgroup.procs", "1\n")
	w.expect("/cg/pids.max", "ENOENT")
	w.expect("/cg/cgroup.type", "ENOENT")
	w.want("mkdir", w.mkdir(w.Init, "/cg/a"), 0)
	w.want("mkdir again", w.mkdir(w.Init, "/cg/a"), abi.EEXIST)
	w.want("mkdir with a file's name", w.mkdir(w.Init, "/cg/a/cgroup.procs"), abi.EEXIST)
	w.want("mkdir with a newline", w.mkdir(w.Init, "/cg/a\nb"), abi.EINVAL)
	w.expect("/cg/a/pids.max", "ENOENT")
	w.expect("/cg/a/cgroup.type", "domain\n")
	w.expect("/cg/a/cgroup.procs", "")
	for _, test := range []struct {
		text string
		want abi.Errno
	}{{"pids", abi.EINVAL}, {"+cpu", abi.EINVAL}, {"+", abi.EINVAL}, {"+pids -pids", 0}, {"+pids", 0}, {"", 0}} {
		w.want("subtree_control "+test.text, w.write(w.Init, "/cg/cgroup.subtree_control", test.text), test.want)
	}
	w.expect("/cg/a/pids.max", "max\n")
	w.want("mkdir", w.mkdir(w.Init, "/cg/a/b"), 0)
	w.want("a controller that is not there", w.write(w.Init, "/cg/a/b/cgroup.subtree_control", "+pids"), abi.ENOENT)
	w.want("pass on", w.write(w.Init, "/cg/a/cgroup.subtree_control", "+pids"), 0)
	w.want("in use below", w.write(w.Init, "/cg/cgroup.subtree_control", "-pids"), abi.EBUSY)
	w.want("rmdir with a child", w.rmdir(w.Init, "/cg/a"), abi.EBUSY)
	w.expect("/cg/cgroup.stat", "nr_descendants 2\nnr_dying_descendants 0\n")
	w.want("limit", w.write(w.Init, "/cg/a/cgroup.max.descendants", "1"), 0)
	w.want("too many", w.mkdir(w.Init, "/cg/a/c"), abi.EAGAIN)
	w.want("limit", w.write(w.Init, "/cg/a/cgroup.max.descendants", "max"), 0)
	w.want("limit", w.write(w.Init, "/cg/a/cgroup.max.depth", "1"), 0)
	w.want("too deep", w.mkdir(w.Init, "/cg/a/b/c"), abi.EAGAIN)
	for _, text := range []string{"", "x", "-1", "99999999999"} {
		w.want("limit "+text, w.write(w.Init, "/cg/a/cgroup.max.depth", text), abi.EINVAL)
	}
	w.Init.Do(func(p *proc.Task) {
		_, err := p.Caller.Open(abi.AT_FDCWD, []byte("/cg/a/file"), fs.OpenHow{Flags: abi.O_CREAT | abi.O_WRONLY, Mode: 0o644})
		w.want("make a file", err, abi.EPERM)
		w.want("remove a file", p.Caller.Unlinkat(abi.AT_FDCWD, []byte("/cg/a/cgroup.procs"), 0), abi.EPERM)
		for _, o := range []string{"junk", "none,name=x"} {
			w.want("option "+o, p.Caller.Mount([]byte("none"), []byte("/cg"), "cgroup2", 0, o), abi.EINVAL)
		}
	})
	w.want("rmdir", w.rmdir(w.Init, "/cg/a/b"), 0)
	w.want("rmdir", w.rmdir(w.Init, "/cg/a"), 0)
	w.expect("/cg/a/cgroup.procs", "ENOENT")
	if n := w.Init.Cgroup().Live(); n != 1 {
		t.Errorf("%d cgroups are left", n)
	}
}

func TestMove(t *testing.T) {
	w := newWorld(t)
	w.want("mkdir", w.mkdir(w.Init, "/cg/a"), 0)
	c := w.Init.Fork()
	thread := c.Clone(proc.CloneArgs{Flags: abi.CLONE_VM | abi.CLONE_SIGHAND | abi.CLONE_THREAD})
	for _, test := range []struct {
		text string
		want abi.Errno
	}{{"", abi.EINVAL}, {"x", abi.EINVAL}, {"-2", abi.EINVAL}, {"77", abi.ESRCH}, {"3", 0}, {"2\n", 0}} {
		w.want("move "+test.text, w.write(w.Init, "/cg/a/cgroup.procs", test.text), test.want)
	}
	w.want("a thread", w.write(w.Init, "/cg/a/cgroup.threads", "3"), abi.EOPNOTSUPP)
	w.expect("/cg/a/cgroup.procs", "2\n")
	w.expect("/cg/a/cgroup.threads", "2\n3\n")
	w.expect("/cg/a/cgroup.events", "populated 1\nfrozen 0\n")
	w.want("rmdir with tasks", w.rmdir(w.Init, "/cg/a"), abi.EBUSY)
	grandchild := thread.Fork()
	w.expect("/cg/a/cgroup.procs", "2\n4\n")
	w.want("the writer itself", w.write(grandchild, "/cg/cgroup.procs", "0"), 0)
	w.expect("/cg/cgroup.procs", "1\n4\n")
	w.Init.Do(func(p *proc.Task) {
		f, err := p.Caller.Open(abi.AT_FDCWD, []byte("/cg/a/cgroup.events"), fs.OpenHow{Flags: abi.O_RDONLY})
		w.want("open", err, 0)
		defer f.Put()
		_, err = p.Caller.Read(f, &fs.Bytes{B: make([]byte, 99)})
		w.want("read", err, 0)
		if f.Ops.Poll(f)&wait.Pri != 0 {
			t.Error("an event though nothing has changed")
		}
		thread.StartDo(func(p *proc.Task) { p.Exit(0) })
		thread.Gone()
		c.Exit(0)
		if f.Ops.Poll(f)&wait.Pri == 0 {
			t.Error("no event though the cgroup is empty")
		}
		w.want("remove with a zombie", p.Caller.Unlinkat(abi.AT_FDCWD, []byte("/cg/a"), abi.AT_REMOVEDIR), 0)
		_, err = p.Caller.Pread(f, &fs.Bytes{B: make([]byte, 99)}, 0)
		w.want("read of a removed one", err, abi.ENODEV)
	})
	w.expect("/cg/a", "ENOENT")
}

func TestPids(t *testing.T) {
	w := newWorld(t)
	w.want("control", w.write(w.Init, "/cg/cgroup.subtree_control", "+pids"), 0)
	w.want("mkdir", w.mkdir(w.Init, "/cg/a"), 0)
	w.want("control", w.write(w.Init, "/cg/a/cgroup.subtree_control", "+pids"), 0)
	w.want("mkdir", w.mkdir(w.Init, "/cg/a/b"), 0)
	c := w.Init.Fork()
	w.want("move", w.write(c, "/cg/a/b/cgroup.procs", "0"), 0)
	w.want("max", w.write(w.Init, "/cg/a/pids.max", "4\n"), 0)
	n, err := w.forks(c)
	w.want("fork at the limit of the parent", err, abi.EAGAIN)
	if n != 3 {
		t.Errorf("%d children with a limit of 4", n)
	}
	w.expect("/cg/a/pids.current", "1\n")
	w.expect("/cg/a/b/pids.peak", "4\n")
	w.expect("/cg/a/pids.events", "max 1\n")
	w.expect("/cg/a/b/pids.events", "max 0\n")
	w.want("max", w.write(w.Init, "/cg/a/b/pids.max", "0"), 0)
	if n, _ := w.forks(c); n != 0 {
		t.Error("a limit below what there is allows a fork")
	}
	w.want("off", w.write(w.Init, "/cg/a/cgroup.subtree_control", "-pids"), 0)
	w.expect("/cg/a/b/pids.max", "ENOENT")
	w.want("max", w.write(w.Init, "/cg/a/pids.max", "max"), 0)
	if n, err := w.forks(c); n != 10 {
		t.Errorf("%d children without a limit: %v", n, err)
	}
	for _, text := range []string{"-1", "x", "", "99999999"} {
		w.want("max "+text, w.write(w.Init, "/cg/a/pids.max", text), abi.EINVAL)
	}
}

// TestDelegation: a user who owns a part of the tree manages it, and nothing outside of it.
func TestDelegation(t *testing.T) {
	w := newWorld(t)
	w.want("mkdir", w.mkdir(w.Init, "/cg/u"), 0)
	c := w.Init.Fork()
	w.Init.Do(func(p *proc.Task) {
		for _, path := range []string{"/cg/u", "/cg/u/cgroup.procs", "/cg/u/cgroup.subtree_control"} {
			w.want("chown", p.Caller.Fchownat(abi.AT_FDCWD, []byte(path), 1000, 1000, 0), 0)
		}
	})
	w.want("move", w.write(w.Init, "/cg/u/cgroup.procs", "2"), 0)
	c.Do(func(p *proc.Task) {
		w.want("become a user", p.ChangeCred(func(c *user.Cred) (*user.Cred, error) { return c.SetRESUID(1000, 1000, 1000) }), 0)
	})
	w.want("mkdir by the user", w.mkdir(c, "/cg/u/x"), 0)
	w.want("mkdir elsewhere", w.mkdir(c, "/cg/y"), abi.EACCES)
	w.want("limits of the delegated one", w.write(c, "/cg/u/cgroup.max.depth", "3"), abi.EACCES)
	w.want("limits below", w.write(c, "/cg/u/x/cgroup.max.depth", "3"), 0)
	w.want("move within", w.write(c, "/cg/u/x/cgroup.procs", "0"), 0)
	w.want("move out", w.write(c, "/cg/cgroup.procs", "0"), abi.EACCES)
	w.want("move another in", w.write(c, "/cg/u/x/cgroup.procs", "1"), abi.EACCES)
	w.want("kill of the delegated one", w.write(c, "/cg/u/cgroup.kill", "1"), abi.EACCES)
	w.want("kill with another number", w.write(w.Init, "/cg/u/cgroup.kill", "2"), abi.ERANGE)
	w.want("kill with none", w.write(w.Init, "/cg/u/cgroup.kill", ""), abi.EINVAL)
	w.want("kill", w.write(w.Init, "/cg/u/cgroup.kill", "1\n"), 0)
	c.Gone()
	w.expect("/cg/u/cgroup.events", "populated 0\nfrozen 0\n")
}

// TestNamespace: tasks of a cgroup namespace see their part of the tree as the whole.
func TestNamespace(t *testing.T) {
	w := newWorld(t)
	w.want("mkdir", w.mkdir(w.Init, "/cg/a"), 0)
	w.want("mkdir", w.mkdir(w.Init, "/cg/b"), 0)
	c := w.Init.Fork()
	w.want("move", w.write(c, "/cg/a/cgroup.procs", "0"), 0)
	c.Do(func(p *proc.Task) { w.want("unshare", p.Unshare(abi.CLONE_NEWCGROUP|abi.CLONE_NEWNS), 0) })
	w.mount(c)
	w.want("mkdir", w.mkdir(c, "/cg/in"), 0)
	w.expect("/cg/a/in/cgroup.procs", "")
	if got := w.read(c, "/cg/cgroup.procs"); got != "2\n" {
		t.Errorf("%q", got)
	}
	inner, outer := c.NS().Cgroup.Root(), w.Init.NS().Cgroup.Root()
	for _, test := range []struct{ got, want string }{
		{c.Cgroup().PathFrom(inner), "/"}, {c.Cgroup().PathFrom(outer), "/a"}, {w.Init.Cgroup().PathFrom(inner), "/.."},
	} {
		if test.got != test.want {
			t.Errorf("path %s, want %s", test.got, test.want)
		}
	}
	b, err := outer.Child("b")
	w.want("child", err, 0)
	if got := b.PathFrom(inner); got != "/../b" {
		t.Error(got)
	}
	w.want("umount", func() (err error) {
		c.Do(func(p *proc.Task) { err = p.Caller.Umount([]byte("/cg"), abi.MNT_DETACH) })
		return err
	}(), 0)
	w.want("out of the namespace, through an outer mount", w.write(c, "/cg/b/cgroup.procs", "0"), abi.ENOENT)
	w.want("within", w.write(c, "/cg/a/in/cgroup.procs", "0"), 0)
}

func TestCloneInto(t *testing.T) {
	w := newWorld(t)
	w.want("mkdir", w.mkdir(w.Init, "/cg/a"), 0)
	w.Init.Do(func(p *proc.Task) {
		open := func(path string) *fs.File {
			f, err := p.Caller.Open(abi.AT_FDCWD, []byte(path), fs.OpenHow{Flags: abi.O_RDONLY})
			w.want("open "+path, err, 0)
			return f
		}
		for _, path := range []string{"/", "/cg/a/cgroup.procs"} {
			f := open(path)
			_, err := cgroupfs.MayStart(f, &p.Caller, p.Cgroup())
			w.want(path, err, abi.EBADF)
			f.Put()
		}
		f := open("/cg/a")
		cg, err := cgroupfs.MayStart(f, &p.Caller, p.Cgroup())
		w.want("directory", err, 0)
		_, err = p.Clone(&proc.CloneArgs{ExitSignal: abi.SIGCHLD, Cgroup: cg})
		w.want("clone", err, 0)
		f.Put()
	})
	w.expect("/cg/a/cgroup.procs", "2\n")
	w.Find(2).Exit(0)
	w.want("rmdir", w.rmdir(w.Init, "/cg/a"), 0)
}

func TestList(t *testing.T) {
	w := newWorld(t)
	w.want("mkdir", w.mkdir(w.Init, "/cg/zz"), 0)
	w.want("mkdir", w.mkdir(w.Init, "/cg/aa"), 0)
	var names []string
	w.Init.Do(func(p *proc.Task) {
		f, err := p.Caller.Open(abi.AT_FDCWD, []byte("/cg"), fs.OpenHow{Flags: abi.O_RDONLY | abi.O_DIRECTORY})
		w.want("open", err, 0)
		for range 40 { // one entry at a time
			w.want("list", p.Caller.ReadDir(f, &one{&names, false}), 0)
		}
		f.Put()
	})
	if !slices.Contains(names, "cgroup.procs") || slices.Contains(names, "cgroup.type") || !strings.HasSuffix(strings.Join(names, " "), " aa zz") {
		t.Error(names)
	}
	slices.Sort(names)
	if n := len(slices.Compact(slices.Clone(names))); n != len(names) {
		t.Error("a name comes twice: ", names)
	}
}

// one takes one name.
type one struct {
	names *[]string
	full  bool
}

func (o *one) Entry(name []byte, _ uint64, _ uint8, _ int64) bool {
	if o.full {
		return false
	}
	o.full = true
	*o.names = append(*o.names, string(name))
	return true
}
