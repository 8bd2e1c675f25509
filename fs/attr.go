package fs

import (
	"cleave/abi"
	"cleave/ns/user"
)

// Stat fills in a (fstatat64(2), statx(2)). flags: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH.
func (c *Caller) Stat(dirfd int, path []byte, flags uint32, a *Attr) error {
	_, _, err := c.Statx(dirfd, path, flags, a)
	return err
}

// Statx is Stat that also tells the mount's number, and whether the place is the mount's root.
func (c *Caller) Statx(dirfd int, path []byte, flags uint32, a *Attr) (mount uint64, isRoot bool, err error) {
	if len(path) == 0 && flags&abi.AT_EMPTY_PATH != 0 && dirfd != abi.AT_FDCWD {
		return c.fstat(dirfd, a)
	}
	var w walk
	if err := w.start(c, dirfd, path, atWalk(flags), 0); err != nil {
		return 0, false, err
	}
	err = w.run(path, true)
	at := w.at
	w.v.tree.RUnlock()
	if err == nil {
		// The inode needs no pin: attributes can be read from one that leaves memory.
		at.Dentry.inode.Attr(a)
	}
	w.release()
	return at.Mount.id, at.Dentry == at.Mount.root, err
}

// fstat is Statx of an open file.
func (c *Caller) fstat(fd int, a *Attr) (mount uint64, isRoot bool, err error) {
	f, counted, err := c.Files.Borrow(fd)
	if err != nil {
		return 0, false, err
	}
	f.inode.Attr(a)
	mount, isRoot = f.path.Mount.id, f.path.Dentry == f.path.Mount.root
	if counted {
		f.Put()
	}
	return mount, isRoot, nil
}

// Stat fills in a.
func (f *File) Stat(a *Attr) { f.inode.Attr(a) }

// Faccessat is faccessat2(2). mode: R_OK, W_OK, X_OK or F_OK; flags: AT_EACCESS, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH.
func (c *Caller) Faccessat(dirfd int, path []byte, mode, flags uint32) error {
	if mode&^7 != 0 || flags&^(abi.AT_EACCESS|abi.AT_SYMLINK_NOFOLLOW|abi.AT_EMPTY_PATH) != 0 {
		return abi.EINVAL
	}
	as := c
	if flags&abi.AT_EACCESS == 0 {
		as = c.asReal()
	}
	p, err := as.Lookup(dirfd, path, flags)
	if err != nil {
		return err
	}
	err = as.access(p, mode)
	p.Put()
	return err
}

// asReal returns the caller with its real ids, for access(2): c itself if they are the same.
func (c *Caller) asReal() *Caller {
	cred := realCred(c.Cred)
	if cred == c.Cred {
		return c
	}
	as := *c
	as.Cred = cred
	return &as
}

// realCred returns credentials whose file system ids are the real ones, with the capabilities that access(2) then
// counts: the permitted ones for user 0, none for others.
func realCred(c *user.Cred) *user.Cred {
	root := c.NS.RootUID()
	effective := c.Effective
	if c.Securebits&user.SecNoSetuidFixup == 0 {
		effective = 0
		if c.UID == root {
			effective = c.Permitted
		}
	}
	if c.FSUID == c.UID && c.FSGID == c.GID && effective == c.Effective {
		return c
	}
	r := c.Copy()
	r.FSUID, r.FSGID, r.Effective = c.UID, c.GID, effective
	return r
}

func (c *Caller) access(p Path, mode uint32) error {
	i := p.Dentry.inode
	if mode&abi.X_OK != 0 && i.Type() == abi.S_IFREG && (p.Mount.flags.Load()&MountNoExec != 0 || i.sb.flags&SuperNoExec != 0) {
		return abi.EACCES
	}
	if mode == abi.F_OK {
		return p.Mount.mayUse(c.Cred)
	}
	if err := p.permission(c, mode); err != nil {
		return err
	}
	if mode&abi.W_OK != 0 {
		switch i.Type() {
		case abi.S_IFREG, abi.S_IFDIR, abi.S_IFLNK:
			return p.Mount.wantWrite()
		}
	}
	return nil
}

