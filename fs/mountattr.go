package fs

import "cleave/abi"

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
