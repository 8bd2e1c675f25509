package fs

import (
	"sync"
	"sync/atomic"

	"cleave/mm/frame"
	"cleave/ns/user"
)

// VFS is all file systems of one kernel.
type VFS struct {
	Pool *frame.Pool
	// Now returns the wall clock in nanoseconds since 1970.
	Now func() int64
	// NewMemoryFile makes a file without a name, open for reading and writing; package tmpfs sets it. name is for show.
	NewMemoryFile func(name string, size int64, cred *user.Cred) (*File, error)
	// OpenFIFO opens a FIFO or refuses; package pipe sets it. f.Ops is for it to set.
	OpenFIFO func(f *File, c *Caller) error

	// MountMax is how many mounts a mount namespace may have (/proc/sys/fs/mount-max).
	MountMax int

	// Steps makes a step of a change of mounts fail, for tests; nil never does.
	Steps *user.Steps

	anon       anonymous
	lastAnon   atomic.Uint32 // inode number
	nextDev    atomic.Uint32
	moveCookie atomic.Uint32 // pairs IN_MOVED_FROM and IN_MOVED_TO
	recent     atomic.Int64  // a time not long ago

	// tree guards names, dentries and the mount topology. A walk holds it for reading and drops it to ask a file system.
	tree       sync.RWMutex
	names      nameTable  // guarded by tree, as is what follows
	mounts     mountTable //
	contexts   *Context
	namespaces []*MountNamespace // those that tasks can be in, by their ID
	nextDentry atomic.Uint32

	lockWaits lockWaits
	watched   atomic.Int32 // inotify watches; 0: nobody is to be told anything

	renameMu sync.Mutex // held by a rename between directories

	typesMu sync.Mutex
	types   []*Type // guarded by typesMu, in the order of registration

	charMu sync.Mutex
	char   map[Dev]DeviceOpener // guarded by charMu; minor anyMinor: the whole major
	block  map[Dev]DeviceOpener // guarded by charMu
}

// DeviceOpener opens a device: it sets f.Ops, and may set f.Private.
type DeviceOpener func(f *File, c *Caller, dev Dev) error

// AnyMinor registers an opener for all minors of a major that have none of their own.
const AnyMinor = 0xfffff

// New returns a VFS whose page frames come from pool.
func New(pool *frame.Pool, now func() int64) *VFS {
	v := &VFS{Pool: pool, Now: now, MountMax: 100000, char: map[Dev]DeviceOpener{}, block: map[Dev]DeviceOpener{}}
	v.names.init(firstNameBuckets)
	v.mounts.init(firstMountBuckets)
	v.initAnonymous()
	return v
}

// Register makes a type of file system known to mount(2).
func (v *VFS) Register(t *Type) {
	v.typesMu.Lock()
	v.types = append(v.types, t)
	v.typesMu.Unlock()
}

// Types returns all types, in the order of registration (/proc/filesystems).
func (v *VFS) Types() []*Type {
	v.typesMu.Lock()
	defer v.typesMu.Unlock()
	return append([]*Type(nil), v.types...)
}

// RegisterChar makes open(2) of a character device call open. minor may be AnyMinor.
func (v *VFS) RegisterChar(major, minor uint32, open DeviceOpener) {
	v.charMu.Lock()
	v.char[MakeDev(major, minor)] = open
	v.charMu.Unlock()
}

// RegisterBlock makes open(2) of a block device call open. minor may be AnyMinor.
func (v *VFS) RegisterBlock(major, minor uint32, open DeviceOpener) {
	v.charMu.Lock()
	v.block[MakeDev(major, minor)] = open
	v.charMu.Unlock()
}

// Limits are the resource limits that file operations obey (getrlimit(2)). Package proc's thread group implements it.
type Limits interface {
	// NoFile is RLIMIT_NOFILE: the lowest descriptor number that is too high.
	NoFile() int
	// FileSize is RLIMIT_FSIZE.
	FileSize() int64
	// FileSizeExceeded is told that a write failed because of FileSize: it sends SIGXFSZ.
	FileSizeExceeded()
}

// Caller is who acts on files: a task, of which it is a part. Only the task itself changes the fields.
type Caller struct {
	VFS    *VFS
	Cred   *user.Cred
	FS     *Context
	Files  *FDTable
	Mounts *MountNamespace
	Limits Limits
	// Account is who pays for new pages of files; nil, or nil in it: nobody. Others may change what it holds.
	Account *atomic.Pointer[frame.Account]
	// Task is the task that the Caller is a part of, for files that must know it (terminals, /proc/self).
	Task any
}

// payer is who is charged for new pages; nil: nobody. c nil is the kernel.
func (c *Caller) payer() *frame.Account {
	if c == nil || c.Account == nil {
		return nil
	}
	return c.Account.Load()
}
