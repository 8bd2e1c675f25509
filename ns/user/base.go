package user

import (
	"sync"
	"sync/atomic"

	"cleave/abi"
)

// Kind is a type of namespace.
type Kind uint8

// The kinds of namespaces(7).
const (
	KindUser Kind = iota
	KindMount
	KindUTS
	KindIPC
	KindPID
	KindNet
	KindCgroup
	KindTime
	NumKinds int = iota
)

var kinds = [NumKinds]struct {
	name  string
	flag  uint64
	first uint32 // inode number of the initial one, as on Linux
}{
	KindUser:   {"user", abi.CLONE_NEWUSER, 0xeffffffd},
	KindMount:  {"mnt", abi.CLONE_NEWNS, 0xeffffff8},
	KindUTS:    {"uts", abi.CLONE_NEWUTS, 0xeffffffe},
	KindIPC:    {"ipc", abi.CLONE_NEWIPC, 0xefffffff},
	KindPID:    {"pid", abi.CLONE_NEWPID, 0xeffffffc},
	KindNet:    {"net", abi.CLONE_NEWNET, 0xeffffff9},
	KindCgroup: {"cgroup", abi.CLONE_NEWCGROUP, 0xeffffffb},
	KindTime:   {"time", abi.CLONE_NEWTIME, 0xeffffffa},
}

// String is the name in /proc/PID/ns.
func (k Kind) String() string { return kinds[k].name }

// CloneFlag is the bit that clone(2) makes one with, and the answer of NS_GET_NSTYPE (ioctl_ns(2)).
func (k Kind) CloneFlag() uint64 { return kinds[k].flag }

// inodes from here on are given to namespaces made after the start (the same number as on Linux).
const firstInode = 0xf0000000

// system is what all user namespaces of one boot share.
type system struct {
	live     [NumKinds]atomic.Int64
	model    atomic.Uint32 // of new children of the initial namespace
	overflow [2]atomic.Uint32
	lastID   atomic.Uint64

	mu   sync.Mutex
	used map[uint32]struct{} // inode numbers, guarded by mu
	next uint32              // guarded by mu
}

func (s *system) takeInode() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		n := s.next
		s.next++
		if s.next < firstInode {
			s.next = firstInode
		}
		if _, busy := s.used[n]; !busy {
			s.used[n] = struct{}{}
			return n
		}
	}
}

func (s *system) giveInode(n uint32) {
	s.mu.Lock()
	delete(s.used, n)
	s.mu.Unlock()
}

// Any is a namespace of any kind. *Namespace, *fs.MountNamespace, *ns.UTS and the others are one by embedding Base.
type Any interface {
	Kind() Kind
	// Inode is the number in `type:[inode]` and in the stat of an ns file.
	Inode() uint32
	// ID is a number that no other namespace ever has (NS_GET_ID, ioctl_nsfs(2)); one that was made later has a greater one.
	ID() uint64
	// Owner is the user namespace that governs it; of a user namespace, its parent. It is nil for the initial user namespace only.
	Owner() *Namespace
	// Get takes a reference: a task's, a child namespace's, an open ns file's, a mount's. The caller must hold one already.
	Get()
	// Put drops a reference. With the last one the namespace is gone: it counts no more, and its inode number is free.
	Put()
}

// Base is the common part of a namespace. Make it with Begin or BeginFirst, with one reference, which is the caller's.
type Base struct {
	sys     *system
	kind    Kind
	inode   uint32
	id      uint64
	owner   *Namespace
	charged *Account // of the owner's table; nil for the initial namespaces
	refs    atomic.Int64
	release func()
}

// Begin makes b a new namespace of kind k, owned by owner, made by a task whose effective user id is maker. It takes a
// reference on owner. release runs once, when the last reference is gone, and lets go of what the namespace holds.
// Errors: ENOSPC at a limit of /proc/sys/user/max_*_namespaces, of owner's or an ancestor's users.
func (b *Base) Begin(k Kind, owner *Namespace, maker KUID, release func()) error {
	acct, err := owner.charge(maker, k)
	if err != nil {
		return err
	}
	owner.Get()
	b.charged = acct
	b.start(owner.sys, k, owner, owner.sys.takeInode(), release)
	return nil
}

// BeginFirst makes b the initial namespace of kind k. It is charged to nobody.
func (b *Base) BeginFirst(k Kind, owner *Namespace, release func()) {
	owner.Get()
	b.start(owner.sys, k, owner, kinds[k].first, release)
}

func (b *Base) start(s *system, k Kind, owner *Namespace, inode uint32, release func()) {
	b.sys, b.kind, b.owner, b.inode, b.release = s, k, owner, inode, release
	b.id = s.lastID.Add(1)
	b.refs.Store(1)
	s.live[k].Add(1)
}

// Kind is the type of the namespace.
func (b *Base) Kind() Kind { return b.kind }

// Inode is the number that tells namespaces apart (namespaces(7)).
func (b *Base) Inode() uint32 { return b.inode }

// ID is a number that is never used again.
func (b *Base) ID() uint64 { return b.id }

// Owner is the user namespace that it belongs to.
func (b *Base) Owner() *Namespace { return b.owner }

// Refs is the number of references, for tests.
func (b *Base) Refs() int64 { return b.refs.Load() }

// Get takes a reference.
func (b *Base) Get() {
	if b.refs.Add(1) <= 1 {
		panic("user: reference taken on a namespace that is gone: " + b.kind.String())
	}
}

// TryGet takes a reference unless the last one is gone already.
func (b *Base) TryGet() bool {
	for {
		n := b.refs.Load()
		if n == 0 {
			return false
		}
		if b.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Put drops a reference.
func (b *Base) Put() {
	n := b.refs.Add(-1)
	if n > 0 {
		return
	}
	if n < 0 {
		panic("user: reference dropped twice: " + b.kind.String())
	}
	b.sys.live[b.kind].Add(-1)
	if b.release != nil {
		b.release()
	}
	if b.inode >= firstInode {
		b.sys.giveInode(b.inode)
	}
	if b.charged != nil {
		b.charged.uncharge(b.kind)
	}
	if b.owner != nil {
		b.owner.Put()
	}
}
