package linux386

import (
	"math"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm"
	"cleave/proc"
)

// Calls on a descriptor that are made often borrow its file: a file that is open for reading or writing is none that
// was opened with O_PATH.

// sysRead is read(fd, buf, n).
func sysRead(t *proc.Task) (uint32, error) {
	c := t.Ctx
	f, counted, err := t.Files().Borrow(int(int32(c.EBX)))
	if err != nil {
		return 0, err
	}
	done := 0
	if b, e := t.Buffer(c.ECX, c.EDX); e == nil {
		done, err = t.Read(f, b)
	} else if err = e; !f.Readable() {
		err = abi.EBADF
	}
	if counted {
		f.Put()
	}
	return uint32(done), err
}

// sysWrite is write(fd, buf, n).
func sysWrite(t *proc.Task) (uint32, error) {
	c := t.Ctx
	f, counted, err := t.Files().Borrow(int(int32(c.EBX)))
	if err != nil {
		return 0, err
	}
	done := 0
	if b, e := t.Buffer(c.ECX, c.EDX); e == nil {
		done, err = t.Write(f, b)
	} else if err = e; !f.Writable() {
		err = abi.EBADF
	}
	if counted {
		f.Put()
	}
	return uint32(done), err
}

func sysPread64(t *proc.Task, fd FD, buf Out, n Size, lo OffLo, hi OffHi) (Size, error) {
	f, b, err := ioAt(t, fd, uint32(buf), uint32(n), off(lo, hi))
	if err != nil {
		return 0, err
	}
	return readAt(t, f, b, off(lo, hi))
}

func sysPwrite64(t *proc.Task, fd FD, buf In, n Size, lo OffLo, hi OffHi) (Size, error) {
	f, b, err := ioAt(t, fd, uint32(buf), uint32(n), off(lo, hi))
	if err != nil {
		return 0, err
	}
	return writeAt(t, f, b, off(lo, hi))
}

// ioAt returns the file and the buffer of a call with an offset.
func ioAt(t *proc.Task, fd FD, addr, n uint32, at int64) (*fs.File, *mm.UserBuffer, error) {
	if at < 0 {
		return nil, nil, abi.EINVAL
	}
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return nil, nil, err
	}
	b, err := t.Buffer(addr, n)
	if err != nil {
		f.Put()
		return nil, nil, err
	}
	return f, b, nil
}

// readAt reads and drops the file.
func readAt(t *proc.Task, f *fs.File, b *mm.UserBuffer, at int64) (Size, error) {
	n, err := 0, error(abi.EBADF)
	if f.Readable() {
		n, err = t.Pread(f, b, at)
	}
	f.Put()
	return Size(n), err
}

// writeAt writes and drops the file.
func writeAt(t *proc.Task, f *fs.File, b *mm.UserBuffer, at int64) (Size, error) {
	n, err := 0, error(abi.EBADF)
	if f.Writable() {
		n, err = t.Pwrite(f, b, at)
	}
	f.Put()
	return Size(n), err
}

// vector reads a vector of pieces of memory: mm.Iovec is laid out as i386's struct iovec. EINVAL, EFAULT.
func vector(t *proc.Task, addr Addr, n Int) (*mm.UserBuffer, error) {
	if uint32(n) > abi.IovMax {
		return nil, abi.EINVAL
	}
	iov := t.Iovecs(int(n))
	if err := mm.LoadSlice(t.MM(), iov, uint32(addr)); err != nil {
		return nil, err
	}
	return t.Vector(iov)
}

func vectorOf(t *proc.Task, fd FD, addr Addr, n Int) (*fs.File, *mm.UserBuffer, error) {
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return nil, nil, err
	}
	b, err := vector(t, addr, n)
	if err != nil {
		f.Put()
		return nil, nil, err
	}
	return f, b, nil
}

func sysReadv(t *proc.Task, fd FD, iov Addr, n Int) (Size, error) {
	f, b, err := vectorOf(t, fd, iov, n)
	if err != nil {
		return 0, err
	}
	done, err := 0, error(abi.EBADF)
	if f.Readable() {
		done, err = t.Read(f, b)
	}
	f.Put()
	return Size(done), err
}

func sysWritev(t *proc.Task, fd FD, iov Addr, n Int) (Size, error) {
	f, b, err := vectorOf(t, fd, iov, n)
	if err != nil {
		return 0, err
	}
	done, err := 0, error(abi.EBADF)
	if f.Writable() {
		done, err = t.Write(f, b)
	}
	f.Put()
	return Size(done), err
}

func sysPreadv(t *proc.Task, fd FD, iov Addr, n Int, lo OffLo, hi OffHi) (Size, error) {
	if off(lo, hi) < 0 {
		return 0, abi.EINVAL
	}
	f, b, err := vectorOf(t, fd, iov, n)
	if err != nil {
		return 0, err
	}
	return readAt(t, f, b, off(lo, hi))
}

func sysPwritev(t *proc.Task, fd FD, iov Addr, n Int, lo OffLo, hi OffHi) (Size, error) {
	if off(lo, hi) < 0 {
		return 0, abi.EINVAL
	}
	f, b, err := vectorOf(t, fd, iov, n)
	if err != nil {
		return 0, err
	}
	return writeAt(t, f, b, off(lo, hi))
}

// Flags of preadv2(2) that need nothing done: files are in memory, and what is written is as safe as it gets.
const rwNoOps = abi.RWF_HIPRI | abi.RWF_DSYNC | abi.RWF_SYNC

func sysPreadv2(t *proc.Task, fd FD, iov Addr, n Int, lo OffLo, hi OffHi, flags Hex) (Size, error) {
	if flags&^rwNoOps != 0 {
		return 0, abi.EOPNOTSUPP
	}
	if off(lo, hi) == -1 {
		return sysReadv(t, fd, iov, n)
	}
	return sysPreadv(t, fd, iov, n, lo, hi)
}

