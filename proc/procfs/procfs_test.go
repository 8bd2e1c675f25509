package procfs_test

import (
	"slices"
	"strings"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/eventfd"
	"cleave/ns"
	"cleave/ns/user"
	"cleave/proc"
	"cleave/proc/proctest"
)

func TestEveryFile(t *testing.T) {
	w := newWorld(t, "")
	var walk func(dir string)
	walk = func(dir string) {
		list, err := w.list(w.Init, dir)
		w.want(dir, err, 0)
		for _, name := range list {
			path := dir + "/" + name
			a, err := w.stat(w.Init, path)
			w.want("stat "+path, err, 0)
			switch a.Mode & abi.S_IFMT {
			case abi.S_IFDIR:
				if a.Nlink < 2 {
					t.Errorf("%s has %d links", path, a.Nlink)
				}
				walk(path)
			case abi.S_IFLNK:
				if _, err := w.link(w.Init, path); err != nil && !strings.HasSuffix(path, "pid_for_children") {
					t.Errorf("%s: %v", path, err)
				}
			default:
				if a.Mode&0o444 != 0 && !strings.HasSuffix(path, "/mem") && !strings.HasSuffix(path, "/pagemap") {
					if _, err := w.read(w.Init, path); err != nil {
						t.Errorf("%s: %v", path, err)
					}
				}
			}
		}
	}
	walk("/proc")
}

func TestProcesses(t *testing.T) {
	w := newWorld(t, "")
	child := w.Init.Fork()
	thread := child.Clone(proc.CloneArgs{Flags: abi.CLONE_VM | abi.CLONE_SIGHAND | abi.CLONE_THREAD | abi.CLONE_FS | abi.CLONE_FILES})
	list, err := w.list(w.Init, "/proc")
	w.want("list", err, 0)
	if !slices.Contains(list, "1") || !slices.Contains(list, "2") || slices.Contains(list, "3") || !slices.Contains(list, "self") {
		t.Error(list)
	}
	tasks, err := w.list(w.Init, "/proc/2/task")
	w.want("list", err, 0)
	if !slices.Equal(tasks, names{"2", "3"}) {
		t.Error(tasks)
	}
	for _, test := range []struct{ path, want string }{
		{"/proc/self", "2"}, {"/proc/thread-self", "2/task/3"}, {"/proc/mounts", "self/mounts"},
	} {
		if got, err := w.link(thread, test.path); got != test.want {
			t.Errorf("%s: %q, %v", test.path, got, err)
		}
	}
	for _, test := range []struct{ path, name, want string }{
		{"/proc/2/status", "Pid", "2"}, {"/proc/3/status", "Pid", "3"}, {"/proc/3/status", "Tgid", "2"},
		{"/proc/2/task/3/status", "Pid", "3"}, {"/proc/2/status", "PPid", "1"}, {"/proc/2/status", "Threads", "2"},
		{"/proc/self/status", "Name", "init"}, {"/proc/2/status", "State", "R (running)"}, {"/proc/1/status", "NSpid", "1"},
		{"/proc/2/status", "Uid", "0\t0\t0\t0"}, {"/proc/2/status", "CapEff", "000001ffffffffff"},
	} {
		if got := w.field(w.Init, test.path, test.name); got != test.want {
			t.Errorf("%s, %s: %q, want %q", test.path, test.name, got, test.want)
		}
	}
	stat := strings.Fields(w.text(w.Init, "/proc/2/stat"))
	if len(stat) != 52 || stat[0] != "2" || stat[1] != "(init)" || stat[3] != "1" || stat[19] != "2" {
		t.Error(len(stat), stat)
	}
	if got := w.text(w.Init, "/proc/1/task/1/children"); got != "2 " {
		t.Errorf("children: %q", got)
	}
	for _, path := range []string{"/proc/4", "/proc/02", "/proc/0", "/proc/-1", "/proc/2/task/1", "/proc/99999999999", "/proc/2x"} {
		_, err := w.stat(w.Init, path)
		w.want(path, err, abi.ENOENT)
	}
	w.do(w.Init, func(p *proc.Task) {
		f, err := p.Caller.Open(abi.AT_FDCWD, []byte("/proc/2/stat"), openRead)
		w.want("open", err, 0)
		child.Exit(0)
		_, err = readOpen(p, f)
		w.want("a file of a zombie", err, 0)
		_, err = p.Wait(proc.WaitArgs{Type: abi.P_ALL, Options: abi.WEXITED})
		w.want("wait", err, 0)
		_, err = readOpen(p, f)
		w.want("a file of a process that is gone", err, abi.ESRCH)
		f.Put()
	})
	_, err = w.stat(w.Init, "/proc/2")
	w.want("gone", err, abi.ENOENT)
}

