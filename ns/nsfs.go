package ns

import (
	"encoding/binary"
	"fmt"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
)

// NSFS is the file system of namespace files: what the links in /proc/PID/ns lead to, and what setns(2) takes. An open
// file or a bind mount of one keeps the namespace alive.
type NSFS struct {
	vfs   *fs.VFS
	sb    *fs.Superblock
	mount *fs.Mount
}

// nsfsMagic is the f_type of statfs(2).
const nsfsMagic = 0x6e736673

// NewNSFS makes the file system; a kernel has one.
func NewNSFS(v *fs.VFS) *NSFS {
	sb := v.NewSuper(fs.SuperConfig{
		Type: &fs.Type{Name: "nsfs", Flags: fs.TypeNoDev | fs.TypeNoMount}, Magic: nsfsMagic,
		Flags: fs.SuperBindAlways | fs.SuperGetAttr,
	})
	root := &fs.Inode{}
	sb.InitInode(root, fs.NoInode{}, 1, abi.S_IFDIR|0o555)
	sb.SetRoot(root)
	return &NSFS{vfs: v, sb: sb, mount: v.InternalMount(sb)}
}

// nsNode is the inode of a namespace file; it has a reference on the namespace.
type nsNode struct {
	fs.NoInode
	inode fs.Inode
	n     user.Any
}

// Text is what readlink(2) of a link in /proc/PID/ns gives.
func Text(n user.Any) string { return fmt.Sprintf("%v:[%d]", n.Kind(), n.Inode()) }

// Open makes an open file of n. The file has a reference of its own on n; the caller has one meanwhile.
func (s *NSFS) Open(n user.Any, cred *user.Cred) *fs.File {
	return s.vfs.NewUnnamedFile(s.mount, &s.node(n).inode, Text(n), abi.O_RDONLY, cred)
}

// node makes an inode that nobody uses yet; with its last user it is gone.
func (s *NSFS) node(n user.Any) *nsNode {
	n.Get()
	node := &nsNode{n: n}
	s.sb.InitInode(&node.inode, node, uint64(n.Inode()), abi.S_IFREG|0o444)
	node.inode.SetNlink(0) // nothing but its users keeps it
	node.inode.SetFileOps(nsFile{fsys: s})
	return node
}

// Path gives a place that stands for n, pinned.
func (s *NSFS) Path(n user.Any) fs.Path {
	return s.vfs.AnonPath(s.mount, &s.node(n).inode, Text(n))
}

// FromFile gives the namespace that f is a file of. The open file keeps it alive.
func FromFile(f *fs.File) (user.Any, bool) {
	node, ok := f.Inode().Ops().(*nsNode)
	if !ok {
		return nil, false
	}
	return node.n, true
}

// GetAttr implements fs.InodeOps.
func (*nsNode) GetAttr(_ *fs.Inode, a *fs.Attr) { a.Nlink = 1 }

// SetAttr implements fs.InodeOps: nothing can be changed.
func (*nsNode) SetAttr(*fs.Inode, *fs.SetAttr) error { return abi.EPERM }

// Evict implements fs.InodeOps.
func (node *nsNode) Evict(*fs.Inode) { node.n.Put() }

// MountNamespace is the mount namespace that the node stands for, nil if it is none: it can't be mounted within itself.
func (node *nsNode) MountNamespace() *fs.MountNamespace {
	m, _ := node.n.(*fs.MountNamespace)
	return m
}

// Tasker is a task as the ioctls see it; package proc's Task is one.
type Tasker interface {
	PIDNamespace() *PIDNamespace
	// NumberIn returns the number in namespace to of the task that has number nr in from, or with group of its thread
	// group; 0: there is no such task, or to does not see it.
	NumberIn(from, to *PIDNamespace, nr int32, group bool) int32
}

type nsFile struct {
	fs.NoFile
	fsys *NSFS
}

// Commands of ioctl_ns(2).
const (
	nsGetUserNS       = 0xb701
	nsGetParent       = 0xb702
	nsGetType         = 0xb703
	nsGetOwnerUID     = 0xb704
	nsGetMountID      = 0x8008b705
	nsGetPIDFromPIDNS = 0x8004b706
	nsGetTGIDFrom     = 0x8004b707
	nsGetPIDInPIDNS   = 0x8004b708
	nsGetTGIDIn       = 0x8004b709
	nsGetID           = 0x8008b70d
	nsMountInfo       = 0x8010b70a // these three have the size of the caller's structure in them, here of its first version
	nsMountNext       = 0x8010b70b
	nsMountPrevious   = 0x8010b70c
)

// Parts of the number of an ioctl.
const (
	ioctlSizeShift = 16
	ioctlSizeMask  = 0x3fff << ioctlSizeShift
)

// mountInfoSize is the size of struct mnt_ns_info.
const mountInfoSize = 16

