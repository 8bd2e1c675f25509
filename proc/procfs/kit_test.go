package procfs_test

import (
	"errors"
	"strings"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns"
	"cleave/ns/user"
	"cleave/proc"
	"cleave/proc/procfs"
	"cleave/proc/proctest"
)

// world is a kernel with /proc mounted by its first process.
type world struct {
	*proctest.Kernel
	t    *testing.T
	nsfs *ns.NSFS
}

func newWorld(t *testing.T, options string) *world {
	t.Helper()
	w := &world{Kernel: proctest.New(t), t: t}
	w.nsfs = ns.NewNSFS(w.VFS)
	w.VFS.Register(procfs.Type(procfs.Config{
		Kernel: w.Kernel.Kernel, NSFS: w.nsfs, Release: "6.18.0-cleave", Version: "#1", Banner: "Linux version 6.18.0-cleave",
		CommandLine: "console=ttyS0", CPUInfo: func() string { return "processor\t: 0\n" },
		Disks:    func() []procfs.Disk { return []procfs.Disk{{Major: 254, Name: "vda", Sectors: 2048}} },
		Settings: map[string]procfs.Setting{"kernel/printk": {Get: func() string { return "7" }}, "net/core/somaxconn": {Get: func() string { return "4096" }}},
	}))
	w.Mkdir("/proc", 0o755)
	w.mount(w.Init, options)
	t.Cleanup(func() {
		if !t.Failed() {
			w.do(w.Init, func(p *proc.Task) { w.want("umount", p.Caller.Umount([]byte("/proc"), abi.MNT_DETACH), 0) })
		}
	})
	return w
}

// mount mounts /proc for a task.
func (w *world) mount(t *proctest.Task, options string) {
	w.t.Helper()
	w.do(t, func(p *proc.Task) {
		w.want("mount", p.Caller.Mount([]byte("proc"), []byte("/proc"), "proc", 0, options), 0)
	})
}

func (w *world) do(t *proctest.Task, f func(p *proc.Task)) {
	w.t.Helper()
	t.Do(f)
}

func (w *world) want(what string, err error, want abi.Errno) {
	w.t.Helper()
	var e abi.Errno
	if err != nil && !errors.As(err, &e) {
		w.t.Errorf("%s: %v is no Errno", what, err)
	} else if e != want {
		w.t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// read gives the text of a file as a task sees it.
func (w *world) read(t *proctest.Task, path string) (text string, err error) {
	w.t.Helper()
	w.do(t, func(p *proc.Task) { text, err = readFile(p, path) })
	return text, err
}

func readFile(p *proc.Task, path string) (string, error) {
	f, err := p.Caller.Open(abi.AT_FDCWD, []byte(path), fs.OpenHow{Flags: abi.O_RDONLY})
	if err != nil {
		return "", err
	}
	defer f.Put()
	var all []byte
	for {
		buf := make([]byte, 300)
		n, err := p.Caller.Read(f, &fs.Bytes{B: buf})
		if n == 0 || err != nil {
			return string(all), err
		}
		all = append(all, buf[:n]...)
	}
}

// text is read for a file that must be readable.
func (w *world) text(t *proctest.Task, path string) string {
	w.t.Helper()
	s, err := w.read(t, path)
	w.want(path, err, 0)
	return s
}

// field gives the rest of the line of a file that begins with name.
func (w *world) field(t *proctest.Task, path, name string) string {
	w.t.Helper()
	for _, line := range strings.Split(w.text(t, path), "\n") {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(rest)
		}
	}
	w.t.Errorf("%s has no %s", path, name)
	return ""
}

func (w *world) write(t *proctest.Task, path, text string) (err error) {
	w.t.Helper()
	w.do(t, func(p *proc.Task) {
		var f *fs.File
		if f, err = p.Caller.Open(abi.AT_FDCWD, []byte(path), fs.OpenHow{Flags: abi.O_WRONLY}); err != nil {
			return
		}
		defer f.Put()
		_, err = p.Caller.Write(f, &fs.Bytes{B: []byte(text)})
	})
	return err
}

func (w *world) link(t *proctest.Task, path string) (text string, err error) {
	w.t.Helper()
	w.do(t, func(p *proc.Task) {
		buf := make([]byte, 200)
		var n int
		if n, err = p.Caller.Readlinkat(abi.AT_FDCWD, []byte(path), &fs.Bytes{B: buf}); err == nil {
			text = string(buf[:n])
		}
	})
	return text, err
}

// names collects the entries of a directory.
type names []string

func (n *names) Entry(name []byte, _ uint64, _ uint8, _ int64) bool {
	if s := string(name); s != "." && s != ".." {
		*n = append(*n, s)
	}
	return true
}

func (w *world) list(t *proctest.Task, path string) (list names, err error) {
	w.t.Helper()
	w.do(t, func(p *proc.Task) {
		var f *fs.File
		if f, err = p.Caller.Open(abi.AT_FDCWD, []byte(path), fs.OpenHow{Flags: abi.O_RDONLY | abi.O_DIRECTORY}); err != nil {
			return
		}
		defer f.Put()
		err = p.Caller.ReadDir(f, &list)
	})
	return list, err
}

func (w *world) stat(t *proctest.Task, path string) (a fs.Attr, err error) {
	w.t.Helper()
	w.do(t, func(p *proc.Task) { err = p.Caller.Stat(abi.AT_FDCWD, []byte(path), abi.AT_SYMLINK_NOFOLLOW, &a) })
	return a, err
}

// become makes a task an ordinary user.
func (w *world) become(t *proctest.Task, id uint32) {
	w.t.Helper()
	w.do(t, func(p *proc.Task) {
		w.want("setgid", p.ChangeCred(func(c *user.Cred) (*user.Cred, error) {
			return c.SetRESGID(user.GID(id), user.GID(id), user.GID(id))
		}), 0)
		w.want("setuid", p.ChangeCred(func(c *user.Cred) (*user.Cred, error) {
			return c.SetRESUID(user.UID(id), user.UID(id), user.UID(id))
		}), 0)
		w.want("dumpable", p.SetDumpable(1), 0)
	})
}

var openRead = fs.OpenHow{Flags: abi.O_RDONLY}

func bytesOf(n int) *fs.Bytes { return &fs.Bytes{B: make([]byte, n)} }

// readOpen reads an open file from its beginning.
func readOpen(p *proc.Task, f *fs.File) (string, error) {
	buf := make([]byte, 4096)
	n, err := p.Caller.Pread(f, &fs.Bytes{B: buf}, 0)
	return string(buf[:n]), err
}
