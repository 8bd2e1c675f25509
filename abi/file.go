package abi

// Flags of open(2) and fcntl(2) F_SETFL, with the numbers of i386 (asm-generic/fcntl.h).
const (
	O_RDONLY    = 0
	O_WRONLY    = 1
	O_RDWR      = 2
	O_ACCMODE   = 3
	O_CREAT     = 0o100
	O_EXCL      = 0o200
	O_NOCTTY    = 0o400
	O_TRUNC     = 0o1000
	O_APPEND    = 0o2000
	O_NONBLOCK  = 0o4000
	O_DSYNC     = 0o10000
	O_ASYNC     = 0o20000 // FASYNC
	O_DIRECT    = 0o40000
	O_LARGEFILE = 0o100000
	O_DIRECTORY = 0o200000
	O_NOFOLLOW  = 0o400000
	O_NOATIME   = 0o1000000
	O_CLOEXEC   = 0o2000000
	O_SYNC      = 0o4010000 // includes O_DSYNC
	O_PATH      = 0o10000000
	O_TMPFILE   = 0o20200000 // includes O_DIRECTORY
)

// File types and mode bits of inode(7).
const (
	S_IFMT    = 0o170000
	S_IFSOCK  = 0o140000
	S_IFLNK   = 0o120000
	S_IFREG   = 0o100000
	S_IFBLK   = 0o060000
	S_IFDIR   = 0o040000
	S_IFCHR   = 0o020000
	S_IFIFO   = 0o010000
	S_ISUID   = 0o4000
	S_ISGID   = 0o2000
	S_ISVTX   = 0o1000
	S_IALLUGO = 0o7777
)

// Types of directory entries (getdents64(2)): the file type of a mode, shifted right by 12.
const (
	DT_UNKNOWN = 0
	DT_FIFO    = 1
	DT_CHR     = 2
	DT_DIR     = 4
	DT_BLK     = 6
	DT_REG     = 8
	DT_LNK     = 10
	DT_SOCK    = 12
)

// Directory descriptor and flags of the *at calls (openat(2), fstatat(2), linkat(2), statx(2), mount_setattr(2)).
const (
	AT_FDCWD            = -100
	AT_SYMLINK_NOFOLLOW = 0x100
	AT_EACCESS          = 0x200 // faccessat2
	AT_REMOVEDIR        = 0x200 // unlinkat
	AT_SYMLINK_FOLLOW   = 0x400 // linkat
	AT_NO_AUTOMOUNT     = 0x800
	AT_EMPTY_PATH       = 0x1000
	AT_STATX_FORCE_SYNC = 0x2000
	AT_STATX_DONT_SYNC  = 0x4000
	AT_STATX_SYNC_TYPE  = 0x6000
	AT_RECURSIVE        = 0x8000
)

// Modes of access(2).
const (
	F_OK = 0
	X_OK = 1
	W_OK = 2
	R_OK = 4
)

// Origins of lseek(2).
const (
	SEEK_SET  = 0
	SEEK_CUR  = 1
	SEEK_END  = 2
	SEEK_DATA = 3
	SEEK_HOLE = 4
)

// Flags of renameat2(2).
const (
	RENAME_NOREPLACE = 1
	RENAME_EXCHANGE  = 2
	RENAME_WHITEOUT  = 4
)

// Flags of openat2(2).
const (
	RESOLVE_NO_XDEV       = 0x01
	RESOLVE_NO_MAGICLINKS = 0x02
	RESOLVE_NO_SYMLINKS   = 0x04
	RESOLVE_BENEATH       = 0x08
	RESOLVE_IN_ROOT       = 0x10
	RESOLVE_CACHED        = 0x20
)

// Flags of fallocate(2).
const (
	FALLOC_FL_KEEP_SIZE      = 0x01
	FALLOC_FL_PUNCH_HOLE     = 0x02
	FALLOC_FL_COLLAPSE_RANGE = 0x08
	FALLOC_FL_ZERO_RANGE     = 0x10
	FALLOC_FL_INSERT_RANGE   = 0x20
)

// Special nanosecond values of utimensat(2).
const (
	UTIME_NOW  = 0x3fffffff
	UTIME_OMIT = 0x3ffffffe
)

