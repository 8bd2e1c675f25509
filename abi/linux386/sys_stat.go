package linux386

import (
	"math"

	"cleave/abi"
	"cleave/fs"
	"cleave/proc"
)

// fstat and statAt fill in what one of the stat calls then lays out.

func fstat(t *proc.Task, fd FD, a *fs.Attr) error {
	f, counted, err := t.Files().Borrow(int(fd))
	if err != nil {
		return err
	}
	f.Stat(a)
	if counted {
		f.Put()
	}
	return nil
}

func statAt(t *proc.Task, dir DirFD, path Path, flags AtFlags, a *fs.Attr) error {
	if err := flags.check(abi.AT_SYMLINK_NOFOLLOW | abi.AT_NO_AUTOMOUNT | abi.AT_EMPTY_PATH | abi.AT_STATX_SYNC_TYPE); err != nil {
		return err
	}
	p, err := path.load(t)
	if err != nil {
		return err
	}
	return t.Caller.Stat(int(dir), p, uint32(flags)&(abi.AT_SYMLINK_NOFOLLOW|abi.AT_EMPTY_PATH), a)
}

// statLayout is one of the three structures that the stat calls fill in.
type statLayout[T any] interface {
	oldKernelStat | stat | stat64
	of(t *proc.Task, a *fs.Attr) (T, error)
}

func storeStat[T statLayout[T]](t *proc.Task, p Ret[T], a *fs.Attr) error {
	var z T
	s, err := z.of(t, a)
	if err != nil {
		return err
	}
	return p.Store(t, &s)
}

func sysStat[T statLayout[T]](t *proc.Task, path Path, p Ret[T]) error {
	return sysFstatat(t, abi.AT_FDCWD, path, p, 0)
}

func sysLstat[T statLayout[T]](t *proc.Task, path Path, p Ret[T]) error {
	return sysFstatat(t, abi.AT_FDCWD, path, p, abi.AT_SYMLINK_NOFOLLOW)
}

func sysFstat[T statLayout[T]](t *proc.Task, fd FD, p Ret[T]) error {
	a := t.Attr()
	if err := fstat(t, fd, a); err != nil {
		return err
	}
	return storeStat(t, p, a)
}

func sysFstatat[T statLayout[T]](t *proc.Task, dir DirFD, path Path, p Ret[T], flags AtFlags) error {
	a := t.Attr()
	if err := statAt(t, dir, path, flags, a); err != nil {
		return err
	}
	return storeStat(t, p, a)
}

// wallTime splits a file's time.
func wallTime(ns int64) (sec int64, nsec uint32) {
	if ns >= 0 {
		return int64(uint64(ns) / 1e9), uint32(uint64(ns) % 1e9)
	}
	s, r := floor(ns, 1e9)
	return s, uint32(r)
}

func (stat64) of(t *proc.Task, a *fs.Attr) (stat64, error) {
	n := t.Cred().NS
	s := stat64{
		Dev: split(a.Dev.Encode()), InoLow: uint32(a.Ino), Mode: a.Mode, Nlink: a.Nlink, UID: uint32(n.ShowKUID(a.UID)),
		GID: uint32(n.ShowKGID(a.GID)), Rdev: split(a.Rdev.Encode()), Size: split(uint64(a.Size)), Blksize: a.Blksize,
		Blocks: split(uint64(a.Blocks)), Ino: split(a.Ino),
	}
	sec, ns := wallTime(a.Atime)
	s.Atime, s.AtimeNs = uint32(sec), ns
	sec, ns = wallTime(a.Mtime)
	s.Mtime, s.MtimeNs = uint32(sec), ns
	sec, ns = wallTime(a.Ctime)
	s.Ctime, s.CtimeNs = uint32(sec), ns
	return s, nil
}

// dev16 is a device number of 16 bits. EOVERFLOW: it has more.
func dev16(d fs.Dev) (uint16, error) {
	if d.Major() > 0xff || d.Minor() > 0xff {
		return 0, abi.EOVERFLOW
	}
	return uint16(d.Major()<<8 | d.Minor()), nil
}

