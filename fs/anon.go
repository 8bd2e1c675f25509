package fs

import (
	"cleave/abi"
	"cleave/ns/user"
)

// anonymous is the file system of files that have no place in any directory: pipes, sockets, epoll instances.
type anonymous struct {
	sb     *Superblock
	mount  *Mount
	shared *Inode // of all files that need no inode of their own
}

func (v *VFS) initAnonymous() {
	sb := v.NewSuper(SuperConfig{Type: &Type{Name: "anon_inodefs", Flags: TypeNoDev | TypeNoMount}, Magic: abi.ANON_INODE_FS_MAGIC,
		Flags: SuperCached})
	root := v.anonInode(sb, abi.S_IFDIR|0o555, 1)
	sb.SetRoot(root)
	v.anon = anonymous{sb: sb, mount: v.InternalMount(sb)}
	v.anon.shared = v.anonInode(sb, 0o600, 2)
	v.anon.shared.users.Store(1)
	v.lastAnon.Store(2)
}

func (v *VFS) anonInode(sb *Superblock, mode uint32, ino uint64) *Inode {
	i := &Inode{}
	sb.InitInode(i, anonOps{}, ino, mode)
	return i
}

type anonOps struct{ NoInode }

// NewAnonInode returns an inode of its own, for a pipe or a socket. mode has its type.
func (v *VFS) NewAnonInode(mode uint32, cred *user.Cred) *Inode {
	i := v.anonInode(v.anon.sb, mode, uint64(v.lastAnon.Add(1)))
	i.uid.Store(uint32(cred.FSUID))
	i.gid.Store(uint32(cred.FSGID))
	return i
}

// NewAnonFile returns an open file with one reference that has no place in any directory. name is what /proc/PID/fd
// shows, such as "anon_inode:[eventpoll]"; i is nil for the inode that all such files share.
func (v *VFS) NewAnonFile(ops FileOps, name string, i *Inode, flags uint32, cred *user.Cred) *File {
	if i == nil {
		i = v.anon.shared
	}
	f := newFile(v.AnonPath(v.anon.mount, i, name), ops, flags, cred)
	f.stream = true
	if f.Writable() {
		i.writer.Add(1)
		f.path.Mount.writers.Add(1)
	}
	return f
}

// NewUnnamedFile returns an open file with one reference of inode i, which has no name (memfd_create(2), System V
// shared memory). m is a mount made by InternalMount.
func (v *VFS) NewUnnamedFile(m *Mount, i *Inode, name string, flags uint32, cred *user.Cred) *File {
	f := newFile(v.AnonPath(m, i, name), i.fops, flags, cred)
	if f.Ops == nil {
		f.Ops = &regularFile{}
	}
	if f.Writable() {
		i.writer.Add(1)
		m.writers.Add(1)
	}
	return f
}

// InternalMount returns a mount of sb that is in no tree and never goes away. It takes over a reference to sb.
func (v *VFS) InternalMount(sb *Superblock) *Mount {
	m := v.newMount(sb, sb.root, nil, 0)
	m.users.Add(1)
	return m
}

// Retire ends what InternalMount has made: it goes, with its reference to the superblock, when nobody uses it any more.
func (m *Mount) Retire() {
	m.users.Add(mountGone)
	m.Put()
}

// AnonPath returns a place, pinned, that has no parent: inode i on the internal mount m. name is all that it shows as a
// path, such as "mnt:[4026531841]". InodeOps.Follow may return it.
func (v *VFS) AnonPath(m *Mount, i *Inode, name string) Path {
	d := v.newDentry(i)
	d.parent = d
	d.name = []byte(name)
	return Path{m, d}.Get()
}
