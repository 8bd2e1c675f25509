package fs

import (
	"sync/atomic"

	"cleave/abi"
	"cleave/ns/user"
)

// Type is a kind of file system, as in /proc/filesystems.
type Type struct {
	Name  string
	Flags TypeFlags
	// Mount makes a superblock or returns an existing one with one more reference (Superblock.Get), as /proc of the same
	// pid namespace is. Errors are those of mount(2).
	Mount func(r *MountRequest) (*Superblock, error)

	// What fsconfig(2) may set: options with a value and without. Check is asked, unless it is nil, whether Mount would take
	// an option, "name=value", from a mounter in user namespace owner. EINVAL.
	Values, Switches []string
	Check            func(option string, owner *user.Namespace) error
}

// TypeFlags says how a Type may be used.
type TypeFlags uint32

// The flags of types.
const (
	TypeNoDev   TypeFlags = 1 << iota // needs no block device ("nodev" in /proc/filesystems)
	TypeUserNS                        // may be mounted by who is privileged in a user namespace only (FS_USERNS_MOUNT)
	TypeVisible                       // a mount in a user namespace needs a mount of the type that is seen whole (proc, sysfs)
	TypeNoMount                       // internal: mount(2) answers ENODEV
)

// MountRequest is what Type.Mount is given.
type MountRequest struct {
	VFS     *VFS
	Type    *Type
	Source  string // first argument of mount(2), or fsconfig's "source"
	Options string // comma-separated, as mount(2) takes them; fsconfig's are joined the same way
	Flags   uint32 // MS_RDONLY, MS_SYNCHRONOUS and others that concern the file system
	Caller  *Caller
	Owner   *user.Namespace // user namespace that the superblock belongs to

	// Root is set by Type.Mount if the mount is to show only what is below this directory of the file system.
	Root *Dentry
}

// SuperOps is what a file system does for itself as a whole. Embed NoSuper.
type SuperOps interface {
	// Statfs fills in what statfs(2) shows.
	Statfs(sb *Superblock, s *Statfs) error
	// Options returns the options for /proc/mounts, with a leading comma, or "".
	Options(sb *Superblock) string
	// Remount changes options (mount(2) MS_REMOUNT); nothing is changed on an error.
	Remount(sb *Superblock, flags uint32, options string) error
	// Sync writes everything back.
	Sync(sb *Superblock) error
	// Shutdown is called when the last mount has gone.
	Shutdown(sb *Superblock)
}

// NoSuper answers for a file system with no options and nothing to write back. Embed it.
type NoSuper struct{}

// Statfs gives zeroes and the common values.
func (NoSuper) Statfs(*Superblock, *Statfs) error { return nil }

// Options has none.
func (NoSuper) Options(*Superblock) string { return "" }

// Remount accepts.
func (NoSuper) Remount(*Superblock, uint32, string) error { return nil }

// Sync has nothing to do.
func (NoSuper) Sync(*Superblock) error { return nil }

// Shutdown has nothing to do.
func (NoSuper) Shutdown(*Superblock) {}

// Statfs is what statfs(2) shows of a file system.
type Statfs struct {
	Type    uint32
	Bsize   uint32
	Blocks  uint64
	Bfree   uint64
	Bavail  uint64
	Files   uint64
	Ffree   uint64
	FSID    uint64
	Namelen uint32
	Frsize  uint32
	Flags   uint32 // ST_*, those of the mount included
}

// SuperFlags are properties of a file system in memory.
type SuperFlags uint32

// The flags of superblocks.
const (
	// SuperCached: the name cache holds every entry; a name that is not in it does not exist (tmpfs).
	SuperCached SuperFlags = 1 << iota
	// SuperVolatile: names come and go by themselves; InodeOps.Valid is asked on every use (proc).
	SuperVolatile
	// SuperNoExec: programs can't be executed from any mount of it (proc, sysfs).
	SuperNoExec
	// SuperNoDev: device files can't be opened.
	SuperNoDev
	// SuperPermission: InodeOps.Permission wants to be asked.
	SuperPermission
	// SuperBindAlways: its files can be bound although its mount is in no namespace (nsfs).
	SuperBindAlways
	// SuperGetAttr: InodeOps.GetAttr wants to be asked.
	SuperGetAttr
)

// Superblock is one file system that is mounted somewhere.
type Superblock struct {
	vfs   *VFS
	ops   SuperOps
	typ   *Type
	dev   Dev
	magic uint32
	flags SuperFlags
	root  *Dentry
	owner *user.Namespace // of the mounter; capabilities over the file system as a whole are checked in it

	readonly atomic.Bool
	active   atomic.Int32 // mounts, and who is making one
	blksize  uint32
	source   string
	// Private belongs to the file system.
	Private any
}

// VFS returns the file system layer that sb belongs to.
func (sb *Superblock) VFS() *VFS { return sb.vfs }

// Type returns the kind of file system.
func (sb *Superblock) Type() *Type { return sb.typ }

// Dev returns the device number that stat shows for files of sb; file systems without a device have major 0.
func (sb *Superblock) Dev() Dev { return sb.dev }

// Root returns the root of the file system.
func (sb *Superblock) Root() *Dentry { return sb.root }

// Owner returns the user namespace that mounted it.
func (sb *Superblock) Owner() *user.Namespace { return sb.owner }

// ReadOnly reports whether the file system as a whole is read-only.
func (sb *Superblock) ReadOnly() bool { return sb.readonly.Load() }

// SuperConfig is what NewSuper makes a superblock of.
type SuperConfig struct {
	Request *MountRequest // nil for internal file systems
	Type    *Type
	Ops     SuperOps
	Magic   uint32
	Flags   SuperFlags
	Blksize uint32 // 0: 4096
}

// NewSuper makes a superblock with one reference and a device number of its own. The file system then makes the root with SetRoot.
func (v *VFS) NewSuper(c SuperConfig) *Superblock {
	sb := &Superblock{vfs: v, ops: c.Ops, typ: c.Type, magic: c.Magic, flags: c.Flags, blksize: c.Blksize}
	if sb.blksize == 0 {
		sb.blksize = abi.PageSize
	}
	if sb.ops == nil {
		sb.ops = NoSuper{}
	}
	if c.Request != nil {
		sb.owner = c.Request.Owner
		sb.source = c.Request.Source
		sb.readonly.Store(c.Request.Flags&abi.MS_RDONLY != 0)
	}
	sb.active.Store(1)
	sb.dev = MakeDev(0, v.nextDev.Add(1))
	return sb
}

// SetRoot makes the root directory of the file system from i.
func (sb *Superblock) SetRoot(i *Inode) {
	i.users.Add(1)
	sb.root = sb.vfs.newDentry(i)
	sb.root.parent = sb.root
}
