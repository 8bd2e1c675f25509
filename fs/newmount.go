package fs

import "cleave/abi"

// treeFile is the descriptor of a detached mount tree (open_tree(2), fsmount(2)): when it is closed and the tree has
// not been moved to a place, the tree goes.
type treeFile struct {
	pathFile
	ns *MountNamespace
}

// Release takes the tree away.
func (t treeFile) Release(*File) { t.ns.release() }

// detachedLocked gives a new tree a namespace that no task is in.
func (v *VFS) detachedLocked(tree *Mount) *MountNamespace {
	n := &MountNamespace{vfs: v, anonymous: true, root: tree}
	n.enterLocked(tree)
	return n
}

// OpenTree is open_tree(2): with OPEN_TREE_CLONE a copy of the mount at a path, with AT_RECURSIVE of all that is mounted
// below as well; without, a descriptor like that of O_PATH.
func (c *Caller) OpenTree(dirfd int, path []byte, flags uint32) (*File, error) {
	const known = abi.OPEN_TREE_CLONE | abi.OPEN_TREE_CLOEXEC | abi.AT_EMPTY_PATH | abi.AT_NO_AUTOMOUNT | abi.AT_RECURSIVE | abi.AT_SYMLINK_NOFOLLOW
	if flags&^known != 0 || flags&(abi.AT_RECURSIVE|abi.OPEN_TREE_CLONE) == abi.AT_RECURSIVE {
		return nil, abi.EINVAL
	}
	clone := flags&abi.OPEN_TREE_CLONE != 0
	if clone && !c.mayMount() {
		return nil, abi.EPERM
	}
	p, err := c.Lookup(dirfd, path, flags)
	if err != nil {
		return nil, err
	}
	if !clone {
		return newFile(p, pathFile{}, abi.O_PATH, c.Cred), nil
	}
	v := c.VFS
	v.tree.Lock()
	tree, err := c.copyForBindLocked(p, flags&abi.AT_RECURSIVE != 0)
	var f *File
	if err == nil {
		f = newFile(Path{tree, tree.root}.Get(), treeFile{ns: v.detachedLocked(tree)}, abi.O_PATH, c.Cred)
	}
	v.tree.Unlock()
	p.Put()
	return f, err
}