func TestComm(t *testing.T) {
	w := newWorld(t, "")
	child := w.Init.Fork()
	w.want("comm", w.write(w.Init, "/proc/self/comm", "a new name that is too long\n"), 0)
	if got := w.text(child, "/proc/1/comm"); got != "a new name that\n" {
		t.Errorf("%q", got)
	}
	w.want("another's comm", w.write(child, "/proc/1/comm", "x"), abi.EINVAL)
	w.want("oom_score_adj", w.write(w.Init, "/proc/2/oom_score_adj", "500\n"), 0)
	if got := w.text(child, "/proc/self/oom_score_adj"); got != "500\n" {
		t.Errorf("%q", got)
	}
	w.become(child, 1000)
	w.want("lower", w.write(child, "/proc/self/oom_score_adj", "100"), abi.EACCES)
	w.want("higher", w.write(child, "/proc/self/oom_score_adj", "600"), 0)
	for _, bad := range []string{"1001", "-1001", "", "x", "1 2"} {
		w.want(bad, w.write(child, "/proc/self/oom_score_adj", bad), abi.EINVAL)
	}
}

func TestDescriptors(t *testing.T) {
	w := newWorld(t, "")
	w.WriteFile("/file", 0o644, []byte("hello"))
	child := w.Init.Fork()
	w.do(child, func(p *proc.Task) {
		f, err := p.Caller.Open(abi.AT_FDCWD, []byte("/file"), openRead)
		w.want("open", err, 0)
		_, err = p.Caller.Read(f, bytesOf(3))
		w.want("read", err, 0)
		_, err = p.Files().Install(f, 100, true)
		w.want("install", err, 0)
	})
	list, err := w.list(w.Init, "/proc/2/fd")
	w.want("list", err, 0)
	if !slices.Equal(list, names{"0"}) {
		t.Error(list)
	}
	if got, err := w.link(w.Init, "/proc/2/fd/0"); got != "/file" {
		t.Error(got, err)
	}
	if a, _ := w.stat(w.Init, "/proc/2/fd"); a.Size != 1 {
		t.Errorf("fd shows %d descriptors", a.Size)
	}
	if a, _ := w.stat(w.Init, "/proc/2/fd/0"); a.Mode != abi.S_IFLNK|0o500 {
		t.Errorf("mode %o", a.Mode)
	}
	if got := w.text(w.Init, "/proc/2/fd/0"); got != "hello" {
		t.Errorf("opened anew: %q", got)
	}
	info := w.text(w.Init, "/proc/2/fdinfo/0")
	if !strings.HasPrefix(info, "pos:\t3\nflags:\t0") || !strings.Contains(info, "\nmnt_id:\t") {
		t.Errorf("%q", info)
	}
	w.do(child, func(p *proc.Task) { w.want("close", p.Files().Close(0), 0) })
	_, err = w.link(w.Init, "/proc/2/fd/0")
	w.want("closed", err, abi.ENOENT)
	for _, path := range []string{"/proc/2/fd/00", "/proc/2/fd/x", "/proc/2/fd/-1", "/proc/2/fdinfo/0"} {
		_, err := w.stat(w.Init, path)
		w.want(path, err, abi.ENOENT)
	}
}

