package fs

import (
	"math"
	"sync"

	"cleave/abi"
	"cleave/wait"
)

// lockTable has the locks of one inode: flock(2) and fcntl(2).
type lockTable struct {
	mu      sync.Mutex   // a leaf
	flocks  []flock      // guarded by mu, as is records
	records []recordLock // by owner, and then by start
	queue   wait.Queue   // notified when a lock goes
}

// flock is a lock of flock(2). It belongs to the open file.
type flock struct {
	file      *File
	exclusive bool
}

// RecordLock is a lock of fcntl(2) on a range of bytes.
type RecordLock struct {
	Type  int   // F_RDLCK, F_WRLCK, F_UNLCK
	Start int64 // first byte
	End   int64 // last byte; MaxInt64: all that may ever be there
	PID   any   // who shows as the holder; the meaning is package proc's. nil for OFD locks
}

// recordLock is a RecordLock in the table: owner is the *FDTable of a process, or for OFD locks the *File.
type recordLock struct {
	RecordLock
	owner any
}

// locks returns the inode's table, which it makes if need be.
func (i *Inode) locks() *lockTable { return &i.more().locks }

// more returns what few inodes have.
func (i *Inode) more() *inodeExtra {
	if x := i.extra.Load(); x != nil {
		return x
	}
	i.extra.CompareAndSwap(nil, new(inodeExtra))
	return i.extra.Load()
}

// LockQueue is where who waits for a lock on f's inode is told that one has gone.
func (f *File) LockQueue() *wait.Queue { return &f.inode.locks().queue }

// Flock is flock(2). op is LOCK_SH, LOCK_EX or LOCK_UN, perhaps with LOCK_NB. EAGAIN: another file holds a lock; wait
// on LockQueue unless op has LOCK_NB. A lock that is to be changed has gone meanwhile, as on Linux.
func (f *File) Flock(op int) error {
	if f.flags.Load()&abi.O_PATH != 0 {
		return abi.EBADF
	}
	t := f.inode.locks()
	t.mu.Lock()
	had := false
	for k := range t.flocks {
		if t.flocks[k].file == f {
			if op&^abi.LOCK_NB != abi.LOCK_UN && t.flocks[k].exclusive == (op&abi.LOCK_EX != 0) {
				t.mu.Unlock()
				return nil
			}
			t.flocks = append(t.flocks[:k], t.flocks[k+1:]...)
			had = true
			break
		}
	}
	var err error
	switch op &^ abi.LOCK_NB {
	case abi.LOCK_UN:
	case abi.LOCK_SH, abi.LOCK_EX:
		exclusive := op&abi.LOCK_EX != 0
		for _, l := range t.flocks {
			if l.exclusive || exclusive {
				err = abi.EAGAIN
			}
		}
		if err == nil {
			t.flocks = append(t.flocks, flock{f, exclusive})
		}
	default:
		err = abi.EINVAL
	}
	t.mu.Unlock()
	if had {
		t.queue.Notify(wait.All)
	}
	return err
}

// dropLocks drops the locks that belong to f, which is closed.
func (f *File) dropLocks(x *inodeExtra) {
	t := &x.locks
	t.mu.Lock()
	had := t.setLocked(f, RecordLock{Type: abi.F_UNLCK, End: math.MaxInt64})
	for k := range t.flocks {
		if t.flocks[k].file == f {
			t.flocks = append(t.flocks[:k], t.flocks[k+1:]...)
			had = true
			break
		}
	}
	t.mu.Unlock()
	if had {
		t.queue.Notify(wait.All)
	}
}

// dropRecords drops the record locks of the process that uses t: it has closed a descriptor of the file (fcntl(2)).
func (i *Inode) dropRecords(x *inodeExtra, owner *FDTable) {
	t := &x.locks
	t.mu.Lock()
	had := t.setLocked(owner, RecordLock{Type: abi.F_UNLCK, End: math.MaxInt64})
	t.mu.Unlock()
	if had {
		t.queue.Notify(wait.All)
	}
}

// lockOwner is who owns a lock that the caller sets through f.
func (c *Caller) lockOwner(f *File, ofd bool) any {
	if ofd {
		return f
	}
	return c.Files
}

