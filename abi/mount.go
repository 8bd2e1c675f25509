package abi

// Flags of mount(2). MS_SHARE_NS is the owned model's share-ns bind; Linux accepts and ignores that bit.
const (
	MS_RDONLY      = 1
	MS_NOSUID      = 2
	MS_NODEV       = 4
	MS_NOEXEC      = 8
	MS_SYNCHRONOUS = 0x10
	MS_REMOUNT     = 0x20
	MS_MANDLOCK    = 0x40
	MS_DIRSYNC     = 0x80
	MS_NOSYMFOLLOW = 0x100
	MS_NOATIME     = 0x400
	MS_NODIRATIME  = 0x800
	MS_BIND        = 0x1000
	MS_MOVE        = 0x2000
	MS_REC         = 0x4000
	MS_SILENT      = 0x8000
	MS_POSIXACL    = 0x10000
	MS_UNBINDABLE  = 0x20000
	MS_PRIVATE     = 0x40000
	MS_SLAVE       = 0x80000
	MS_SHARED      = 0x100000
	MS_RELATIME    = 0x200000
	MS_SHARE_NS    = 0x400000
	MS_I_VERSION   = 0x800000
	MS_STRICTATIME = 0x1000000
	MS_LAZYTIME    = 0x2000000
	MS_MGC_VAL     = 0xc0ed0000
	MS_MGC_MSK     = 0xffff0000
)

// Flags of umount2(2).
const (
	MNT_FORCE       = 1
	MNT_DETACH      = 2
	MNT_EXPIRE      = 4
	UMOUNT_NOFOLLOW = 8
)

// Flags in statfs(2)'s f_flags.
const (
	ST_RDONLY      = 1
	ST_NOSUID      = 2
	ST_NODEV       = 4
	ST_NOEXEC      = 8
	ST_SYNCHRONOUS = 0x10
	ST_VALID       = 0x20
	ST_MANDLOCK    = 0x40
	ST_NOATIME     = 0x400
	ST_NODIRATIME  = 0x800
	ST_RELATIME    = 0x1000
	ST_NOSYMFOLLOW = 0x2000
)

// Flags of open_tree(2), move_mount(2), fsopen(2), fsmount(2) and fspick(2).
const (
	OPEN_TREE_CLONE         = 1
	OPEN_TREE_CLOEXEC       = 0x80000
	MOVE_MOUNT_F_SYMLINKS   = 1
	MOVE_MOUNT_F_AUTOMOUNTS = 2
	MOVE_MOUNT_F_EMPTY_PATH = 4
	MOVE_MOUNT_T_SYMLINKS   = 0x10
	MOVE_MOUNT_T_AUTOMOUNTS = 0x20
	MOVE_MOUNT_T_EMPTY_PATH = 0x40
	MOVE_MOUNT_SET_GROUP    = 0x100
	MOVE_MOUNT_BENEATH      = 0x200
	FSOPEN_CLOEXEC          = 1
	FSMOUNT_CLOEXEC         = 1
	FSPICK_CLOEXEC          = 1
	FSPICK_SYMLINK_NOFOLLOW = 2
	FSPICK_NO_AUTOMOUNT     = 4
	FSPICK_EMPTY_PATH       = 8
)

// Commands of fsconfig(2).
const (
	FSCONFIG_SET_FLAG        = 0
	FSCONFIG_SET_STRING      = 1
	FSCONFIG_SET_BINARY      = 2
	FSCONFIG_SET_PATH        = 3
	FSCONFIG_SET_PATH_EMPTY  = 4
	FSCONFIG_SET_FD          = 5
	FSCONFIG_CMD_CREATE      = 6
	FSCONFIG_CMD_RECONFIGURE = 7
	FSCONFIG_CMD_CREATE_EXCL = 8
)

// Attributes of fsmount(2) and mount_setattr(2).
const (
	MOUNT_ATTR_RDONLY       = 1
	MOUNT_ATTR_NOSUID       = 2
	MOUNT_ATTR_NODEV        = 4
	MOUNT_ATTR_NOEXEC       = 8
	MOUNT_ATTR__ATIME       = 0x70
	MOUNT_ATTR_RELATIME     = 0
	MOUNT_ATTR_NOATIME      = 0x10
	MOUNT_ATTR_STRICTATIME  = 0x20
	MOUNT_ATTR_NODIRATIME   = 0x80
	MOUNT_ATTR_IDMAP        = 0x100000
	MOUNT_ATTR_NOSYMFOLLOW  = 0x200000
	MOUNT_ATTR_SHARE_USERNS = 0x400000
)

// Parts that statmount(2) is asked for (linux/mount.h).
const (
	STATMOUNT_SB_BASIC       = 1
	STATMOUNT_MNT_BASIC      = 2
	STATMOUNT_PROPAGATE_FROM = 4
	STATMOUNT_MNT_ROOT       = 8
	STATMOUNT_MNT_POINT      = 0x10
	STATMOUNT_FS_TYPE        = 0x20
	STATMOUNT_MNT_NS_ID      = 0x40
	STATMOUNT_MNT_OPTS       = 0x80
	LSMT_ROOT                = 0xffffffffffffffff
	LISTMOUNT_REVERSE        = 1
)
