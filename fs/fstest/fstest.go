// Package fstest has what tests of files need: a file system layer with a root and an acting task, user memory, and a
// task that sleeps.
package fstest

import (
	"sync/atomic"
	"testing"
	"time"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/tmpfs"
	"cleave/mm/frame"
	"cleave/ns/user"
	"cleave/wait"
)

// Kit is a VFS with a tmpfs as its root and a task, root of the initial user namespace. At the end of the test every
// frame must be free again.
type Kit struct {
	*fs.Caller
	T    testing.TB
	V    *fs.VFS
	Pool *frame.Pool
	NS   *user.Namespace
}

// New makes a Kit for a test.
func New(t testing.TB) *Kit {
	t.Helper()
	pool := frame.NewArena(4096)
	k := &Kit{T: t, Pool: pool, NS: user.NewInitial()}
	var clock atomic.Int64
	k.V = fs.New(pool, func() int64 { return clock.Add(1) })
	k.V.Register(tmpfs.Type())
	root := tmpfs.New(k.V, "rootfs", k.NS)
	mounts := k.V.NewMountNamespace(root.Superblock(), k.NS)
	k.Caller = &fs.Caller{VFS: k.V, Cred: user.NewRoot(k.NS), Files: fs.NewFDTable(), Mounts: mounts}
	top := mounts.Root()
	k.FS = k.V.NewContext(top, 0o022)
	top.Put()
	t.Cleanup(func() {
		k.FS.Leave()
		k.Files.Leave()
		mounts.Put()
		if n := pool.Stats().InUse(); n != 0 {
			t.Errorf("%d frames are still in use at the end", n)
		}
	})
	return k
}

// As returns another task with the id of a user without capabilities.
func (k *Kit) As(uid user.KUID) *Kit {
	cred := k.Cred.Copy()
	cred.UID, cred.EUID, cred.SUID, cred.FSUID = uid, uid, uid, uid
	cred.GID, cred.EGID, cred.SGID, cred.FSGID = user.KGID(uid), user.KGID(uid), user.KGID(uid), user.KGID(uid)
	cred.Effective, cred.Permitted = 0, 0
	caller := *k.Caller
	caller.Cred = cred
	n := *k
	n.Caller = &caller
	return &n
}

// Open opens a file; the test ends if it can't.
func (k *Kit) Open(path string, flags uint32) *fs.File {
	k.T.Helper()
	f, err := k.Try(path, flags)
	if err != nil {
		k.T.Fatalf("open %s: %v", path, err)
	}
	return f
}

// Try opens a file.
func (k *Kit) Try(path string, flags uint32) (*fs.File, error) {
	return k.Caller.Open(abi.AT_FDCWD, []byte(path), fs.OpenHow{Flags: flags, Mode: 0o644})
}

// Put writes text to a file.
func (k *Kit) Put(f *fs.File, text string) (int, error) {
	return k.Write(f, &fs.Bytes{B: []byte(text)})
}

// Get reads up to n bytes from a file.
func (k *Kit) Get(f *fs.File, n int) (string, error) {
	b := make([]byte, n)
	n, err := k.Read(f, &fs.Bytes{B: b})
	return string(b[:n]), err
}

// Memory is user memory from address 0 on.
type Memory []byte

// CopyIn implements fs.UserMemory.
func (m Memory) CopyIn(dst []byte, addr uint32) error {
	if uint64(addr)+uint64(len(dst)) > uint64(len(m)) {
		return abi.EFAULT
	}
	copy(dst, m[addr:])
	return nil
}

// CopyOut implements fs.UserMemory.
func (m Memory) CopyOut(addr uint32, src []byte) error {
	if uint64(addr)+uint64(len(src)) > uint64(len(m)) {
		return abi.EFAULT
	}
	copy(m[addr:], src)
	return nil
}

// Sleeper is a task that waits. Deadlines are in nanoseconds of time.Now().UnixNano().
type Sleeper struct {
	Events wait.Events // all that it has been told; to be read when nothing notifies
	Woken  int         // how often
	ch     chan struct{}
}

// NewSleeper returns a task that has been told nothing.
func NewSleeper() *Sleeper { return &Sleeper{ch: make(chan struct{}, 1)} }

// Notify implements wait.Listener.
func (s *Sleeper) Notify(_ *wait.Entry, ev wait.Events) {
	s.Events |= ev
	s.Woken++
	select {
	case s.ch <- struct{}{}:
	default:
	}
}

// Block sleeps until Notify (nil) or the deadline (ETIMEDOUT); 0 is never.
func (s *Sleeper) Block(deadline int64) error {
	if deadline == 0 {
		<-s.ch
		return nil
	}
	t := time.NewTimer(time.Until(time.Unix(0, deadline)))
	defer t.Stop()
	select {
	case <-s.ch:
		return nil
	case <-t.C:
		return abi.ETIMEDOUT
	}
}

// Retry does what a task does with an operation that says EAGAIN: it waits on f's queue for ev and calls it again, and
// adds up what it returns.
func Retry(f *fs.File, ev wait.Events, op func() (int, error)) (int, error) {
	s := &listener{make(chan struct{}, 1)}
	e := &wait.Entry{L: s, Mask: ev}
	q := f.Ops.Queue(f)
	q.Register(e)
	defer q.Unregister(e)
	total := 0
	for {
		n, err := op()
		total += n
		if err != abi.EAGAIN {
			return total, err
		}
		<-s.ch
	}
}

type listener struct{ ch chan struct{} }

func (l *listener) Notify(*wait.Entry, wait.Events) {
	select {
	case l.ch <- struct{}{}:
	default:
	}
}