// TestAnonymousDescriptor opens anew what has no inode of its own.
func TestAnonymousDescriptor(t *testing.T) {
	w := newWorld(t, "")
	w.do(w.Init, func(p *proc.Task) {
		_, err := p.Files().Install(eventfd.NewFile(w.VFS, 0, false, 0, p.Cred()), 100, false)
		w.want("install", err, 0)
		_, err = p.Caller.Open(abi.AT_FDCWD, []byte("/proc/self/fd/0"), openRead)
		w.want("open", err, abi.ENXIO)
	})
}

// TestSignalByDirectory: pidfd_send_signal takes an open /proc/PID.
func TestSignalByDirectory(t *testing.T) {
	w := newWorld(t, "")
	c := w.Init.Fork()
	w.do(w.Init, func(p *proc.Task) {
		open := func(path string) int32 {
			f, err := p.Caller.Open(abi.AT_FDCWD, []byte(path), openRead)
			w.want("open", err, 0)
			fd, err := p.Files().Install(f, 100, true)
			w.want("install", err, 0)
			return int32(fd)
		}
		dir, other := open("/proc/2"), open("/proc/2/fd")
		w.want("another directory", p.PidfdSend(other, 0, nil), abi.EBADF)
		w.want("no signal", p.PidfdSend(dir, 0, nil), 0)
		w.want("a signal", p.PidfdSend(dir, abi.SIGKILL, nil), 0)
		_, err := p.Wait(proc.WaitArgs{Type: abi.P_ALL, Options: abi.WEXITED})
		w.want("wait", err, 0)
		w.want("gone", p.PidfdSend(dir, 0, nil), abi.ESRCH)
	})
	c.Gone()
}

// TestAccess: who may look at what of others.
func TestAccess(t *testing.T) {
	w := newWorld(t, "")
	a, b := w.Init.Fork(), w.Init.Fork() // 2 and 3
	w.become(a, 1000)
	w.become(b, 2000)
	for _, path := range []string{"exe", "cwd", "root", "ns/user"} {
		_, err := w.link(a, "/proc/3/"+path)
		w.want(path, err, abi.EACCES)
		_, err = w.link(a, "/proc/2/"+path)
		w.want("own "+path, err, 0)
		_, err = w.link(w.Init, "/proc/2/"+path)
		w.want("root's view of "+path, err, 0)
	}
	for _, path := range []string{"maps", "environ", "mem", "pagemap", "auxv", "smaps", "io", "personality", "fd", "fdinfo"} {
		_, err := w.read(a, "/proc/3/"+path)
		w.want(path, err, abi.EACCES)
	}
	for _, path := range []string{"status", "stat", "statm", "cmdline", "comm", "limits", "mounts", "cgroup", "uid_map"} {
		_, err := w.read(a, "/proc/3/"+path)
		w.want(path, err, 0)
	}
	if f := strings.Fields(w.text(a, "/proc/3/stat")); f[25] != "1" || f[27] != "0" {
		t.Error("stat tells of addresses:", f)
	}
	if at, _ := w.stat(w.Init, "/proc/2/status"); at.UID != 1000 || at.GID != 1000 {
		t.Error("a file of a user's process is not his")
	}
	w.do(a, func(p *proc.Task) { w.want("dumpable", p.SetDumpable(0), 0) })
	if at, _ := w.stat(w.Init, "/proc/2/status"); at.UID != 0 {
		t.Error("a file of a process that may not be dumped is its user's")
	}
	if at, _ := w.stat(w.Init, "/proc/2"); at.UID != 1000 {
		t.Error("the directory is not the user's")
	}
	_, err := w.list(a, "/proc/self/fd")
	w.want("own descriptors, undumpable", err, 0)
	_, err = w.read(a, "/proc/self/maps")
	w.want("own maps, undumpable: not the owner of the file", err, 0)
	twin := w.Init.Fork()
	w.become(twin, 1000)
	_, err = w.link(twin, "/proc/2/exe")
	w.want("another's of the same user, undumpable", err, abi.EACCES)
}

