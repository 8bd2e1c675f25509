package linux386

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/mm"
	"cleave/proc"
)

// now is what a null pointer means to the calls that set a file's times.
var now = fs.Times{AtimeNow: true, MtimeNow: true}

// setTimes changes the times of a path or, with a null path, of the descriptor itself.
func setTimes(t *proc.Task, dir DirFD, path Path, times fs.Times, flags AtFlags) error {
	if err := flags.check(abi.AT_SYMLINK_NOFOLLOW | abi.AT_EMPTY_PATH); err != nil {
		return err
	}
	if path == 0 && dir != atCwd {
		if flags != 0 {
			return abi.EINVAL
		}
		f, err := t.Files().GetIO(int(dir))
		if err != nil {
			return err
		}
		err = t.Caller.Futimens(f, times)
		f.Put()
		return err
	}
	p, err := path.load(t)
	if err != nil {
		return err
	}
	return t.Caller.Utimensat(int(dir), p, times, uint32(flags))
}

// specParts returns the fields of a timespec, unchecked.
func (s timespec32) parts() (sec, ns int64) { return int64(s.Sec), int64(s.Ns) }
func (s timespec64) parts() (sec, ns int64) { return s.Sec, int64(uint32(s.Ns)) }

type fileSpec[T any] interface {
	spec[T]
	parts() (sec, ns int64)
}

func sysUtimensat[T fileSpec[T]](t *proc.Task, dir DirFD, path Path, times Ptr[[2]T], flags AtFlags) error {
	if times == 0 {
		return setTimes(t, dir, path, now, flags)
	}
	v, err := times.Load(t)
	if err != nil {
		return err
	}
	var f fs.Times
	if f.Atime, f.AtimeNow, f.OmitAtime, err = fileTime(v[0]); err != nil {
		return err
	}
	if f.Mtime, f.MtimeNow, f.OmitMtime, err = fileTime(v[1]); err != nil {
		return err
	}
	if f.OmitAtime && f.OmitMtime {
		return nil
	}
	return setTimes(t, dir, path, f, flags)
}

func fileTime[T fileSpec[T]](v T) (at int64, now, omit bool, err error) {
	sec, ns := v.parts()
	switch {
	case ns == abi.UTIME_NOW:
		return 0, true, false, nil
	case ns == abi.UTIME_OMIT:
		return 0, false, true, nil
	case uint64(ns) >= 1e9:
		return 0, false, false, abi.EINVAL
	}
	return wallNs(sec, ns), false, false, nil
}

// wallNs is a file's time; it may lie before 1970, and what is too far off is cut to what 63 bits of ns can tell.
func wallNs(sec, ns int64) int64 {
	const limit = 1 << 33
	return max(-limit, min(sec, limit))*1e9 + ns
}

func sysFutimesat(t *proc.Task, dir DirFD, path Path, times Ptr[[2]timeval32]) error {
	if times == 0 {
		return setTimes(t, dir, path, now, 0)
	}
	v, err := times.Load(t)
	if err != nil {
		return err
	}
	if uint32(v[0].Us) >= 1e6 || uint32(v[1].Us) >= 1e6 {
		return abi.EINVAL
	}
	return setTimes(t, dir, path, fs.Times{Atime: wallNs(int64(v[0].Sec), int64(v[0].Us)*1000),
		Mtime: wallNs(int64(v[1].Sec), int64(v[1].Us)*1000)}, 0)
}

func sysUtimes(t *proc.Task, path Path, times Ptr[[2]timeval32]) error {
	return sysFutimesat(t, atCwd, path, times)
}

func sysUtime(t *proc.Task, path Path, times Ptr[utimbuf]) error {
	if times == 0 {
		return setTimes(t, atCwd, path, now, 0)
	}
	v, err := mm.Load[utimbuf](t.MM(), uint32(times))
	if err != nil {
		return err
	}
	return setTimes(t, atCwd, path, fs.Times{Atime: wallNs(int64(v.Actime), 0), Mtime: wallNs(int64(v.Modtime), 0)}, 0)
}