// change makes a checked change of attributes at p last, and then visible.
func (p Path) change(set *SetAttr) error {
	i := p.Dentry.inode
	if err := i.ops.SetAttr(i, set); err != nil {
		return err
	}
	now := i.sb.vfs.Now()
	if set.Valid&SetMode != 0 {
		i.mode.Store(i.mode.Load()&abi.S_IFMT | set.Mode&abi.S_IALLUGO)
	}
	if set.Valid&SetUID != 0 {
		i.uid.Store(uint32(set.UID))
	}
	if set.Valid&SetGID != 0 {
		i.gid.Store(uint32(set.GID))
	}
	if set.Valid&SetAtime != 0 {
		i.atime.Store(set.Atime)
	}
	if set.Valid&SetMtime != 0 {
		i.mtime.Store(set.Mtime)
	}
	i.ctime.Store(now)
	p.notify(abi.IN_ATTRIB)
	return nil
}

// mayAlter refuses changes of what can't be changed by anyone.
func (p Path) mayAlter(cred *user.Cred) error {
	if err := p.Mount.mayUse(cred); err != nil {
		return err
	}
	if err := p.Mount.wantWrite(); err != nil {
		return err
	}
	if p.Dentry.inode.state.Load()&(inodeImmutable|inodeAppend) != 0 {
		return abi.EPERM
	}
	return nil
}

// at calls f with the place that a path leads to.
func (c *Caller) at(dirfd int, path []byte, flags uint32, f func(p Path) error) error {
	p, err := c.Lookup(dirfd, path, flags)
	if err != nil {
		return err
	}
	err = f(p)
	p.Put()
	return err
}

// Fchmodat changes permissions. flags: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH. EOPNOTSUPP for a symbolic link.
func (c *Caller) Fchmodat(dirfd int, path []byte, mode, flags uint32) error {
	return c.at(dirfd, path, flags, func(p Path) error { return c.chmod(p, mode) })
}

// Fchmod changes permissions. EBADF for an O_PATH file.
func (c *Caller) Fchmod(f *File, mode uint32) error {
	if f.flags.Load()&abi.O_PATH != 0 {
		return abi.EBADF
	}
	return c.chmod(f.path, mode)
}

