package fs

import (
	"math/bits"
	"sync"
	"sync/atomic"

	"cleave/abi"
)

// FDTable maps descriptors to open files. Tasks share it with CLONE_FILES.
type FDTable struct {
	users atomic.Int32

	mu      sync.Mutex
	files   []*File  // guarded by mu, as is what follows; only users write, so a single user may read without
	open    []uint64 // a bit for each descriptor in use, those that are reserved included
	cloexec []uint64
	lowest  int // no free descriptor is below
}

// maxFDs is the most descriptors that any limit allows (/proc/sys/fs/nr_open).
const maxFDs = 1 << 20

// NewFDTable returns an empty table with one user.
func NewFDTable() *FDTable {
	t := &FDTable{}
	t.users.Store(1)
	t.growLocked(64)
	return t
}

// Share counts one more user and returns t.
func (t *FDTable) Share() *FDTable {
	t.users.Add(1)
	return t
}

// Shared reports whether t has more than one user.
func (t *FDTable) Shared() bool { return t.users.Load() > 1 }

// Leave drops a user; the last one closes all descriptors.
func (t *FDTable) Leave() {
	if t.users.Add(-1) > 0 {
		return
	}
	for w, open := range t.open {
		for ; open != 0; open &= open - 1 {
			fd := w<<6 + bits.TrailingZeros64(open)
			if f := t.files[fd]; f != nil {
				t.files[fd] = nil
				f.close(t)
			}
		}
	}
}

// growLocked makes room for n descriptors, a multiple of 64.
func (t *FDTable) growLocked(n int) {
	files := make([]*File, n)
	copy(files, t.files)
	maps := make([]uint64, 2*n/64)
	copy(maps, t.open)
	copy(maps[n/64:], t.cloexec)
	t.files, t.open, t.cloexec = files, maps[:n/64:n/64], maps[n/64:]
}

// Get returns the file of a descriptor, with a reference. EBADF.
func (t *FDTable) Get(fd int) (*File, error) {
	t.mu.Lock()
	if uint(fd) >= uint(len(t.files)) || t.files[fd] == nil {
		t.mu.Unlock()
		return nil, abi.EBADF
	}
	f := t.files[fd]
	f.refs.Add(1)
	t.mu.Unlock()
	return f, nil
}

// Flags returns the flags of an open descriptor, with O_CLOEXEC if it is closed at execve(2); false: it is not open.
func (t *FDTable) Flags(fd int) (uint32, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if uint(fd) >= uint(len(t.files)) || t.files[fd] == nil {
		return 0, false
	}
	flags := t.files[fd].Flags()
	if t.cloexec[fd/64]>>(fd%64)&1 != 0 {
		flags |= abi.O_CLOEXEC
	}
	return flags, true
}

// Borrow is Get for the duration of one system call of a task that is the only user of the table: nobody else can close
// the descriptor then, so no reference is taken. counted tells that there are others, and the caller must Put.
func (t *FDTable) Borrow(fd int) (f *File, counted bool, err error) {
	if t.users.Load() != 1 {
		f, err = t.Get(fd)
		return f, true, err
	}
	if uint(fd) >= uint(len(t.files)) || t.files[fd] == nil {
		return nil, false, abi.EBADF
	}
	return t.files[fd], false, nil
}

// Own returns the files by descriptor, nil where there is none, for a call of a task that is the only user of the table, as
// Borrow does for one. nil: there are others.
func (t *FDTable) Own() []*File {
	if t.users.Load() != 1 {
		return nil
	}
	return t.files
}

// GetIO is Get for calls that O_PATH descriptors are no use for. EBADF.
func (t *FDTable) GetIO(fd int) (*File, error) {
	f, err := t.Get(fd)
	if err == nil && f.flags.Load()&abi.O_PATH != 0 {
		f.Put()
		return nil, abi.EBADF
	}
	return f, err
}

// reserveLocked takes the lowest free descriptor from min on that is below limit. EMFILE.
func (t *FDTable) reserveLocked(min, limit int, cloexec bool) (int, error) {
	limit = limitFDs(limit)
	fd := t.freeLocked(max(min, t.lowest))
	if fd >= limit {
		return 0, abi.EMFILE
	}
	if fd >= len(t.files) {
		n := len(t.files)
		for n <= fd {
			n *= 2
		}
		t.growLocked(n)
	}
	t.open[fd>>6] |= 1 << (fd & 63)
	t.setCloexecLocked(fd, cloexec)
	if min <= t.lowest {
		t.lowest = fd + 1
	}
	return fd, nil
}

