package fs

import (
	"cleave/abi"
	"cleave/ns/user"
)

// MoveMount is move_mount(2): it moves a mount, attached or detached, to another place, or with MOVE_MOUNT_SET_GROUP
// makes the mount at the second path a member of the first one's peer group. With MOVE_MOUNT_BENEATH it goes under the
// topmost mount at the second path.
func (c *Caller) MoveMount(fromFD int, from []byte, toFD int, to []byte, flags uint32) error {
	const known = abi.MOVE_MOUNT_F_SYMLINKS | abi.MOVE_MOUNT_F_AUTOMOUNTS | abi.MOVE_MOUNT_F_EMPTY_PATH |
		abi.MOVE_MOUNT_T_SYMLINKS | abi.MOVE_MOUNT_T_AUTOMOUNTS | abi.MOVE_MOUNT_T_EMPTY_PATH | abi.MOVE_MOUNT_SET_GROUP |
		abi.MOVE_MOUNT_BENEATH
	const both = abi.MOVE_MOUNT_SET_GROUP | abi.MOVE_MOUNT_BENEATH
	if !c.mayMount() {
		return abi.EPERM
	}
	if flags&^known != 0 || flags&both == both {
		return abi.EINVAL
	}
	src, err := c.lookup(fromFD, from, moveWalk(flags, abi.MOVE_MOUNT_F_SYMLINKS, abi.MOVE_MOUNT_F_EMPTY_PATH), 0)
	if err != nil {
		return err
	}
	defer src.Put()
	dst, err := c.lookup(toFD, to, moveWalk(flags, abi.MOVE_MOUNT_T_SYMLINKS, abi.MOVE_MOUNT_T_EMPTY_PATH), 0)
	if err != nil {
		return err
	}
	defer dst.Put()
	var gone dropped
	c.VFS.tree.Lock()
	if flags&abi.MOVE_MOUNT_SET_GROUP != 0 {
		err = c.setGroupLocked(src, dst)
	} else {
		err = c.moveLocked(src, dst, flags&abi.MOVE_MOUNT_BENEATH != 0, &gone)
	}
	c.VFS.tree.Unlock()
	gone.finish(c.VFS)
	return err
}

func moveWalk(flags, symlinks, empty uint32) uint32 {
	w := uint32(0)
	if flags&symlinks != 0 {
		w |= walkFollow
	}
	if flags&empty != 0 {
		w |= walkEmpty
	}
	return w
}

// setGroupLocked gives the mount at to, which is private, the propagation of the mount at from.
func (c *Caller) setGroupLocked(from, to Path) error {
	a, b := from.Mount, to.Mount
	switch {
	case a.ns == nil || b.ns == nil || from.Dentry != a.root || to.Dentry != b.root:
		return abi.EINVAL
	case !c.Cred.Has(user.CapSysAdmin, a.ns.ownerFor(c)) || !c.Cred.Has(user.CapSysAdmin, b.ns.ownerFor(c)):
		return abi.EPERM
	case a.sb != b.sb || b.group != 0 || b.master != nil || !b.root.isBelow(a.root):
		return abi.EINVAL
	case a.group == 0 && a.master == nil:
		return abi.EINVAL
	}
	for k := a.child; k != nil; k = k.next {
		if k.locked && !k.mountpoint.isBelow(b.root) {
			return abi.EINVAL
		}
	}
	if a.master != nil {
		b.addToMaster(a.master)
	}
	if a.group != 0 {
		b.joinPeers(a)
	}
	return nil
}

// ownerFor returns the user namespace that governs n; a detached tree is governed by that of its caller's mounts.
func (n *MountNamespace) ownerFor(c *Caller) *user.Namespace {
	if n.anonymous {
		return c.Mounts.Owner()
	}
	return n.Owner()
}

// moveLocked moves the tree of mounts at from to the place to (mount(2), MS_MOVE; move_mount(2)), or beneath the topmost
// mount there.
func (c *Caller) moveLocked(from, to Path, beneath bool, gone *dropped) error {
	v, m := c.VFS, from.Mount
	attached := m.parent != nil
	at := v.placeLocked(to)
	over := at.Mount
	if beneath {
		if to.Dentry != to.Mount.root || over.parent == nil {
			return abi.EINVAL
		}
		at = Path{over.parent, over.mountpoint}
	}
	if err := c.mayMoveLocked(from, at, attached); err != nil {
		return err
	}
	if beneath && !c.mayMoveBeneathLocked(m, over) {
		return abi.EINVAL
	}
	if err := mayHoldLocked(at.Mount, m); err != nil {
		return err
	}
	plan := attachPlan{v: v, cred: c.Cred, owner: c.Mounts.Owner(), tree: m, parent: at.Mount, at: at.Dentry, moved: attached}
	if err := plan.prepareLocked(gone); err != nil {
		return err
	}
	if attached {
		v.detachMountLocked(m)
	} else {
		m.ns.root = nil // its descriptor does not take the tree away any more
		for x := m; x != nil; x = x.below(m) {
			x.leaveLocked()
		}
	}
	plan.commitLocked()
	return nil
}

// mayMoveLocked checks what does not depend on what else is mounted.
func (c *Caller) mayMoveLocked(from, at Path, attached bool) error {
	m := from.Mount
	switch {
	case from.Dentry != m.root, m.root.inode.IsDir() != at.Dentry.inode.IsDir():
		return abi.EINVAL
	case at.Dentry.dead:
		return abi.ENOENT
	case at.Mount.ns != c.Mounts && (attached || at.Mount.ns == nil || !at.Mount.ns.anonymous || at.Mount.ns == m.ns):
		return abi.EINVAL
	case attached && m.ns != c.Mounts, !attached && (m.ns == nil || !m.ns.anonymous || m.ns.root != m):
		return abi.EINVAL
	case m.locked:
		return abi.EINVAL
	case attached && m.parent.group != 0:
		return abi.EINVAL
	}
	return nil
}

// mayHoldLocked checks whether the tree m may become a part of what is mounted on parent. EINVAL: parent is shared and
// something in the tree unbindable; ELOOP: parent is in the tree.
func mayHoldLocked(parent, m *Mount) error {
	if parent.group != 0 {
		for x := m; x != nil; x = x.below(m) {
			if x.flags.Load()&MountUnbindable != 0 {
				return abi.EINVAL
			}
		}
	}
	if parent.isOn(m) {
		return abi.ELOOP
	}
	return nil
}

// isOn reports whether m is top or mounted somewhere on it.
func (m *Mount) isOn(top *Mount) bool {
	for m != nil && m != top {
		m = m.parent
	}
	return m == top
}

// mayMoveBeneathLocked reports whether m may be put between over and what over is mounted on: nothing that is locked may
// be shown by taking over away, the root must stay the topmost, and no copy that propagation makes may end on top of
// over or of m.
func (c *Caller) mayMoveBeneathLocked(m, over *Mount) bool {
	parent, at := over.parent, over.mountpoint
	switch {
	case over.locked, c.VFS.mountAtLocked(m, m.root) != nil:
		return false
	case over == c.FS.root.Mount, parent == c.Mounts.root, m.isOn(over):
		return false
	case parent.propagatesOnto(over, at), m.parent != nil && parent.propagatesOnto(m, at):
		return false
	}
	return true
}

// propagatesOnto reports whether what is mounted on dentry at of m is copied to the root of onto.
func (m *Mount) propagatesOnto(onto *Mount, at *Dentry) bool {
	if m.group == 0 || onto.root != at {
		return false
	}
	for x := onto; x != nil; x = x.master {
		if x.group == m.group {
			return true
		}
	}
	return false
}