func (c *Caller) chmod(p Path, mode uint32) error {
	i := p.Dentry.inode
	if err := p.mayAlter(c.Cred); err != nil {
		return err
	}
	if i.Type() == abi.S_IFLNK {
		return abi.EOPNOTSUPP
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if !c.Cred.OwnerOrCapable(i.UID()) {
		return abi.EPERM
	}
	mode &= abi.S_IALLUGO
	if !c.Cred.InGroup(i.GID()) && !c.Cred.HasOverInode(user.CapFsetid, i.UID(), i.GID()) {
		mode &^= abi.S_ISGID
	}
	return p.change(&SetAttr{Valid: SetMode, Mode: mode})
}

// Fchownat changes owner and group; an Invalid id stays as it is. flags: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH.
func (c *Caller) Fchownat(dirfd int, path []byte, uid user.KUID, gid user.KGID, flags uint32) error {
	return c.at(dirfd, path, flags, func(p Path) error { return c.chown(p, uid, gid) })
}

// Fchown changes owner and group. EBADF for an O_PATH file.
func (c *Caller) Fchown(f *File, uid user.KUID, gid user.KGID) error {
	if f.flags.Load()&abi.O_PATH != 0 {
		return abi.EBADF
	}
	return c.chown(f.path, uid, gid)
}

func (c *Caller) chown(p Path, uid user.KUID, gid user.KGID) error {
	i := p.Dentry.inode
	if err := p.mayAlter(c.Cred); err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	set := SetAttr{UID: uid, GID: gid}
	owner, group := i.UID(), i.GID()
	capable := c.Cred.HasOverInode(user.CapChown, owner, group)
	if uid.Valid() {
		if !(c.Cred.FSUID == owner && uid == owner) && !capable {
			return abi.EPERM
		}
		set.Valid |= SetUID
	}
	if gid.Valid() {
		if !(c.Cred.FSUID == owner && (gid == group || c.Cred.InGroup(gid))) && !capable {
			return abi.EPERM
		}
		set.Valid |= SetGID
	}
	mode := i.mode.Load()
	drop := mode & abi.S_ISUID
	if mode&0o010 != 0 || !c.Cred.InGroup(group) && !c.Cred.HasOverInode(user.CapFsetid, owner, group) {
		drop |= mode & abi.S_ISGID
	}
	if mode&abi.S_IFMT != abi.S_IFDIR && drop != 0 {
		set.Valid |= SetMode
		set.Mode = mode &^ drop
	}
	return p.change(&set)
}

// Times are the arguments of utimensat(2), in nanoseconds since 1970.
type Times struct {
	Atime, Mtime         int64
	AtimeNow, MtimeNow   bool // the time of the call instead
	OmitAtime, OmitMtime bool
}

// Utimensat changes times. flags: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH.
func (c *Caller) Utimensat(dirfd int, path []byte, t Times, flags uint32) error {
	return c.at(dirfd, path, flags, func(p Path) error { return c.utimes(p, t) })
}

// Futimens changes times. EBADF for an O_PATH file.
func (c *Caller) Futimens(f *File, t Times) error {
	if f.flags.Load()&abi.O_PATH != 0 {
		return abi.EBADF
	}
	return c.utimes(f.path, t)
}

func (c *Caller) utimes(p Path, t Times) error {
	if t.OmitAtime && t.OmitMtime {
		return nil
	}
	if err := p.Mount.mayUse(c.Cred); err != nil {
		return err
	}
	if err := p.Mount.wantWrite(); err != nil {
		return err
	}
	i := p.Dentry.inode
	i.mu.Lock()
	defer i.mu.Unlock()
	bothNow := t.AtimeNow && t.MtimeNow
	if i.state.Load()&inodeImmutable != 0 || !bothNow && i.state.Load()&inodeAppend != 0 {
		return abi.EPERM
	}
	if !c.Cred.OwnerOrCapable(i.UID()) {
		if !bothNow {
			return abi.EPERM
		}
		if err := i.Access(c, abi.W_OK); err != nil {
			return err
		}
	}
	now := c.VFS.Now()
	set := SetAttr{Atime: t.Atime, Mtime: t.Mtime}
	if t.AtimeNow {
		set.Atime = now
	}
	if t.MtimeNow {
		set.Mtime = now
	}
	if !t.OmitAtime {
		set.Valid |= SetAtime
	}
	if !t.OmitMtime {
		set.Valid |= SetMtime
	}
	return p.change(&set)
}

// Statfs fills in s (statfs64(2)).
func (c *Caller) Statfs(path []byte, s *Statfs) error {
	return c.at(abi.AT_FDCWD, path, 0, func(p Path) error { return p.statfs(s) })
}

// Statfs fills in s (fstatfs64(2)).
func (f *File) Statfs(s *Statfs) error { return f.path.statfs(s) }

// Bits of Statfs.Flags (statfs(2)).
const (
	stValid       = 0x0020
	stReadOnly    = 0x0001
	stNoSUID      = 0x0002
	stNoDev       = 0x0004
	stNoExec      = 0x0008
	stNoAtime     = 0x0400
	stNoDirAtime  = 0x0800
	stRelatime    = 0x1000
	stNoSymFollow = 0x2000
)

var statfsFlags = [...]struct{ mount, st uint32 }{
	{MountReadOnly, stReadOnly}, {MountNoSUID, stNoSUID}, {MountNoDev, stNoDev}, {MountNoExec, stNoExec},
	{MountNoAtime, stNoAtime}, {MountNoDirAtime, stNoDirAtime}, {MountRelatime, stRelatime}, {MountNoSymFollow, stNoSymFollow},
}

func (p Path) statfs(s *Statfs) error {
	sb := p.Mount.sb
	*s = Statfs{Type: sb.magic, Bsize: sb.blksize, Frsize: sb.blksize, Namelen: abi.NameMax, FSID: uint64(sb.dev), Flags: stValid}
	fl := p.Mount.flags.Load()
	for _, b := range statfsFlags {
		if fl&b.mount != 0 {
			s.Flags |= b.st
		}
	}
	if sb.readonly.Load() {
		s.Flags |= stReadOnly
	}
	return sb.ops.Statfs(sb, s)
}
