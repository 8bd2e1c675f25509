package fs

import (
	"sync"
	"sync/atomic"

	"cleave/abi"
	"cleave/mm/frame"
	"cleave/ns/user"
	"cleave/wait"
)

// File is an open file description (open(2)). Descriptors, mappings and messages in flight each hold a reference; the
// count is explicit because users see it: the last Put closes a pipe's end and drops flock(2) locks.
type File struct {
	Ops     FileOps // may be replaced by InodeOps.Open only
	Private any     // belongs to Ops; or let Ops itself be the per-open object
	Cred    *user.Cred

	refs   atomic.Int32
	flags  atomic.Uint32 // O_* without O_CREAT and friends
	path   Path          // pinned
	inode  *Inode
	exec   bool // opened by OpenExec: nobody may write
	stream bool // has no positions: lseek(2) and pread(2) fail with ESPIPE
	still  bool // has them, but none matters: lseek(2) and pread(2) succeed, and reads and writes leave it at 0

	posMu   sync.Mutex // for read, write and seek at the common position (POSIX: they are atomic to each other)
	pos     int64      // guarded by posMu
	dirNext *Dentry    // guarded by posMu: where the last ReadDir of a cachedDir has been

	asyncMu sync.Mutex  // taken before the lock of a queue
	async   *asyncEntry // guarded by asyncMu; nil: no O_ASYNC, or no queue

	mu      sync.Mutex // a leaf
	watches *Watch     // guarded by mu
	owner   IOOwner    // guarded by mu

	onClose func(f *File, t *FDTable) // constant once f is in a table
}

// FileOps is what an open file does. Embed NoFile for the answers of a file that can't. No operation sleeps until a
// user acts: EAGAIN says "not now; wait on Queue". c is the acting task, nil for the kernel itself.
type FileOps interface {
	// Read reads at off; files without positions ignore off. 0 is the end of the file.
	Read(f *File, c *Caller, b Buffer, off int64) (int, error)
	// Write writes at off. The page cache's own files handle O_APPEND and limits before they come here.
	Write(f *File, c *Caller, b Buffer, off int64) (int, error)
	// Seek returns the position after lseek(2); pos is the one now. ESPIPE for pipes and the like.
	Seek(f *File, pos, off int64, whence int) (int64, error)
	// ReadDir gives entries from position pos on to sink until that is full, and returns the position to go on from.
	ReadDir(f *File, c *Caller, pos int64, sink DirSink) (int64, error)
	// Poll returns the events that hold now.
	Poll(f *File) wait.Events
	// Queue is where changes of Poll are notified; nil: always ready.
	Queue(f *File) *wait.Queue
	// Ioctl carries out ioctl(2); ENOTTY.
	Ioctl(f *File, c *Caller, cmd, arg uint32, m UserMemory) (uint32, error)
	// Sync writes back (fsync(2), data only: fdatasync(2)).
	Sync(f *File, data bool) error
	// Allocate is fallocate(2).
	Allocate(f *File, c *Caller, mode int, off, n int64) error
	// Mmap returns the pages that a mapping of f shows; ENODEV.
	Mmap(f *File) (frame.Mapping, error)
	// Release is called once, when the last reference has gone.
	Release(f *File)
}

// DirSink takes directory entries. Entry returns false when it has no room for this one: it is given again next time.
// next is the position after the entry.
type DirSink interface {
	Entry(name []byte, ino uint64, typ uint8, next int64) bool
}

// SlowOpener is implemented by FileOps whose open(2) waits for a peer (FIFOs, fifo(7)). Caller.Open returns the file
// together with EAGAIN; the caller waits on Queue until OpenReady returns nil, or gives up with Put.
type SlowOpener interface {
	OpenReady(f *File) error
}

// NoFile answers for what a file can't do. Embed it.
type NoFile struct{}

// Read refuses.
func (NoFile) Read(*File, *Caller, Buffer, int64) (int, error) { return 0, abi.EINVAL }

// Write refuses.
func (NoFile) Write(*File, *Caller, Buffer, int64) (int, error) { return 0, abi.EINVAL }

// Seek refuses: the file has no position.
func (NoFile) Seek(*File, int64, int64, int) (int64, error) { return 0, abi.ESPIPE }

// ReadDir refuses: no directory.
func (NoFile) ReadDir(*File, *Caller, int64, DirSink) (int64, error) { return 0, abi.ENOTDIR }

