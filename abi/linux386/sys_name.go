package linux386

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
	"cleave/proc"
)

const atCwd = DirFD(abi.AT_FDCWD)

func sysMkdirat(t *proc.Task, dir DirFD, path Path, mode Mode) error {
	p, err := path.load(t)
	if err != nil {
		return err
	}
	return t.Caller.Mkdirat(int(dir), p, uint32(mode))
}

func sysMkdir(t *proc.Task, path Path, mode Mode) error { return sysMkdirat(t, atCwd, path, mode) }

func sysMknodat(t *proc.Task, dir DirFD, path Path, mode Mode, dev Dev) error {
	p, err := path.load(t)
	if err != nil {
		return err
	}
	return t.Caller.Mknodat(int(dir), p, uint32(mode), fs.DecodeDev(uint32(dev)))
}

func sysMknod(t *proc.Task, path Path, mode Mode, dev Dev) error {
	return sysMknodat(t, atCwd, path, mode, dev)
}

func sysUnlinkat(t *proc.Task, dir DirFD, path Path, flags AtFlags) error {
	if err := flags.check(abi.AT_REMOVEDIR); err != nil {
		return err
	}
	p, err := path.load(t)
	if err != nil {
		return err
	}
	return t.Caller.Unlinkat(int(dir), p, uint32(flags))
}

func sysUnlink(t *proc.Task, path Path) error { return sysUnlinkat(t, atCwd, path, 0) }
func sysRmdir(t *proc.Task, path Path) error  { return sysUnlinkat(t, atCwd, path, abi.AT_REMOVEDIR) }

// paths reads the two paths of a call.
func paths(t *proc.Task, a, b Path) (pa, pb []byte, err error) {
	if pa, err = a.load(t); err != nil {
		return nil, nil, err
	}
	pb, err = b.load2(t)
	return pa, pb, err
}

func sysLinkat(t *proc.Task, olddir DirFD, old Path, newdir DirFD, new Path, flags AtFlags) error {
	if err := flags.check(abi.AT_SYMLINK_FOLLOW | abi.AT_EMPTY_PATH); err != nil {
		return err
	}
	po, pn, err := paths(t, old, new)
	if err != nil {
		return err
	}
	return t.Caller.Linkat(int(olddir), po, int(newdir), pn, uint32(flags))
}

func sysLink(t *proc.Task, old, new Path) error { return sysLinkat(t, atCwd, old, atCwd, new, 0) }

func sysSymlinkat(t *proc.Task, target Path, dir DirFD, path Path) error {
	pt, pn, err := paths(t, target, path)
	if err != nil {
		return err
	}
	return t.Caller.Symlinkat(pt, int(dir), pn)
}

func sysSymlink(t *proc.Task, target, path Path) error { return sysSymlinkat(t, target, atCwd, path) }

func sysRenameat2(t *proc.Task, olddir DirFD, old Path, newdir DirFD, new Path, flags Hex) error {
	const known = abi.RENAME_NOREPLACE | abi.RENAME_EXCHANGE | abi.RENAME_WHITEOUT
	if flags&^known != 0 || flags&abi.RENAME_EXCHANGE != 0 && flags&^abi.RENAME_EXCHANGE != 0 {
		return abi.EINVAL
	}
	po, pn, err := paths(t, old, new)
	if err != nil {
		return err
	}
	return t.Caller.Renameat(int(olddir), po, int(newdir), pn, uint32(flags))
}

func sysRenameat(t *proc.Task, olddir DirFD, old Path, newdir DirFD, new Path) error {
	return sysRenameat2(t, olddir, old, newdir, new, 0)
}

func sysRename(t *proc.Task, old, new Path) error { return sysRenameat2(t, atCwd, old, atCwd, new, 0) }

func sysReadlinkat(t *proc.Task, dir DirFD, path Path, buf Out, n Int) (Size, error) {
	if n <= 0 {
		return 0, abi.EINVAL
	}
	p, err := path.load(t)
	if err != nil {
		return 0, err
	}
	b, err := t.Buffer(uint32(buf), uint32(n))
	if err != nil {
		return 0, err
	}
	done, err := t.Caller.Readlinkat(int(dir), p, b)
	return Size(done), err
}

func sysReadlink(t *proc.Task, path Path, buf Out, n Int) (Size, error) {
	return sysReadlinkat(t, atCwd, path, buf, n)
}