// of fails with EOVERFLOW where a number does not fit (stat(2)).
func (stat) of(t *proc.Task, a *fs.Attr) (stat, error) {
	n := t.Cred().NS
	dev, err := dev16(a.Dev)
	if err != nil {
		return stat{}, err
	}
	rdev, err := dev16(a.Rdev)
	if err != nil {
		return stat{}, err
	}
	if a.Ino > math.MaxUint32 || a.Nlink > math.MaxUint16 || a.Size > math.MaxInt32 {
		return stat{}, abi.EOVERFLOW
	}
	s := stat{
		Dev: uint32(dev), Ino: uint32(a.Ino), Mode: uint16(a.Mode), Nlink: uint16(a.Nlink), UID: cut16(uint32(n.ShowKUID(a.UID))),
		GID: cut16(uint32(n.ShowKGID(a.GID))), Rdev: uint32(rdev), Size: uint32(a.Size), Blksize: a.Blksize, Blocks: uint32(a.Blocks),
	}
	sec, ns := wallTime(a.Atime)
	s.Atime, s.AtimeNs = uint32(sec), ns
	sec, ns = wallTime(a.Mtime)
	s.Mtime, s.MtimeNs = uint32(sec), ns
	sec, ns = wallTime(a.Ctime)
	s.Ctime, s.CtimeNs = uint32(sec), ns
	return s, nil
}

func (oldKernelStat) of(t *proc.Task, a *fs.Attr) (oldKernelStat, error) {
	s, err := stat{}.of(t, a)
	if err == nil && s.Ino > math.MaxUint16 {
		err = abi.EOVERFLOW
	}
	return oldKernelStat{Dev: uint16(s.Dev), Ino: uint16(s.Ino), Mode: s.Mode, Nlink: s.Nlink, UID: s.UID, GID: s.GID,
		Rdev: uint16(s.Rdev), Size: s.Size, Atime: s.Atime, Mtime: s.Mtime, Ctime: s.Ctime}, err
}

func sysStatx(t *proc.Task, dir DirFD, path Path, flags AtFlags, mask Hex, p Ret[statx]) error {
	if mask&abi.STATX__RESERVED != 0 || flags&abi.AT_STATX_SYNC_TYPE == abi.AT_STATX_SYNC_TYPE {
		return abi.EINVAL
	}
	if err := flags.check(abi.AT_SYMLINK_NOFOLLOW | abi.AT_NO_AUTOMOUNT | abi.AT_EMPTY_PATH | abi.AT_STATX_SYNC_TYPE); err != nil {
		return err
	}
	name, err := path.loadAt(t, flags)
	if err != nil {
		return err
	}
	a := t.Attr()
	mount, root, err := t.Caller.Statx(int(dir), name, uint32(flags)&(abi.AT_SYMLINK_NOFOLLOW|abi.AT_EMPTY_PATH), a)
	if err != nil {
		return err
	}
	n := t.Cred().NS
	var s statx // its fields are set one by one, for it is long
	s.Mask = abi.STATX_BASIC_STATS | abi.STATX_BTIME | abi.STATX_MNT_ID
	s.Blksize, s.Nlink, s.Mode = a.Blksize, a.Nlink, uint16(a.Mode)
	s.UID, s.GID = uint32(n.ShowKUID(a.UID)), uint32(n.ShowKGID(a.GID))
	s.Ino, s.Size, s.Blocks, s.MntID = a.Ino, uint64(a.Size), uint64(a.Blocks), mount
	s.RdevMajor, s.RdevMinor, s.DevMajor, s.DevMinor = a.Rdev.Major(), a.Rdev.Minor(), a.Dev.Major(), a.Dev.Minor()
	s.Atime.set(a.Atime)
	s.Btime.set(a.Btime)
	s.Ctime.set(a.Ctime)
	s.Mtime.set(a.Mtime)
	s.AttributesMask = abi.STATX_ATTR_MOUNT_ROOT
	if mask&abi.STATX_MNT_ID_UNIQUE != 0 {
		s.Mask ^= abi.STATX_MNT_ID | abi.STATX_MNT_ID_UNIQUE
		s.MntID += fs.FirstUniqueID
	}
	if root {
		s.Attributes = abi.STATX_ATTR_MOUNT_ROOT
	}
	return p.Store(t, &s)
}

