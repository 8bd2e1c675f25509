package fs

import "cleave/abi"

// PivotRoot is pivot_root(2).
func (c *Caller) PivotRoot(newRoot, putOld []byte) error {
	if !c.mayMount() {
		return abi.EPERM
	}
	to, err := c.lookup(abi.AT_FDCWD, newRoot, walkFollow|walkDir, 0)
	if err != nil {
		return err
	}
	defer to.Put()
	old, err := c.lookup(abi.AT_FDCWD, putOld, walkFollow|walkDir, 0)
	if err != nil {
		return err
	}
	defer old.Put()
	v := c.VFS
	var puts []Path
	v.tree.Lock()
	err = c.mayPivotLocked(to, old)
	if err == nil {
		puts = c.pivotLocked(to, v.placeLocked(old))
	}
	v.tree.Unlock()
	for _, p := range puts {
		p.Put()
	}
	return err
}

func (c *Caller) mayPivotLocked(to, old Path) error {
	v, root := c.VFS, c.FS.root
	old = v.placeLocked(old)
	switch {
	case old.Mount.group != 0, to.Mount.parent != nil && to.Mount.parent.group != 0,
		root.Mount.parent != nil && root.Mount.parent.group != 0:
		return abi.EINVAL
	case root.Mount.ns != c.Mounts, to.Mount.ns != c.Mounts, to.Mount.locked:
		return abi.EINVAL
	case to.Dentry.dead:
		return abi.ENOENT
	case to.Mount == root.Mount, old.Mount == root.Mount:
		return abi.EBUSY
	case root.Dentry != root.Mount.root, root.Mount.parent == nil:
		return abi.EINVAL
	case to.Dentry != to.Mount.root, to.Mount.parent == nil:
		return abi.EINVAL
	case !v.reachesLocked(old, to), !v.reachesLocked(to, root):
		return abi.EINVAL
	}
	return v.Steps.Next()
}

// reachesLocked reports whether p lies at or below top in the mount tree.
func (v *VFS) reachesLocked(p, top Path) bool {
	m, d := p.Mount, p.Dentry
	for m != top.Mount && m.parent != nil {
		m, d = m.parent, m.mountpoint
	}
	return m == top.Mount && d.isBelow(top.Dentry)
}

// pivotLocked puts the caller's root mount on old and mount to in its place, and re-aims everybody's root and working
// directory. It returns the paths to let go of.
func (c *Caller) pivotLocked(to, old Path) []Path {
	v, root := c.VFS, c.FS.root
	rm, nm := root.Mount, to.Mount
	parent, at := rm.parent, rm.mountpoint
	v.detachMountLocked(nm)
	nm.locked, rm.locked = rm.locked, false
	v.detachMountLocked(rm)
	v.attachMountLocked(rm, old.Mount, old.Dentry)
	v.attachMountLocked(nm, parent, at)
	c.Mounts.changedLocked()
	var puts []Path
	for x := v.contexts; x != nil; x = x.next {
		if x.root == root {
			puts = append(puts, x.root)
			x.root = to.Get()
		}
		if x.cwd == root {
			puts = append(puts, x.cwd)
			x.cwd = to.Get()
		}
	}
	return puts
}
