package fs

import (
	"cleave/abi"
	"cleave/ns/user"
)

// newMount makes a mount of the part of sb below root that is in no tree. It takes over a reference to sb.
func (v *VFS) newMount(sb *Superblock, root *Dentry, owner *user.Namespace, flags uint32) *Mount {
	m := &Mount{sb: sb, root: root, owner: owner, source: sb.source}
	m.flags.Store(flags)
	root.inode.users.Add(1) // what is mounted stays, even if its last name goes
	v.tree.Lock()
	v.mounts.lastID++
	m.id = v.mounts.lastID
	v.tree.Unlock()
	return m
}

// Put drops a pin. VFS.tree and Inode.mu are not held.
func (m *Mount) Put() {
	if m.expiring.Load() {
		m.expiring.Store(false)
	}
	m.putQuietly()
}

// putQuietly is Put that does not count as a use for MNT_EXPIRE.
func (m *Mount) putQuietly() {
	if m.users.Add(-1) == mountGone {
		m.sb.vfs.freeMount(m)
	}
}

// freeMount lets go of what a mount that nobody uses any more has. Locked mounts that stayed on it go with it.
func (v *VFS) freeMount(m *Mount) {
	var gone dropped
	v.tree.Lock()
	for m.child != nil {
		c := m.child
		v.detachMountLocked(c)
		gone.mounts = append(gone.mounts, c)
	}
	v.tree.Unlock()
	m.root.inode.Put()
	m.sb.Put()
	gone.finish(v)
}

// Get adds a reference to sb, for a holder of one.
func (sb *Superblock) Get() { sb.active.Add(1) }

