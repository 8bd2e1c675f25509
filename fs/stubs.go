package fs

import (
	"cleave/abi"
	"cleave/ns/user"
)

const umountDetached = 1

func (v *VFS) umountTreeLocked(m *Mount, how int, gone *dropped) {}

// Put drops a pin.
func (m *Mount) Put() { m.users.Add(-1) }

type lockList struct{}
type watchList struct{}

// Put drops a reference; the last one closes the file.
func (f *File) Put() {}

func (f *File) close(t *FDTable) { f.Put() }

// OpenHow is the argument of openat2(2).
type OpenHow struct {
	Flags   uint32
	Mode    uint32
	Resolve uint32 // RESOLVE_*
}

// Open opens a file. When the file is one that waits for a peer (SlowOpener), it is returned together with EAGAIN.
func (c *Caller) Open(dirfd int, path []byte, how OpenHow) (*File, error) { return nil, abi.ENOSYS }

// OpenExec opens a program for execve(2): EACCES without execute permission, on a noexec mount, or not a regular file.
// Writers get ETXTBSY while it is held (ETXTBSY if there is one). flags: AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW.
func (c *Caller) OpenExec(dirfd int, path []byte, flags uint32) (*File, error) {
	return nil, abi.ENOSYS
}

// Lookup returns the place that a path leads to, pinned. flags: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH.
func (c *Caller) Lookup(dirfd int, path []byte, flags uint32) (Path, error) {
	return Path{}, abi.ENOSYS
}

// Stat fills in a (fstatat64(2), statx(2)). flags: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH.
func (c *Caller) Stat(dirfd int, path []byte, flags uint32, a *Attr) error { return abi.ENOSYS }

// Statx is Stat that also gives the mount.
func (c *Caller) Statx(dirfd int, path []byte, flags uint32, a *Attr) (mount uint64, isRoot bool, err error) {
	return 0, false, abi.ENOSYS
}

// Statfs fills in s (statfs64(2)).
func (c *Caller) Statfs(path []byte, s *Statfs) error { return abi.ENOSYS }

// Statfs fills in s (fstatfs64(2)).
func (f *File) Statfs(s *Statfs) error { return abi.ENOSYS }

// Faccessat is faccessat2(2). mode: R_OK, W_OK, X_OK or F_OK; flags: AT_EACCESS, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH.
func (c *Caller) Faccessat(dirfd int, path []byte, mode, flags uint32) error { return abi.ENOSYS }

// Mkdirat makes a directory.
func (c *Caller) Mkdirat(dirfd int, path []byte, mode uint32) error { return abi.ENOSYS }

// Mknodat makes a file of the type in mode.
func (c *Caller) Mknodat(dirfd int, path []byte, mode uint32, dev Dev) error { return abi.ENOSYS }

// Symlinkat makes a symbolic link to target.
func (c *Caller) Symlinkat(target []byte, dirfd int, path []byte) error { return abi.ENOSYS }

// Linkat makes another name of a file. flags: AT_SYMLINK_FOLLOW, AT_EMPTY_PATH.
func (c *Caller) Linkat(olddirfd int, old []byte, newdirfd int, path []byte, flags uint32) error {
	return abi.ENOSYS
}

// Unlinkat removes a name. flags: AT_REMOVEDIR.
func (c *Caller) Unlinkat(dirfd int, path []byte, flags uint32) error { return abi.ENOSYS }

// Renameat renames. flags: RENAME_*.
func (c *Caller) Renameat(olddirfd int, old []byte, newdirfd int, path []byte, flags uint32) error {
	return abi.ENOSYS
}

// Readlinkat copies the target of a symbolic link to b and returns its length.
func (c *Caller) Readlinkat(dirfd int, path []byte, b Buffer) (int, error) { return 0, abi.ENOSYS }

// Fchmodat changes permissions. flags: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH.
func (c *Caller) Fchmodat(dirfd int, path []byte, mode, flags uint32) error { return abi.ENOSYS }

// Fchownat changes owner and group; an Invalid id stays as it is. flags: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH.
func (c *Caller) Fchownat(dirfd int, path []byte, uid user.KUID, gid user.KGID, flags uint32) error {
	return abi.ENOSYS
}

// Times are the arguments of utimensat(2). Nanoseconds since 1970.
type Times struct {
	Atime, Mtime         int64
	AtimeNow, MtimeNow   bool // the time of the call instead
	OmitAtime, OmitMtime bool
}

// Utimensat changes times. flags: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH.
func (c *Caller) Utimensat(dirfd int, path []byte, t Times, flags uint32) error { return abi.ENOSYS }

// Truncate sets the size of a file (truncate64(2)).
func (c *Caller) Truncate(path []byte, size int64) error { return abi.ENOSYS }

// Chdir changes the working directory.
func (c *Caller) Chdir(path []byte) error { return abi.ENOSYS }

// Chroot changes the root directory.
func (c *Caller) Chroot(path []byte) error { return abi.ENOSYS }

// Fchdir is fchdir(2), fchmod(2), fchown(2), ftruncate(2) ... on an open file.
func (c *Caller) Fchdir(f *File) error { return abi.ENOSYS }

// Fchmod changes permissions.
func (c *Caller) Fchmod(f *File, mode uint32) error { return abi.ENOSYS }

