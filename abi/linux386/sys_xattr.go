package linux386

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/proc"
)

// place calls f with where a path leads, or where a descriptor was opened.
type placeFunc func(p fs.Path) error

func atPath(t *proc.Task, path Path, flags uint32, f placeFunc) error {
	name, err := path.load(t)
	if err != nil {
		return err
	}
	p, err := t.Caller.Lookup(abi.AT_FDCWD, name, flags)
	if err != nil {
		return err
	}
	err = f(p)
	p.Put()
	return err
}

func atFD(t *proc.Task, fd FD, f placeFunc) error {
	file, err := t.Files().GetIO(int(fd))
	if err != nil {
		return err
	}
	err = f(file.Path())
	file.Put()
	return err
}

// xattrName reads the name of an attribute. ERANGE: it is empty or longer than 255 bytes.
func xattrName(t *proc.Task, name Str) ([]byte, error) {
	b, err := t.MM().CopyInString(make([]byte, abi.XATTR_NAME_MAX+1), uint32(name))
	if err == abi.ENAMETOOLONG || err == nil && len(b) == 0 {
		err = abi.ERANGE
	}
	return b, err
}

func setxattr(t *proc.Task, name Str, value Addr, n Size, flags Hex) placeFunc {
	return func(p fs.Path) error {
		if flags&^(abi.XATTR_CREATE|abi.XATTR_REPLACE) != 0 {
			return abi.EINVAL
		}
		key, err := xattrName(t, name)
		if err != nil {
			return err
		}
		if n > abi.XATTR_SIZE_MAX {
			return abi.E2BIG
		}
		v := make([]byte, n)
		if err := t.MM().CopyIn(v, uint32(value)); err != nil {
			return err
		}
		return t.Caller.Setxattr(p, key, v, int(flags))
	}
}

// giveBytes copies a value to the program, or with no room only tells its length. ERANGE: it does not fit.
func giveBytes(t *proc.Task, v []byte, at Addr, room Size) (Size, error) {
	switch {
	case room == 0:
		return Size(len(v)), nil
	case uint64(len(v)) > uint64(room):
		return 0, abi.ERANGE
	}
	return Size(len(v)), t.MM().CopyOut(uint32(at), v)
}

func getxattr(t *proc.Task, name Str, value Addr, room Size, done *Size) placeFunc {
	return func(p fs.Path) error {
		key, err := xattrName(t, name)
		if err != nil {
			return err
		}
		v, err := t.Caller.Getxattr(p, key)
		if err != nil {
			return err
		}
		*done, err = giveBytes(t, v, value, room)
		return err
	}
}

func listxattr(t *proc.Task, list Addr, room Size, done *Size) placeFunc {
	return func(p fs.Path) error {
		v, err := t.Caller.Listxattr(p)
		if err != nil {
			return err
		}
		*done, err = giveBytes(t, v, list, room)
		return err
	}
}

func removexattr(t *proc.Task, name Str) placeFunc {
	return func(p fs.Path) error {
		key, err := xattrName(t, name)
		if err != nil {
			return err
		}
		return t.Caller.Removexattr(p, key)
	}
}

const noFollow = abi.AT_SYMLINK_NOFOLLOW

func sysSetxattr(t *proc.Task, path Path, name Str, value Addr, n Size, flags Hex) error {
	return atPath(t, path, 0, setxattr(t, name, value, n, flags))
}

func sysLsetxattr(t *proc.Task, path Path, name Str, value Addr, n Size, flags Hex) error {
	return atPath(t, path, noFollow, setxattr(t, name, value, n, flags))
}

func sysFsetxattr(t *proc.Task, fd FD, name Str, value Addr, n Size, flags Hex) error {
	return atFD(t, fd, setxattr(t, name, value, n, flags))
}

func sysGetxattr(t *proc.Task, path Path, name Str, value Addr, n Size) (done Size, err error) {
	err = atPath(t, path, 0, getxattr(t, name, value, n, &done))
	return done, err
}

func sysLgetxattr(t *proc.Task, path Path, name Str, value Addr, n Size) (done Size, err error) {
	err = atPath(t, path, noFollow, getxattr(t, name, value, n, &done))
	return done, err
}

func sysFgetxattr(t *proc.Task, fd FD, name Str, value Addr, n Size) (done Size, err error) {
	err = atFD(t, fd, getxattr(t, name, value, n, &done))
	return done, err
}

func sysListxattr(t *proc.Task, path Path, list Addr, n Size) (done Size, err error) {
	err = atPath(t, path, 0, listxattr(t, list, n, &done))
	return done, err
}

func sysLlistxattr(t *proc.Task, path Path, list Addr, n Size) (done Size, err error) {
	err = atPath(t, path, noFollow, listxattr(t, list, n, &done))
	return done, err
}

func sysFlistxattr(t *proc.Task, fd FD, list Addr, n Size) (done Size, err error) {
	err = atFD(t, fd, listxattr(t, list, n, &done))
	return done, err
}

func sysRemovexattr(t *proc.Task, path Path, name Str) error {
	return atPath(t, path, 0, removexattr(t, name))
}

func sysLremovexattr(t *proc.Task, path Path, name Str) error {
	return atPath(t, path, noFollow, removexattr(t, name))
}

func sysFremovexattr(t *proc.Task, fd FD, name Str) error { return atFD(t, fd, removexattr(t, name)) }