// TestMemoryOfTheDead: an open mem or pagemap keeps no memory, and shows none once the process has ended.
func TestMemoryOfTheDead(t *testing.T) {
	const exitGroup = 252
	w := newWorld(t, "")
	child := w.Init.Fork()
	w.do(w.Init, func(p *proc.Task) {
		files := map[string]*fs.File{}
		for _, name := range []string{"mem", "pagemap"} {
			f, err := p.Caller.Open(abi.AT_FDCWD, []byte("/proc/2/"+name), fs.OpenHow{Flags: abi.O_RDONLY})
			w.want(name, err, 0)
			files[name] = f
			defer f.Put()
		}
		read := func(name string, at int64) int {
			n, err := p.Caller.Pread(files[name], &fs.Bytes{B: make([]byte, 8)}, at)
			w.want(name, err, 0)
			return n
		}
		at := int64(proctest.Scratch)
		if n, m := read("mem", at), read("pagemap", at/abi.PageSize*8); n != 8 || m != 8 {
			t.Errorf("alive: %d and %d bytes", n, m)
		}
		before := w.Counts().Frames
		child.Start(exitGroup).Wait()
		if n, m := read("mem", at), read("pagemap", at/abi.PageSize*8); n != 0 || m != 0 {
			t.Errorf("ended: %d and %d bytes", n, m)
		}
		if after := w.Counts().Frames; after >= before {
			t.Errorf("its end freed no frames: %d, then %d", before, after)
		}
	})
}

func TestHidePID(t *testing.T) {
	for _, test := range []struct {
		option  string
		enter   abi.Errno
		visible bool
		status  abi.Errno
	}{
		{"", 0, true, 0}, {"hidepid=0", 0, true, 0}, {"hidepid=1", abi.EPERM, true, abi.EPERM},
		{"hidepid=invisible", abi.ENOENT, false, abi.ENOENT}, {"hidepid=4", abi.ENOENT, false, abi.ENOENT},
		{"hidepid=2,gid=1000", 0, true, 0}, {"hidepid=ptraceable,gid=1000", abi.ENOENT, false, abi.ENOENT},
	} {
		w := newWorld(t, test.option)
		a := w.Init.Fork()
		w.become(a, 1000)
		_, err := w.read(a, "/proc/1/status")
		w.want(test.option, err, test.status)
		list, err := w.list(a, "/proc")
		w.want("list", err, 0)
		if slices.Contains(list, "1") != test.visible || !slices.Contains(list, "2") {
			t.Errorf("%s: %v", test.option, list)
		}
		if got, want := w.field(w.Init, "/proc/1/status", "Pid"), "1"; got != want {
			t.Error("root does not see all")
		}
	}
	w := newWorld(t, "subset=pid")
	list, err := w.list(w.Init, "/proc")
	w.want("list", err, 0)
	if !slices.Equal(list, names{"1"}) {
		t.Error(list)
	}
	_, err = w.read(w.Init, "/proc/meminfo")
	w.want("meminfo", err, abi.ENOENT)
	w.do(w.Init, func(p *proc.Task) {
		for _, bad := range []string{"hidepid=3", "hidepid=x", "gid=x", "subset=all", "junk"} {
			w.want(bad, p.Caller.Mount([]byte("proc"), []byte("/proc"), "proc", 0, bad), abi.EINVAL)
		}
	})
}