// Operations of flock(2), and lock types of fcntl(2).
const (
	LOCK_SH = 1
	LOCK_EX = 2
	LOCK_NB = 4
	LOCK_UN = 8

	F_RDLCK = 0
	F_WRLCK = 1
	F_UNLCK = 2
)

// Flags of setxattr(2).
const (
	XATTR_CREATE  = 1
	XATTR_REPLACE = 2
)

// Flags of mount(2).
const (
	MS_RDONLY      = 1 << 0
	MS_NOSUID      = 1 << 1
	MS_NODEV       = 1 << 2
	MS_NOEXEC      = 1 << 3
	MS_SYNCHRONOUS = 1 << 4
	MS_REMOUNT     = 1 << 5
	MS_MANDLOCK    = 1 << 6
	MS_DIRSYNC     = 1 << 7
	MS_NOSYMFOLLOW = 1 << 8
	MS_NOATIME     = 1 << 10
	MS_NODIRATIME  = 1 << 11
	MS_BIND        = 1 << 12
	MS_MOVE        = 1 << 13
	MS_REC         = 1 << 14
	MS_SILENT      = 1 << 15
	MS_POSIXACL    = 1 << 16
	MS_UNBINDABLE  = 1 << 17
	MS_PRIVATE     = 1 << 18
	MS_SLAVE       = 1 << 19
	MS_SHARED      = 1 << 20
	MS_RELATIME    = 1 << 21
	MS_SHARE_NS    = 1 << 22 // a bind that every user namespace of the owned model may use; ignored in the mapped model
	MS_I_VERSION   = 1 << 23
	MS_STRICTATIME = 1 << 24
	MS_LAZYTIME    = 1 << 25
	MS_MGC_VAL     = 0xC0ED0000 // old programs put it in the upper half, where it is dropped
	MS_MGC_MSK     = 0xFFFF0000
)

// Flags of umount2(2).
const (
	MNT_FORCE       = 1
	MNT_DETACH      = 2
	MNT_EXPIRE      = 4
	UMOUNT_NOFOLLOW = 8
)

// Flags of open_tree(2), move_mount(2), fsopen(2), fspick(2), fsmount(2) and attributes of mount_setattr(2) (linux/mount.h).
const (
	OPEN_TREE_CLONE   = 1
	OPEN_TREE_CLOEXEC = O_CLOEXEC

	MOVE_MOUNT_F_SYMLINKS   = 0x001
	MOVE_MOUNT_F_AUTOMOUNTS = 0x002
	MOVE_MOUNT_F_EMPTY_PATH = 0x004
	MOVE_MOUNT_T_SYMLINKS   = 0x010
	MOVE_MOUNT_T_AUTOMOUNTS = 0x020
	MOVE_MOUNT_T_EMPTY_PATH = 0x040
	MOVE_MOUNT_SET_GROUP    = 0x100
	MOVE_MOUNT_BENEATH      = 0x200

	FSOPEN_CLOEXEC          = 1
	FSPICK_CLOEXEC          = 1
	FSPICK_SYMLINK_NOFOLLOW = 2
	FSPICK_NO_AUTOMOUNT     = 4
	FSPICK_EMPTY_PATH       = 8
	FSMOUNT_CLOEXEC         = 1

	FSCONFIG_SET_FLAG        = 0
	FSCONFIG_SET_STRING      = 1
	FSCONFIG_SET_BINARY      = 2
	FSCONFIG_SET_PATH        = 3
	FSCONFIG_SET_PATH_EMPTY  = 4
	FSCONFIG_SET_FD          = 5
	FSCONFIG_CMD_CREATE      = 6
	FSCONFIG_CMD_RECONFIGURE = 7

	MOUNT_ATTR_RDONLY      = 0x01
	MOUNT_ATTR_NOSUID      = 0x02
	MOUNT_ATTR_NODEV       = 0x04
	MOUNT_ATTR_NOEXEC      = 0x08
	MOUNT_ATTR__ATIME      = 0x70
	MOUNT_ATTR_RELATIME    = 0x00
	MOUNT_ATTR_NOATIME     = 0x10
	MOUNT_ATTR_STRICTATIME = 0x20
	MOUNT_ATTR_NODIRATIME  = 0x80
	MOUNT_ATTR_IDMAP       = 0x100000
	MOUNT_ATTR_NOSYMFOLLOW = 0x200000
)
