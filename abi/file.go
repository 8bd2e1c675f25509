package abi

// Open flags (open(2)); the kernel's value of O_LARGEFILE, which a 64-bit libc hides.
const (
	O_ACCMODE   = 0o3
	O_RDONLY    = 0
	O_WRONLY    = 0o1
	O_RDWR      = 0o2
	O_CREAT     = 0o100
	O_EXCL      = 0o200
	O_NOCTTY    = 0o400
	O_TRUNC     = 0o1000
	O_APPEND    = 0o2000
	O_NONBLOCK  = 0o4000
	O_DSYNC     = 0o10000
	O_ASYNC     = 0o20000
	O_DIRECT    = 0o40000
	O_LARGEFILE = 0o100000
	O_DIRECTORY = 0o200000
	O_NOFOLLOW  = 0o400000
	O_NOATIME   = 0o1000000
	O_CLOEXEC   = 0o2000000
	O_SYNC      = 0o4010000
	O_PATH      = 0o10000000
	O_TMPFILE   = 0o20200000
)

// Flags of openat2(2).
const (
	RESOLVE_NO_XDEV       = 1
	RESOLVE_NO_MAGICLINKS = 2
	RESOLVE_NO_SYMLINKS   = 4
	RESOLVE_BENEATH       = 8
	RESOLVE_IN_ROOT       = 0x10
	RESOLVE_CACHED        = 0x20
)

// File types and permission bits (inode(7)).
const (
	S_IFMT    = 0o170000
	S_IFSOCK  = 0o140000
	S_IFLNK   = 0o120000
	S_IFREG   = 0o100000
	S_IFBLK   = 0o60000
	S_IFDIR   = 0o40000
	S_IFCHR   = 0o20000
	S_IFIFO   = 0o10000
	S_ISUID   = 0o4000
	S_ISGID   = 0o2000
	S_ISVTX   = 0o1000
	S_IALLUGO = 0o7777
)

// Types of directory entries (getdents(2)).
const (
	DT_UNKNOWN = 0
	DT_FIFO    = 1
	DT_CHR     = 2
	DT_DIR     = 4
	DT_BLK     = 6
	DT_REG     = 8
	DT_LNK     = 10
	DT_SOCK    = 12
	DT_WHT     = 14
)

// The directory descriptor that stands for the current directory (openat(2)).
const (
	AT_FDCWD = -100
)

// Flags of the *at calls. AT_EACCESS shares its bit with AT_REMOVEDIR.
const (
	AT_SYMLINK_NOFOLLOW = 0x100
	AT_REMOVEDIR        = 0x200
	AT_EACCESS          = 0x200
	AT_SYMLINK_FOLLOW   = 0x400
	AT_NO_AUTOMOUNT     = 0x800
	AT_EMPTY_PATH       = 0x1000
	AT_STATX_SYNC_TYPE  = 0x6000
	AT_STATX_FORCE_SYNC = 0x2000
	AT_STATX_DONT_SYNC  = 0x4000
	AT_RECURSIVE        = 0x8000
)

// Modes of access(2).
const (
	F_OK = 0
	X_OK = 1
	W_OK = 2
	R_OK = 4
)

// Whence of lseek(2).
const (
	SEEK_SET  = 0
	SEEK_CUR  = 1
	SEEK_END  = 2
	SEEK_DATA = 3
	SEEK_HOLE = 4
)

// Commands of fcntl(2). F_GETLK64 to F_SETLKW64 exist only for 32-bit callers.
const (
	F_DUPFD            = 0
	F_GETFD            = 1
	F_SETFD            = 2
	F_GETFL            = 3
	F_SETFL            = 4
	F_GETLK            = 5
	F_SETLK            = 6
	F_SETLKW           = 7
	F_SETOWN           = 8
	F_GETOWN           = 9
	F_SETSIG           = 10
	F_GETSIG           = 11
	F_GETLK64          = 12
	F_SETLK64          = 13
	F_SETLKW64         = 14
	F_SETOWN_EX        = 15
	F_GETOWN_EX        = 16
	F_GETOWNER_UIDS    = 17
	F_OFD_GETLK        = 36
	F_OFD_SETLK        = 37
	F_OFD_SETLKW       = 38
	F_SETLEASE         = 1024
	F_GETLEASE         = 1025
	F_NOTIFY           = 1026
	F_DUPFD_QUERY      = 1027
	F_DUPFD_CLOEXEC    = 1030
	F_SETPIPE_SZ       = 1031
	F_GETPIPE_SZ       = 1032
	F_ADD_SEALS        = 1033
	F_GET_SEALS        = 1034
	F_GET_RW_HINT      = 1035
	F_SET_RW_HINT      = 1036
	F_GET_FILE_RW_HINT = 1037
	F_SET_FILE_RW_HINT = 1038
)

