package linux386

// The structures in these files are laid out as an i386 C compiler lays them out. A 64-bit field is aligned to four
// bytes there and to eight in Go, so it is a pair of words unless its offset is a multiple of eight anyway. The tags
// name the C fields: a test holds each size and offset against the C compiler's.

// long64 is a 64-bit number that is aligned as i386 aligns it.
type long64 struct{ Lo, Hi uint32 }

func split(v uint64) long64 { return long64{uint32(v), uint32(v >> 32)} }

func (l long64) join() uint64 { return uint64(l.Hi)<<32 | uint64(l.Lo) }

// oldKernelStat is struct __old_kernel_stat, of oldstat(2).
type oldKernelStat struct {
	Dev   uint16 `c:"st_dev"`
	Ino   uint16 `c:"st_ino"`
	Mode  uint16 `c:"st_mode"`
	Nlink uint16 `c:"st_nlink"`
	UID   uint16 `c:"st_uid"`
	GID   uint16 `c:"st_gid"`
	Rdev  uint16 `c:"st_rdev"`
	_     uint16
	Size  uint32 `c:"st_size"`
	Atime uint32 `c:"st_atime"`
	Mtime uint32 `c:"st_mtime"`
	Ctime uint32 `c:"st_ctime"`
}

// stat is struct stat, of stat(2) as it was before large files.
type stat struct {
	Dev     uint32 `c:"st_dev"`
	Ino     uint32 `c:"st_ino"`
	Mode    uint16 `c:"st_mode"`
	Nlink   uint16 `c:"st_nlink"`
	UID     uint16 `c:"st_uid"`
	GID     uint16 `c:"st_gid"`
	Rdev    uint32 `c:"st_rdev"`
	Size    uint32 `c:"st_size"`
	Blksize uint32 `c:"st_blksize"`
	Blocks  uint32 `c:"st_blocks"`
	Atime   uint32 `c:"st_atime"`
	AtimeNs uint32 `c:"st_atime_nsec"`
	Mtime   uint32 `c:"st_mtime"`
	MtimeNs uint32 `c:"st_mtime_nsec"`
	Ctime   uint32 `c:"st_ctime"`
	CtimeNs uint32 `c:"st_ctime_nsec"`
	_       [2]uint32
}

// stat64 is struct stat64; it has the inode number twice, the first time cut to 32 bits.
type stat64 struct {
	Dev     long64 `c:"st_dev"`
	_       [4]byte
	InoLow  uint32 `c:"__st_ino"`
	Mode    uint32 `c:"st_mode"`
	Nlink   uint32 `c:"st_nlink"`
	UID     uint32 `c:"st_uid"`
	GID     uint32 `c:"st_gid"`
	Rdev    long64 `c:"st_rdev"`
	_       [4]byte
	Size    long64 `c:"st_size"`
	Blksize uint32 `c:"st_blksize"`
	Blocks  long64 `c:"st_blocks"`
	Atime   uint32 `c:"st_atime"`
	AtimeNs uint32 `c:"st_atime_nsec"`
	Mtime   uint32 `c:"st_mtime"`
	MtimeNs uint32 `c:"st_mtime_nsec"`
	Ctime   uint32 `c:"st_ctime"`
	CtimeNs uint32 `c:"st_ctime_nsec"`
	Ino     long64 `c:"st_ino"`
}

// statxTime is struct statx_timestamp.
type statxTime struct {
	Sec int64  `c:"tv_sec"`
	Ns  uint32 `c:"tv_nsec"`
	_   int32
}

// statx is struct statx (statx(2)).
type statx struct {
	Mask           uint32    `c:"stx_mask"`
	Blksize        uint32    `c:"stx_blksize"`
	Attributes     uint64    `c:"stx_attributes"`
	Nlink          uint32    `c:"stx_nlink"`
	UID            uint32    `c:"stx_uid"`
	GID            uint32    `c:"stx_gid"`
	Mode           uint16    `c:"stx_mode"`
	_              uint16    //
	Ino            uint64    `c:"stx_ino"`
	Size           uint64    `c:"stx_size"`
	Blocks         uint64    `c:"stx_blocks"`
	AttributesMask uint64    `c:"stx_attributes_mask"`
	Atime          statxTime `c:"stx_atime"`
	Btime          statxTime `c:"stx_btime"`
	Ctime          statxTime `c:"stx_ctime"`
	Mtime          statxTime `c:"stx_mtime"`
	RdevMajor      uint32    `c:"stx_rdev_major"`
	RdevMinor      uint32    `c:"stx_rdev_minor"`
	DevMajor       uint32    `c:"stx_dev_major"`
	DevMinor       uint32    `c:"stx_dev_minor"`
	MntID          uint64    `c:"stx_mnt_id"`
	DioMemAlign    uint32    `c:"stx_dio_mem_align"`
	DioOffsetAlign uint32    `c:"stx_dio_offset_align"`
	_              [12]uint64
}