func sysPwritev2(t *proc.Task, fd FD, iov Addr, n Int, lo OffLo, hi OffHi, flags Hex) (Size, error) {
	if flags&^rwNoOps != 0 {
		return 0, abi.EOPNOTSUPP
	}
	done, err := Size(0), error(nil)
	if off(lo, hi) == -1 {
		done, err = sysWritev(t, fd, iov, n)
	} else {
		done, err = sysPwritev(t, fd, iov, n, lo, hi)
	}
	if err == nil && flags&(abi.RWF_DSYNC|abi.RWF_SYNC) != 0 {
		err = syncFile(t, fd, flags&abi.RWF_SYNC == 0)
	}
	return done, err
}

// Whence is the origin of lseek(2).
type Whence uint32

func (Whence) show(p *printer, i int) {
	p.one(p.regs[i], []flag{{abi.SEEK_SET, "SEEK_SET"}, {abi.SEEK_CUR, "SEEK_CUR"}, {abi.SEEK_END, "SEEK_END"},
		{abi.SEEK_DATA, "SEEK_DATA"}, {abi.SEEK_HOLE, "SEEK_HOLE"}})
}

func seek(t *proc.Task, fd FD, off int64, whence Whence) (int64, error) {
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return 0, err
	}
	pos, err := f.Seek(off, int(whence))
	f.Put()
	return pos, err
}

func sysLseek(t *proc.Task, fd FD, off Int, whence Whence) (Int, error) {
	pos, err := seek(t, fd, int64(off), whence)
	if err == nil && pos > math.MaxInt32 {
		err = abi.EOVERFLOW
	}
	return Int(pos), err
}

func sysLlseek(t *proc.Task, fd FD, hi, lo Hex, result Ret[int64pair], whence Whence) error {
	pos, err := seek(t, fd, int64(hi)<<32|int64(lo), whence)
	if err != nil {
		return err
	}
	v := int64pair{split(uint64(pos))}
	return result.Store(t, &v)
}

// int64pair is a loff_t in memory.
type int64pair struct {
	V long64 `c:"offset"`
}

func syncFile(t *proc.Task, fd FD, data bool) error {
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return err
	}
	err = f.Fsync(data)
	f.Put()
	return err
}

func sysFsync(t *proc.Task, fd FD) error     { return syncFile(t, fd, false) }
func sysFdatasync(t *proc.Task, fd FD) error { return syncFile(t, fd, true) }
func sysSync(t *proc.Task) error             { return t.Caller.VFS.Sync() }
func sysSyncfs(t *proc.Task, fd FD) error {
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return err
	}
	f.Put()
	return t.Caller.VFS.Sync()
}

func sysSyncFileRange(t *proc.Task, fd FD, lo OffLo, hi OffHi, nlo OffLo, nhi OffHi, flags Hex) error {
	const known = abi.SYNC_FILE_RANGE_WAIT_BEFORE | abi.SYNC_FILE_RANGE_WRITE | abi.SYNC_FILE_RANGE_WAIT_AFTER
	at, n := off(lo, hi), off(nlo, nhi)
	if flags&^known != 0 || at < 0 || n < 0 || at+n < at {
		return abi.EINVAL
	}
	return syncFile(t, fd, true)
}

func ftruncate(t *proc.Task, fd FD, size int64) error {
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return err
	}
	err = t.Caller.Ftruncate(f, size)
	f.Put()
	return err
}

func truncate(t *proc.Task, path Path, size int64) error {
	p, err := path.load(t)
	if err != nil {
		return err
	}
	return t.Caller.Truncate(p, size)
}

func sysTruncate(t *proc.Task, path Path, size Int) error { return truncate(t, path, int64(size)) }
func sysFtruncate(t *proc.Task, fd FD, size Int) error    { return ftruncate(t, fd, int64(size)) }
func sysTruncate64(t *proc.Task, path Path, lo OffLo, hi OffHi) error {
	return truncate(t, path, off(lo, hi))
}
func sysFtruncate64(t *proc.Task, fd FD, lo OffLo, hi OffHi) error {
	return ftruncate(t, fd, off(lo, hi))
}

func sysFallocate(t *proc.Task, fd FD, mode Hex, lo OffLo, hi OffHi, nlo OffLo, nhi OffHi) error {
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return err
	}
	err = t.Caller.Fallocate(f, int(mode), off(lo, hi), off(nlo, nhi))
	f.Put()
	return err
}

// sysFadvise64 and its like only check: the page cache has files in memory whole.
func fadvise(t *proc.Task, fd FD, n int64, advice Uint) error {
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return err
	}
	if f.Inode().Type() == abi.S_IFIFO {
		err = abi.ESPIPE
	} else if n < 0 || advice > abi.POSIX_FADV_NOREUSE {
		err = abi.EINVAL
	}
	f.Put()
	return err
}

func sysFadvise64(t *proc.Task, fd FD, _ OffLo, _ OffHi, n Int, advice Uint) error {
	return fadvise(t, fd, int64(n), advice)
}

func sysFadvise6464(t *proc.Task, fd FD, _ OffLo, _ OffHi, nlo OffLo, nhi OffHi, advice Uint) error {
	return fadvise(t, fd, off(nlo, nhi), advice)
}

func sysReadahead(t *proc.Task, fd FD, _ OffLo, _ OffHi, _ Size) error {
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return err
	}
	if !f.Readable() {
		err = abi.EBADF
	} else if f.Inode().Type() != abi.S_IFREG {
		err = abi.EINVAL
	}
	f.Put()
	return err
}