// Fchown changes owner and group.
func (c *Caller) Fchown(f *File, uid user.KUID, gid user.KGID) error { return abi.ENOSYS }

// Futimens changes times.
func (c *Caller) Futimens(f *File, t Times) error { return abi.ENOSYS }

// Ftruncate sets the size.
func (c *Caller) Ftruncate(f *File, size int64) error { return abi.ENOSYS }

// Fallocate is fallocate(2).
func (c *Caller) Fallocate(f *File, mode int, off, n int64) error { return abi.ENOSYS }

// Fstat fills in a.
func (f *File) Stat(a *Attr) {}

// Read reads at the file's position and advances it.
func (c *Caller) Read(f *File, b Buffer) (int, error) { return 0, abi.ENOSYS }

// Write writes at the file's position and advances it.
func (c *Caller) Write(f *File, b Buffer) (int, error) { return 0, abi.ENOSYS }

// Pread reads at off.
func (c *Caller) Pread(f *File, b Buffer, off int64) (int, error) { return 0, abi.ENOSYS }

// Pwrite writes at off.
func (c *Caller) Pwrite(f *File, b Buffer, off int64) (int, error) { return 0, abi.ENOSYS }

// Seek is lseek(2).
func (f *File) Seek(off int64, whence int) (int64, error) { return 0, abi.ENOSYS }

// ReadDir gives the directory's entries from the file's position on to sink.
func (c *Caller) ReadDir(f *File, sink DirSink) error { return abi.ENOSYS }

// Sendfile copies up to n bytes from in to out; off nil: from and to the position of in (sendfile(2)).
func (c *Caller) Sendfile(out, in *File, off *int64, n int) (int, error) { return 0, abi.ENOSYS }

// CopyFileRange is copy_file_range(2); nil offsets are the files' positions.
func (c *Caller) CopyFileRange(in *File, inOff *int64, out *File, outOff *int64, n int) (int, error) {
	return 0, abi.ENOSYS
}

// Sync writes everything back (sync(2)).
func (v *VFS) Sync() error { return abi.ENOSYS }

// Getxattr and its kin are getxattr(2), ... on a place; see Caller.Lookup.
func (c *Caller) Getxattr(p Path, name []byte) ([]byte, error) { return nil, abi.ENOSYS }

// Setxattr sets an extended attribute; flags: XATTR_*.
func (c *Caller) Setxattr(p Path, name, value []byte, flags int) error { return abi.ENOSYS }

// Removexattr removes an extended attribute.
func (c *Caller) Removexattr(p Path, name []byte) error { return abi.ENOSYS }

// Listxattr returns the names of the extended attributes, each with a final NUL.
func (c *Caller) Listxattr(p Path) ([]byte, error) { return nil, abi.ENOSYS }

// SetFlags is fcntl(2) F_SETFL.
func (c *Caller) SetFlags(f *File, flags uint32) error { return abi.ENOSYS }

// NewAnonFile returns an open file that has no place in any directory: a pipe's end, a socket, an epoll instance. name
// is what /proc/PID/fd shows ("anon_inode:[eventpoll]"); i is nil for the inode that all such files share.
func (v *VFS) NewAnonFile(ops FileOps, name string, i *Inode, flags uint32, cred *user.Cred) *File {
	return nil
}

// NewAnonInode returns an inode of its own, for a pipe or a socket; its number goes into the name.
func (v *VFS) NewAnonInode(mode uint32, cred *user.Cred) *Inode { return nil }

// Flock is flock(2); EAGAIN: wait on LockQueue unless LOCK_NB.
func (f *File) Flock(op int) error { return abi.ENOSYS }

// Mount is mount(2).
func (c *Caller) Mount(source, target []byte, fstype string, flags uint32, options string) error {
	return abi.ENOSYS
}

// Umount is umount2(2).
func (c *Caller) Umount(target []byte, flags uint32) error { return abi.ENOSYS }

// PivotRoot is pivot_root(2).
func (c *Caller) PivotRoot(newRoot, putOld []byte) error { return abi.ENOSYS }

// NewMountNamespace makes the first mount namespace, whose root is a mount of sb.
func (v *VFS) NewMountNamespace(sb *Superblock, owner *user.Namespace) *MountNamespace { return nil }

// CopyMounts makes a copy of the caller's mount namespace for CLONE_NEWNS, owned by owner, and re-aims ctx, which is
// nobody's yet. Nothing stays on an error: ENOSPC, ENOMEM, EPERM (a mount of another user namespace in the owned model).
func (c *Caller) CopyMounts(cred *user.Cred, ctx *Context) (*MountNamespace, error) {
	return nil, abi.ENOSYS
}

// MountsText appends /proc/PID/mounts of namespace n as seen from root.
func (n *MountNamespace) MountsText(buf []byte, root Path, as *user.Namespace) []byte { return buf }

// MountInfoText appends /proc/PID/mountinfo.
func (n *MountNamespace) MountInfoText(buf []byte, root Path, as *user.Namespace) []byte { return buf }

// MountStatsText appends /proc/PID/mountstats.
func (n *MountNamespace) MountStatsText(buf []byte, root Path, as *user.Namespace) []byte { return buf }
