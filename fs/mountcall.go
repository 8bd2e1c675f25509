package fs

import (
	"strings"

	"cleave/abi"
	"cleave/ns/user"
)

// Mount is mount(2). source and options may be empty; flags are MS_*.
func (c *Caller) Mount(source, target []byte, fstype string, flags uint32, options string) error {
	if flags&abi.MS_MGC_MSK == abi.MS_MGC_VAL {
		flags &^= abi.MS_MGC_MSK
	}
	p, err := c.lookup(abi.AT_FDCWD, target, walkFollow, 0)
	if err != nil {
		return err
	}
	defer p.Put()
	if !c.mayMount() {
		return abi.EPERM
	}
	const kinds = abi.MS_SHARED | abi.MS_PRIVATE | abi.MS_SLAVE | abi.MS_UNBINDABLE
	switch {
	case flags&abi.MS_REMOUNT != 0 && flags&abi.MS_BIND != 0:
		return c.remountBind(p, flags)
	case flags&abi.MS_REMOUNT != 0:
		return c.remount(p, flags, options)
	case flags&abi.MS_BIND != 0:
		return c.bind(p, source, flags&abi.MS_REC != 0, flags&abi.MS_SHARE_NS != 0)
	case flags&kinds != 0:
		return c.changeType(p, flags)
	case flags&abi.MS_MOVE != 0:
		return c.moveTo(p, source)
	}
	return c.newFS(p, source, fstype, flags, options)
}

// mountFlagsOf returns the flags of a mount that mount(2) asks for: relatime unless something else is wanted.
func mountFlagsOf(flags uint32) uint32 {
	m := flags & mountUserFlags
	if flags&abi.MS_NOATIME == 0 {
		m |= MountRelatime
	} else {
		m &^= MountRelatime
	}
	if flags&abi.MS_STRICTATIME != 0 {
		m &^= MountRelatime | MountNoAtime
	}
	return m
}

// remountFlags returns the flags of m that a remount asks for: if it says nothing about access times, those stay.
func (m *Mount) remountFlags(flags uint32) uint32 {
	f := mountFlagsOf(flags)
	if flags&(abi.MS_NOATIME|abi.MS_NODIRATIME|abi.MS_RELATIME|abi.MS_STRICTATIME) == 0 {
		f = f&^mountAtimeFlags | m.flags.Load()&mountAtimeFlags
	}
	return f
}

// place is where something is to be mounted: the topmost mount there.
func (v *VFS) placeLocked(p Path) Path { return p.coveredBy(v) }

// mayAttachLocked checks the place for a mount whose root is a directory or not.
func (c *Caller) mayAttachLocked(at Path, dir bool) error {
	switch {
	case at.Dentry.dead:
		return abi.ENOENT
	case at.Mount.ns != c.Mounts:
		return abi.EINVAL
	case at.Dentry.inode.IsDir() != dir:
		return abi.ENOTDIR
	}
	return nil
}

// graftLocked puts a new tree, which is in no namespace, on the place at. The tree is gone after an error.
func (c *Caller) graftLocked(tree *Mount, at Path, gone *dropped) error {
	err := c.mayAttachLocked(at, tree.root.inode.IsDir())
	plan := attachPlan{v: c.VFS, cred: c.Cred, owner: c.Mounts.Owner(), tree: tree, parent: at.Mount, at: at.Dentry}
	if err == nil {
		err = plan.prepareLocked(gone)
	}
	if err != nil {
		c.VFS.discardLocked(tree, gone)
		return err
	}
	plan.commitLocked()
	return nil
}

// bind is mount(2) with MS_BIND.
func (c *Caller) bind(target Path, source []byte, recursive, share bool) error {
	if len(source) == 0 {
		return abi.EINVAL
	}
	from, err := c.lookup(abi.AT_FDCWD, source, walkFollow, 0)
	if err != nil {
		return err
	}
	defer from.Put()
	v := c.VFS
	var gone dropped
	var tree *Mount
	v.tree.Lock()
	at := v.placeLocked(target)
	if at.Dentry.dead {
		err = abi.ENOENT
	} else {
		tree, err = c.copyForBindLocked(from, recursive)
	}
	if err == nil {
		// Only the owned model knows share-ns; the mapped one ignores the bit, as Linux does.
		share = share && (c.Cred.NS.Model() == user.Owned || c.Cred.NS.IsInitial() && c.Cred.NS.NewModel() == user.Owned)
		for m := tree; share && m != nil; m = m.below(tree) {
			m.shareNS = true
		}
		err = c.graftLocked(tree, at, &gone)
	}
	v.tree.Unlock()
	gone.finish(v)
	return err
}

