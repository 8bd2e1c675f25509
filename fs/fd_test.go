package fs_test

import (
	"math"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/wait"
)

// pipeLike is a file without content that counts what happens to it.
type pipeLike struct {
	fs.NoFile
	released int
	queue    wait.Queue
}

func (p *pipeLike) Release(*fs.File)           { p.released++ }
func (p *pipeLike) Queue(*fs.File) *wait.Queue { return &p.queue }

func (k *kit) anon() (*fs.File, *pipeLike) {
	p := &pipeLike{}
	return k.v.NewAnonFile(p, "anon_inode:[test]", nil, abi.O_RDWR, k.Cred), p
}

func TestDescriptors(t *testing.T) {
	k := newKit(t)
	f, p := k.anon()
	for want := range 3 {
		fd, err := k.Files.Install(f.Get(), 4, want == 1)
		if fd != want || err != nil {
			t.Errorf("descriptor %d, %v", fd, err)
		}
	}
	n, err := k.Files.Dup(0, 0, 4, false)
	if n != 3 || err != nil {
		t.Errorf("dup: %d, %v", n, err)
	}
	_, err = k.Files.Dup(0, 0, 4, false)
	k.want(abi.EMFILE, err)
	_, err = k.Files.Dup(0, 4, 4, false)
	k.want(abi.EINVAL, err)
	_, err = k.Files.Dup(9, 0, 4, false)
	k.want(abi.EBADF, err)
	k.ok(k.Files.Close(1))
	k.want(abi.EBADF, k.Files.Close(1))
	if n, _ := k.Files.Dup(0, 0, 4, true); n != 1 {
		t.Errorf("dup took %d, not the lowest", n)
	}
	if on, _ := k.Files.Cloexec(1); !on {
		t.Error("close-on-exec is not set")
	}
	k.ok(k.Files.DupTo(0, 200, 1000, false))
	k.want(abi.EBADF, k.Files.DupTo(0, 1000, 1000, false))
	k.want(abi.EBADF, k.Files.DupTo(77, 3, 1000, false))
	_, err = k.Files.Copy(100)
	k.want(abi.EMFILE, err)
	other, err := k.Files.Copy(-1)
	k.ok(err)
	k.Files.CloseOnExec()
	if k.Files.Len() != 4 || other.Len() != 5 {
		t.Errorf("%d and %d descriptors", k.Files.Len(), other.Len())
	}
	other.CloseRange(2, 300, true)
	other.CloseOnExec()
	other.CloseRange(0, math.MaxUint32, false)
	if other.Len() != 0 {
		t.Errorf("%d descriptors", other.Len())
	}
	other.Leave()
	fd, err := k.Files.Reserve(10, false)
	k.ok(err)
	_, err = k.Files.Get(fd)
	k.want(abi.EBADF, err)
	k.want(abi.EBUSY, k.Files.DupTo(0, fd, 10, false))
	k.Files.Cancel(fd)
	f.Put()
	k.Files.CloseRange(0, 1000, false)
	if p.released != 1 {
		t.Errorf("released %d times", p.released)
	}
}

func TestWatchSeesTheEnd(t *testing.T) {
	k := newKit(t)
	f, p := k.anon()
	told := 0
	w := &fs.Watch{Released: func(_ *fs.Watch, got *fs.File) {
		if got != f || p.released != 0 {
			t.Error("told of another file, or too late")
		}
		told++
	}}
	gone := &fs.Watch{Released: func(*fs.Watch, *fs.File) { t.Error("told after Unwatch") }}
	f.Watch(w)
	f.Watch(gone)
	f.Unwatch(gone)
	f.Unwatch(gone)
	f.Put()
	f.Unwatch(w)
	if told != 1 || f.TryGet() {
		t.Errorf("told %d times", told)
	}
}

// signals counts SIGIO, and how often it was dropped.
type signals struct{ n, dropped int }

func (s *signals) Drop() { s.dropped++ }

func (s *signals) SignalIO(*fs.File, wait.Events) { s.n++ }

func (s *signals) SignalDirectory(int) { s.n++ }

func TestAsync(t *testing.T) {
	k := newKit(t)
	f, p := k.anon()
	s := &signals{}
	f.SetOwner(s)
	k.ok(k.SetFlags(f, abi.O_ASYNC))
	p.queue.Notify(wait.Readable)
	k.ok(k.SetFlags(f, 0))
	p.queue.Notify(wait.Readable)
	k.ok(k.SetFlags(f, abi.O_ASYNC|abi.O_NONBLOCK))
	if s.n != 1 || !f.Nonblock() {
		t.Errorf("%d signals", s.n)
	}
	other := &signals{}
	f.SetOwner(other)
	f.Put()
	if !p.queue.Empty() {
		t.Error("the closed file still waits")
	}
	if s.dropped != 1 || other.dropped != 1 {
		t.Errorf("the owners were dropped %d and %d times", s.dropped, other.dropped)
	}
}