func faccessat(t *proc.Task, dir DirFD, path Path, mode Mode, flags AtFlags) error {
	if mode&^(abi.R_OK|abi.W_OK|abi.X_OK) != 0 {
		return abi.EINVAL
	}
	p, err := path.load(t)
	if err != nil {
		return err
	}
	return t.Caller.Faccessat(int(dir), p, uint32(mode), uint32(flags))
}

func sysFaccessat2(t *proc.Task, dir DirFD, path Path, mode Mode, flags AtFlags) error {
	if err := flags.check(abi.AT_EACCESS | abi.AT_SYMLINK_NOFOLLOW | abi.AT_EMPTY_PATH); err != nil {
		return err
	}
	return faccessat(t, dir, path, mode, flags)
}

func sysFaccessat(t *proc.Task, dir DirFD, path Path, mode Mode) error {
	return faccessat(t, dir, path, mode, 0)
}

func sysAccess(t *proc.Task, path Path, mode Mode) error { return faccessat(t, atCwd, path, mode, 0) }

func sysFchmodat2(t *proc.Task, dir DirFD, path Path, mode Mode, flags AtFlags) error {
	if err := flags.check(abi.AT_SYMLINK_NOFOLLOW | abi.AT_EMPTY_PATH); err != nil {
		return err
	}
	p, err := path.load(t)
	if err != nil {
		return err
	}
	return t.Caller.Fchmodat(int(dir), p, uint32(mode), uint32(flags))
}

func sysFchmodat(t *proc.Task, dir DirFD, path Path, mode Mode) error {
	return sysFchmodat2(t, dir, path, mode, 0)
}

func sysChmod(t *proc.Task, path Path, mode Mode) error { return sysFchmodat2(t, atCwd, path, mode, 0) }

func sysFchmod(t *proc.Task, fd FD, mode Mode) error {
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return err
	}
	err = t.Caller.Fchmod(f, uint32(mode))
	f.Put()
	return err
}

// owner converts the ids of a chown call; -1 leaves an id as it is. EINVAL: the namespace has no such id.
func owner(t *proc.Task, u user.UID, g user.GID) (user.KUID, user.KGID, error) {
	n := t.Cred().NS
	ku, kg := user.InvalidKUID, user.InvalidKGID
	if u.Valid() {
		if ku = n.ToKUID(u); !ku.Valid() {
			return ku, kg, abi.EINVAL
		}
	}
	if g.Valid() {
		if kg = n.ToKGID(g); !kg.Valid() {
			return ku, kg, abi.EINVAL
		}
	}
	return ku, kg, nil
}

func chown(t *proc.Task, dir DirFD, path Path, u user.UID, g user.GID, flags AtFlags) error {
	if err := flags.check(abi.AT_SYMLINK_NOFOLLOW | abi.AT_EMPTY_PATH); err != nil {
		return err
	}
	p, err := path.load(t)
	if err != nil {
		return err
	}
	ku, kg, err := owner(t, u, g)
	if err != nil {
		return err
	}
	return t.Caller.Fchownat(int(dir), p, ku, kg, uint32(flags))
}

func fchown(t *proc.Task, fd FD, u user.UID, g user.GID) error {
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return err
	}
	ku, kg, err := owner(t, u, g)
	if err == nil {
		err = t.Caller.Fchown(f, ku, kg)
	}
	f.Put()
	return err
}

func sysFchownat(t *proc.Task, dir DirFD, path Path, u UID, g GID, flags AtFlags) error {
	return chown(t, dir, path, user.UID(u), user.GID(g), flags)
}

func sysChown(t *proc.Task, path Path, u UID, g GID) error {
	return chown(t, atCwd, path, user.UID(u), user.GID(g), 0)
}

func sysLchown(t *proc.Task, path Path, u UID, g GID) error {
	return chown(t, atCwd, path, user.UID(u), user.GID(g), abi.AT_SYMLINK_NOFOLLOW)
}

func sysFchown(t *proc.Task, fd FD, u UID, g GID) error {
	return fchown(t, fd, user.UID(u), user.GID(g))
}

func sysChown16(t *proc.Task, path Path, u, g ID16) error {
	return chown(t, atCwd, path, u.uid(), g.gid(), 0)
}

func sysLchown16(t *proc.Task, path Path, u, g ID16) error {
	return chown(t, atCwd, path, u.uid(), g.gid(), abi.AT_SYMLINK_NOFOLLOW)
}

func sysFchown16(t *proc.Task, fd FD, u, g ID16) error { return fchown(t, fd, u.uid(), g.gid()) }
