package fs

import (
	"sync/atomic"

	"cleave/abi"
	"cleave/ns/user"
	"cleave/wait"
)

// Flags of one mount, apart from those of its file system (mount(2), MS_REMOUNT|MS_BIND). The numbers are mount(2)'s.
const (
	MountReadOnly    = abi.MS_RDONLY
	MountNoSUID      = abi.MS_NOSUID
	MountNoDev       = abi.MS_NODEV
	MountNoExec      = abi.MS_NOEXEC
	MountNoSymFollow = abi.MS_NOSYMFOLLOW
	MountNoAtime     = abi.MS_NOATIME
	MountNoDirAtime  = abi.MS_NODIRATIME
	MountRelatime    = abi.MS_RELATIME
	MountUnbindable  = abi.MS_UNBINDABLE

	mountAtimeFlags = MountNoAtime | MountNoDirAtime | MountRelatime
	mountUserFlags  = MountReadOnly | MountNoSUID | MountNoDev | MountNoExec | MountNoSymFollow | mountAtimeFlags
)

// Mount is a file system, or a part of one, that is visible at a place of a mount tree. Fields without a note are
// constant once the mount is in a tree; the others are guarded by VFS.tree, but for the atomic ones.
type Mount struct {
	sb      *Superblock
	root    *Dentry
	source  string
	owner   *user.Namespace // whose task made it
	id      uint64          // never used again
	flags   atomic.Uint32   // Mount* bits; not constant
	shareNS bool            // usable in every user namespace of the owned model

	users    atomic.Int32 // pins: open files, working directories, walks; not the tree itself. And mountGone
	writers  atomic.Int32 // files open for writing
	expiring atomic.Bool  // marked by MNT_EXPIRE, and not used since

	ns         *MountNamespace // guarded; nil: in no tree
	parent     *Mount          // guarded, as is all that follows; nil: a root, or detached
	mountpoint *Dentry
	copy       *Mount // while a tree is copied: the copy
	kept       uint32 // flags that a less privileged namespace may not clear; mountAtimeFlags: nor change
	mark       uint32 // equal to that of the operation under way: dealt with already
	group      int32  // number of the peer group; 0: not shared
	fresh      bool   // became shared by the attaching under way, and counts as not shared until it is done
	locked     bool   // may not be unmounted by itself: it came with a tree of a more privileged namespace

	hashNext           *Mount
	hereNext, herePrev *Mount // mounts on the same dentry
	child, lastChild   *Mount
	next, prev         *Mount // children of one parent

	peerNext, peerPrev *Mount // a ring; nil: no peers
	master             *Mount
	slave              *Mount // first of those whose master this is
	slaveNext          *Mount
	slavePrev          *Mount
}

// mountGone is the bit of Mount.users that says that the mount is in no tree any more: it is freed with the last pin. As
// it is in the same word, only one of those who unpin and those who unmount at the same time frees it.
const mountGone = 1 << 30

// pins returns how many pins m has.
func (m *Mount) pins() int32 { return m.users.Load() &^ mountGone }

// isGone reports whether m is in no tree any more.
func (m *Mount) isGone() bool { return m.users.Load()&mountGone != 0 }

// Superblock returns the file system that m shows.
func (m *Mount) Superblock() *Superblock { return m.sb }

// Root returns the root of what m shows of the file system.
func (m *Mount) Root() Path { return Path{m, m.root} }

// ID returns the number that mountinfo shows.
func (m *Mount) ID() uint64 { return m.id }

// FirstUniqueID is where the numbers of statmount(2) and listmount(2) begin, so that they are not taken for those of
// mountinfo.
const FirstUniqueID = 1 << 31

// UniqueID returns the number that statmount(2) and listmount(2) know m by (STATX_MNT_ID_UNIQUE).
func (m *Mount) UniqueID() uint64 { return FirstUniqueID + m.id }

// Flags returns the Mount* flags.
func (m *Mount) Flags() uint32 { return m.flags.Load() }

// Owner returns the user namespace that made the mount.
func (m *Mount) Owner() *user.Namespace { return m.owner }

// ShareNS reports whether every user namespace of the owned model may use m.
func (m *Mount) ShareNS() bool { return m.shareNS }

// mountTable finds what is mounted on a dentry of a mount. It is guarded by VFS.tree.
type mountTable struct {
	buckets []*Mount // a power of two
	shift   uint32
	count   int
	lastID  uint64
	group   int32 // last peer group number
	mark    uint32
	spare   []Mount // zeroed memory of a tree that is gone, for the next copy of a namespace; nil: none
}

// insert adds m, whose parent and mountpoint are set.
func (t *mountTable) insert(m *Mount) {
	if t.count >= 2*len(t.buckets) {
		old := t.buckets
		t.init(4 * len(old))
		for _, o := range old {
			for o != nil {
				next := o.hashNext
				b := &t.buckets[t.index(o.parent, o.mountpoint)]
				o.hashNext, *b = *b, o
				o = next
			}
		}
	}
	b := &t.buckets[t.index(m.parent, m.mountpoint)]
	m.hashNext, *b = *b, m
	t.count++
}

// remove takes m out.
func (t *mountTable) remove(m *Mount) {
	p := &t.buckets[t.index(m.parent, m.mountpoint)]
	for *p != m {
		p = &(*p).hashNext
	}
	*p = m.hashNext
	m.hashNext = nil
	t.count--
}

const firstMountBuckets = 1 << 6

func (t *mountTable) init(n int) {
	t.buckets = make([]*Mount, n)
	t.shift = 32
	for ; n > 1; n >>= 1 {
		t.shift--
	}
}

func (t *mountTable) index(parent *Mount, at *Dentry) uint32 {
	return (uint32(parent.id)*0x85ebca6b ^ at.id*0x9e3779b1) * 0x9e3779b1 >> t.shift
}

// mountAtLocked returns what is mounted on dentry d of parent, or nil.
func (v *VFS) mountAtLocked(parent *Mount, d *Dentry) *Mount {
	for m := v.mounts.buckets[v.mounts.index(parent, d)]; m != nil; m = m.hashNext {
		if m.parent == parent && m.mountpoint == d {
			return m
		}
	}
	return nil
}

// MountNamespace is what a set of tasks sees mounted (mount_namespaces(7)).
type MountNamespace struct {
	user.Base
	vfs *VFS

	root      *Mount // guarded by VFS.tree, as is all that follows; nil: gone, or moved to another namespace
	count     int
	anonymous bool    // a detached tree of open_tree(2) or fsmount(2)
	block     []Mount // the memory of its mounts while none of them has left; else nil

	// Events is notified (wait.Err|wait.Pri) when the mounts change, for poll(2) of /proc/PID/mounts.
	Events wait.Queue
	seq    atomic.Uint64
}

// Root returns the root of the namespace: what is mounted topmost on its first mount.
func (n *MountNamespace) Root() Path {
	n.vfs.tree.RLock()
	p := Path{n.root, n.root.root}.coveredBy(n.vfs).Get()
	n.vfs.tree.RUnlock()
	return p
}

// changedLocked tells who polls the list of mounts.
func (n *MountNamespace) changedLocked() {
	n.seq.Add(1)
	n.Events.Notify(wait.Err | wait.Pri)
}

// Changes counts the changes of the namespace's mounts.
func (n *MountNamespace) Changes() uint64 { return n.seq.Load() }

// Count returns how many mounts there are.
func (n *MountNamespace) Count() int {
	n.vfs.tree.RLock()
	defer n.vfs.tree.RUnlock()
	return n.count
}
