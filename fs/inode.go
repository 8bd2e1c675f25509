package fs

import (
	"sync"
	"sync/atomic"

	"cleave/abi"
	"cleave/ns/user"
)

// Dev is a device number as Linux holds it inside the kernel: major << 20 | minor.
type Dev uint32

// MakeDev puts a device number together.
func MakeDev(major, minor uint32) Dev { return Dev(major<<20 | minor&0xfffff) }

// Major returns the number of the driver.
func (d Dev) Major() uint32 { return uint32(d) >> 20 }

// Minor returns the number of the device under its driver.
func (d Dev) Minor() uint32 { return uint32(d) & 0xfffff }

// Encode returns the 64-bit form that stat64(2) and statx(2) show (new_encode_dev: minor low byte, major, minor rest).
func (d Dev) Encode() uint64 {
	return uint64(d.Minor()&0xff | d.Major()<<8 | (d.Minor()&^0xff)<<12)
}

// DecodeDev reads the form that mknod(2) takes.
func DecodeDev(v uint32) Dev { return MakeDev(v>>8&0xfff, v&0xff|v>>12&0xfff00) }

// Attr is what stat shows of an inode. Ids are those of the initial user namespace; times are nanoseconds since 1970.
type Attr struct {
	Dev     Dev
	Ino     uint64
	Mode    uint32 // type and permissions
	Nlink   uint32
	UID     user.KUID
	GID     user.KGID
	Rdev    Dev
	Size    int64
	Blksize uint32
	Blocks  int64 // of 512 bytes
	Atime   int64
	Mtime   int64
	Ctime   int64
	Btime   int64
}

// Node says what InodeOps.Create shall make.
type Node struct {
	Mode   uint32 // type and permissions
	UID    user.KUID
	GID    user.KGID
	Rdev   Dev    // S_IFCHR and S_IFBLK
	Target []byte // S_IFLNK; not to be kept without a copy
}

// Inode is one file of a file system: the attributes, which the walk and stat read with no lock, and the file system's
// operations. It is freed by the garbage collector; its data go (InodeOps.Evict) when it has neither links nor users.
type Inode struct {
	ops InodeOps
	sb  *Superblock
	ino uint64

	mode         atomic.Uint32
	uid          atomic.Uint32
	gid          atomic.Uint32
	nlink        atomic.Uint32
	state        atomic.Uint32 // inode* bits
	users        atomic.Int32  // open files, working directories, walks that use it now
	writer       atomic.Int32  // files open for writing; negative: running programs, which deny writing
	writableMaps atomic.Int32  // shared mappings that may be written to
	rdev         Dev
	size         atomic.Int64
	blocks       atomic.Int64 // of 512 bytes
	atime        atomic.Int64
	mtime        atomic.Int64
	ctime        atomic.Int64
	btime        int64

	fops FileOps // what Open gives a file; nil: by the type
	link []byte  // target of a symbolic link that is in memory; nil: ask ops.Readlink

	mu      sync.Mutex // content: entries of a directory, size and data of a file
	private any        // guarded by mu: pipe of a FIFO, socket bound here
	extra   atomic.Pointer[inodeExtra]
	pages   *Mapping // of a regular file
}

// Bits of Inode.state.
const (
	inodeAppend    = 1 << iota // may only be appended to
	inodeImmutable             // may not be changed
	inodeSealable              // a memory file
	inodeLinkable              // made by O_TMPFILE without O_EXCL: may get a name
)

// inodeExtra has what few inodes need.
type inodeExtra struct {
	locks   lockTable
	watches watchList
}

// InitInode readies i, which the file system has allocated (usually inside its own structure), with one link and the
// times of now.
func (sb *Superblock) InitInode(i *Inode, ops InodeOps, ino uint64, mode uint32) {
	i.ops, i.sb, i.ino = ops, sb, ino
	i.mode.Store(mode)
	i.nlink.Store(1)
	now := sb.vfs.Now()
	i.btime = now
	i.atime.Store(now)
	i.mtime.Store(now)
	i.ctime.Store(now)
}

// SetNode sets owner, group and device of a new inode.
func (i *Inode) SetNode(n *Node) {
	i.uid.Store(uint32(n.UID))
	i.gid.Store(uint32(n.GID))
	i.rdev = n.Rdev
}

// SetOwner sets the owner of an inode whose owner changes by itself (/proc).
func (i *Inode) SetOwner(uid user.KUID, gid user.KGID) {
	i.uid.Store(uint32(uid))
	i.gid.Store(uint32(gid))
}

// Ops returns the file system's operations.
func (i *Inode) Ops() InodeOps { return i.ops }

// Superblock returns the file system.
func (i *Inode) Superblock() *Superblock { return i.sb }

// Ino returns the inode number.
func (i *Inode) Ino() uint64 { return i.ino }