// Events of F_NOTIFY (fcntl(2)).
const (
	DN_ACCESS    = 1
	DN_MODIFY    = 2
	DN_CREATE    = 4
	DN_DELETE    = 8
	DN_RENAME    = 0x10
	DN_ATTRIB    = 0x20
	DN_MULTISHOT = 0x80000000
)

// Descriptor flag, lock types and owner types of fcntl(2).
const (
	FD_CLOEXEC   = 1
	F_RDLCK      = 0
	F_WRLCK      = 1
	F_UNLCK      = 2
	F_OWNER_TID  = 0
	F_OWNER_PID  = 1
	F_OWNER_PGRP = 2
)

// Seals of memfd_create(2) files.
const (
	F_SEAL_SEAL         = 1
	F_SEAL_SHRINK       = 2
	F_SEAL_GROW         = 4
	F_SEAL_WRITE        = 8
	F_SEAL_FUTURE_WRITE = 0x10
	F_SEAL_EXEC         = 0x20
)

// Flags of memfd_create(2).
const (
	MFD_CLOEXEC       = 1
	MFD_ALLOW_SEALING = 2
	MFD_HUGETLB       = 4
	MFD_NOEXEC_SEAL   = 8
	MFD_EXEC          = 0x10
)

// Operations of flock(2).
const (
	LOCK_SH = 1
	LOCK_EX = 2
	LOCK_NB = 4
	LOCK_UN = 8
)

// Modes of fallocate(2).
const (
	FALLOC_FL_KEEP_SIZE      = 1
	FALLOC_FL_PUNCH_HOLE     = 2
	FALLOC_FL_NO_HIDE_STALE  = 4
	FALLOC_FL_COLLAPSE_RANGE = 8
	FALLOC_FL_ZERO_RANGE     = 0x10
	FALLOC_FL_INSERT_RANGE   = 0x20
	FALLOC_FL_UNSHARE_RANGE  = 0x40
)

// Flags of renameat2(2).
const (
	RENAME_NOREPLACE = 1
	RENAME_EXCHANGE  = 2
	RENAME_WHITEOUT  = 4
)

// Flags of preadv2(2) and pwritev2(2).
const (
	RWF_HIPRI    = 1
	RWF_DSYNC    = 2
	RWF_SYNC     = 4
	RWF_NOWAIT   = 8
	RWF_APPEND   = 0x10
	RWF_NOAPPEND = 0x20
)

// Flags of splice(2), tee(2) and vmsplice(2).
const (
	SPLICE_F_MOVE     = 1
	SPLICE_F_NONBLOCK = 2
	SPLICE_F_MORE     = 4
	SPLICE_F_GIFT     = 8
)

// Flags of sync_file_range(2).
const (
	SYNC_FILE_RANGE_WAIT_BEFORE = 1
	SYNC_FILE_RANGE_WRITE       = 2
	SYNC_FILE_RANGE_WAIT_AFTER  = 4
)

// Advice of posix_fadvise(2).
const (
	POSIX_FADV_NORMAL     = 0
	POSIX_FADV_RANDOM     = 1
	POSIX_FADV_SEQUENTIAL = 2
	POSIX_FADV_WILLNEED   = 3
	POSIX_FADV_DONTNEED   = 4
	POSIX_FADV_NOREUSE    = 5
)

// Flags of close_range(2).
const (
	CLOSE_RANGE_UNSHARE = 2
	CLOSE_RANGE_CLOEXEC = 4
)

// Flags of setxattr(2).
const (
	XATTR_CREATE  = 1
	XATTR_REPLACE = 2
)

// Limits of extended attributes (linux/limits.h).
const (
	XATTR_NAME_MAX = 255
	XATTR_SIZE_MAX = 65536
	XATTR_LIST_MAX = 65536
)

// Times of utimensat(2) that are commands.
const (
	UTIME_NOW  = 0x3fffffff
	UTIME_OMIT = 0x3ffffffe
)

