package fs

import (
	"slices"

	"cleave/abi"
)

// MountAttr is the argument of mount_setattr(2).
type MountAttr struct {
	Set, Clear  uint64 // MOUNT_ATTR_*
	Propagation uint64 // 0, MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE
}

var attrBits = [...]struct{ attr, flag uint32 }{
	{abi.MOUNT_ATTR_RDONLY, MountReadOnly}, {abi.MOUNT_ATTR_NOSUID, MountNoSUID}, {abi.MOUNT_ATTR_NODEV, MountNoDev},
	{abi.MOUNT_ATTR_NOEXEC, MountNoExec}, {abi.MOUNT_ATTR_NODIRATIME, MountNoDirAtime}, {abi.MOUNT_ATTR_NOSYMFOLLOW, MountNoSymFollow},
}

const knownAttrs = abi.MOUNT_ATTR_RDONLY | abi.MOUNT_ATTR_NOSUID | abi.MOUNT_ATTR_NODEV | abi.MOUNT_ATTR_NOEXEC |
	abi.MOUNT_ATTR_NODIRATIME | abi.MOUNT_ATTR_NOSYMFOLLOW | abi.MOUNT_ATTR__ATIME

// attrFlags turns MOUNT_ATTR_* into flags of a mount. EINVAL.
func attrFlags(attrs uint32) (uint32, error) {
	if attrs&^knownAttrs != 0 {
		return 0, abi.EINVAL
	}
	flags := uint32(0)
	for _, b := range attrBits {
		if attrs&b.attr != 0 {
			flags |= b.flag
		}
	}
	switch attrs & abi.MOUNT_ATTR__ATIME {
	case abi.MOUNT_ATTR_RELATIME:
		flags |= MountRelatime
	case abi.MOUNT_ATTR_NOATIME:
		flags |= MountNoAtime
	case abi.MOUNT_ATTR_STRICTATIME:
	default:
		return 0, abi.EINVAL
	}
	return flags, nil
}

// masks returns which flags the argument clears and which it sets. EINVAL.
func (a *MountAttr) masks() (clr, set uint32, err error) {
	// DIVERGES: mounts with other ids (MOUNT_ATTR_IDMAP) do not exist.
	if (a.Set|a.Clear)&^knownAttrs != 0 {
		return 0, 0, abi.EINVAL
	}
	p := a.Propagation
	if p&^(abi.MS_SHARED|abi.MS_SLAVE|abi.MS_PRIVATE|abi.MS_UNBINDABLE) != 0 || p&(p-1) != 0 {
		return 0, 0, abi.EINVAL
	}
	for _, b := range attrBits {
		if a.Clear&uint64(b.attr) != 0 {
			clr |= b.flag
		}
	}
	set, err = attrFlags(uint32(a.Set))
	atime := a.Clear & abi.MOUNT_ATTR__ATIME
	switch {
	case err != nil:
		return 0, 0, err
	case atime == abi.MOUNT_ATTR__ATIME:
		clr |= MountRelatime | MountNoAtime
	case atime != 0 || a.Set&abi.MOUNT_ATTR__ATIME != 0:
		return 0, 0, abi.EINVAL // the access time is one field: all of it is cleared to be set
	default:
		set &^= MountRelatime
	}
	return clr, set, nil
}

// MountSetattr is mount_setattr(2): it changes the mount at a path, or with AT_RECURSIVE the whole tree, or nothing.
// EPERM, EINVAL; EBUSY: a mount that files are open for writing on would become read-only.
func (c *Caller) MountSetattr(dirfd int, path []byte, flags uint32, a MountAttr) error {
	if flags&^(abi.AT_EMPTY_PATH|abi.AT_RECURSIVE|abi.AT_SYMLINK_NOFOLLOW|abi.AT_NO_AUTOMOUNT) != 0 {
		return abi.EINVAL
	}
	if a == (MountAttr{}) {
		return nil
	}
	if !c.mayMount() {
		return abi.EPERM
	}
	clr, set, err := a.masks()
	if err != nil {
		return err
	}
	p, err := c.Lookup(dirfd, path, flags)
	if err != nil {
		return err
	}
	v, top := c.VFS, p.Mount
	last := top
	v.tree.Lock()
	if p.Dentry != top.root || top.ns != c.Mounts && (top.ns == nil || !top.ns.anonymous) {
		err = abi.EINVAL
	}
	for m := top; m != nil && err == nil; m = m.below(top) {
		if err = m.maySetattr(clr, set); flags&abi.AT_RECURSIVE == 0 {
			break
		}
		last = nil
	}
	for m := top; m != nil && err == nil; m = m.below(top) {
		m.flags.Store(m.flags.Load()&^clr | set)
		if a.Propagation != 0 {
			v.setPropagationLocked(m, uint32(a.Propagation))
		}
		if m == last {
			break
		}
	}
	if err == nil {
		top.ns.changedLocked()
	}
	v.tree.Unlock()
	p.Put()
	return err
}

