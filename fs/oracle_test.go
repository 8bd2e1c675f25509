package fs_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"cleave/abi"
)

// world is a mount namespace with a task in it, here or on the host's Linux.
type world interface {
	do(o step) error
	mountinfo() string
}

// step is one system call. who is which of the two namespaces makes it.
type step struct {
	who      int
	call     string
	from, to string
	flags    uint32
}

func (s step) String() string {
	return fmt.Sprintf("%d: %s(%q, %q, %#x)", s.who, s.call, s.from, s.to, s.flags)
}

// ours is a world of this package.
type ours struct{ *kit }

func (w ours) mountinfo() string { return w.info() }

func (w ours) do(o step) error {
	from, to := []byte(o.from), []byte(o.to)
	switch o.call {
	case "mkdir":
		return w.Mkdirat(cwd, to, 0o755)
	case "rmdir":
		return w.Unlinkat(cwd, to, abi.AT_REMOVEDIR)
	case "rename":
		return w.Renameat(cwd, from, cwd, to, 0)
	case "tmpfs":
		return w.Mount([]byte("none"), to, "tmpfs", o.flags, "")
	case "mount":
		return w.Mount(from, to, "", o.flags, "")
	case "umount":
		return w.Umount(to, o.flags)
	case "chdir":
		return w.Chdir(to)
	case "pivot_root":
		return w.PivotRoot(from, to)
	}
	panic(o.call)
}

// linux is a thread of this process with namespaces of its own.
type linux struct {
	calls chan func()
}

// newLinux starts a thread; first runs on it.
func newLinux(first func() error) (*linux, error) {
	w := &linux{calls: make(chan func())}
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		err := first()
		failed <- err
		if err != nil {
			return
		}
		for f := range w.calls {
			f()
		}
	}()
	return w, <-failed
}

// run runs f on the thread.
func (w *linux) run(f func() error) (err error) {
	done := make(chan struct{})
	w.calls <- func() { err = f(); close(done) }
	<-done
	return err
}

func (w *linux) mountinfo() (text string) {
	_ = w.run(func() error {
		b, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/mountinfo", syscall.Gettid()))
		text = string(b)
		return err
	})
	return text
}

func (w *linux) do(o step) error {
	err := w.run(func() error {
		switch o.call {
		case "mkdir":
			return syscall.Mkdir(o.to, 0o755)
		case "rmdir":
			return syscall.Rmdir(o.to)
		case "rename":
			return syscall.Rename(o.from, o.to)
		case "tmpfs":
			return syscall.Mount("none", o.to, "tmpfs", uintptr(o.flags), "")
		case "mount":
			return syscall.Mount(o.from, o.to, "", uintptr(o.flags), "")
		case "umount":
			return syscall.Unmount(o.to, int(o.flags))
		case "chdir":
			return syscall.Chdir(o.to)
		case "pivot_root":
			return syscall.PivotRoot(o.from, o.to)
		}
		panic(o.call)
	})
	var n syscall.Errno
	if errors.As(err, &n) {
		return abi.Errno(n)
	}
	return err
}

// linuxWorlds returns two threads: the second's mount namespace is a copy of the first one's. Their root is an empty
// tmpfs; proc is mounted in it, and is not part of the comparison.
func linuxWorlds(dir string) (a, b *linux, err error) {
	var ns int
	a, err = newLinux(func() error {
		return firstError(syscall.Unshare(syscall.CLONE_NEWNS|syscall.CLONE_FS),
			func() error { return syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "") },
			func() error { return syscall.Mount("none", dir, "tmpfs", 0, "") },
			func() error { return syscall.Mkdir(dir+"/proc", 0o755) },
			func() error { return syscall.Mount("proc", dir+"/proc", "proc", 0, "") },
			func() error { return syscall.Chroot(dir) },
			func() error { return syscall.Chdir("/") },
			func() (err error) {
				ns, err = syscall.Open(fmt.Sprintf("/proc/self/task/%d/ns/mnt", syscall.Gettid()), syscall.O_RDONLY, 0)
				return err
			})
	})
	if err != nil {
		return nil, nil, err
	}
	b, err = newLinux(func() error {
		return firstError(syscall.Unshare(syscall.CLONE_FS),
			func() error {
				if _, _, e := syscall.RawSyscall(sysSetns, uintptr(ns), syscall.CLONE_NEWNS, 0); e != 0 {
					return e
				}
				return nil
			},
			func() error { return syscall.Close(ns) },
			func() error { return syscall.Chroot(dir) },
			func() error { return syscall.Chdir("/") })
	})
	return a, b, err
}

const sysSetns = 308 // amd64; the test does not run elsewhere

func firstError(err error, more ...func() error) error {
	for _, f := range more {
		if err != nil {
			return err
		}
		err = f()
	}
	return err
}

// entry is a mount, from mountinfo.
type entry struct {
	id, parent, dev         string
	root, path, flags, prop string
	kids                    []*entry
}

