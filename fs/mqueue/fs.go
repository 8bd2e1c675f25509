// Package mqueue has POSIX message queues (mq_overview(7)). The queues of an IPC namespace are the files of a file system
// that can be mounted (type mqueue); mq_open(2) and mq_unlink(2) name them without a mount.
package mqueue

import (
	"slices"
	"sync"
	"sync/atomic"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
)

// Limits are those of /proc/sys/fs/mqueue.
type Limits struct {
	Queues         int // queues of the namespace
	Messages       int // of a queue
	MessageSize    int // bytes of a message
	MessagesDef    int // of a queue for which nothing is asked
	MessageSizeDef int
}

// DefaultLimits are those of a new namespace, as on Linux.
var DefaultLimits = Limits{Queues: 256, Messages: 10, MessageSize: 8192, MessagesDef: 10, MessageSizeDef: 8192}

// What nobody may exceed, and the least that the limits can be set to (mq_overview(7)).
const (
	hardMessages    = 65536
	hardMessageSize = 16 << 20
	minMessageSize  = 128
)

// FS has the queues of one IPC namespace.
type FS struct {
	fs.NoSuper
	vfs     *fs.VFS
	sb      *fs.Superblock
	mount   *fs.Mount // internal, for queues that are opened without a mount
	lastIno atomic.Uint64
	root    root

	mu      sync.Mutex
	limits  Limits   // guarded by mu
	queues  []*Queue // guarded by mu; in the order of making
	lastPos int64    // guarded by mu: of Queue.pos
}

// firstPos leaves the first positions of the directory to . and ..
const firstPos = 2

// New makes an empty file system whose namespace belongs to owner. Release lets go of it.
func New(v *fs.VFS, owner *user.Namespace) *FS {
	s := &FS{vfs: v, limits: DefaultLimits, lastPos: firstPos}
	s.root.fs = s
	s.sb = v.NewSuper(fs.SuperConfig{
		Request: &fs.MountRequest{VFS: v, Source: "mqueue", Owner: owner}, Type: mountType, Ops: s, Magic: abi.MQUEUE_MAGIC,
		Flags: fs.SuperVolatile | fs.SuperNoExec | fs.SuperNoDev,
	})
	i := &s.root.inode
	s.sb.InitInode(i, &s.root, s.lastIno.Add(1), abi.S_IFDIR|abi.S_ISVTX|0o777)
	i.SetNode(&fs.Node{UID: owner.ToKUID(0), GID: owner.ToKGID(0)})
	i.SetNlink(2)
	i.SetFileOps(dirOps{})
	s.sb.SetRoot(i)
	s.mount = v.InternalMount(s.sb)
	return s
}

// Release ends the use of s by its namespace. What is mounted or open stays until it is no longer so.
func (s *FS) Release() { s.mount.Retire() }

// Shutdown removes the queues once neither the namespace nor a mount needs them.
func (s *FS) Shutdown(*fs.Superblock) {
	s.mu.Lock()
	queues := s.queues
	s.queues = nil
	s.mu.Unlock()
	for _, q := range queues {
		q.inode.SetNlink(0)
		q.inode.Put()
	}
}

// Statfs shows the length of names.
func (s *FS) Statfs(_ *fs.Superblock, st *fs.Statfs) error {
	st.Namelen = abi.NameMax
	return nil
}

// Holder is a task that has an IPC namespace.
type Holder interface {
	// MessageQueues returns the queues of the task's IPC namespace.
	MessageQueues() *FS
}

var mountType = &fs.Type{Name: "mqueue", Flags: fs.TypeNoDev | fs.TypeUserNS, Mount: mount}

// Type is the type of file system for fs.VFS.Register.
func Type() *fs.Type { return mountType }

// mount gives the one file system of the caller's IPC namespace. EPERM: that belongs to a user namespace over which the
// caller has no power.
func mount(r *fs.MountRequest) (*fs.Superblock, error) {
	h, ok := r.Caller.Task.(Holder)
	if !ok {
		return nil, abi.ENODEV
	}
	s := h.MessageQueues()
	if !r.Caller.Cred.Has(user.CapSysAdmin, s.sb.Owner()) {
		return nil, abi.EPERM
	}
	s.sb.Get()
	return s.sb, nil
}

// Limits returns the limits.
func (s *FS) Limits() Limits {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limits
}

// SetLimits changes the limits. EINVAL: below the least or above the greatest value.
func (s *FS) SetLimits(change func(*Limits)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.limits
	change(&l)
	for _, v := range [...]struct{ v, low, high int }{{l.Queues, 0, 1<<31 - 1}, {l.Messages, 1, hardMessages},
		{l.MessagesDef, 1, hardMessages}, {l.MessageSize, minMessageSize, hardMessageSize},
		{l.MessageSizeDef, minMessageSize, hardMessageSize}} {
		if v.v < v.low || v.v > v.high {
			return abi.EINVAL
		}
	}
	s.limits = l
	return nil
}

// Len returns how many queues have a name.
func (s *FS) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queues)
}

// findLocked returns the queue with a name, or nil.
func (s *FS) findLocked(name []byte) *Queue {
	for _, q := range s.queues {
		if q.name == string(name) {
			return q
		}
	}
	return nil
}

// addLocked gives q, which is new, its name.
func (s *FS) addLocked(q *Queue) {
	q.pos = s.lastPos
	s.lastPos++
	q.inode.Get()
	s.queues = append(s.queues, q)
	s.changedLocked()
}

// removeLocked takes the name from q, if it still has it; then the caller drops the inode once it has unlocked.
func (s *FS) removeLocked(q *Queue) bool {
	i := slices.Index(s.queues, q)
	if i < 0 {
		return false
	}
	s.queues = slices.Delete(s.queues, i, i+1)
	q.inode.SetNlink(0)
	s.changedLocked()
	return true
}

// changedLocked brings size and times of the directory up to date.
func (s *FS) changedLocked() {
	const entrySize = 20 // as on Linux
	i, now := &s.root.inode, s.vfs.Now()
	i.SetSize(int64(len(s.queues)) * entrySize)
	i.SetTimes(now, now, now)
}
