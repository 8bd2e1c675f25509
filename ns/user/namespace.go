package user

import (
	"sync"
	"sync/atomic"

	"cleave/abi"
)

// Model says what a user namespace isolates. It is fixed when the namespace is made, and inherited by its children.
type Model uint8

const (
	// Mapped is the model of Linux since 3.8, user_namespaces(7): ids are mapped, capabilities count inside only.
	Mapped Model = iota
	// Owned is the model of the first user namespaces: ids and capabilities stay as they are, but users have accounts
	// of their own in it, and mounts belong to the namespace that made them.
	Owned
)

// String is the text in /proc/sys/user/model.
func (m Model) String() string {
	if m == Owned {
		return "owned"
	}
	return "mapped"
}

// ParseModel reads the text of /proc/sys/user/model or of the kernel argument userns=. EINVAL: neither of the two.
func ParseModel(s string) (Model, error) {
	switch s {
	case "mapped":
		return Mapped, nil
	case "owned":
		return Owned, nil
	}
	return 0, abi.EINVAL
}

// MaxLevel is the depth of the deepest user namespace below the initial one.
const MaxLevel = 33

// Namespace is a user namespace.
type Namespace struct {
	Base
	parent   *Namespace // nil for the initial one
	model    Model
	level    int  // 0 for the initial one
	maker    KUID // effective ids of the task that made it
	makerGID KGID
	// couldSetFCap: the maker had CAP_SETFCAP in the parent, so the namespace may map the parent's user 0.
	couldSetFCap bool
	users        *Namespace // whose table has the accounts of this namespace's users

	mapMu     sync.Mutex // held while a map or the setgroups state changes
	maps      [numMaps]atomic.Pointer[idMap]
	setgroups atomic.Bool // allowed

	limits [numLimits]atomic.Int32 // /proc/sys/user/max_*

	accountMu sync.Mutex
	accounts  map[KUID]*Account // guarded by accountMu
}

// NewInitial makes the initial user namespace of a boot. All others descend from it.
func NewInitial() *Namespace {
	s := &system{used: map[uint32]struct{}{}, next: firstInode}
	s.overflow[0].Store(DefaultOverflow)
	s.overflow[1].Store(DefaultOverflow)
	n := &Namespace{accounts: map[KUID]*Account{}}
	n.users = n
	for i := range n.maps {
		n.maps[i].Store(identity)
	}
	n.setgroups.Store(true)
	for i := range n.limits {
		n.limits[i].Store(initialLimits[i])
	}
	n.start(s, KindUser, nil, kinds[KindUser].first, nil)
	return n
}

// newChild makes a user namespace below parent. ENOSPC: too deep, or a limit on the number of user namespaces.
func newChild(parent *Namespace, model Model, maker KUID, makerGID KGID) (*Namespace, error) {
	if parent.level >= MaxLevel {
		return nil, abi.ENOSPC
	}
	n := &Namespace{
		parent: parent, model: model, level: parent.level + 1, maker: maker, makerGID: makerGID,
		accounts: map[KUID]*Account{},
	}
	if err := n.Begin(KindUser, parent, maker, nil); err != nil {
		return nil, err
	}
	n.setgroups.Store(parent.setgroups.Load())
	for i := range n.limits {
		n.limits[i].Store(noLimit)
	}
	if model == Owned {
		n.users = n
		for i := range n.maps {
			n.maps[i].Store(identity)
		}
	} else {
		n.users = parent.users
	}
	return n, nil
}

// Parent is the user namespace that this one was made in, nil for the initial one.
func (n *Namespace) Parent() *Namespace { return n.parent }

// Model says which model the namespace follows.
func (n *Namespace) Model() Model { return n.model }

// Level is the depth below the initial namespace, whose level is 0.
func (n *Namespace) Level() int { return n.level }

// Initial is the initial user namespace of this boot.
func (n *Namespace) Initial() *Namespace {
	for n.parent != nil {
		n = n.parent
	}
	return n
}

// IsInitial reports whether this is the initial user namespace.
func (n *Namespace) IsInitial() bool { return n.parent == nil }

// MakerUID is the effective user id of the task that made the namespace (NS_GET_OWNER_UID).
func (n *Namespace) MakerUID() KUID { return n.maker }

// Within reports whether n is ancestor or a descendant of it.
func (n *Namespace) Within(ancestor *Namespace) bool {
	for n != nil && n.level > ancestor.level {
		n = n.parent
	}
	return n == ancestor
}

// RootUID is the kernel id of the namespace's user 0, InvalidKUID if there is none.
func (n *Namespace) RootUID() KUID { return n.ToKUID(0) }

// RootGID is the kernel id of the namespace's group 0, InvalidKGID if there is none.
func (n *Namespace) RootGID() KGID { return n.ToKGID(0) }

// NewModel is the model of user namespaces that are made in the initial one (/proc/sys/user/model).
func (n *Namespace) NewModel() Model { return Model(n.sys.model.Load()) }

// SetNewModel sets it, for the whole boot.
func (n *Namespace) SetNewModel(m Model) { n.sys.model.Store(uint32(m)) }

// Overflow is the user and the group id shown for ids that are not mapped (/proc/sys/kernel/overflowuid, overflowgid).
func (n *Namespace) Overflow() (UID, GID) {
	return UID(n.sys.overflow[0].Load()), GID(n.sys.overflow[1].Load())
}

// SetOverflow sets both. EINVAL above 65535, which 16-bit system calls could not show.
func (n *Namespace) SetOverflow(u UID, g GID) error {
	if u > 65535 || g > 65535 {
		return abi.EINVAL
	}
	n.sys.overflow[0].Store(uint32(u))
	n.sys.overflow[1].Store(uint32(g))
	return nil
}

// Live is the number of namespaces of kind k in this boot, the initial one included.
func (n *Namespace) Live(k Kind) int64 { return n.sys.live[k].Load() }

// MayUseMount tells whether a task of n may use a mount that was made by owner (both models), nil for the kernel's own.
// shared: the mount is share-ns. Only a task of an owned namespace is ever refused.
func (n *Namespace) MayUseMount(owner *Namespace, shared bool) bool {
	return n == owner || owner == nil || shared || n.model != Owned
}

// MayCopyMount tells whether a task of n may copy a mount that was made by owner, nil for the kernel's own. Between
// namespaces where the owned model has a say, only a share-ns mount may be copied.
func (n *Namespace) MayCopyMount(owner *Namespace, shared bool) bool {
	return n == owner || owner == nil || shared || (n.model != Owned && owner.model != Owned)
}
