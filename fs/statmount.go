package fs

import (
	"cmp"
	"slices"

	"cleave/abi"
	"cleave/ns/user"
)

// MountQuery says which mount statmount(2) and listmount(2) are asked about.
type MountQuery struct {
	ID uint64 // Mount.UniqueID; ListMount: or ListRoot
	NS uint64 // the ID of the mount namespace that it is in; 0: that of FD
	FD int    // a descriptor of the namespace; 0: the caller's own
}

// ListRoot stands for the root of the namespace in ListMount (LSMT_ROOT).
const ListRoot = ^uint64(0)

// MountStat is what statmount(2) tells of a mount.
type MountStat struct {
	Dev                   Dev
	Magic                 uint32
	SuperFlags            uint32 // MS_RDONLY
	ID, Parent            uint64 // Mount.UniqueID
	OldID, OldParent      uint32 // as in mountinfo
	NS                    uint64 // ID of the mount namespace
	Attr, Propagation     uint64 // MOUNT_ATTR_*; MS_SHARED and the like
	Group, Master, From   uint64 // peer groups, as in mountinfo
	Type, Options, Source string // Options: separated by commas
	Root                  string
	Point                 string // from the caller's root, or that of the namespace asked about; "": it can't be reached
}

// asked returns the namespace that q names; its mounts may be gone. ENOENT, EBADF, EINVAL: no mount namespace;
// foreign: one that is named by its number is not the caller's, who has no power over it.
func (c *Caller) asked(q MountQuery, foreign error) (*MountNamespace, error) {
	v := c.VFS
	switch {
	case q.NS != 0 && q.FD != 0:
		return nil, abi.EINVAL
	case q.NS != 0:
		v.tree.RLock()
		defer v.tree.RUnlock()
		i, ok := v.findNamespaceLocked(q.NS)
		if !ok {
			return nil, abi.ENOENT
		}
		n := v.namespaces[i]
		if n != c.Mounts && !c.Cred.Has(user.CapSysAdmin, n.Owner()) {
			return nil, foreign
		}
		return n, nil
	case q.FD != 0:
		f, err := c.Files.GetIO(q.FD)
		if err != nil {
			return nil, err
		}
		defer f.Put()
		if of, ok := f.inode.ops.(interface{ MountNamespace() *MountNamespace }); ok && of.MountNamespace() != nil {
			return of.MountNamespace(), nil
		}
		return nil, abi.EINVAL
	}
	return c.Mounts, nil
}

// rootForLocked returns the root that c sees namespace n from: his own, or of another namespace the oldest mount on its
// first one. ENOENT: there is none any more.
func (c *Caller) rootForLocked(n *MountNamespace) (Path, error) {
	if n == c.Mounts {
		return c.FS.root, nil
	}
	var oldest *Mount
	if n.root != nil {
		for m := n.root.child; m != nil; m = m.next {
			if oldest == nil || m.id < oldest.id {
				oldest = m
			}
		}
	}
	if oldest == nil {
		return Path{}, abi.ENOENT
	}
	return Path{oldest, oldest.root}, nil
}

// findLocked returns the mount with a unique number; nil.
func (n *MountNamespace) findLocked(id uint64) *Mount {
	for m := n.root; m != nil; m = m.below(n.root) {
		if m.UniqueID() == id {
			return m
		}
	}
	return nil
}

// StatMount is statmount(2). ENOENT: no such mount or namespace; EPERM: another's namespace, or a mount that can't be
// reached from the root, and the caller has no power over the namespace; EBADF, EINVAL: q.FD.
func (c *Caller) StatMount(q MountQuery) (MountStat, error) {
	n, err := c.asked(q, abi.EPERM)
	if err != nil {
		return MountStat{}, err
	}
	v := c.VFS
	v.tree.RLock()
	defer v.tree.RUnlock()
	m := n.findLocked(q.ID)
	if m == nil {
		return MountStat{}, abi.ENOENT
	}
	root, err := c.rootForLocked(n)
	if err != nil {
		return MountStat{}, err
	}
	point, reach := v.pathTextLocked(nil, m.placeLocked(root), root)
	if reach != Reached {
		if !c.Cred.Has(user.CapSysAdmin, n.Owner()) {
			return MountStat{}, abi.EPERM
		}
		point = nil
	}
	up := cmp.Or(m.parent, m)
	s := MountStat{Dev: m.sb.dev, Magic: m.sb.magic, ID: m.UniqueID(), Parent: up.UniqueID(), OldID: uint32(m.id), OldParent: uint32(up.id),
		NS: n.ID(), Type: m.typeName(), Source: cmp.Or(m.source, "none"), Point: string(point), Root: string(m.rootText(c)),
		Group: uint64(m.group), From: uint64(m.nearestDominating(root))}
	if o := m.sb.ops.Options(m.sb); o != "" {
		s.Options = o[1:]
	}
	if m.sb.readonly.Load() {
		s.SuperFlags = abi.MS_RDONLY
	}
	s.setPropagation(m)
	return s, nil
}

func (s *MountStat) setPropagation(m *Mount) {
	fl := m.flags.Load()
	for _, b := range attrBits {
		if fl&b.flag != 0 {
			s.Attr |= uint64(b.attr)
		}
	}
	switch {
	case fl&MountNoAtime != 0:
		s.Attr |= abi.MOUNT_ATTR_NOATIME
	case fl&MountRelatime == 0:
		s.Attr |= abi.MOUNT_ATTR_STRICTATIME
	}
	if m.group != 0 {
		s.Propagation = abi.MS_SHARED
	}
	if m.master != nil {
		s.Master = uint64(m.master.group)
		s.Propagation |= abi.MS_SLAVE
	}
	if fl&MountUnbindable != 0 {
		s.Propagation |= abi.MS_UNBINDABLE
	}
	if s.Propagation == 0 {
		s.Propagation = abi.MS_PRIVATE
	}
}

// ListMount is listmount(2): it returns the unique numbers, most at most, of the mounts below that of q, q's own not
// among them: those above last in rising order, or with reverse those below last (0: all) in falling order. ENOENT: no
// such mount; no such namespace, or another's over which the caller has no power; EPERM: a mount that can't be reached
// from the root; EBADF, EINVAL: q.FD.
func (c *Caller) ListMount(q MountQuery, last uint64, reverse bool, most int) ([]uint64, error) {
	n, err := c.asked(q, abi.ENOENT)
	if err != nil {
		return nil, err
	}
	v := c.VFS
	v.tree.RLock()
	defer v.tree.RUnlock()
	root, err := c.rootForLocked(n)
	if err != nil {
		return nil, err
	}
	from := root
	if q.ID != ListRoot {
		m := n.findLocked(q.ID)
		if m == nil {
			return nil, abi.ENOENT
		}
		from = m.Root()
	}
	if !v.reachesLocked(from, root) && !c.Cred.Has(user.CapSysAdmin, n.Owner()) {
		return nil, abi.EPERM
	}
	list := n.byAgeLocked()
	if reverse {
		slices.Reverse(list)
	}
	var ids []uint64
	for _, m := range list {
		id := m.UniqueID()
		after := id > last
		if reverse {
			after = id < last || last == 0
		}
		if len(ids) < most && after && id != q.ID && v.reachesLocked(m.Root(), from) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}
