package linux386

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/proc"
)

func sysOpenTree(t *proc.Task, dir DirFD, path Path, flags Hex) (FD, error) {
	const known = abi.OPEN_TREE_CLONE | abi.OPEN_TREE_CLOEXEC | abi.AT_EMPTY_PATH | abi.AT_NO_AUTOMOUNT | abi.AT_RECURSIVE |
		abi.AT_SYMLINK_NOFOLLOW
	if flags&^known != 0 || flags&(abi.AT_RECURSIVE|abi.OPEN_TREE_CLONE) == abi.AT_RECURSIVE {
		return 0, abi.EINVAL
	}
	p, err := path.load(t)
	if err != nil {
		return 0, err
	}
	f, err := t.Caller.OpenTree(int(dir), p, uint32(flags)&^abi.OPEN_TREE_CLOEXEC)
	if err != nil {
		return 0, err
	}
	return install(t, f, uint32(flags))
}

func sysMoveMount(t *proc.Task, fromDir DirFD, from Path, toDir DirFD, to Path, flags Hex) error {
	pf, pt, err := paths(t, from, to)
	if err != nil {
		return err
	}
	return t.Caller.MoveMount(int(fromDir), pf, int(toDir), pt, uint32(flags))
}

// cloexec is the flag of a descriptor for the calls that have a 1 for it.
func cloexec(flags Hex) uint32 {
	if flags&abi.FSOPEN_CLOEXEC != 0 {
		return abi.O_CLOEXEC
	}
	return 0
}

func sysFsopen(t *proc.Task, fstype Str, flags Hex) (FD, error) {
	typ, err := fstype.load(t, pageSize)
	if err != nil {
		return 0, err
	}
	f, err := t.Caller.Fsopen(typ, uint32(flags))
	if err != nil {
		return 0, err
	}
	return install(t, f, cloexec(flags))
}

func sysFspick(t *proc.Task, dir DirFD, path Path, flags Hex) (FD, error) {
	p, err := path.load(t)
	if err != nil {
		return 0, err
	}
	f, err := t.Caller.Fspick(int(dir), p, uint32(flags))
	if err != nil {
		return 0, err
	}
	return install(t, f, cloexec(flags))
}

// maxParameter is the longest key or value of fsconfig(2), with its NUL.
const maxParameter = 256

func sysFsconfig(t *proc.Task, fd FD, cmd Uint, key, value Str, aux Int) error {
	if fd < 0 {
		return abi.EINVAL
	}
	if err := checkFsconfig(uint32(cmd), key, value, aux); err != nil {
		return err
	}
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return err
	}
	defer f.Put()
	if !fs.IsFSContext(f) {
		return abi.EINVAL
	}
	var k, v string
	if key != 0 {
		if k, err = key.load(t, maxParameter); err != nil {
			return err
		}
	}
	if v, err = loadParameter(t, uint32(cmd), value, aux); err != nil {
		return err
	}
	return t.Caller.Fsconfig(f, int(cmd), k, v)
}

// loadParameter returns the value of FSCONFIG_SET_STRING. What the others bring is looked at, and no more: no file
// system has an option that takes it. EFAULT; EBADF; ENOENT: an empty path; ENAMETOOLONG.
func loadParameter(t *proc.Task, cmd uint32, value Str, aux Int) (string, error) {
	switch cmd {
	case abi.FSCONFIG_SET_STRING:
		return value.load(t, maxParameter)
	case abi.FSCONFIG_SET_BINARY:
		return "", t.MM().CopyIn(make([]byte, aux), uint32(value))
	case abi.FSCONFIG_SET_PATH, abi.FSCONFIG_SET_PATH_EMPTY:
		p, err := Path(value).load(t)
		if err == nil && len(p) == 0 && cmd == abi.FSCONFIG_SET_PATH {
			err = abi.ENOENT
		}
		return "", err
	case abi.FSCONFIG_SET_FD:
		f, err := t.Files().Get(int(aux))
		if err == nil {
			f.Put()
		}
		return "", err
	}
	return "", nil
}

// checkFsconfig refuses what does not go together: EINVAL; EOPNOTSUPP for an unknown command.
func checkFsconfig(cmd uint32, key, value Str, aux Int) error {
	bad := false
	switch cmd {
	case abi.FSCONFIG_SET_FLAG:
		bad = key == 0 || value != 0 || aux != 0
	case abi.FSCONFIG_SET_STRING:
		bad = key == 0 || value == 0 || aux != 0
	case abi.FSCONFIG_SET_BINARY:
		bad = key == 0 || value == 0 || aux <= 0 || aux > 1<<20
	case abi.FSCONFIG_SET_PATH, abi.FSCONFIG_SET_PATH_EMPTY:
		bad = key == 0 || value == 0 || aux != abi.AT_FDCWD && aux < 0
	case abi.FSCONFIG_SET_FD:
		bad = key == 0 || value != 0 || aux < 0
	case abi.FSCONFIG_CMD_CREATE, abi.FSCONFIG_CMD_RECONFIGURE, abi.FSCONFIG_CMD_CREATE_EXCL:
		bad = key != 0 || value != 0 || aux != 0
	default:
		return abi.EOPNOTSUPP
	}
	if bad {
		return abi.EINVAL
	}
	return nil
}

func sysFsmount(t *proc.Task, fd FD, flags, attrs Hex) (FD, error) {
	ctx, err := t.Files().GetIO(int(fd))
	if err != nil {
		return 0, err
	}
	f, err := t.Caller.Fsmount(ctx, uint32(flags), uint32(attrs))
	ctx.Put()
	if err != nil {
		return 0, err
	}
	return install(t, f, cloexec(flags))
}

// mountAttrSize is the size of the only version of struct mount_attr.
const mountAttrSize = 32

func sysMountSetattr(t *proc.Task, dir DirFD, path Path, flags AtFlags, attr Ptr[mountAttr], size Size) error {
	if err := flags.check(abi.AT_EMPTY_PATH | abi.AT_RECURSIVE | abi.AT_SYMLINK_NOFOLLOW | abi.AT_NO_AUTOMOUNT); err != nil {
		return err
	}
	var w [4]uint64
	if err := loadWords(t, uint32(attr), uint32(size), mountAttrSize, w[:]); err != nil {
		return err
	}
	a := mountAttr{w[0], w[1], w[2], w[3]}
	if a.Set == 0 && a.Clr == 0 && a.Propagation == 0 {
		return nil
	}
	p, err := path.load(t)
	if err != nil {
		return err
	}
	return t.Caller.MountSetattr(int(dir), p, uint32(flags), fs.MountAttr{Set: a.Set, Clear: a.Clr, Propagation: a.Propagation})
}