func TestFlock(t *testing.T) {
	k := newKit(t)
	k.write("/f", "")
	a, b := k.open("/f", abi.O_RDONLY), k.open("/f", abi.O_RDONLY)
	k.ok(a.Flock(abi.LOCK_SH))
	k.ok(b.Flock(abi.LOCK_SH | abi.LOCK_NB))
	k.want(abi.EAGAIN, a.Flock(abi.LOCK_EX|abi.LOCK_NB)) // and the shared one is gone
	k.ok(b.Flock(abi.LOCK_EX))
	k.want(abi.EAGAIN, a.Flock(abi.LOCK_SH))
	k.want(abi.EINVAL, a.Flock(16))
	b.Put()
	k.ok(a.Flock(abi.LOCK_EX))
	a.Put()
}

func TestRecordLocks(t *testing.T) {
	k := newKit(t)
	k.write("/f", "")
	other := *k.Caller
	other.Files = fs.NewFDTable()
	defer other.Files.Leave()
	f := k.open("/f", abi.O_RDWR)
	g := k.open("/f", abi.O_RDWR)
	defer f.Put()
	lock := func(c *fs.Caller, typ int, start, end int64) error {
		return c.SetLock(f, fs.RecordLock{Type: typ, Start: start, End: end, PID: c}, false, false)
	}
	holder := func(start, end int64) fs.RecordLock {
		l := fs.RecordLock{Type: abi.F_WRLCK, Start: start, End: end}
		k.ok(other.GetLock(f, &l, false))
		return l
	}
	k.ok(lock(k.Caller, abi.F_WRLCK, 0, 99))
	k.want(abi.EAGAIN, lock(&other, abi.F_RDLCK, 50, 50))
	k.ok(lock(k.Caller, abi.F_UNLCK, 40, 59)) // splits
	k.ok(lock(&other, abi.F_WRLCK, 40, 59))
	k.want(abi.EAGAIN, lock(&other, abi.F_RDLCK, 39, 39))
	if l := holder(0, 200); l.Start != 0 || l.End != 39 || l.PID != k.Caller {
		t.Errorf("%+v", l)
	}
	k.ok(lock(&other, abi.F_UNLCK, 0, math.MaxInt64))
	k.ok(lock(k.Caller, abi.F_WRLCK, 40, 59)) // joins the two pieces
	k.ok(lock(k.Caller, abi.F_RDLCK, 10, 19))
	if l := holder(20, 20); l.Start != 20 || l.End != 99 {
		t.Errorf("%+v", l)
	}
	k.ok(lock(&other, abi.F_RDLCK, 10, 19))
	// Deadlock: each waits for the other.
	k.ok(lock(&other, abi.F_WRLCK, 200, 200))
	wait := func(c *fs.Caller, at int64) error {
		return c.SetLock(f, fs.RecordLock{Type: abi.F_WRLCK, Start: at, End: at}, false, true)
	}
	k.want(abi.EAGAIN, wait(k.Caller, 200))
	k.want(abi.EDEADLK, wait(&other, 50))
	k.EndLockWait()
	k.want(abi.EAGAIN, wait(&other, 50))
	other.EndLockWait()
	// Locks of the open file are apart from those of the process.
	ofd := fs.RecordLock{Type: abi.F_WRLCK, Start: 300, End: 300}
	k.ok(k.SetLock(g, ofd, true, false))
	k.want(abi.EAGAIN, k.SetLock(f, ofd, true, false))
	k.want(abi.EAGAIN, k.SetLock(f, ofd, false, false))
	g.Put()
	k.ok(k.SetLock(f, ofd, false, false))
	// Closing any descriptor of the file drops the process's locks.
	fd := k.fd(k.Open(cwd, []byte("/f"), fs.OpenHow{}))
	k.ok(k.Files.Close(fd))
	k.ok(lock(&other, abi.F_WRLCK, 0, math.MaxInt64))
	k.want(abi.EINVAL, lock(k.Caller, 9, 0, 0))
	k.want(abi.EINVAL, lock(k.Caller, abi.F_RDLCK, 5, 4))
}

// events reads all events of an inotify instance.
func (k *kit) events(f *fs.File) (masks []uint32, text []string) {
	k.t.Helper()
	p := make([]byte, 4096)
	n, err := k.Read(f, &fs.Bytes{B: p})
	if err == abi.EAGAIN {
		return nil, nil
	}
	k.ok(err)
	for p = p[:n]; len(p) > 0; {
		size := 16 + int(p[12])
		masks = append(masks, uint32(p[4])|uint32(p[5])<<8|uint32(p[6])<<16|uint32(p[7])<<24)
		name := p[16:size]
		for len(name) > 0 && name[len(name)-1] == 0 {
			name = name[:len(name)-1]
		}
		text = append(text, string(name))
		p = p[size:]
	}
	return masks, text
}

