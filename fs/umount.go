package fs

import (
	"cleave/abi"
	"cleave/ns/user"
)

// How umountTreeLocked takes a tree away.
const (
	umountPropagate = 1 << iota // also from who receives events
	umountSync                  // nothing is in use
	umountConnected             // the mounts stay on each other: the place they are on is gone
)

// umountTreeLocked takes top and all that is on it out of the namespace. Mounts that are still in use live on until
// they are not; locked ones stay on their parent, so that what they cover is not revealed.
func (v *VFS) umountTreeLocked(top *Mount, how int, gone *dropped) {
	if top.isGone() {
		v.detachMountLocked(top)
		gone.mounts = append(gone.mounts, top)
		return
	}
	v.mounts.mark++
	mark := v.mounts.mark
	var list []*Mount
	for m := top; m != nil; m = m.below(top) {
		m.mark = mark
		list = append(list, m)
	}
	if how&umountPropagate != 0 {
		list = v.spreadUmountLocked(list, mark)
	}
	for i, m := range list {
		if n := m.ns; n != nil {
			m.leaveLocked()
			if i+1 == len(list) || list[i+1].ns != n {
				n.changedLocked()
			}
		}
		m.leavePeers()
		m.users.Add(1 + mountGone)
	}
	for _, m := range list {
		if m.parent != nil && m.parent.isGone() && how&umountSync == 0 && (how&umountConnected != 0 || m.locked) {
			continue // its parent keeps it, and lets go of it in freeMount
		}
		if m.parent != nil {
			v.detachMountLocked(m)
		}
		gone.mounts = append(gone.mounts, m)
	}
}

// freeTreeLocked is umountTreeLocked for all mounts of a namespace. It is quick when nobody uses any of them: then
// nothing but what leads from outside into the tree has to be undone.
func (v *VFS) freeTreeLocked(top *Mount, gone *dropped) {
	for m := top; m != nil; m = m.below(top) {
		if m.users.Load() != 0 {
			v.umountTreeLocked(top, 0, gone)
			return
		}
	}
	for m := top; m != nil; m = m.below(top) {
		if m.parent != nil {
			v.mounts.remove(m)
			m.leaveDentry()
		}
		if m.group != 0 || m.master != nil || m.slave != nil {
			m.leavePeers()
		}
		m.ns = nil
		m.users.Store(mountGone)
		if i := m.root.inode; i.users.Add(-1) == 0 {
			gone.unused = append(gone.unused, i)
		}
		if m.sb.active.Add(-1) == 0 {
			gone.supers = append(gone.supers, m.sb)
		}
	}
}

// spreadUmountLocked adds to list what has to go from the mounts that receive events: the copies of what goes, unless
// something is mounted on them that stays. A mount that covers one whole takes its place.
func (v *VFS) spreadUmountLocked(list []*Mount, mark uint32) []*Mount {
	own := len(list)
	for _, m := range list[:own] {
		if m.parent == nil {
			continue
		}
		at := m.mountpoint
		v.receiversLocked(m.parent, func(q *Mount) {
			c := v.mountAtLocked(q, at)
			if c != nil && c.mark != mark && (!c.locked || q.mark == mark) {
				c.mark = mark
				list = append(list, c)
			}
		})
	}
	for changed := true; changed; {
		changed = false
		for i := own; i < len(list); i++ {
			if c := list[i]; c.mark == mark {
				if _, ok := c.staying(mark); !ok {
					c.mark = 0
					changed = true
				}
			}
		}
	}
	kept := list[:own]
	for _, c := range list[own:] {
		if c.mark != mark {
			continue
		}
		kept = append(kept, c)
		if c.parent.mark == mark {
			continue // what stays on c stays on its parent
		}
		if t, _ := c.staying(mark); t != nil {
			parent, at := c.parent, c.mountpoint
			v.detachMountLocked(t)
			v.attachMountLocked(t, parent, at)
		}
	}
	return kept
}

// topper returns the only mount on m if it covers m's root.
func (m *Mount) topper() *Mount {
	if c := m.child; c != nil && c.next == nil && c.mountpoint == m.root {
		return c
	}
	return nil
}