func limitFDs(limit int) int {
	if limit < 0 || limit > maxFDs {
		return maxFDs
	}
	return limit
}

// freeLocked returns the lowest free descriptor from fd on.
func (t *FDTable) freeLocked(fd int) int {
	for fd < len(t.files) {
		if free := ^t.open[fd>>6] >> (fd & 63); free != 0 {
			return fd + bits.TrailingZeros64(free)
		}
		fd = (fd | 63) + 1
	}
	return fd
}

func (t *FDTable) setCloexecLocked(fd int, on bool) {
	if on {
		t.cloexec[fd>>6] |= 1 << (fd & 63)
	} else {
		t.cloexec[fd>>6] &^= 1 << (fd & 63)
	}
}

// Install gives f, with the caller's reference, the lowest free descriptor below limit (RLIMIT_NOFILE). EMFILE: the
// caller keeps its reference.
func (t *FDTable) Install(f *File, limit int, cloexec bool) (int, error) {
	return t.InstallFrom(f, 0, limit, cloexec)
}

// InstallFrom is Install with the lowest number that will do (F_DUPFD). EINVAL: min is out of range.
func (t *FDTable) InstallFrom(f *File, min, limit int, cloexec bool) (int, error) {
	if min < 0 || min >= limitFDs(limit) {
		return 0, abi.EINVAL
	}
	t.mu.Lock()
	fd, err := t.reserveLocked(min, limit, cloexec)
	if err == nil {
		t.files[fd] = f
	}
	t.mu.Unlock()
	return fd, err
}

// Reserve takes a descriptor with no file yet, for calls that must not fail once the file exists. Fill or Cancel ends it.
func (t *FDTable) Reserve(limit int, cloexec bool) (int, error) {
	t.mu.Lock()
	fd, err := t.reserveLocked(0, limit, cloexec)
	t.mu.Unlock()
	return fd, err
}

// Fill gives the reserved descriptor fd the file f with the caller's reference.
func (t *FDTable) Fill(fd int, f *File) {
	t.mu.Lock()
	t.files[fd] = f
	t.mu.Unlock()
}

// Cancel gives a reserved descriptor back.
func (t *FDTable) Cancel(fd int) {
	t.mu.Lock()
	t.clearLocked(fd)
	t.mu.Unlock()
}

func (t *FDTable) clearLocked(fd int) {
	t.files[fd] = nil
	t.open[fd>>6] &^= 1 << (fd & 63)
	t.cloexec[fd>>6] &^= 1 << (fd & 63)
	t.lowest = min(t.lowest, fd)
}

// Close closes a descriptor. EBADF.
func (t *FDTable) Close(fd int) error {
	t.mu.Lock()
	if uint(fd) >= uint(len(t.files)) || t.files[fd] == nil {
		t.mu.Unlock()
		return abi.EBADF
	}
	f := t.files[fd]
	t.clearLocked(fd)
	t.mu.Unlock()
	f.close(t)
	return nil
}

// Dup makes the lowest free descriptor another name of fd's file (dup(2), F_DUPFD with min). EBADF, EMFILE, EINVAL.
func (t *FDTable) Dup(fd, min, limit int, cloexec bool) (int, error) {
	f, err := t.Get(fd)
	if err != nil {
		return 0, err
	}
	n, err := t.InstallFrom(f, min, limit, cloexec)
	if err != nil {
		f.Put()
	}
	return n, err
}

// DupTo makes newfd a name of oldfd's file, closing what it was (dup2(2), dup3(2)). The two differ. EBADF; EBUSY when
// newfd is being opened by another task.
func (t *FDTable) DupTo(oldfd, newfd, limit int, cloexec bool) error {
	f, err := t.Get(oldfd)
	if err != nil {
		return err
	}
	if newfd < 0 || newfd >= limitFDs(limit) {
		f.Put()
		return abi.EBADF
	}
	t.mu.Lock()
	if newfd >= len(t.files) {
		n := len(t.files)
		for n <= newfd {
			n *= 2
		}
		t.growLocked(n)
	}
	old := t.files[newfd]
	if old == nil && t.open[newfd>>6]>>(newfd&63)&1 != 0 {
		t.mu.Unlock()
		f.Put()
		return abi.EBUSY
	}
	t.files[newfd] = f
	t.open[newfd>>6] |= 1 << (newfd & 63)
	t.setCloexecLocked(newfd, cloexec)
	t.mu.Unlock()
	if old != nil {
		old.close(t)
	}
	return nil
}