// TryGet adds a reference unless the last one is gone already.
func (sb *Superblock) TryGet() bool {
	for {
		n := sb.active.Load()
		if n == 0 {
			return false
		}
		if sb.active.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Put drops a reference; with the last one the file system is shut down and all its names are forgotten.
func (sb *Superblock) Put() {
	if sb.active.Add(-1) == 0 {
		sb.shutdown()
	}
}

// shutdown ends a file system that has lost its last reference.
func (sb *Superblock) shutdown() {
	v := sb.vfs
	var gone dropped
	v.tree.Lock()
	for sb.root.first != nil {
		v.dropLocked(sb.root.first, &gone)
	}
	v.tree.Unlock()
	gone.finish(v)
	sb.root.inode.Put()
	sb.ops.Shutdown(sb)
}

// attachMountLocked puts m on dentry at of parent. VFS.tree is held for writing, as in all functions that end in Locked.
func (v *VFS) attachMountLocked(m, parent *Mount, at *Dentry) {
	m.parent, m.mountpoint = parent, at
	v.mounts.insert(m)
	m.herePrev, m.hereNext = nil, at.mounts
	if at.mounts != nil {
		at.mounts.herePrev = m
	}
	at.mounts = m
	m.next, m.prev = nil, parent.lastChild
	if parent.lastChild != nil {
		parent.lastChild.next = m
	} else {
		parent.child = m
	}
	parent.lastChild = m
}

// detachMountLocked takes m off its parent.
func (v *VFS) detachMountLocked(m *Mount) {
	v.mounts.remove(m)
	m.leaveDentry()
	p := m.parent
	if m.prev != nil {
		m.prev.next = m.next
	} else {
		p.child = m.next
	}
	if m.next != nil {
		m.next.prev = m.prev
	} else {
		p.lastChild = m.prev
	}
	m.next, m.prev = nil, nil
	m.parent, m.mountpoint = nil, nil
}

// leaveDentry takes m out of the list of mounts on its mount point.
func (m *Mount) leaveDentry() {
	if m.herePrev != nil {
		m.herePrev.hereNext = m.hereNext
	} else {
		m.mountpoint.mounts = m.hereNext
	}
	if m.hereNext != nil {
		m.hereNext.herePrev = m.herePrev
	}
	m.hereNext, m.herePrev = nil, nil
}

// below returns the mount after m in the tree below top, parents first; nil at the end.
func (m *Mount) below(top *Mount) *Mount {
	if m.child != nil {
		return m.child
	}
	for m != top {
		if m.next != nil {
			return m.next
		}
		m = m.parent
	}
	return nil
}

// skip returns the mount after m and all that is on it, in the tree below top.
func (m *Mount) skip(top *Mount) *Mount {
	for m != top {
		if m.next != nil {
			return m.next
		}
		m = m.parent
	}
	return nil
}

// enterLocked makes the mounts of the tree top mounts of n.
func (n *MountNamespace) enterLocked(top *Mount) {
	for m := top; m != nil; m = m.below(top) {
		m.ns = n
		n.count++
	}
	n.changedLocked()
}

// leaveLocked takes m out of its namespace.
func (m *Mount) leaveLocked() {
	m.ns.count--
	m.ns.block = nil
	m.ns = nil
}

// What copyTree does with the propagation type of the mounts.
const (
	copyMakeShared    = 1 << iota // the copy is a peer of the original, which is shared
	copySlave                     // the copy is a slave of the original
	copySharedToSlave             // the copy of a shared mount is its slave
	copyPrivate                   // the copy has no relation to the original
	copyUnbindable                // unbindable mounts are copied as well
	copyOne                       // only the first mount, not what is on it
)

// copyTreeLocked copies mount top, from dentry root on, and what is mounted below; cred is the acting task's. The copy,
// whose first mount is the first of the block, is in no namespace. EINVAL: top is unbindable. EPERM: a mount that the caller may not copy (owned model), or one that
// is both locked and unbindable. ENOSPC: more than room mounts. Nothing stays on an error.
func (v *VFS) copyTreeLocked(top *Mount, root *Dentry, how int, cred *user.Cred, room int, steps *user.Steps) ([]Mount, error) {
	n, err := top.countCopy(root, how, cred)
	if err != nil {
		return nil, err
	}
	if n > room {
		return nil, abi.ENOSPC
	}
	for range n {
		if err := steps.Next(); err != nil {
			return nil, err
		}
	}
	block := v.mounts.newBlock(n)
	k := 0
	for m := top; m != nil; {
		if m != top && !m.inCopy(top, root, how) {
			m = m.skip(top)
			continue
		}
		c := &block[k]
		k++
		v.cloneLocked(c, m, how, cred)
		m.copy = c
		if m == top {
			c.root = root
		}
		c.root.inode.users.Add(1)
		if m == top {
			if how&copyOne != 0 {
				break
			}
		} else {
			c.locked = m.locked
			v.attachMountLocked(c, m.parent.copy, m.mountpoint)
		}
		m = m.below(top)
	}
	return block, nil
}

// mostSpare is how many mounts a spare block has at most: not much memory is kept for nothing.
const mostSpare = 256

// newBlock returns zeroed memory for a tree of n mounts, in one piece: that of a namespace that is gone, if it suits.
func (t *mountTable) newBlock(n int) []Mount {
	if n > len(t.spare)/2 && n <= len(t.spare) {
		b := t.spare[:n]
		t.spare = nil
		return b
	}
	return make([]Mount, n)
}

// recycle keeps the memory of mounts that nothing refers to any more.
func (t *mountTable) recycle(block []Mount) {
	if len(block) > len(t.spare) && len(block) <= mostSpare {
		clear(block)
		t.spare = block
	}
}

// forgetCopies clears the copy fields that copyTreeLocked has set.
func (m *Mount) forgetCopies() {
	for x := m; x != nil; x = x.below(m) {
		x.copy = nil
	}
}

// inCopy reports whether m, below top, is part of a copy of top from dentry root on.
func (m *Mount) inCopy(top *Mount, root *Dentry, how int) bool {
	if m.parent == top && root != top.root && !m.mountpoint.isBelow(root) {
		return false
	}
	return how&copyUnbindable != 0 || m.flags.Load()&MountUnbindable == 0
}

// countCopy checks that a copy is allowed and returns of how many mounts it is.
func (m *Mount) countCopy(root *Dentry, how int, cred *user.Cred) (int, error) {
	if how&copyUnbindable == 0 && m.flags.Load()&MountUnbindable != 0 {
		return 0, abi.EINVAL
	}
	n := 0
	for x := m; x != nil; {
		if x != m && !x.inCopy(m, root, how) {
			if x.locked && x.flags.Load()&MountUnbindable != 0 {
				return 0, abi.EPERM
			}
			x = x.skip(m)
			continue
		}
		if cred != nil && x.owner != cred.NS && !cred.NS.MayCopyMount(x.owner, x.shareNS) {
			return 0, abi.EPERM
		}
		n++
		if how&copyOne != 0 {
			break
		}
		x = x.below(m)
	}
	return n, nil
}

// cloneLocked makes c a copy of m that is in no tree.
func (v *VFS) cloneLocked(c, m *Mount, how int, cred *user.Cred) {
	v.mounts.lastID++
	c.sb, c.root, c.source, c.id = m.sb, m.root, m.source, v.mounts.lastID
	c.owner = m.owner
	if cred != nil {
		c.owner = cred.NS
	}
	c.kept = m.kept
	c.flags.Store(m.flags.Load())
	m.sb.active.Add(1)
	switch {
	case how&copyPrivate != 0:
		c.flags.Store(m.flags.Load() &^ MountUnbindable)
	case how&copySlave != 0 || how&copySharedToSlave != 0 && m.group != 0:
		c.addToMaster(m)
	default:
		if m.group != 0 {
			c.joinPeers(m)
		}
		if m.master != nil {
			c.addToMaster(m.master)
		}
		return
	}
	if how&copyMakeShared != 0 {
		v.newGroupLocked(c)
	}
}

// discardLocked undoes the making of a tree that is in no namespace.
func (v *VFS) discardLocked(top *Mount, gone *dropped) {
	for m := top; m != nil; m = m.below(top) {
		m.leavePeers()
		m.users.Add(1 + mountGone)
		gone.mounts = append(gone.mounts, m)
	}
	for _, m := range gone.mounts {
		if m.parent != nil && m.ns == nil && m.isGone() {
			v.detachMountLocked(m)
		}
	}
}