// conflict returns a lock of somebody else that is in the way of l.
func (t *lockTable) conflict(owner any, l *RecordLock) *recordLock {
	for k := range t.records {
		r := &t.records[k]
		if r.owner != owner && r.Start <= l.End && l.Start <= r.End && (r.Type == abi.F_WRLCK || l.Type == abi.F_WRLCK) {
			return r
		}
	}
	return nil
}

// GetLock is fcntl(2) F_GETLK, or F_OFD_GETLK: l becomes a lock that is in the way of l, or of type F_UNLCK.
func (c *Caller) GetLock(f *File, l *RecordLock, ofd bool) error {
	if l.Type != abi.F_RDLCK && l.Type != abi.F_WRLCK {
		return abi.EINVAL
	}
	t := f.inode.locks()
	t.mu.Lock()
	if r := t.conflict(c.lockOwner(f, ofd), l); r != nil {
		*l = r.RecordLock
	} else {
		l.Type = abi.F_UNLCK
	}
	t.mu.Unlock()
	return nil
}

// SetLock is fcntl(2) F_SETLK, or F_OFD_SETLK. EAGAIN: a lock is in the way; EBADF: f is not open for what the type
// needs. With wait (F_SETLKW) the caller waits on LockQueue after EAGAIN and tries again, or calls EndLockWait; EDEADLK:
// the holder waits for the caller.
func (c *Caller) SetLock(f *File, l RecordLock, ofd, block bool) error {
	switch {
	case l.Type == abi.F_RDLCK && !f.Readable(), l.Type == abi.F_WRLCK && !f.Writable():
		return abi.EBADF
	case l.Type < abi.F_RDLCK || l.Type > abi.F_UNLCK || l.Start < 0 || l.End < l.Start:
		return abi.EINVAL
	}
	owner := c.lockOwner(f, ofd)
	t := f.inode.locks()
	t.mu.Lock()
	var err error
	changed := false
	if r := t.conflict(owner, &l); r != nil && l.Type != abi.F_UNLCK {
		err = abi.EAGAIN
		if block && !ofd {
			err = c.VFS.lockWaits.add(owner, r.owner)
		}
	} else {
		changed = t.setLocked(owner, l)
	}
	t.mu.Unlock()
	if err == nil {
		c.EndLockWait()
	}
	if changed {
		t.queue.Notify(wait.All)
	}
	return err
}

// EndLockWait is called by who waited for a record lock and does so no more.
func (c *Caller) EndLockWait() { c.VFS.lockWaits.remove(c.Files) }

// setLocked gives owner the lock l in place of what it has there. It reports whether something was taken away.
func (t *lockTable) setLocked(owner any, l RecordLock) (took bool) {
	var kept []recordLock
	for _, r := range t.records {
		switch {
		case r.owner != owner || r.Start > l.End && !adjacent(l, r.RecordLock) || r.End < l.Start && !adjacent(r.RecordLock, l):
			kept = append(kept, r)
			continue
		case r.Type == l.Type:
			l.Start, l.End = min(l.Start, r.Start), max(l.End, r.End) // they become one
			continue
		case r.Start > l.End || r.End < l.Start:
			kept = append(kept, r)
			continue
		}
		took = true
		if r.Start < l.Start {
			low := r
			low.End = l.Start - 1
			kept = append(kept, low)
		}
		if r.End > l.End {
			r.Start = l.End + 1
			kept = append(kept, r)
		}
	}
	if l.Type != abi.F_UNLCK {
		kept = append(kept, recordLock{l, owner})
	}
	t.records = kept
	return took
}

// adjacent reports whether b starts where a ends.
func adjacent(a, b RecordLock) bool { return a.End != math.MaxInt64 && a.End+1 == b.Start }

// lockWaits knows which process waits for a record lock of which, to find deadlocks.
type lockWaits struct {
	mu    sync.Mutex
	waits map[any]any // guarded by mu
}

// add notes that waiter waits for holder, and returns EAGAIN. EDEADLK: holder waits for waiter, perhaps through others.
func (w *lockWaits) add(waiter, holder any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for o := holder; o != nil; o = w.waits[o] {
		if o == waiter {
			return abi.EDEADLK
		}
	}
	if w.waits == nil {
		w.waits = map[any]any{}
	}
	w.waits[waiter] = holder
	return abi.EAGAIN
}

func (w *lockWaits) remove(waiter any) {
	w.mu.Lock()
	delete(w.waits, waiter)
	w.mu.Unlock()
}
