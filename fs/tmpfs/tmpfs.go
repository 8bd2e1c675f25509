// Package tmpfs is the file system that lives in memory (tmpfs(5)): its names are the cache of names, its data the page
// cache. The root file system is one too; fs/cpio fills it.
package tmpfs

import (
	"sync"
	"sync/atomic"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm/frame"
	"cleave/ns/user"
)

// Type returns the type of file system for fs.VFS.Register.
func Type() *fs.Type {
	return &fs.Type{Name: "tmpfs", Flags: fs.TypeNoDev | fs.TypeUserNS, Mount: mount,
		Values: []string{"size", "nr_blocks", "nr_inodes", "mode", "uid", "gid", "huge", "mpol"}, Switches: []string{"inode32", "inode64", "noswap"},
		Check: func(option string, owner *user.Namespace) error { return new(options).parse(option, owner) }}
}

// FS is one tmpfs.
type FS struct {
	fs.NoSuper
	sb  *fs.Superblock
	vfs *fs.VFS

	maxPages  atomic.Int64 // 0: no limit
	maxInodes atomic.Int64 // 0: no limit
	pages     atomic.Int64
	inodes    atomic.Int64
	lastIno   atomic.Uint64
	opts      options
}

// direntSize is what each entry adds to the size of a directory, as on Linux.
const direntSize = 20

// node is a file of a tmpfs.
type node struct {
	fs.NoInode
	inode fs.Inode
	fs    *FS

	mu      sync.Mutex
	xattrs  map[string][]byte // guarded by mu, as is what follows
	data    []byte            // content that is still in the boot image
	first   frame.PFN         // frame of data[0], if data lies in whole frames that may be adopted; 0: copy
	brought []uint64          // a bit for each page of data that is in the cache
}

// Register makes tmpfs known to mount(2), and the home of the kernel's own memory files: memfd_create(2), shared
// anonymous memory.
func Register(v *fs.VFS, owner *user.Namespace) {
	v.Register(Type())
	t := New(v, "shm", owner)
	t.maxPages.Store(0)
	m := v.InternalMount(t.sb)
	v.NewMemoryFile = func(name string, size int64, cred *user.Cred) (*fs.File, error) {
		return t.NewFile(m, name, size, cred)
	}
}

func mount(r *fs.MountRequest) (*fs.Superblock, error) {
	t := &FS{vfs: r.VFS}
	o := t.defaults(r)
	if err := o.parse(r.Options, r.Owner); err != nil {
		return nil, err
	}
	t.start(r, o)
	return t.sb, nil
}

// New makes a tmpfs for the kernel itself, such as the root file system. Files may take half of the memory, besides what
// a Filler puts in.
func New(v *fs.VFS, name string, owner *user.Namespace) *FS {
	t := &FS{vfs: v}
	o := options{mode: 0o755, pages: int64(v.Pool.Stats().Total) / 2}
	t.start(&fs.MountRequest{VFS: v, Source: name, Type: &fs.Type{Name: name, Flags: fs.TypeNoDev | fs.TypeNoMount}, Owner: owner}, o)
	return t
}

func (t *FS) start(r *fs.MountRequest, o options) {
	flags := fs.SuperCached
	if r.Owner != nil && !r.Owner.IsInitial() {
		flags |= fs.SuperNoDev
	}
	t.sb = r.VFS.NewSuper(fs.SuperConfig{Request: r, Type: r.Type, Ops: t, Magic: abi.TMPFS_MAGIC, Flags: flags})
	t.apply(o)
	t.sb.SetRoot(t.newNode(&fs.Node{Mode: abi.S_IFDIR | o.mode, UID: o.uid, GID: o.gid}))
}

// Superblock returns the superblock, whose one reference is the caller's.
func (t *FS) Superblock() *fs.Superblock { return t.sb }

// newNode makes the node of a file. The limit on their number has been checked.
func (t *FS) newNode(what *fs.Node) *fs.Inode {
	if what.Mode&abi.S_IFMT != abi.S_IFREG {
		return t.newInode(new(node), nil, what)
	}
	both := new(struct {
		node
		pages fs.Mapping
	})
	return t.newInode(&both.node, &both.pages, what)
}

// newInode makes n the node of a file, and pages the page cache if it is a regular one.
func (t *FS) newInode(n *node, pages *fs.Mapping, what *fs.Node) *fs.Inode {
	i := &n.inode
	n.fs = t
	t.inodes.Add(1)
	t.sb.InitInode(i, n, t.lastIno.Add(1), what.Mode)
	i.SetNode(what)
	switch what.Mode & abi.S_IFMT {
	case abi.S_IFDIR:
		i.SetNlink(2)
	case abi.S_IFREG:
		i.InitPages(pages, n)
	}
	return i
}

// roomForInode returns ENOSPC if there are too many inodes.
func (t *FS) roomForInode() error {
	if limit := t.maxInodes.Load(); limit != 0 && t.inodes.Load() >= limit {
		return abi.ENOSPC
	}
	return nil
}