// copyForBindLocked copies the mount at from for a bind mount or open_tree(2). EINVAL: it is unbindable, not the
// caller's, or mounts that are locked on it would be revealed.
func (c *Caller) copyForBindLocked(from Path, recursive bool) (*Mount, error) {
	m := from.Mount
	if m.ns != c.Mounts && (m.ns == nil || !m.ns.anonymous) && m.sb.flags&SuperBindAlways == 0 {
		return nil, abi.EINVAL
	}
	if n, ok := from.Dentry.inode.ops.(interface{ MountNamespace() *MountNamespace }); ok {
		// A namespace must not be kept alive by a mount inside itself, nor by one inside a later one.
		if x := n.MountNamespace(); x != nil && x.ID() >= c.Mounts.ID() {
			return nil, abi.EINVAL
		}
	}
	how := 0
	if !recursive {
		how = copyOne
		for k := m.child; k != nil; k = k.next {
			if k.locked && k.mountpoint.isBelow(from.Dentry) {
				return nil, abi.EINVAL
			}
		}
	}
	block, err := c.VFS.copyTreeLocked(m, from.Dentry, how, c.Cred, c.VFS.MountMax, c.VFS.Steps)
	if err != nil {
		return nil, err
	}
	tree := &block[0]
	tree.locked = false
	m.forgetCopies()
	return tree, nil
}

// changeType is mount(2) with MS_SHARED, MS_PRIVATE, MS_SLAVE or MS_UNBINDABLE.
func (c *Caller) changeType(p Path, flags uint32) error {
	kind := flags &^ (abi.MS_REC | abi.MS_SILENT)
	if kind&^(abi.MS_SHARED|abi.MS_PRIVATE|abi.MS_SLAVE|abi.MS_UNBINDABLE) != 0 || kind&(kind-1) != 0 {
		return abi.EINVAL
	}
	v := c.VFS
	v.tree.Lock()
	defer v.tree.Unlock()
	if p.Dentry != p.Mount.root || p.Mount.ns != c.Mounts {
		return abi.EINVAL
	}
	if err := v.Steps.Next(); err != nil {
		return err
	}
	for m := p.Mount; m != nil; m = m.below(p.Mount) {
		v.setPropagationLocked(m, kind)
		if flags&abi.MS_REC == 0 {
			break
		}
	}
	return nil
}

// moveTo is mount(2) with MS_MOVE.
func (c *Caller) moveTo(target Path, source []byte) error {
	if len(source) == 0 {
		return abi.EINVAL
	}
	from, err := c.lookup(abi.AT_FDCWD, source, walkFollow, 0)
	if err != nil {
		return err
	}
	defer from.Put()
	var gone dropped
	c.VFS.tree.Lock()
	err = c.moveLocked(from, target, false, &gone)
	c.VFS.tree.Unlock()
	gone.finish(c.VFS)
	return err
}

// newFS mounts a file system of a type that is named.
func (c *Caller) newFS(target Path, source []byte, fstype string, flags uint32, options string) error {
	if fstype == "" {
		return abi.EINVAL
	}
	sb, root, err := c.makeSuper(string(source), fstype, flags, options)
	if err != nil {
		return err
	}
	return c.attachSuper(sb, root, string(source), target, mountFlagsOf(flags))
}

// makeSuper makes or finds the superblock of a file system that is to be mounted, and the directory of it that the mount
// is to show. ENODEV: unknown type; EPERM: the
// caller may not mount such.
func (c *Caller) makeSuper(source, fstype string, flags uint32, options string) (*Superblock, *Dentry, error) {
	t := c.VFS.findType(fstype)
	if t == nil {
		return nil, nil, abi.ENODEV
	}
	owner := c.Cred.NS
	if t.Flags&TypeUserNS == 0 {
		if !c.Cred.Has(user.CapSysAdmin, owner.Initial()) {
			return nil, nil, abi.EPERM
		}
	} else if !c.Cred.Has(user.CapSysAdmin, owner) {
		return nil, nil, abi.EPERM
	}
	r := MountRequest{VFS: c.VFS, Type: t, Source: source, Options: options, Flags: flags, Caller: c, Owner: owner}
	sb, err := t.Mount(&r)
	if err != nil {
		return nil, nil, err
	}
	if r.Root == nil {
		r.Root = sb.root
	}
	return sb, r.Root, nil
}

func (v *VFS) findType(name string) *Type {
	name, _, _ = strings.Cut(name, ".") // a subtype, as of fuse
	v.typesMu.Lock()
	defer v.typesMu.Unlock()
	for _, t := range v.types {
		if t.Name == name && t.Flags&TypeNoMount == 0 {
			return t
		}
	}
	return nil
}

// attachSuper mounts what is below root of sb, whose reference it takes over, at target.
func (c *Caller) attachSuper(sb *Superblock, root *Dentry, source string, target Path, flags uint32) error {
	v := c.VFS
	if err := v.Steps.Next(); err != nil {
		sb.Put()
		return err
	}
	m := v.newMount(sb, root, c.Cred.NS, flags)
	m.source = source
	var gone dropped
	v.tree.Lock()
	at := v.placeLocked(target)
	err := c.revealsLocked(m)
	if err == nil && at.Mount.sb == sb && at.Mount.root == at.Dentry {
		err = abi.EBUSY
	}
	if err != nil {
		v.discardLocked(m, &gone)
	} else {
		err = c.graftLocked(m, at, &gone)
	}
	v.tree.Unlock()
	gone.finish(v)
	return err
}