// Fields that statx(2) is asked for, and gives.
const (
	STATX_TYPE          = 1
	STATX_MODE          = 2
	STATX_NLINK         = 4
	STATX_UID           = 8
	STATX_GID           = 0x10
	STATX_ATIME         = 0x20
	STATX_MTIME         = 0x40
	STATX_CTIME         = 0x80
	STATX_INO           = 0x100
	STATX_SIZE          = 0x200
	STATX_BLOCKS        = 0x400
	STATX_BASIC_STATS   = 0x7ff
	STATX_BTIME         = 0x800
	STATX_MNT_ID        = 0x1000
	STATX_DIOALIGN      = 0x2000
	STATX_MNT_ID_UNIQUE = 0x4000
	STATX_ALL           = 0xfff
	STATX__RESERVED     = 0x80000000
)

// Attributes in statx(2).
const (
	STATX_ATTR_COMPRESSED = 4
	STATX_ATTR_IMMUTABLE  = 0x10
	STATX_ATTR_APPEND     = 0x20
	STATX_ATTR_NODUMP     = 0x40
	STATX_ATTR_ENCRYPTED  = 0x800
	STATX_ATTR_MOUNT_ROOT = 0x2000
	STATX_ATTR_VERITY     = 0x100000
	STATX_ATTR_DAX        = 0x200000
)

// Types of file systems in statfs(2).
const (
	TMPFS_MAGIC           = 0x1021994
	RAMFS_MAGIC           = 0x858458f6
	PROC_SUPER_MAGIC      = 0x9fa0
	SYSFS_MAGIC           = 0x62656572
	DEVPTS_SUPER_MAGIC    = 0x1cd1
	PIPEFS_MAGIC          = 0x50495045
	SOCKFS_MAGIC          = 0x534f434b
	ANON_INODE_FS_MAGIC   = 0x9041934
	NSFS_MAGIC            = 0x6e736673
	CGROUP2_SUPER_MAGIC   = 0x63677270
	EXT2_SUPER_MAGIC      = 0xef53
	MQUEUE_MAGIC          = 0x19800202
	BPF_FS_MAGIC          = 0xcafe4a11
	DEBUGFS_MAGIC         = 0x64626720
	TRACEFS_MAGIC         = 0x74726163
	SECURITYFS_MAGIC      = 0x73636673
	ISOFS_SUPER_MAGIC     = 0x9660
	MSDOS_SUPER_MAGIC     = 0x4d44
	OVERLAYFS_SUPER_MAGIC = 0x794c7630
	V9FS_MAGIC            = 0x1021997
	PID_FS_MAGIC          = 0x50494446
)

// Events of inotify(7).
const (
	IN_ACCESS        = 1
	IN_MODIFY        = 2
	IN_ATTRIB        = 4
	IN_CLOSE_WRITE   = 8
	IN_CLOSE_NOWRITE = 0x10
	IN_OPEN          = 0x20
	IN_MOVED_FROM    = 0x40
	IN_MOVED_TO      = 0x80
	IN_CREATE        = 0x100
	IN_DELETE        = 0x200
	IN_DELETE_SELF   = 0x400
	IN_MOVE_SELF     = 0x800
	IN_UNMOUNT       = 0x2000
	IN_Q_OVERFLOW    = 0x4000
	IN_IGNORED       = 0x8000
	IN_ALL_EVENTS    = 0xfff
)

// Flags of inotify_init1(2) and inotify_add_watch(2).
const (
	IN_ONLYDIR     = 0x1000000
	IN_DONT_FOLLOW = 0x2000000
	IN_EXCL_UNLINK = 0x4000000
	IN_MASK_CREATE = 0x10000000
	IN_MASK_ADD    = 0x20000000
	IN_ISDIR       = 0x40000000
	IN_ONESHOT     = 0x80000000
	IN_NONBLOCK    = 0x800
	IN_CLOEXEC     = 0x80000
)

// Operations and flags of epoll_ctl(2) and epoll_create1(2).
const (
	EPOLL_CTL_ADD  = 1
	EPOLL_CTL_DEL  = 2
	EPOLL_CTL_MOD  = 3
	EPOLL_CLOEXEC  = 0x80000
	EPOLLEXCLUSIVE = 0x10000000
	EPOLLWAKEUP    = 0x20000000
	EPOLLONESHOT   = 0x40000000
	EPOLLET        = 0x80000000
)

// Flags of eventfd2(2), signalfd4(2), timerfd_create(2) and timerfd_settime(2).
const (
	EFD_SEMAPHORE           = 1
	EFD_CLOEXEC             = 0x80000
	EFD_NONBLOCK            = 0x800
	SFD_CLOEXEC             = 0x80000
	SFD_NONBLOCK            = 0x800
	TFD_CLOEXEC             = 0x80000
	TFD_NONBLOCK            = 0x800
	TFD_TIMER_ABSTIME       = 1
	TFD_TIMER_CANCEL_ON_SET = 2
)
