package fs

import (
	"cleave/abi"
	"cleave/ns/user"
)

// parent walks to the directory of the last component of path. It ends with the directory pinned and no lock held; the
// component is w.last, nil for ".", ".." and roots.
func (w *walk) parent(c *Caller, dirfd int, path []byte) (Path, error) {
	if err := w.start(c, dirfd, path, walkParent, 0); err != nil {
		return Path{}, err
	}
	return w.end(w.run(path, true))
}

// ownerFrom sets owner and group of a new file in dir (mkdir(2), on the set-group-ID bit).
func (c *Caller) ownerFrom(dir *Inode, n *Node) {
	n.UID, n.GID = c.Cred.FSUID, c.Cred.FSGID
	if dir.mode.Load()&abi.S_ISGID == 0 {
		return
	}
	n.GID = dir.GID()
	switch {
	case n.Mode&abi.S_IFMT == abi.S_IFDIR:
		n.Mode |= abi.S_ISGID
	case n.Mode&(abi.S_ISGID|0o010) == abi.S_ISGID|0o010 && !c.Cred.InGroup(n.GID) &&
		!c.Cred.HasOverInode(user.CapFsetid, dir.UID(), n.GID):
		n.Mode &^= abi.S_ISGID
	}
}

// makeLocked makes the file n, whose owner it sets, as entry name of the directory p, whose content lock is held.
func (c *Caller) makeLocked(p Path, name []byte, n *Node) (*Dentry, error) {
	if err := p.mayCreate(c); err != nil {
		return nil, err
	}
	dir := p.Dentry.inode
	c.ownerFrom(dir, n)
	i, err := dir.ops.Create(dir, name, n)
	if err != nil {
		return nil, err
	}
	dir.touch()
	d := c.VFS.addName(p.Dentry, name, i)
	what := uint32(abi.IN_CREATE)
	if i.IsDir() {
		what |= abi.IN_ISDIR
	}
	p.Dentry.inode.notifyName(what, name, 0)
	return d, nil
}

// make is mkdir(2), mknod(2) and symlink(2).
func (c *Caller) make(dirfd int, path []byte, n *Node) error {
	p, err := c.makeAt(dirfd, path, n)
	if err == nil {
		p.Put()
	}
	return err
}

// makeAt is make that returns the new place, pinned.
func (c *Caller) makeAt(dirfd int, path []byte, n *Node) (Path, error) {
	var w walk
	p, err := w.parent(c, dirfd, path)
	if err != nil {
		return Path{}, err
	}
	defer p.Put()
	if w.last == nil {
		return Path{}, abi.EEXIST
	}
	dir := p.Dentry.inode
	dir.mu.Lock()
	defer dir.mu.Unlock()
	_, err = c.VFS.lookupIn(p.Dentry, w.last, w.lastHash)
	switch {
	case err == nil:
		return Path{}, abi.EEXIST
	case err != abi.ENOENT:
		return Path{}, err
	case w.slash && n.Mode&abi.S_IFMT != abi.S_IFDIR:
		return Path{}, abi.ENOENT
	}
	d, err := c.makeLocked(p, w.last, n)
	if err != nil {
		return Path{}, err
	}
	return Path{p.Mount, d}.Get(), nil
}

// Mkdirat makes a directory.
func (c *Caller) Mkdirat(dirfd int, path []byte, mode uint32) error {
	return c.make(dirfd, path, &Node{Mode: abi.S_IFDIR | mode&(0o777|abi.S_ISVTX)&^c.FS.Umask()})
}

// Mknodat makes a file of the type in mode; no type is a regular file. EPERM: a device, without CAP_MKNOD in the
// initial user namespace; a directory. EINVAL: any other type.
func (c *Caller) Mknodat(dirfd int, path []byte, mode uint32, dev Dev) error {
	switch mode & abi.S_IFMT {
	case 0:
		mode |= abi.S_IFREG
	case abi.S_IFREG, abi.S_IFIFO, abi.S_IFSOCK:
	case abi.S_IFCHR, abi.S_IFBLK:
		if !c.Cred.Has(user.CapMknod, c.Cred.NS.Initial()) {
			return abi.EPERM
		}
	case abi.S_IFDIR:
		return abi.EPERM
	default:
		return abi.EINVAL
	}
	return c.make(dirfd, path, &Node{Mode: mode & (abi.S_IFMT | abi.S_IALLUGO) &^ c.FS.Umask(), Rdev: dev})
}