// Create makes a file; with a nil name one that has no name (O_TMPFILE).
func (n *node) Create(dir *fs.Inode, name []byte, what *fs.Node) (*fs.Inode, error) {
	if err := n.fs.roomForInode(); err != nil {
		return nil, err
	}
	i := n.fs.newNode(what)
	switch {
	case what.Mode&abi.S_IFMT == abi.S_IFLNK:
		i.SetLink(append([]byte(nil), what.Target...))
	case i.IsDir():
		dir.AddNlink(1)
	}
	if name == nil {
		i.SetNlink(0)
		return i, nil
	}
	dir.SetSize(dir.Size() + direntSize)
	return i, nil
}

// Link adds a name.
func (n *node) Link(dir *fs.Inode, _ []byte, i *fs.Inode) error {
	dir.SetSize(dir.Size() + direntSize)
	i.AddNlink(1)
	return nil
}

// Unlink removes a name. ENOTEMPTY.
func (n *node) Unlink(dir *fs.Inode, _ []byte, i *fs.Inode) error {
	if err := dropLink(dir, i); err != nil {
		return err
	}
	dir.SetSize(dir.Size() - direntSize)
	return nil
}

// dropLink takes a link from i, an entry of dir.
func dropLink(dir, i *fs.Inode) error {
	if !i.IsDir() {
		i.AddNlink(-1)
		return nil
	}
	if i.Size() != 0 {
		return abi.ENOTEMPTY
	}
	i.SetNlink(0)
	dir.AddNlink(-1)
	return nil
}

// Rename moves a name.
func (n *node) Rename(r *fs.Rename) error {
	isDir := r.Inode.IsDir()
	if r.Exchange {
		if other := r.Replaced.IsDir(); isDir != other {
			d := 1
			if other {
				d = -1
			}
			r.OldDir.AddNlink(-d)
			r.NewDir.AddNlink(d)
		}
		return nil
	}
	if r.Replaced != nil {
		if err := dropLink(r.NewDir, r.Replaced); err != nil {
			return err
		}
		r.NewDir.SetSize(r.NewDir.Size() - direntSize)
	}
	if isDir {
		r.OldDir.AddNlink(-1)
		r.NewDir.AddNlink(1)
	}
	r.OldDir.SetSize(r.OldDir.Size() - direntSize)
	r.NewDir.SetSize(r.NewDir.Size() + direntSize)
	return nil
}

// SetAttr forgets the part of the boot image's data that a truncation cuts off.
func (n *node) SetAttr(_ *fs.Inode, set *fs.SetAttr) error {
	if set.Valid&fs.SetSize == 0 {
		return nil
	}
	n.mu.Lock()
	gone := 0
	if set.Size < int64(len(n.data)) {
		pages := (len(n.data) + abi.PageSize - 1) / abi.PageSize
		n.data = n.data[:set.Size]
		for p := (len(n.data) + abi.PageSize - 1) / abi.PageSize; p < pages; p++ {
			if !n.isBrought(p) {
				gone++
			}
		}
	}
	n.mu.Unlock()
	n.ReturnPages(&n.inode, gone)
	return nil
}

// Evict counts the inode, and what it has left in the boot image, as gone.
func (n *node) Evict(i *fs.Inode) {
	n.fs.inodes.Add(-1)
	n.fs.pages.Add(-i.Blocks() / blocksPerPage)
}

const blocksPerPage = abi.PageSize / 512

// TakePages counts pages against the size of the file system. ENOSPC.
func (n *node) TakePages(i *fs.Inode, k int) error {
	if limit := n.fs.maxPages.Load(); n.fs.pages.Add(int64(k)) > limit && limit != 0 {
		n.fs.pages.Add(int64(-k))
		return abi.ENOSPC
	}
	i.AddBlocks(int64(k) * blocksPerPage)
	return nil
}

// ReturnPages counts pages as free.
func (n *node) ReturnPages(i *fs.Inode, k int) {
	n.fs.pages.Add(int64(-k))
	i.AddBlocks(int64(-k) * blocksPerPage)
}

// Statfs shows the limits.
func (t *FS) Statfs(_ *fs.Superblock, s *fs.Statfs) error {
	if limit := t.maxPages.Load(); limit != 0 {
		s.Blocks = uint64(limit)
		s.Bfree = uint64(max(0, limit-t.pages.Load()))
		s.Bavail = s.Bfree
	}
	if limit := t.maxInodes.Load(); limit != 0 {
		s.Files = uint64(limit)
		s.Ffree = uint64(max(0, limit-t.inodes.Load()))
	}
	return nil
}

// Pages returns how many pages the files have, for tests.
func (t *FS) Pages() int64 { return t.pages.Load() }

// Inodes returns how many inodes there are.
func (t *FS) Inodes() int64 { return t.inodes.Load() }

// NewFile makes a regular file without a name, open for reading and writing, on mount m of t (fs.VFS.InternalMount):
// memfd_create(2), System V and anonymous shared memory.
func (t *FS) NewFile(m *fs.Mount, name string, size int64, cred *user.Cred) (*fs.File, error) {
	if err := t.roomForInode(); err != nil {
		return nil, err
	}
	i := t.newNode(&fs.Node{Mode: abi.S_IFREG | 0o777, UID: cred.FSUID, GID: cred.FSGID})
	i.SetNlink(0)
	i.SetSize(size)
	return t.vfs.NewUnnamedFile(m, i, name, abi.O_RDWR|abi.O_LARGEFILE, cred), nil
}
