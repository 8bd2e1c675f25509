package fs

import (
	"strings"

	"cleave/abi"
)

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

// fsContext is what fsopen(2) and fspick(2) open: the making or the changing of a file system.
type fsContext struct {
	NoFile
	typ     *Type
	source  string
	options []string
	flags   uint32
	sb      *Superblock // made, or picked
	root    *Dentry     // of sb, that the mount is to show
	picked  Path        // fspick: the mount, pinned
	mounted bool        // fsmount has taken sb
}

// Release lets go of what the context has.
func (x *fsContext) Release(*File) {
	if x.picked.Valid() {
		x.picked.Put()
	} else if x.sb != nil {
		x.sb.Put()
	}
}

// Read has no messages. ENODATA.
func (x *fsContext) Read(*File, *Caller, Buffer, int64) (int, error) { return 0, abi.ENODATA }

// Fsopen is fsopen(2). EPERM; ENODEV: unknown type; EINVAL.
func (c *Caller) Fsopen(fstype string, flags uint32) (*File, error) {
	switch {
	case !c.mayMount():
		return nil, abi.EPERM
	case flags&^abi.FSOPEN_CLOEXEC != 0:
		return nil, abi.EINVAL
	}
	t := c.VFS.findType(fstype)
	if t == nil {
		return nil, abi.ENODEV
	}
	return c.VFS.NewAnonFile(&fsContext{typ: t}, "anon_inode:[fscontext]", nil, abi.O_RDWR, c.Cred), nil
}

// Fspick is fspick(2): the context changes the file system that is mounted at a path. EINVAL: not a mount's root.
func (c *Caller) Fspick(dirfd int, path []byte, flags uint32) (*File, error) {
	const known = abi.FSPICK_CLOEXEC | abi.FSPICK_SYMLINK_NOFOLLOW | abi.FSPICK_NO_AUTOMOUNT | abi.FSPICK_EMPTY_PATH
	switch {
	case !c.mayMount():
		return nil, abi.EPERM
	case flags&^known != 0:
		return nil, abi.EINVAL
	}
	walk := uint32(walkFollow)
	if flags&abi.FSPICK_SYMLINK_NOFOLLOW != 0 {
		walk = 0
	}
	if flags&abi.FSPICK_EMPTY_PATH != 0 {
		walk |= walkEmpty
	}
	p, err := c.lookup(dirfd, path, walk, 0)
	if err != nil {
		return nil, err
	}
	if p.Dentry != p.Mount.root {
		p.Put()
		return nil, abi.EINVAL
	}
	x := &fsContext{typ: p.Mount.sb.typ, sb: p.Mount.sb, picked: p}
	if x.sb.readonly.Load() {
		x.flags = abi.MS_RDONLY
	}
	return c.VFS.NewAnonFile(x, "anon_inode:[fscontext]", nil, abi.O_RDWR, c.Cred), nil
}

// Fsconfig is fsconfig(2). EINVAL: f is no context, or the command does not fit; EBUSY: the file system has been made
// already; EOPNOTSUPP: values that are files or binary.
//
// DIVERGES: an option that the file system does not know is an error when it is made, not here.
func (c *Caller) Fsconfig(f *File, cmd int, key, value string) error {
	x, ok := f.Ops.(*fsContext)
	if !ok {
		return abi.EINVAL
	}
	f.posMu.Lock()
	defer f.posMu.Unlock()
	switch cmd {
	case abi.FSCONFIG_SET_FLAG, abi.FSCONFIG_SET_STRING:
		if x.mounted || x.sb != nil && !x.picked.Valid() {
			return abi.EBUSY
		}
		return x.set(cmd, key, value)
	case abi.FSCONFIG_SET_BINARY, abi.FSCONFIG_SET_PATH, abi.FSCONFIG_SET_PATH_EMPTY, abi.FSCONFIG_SET_FD:
		return abi.EOPNOTSUPP
	case abi.FSCONFIG_CMD_CREATE:
		return x.create(c)
	case abi.FSCONFIG_CMD_RECONFIGURE:
		return x.reconfigure(c)
	}
	return abi.EOPNOTSUPP
}

func (x *fsContext) set(cmd int, key, value string) error {
	if key == "" || strings.ContainsRune(key, ',') || strings.ContainsRune(value, ',') {
		return abi.EINVAL
	}
	switch {
	case key == "source" && cmd == abi.FSCONFIG_SET_STRING:
		if x.source != "" {
			return abi.EINVAL
		}
		x.source = value
	case cmd == abi.FSCONFIG_SET_FLAG && key == "ro":
		x.flags |= abi.MS_RDONLY
	case cmd == abi.FSCONFIG_SET_FLAG && key == "rw":
		x.flags &^= abi.MS_RDONLY
	case cmd == abi.FSCONFIG_SET_FLAG:
		x.options = append(x.options, key)
	default:
		x.options = append(x.options, key+"="+value)
	}
	return nil
}

func (x *fsContext) create(c *Caller) error {
	if x.mounted || x.sb != nil {
		return abi.EBUSY
	}
	sb, root, err := c.makeSuper(x.source, x.typ.Name, x.flags, strings.Join(x.options, ","))
	if err == nil {
		x.sb, x.root = sb, root
	}
	return err
}

func (x *fsContext) reconfigure(c *Caller) error {
	if !x.picked.Valid() {
		return abi.EINVAL
	}
	err := c.reconfigure(x.sb, x.flags, strings.Join(x.options, ","))
	x.options = nil
	return err
}

// Fsmount is fsmount(2): a detached mount of what a context has made. EINVAL: it has made nothing; EBUSY: it is
// mounted.
func (c *Caller) Fsmount(f *File, flags, attrs uint32) (*File, error) {
	switch {
	case !c.mayMount():
		return nil, abi.EPERM
	case flags&^abi.FSMOUNT_CLOEXEC != 0:
		return nil, abi.EINVAL
	}
	bits, err := attrFlags(attrs)
	if err != nil {
		return nil, err
	}
	x, ok := f.Ops.(*fsContext)
	if !ok {
		return nil, abi.EINVAL
	}
	f.posMu.Lock()
	defer f.posMu.Unlock()
	switch {
	case x.mounted:
		return nil, abi.EBUSY
	case x.sb == nil, x.picked.Valid():
		return nil, abi.EINVAL
	}
	v := c.VFS
	m := v.newMount(x.sb, x.root, c.Cred.NS, bits)
	m.source = x.source
	x.sb, x.mounted = nil, true
	var gone dropped
	var out *File
	v.tree.Lock()
	if err = c.revealsLocked(m); err != nil {
		v.discardLocked(m, &gone)
	} else {
		out = newFile(Path{m, m.root}.Get(), treeFile{ns: v.detachedLocked(m)}, abi.O_PATH, c.Cred)
	}
	v.tree.Unlock()
	gone.finish(v)
	return out, err
}