// MakeSocket makes the file of a unix socket and returns its place, pinned. EADDRINUSE: the name is taken.
func (c *Caller) MakeSocket(path []byte, mode uint32) (Path, error) {
	p, err := c.makeAt(abi.AT_FDCWD, path, &Node{Mode: abi.S_IFSOCK | mode&0o777&^c.FS.Umask()})
	if err == abi.EEXIST {
		err = abi.EADDRINUSE
	}
	return p, err
}

// Symlinkat makes a symbolic link to target. ENOENT: target is empty.
func (c *Caller) Symlinkat(target []byte, dirfd int, path []byte) error {
	switch {
	case len(target) == 0:
		return abi.ENOENT
	case len(target) >= abi.PathMax:
		return abi.ENAMETOOLONG
	}
	return c.make(dirfd, path, &Node{Mode: abi.S_IFLNK | 0o777, Target: target})
}

// Linkat makes another name of a file. flags: AT_SYMLINK_FOLLOW, AT_EMPTY_PATH.
func (c *Caller) Linkat(olddirfd int, old []byte, newdirfd int, path []byte, flags uint32) error {
	if flags&^(abi.AT_SYMLINK_FOLLOW|abi.AT_EMPTY_PATH) != 0 {
		return abi.EINVAL
	}
	from, err := c.lookup(olddirfd, old, linkWalk(flags), 0)
	if err != nil {
		return err
	}
	defer from.Put()
	if flags&abi.AT_EMPTY_PATH != 0 && len(old) == 0 && !c.mayLinkOpen(olddirfd) {
		return abi.ENOENT
	}
	var w walk
	p, err := w.parent(c, newdirfd, path)
	if err != nil {
		return err
	}
	defer p.Put()
	if w.last == nil {
		return abi.EEXIST
	}
	dir := p.Dentry.inode
	dir.mu.Lock()
	defer dir.mu.Unlock()
	_, err = c.VFS.lookupIn(p.Dentry, w.last, w.lastHash)
	switch {
	case err == nil:
		return abi.EEXIST
	case err != abi.ENOENT:
		return err
	case w.slash:
		return abi.ENOENT
	case from.Mount != p.Mount:
		return abi.EXDEV
	}
	return c.linkLocked(from, p, w.last)
}

func linkWalk(flags uint32) uint32 {
	w := uint32(0)
	if flags&abi.AT_SYMLINK_FOLLOW != 0 {
		w |= walkFollow
	}
	if flags&abi.AT_EMPTY_PATH != 0 {
		w |= walkEmpty
	}
	return w
}

// mayLinkOpen reports whether an open file may be given a name with AT_EMPTY_PATH (open(2), O_TMPFILE): the caller
// opened it himself, or has CAP_DAC_READ_SEARCH.
func (c *Caller) mayLinkOpen(fd int) bool {
	if c.Cred.HasHere(user.CapDacReadSearch) {
		return true
	}
	f, err := c.Files.Get(fd)
	if err != nil {
		return false
	}
	same := f.Cred == c.Cred
	f.Put()
	return same
}