// statfs is struct statfs (statfs(2)).
type statfs struct {
	Type    uint32    `c:"f_type"`
	Bsize   uint32    `c:"f_bsize"`
	Blocks  uint32    `c:"f_blocks"`
	Bfree   uint32    `c:"f_bfree"`
	Bavail  uint32    `c:"f_bavail"`
	Files   uint32    `c:"f_files"`
	Ffree   uint32    `c:"f_ffree"`
	Fsid    [2]uint32 `c:"f_fsid"`
	Namelen uint32    `c:"f_namelen"`
	Frsize  uint32    `c:"f_frsize"`
	Flags   uint32    `c:"f_flags"`
	_       [4]uint32
}

// statfs64 is struct statfs64.
type statfs64 struct {
	Type    uint32    `c:"f_type"`
	Bsize   uint32    `c:"f_bsize"`
	Blocks  long64    `c:"f_blocks"`
	Bfree   long64    `c:"f_bfree"`
	Bavail  long64    `c:"f_bavail"`
	Files   long64    `c:"f_files"`
	Ffree   long64    `c:"f_ffree"`
	Fsid    [2]uint32 `c:"f_fsid"`
	Namelen uint32    `c:"f_namelen"`
	Frsize  uint32    `c:"f_frsize"`
	Flags   uint32    `c:"f_flags"`
	_       [4]uint32
}

// ustat is struct ustat (ustat(2)).
type ustat struct {
	Tfree  uint32   `c:"f_tfree"`
	Tinode uint32   `c:"f_tinode"`
	Fname  [6]uint8 `c:"f_fname"`
	Fpack  [6]uint8 `c:"f_fpack"`
}

// dirent is the head of struct linux_dirent (getdents(2)): the name follows, then NUL, then the type as the last byte.
type dirent struct {
	Ino    uint32 `c:"d_ino"`
	Off    uint32 `c:"d_off"`
	Reclen uint16 `c:"d_reclen"`
}

// flock is struct flock (fcntl(2)).
type flock struct {
	Type   int16 `c:"l_type"`
	Whence int16 `c:"l_whence"`
	Start  int32 `c:"l_start"`
	Len    int32 `c:"l_len"`
	PID    int32 `c:"l_pid"`
}

// flock64 is struct flock64.
type flock64 struct {
	Type   int16  `c:"l_type"`
	Whence int16  `c:"l_whence"`
	Start  long64 `c:"l_start"`
	Len    long64 `c:"l_len"`
	PID    int32  `c:"l_pid"`
}

// fOwnerEx is struct f_owner_ex (fcntl(2)).
type fOwnerEx struct {
	Type int32 `c:"type"`
	PID  int32 `c:"pid"`
}

// openHow is struct open_how (openat2(2)).
type openHow struct {
	Flags   uint64 `c:"flags"`
	Mode    uint64 `c:"mode"`
	Resolve uint64 `c:"resolve"`
}

// mountAttr is struct mount_attr (mount_setattr(2)).
type mountAttr struct {
	Set         uint64 `c:"attr_set"`
	Clr         uint64 `c:"attr_clr"`
	Propagation uint64 `c:"propagation"`
	UserNS      uint64 `c:"userns_fd"`
}

// iovec is struct iovec (readv(2)).
type iovec struct {
	Base uint32 `c:"iov_base"`
	Len  uint32 `c:"iov_len"`
}

// pollFD is struct pollfd (poll(2)).
type pollFD struct {
	FD      int32  `c:"fd"`
	Events  uint16 `c:"events"`
	Revents uint16 `c:"revents"`
}

// epollEvent is struct epoll_event (epoll_ctl(2)).
type epollEvent struct {
	Events uint32 `c:"events"`
	Data   long64 `c:"data"`
}

// utimbuf is struct utimbuf (utime(2)).
type utimbuf struct {
	Actime  int32 `c:"actime"`
	Modtime int32 `c:"modtime"`
}