func TestIDMapFiles(t *testing.T) {
	w := newWorld(t, "")
	c := w.Init.Clone(proc.CloneArgs{Flags: abi.CLONE_NEWUSER, ExitSignal: abi.SIGCHLD})
	if got := w.text(w.Init, "/proc/1/uid_map"); got != "         0          0 4294967295\n" {
		t.Errorf("%q", got)
	}
	if got := w.text(w.Init, "/proc/2/uid_map") + w.text(w.Init, "/proc/2/gid_map"); got != "" {
		t.Errorf("%q", got)
	}
	if got := w.field(c, "/proc/self/status", "Uid"); got != "65534\t65534\t65534\t65534" {
		t.Error(got)
	}
	w.want("junk", w.write(w.Init, "/proc/2/uid_map", "0 0"), abi.EINVAL)
	w.want("too long", w.write(w.Init, "/proc/2/uid_map", strings.Repeat(" ", 4096)+"0 0 1"), abi.EINVAL)
	w.want("deny", w.write(c, "/proc/self/setgroups", "deny"), 0)
	if got := w.text(c, "/proc/self/setgroups"); got != "deny\n" {
		t.Error(got)
	}
	w.want("uid_map", w.write(w.Init, "/proc/2/uid_map", "5 0 10\n"), 0)
	w.want("gid_map", w.write(c, "/proc/self/gid_map", "7 0 1\n"), 0)
	w.want("again", w.write(w.Init, "/proc/2/uid_map", "5 0 10\n"), abi.EPERM)
	if got := w.field(c, "/proc/self/status", "Uid"); got != "5\t5\t5\t5" {
		t.Error(got)
	}
	if got := w.field(w.Init, "/proc/2/status", "Uid"); got != "0\t0\t0\t0" {
		t.Error(got)
	}
	if got := w.text(c, "/proc/1/uid_map"); got != "         0          5 4294967295\n" && got != "         0 4294967295 4294967295\n" {
		t.Errorf("%q", got)
	}
	w.want("of the parent", w.write(c, "/proc/1/uid_map", "0 0 1"), abi.EPERM)
	other := w.Init.Fork()
	w.become(other, 1000)
	w.want("setgroups of another", w.write(other, "/proc/2/setgroups", "allow"), abi.EACCES)
}

func TestNamespaceLinks(t *testing.T) {
	w := newWorld(t, "")
	c := w.Init.Clone(proc.CloneArgs{Flags: abi.CLONE_NEWUTS | abi.CLONE_NEWPID, ExitSignal: abi.SIGCHLD})
	for k := range user.Kind(user.NumKinds) {
		one, err := w.link(w.Init, "/proc/1/ns/"+k.String())
		w.want(k.String(), err, 0)
		two, err := w.link(w.Init, "/proc/2/ns/"+k.String())
		w.want(k.String(), err, 0)
		if same := one == two; same != (k != user.KindUTS && k != user.KindPID) {
			t.Errorf("%s and %s", one, two)
		}
		if !strings.HasPrefix(one, k.String()+":[40265318") {
			t.Error(one)
		}
	}
	live := w.UserNS.Live(user.KindUTS)
	w.do(w.Init, func(p *proc.Task) {
		f, err := p.Caller.Open(abi.AT_FDCWD, []byte("/proc/2/ns/uts"), openRead)
		w.want("open", err, 0)
		c.Exit(0)
		_, err = p.Wait(proc.WaitArgs{Type: abi.P_ALL, Options: abi.WEXITED})
		w.want("wait", err, 0)
		if w.UserNS.Live(user.KindUTS) != live {
			t.Error("an open file does not keep the namespace")
		}
		f.Put()
		if w.UserNS.Live(user.KindUTS) != live-1 {
			t.Error("the namespace is left")
		}
	})
}

