// Package cgroupfs is the file system of control groups, version 2 (cgroups(7)): each cgroup is a directory, which one
// makes and removes with mkdir(2) and rmdir(2), and its files are what one reads and sets.
//
// A mount shows the tree from the root of the cgroup namespace of who mounted it. Owners and permissions of files belong
// to the cgroup, so that all mounts show the same and a part of the tree can be delegated.
package cgroupfs

import (
	"strings"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns"
	"cleave/ns/user"
	"cleave/proc"
)

// Magic is the f_type of statfs(2).
const Magic = 0x63677270

// Type makes the type of file system for fs.VFS.Register.
func Type(k *proc.Kernel) *fs.Type {
	return &fs.Type{Name: "cgroup2", Flags: fs.TypeNoDev | fs.TypeUserNS, Mount: func(r *fs.MountRequest) (*fs.Superblock, error) {
		return mount(k, r)
	}}
}

// mounted is one mount.
type mounted struct {
	fs.NoSuper
	k    *proc.Kernel
	sb   *fs.Superblock
	root *ns.Cgroup
}

// mount shows the tree of the caller's cgroup namespace. EPERM: no CAP_SYS_ADMIN over it; EINVAL: an unknown option.
func mount(k *proc.Kernel, r *fs.MountRequest) (*fs.Superblock, error) {
	n := k.Namespaces().Cgroup
	if r.Caller != nil {
		if t, ok := r.Caller.Task.(*proc.Task); ok {
			n = t.NS().Cgroup
		}
		if !r.Caller.Cred.Has(user.CapSysAdmin, n.Owner()) {
			return nil, abi.EPERM
		}
	}
	m := &mounted{k: k, root: n.Root()}
	if err := m.Remount(nil, 0, r.Options); err != nil {
		return nil, err
	}
	m.sb = r.VFS.NewSuper(fs.SuperConfig{
		Request: r, Type: r.Type, Ops: m, Magic: Magic,
		Flags: fs.SuperVolatile | fs.SuperGetAttr | fs.SuperNoExec | fs.SuperNoDev,
	})
	m.sb.SetRoot(&m.node(m.root, nil).inode)
	return m.sb, nil
}

// Remount implements fs.SuperOps. The options change nothing: delegation to namespaces is always on.
func (*mounted) Remount(_ *fs.Superblock, _ uint32, options string) error {
	for _, o := range strings.Split(options, ",") {
		switch o {
		case "", "nsdelegate", "favordynmods", "memory_localevents", "memory_recursiveprot", "pids_localevents":
		default:
			return abi.EINVAL
		}
	}
	return nil
}

// Options implements fs.SuperOps.
func (*mounted) Options(*fs.Superblock) string { return ",nsdelegate" }

// Statfs implements fs.SuperOps.
func (*mounted) Statfs(_ *fs.Superblock, s *fs.Statfs) error {
	s.Type, s.Bsize, s.Frsize, s.Namelen = Magic, abi.PageSize, abi.PageSize, abi.NameMax
	return nil
}

// node is a cgroup's directory, or one of its files.
type node struct {
	fs.NoInode
	inode fs.Inode
	m     *mounted
	cg    *ns.Cgroup
	file  *file // nil: the directory
}

func (m *mounted) node(cg *ns.Cgroup, f *file) *node {
	n := &node{m: m, cg: cg, file: f}
	ino, mode := cg.ID()<<8, uint32(abi.S_IFDIR|0o755)
	if f != nil {
		ino, mode = ino|uint64(f.number), abi.S_IFREG|f.mode
	}
	o := cg.Owner(n.name())
	if o.Mode != 0 {
		mode = mode&abi.S_IFMT | o.Mode
	}
	m.sb.InitInode(&n.inode, n, ino, mode)
	n.inode.SetOwner(o.UID, o.GID)
	if f == nil {
		n.inode.SetNlink(2)
	}
	return n
}

// name is what the cgroup knows the owner of the file by.
func (n *node) name() string {
	if n.file == nil {
		return ""
	}
	return n.file.name
}

// Cgroup is the cgroup whose directory it is, nil for a file: clone3(2) takes such a descriptor.
func (n *node) Cgroup() *ns.Cgroup {
	if n.file != nil {
		return nil
	}
	return n.cg
}

// Lookup implements fs.InodeOps.
func (n *node) Lookup(_ *fs.Inode, name []byte) (*fs.Inode, error) {
	for i := range files {
		if f := &files[i]; f.name == string(name) && f.isIn(n.cg) {
			return &n.m.node(n.cg, f).inode, nil
		}
	}
	c, err := n.cg.Child(string(name))
	if err != nil {
		return nil, err
	}
	return &n.m.node(c, nil).inode, nil
}

// Valid implements fs.InodeOps.
func (n *node) Valid(*fs.Inode) bool {
	if n.cg.Removed() || n.file != nil && !n.file.isIn(n.cg) {
		return false
	}
	o := n.cg.Owner(n.name())
	n.inode.SetOwner(o.UID, o.GID)
	return true
}

// GetAttr implements fs.InodeOps.
func (n *node) GetAttr(_ *fs.Inode, a *fs.Attr) {
	o := n.cg.Owner(n.name())
	a.UID, a.GID = o.UID, o.GID
	if o.Mode != 0 {
		a.Mode = a.Mode&abi.S_IFMT | o.Mode
	}
}

// SetAttr implements fs.InodeOps: owner and permissions last as long as the cgroup.
func (n *node) SetAttr(_ *fs.Inode, set *fs.SetAttr) error {
	o := n.cg.Owner(n.name())
	if set.Valid&fs.SetUID != 0 {
		o.UID = set.UID
	}
	if set.Valid&fs.SetGID != 0 {
		o.GID = set.GID
	}
	if set.Valid&fs.SetMode != 0 {
		o.Mode = set.Mode & 0o777
	}
	n.cg.SetOwner(n.name(), o)
	return nil
}

// Create implements fs.InodeOps: only directories can be made. EPERM.
func (n *node) Create(_ *fs.Inode, name []byte, what *fs.Node) (*fs.Inode, error) {
	if what.Mode&abi.S_IFMT != abi.S_IFDIR || n.file != nil {
		return nil, abi.EPERM
	}
	for i := range files {
		if files[i].name == string(name) {
			return nil, abi.EEXIST
		}
	}
	c, err := n.cg.Mkdir(string(name), ns.CgroupOwner{UID: what.UID, GID: what.GID})
	if err != nil {
		return nil, err
	}
	return &n.m.node(c, nil).inode, nil
}

// Unlink implements fs.InodeOps: directories of cgroups without tasks and children go; files do not. EBUSY, EPERM.
func (n *node) Unlink(_ *fs.Inode, _ []byte, i *fs.Inode) error {
	child := i.Ops().(*node)
	if child.file != nil {
		return abi.EPERM
	}
	return child.cg.Rmdir()
}

// Open implements fs.InodeOps.
func (n *node) Open(_ *fs.Inode, f *fs.File, _ *fs.Caller) error {
	if n.file == nil {
		f.Ops = directory{n: n}
	} else {
		f.Ops = &openFile{n: n}
	}
	return nil
}