// revealsLocked refuses with EPERM a mount of proc or the like, in a user namespace, that would show more than what the
// caller's namespace shows of that type: there must be one that is seen whole. Its restrictions are kept.
func (c *Caller) revealsLocked(m *Mount) error {
	if m.sb.typ == nil || m.sb.typ.Flags&TypeVisible == 0 || c.Mounts.Owner().IsInitial() {
		return nil
	}
	const ro = MountReadOnly
	fl := m.flags.Load()
	for x := c.Mounts.root; x != nil; x = x.below(c.Mounts.root) {
		if x.sb.typ != m.sb.typ || x.root != x.sb.root {
			continue
		}
		if x.kept&ro != 0 && fl&ro == 0 || x.kept&mountAtimeFlags != 0 && (x.flags.Load()^fl)&mountAtimeFlags != 0 {
			continue
		}
		if !x.hidesSomething() {
			m.kept |= x.kept & (ro | mountAtimeFlags)
			return nil
		}
	}
	return abi.EPERM
}

// hidesSomething reports whether a locked mount covers a part of m that is not an empty directory.
func (m *Mount) hidesSomething() bool {
	for k := m.child; k != nil; k = k.next {
		if k.locked && !(k.mountpoint.inode.IsDir() && k.mountpoint.inode.nlink.Load() <= 2 && k.mountpoint.first == nil) {
			return true
		}
	}
	return false
}

// remountBind changes the flags of one mount (MS_*). EPERM: one that may not be cleared here.
func (c *Caller) remountBind(p Path, flags uint32) error {
	v := c.VFS
	v.tree.Lock()
	defer v.tree.Unlock()
	m := p.Mount
	if m.ns != c.Mounts || p.Dentry != m.root {
		return abi.EINVAL
	}
	wanted := m.remountFlags(flags)
	if err := m.maySetFlags(wanted); err != nil {
		return err
	}
	return m.setFlags(wanted)
}

// maySetFlags checks flags, which are to replace all those of m, against what is locked.
func (m *Mount) maySetFlags(flags uint32) error {
	old := m.flags.Load()
	if m.kept&^mountAtimeFlags&^flags != 0 || m.kept&mountAtimeFlags != 0 && (old^flags)&mountAtimeFlags != 0 {
		return abi.EPERM
	}
	return nil
}

// setFlags replaces the flags of m. EBUSY: it becomes read-only, and files are open for writing.
func (m *Mount) setFlags(flags uint32) error {
	if flags&MountReadOnly != 0 && m.flags.Load()&MountReadOnly == 0 && m.writers.Load() > 0 {
		return abi.EBUSY
	}
	m.flags.Store(m.flags.Load()&^mountUserFlags | flags)
	if m.ns != nil {
		m.ns.changedLocked()
	}
	return nil
}

// remount changes the options of a file system and the flags of the mount (mount(2), MS_REMOUNT).
func (c *Caller) remount(p Path, flags uint32, options string) error {
	m := p.Mount
	sb := m.sb
	v := c.VFS
	v.tree.RLock()
	bad := m.ns != c.Mounts || p.Dentry != m.root
	locked := m.maySetFlags(m.remountFlags(flags))
	v.tree.RUnlock()
	switch {
	case bad:
		return abi.EINVAL
	case locked != nil:
		return locked
	}
	if err := c.reconfigure(sb, flags, options); err != nil {
		return err
	}
	v.tree.Lock()
	defer v.tree.Unlock()
	m.flags.Store(m.flags.Load()&^mountUserFlags | m.remountFlags(flags))
	if m.ns != nil {
		m.ns.changedLocked()
	}
	return nil
}

// reconfigure changes the options of a file system. EPERM; EBUSY: it would become read-only, and files are open for
// writing.
func (c *Caller) reconfigure(sb *Superblock, flags uint32, options string) error {
	if !c.Cred.Has(user.CapSysAdmin, sb.ownerOrInitial(c)) {
		return abi.EPERM
	}
	readonly := flags&abi.MS_RDONLY != 0
	if readonly && !sb.readonly.Load() && c.VFS.hasWriters(sb) {
		return abi.EBUSY
	}
	if err := sb.ops.Remount(sb, flags, options); err != nil {
		return err
	}
	sb.readonly.Store(readonly)
	return nil
}

// hasWriters reports whether a file of sb is open for writing.
func (v *VFS) hasWriters(sb *Superblock) bool {
	v.tree.RLock()
	defer v.tree.RUnlock()
	return v.hasWritersLocked(sb)
}

func (v *VFS) hasWritersLocked(sb *Superblock) bool {
	for _, m := range v.mounts.buckets {
		for ; m != nil; m = m.hashNext {
			if m.sb == sb && m.writers.Load() > 0 {
				return true
			}
		}
	}
	return false
}