// Poll says always readable and writable, as regular files are.
func (NoFile) Poll(*File) wait.Events { return wait.Readable | wait.Writable }

// Queue has none.
func (NoFile) Queue(*File) *wait.Queue { return nil }

// Ioctl knows no command.
func (NoFile) Ioctl(*File, *Caller, uint32, uint32, UserMemory) (uint32, error) {
	return 0, abi.ENOTTY
}

// Sync refuses: there is nothing to write back to.
func (NoFile) Sync(*File, bool) error { return abi.EINVAL }

// Allocate refuses.
func (NoFile) Allocate(*File, *Caller, int, int64, int64) error { return abi.EOPNOTSUPP }

// Mmap refuses.
func (NoFile) Mmap(*File) (frame.Mapping, error) { return nil, abi.ENODEV }

// Release does nothing.
func (NoFile) Release(*File) {}

// Flags returns the O_* flags: access mode and status flags.
func (f *File) Flags() uint32 { return f.flags.Load() }

// Readable reports whether f was opened for reading.
func (f *File) Readable() bool { return f.flags.Load()&(abi.O_PATH|abi.O_ACCMODE)&^abi.O_RDWR == 0 }

// Writable reports whether f was opened for writing.
func (f *File) Writable() bool {
	fl := f.flags.Load()
	return fl&abi.O_PATH == 0 && (fl&abi.O_ACCMODE == abi.O_WRONLY || fl&abi.O_ACCMODE == abi.O_RDWR)
}

// Nonblock reports whether f has O_NONBLOCK.
func (f *File) Nonblock() bool { return f.flags.Load()&abi.O_NONBLOCK != 0 }

// SetStream marks a file without positions (sockets, terminals), for InodeOps.Open and DeviceOpener.
func (f *File) SetStream() { f.stream = true }

// SetStill says that f's position is always 0, as that of /dev/null: reads and writes have no need to advance it.
func (f *File) SetStill() { f.still = true }

// SetOnClose has g called whenever a descriptor of f is closed, with the table that it was in, before the reference goes.
// It is for InodeOps.Open and for who makes files.
func (f *File) SetOnClose(g func(f *File, t *FDTable)) { f.onClose = g }

// Inode returns the file's inode.
func (f *File) Inode() *Inode { return f.inode }

// Path returns where f was opened; it stays pinned while f is held.
func (f *File) Path() Path { return f.path }

// Get adds a reference, for a holder that has one already, and returns f.
func (f *File) Get() *File {
	f.refs.Add(1)
	return f
}

// TryGet adds a reference unless the last one is gone already. It reports whether it did.
func (f *File) TryGet() bool {
	for {
		n := f.refs.Load()
		if n == 0 {
			return false
		}
		if f.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Refs returns how many references there are.
func (f *File) Refs() int { return int(f.refs.Load()) }

// Watch is told when a file's last reference goes (epoll drops closed files). The holder keeps it alive.
type Watch struct {
	Released   func(w *Watch, f *File)
	next, prev *Watch
}

// Watch registers w; Unwatch undoes it.
func (f *File) Watch(w *Watch) {
	f.mu.Lock()
	w.prev, w.next = nil, f.watches
	if w.next != nil {
		w.next.prev = w
	}
	f.watches = w
	f.mu.Unlock()
}

// Unwatch removes w. It does nothing if w is not registered, or has been told.
func (f *File) Unwatch(w *Watch) {
	f.mu.Lock()
	f.unwatchLocked(w)
	f.mu.Unlock()
}

func (f *File) unwatchLocked(w *Watch) {
	switch {
	case w.prev != nil:
		w.prev.next = w.next
	case f.watches == w:
		f.watches = w.next
	default:
		return
	}
	if w.next != nil {
		w.next.prev = w.prev
	}
	w.next, w.prev = nil, nil
}

// tellWatches tells everybody who watches that the file is gone.
func (f *File) tellWatches() {
	for {
		f.mu.Lock()
		w := f.watches
		if w != nil {
			f.unwatchLocked(w)
		}
		f.mu.Unlock()
		if w == nil {
			return
		}
		w.Released(w, f)
	}
}

// Owner returns who gets SIGIO, nil: nobody.
func (f *File) Owner() IOOwner {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.owner
}

// SetOwner changes who gets SIGIO.
func (f *File) SetOwner(o IOOwner) {
	f.mu.Lock()
	old := f.owner
	f.owner = o
	f.mu.Unlock()
	if old != nil {
		old.Drop()
	}
}