// Cloexec returns the close-on-exec flag of a descriptor. EBADF.
func (t *FDTable) Cloexec(fd int) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if uint(fd) >= uint(len(t.files)) || t.files[fd] == nil {
		return false, abi.EBADF
	}
	return t.cloexec[fd>>6]>>(fd&63)&1 != 0, nil
}

// SetCloexec sets the close-on-exec flag of a descriptor. EBADF.
func (t *FDTable) SetCloexec(fd int, on bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if uint(fd) >= uint(len(t.files)) || t.files[fd] == nil {
		return abi.EBADF
	}
	t.setCloexecLocked(fd, on)
	return nil
}

// CloseRange closes the descriptors from first to last, or makes them close-on-exec (close_range(2)).
func (t *FDTable) CloseRange(first, last uint, cloexec bool) {
	for fd := first; fd <= last; fd++ {
		t.mu.Lock()
		if fd >= uint(len(t.files)) {
			t.mu.Unlock()
			return
		}
		f := t.files[fd]
		if f != nil && cloexec {
			t.setCloexecLocked(int(fd), true)
		} else if f != nil {
			t.clearLocked(int(fd))
		}
		t.mu.Unlock()
		if f != nil && !cloexec {
			f.close(t)
		}
	}
}

// CloseOnExec closes what has the close-on-exec flag (execve(2)). The caller is the table's only user.
func (t *FDTable) CloseOnExec() {
	for w := 0; ; w++ {
		t.mu.Lock()
		if w >= len(t.cloexec) {
			t.mu.Unlock()
			return
		}
		set := t.cloexec[w] & t.open[w]
		t.mu.Unlock()
		for ; set != 0; set &= set - 1 {
			// A failure means that the descriptor went meanwhile, which is what was wanted.
			_ = t.Close(w<<6 + bits.TrailingZeros64(set))
		}
	}
}

// Copy returns a table of its own with the same files (fork, unshare). EMFILE: a descriptor is not below limit; -1 is none.
func (t *FDTable) Copy(limit int) (*FDTable, error) {
	n := &FDTable{}
	n.users.Store(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	size := t.highestLocked() + 1
	if limit >= 0 && size > limit {
		return nil, abi.EMFILE
	}
	n.growLocked(max(64, (size+63)&^63))
	for w, open := range t.open {
		for ; open != 0; open &= open - 1 {
			fd := w<<6 + bits.TrailingZeros64(open)
			if f := t.files[fd]; f != nil { // else it is reserved
				f.refs.Add(1)
				n.files[fd] = f
				n.open[w] |= 1 << (fd & 63)
			}
		}
	}
	for w := range n.cloexec {
		n.cloexec[w] = t.cloexec[w] & n.open[w]
	}
	n.lowest = t.lowest
	for fd := 0; fd < n.lowest; fd++ {
		if n.open[fd>>6]>>(fd&63)&1 == 0 {
			n.lowest = fd // it was reserved by another task of the old table
		}
	}
	return n, nil
}

func (t *FDTable) highestLocked() int {
	for w := len(t.open) - 1; w >= 0; w-- {
		if t.open[w] != 0 {
			return w<<6 + 63 - bits.LeadingZeros64(t.open[w])
		}
	}
	return -1
}

// Next returns the lowest descriptor from fd on that has a file, for /proc/PID/fd; -1: there is none.
func (t *FDTable) Next(fd int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	for ; fd < len(t.files); fd++ {
		if t.files[fd] != nil {
			return fd
		}
	}
	return -1
}

// Len returns how many descriptors are open.
func (t *FDTable) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, f := range t.files {
		if f != nil {
			n++
		}
	}
	return n
}

// SizeOf returns for how many descriptors the table has room (FDSize in /proc/PID/status).
func (t *FDTable) SizeOf() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.files)
}