// Mode returns type and permissions.
func (i *Inode) Mode() uint32 { return i.mode.Load() }

// SetMode sets type and permissions, for file systems.
func (i *Inode) SetMode(mode uint32) { i.mode.Store(mode) }

// Type returns the type, abi.S_IFREG and the like.
func (i *Inode) Type() uint32 { return i.mode.Load() & abi.S_IFMT }

// IsDir reports whether i is a directory.
func (i *Inode) IsDir() bool { return i.mode.Load()&abi.S_IFMT == abi.S_IFDIR }

// UID returns the owner.
func (i *Inode) UID() user.KUID { return user.KUID(i.uid.Load()) }

// GID returns the group.
func (i *Inode) GID() user.KGID { return user.KGID(i.gid.Load()) }

// Rdev returns the device that a device file stands for.
func (i *Inode) Rdev() Dev { return i.rdev }

// Size returns the size in bytes.
func (i *Inode) Size() int64 { return i.size.Load() }

// SetSize sets the size; the page cache's own files change it by Truncate.
func (i *Inode) SetSize(n int64) { i.size.Store(n) }

// Nlink returns the number of links.
func (i *Inode) Nlink() uint32 { return i.nlink.Load() }

// SetNlink sets the number of links.
func (i *Inode) SetNlink(n uint32) { i.nlink.Store(n) }

// AddNlink changes the number of links by d. Inode.mu is held.
func (i *Inode) AddNlink(d int) { i.nlink.Store(uint32(int(i.nlink.Load()) + d)) }

// Blocks returns how many blocks of 512 bytes the file has.
func (i *Inode) Blocks() int64 { return i.blocks.Load() }

// AddBlocks counts d more blocks of 512 bytes.
func (i *Inode) AddBlocks(d int64) { i.blocks.Add(d) }

// SetLink sets the target of a symbolic link, which the inode keeps.
func (i *Inode) SetLink(target []byte) {
	i.link = target
	i.size.Store(int64(len(target)))
}

// SetFileOps sets what files of this inode do; without, it goes by the type.
func (i *Inode) SetFileOps(o FileOps) { i.fops = o }

// SetTimes sets access, modification and change time.
func (i *Inode) SetTimes(atime, mtime, ctime int64) {
	i.atime.Store(atime)
	i.mtime.Store(mtime)
	i.ctime.Store(ctime)
}

// touch sets the times of modification and change to now.
func (i *Inode) touch() {
	now := i.sb.vfs.Now()
	i.mtime.Store(now)
	i.ctime.Store(now)
}

// Private calls f with what is attached to the inode, and attaches what f returns: the pipe of a FIFO, the socket that
// is bound to a name. f runs with the content lock held.
func (i *Inode) Private(f func(old any) any) {
	i.mu.Lock()
	i.private = f(i.private)
	i.mu.Unlock()
}

// Get counts one more user; the caller is one, or holds VFS.tree and found i by a name.
func (i *Inode) Get() { i.users.Add(1) }

// Put counts a user less. With the last one, a name in the cache being one, the inode leaves memory.
func (i *Inode) Put() {
	if i.users.Add(-1) == 0 {
		i.evict()
	}
}

func (i *Inode) evict() {
	if i.pages != nil {
		i.pages.drop()
	}
	i.ops.Evict(i)
}

// Attr fills in a. It takes no lock: fields that change together may be seen one by one, as on Linux.
func (i *Inode) Attr(a *Attr) {
	*a = Attr{
		Dev: i.sb.dev, Ino: i.ino, Mode: i.mode.Load(), Nlink: i.nlink.Load(), UID: i.UID(), GID: i.GID(), Rdev: i.rdev,
		Size: i.size.Load(), Blksize: i.sb.blksize, Blocks: i.blocks.Load(),
		Atime: i.atime.Load(), Mtime: i.mtime.Load(), Ctime: i.ctime.Load(), Btime: i.btime,
	}
	if i.sb.flags&SuperGetAttr != 0 {
		i.ops.GetAttr(i, a)
	}
}