// shape describes the mounts of several namespaces by what can be compared: devices and peer groups are numbered in the
// order in which a walk of the trees meets them.
func shape(texts ...string) string {
	names := map[string]string{}
	name := func(kind, number string) string {
		if names[kind+number] == "" {
			names[kind+number] = kind + strconv.Itoa(len(names))
		}
		return names[kind+number]
	}
	var out strings.Builder
	for n, text := range texts {
		fmt.Fprintf(&out, "namespace %d\n", n)
		byID := map[string]*entry{}
		var all []*entry
		for line := range strings.Lines(text) {
			f := strings.Fields(line)
			e := &entry{id: f[0], parent: f[1], dev: f[2], root: f[3], path: f[4], flags: f[5]}
			i := 6
			for ; f[i] != "-"; i++ {
				e.prop += " " + f[i]
			}
			if f[i+1] == "proc" {
				continue
			}
			byID[e.id] = e
			all = append(all, e)
		}
		var tops []*entry
		for _, e := range all {
			if p := byID[e.parent]; p != nil && p != e {
				p.kids = append(p.kids, e)
			} else {
				tops = append(tops, e)
			}
		}
		var show func(es []*entry, indent string)
		show = func(es []*entry, indent string) {
			slices.SortFunc(es, func(a, b *entry) int { return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.root, b.root)) })
			for _, e := range es {
				fmt.Fprintf(&out, "%s%s %s %s %s", indent, e.path, e.root, strings.Split(e.flags, ",")[0], name("dev", e.dev))
				for _, p := range strings.Fields(e.prop) {
					kind, number, _ := strings.Cut(p, ":")
					if number != "" {
						number = name("group", number)
					}
					fmt.Fprintf(&out, " %s:%s", kind, number)
				}
				out.WriteByte('\n')
				show(e.kids, indent+"  ")
			}
		}
		show(tops, "  ")
	}
	return out.String()
}

// randomStep picks a system call. All paths are short, so that they often meet.
func randomStep(r *rand.Rand) step {
	tops, subs := []string{"/a", "/b", "/c"}, []string{"", "/x", "/y", "/x/x"}
	path := func() string { return tops[r.IntN(len(tops))] + subs[r.IntN(len(subs))] }
	s := step{who: r.IntN(2), to: path()}
	switch n := r.IntN(20); {
	case n < 3:
		s.call = "mkdir"
	case n < 5:
		s.call = "tmpfs"
	case n < 9:
		s.call, s.from, s.flags = "mount", path(), abi.MS_BIND
		if r.IntN(2) == 0 {
			s.flags |= abi.MS_REC
		}
	case n < 12:
		s.call = "mount"
		s.flags = []uint32{abi.MS_SHARED, abi.MS_SHARED, abi.MS_SLAVE, abi.MS_PRIVATE, abi.MS_UNBINDABLE}[r.IntN(5)]
		if r.IntN(2) == 0 {
			s.flags |= abi.MS_REC
		}
		if r.IntN(4) == 0 {
			s.to = "/"
		}
	case n < 13:
		s.call, s.from, s.flags = "mount", path(), abi.MS_MOVE
	case n < 16:
		s.call = "umount"
		if r.IntN(2) == 0 {
			s.flags = abi.MNT_DETACH
		}
	case n < 17:
		s.call, s.flags = "mount", abi.MS_REMOUNT|abi.MS_BIND|abi.MS_RDONLY*uint32(r.IntN(2))
	case n < 18:
		s.call = "rmdir"
	case n < 19:
		s.call, s.from = "rename", path()
	default:
		s.call, s.to = "chdir", []string{"/", path()}[r.IntN(2)]
	}
	return s
}

// TestMountsAgainstLinux makes the same random system calls here and on the host's Linux: the errors and the mounts that
// come to be must be the same. It needs to be root on Linux.
func TestMountsAgainstLinux(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" || os.Geteuid() != 0 {
		t.Skip("needs root on Linux amd64")
	}
	rounds := 40
	if testing.Short() {
		rounds = 5
	}
	if n, err := strconv.Atoi(os.Getenv("ORACLE_ROUNDS")); err == nil {
		rounds = n
	}
	for seed := range rounds {
		if !compareWorlds(t, uint64(seed)) {
			return
		}
	}
}

func compareWorlds(t *testing.T, seed uint64) bool {
	k := newKit(t)
	one, two, err := linuxWorlds(t.TempDir())
	if err != nil {
		t.Skip("no mount namespaces here: ", err)
	}
	defer close(one.calls)
	defer close(two.calls)
	worlds := [2][2]world{{ours{k}, nil}, {one, two}}
	for _, w := range []world{worlds[0][0], worlds[1][0]} {
		for _, d := range []string{"/a", "/b", "/c", "/a/x", "/a/y", "/b/x", "/c/x", "/c/x/x"} {
			if err := w.do(step{call: "mkdir", to: d}); err != nil {
				t.Fatal(err)
			}
		}
	}
	rnd := rand.New(rand.NewPCG(seed, 1))
	if seed%2 == 1 { // the copy is made of shared mounts
		for i := range worlds {
			k.want(nil, worlds[i][0].do(step{call: "mount", to: "/", flags: abi.MS_SHARED}))
		}
	}
	o := k.unshare(k.Cred)
	defer o.leave()
	worlds[0][1] = ours{o}
	if err := two.run(func() error {
		return firstError(syscall.Unshare(syscall.CLONE_NEWNS))
	}); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	before := ""
	for range 60 {
		s := randomStep(rnd)
		if s.call == "chdir" && s.who == 1 {
			s.who = 0
		}
		got, want := worlds[0][s.who].do(s), worlds[1][s.who].do(s)
		fmt.Fprintf(&log, "%v: %v\n", s, want)
		a, b := shape(worlds[0][0].mountinfo(), worlds[0][1].mountinfo()), shape(worlds[1][0].mountinfo(), worlds[1][1].mountinfo())
		if got != want || a != b {
			t.Errorf("seed %d: %v, on Linux %v, after\n%s\nbefore\n%s\nhere\n%s\nLinux\n%s", seed, got, want, &log, before, a, b)
			return false
		}
		before = b
	}
	k.ok(k.Chdir([]byte("/")))
	return true
}