// set makes t the time ns.
func (t *statxTime) set(ns int64) {
	t.Sec, t.Ns = wallTime(ns)
}

// statfsLayout is one of the two structures of the statfs calls.
type statfsLayout[T any] interface {
	statfs | statfs64
	of(s *fs.Statfs) (T, error)
}

func (statfs64) of(s *fs.Statfs) (statfs64, error) {
	return statfs64{Type: s.Type, Bsize: s.Bsize, Blocks: split(s.Blocks), Bfree: split(s.Bfree), Bavail: split(s.Bavail),
		Files: split(s.Files), Ffree: split(s.Ffree), Fsid: [2]uint32{uint32(s.FSID), uint32(s.FSID >> 32)}, Namelen: s.Namelen,
		Frsize: s.Frsize, Flags: s.Flags | abi.ST_VALID}, nil
}

func (statfs) of(s *fs.Statfs) (statfs, error) {
	if (s.Blocks|s.Bfree|s.Bavail|s.Files|s.Ffree)>>32 != 0 {
		return statfs{}, abi.EOVERFLOW
	}
	return statfs{Type: s.Type, Bsize: s.Bsize, Blocks: uint32(s.Blocks), Bfree: uint32(s.Bfree), Bavail: uint32(s.Bavail),
		Files: uint32(s.Files), Ffree: uint32(s.Ffree), Fsid: [2]uint32{uint32(s.FSID), uint32(s.FSID >> 32)},
		Namelen: s.Namelen, Frsize: s.Frsize, Flags: s.Flags | abi.ST_VALID}, nil
}

func storeStatfs[T statfsLayout[T]](t *proc.Task, s *fs.Statfs, p Ret[T]) error {
	var z T
	v, err := z.of(s)
	if err != nil {
		return err
	}
	return p.Store(t, &v)
}

func pathStatfs(t *proc.Task, path Path, s *fs.Statfs) error {
	p, err := path.load(t)
	if err != nil {
		return err
	}
	return t.Caller.Statfs(p, s)
}

func fdStatfs(t *proc.Task, fd FD, s *fs.Statfs) error {
	f, err := t.Files().Get(int(fd))
	if err != nil {
		return err
	}
	err = f.Statfs(s)
	f.Put()
	return err
}

func sysStatfs(t *proc.Task, path Path, p Ret[statfs]) error {
	var s fs.Statfs
	if err := pathStatfs(t, path, &s); err != nil {
		return err
	}
	return storeStatfs(t, &s, p)
}

func sysFstatfs(t *proc.Task, fd FD, p Ret[statfs]) error {
	var s fs.Statfs
	if err := fdStatfs(t, fd, &s); err != nil {
		return err
	}
	return storeStatfs(t, &s, p)
}

// The 64-bit calls are told the size of the structure. A C compiler for i386 may have padded it to 88 bytes.
const (
	statfs64Size   = 84
	statfs64Padded = 88
)

func sysStatfs64(t *proc.Task, path Path, size Size, p Ret[statfs64]) error {
	var s fs.Statfs
	if size != statfs64Size && size != statfs64Padded {
		return abi.EINVAL
	}
	if err := pathStatfs(t, path, &s); err != nil {
		return err
	}
	return storeStatfs(t, &s, p)
}

func sysFstatfs64(t *proc.Task, fd FD, size Size, p Ret[statfs64]) error {
	var s fs.Statfs
	if size != statfs64Size && size != statfs64Padded {
		return abi.EINVAL
	}
	if err := fdStatfs(t, fd, &s); err != nil {
		return err
	}
	return storeStatfs(t, &s, p)
}