// Ioctl implements ioctl_ns(2).
func (o nsFile) Ioctl(f *fs.File, c *fs.Caller, cmd, arg uint32, m fs.UserMemory) (uint32, error) {
	n, _ := FromFile(f)
	size := cmd & ioctlSizeMask >> ioctlSizeShift
	switch cmd&^ioctlSizeMask | mountInfoSize<<ioctlSizeShift {
	case nsMountInfo, nsMountNext, nsMountPrevious:
		if size >= mountInfoSize {
			return o.mountIoctl(n, c, cmd&^ioctlSizeMask|mountInfoSize<<ioctlSizeShift, arg, m)
		}
		return 0, abi.ENOTTY
	}
	switch cmd {
	case nsGetUserNS:
		return o.openRelated(c, ownerFor(n, c.Cred.NS))
	case nsGetParent:
		return o.openRelated(c, parentFor(n, c))
	case nsGetType:
		return uint32(n.Kind().CloneFlag()), nil
	case nsGetOwnerUID:
		u, ok := n.(*user.Namespace)
		if !ok {
			return 0, abi.EINVAL
		}
		var b [4]byte
		binary.LittleEndian.PutUint32(b[:], uint32(c.Cred.NS.ShowKUID(u.MakerUID())))
		return 0, m.CopyOut(arg, b[:])
	case nsGetMountID, nsGetID:
		if cmd == nsGetMountID && n.Kind() != user.KindMount {
			return 0, abi.EINVAL
		}
		return 0, m.CopyOut(arg, binary.LittleEndian.AppendUint64(nil, n.ID()))
	case nsGetPIDFromPIDNS, nsGetTGIDFrom, nsGetPIDInPIDNS, nsGetTGIDIn:
		return translate(n, c, cmd, int32(arg))
	}
	return 0, abi.ENOTTY
}

// related is a namespace that an ioctl leads to.
type related struct {
	n   user.Any
	err error
}

// ownerFor is the user namespace that owns n, if it is the reader's or a descendant of it. EPERM.
func ownerFor(n user.Any, reader *user.Namespace) related {
	owner := n.Owner()
	if owner == nil || !owner.Within(reader) {
		return related{err: abi.EPERM}
	}
	return related{n: owner}
}

// parentFor is the parent of n as c may see it. EINVAL: only user and pid namespaces have one; EPERM: out of scope.
func parentFor(n user.Any, c *fs.Caller) related {
	switch n := n.(type) {
	case *user.Namespace:
		return ownerFor(n, c.Cred.NS)
	case *PIDNamespace:
		t, ok := c.Task.(Tasker)
		if !ok || n.parent == nil || !n.parent.Within(t.PIDNamespace()) {
			return related{err: abi.EPERM}
		}
		return related{n: n.parent}
	}
	return related{err: abi.EINVAL}
}

// openRelated gives a new descriptor, closed at execve.
func (o nsFile) openRelated(c *fs.Caller, r related) (uint32, error) {
	if r.err != nil {
		return 0, r.err
	}
	f := o.fsys.Open(r.n, c.Cred)
	fd, err := c.Files.Install(f, c.Limits.NoFile(), true)
	if err != nil {
		f.Put()
		return 0, err
	}
	return uint32(fd), nil
}

// mountIoctl is the ioctls with a struct mnt_ns_info: size, number of mounts, ID. NS_MNT_GET_NEXT and NS_MNT_GET_PREV
// give a descriptor of another namespace. EPERM: they are for the initial pid namespace's privileged; EINVAL: n is no
// mount namespace; ENOENT: there is no other.
func (o nsFile) mountIoctl(n user.Any, c *fs.Caller, cmd, arg uint32, m fs.UserMemory) (uint32, error) {
	if cmd != nsMountInfo && !seesAll(c) {
		return 0, abi.EPERM
	}
	mounts, ok := n.(*fs.MountNamespace)
	if !ok || cmd == nsMountInfo && arg == 0 {
		return 0, abi.EINVAL
	}
	if cmd == nsMountInfo {
		return 0, storeMountInfo(mounts, arg, m)
	}
	other, err := mounts.Neighbor(c, cmd == nsMountPrevious)
	if err != nil {
		return 0, err
	}
	defer other.Put()
	if arg != 0 {
		if err := storeMountInfo(other, arg, m); err != nil {
			return 0, err
		}
	}
	return o.openRelated(c, related{n: other})
}

// seesAll reports whether c may see all namespaces: he is privileged in the initial pid namespace, and in it.
func seesAll(c *fs.Caller) bool {
	t, ok := c.Task.(Tasker)
	return ok && t.PIDNamespace().parent == nil && c.Cred.Has(user.CapSysAdmin, t.PIDNamespace().Owner())
}

// storeMountInfo stores a struct mnt_ns_info, in which the first mount, that nobody sees, does not count.
func storeMountInfo(n *fs.MountNamespace, arg uint32, m fs.UserMemory) error {
	b := binary.LittleEndian.AppendUint32(nil, mountInfoSize)
	b = binary.LittleEndian.AppendUint32(b, uint32(max(n.Count(), 1)-1))
	return m.CopyOut(arg, binary.LittleEndian.AppendUint64(b, n.ID()))
}

// translate gives the number of a task or thread group in another pid namespace: from n to the caller's, or the other way. EINVAL: n is
// none; ESRCH: there is no such task, or the other namespace does not see it.
func translate(n user.Any, c *fs.Caller, cmd uint32, nr int32) (uint32, error) {
	from, ok := n.(*PIDNamespace)
	t, isTask := c.Task.(Tasker)
	if !ok || !isTask {
		return 0, abi.EINVAL
	}
	to := t.PIDNamespace()
	if cmd == nsGetPIDInPIDNS || cmd == nsGetTGIDIn {
		from, to = to, from
	}
	got := t.NumberIn(from, to, nr, cmd == nsGetTGIDFrom || cmd == nsGetTGIDIn)
	if got == 0 {
		return 0, abi.ESRCH
	}
	return uint32(got), nil
}