// TestNet: /proc/net is about the reader's network namespace, that of another process about its own, which an open file
// keeps.
func TestNet(t *testing.T) {
	w := newWorld(t, "")
	live := w.UserNS.Live(user.KindNet)
	c := w.Init.Clone(proc.CloneArgs{Flags: abi.CLONE_NEWNET, ExitSignal: abi.SIGCHLD})
	for path, dummy := range map[string]bool{"/proc/net/dev": true, "/proc/1/task/1/net/dev": true, "/proc/2/net/dev": false} {
		text, err := w.read(w.Init, path)
		w.want(path, err, 0)
		if !strings.Contains(text, "    lo:       0") || strings.Contains(text, "dummy0:") != dummy {
			t.Errorf("%s:\n%s", path, text)
		}
	}
	w.do(w.Init, func(p *proc.Task) {
		f, err := p.Caller.Open(abi.AT_FDCWD, []byte("/proc/2/net/netlink"), openRead)
		w.want("open", err, 0)
		c.Exit(0)
		_, err = readFile(p, "/proc/2/net/dev")
		w.want("of a process that has exited", err, abi.ENOENT)
		_, err = p.Wait(proc.WaitArgs{Type: abi.P_ALL, Options: abi.WEXITED})
		w.want("wait", err, 0)
		if w.UserNS.Live(user.KindNet) != live+1 {
			t.Error("an open file does not keep the namespace")
		}
		f.Put()
		if w.UserNS.Live(user.KindNet) != live {
			t.Error("the namespace is left")
		}
	})
}

// TestBoundNamespaceFile: a bind mount of a namespace's file keeps it, and leads to it.
func TestBoundNamespaceFile(t *testing.T) {
	w := newWorld(t, "")
	w.WriteFile("/held", 0o644, nil)
	c := w.Init.Clone(proc.CloneArgs{Flags: abi.CLONE_NEWUTS, ExitSignal: abi.SIGCHLD})
	live := w.UserNS.Live(user.KindUTS)
	w.do(w.Init, func(p *proc.Task) {
		w.want("bind", p.Caller.Mount([]byte("/proc/2/ns/uts"), []byte("/held"), "", abi.MS_BIND, ""), 0)
		c.Exit(0)
		_, err := p.Wait(proc.WaitArgs{Type: abi.P_ALL, Options: abi.WEXITED})
		w.want("wait", err, 0)
		if w.UserNS.Live(user.KindUTS) != live {
			t.Error("a bind mount does not keep the namespace")
		}
		f, err := p.Caller.Open(abi.AT_FDCWD, []byte("/held"), openRead)
		w.want("open", err, 0)
		if n, ok := ns.FromFile(f); !ok || n.Kind() != user.KindUTS {
			t.Error("it is another file")
		} else {
			w.want("setns", p.Join([]user.Any{n}), 0)
		}
		f.Put()
		w.want("umount", p.Caller.Umount([]byte("/held"), 0), 0)
		if w.UserNS.Live(user.KindUTS) != live {
			t.Error("the namespace that the task has joined is gone")
		}
		w.want("back", p.Unshare(abi.CLONE_NEWUTS), 0)
		if w.UserNS.Live(user.KindUTS) != live {
			t.Error("the namespace is left")
		}
	})
}

// TestPIDNamespaceView: a mount shows the pid namespace of who made it.
func TestPIDNamespaceView(t *testing.T) {
	w := newWorld(t, "")
	c := w.Init.Clone(proc.CloneArgs{Flags: abi.CLONE_NEWPID | abi.CLONE_NEWNS, ExitSignal: abi.SIGCHLD})
	_, err := w.link(c, "/proc/self")
	w.want("self in the outer mount", err, 0)
	w.mount(c, "")
	if got, _ := w.link(c, "/proc/self"); got != "1" {
		t.Error(got)
	}
	list, err := w.list(c, "/proc")
	w.want("list", err, 0)
	if !slices.Contains(list, "1") || slices.Contains(list, "2") {
		t.Error(list)
	}
	if got := w.field(c, "/proc/self/status", "NSpid") + w.field(c, "/proc/self/status", "PPid"); got != "10" {
		t.Error(got)
	}
	if got := w.field(w.Init, "/proc/2/status", "NSpid"); got != "2\t1" {
		t.Error(got)
	}
	if a, b := w.text(c, "/proc/self/mountinfo"), w.text(w.Init, "/proc/self/mountinfo"); strings.Count(a, "\n") != strings.Count(b, "\n")+1 {
		t.Errorf("%s\n%s", a, b)
	}
}