// InodeOps is what a file system does for its inodes. Embed NoInode for the answers of a file system that can't.
// Names and targets are only lent for the call. The directory's content lock is held by the caller for Lookup, Create,
// Link, Unlink and Rename (both directories), and the removed inode's for Unlink. Permissions have been checked.
type InodeOps interface {
	// Lookup finds a name in a directory; ENOENT if there is none.
	Lookup(dir *Inode, name []byte) (*Inode, error)
	// Create makes a file, directory, device, FIFO, socket or symbolic link, as n.Mode says.
	Create(dir *Inode, name []byte, n *Node) (*Inode, error)
	// Link makes name another link of i.
	Link(dir *Inode, name []byte, i *Inode) error
	// Unlink removes the name of i, which is an empty directory when i is a directory (ENOTEMPTY if not).
	Unlink(dir *Inode, name []byte, i *Inode) error
	// Rename moves i; r.Replaced is nil or goes away, or the two change places (r.Exchange).
	Rename(r *Rename) error
	// Readlink returns the target of a symbolic link that Inode.SetLink has not set.
	// c is the reader; nil: the kernel.
	Readlink(i *Inode, c *Caller) ([]byte, error)
	// Follow returns where a magic link leads, with a pin; EINVAL: it is an ordinary link.
	Follow(i *Inode, c *Caller) (Path, error)
	// SetAttr makes a change of attributes lasting; the attributes of i are changed after it. Truncation included.
	SetAttr(i *Inode, set *SetAttr) error
	// GetAttr may correct what Inode.Attr has filled in.
	GetAttr(i *Inode, a *Attr)
	// Permission replaces the check of mode bits for this inode if it returns handled. want has abi.R_OK, W_OK, X_OK.
	// It is asked with SuperPermission only, and with VFS.tree held: it must be quick and must not sleep.
	Permission(i *Inode, c *Caller, want uint32) (handled bool, err error)
	// Valid reports whether a cached name still leads to i, for file systems with Superblock.Volatile. It is called
	// with locks held: it must be quick and must not sleep.
	Valid(i *Inode) bool
	// Open prepares f: it may set f.Ops and f.Private. f.Ops is set to the inode's default before.
	Open(i *Inode, f *File, c *Caller) error
	// GetXattr returns the value of an extended attribute; ENODATA, EOPNOTSUPP.
	GetXattr(i *Inode, name []byte) ([]byte, error)
	// SetXattr sets an attribute, or removes it (value nil); flags: abi.XATTR_CREATE, XATTR_REPLACE.
	SetXattr(i *Inode, name, value []byte, flags int) error
	// ListXattr returns the names, each with a final NUL.
	ListXattr(i *Inode) ([]byte, error)
	// Evict frees the data of an inode that has neither links nor users.
	Evict(i *Inode)
}

// Rename is a rename inside one file system (rename(2)).
type Rename struct {
	OldDir, NewDir   *Inode
	OldName, NewName []byte
	Inode            *Inode
	Replaced         *Inode // what NewName was, or nil
	Exchange         bool
}

// What SetAttr changes.
const (
	SetMode = 1 << iota
	SetUID
	SetGID
	SetSize
	SetAtime
	SetMtime
)

// SetAttr is a change of attributes (chmod(2), chown(2), utimensat(2), truncate(2)).
type SetAttr struct {
	Valid uint32 // Set* bits
	Mode  uint32 // permissions only
	UID   user.KUID
	GID   user.KGID
	Size  int64
	Atime int64
	Mtime int64
}

// NoInode answers for what a file system can't do. Embed it.
type NoInode struct{}

// Lookup finds nothing.
func (NoInode) Lookup(*Inode, []byte) (*Inode, error) { return nil, abi.ENOENT }

// Create refuses: EPERM, as a file system without the operation does.
func (NoInode) Create(*Inode, []byte, *Node) (*Inode, error) { return nil, abi.EPERM }

// Link refuses.
func (NoInode) Link(*Inode, []byte, *Inode) error { return abi.EPERM }

// Unlink refuses.
func (NoInode) Unlink(*Inode, []byte, *Inode) error { return abi.EPERM }

// Rename refuses.
func (NoInode) Rename(*Rename) error { return abi.EPERM }

// Readlink refuses: it is no link.
func (NoInode) Readlink(*Inode, *Caller) ([]byte, error) { return nil, abi.EINVAL }

// Follow says that the link is no magic one.
func (NoInode) Follow(*Inode, *Caller) (Path, error) { return Path{}, abi.EINVAL }

// SetAttr accepts any change.
func (NoInode) SetAttr(*Inode, *SetAttr) error { return nil }

// GetAttr corrects nothing.
func (NoInode) GetAttr(*Inode, *Attr) {}

// Permission leaves the check to the mode bits.
func (NoInode) Permission(*Inode, *Caller, uint32) (bool, error) { return false, nil }

// Valid says yes.
func (NoInode) Valid(*Inode) bool { return true }

// Open accepts.
func (NoInode) Open(*Inode, *File, *Caller) error { return nil }

// GetXattr says that there are no attributes.
func (NoInode) GetXattr(*Inode, []byte) ([]byte, error) { return nil, abi.EOPNOTSUPP }

// SetXattr refuses.
func (NoInode) SetXattr(*Inode, []byte, []byte, int) error { return abi.EOPNOTSUPP }

// ListXattr has none.
func (NoInode) ListXattr(*Inode) ([]byte, error) { return nil, nil }

// Evict has nothing to free.
func (NoInode) Evict(*Inode) {}
