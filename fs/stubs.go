package fs

import "cleave/abi"

type lockList struct{}
type watchList struct{}

func (f *File) dropLocks(x *inodeExtra)                        {}
func (i *Inode) dropRecords(x *inodeExtra, t *FDTable)         {}
func (f *File) notify(mask uint32)                             {}
func (p Path) notify(mask uint32)                              {}
func (i *Inode) notifyName(mask uint32, name []byte, c uint32) {}
func (i *Inode) notifySelf(mask uint32)                        {}
func (i *Inode) notifyGone()                                   {}

// Sendfile copies up to n bytes from in to out; off nil: from and to the position of in (sendfile(2)).
func (c *Caller) Sendfile(out, in *File, off *int64, n int) (int, error) { return 0, abi.ENOSYS }

// CopyFileRange is copy_file_range(2); nil offsets are the files' positions.
func (c *Caller) CopyFileRange(in *File, inOff *int64, out *File, outOff *int64, n int) (int, error) {
	return 0, abi.ENOSYS
}

// Sync writes everything back (sync(2)).
func (v *VFS) Sync() error { return abi.ENOSYS }

// SetFlags is fcntl(2) F_SETFL.
func (c *Caller) SetFlags(f *File, flags uint32) error { return abi.ENOSYS }

// Flock is flock(2); EAGAIN: wait on LockQueue unless LOCK_NB.
func (f *File) Flock(op int) error { return abi.ENOSYS }