func TestNotifyDirectory(t *testing.T) {
	k := newKit(t)
	k.mkdir("/d", "/e")
	f := k.open("/d", abi.O_RDONLY)
	s := &signals{}
	f.SetOwner(s)
	fd, err := k.Files.Install(f, 1024, false)
	k.ok(err)
	notify := func(mask uint32) { k.ok(k.v.NotifyDirectory(k.Files, fd, f, mask)) }
	told := func(want int, what string) {
		if s.n != want {
			t.Errorf("%s: %d signals, want %d", what, s.n, want)
		}
		s.n = 0
	}
	notify(abi.DN_CREATE)
	k.mkdir("/d/a", "/d/b")
	told(1, "once")
	notify(abi.DN_RENAME)
	notify(abi.DN_DELETE | abi.DN_MULTISHOT)
	k.ok(k.Renameat(cwd, []byte("/d/a"), cwd, []byte("/d/c"), 0))
	told(2, "a rename")
	k.mkdir("/d/a")
	told(0, "another event")
	child, err := k.Files.Copy(1024)
	k.ok(err)
	k.ok(child.Close(fd))
	k.ok(k.Unlinkat(cwd, []byte("/d/b"), abi.AT_REMOVEDIR))
	told(1, "after another process has closed it")
	k.ok(k.Files.Close(fd))
	k.ok(k.Unlinkat(cwd, []byte("/d/c"), abi.AT_REMOVEDIR))
	told(0, "after it was closed")
	if s.dropped != 1 {
		t.Errorf("the owner was dropped %d times", s.dropped)
	}
	child.Leave()
	f = k.open("/e", abi.O_RDONLY)
	defer f.Put()
	k.ok(k.v.NotifyDirectory(k.Files, 7, f, abi.DN_CREATE))
	k.mkdir("/e/a") // a descriptor that was closed meanwhile watches nothing
}

func TestInotify(t *testing.T) {
	k := newKit(t)
	k.mkdir("/d", "/e")
	k.write("/d/old", "")
	f, err := k.v.NewInotify(k.Cred, 0)
	k.ok(err)
	wd, err := k.InotifyAdd(f, []byte("/d"), abi.IN_CREATE|abi.IN_DELETE|abi.IN_MOVED_FROM|abi.IN_MOVED_TO|abi.IN_MODIFY|abi.IN_CLOSE_WRITE)
	k.ok(err)
	if again, _ := k.InotifyAdd(f, []byte("/d/../d"), abi.IN_MASK_ADD|abi.IN_DELETE_SELF); again != wd {
		t.Errorf("a second watch %d of the same directory", again)
	}
	if _, err := k.Read(f, &fs.Bytes{B: make([]byte, 100)}); err != abi.EAGAIN {
		t.Errorf("read of nothing: %v", err)
	}
	k.write("/d/new", "x")
	k.ok(k.Renameat(cwd, []byte("/d/new"), cwd, []byte("/e/new"), 0))
	k.mkdir("/d/sub")
	k.ok(k.Unlinkat(cwd, []byte("/d/old"), 0))
	masks, text := k.events(f)
	want := []uint32{abi.IN_CREATE, abi.IN_MODIFY, abi.IN_CLOSE_WRITE, abi.IN_MOVED_FROM, abi.IN_CREATE | abi.IN_ISDIR, abi.IN_DELETE}
	for i, m := range want {
		if i >= len(masks) || masks[i] != m {
			t.Fatalf("events %x of %q, want %x", masks, text, want)
		}
	}
	if text[0] != "new" || text[4] != "sub" || text[5] != "old" {
		t.Errorf("names %q", text)
	}
	k.ok(k.Unlinkat(cwd, []byte("/d/sub"), abi.AT_REMOVEDIR))
	k.ok(k.Unlinkat(cwd, []byte("/d"), abi.AT_REMOVEDIR))
	masks, _ = k.events(f)
	if n := len(masks); n != 3 || masks[1] != abi.IN_DELETE_SELF || masks[2] != abi.IN_IGNORED {
		t.Errorf("events %x", masks)
	}
	k.want(abi.EINVAL, k.InotifyRemove(f, wd))
	wd, err = k.InotifyAdd(f, []byte("/e"), abi.IN_OPEN|abi.IN_ONESHOT)
	k.ok(err)
	k.ls("/e")
	k.ls("/e")
	if masks, _ = k.events(f); len(masks) != 2 || masks[1] != abi.IN_IGNORED {
		t.Errorf("one shot: %x", masks)
	}
	_, err = k.InotifyAdd(f, []byte("/e"), 0)
	k.want(abi.EINVAL, err)
	_, err = k.InotifyAdd(f, []byte("/e"), abi.IN_OPEN)
	k.ok(err)
	f.Put()
	_ = wd
}