// linkLocked gives the file at from the name in the directory p, whose content lock is held.
func (c *Caller) linkLocked(from, p Path, name []byte) error {
	i, dir := from.Dentry.inode, p.Dentry.inode
	if err := p.mayCreate(c); err != nil {
		return err
	}
	if i.IsDir() || i.state.Load()&(inodeAppend|inodeImmutable) != 0 {
		return abi.EPERM
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.nlink.Load() == 0 && i.state.Load()&inodeLinkable == 0 {
		return abi.ENOENT
	}
	if err := dir.ops.Link(dir, name, i); err != nil {
		return err
	}
	i.state.And(^uint32(inodeLinkable))
	i.ctime.Store(c.VFS.Now())
	dir.touch()
	c.VFS.addName(p.Dentry, name, i)
	dir.notifyName(abi.IN_CREATE, name, 0)
	return nil
}

// Unlinkat removes a name. flags: AT_REMOVEDIR.
func (c *Caller) Unlinkat(dirfd int, path []byte, flags uint32) error {
	if flags&^abi.AT_REMOVEDIR != 0 {
		return abi.EINVAL
	}
	asDir := flags != 0
	var w walk
	p, err := w.parent(c, dirfd, path)
	if err != nil {
		return err
	}
	defer p.Put()
	if w.last == nil {
		return w.noRemoval(asDir)
	}
	if err := p.Mount.wantWrite(); err != nil {
		return err
	}
	dir := p.Dentry.inode
	dir.mu.Lock()
	d, err := c.VFS.lookupIn(p.Dentry, w.last, w.lastHash)
	if err == nil && w.slash && !asDir {
		err = abi.ENOTDIR
		if d.inode.IsDir() {
			err = abi.EISDIR
		}
	}
	var gone dropped
	if err == nil {
		err = c.removeLocked(p, d, asDir, &gone)
	}
	dir.mu.Unlock()
	gone.finish(c.VFS)
	return err
}

// noRemoval is the error for removing ".", ".." or a root.
func (w *walk) noRemoval(asDir bool) error {
	switch {
	case !asDir:
		return abi.EISDIR
	case w.lastDot:
		return abi.EINVAL
	case w.lastUp:
		return abi.ENOTEMPTY
	}
	return abi.EBUSY
}

// removeLocked removes d from the directory p, whose content lock is held.
func (c *Caller) removeLocked(p Path, d *Dentry, asDir bool, gone *dropped) error {
	if err := p.mayDelete(c, d, asDir); err != nil {
		return err
	}
	i, dir := d.inode, p.Dentry.inode
	i.mu.Lock()
	defer i.mu.Unlock()
	if c.mountedOn(d) {
		return abi.EBUSY
	}
	if err := dir.ops.Unlink(dir, d.name, i); err != nil {
		return err
	}
	c.VFS.tree.Lock()
	c.VFS.dropLocked(d, gone)
	c.VFS.tree.Unlock()
	dir.touch()
	i.ctime.Store(dir.ctime.Load())
	what := uint32(abi.IN_DELETE)
	if asDir {
		what |= abi.IN_ISDIR
	}
	dir.notifyName(what, d.name, 0)
	i.notifyGone()
	return nil
}

// mountedOn reports whether something is mounted on d in the caller's mount namespace. What others have mounted there
// does not keep d from being removed (mount_namespaces(7)).
func (c *Caller) mountedOn(d *Dentry) bool {
	v := c.VFS
	v.tree.RLock()
	defer v.tree.RUnlock()
	for m := d.mounts; m != nil; m = m.hereNext {
		if m.ns == c.Mounts {
			return true
		}
	}
	return false
}

// Readlinkat copies the target of a symbolic link to b and returns its length. EINVAL: no symbolic link.
func (c *Caller) Readlinkat(dirfd int, path []byte, b Buffer) (int, error) {
	if b.Len() == 0 {
		return 0, abi.EINVAL
	}
	p, err := c.lookup(dirfd, path, walkEmpty, 0)
	if err != nil {
		return 0, err
	}
	if len(path) == 0 && p.Dentry.inode.Type() != abi.S_IFLNK {
		p.Put()
		return 0, abi.ENOENT
	}
	target, err := c.readlink(p)
	p.Put()
	if err != nil {
		return 0, err
	}
	return b.CopyOut(target[:min(len(target), b.Len())])
}

func (c *Caller) readlink(p Path) ([]byte, error) {
	i := p.Dentry.inode
	if i.Type() != abi.S_IFLNK {
		return nil, abi.EINVAL
	}
	p.accessed()
	if i.link != nil {
		return i.link, nil
	}
	to, err := i.ops.Follow(i, c)
	if err == nil {
		root := c.FS.Root()
		text := c.VFS.NamePath(nil, to, root)
		root.Put()
		to.Put()
		return text, nil
	}
	if err != abi.EINVAL {
		return nil, err
	}
	return i.ops.Readlink(i, c)
}

// Chdir changes the working directory.
func (c *Caller) Chdir(path []byte) error {
	p, err := c.lookup(abi.AT_FDCWD, path, walkFollow|walkDir, 0)
	if err != nil {
		return err
	}
	if err = p.permission(c, abi.X_OK); err == nil {
		c.FS.SetCwd(p)
	}
	p.Put()
	return err
}

// Fchdir changes the working directory to an open one. ENOTDIR.
func (c *Caller) Fchdir(f *File) error {
	if !f.inode.IsDir() {
		return abi.ENOTDIR
	}
	if err := f.path.permission(c, abi.X_OK); err != nil {
		return err
	}
	c.FS.SetCwd(f.path)
	return nil
}

// Chroot changes the root directory. EPERM without CAP_SYS_CHROOT in the caller's user namespace.
func (c *Caller) Chroot(path []byte) error {
	p, err := c.lookup(abi.AT_FDCWD, path, walkFollow|walkDir, 0)
	if err != nil {
		return err
	}
	if err = p.permission(c, abi.X_OK); err == nil && !c.Cred.HasHere(user.CapSysChroot) {
		err = abi.EPERM
	}
	if err == nil {
		c.FS.SetRoot(p)
	}
	p.Put()
	return err
}