// staying returns what remains of the mounts on m when those that are marked go, if it is just one and covers m's root:
// it can take m's place. ok is false if something else stays on m.
func (m *Mount) staying(mark uint32) (t *Mount, ok bool) {
	for c := m.child; c != nil; c = c.next {
		s := c
		if c.mark == mark {
			if rest, ok := c.staying(mark); ok {
				s = rest
			}
		}
		if s == nil {
			continue
		}
		if t != nil || c.mountpoint != m.root {
			return nil, false
		}
		t = s
	}
	return t, true
}

// busyLocked reports whether m, which the caller has pinned once, or what would go with it is in use.
func (v *VFS) busyLocked(m *Mount) bool {
	if m.child != nil || m.pins() > 1 {
		return true
	}
	busy := false
	if m.parent != nil {
		at := m.mountpoint
		v.receiversLocked(m.parent, func(q *Mount) {
			c := v.mountAtLocked(q, at)
			if c != nil && (c.child == nil || c.topper() != nil) && c.pins() > 0 {
				busy = true
			}
		})
	}
	return busy
}

// mayMount reports whether the caller may change its mount namespace.
func (c *Caller) mayMount() bool { return c.Cred.Has(user.CapSysAdmin, c.Mounts.Owner()) }

// Umount is umount2(2). flags: MNT_FORCE, MNT_DETACH, MNT_EXPIRE, UMOUNT_NOFOLLOW.
func (c *Caller) Umount(target []byte, flags uint32) error {
	if flags&^(abi.MNT_FORCE|abi.MNT_DETACH|abi.MNT_EXPIRE|abi.UMOUNT_NOFOLLOW) != 0 {
		return abi.EINVAL
	}
	walk := uint32(walkFollow | walkTop)
	if flags&abi.UMOUNT_NOFOLLOW != 0 {
		walk = walkTop
	}
	p, err := c.lookup(abi.AT_FDCWD, target, walk, 0)
	if err != nil {
		return err
	}
	marked := p.Mount.expiring.Load()
	var gone dropped
	c.VFS.tree.Lock()
	err = c.umountLocked(p, flags, marked, &gone)
	c.VFS.tree.Unlock()
	p.Dentry.inode.Put()
	p.Mount.putQuietly()
	gone.finish(c.VFS)
	return err
}

func (c *Caller) umountLocked(p Path, flags uint32, marked bool, gone *dropped) error {
	v, m := c.VFS, p.Mount
	switch {
	case !c.mayMount():
		return abi.EPERM
	case p.Dentry != m.root, m.ns != c.Mounts, m.locked:
		return abi.EINVAL
	case flags&abi.MNT_FORCE != 0 && !c.Cred.Has(user.CapSysAdmin, c.Cred.NS.Initial()):
		return abi.EPERM
	}
	isRoot := m == c.FS.root.Mount
	if flags&abi.MNT_EXPIRE != 0 {
		if isRoot || flags&(abi.MNT_FORCE|abi.MNT_DETACH) != 0 {
			return abi.EINVAL
		}
		if m.pins() > 1 || m.child != nil {
			return abi.EBUSY
		}
		if !marked {
			m.expiring.Store(true)
			return abi.EAGAIN
		}
	}
	if isRoot && flags&abi.MNT_DETACH == 0 {
		// As on Linux, "unmounting" the root makes it read-only.
		if !c.Cred.Has(user.CapSysAdmin, m.sb.ownerOrInitial(c)) {
			return abi.EPERM
		}
		if !m.sb.readonly.Load() && v.hasWritersLocked(m.sb) {
			return abi.EBUSY
		}
		m.sb.readonly.Store(true)
		return nil
	}
	if m.parent == nil {
		return abi.EINVAL
	}
	if flags&abi.MNT_DETACH != 0 {
		v.umountTreeLocked(m, umountPropagate, gone)
		return nil
	}
	if v.busyLocked(m) {
		return abi.EBUSY
	}
	v.umountTreeLocked(m, umountPropagate|umountSync, gone)
	return nil
}

// ownerOrInitial returns the user namespace that governs the file system.
func (sb *Superblock) ownerOrInitial(c *Caller) *user.Namespace {
	if sb.owner != nil {
		return sb.owner
	}
	return c.Cred.NS.Initial()
}
