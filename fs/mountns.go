package fs

import (
	"cmp"
	"slices"

	"cleave/abi"
	"cleave/ns/user"
)

// NewMountNamespace makes the first mount namespace, owned by owner. Below the mount of sb, whose reference it takes
// over, there is an empty file system that nobody sees, so that pivot_root(2) can replace the visible root.
func (v *VFS) NewMountNamespace(sb *Superblock, owner *user.Namespace) *MountNamespace {
	bottom := v.NewSuper(SuperConfig{Type: &Type{Name: "rootfs", Flags: TypeNoDev | TypeNoMount}, Magic: abi.TMPFS_MAGIC, Flags: SuperCached})
	bottom.SetRoot(v.anonInode(bottom, abi.S_IFDIR|0o755, 1))
	n := &MountNamespace{vfs: v}
	n.BeginFirst(user.KindMount, owner, n.release)
	n.root = v.newMount(bottom, bottom.root, owner, MountRelatime)
	top := v.newMount(sb, sb.root, owner, MountRelatime)
	v.tree.Lock()
	v.attachMountLocked(top, n.root, n.root.root)
	n.enterLocked(n.root)
	n.listLocked()
	v.tree.Unlock()
	return n
}

// listLocked puts n into the list of namespaces.
func (n *MountNamespace) listLocked() {
	i, _ := n.vfs.findNamespaceLocked(n.ID())
	n.vfs.namespaces = slices.Insert(n.vfs.namespaces, i, n)
}

// findNamespaceLocked returns where in the list the namespace with a number is or would be.
func (v *VFS) findNamespaceLocked(id uint64) (int, bool) {
	return slices.BinarySearchFunc(v.namespaces, id, func(n *MountNamespace, id uint64) int { return cmp.Compare(n.ID(), id) })
}

// Neighbor returns the next namespace in the order of making, or with back the previous one, over which c has power,
// with a reference. ENOENT: there is none.
func (n *MountNamespace) Neighbor(c *Caller, back bool) (*MountNamespace, error) {
	v := n.vfs
	v.tree.RLock()
	defer v.tree.RUnlock()
	i, listed := v.findNamespaceLocked(n.ID())
	step := 1
	switch {
	case back:
		i, step = i-1, -1
	case listed:
		i++
	}
	for ; i >= 0 && i < len(v.namespaces); i += step {
		if o := v.namespaces[i]; c.Cred.Has(user.CapSysAdmin, o.Owner()) && o.TryGet() {
			return o, nil
		}
	}
	return nil, abi.ENOENT
}

// release lets go of the mounts of a namespace that nobody is in any more.
func (n *MountNamespace) release() {
	var gone dropped
	n.vfs.tree.Lock()
	if n.root != nil {
		n.vfs.freeTreeLocked(n.root, &gone)
		n.root = nil
		n.vfs.mounts.recycle(n.block)
		n.block = nil
	}
	if i, listed := n.vfs.findNamespaceLocked(n.ID()); listed {
		n.vfs.namespaces = slices.Delete(n.vfs.namespaces, i, i+1)
	}
	n.vfs.tree.Unlock()
	gone.finish(n.vfs)
}

// CopyMounts makes a copy of the caller's mount namespace for CLONE_NEWNS, with one reference. It belongs to the user
// namespace of cred, which may be one that the same call has just made. ctx, which is nobody's yet, is re-aimed from
// the old mounts to their copies; it may be nil. If the owner differs from that of the old namespace, shared mounts
// become slaves, and all mounts are locked to each other. On an error nothing stays: ENOSPC (limits), ENOMEM, EPERM (in
// the owned model: a mount of another user namespace).
// steps is for tests, and may be nil.
func (c *Caller) CopyMounts(cred *user.Cred, ctx *Context, steps *user.Steps) (*MountNamespace, error) {
	v, from := c.VFS, c.Mounts
	if err := steps.Next(); err != nil {
		return nil, err
	}
	n := &MountNamespace{vfs: v}
	if err := n.Begin(user.KindMount, cred.NS, cred.EUID, n.release); err != nil {
		return nil, err
	}
	how := copyUnbindable
	foreign := cred.NS != from.Owner()
	if foreign {
		how |= copySharedToSlave
	}
	v.tree.Lock()
	block, err := v.copyTreeLocked(from.root, from.root.root, how, cred, v.MountMax, steps)
	if err != nil {
		v.tree.Unlock()
		n.Put()
		return nil, err
	}
	top := &block[0]
	if foreign {
		top.lockTree()
	}
	n.root, n.block = top, block
	n.enterLocked(top)
	n.listLocked()
	old := ctx.reaimLocked(from)
	from.root.forgetCopies()
	v.tree.Unlock()
	for _, m := range old {
		if m != nil {
			m.Put()
		}
	}
	return n, nil
}

// reaimLocked moves root and cwd from mounts of namespace n to their copies, and returns the mounts to let go of.
func (c *Context) reaimLocked(n *MountNamespace) (old [2]*Mount) {
	if c == nil {
		return old
	}
	for i, p := range [2]*Path{&c.root, &c.cwd} {
		if m := p.Mount; m.ns == n && m.copy != nil {
			m.copy.users.Add(1)
			p.Mount, old[i] = m.copy, m
		}
	}
	return old
}

// Enter makes the root and the working directory of ctx, which only the caller uses, the root of n (setns(2) with a
// mount namespace).
func (n *MountNamespace) Enter(ctx *Context) {
	p := n.Root()
	ctx.SetRoot(p)
	ctx.SetCwd(p)
	p.Put()
}