func (m *Mount) maySetattr(clr, set uint32) error {
	old := m.flags.Load()
	flags := old&^clr | set
	if err := m.maySetFlags(flags); err != nil {
		return err
	}
	if flags&^old&MountReadOnly != 0 && m.writers.Load() > 0 {
		return abi.EBUSY
	}
	return nil
}

// MountStat is what statmount(2) tells of a mount.
type MountStat struct {
	Dev                   Dev
	Magic                 uint32
	SuperFlags            uint32 // MS_RDONLY
	ID, Parent            uint64
	Attr, Propagation     uint64 // MOUNT_ATTR_*; MS_SHARED and the like
	Group, Master, From   uint64 // peer groups, as in mountinfo
	Type, Options, Source string
	Root, Point           string
}

// ListRoot stands for the root of the caller's namespace in ListMount (LSMT_ROOT).
const ListRoot = ^uint64(0)

// findMountLocked returns the mount with a number in the caller's namespace; nil.
func (c *Caller) findMountLocked(id uint64) *Mount {
	if id == ListRoot {
		return Path{c.Mounts.root, c.Mounts.root.root}.coveredBy(c.VFS).Mount
	}
	for m := c.Mounts.root; m != nil; m = m.below(c.Mounts.root) {
		if m.id == id {
			return m
		}
	}
	return nil
}

// StatMount is statmount(2). ENOENT: no such mount in the caller's namespace; EPERM: it can't be reached from the
// caller's root and the caller may not look further.
func (c *Caller) StatMount(id uint64) (MountStat, error) {
	v := c.VFS
	v.tree.RLock()
	defer v.tree.RUnlock()
	m := c.findMountLocked(id)
	if m == nil {
		return MountStat{}, abi.ENOENT
	}
	root := c.FS.root
	point, reach := v.pathTextLocked(nil, m.placeLocked(root), root)
	if reach != Reached && !c.mayMount() {
		return MountStat{}, abi.EPERM
	}
	s := MountStat{Dev: m.sb.dev, Magic: m.sb.magic, ID: m.id, Parent: m.id, Type: m.typeName(), Source: m.source, Point: string(point),
		Root: string(m.appendRootText(nil, c)), Group: uint64(m.group), From: uint64(m.nearestDominating(root))}
	if o := m.sb.ops.Options(m.sb); o != "" {
		s.Options = o[1:]
	}
	if m.sb.readonly.Load() {
		s.SuperFlags = abi.MS_RDONLY
	}
	if m.parent != nil {
		s.Parent = m.parent.id
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

// ListMount is listmount(2): it fills out with the numbers, in order and above after, of the mounts below mount id, and
// returns how many. ENOENT, EPERM.
func (c *Caller) ListMount(id, after uint64, out []uint64) (int, error) {
	v := c.VFS
	v.tree.RLock()
	defer v.tree.RUnlock()
	top := c.findMountLocked(id)
	if top == nil {
		return 0, abi.ENOENT
	}
	from := Path{top, top.root}
	if id == ListRoot {
		from = c.FS.root
	}
	if !v.reachesLocked(from, c.FS.root) && !c.mayMount() {
		return 0, abi.EPERM
	}
	var ids []uint64
	for m := c.Mounts.root; m != nil; m = m.below(c.Mounts.root) {
		if m.id > after && m != top && v.reachesLocked(Path{m, m.root}, from) {
			ids = append(ids, m.id)
		}
	}
	slices.Sort(ids)
	return copy(out, ids), nil
}
