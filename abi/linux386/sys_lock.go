package linux386

import (
	"math"

	"cleave/abi"
	"cleave/fs"
	"cleave/proc"
	"cleave/wait"
)

func sysFlock(t *proc.Task, fd FD, op Hex) error {
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return err
	}
	if op&abi.LOCK_NB != 0 {
		err = f.Flock(int(op))
	} else {
		err = t.Retry(f.LockQueue(), wait.All, 0, func() error { return f.Flock(int(op)) })
	}
	f.Put()
	return err
}

// lockLayout is struct flock, of 32 or 64 bits.
type lockLayout[T any] interface {
	flock | flock64
	fields() (typ, whence int16, start, n int64, pid int32)
	of(typ int16, start, n int64, pid int32) (T, error)
}

func (l flock) fields() (typ, whence int16, start, n int64, pid int32) {
	return l.Type, l.Whence, int64(l.Start), int64(l.Len), l.PID
}

func (l flock64) fields() (typ, whence int16, start, n int64, pid int32) {
	return l.Type, l.Whence, int64(l.Start.join()), int64(l.Len.join()), l.PID
}

func (flock) of(typ int16, start, n int64, pid int32) (flock, error) {
	if start > math.MaxInt32 || n > math.MaxInt32 {
		return flock{}, abi.EOVERFLOW
	}
	return flock{Type: typ, Start: int32(start), Len: int32(n), PID: pid}, nil
}

func (flock64) of(typ int16, start, n int64, pid int32) (flock64, error) {
	return flock64{Type: typ, Start: split(uint64(start)), Len: split(uint64(n)), PID: pid}, nil
}

// lockRange turns a place in a file into its first and last byte. EINVAL, EOVERFLOW.
func lockRange(f *fs.File, whence int16, start, n int64) (first, last int64, err error) {
	base := int64(0)
	switch whence {
	case abi.SEEK_SET:
	case abi.SEEK_CUR:
		if base, err = f.Seek(0, abi.SEEK_CUR); err != nil {
			base = 0 // a file without positions is at 0
		}
	case abi.SEEK_END:
		base = f.Inode().Size()
	default:
		return 0, 0, abi.EINVAL
	}
	if start > 0 && base > math.MaxInt64-start {
		return 0, 0, abi.EOVERFLOW
	}
	first = base + start
	switch {
	case n == 0:
		last = math.MaxInt64
	case n > 0:
		if first > math.MaxInt64-(n-1) {
			return 0, 0, abi.EOVERFLOW
		}
		last = first + n - 1
	default:
		last = first - 1
		first += n
	}
	if first < 0 {
		return 0, 0, abi.EINVAL
	}
	return first, last, nil
}

// lockFile does a locking command of fcntl(2): F_GETLK and its like, for locks of the process or of the open file (OFD).
func lockFile[T lockLayout[T]](t *proc.Task, f *fs.File, cmd uint32, p InOut[T]) error {
	v, err := p.Load(t)
	if err != nil {
		return err
	}
	typ, whence, start, n, pid := v.fields()
	ofd := cmd == abi.F_OFD_GETLK || cmd == abi.F_OFD_SETLK || cmd == abi.F_OFD_SETLKW
	if ofd && pid != 0 {
		return abi.EINVAL
	}
	l := fs.RecordLock{Type: int(typ)}
	if l.Start, l.End, err = lockRange(f, whence, start, n); err != nil {
		return err
	}
	if !ofd {
		l.PID = t.Process()
	}
	switch cmd {
	case abi.F_SETLK, abi.F_SETLK64, abi.F_OFD_SETLK:
		return t.Caller.SetLock(f, l, ofd, false)
	case abi.F_SETLKW, abi.F_SETLKW64, abi.F_OFD_SETLKW:
		err := t.Retry(f.LockQueue(), wait.All, 0, func() error { return t.Caller.SetLock(f, l, ofd, true) })
		t.Caller.EndLockWait()
		return err
	}
	if err := t.Caller.GetLock(f, &l, ofd); err != nil {
		return err
	}
	return tellLock(t, &l, v, p)
}

// tellLock stores what F_GETLK found: a lock that is in the way or, in what the program passed, F_UNLCK.
func tellLock[T lockLayout[T]](t *proc.Task, l *fs.RecordLock, v T, p InOut[T]) error {
	if l.Type == abi.F_UNLCK {
		none := int16(abi.F_UNLCK) // the first field of both structures; the others stay
		return Ret[int16](p).Store(t, &none)
	}
	n := int64(0)
	if l.End != math.MaxInt64 {
		n = l.End - l.Start + 1
	}
	pid := int32(-1)
	if l.PID != nil {
		pid = t.ProcessID(l.PID)
	}
	out, err := v.of(int16(l.Type), l.Start, n, pid)
	if err != nil {
		return err
	}
	return p.Store(t, &out)
}
