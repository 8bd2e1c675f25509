package fs

import "cleave/abi"

// renaming is one rename(2) under way: both directories are pinned, and their content locks are held.
type renaming struct {
	c        *Caller
	from, to walk
	oldDir   Path
	newDir   Path
	old      *Dentry
	replaced *Dentry // nil: the new name is free
	flags    uint32
}

// Renameat renames. flags: RENAME_NOREPLACE, RENAME_EXCHANGE; EINVAL for others.
func (c *Caller) Renameat(olddirfd int, old []byte, newdirfd int, path []byte, flags uint32) error {
	if flags&^(abi.RENAME_NOREPLACE|abi.RENAME_EXCHANGE) != 0 || flags == abi.RENAME_NOREPLACE|abi.RENAME_EXCHANGE {
		return abi.EINVAL
	}
	r := renaming{c: c, flags: flags}
	var err error
	if r.oldDir, err = r.from.parent(c, olddirfd, old); err != nil {
		return err
	}
	defer r.oldDir.Put()
	if r.newDir, err = r.to.parent(c, newdirfd, path); err != nil {
		return err
	}
	defer r.newDir.Put()
	switch {
	case r.oldDir.Mount != r.newDir.Mount:
		return abi.EXDEV
	case r.from.last == nil:
		return abi.EBUSY
	case r.to.last == nil && flags&abi.RENAME_NOREPLACE != 0:
		return abi.EEXIST
	case r.to.last == nil:
		return abi.EBUSY
	}
	if err := r.oldDir.Mount.wantWrite(); err != nil {
		return err
	}
	var gone dropped
	r.lock()
	err = r.check()
	if err == nil && !r.sameFile() {
		err = r.commit(&gone)
	}
	r.unlock()
	gone.finish(c.VFS)
	return err
}

// sameFile reports whether both names are links of one file: then there is nothing to do.
func (r *renaming) sameFile() bool { return r.replaced != nil && r.replaced.inode == r.old.inode }

// lock takes the content locks of the two directories: the upper one first, else by inode number.
func (r *renaming) lock() {
	a, b := r.oldDir.Dentry, r.newDir.Dentry
	if a == b {
		a.inode.mu.Lock()
		return
	}
	v := r.c.VFS
	v.renameMu.Lock()
	v.tree.RLock()
	bFirst := a.isBelow(b) || !b.isBelow(a) && a.inode.ino > b.inode.ino
	v.tree.RUnlock()
	if bFirst {
		a, b = b, a
	}
	a.inode.mu.Lock()
	b.inode.mu.Lock()
}

func (r *renaming) unlock() {
	a, b := r.oldDir.Dentry, r.newDir.Dentry
	a.inode.mu.Unlock()
	if a != b {
		b.inode.mu.Unlock()
		r.c.VFS.renameMu.Unlock()
	}
}

// check finds both names and checks what rename(2) asks for.
func (r *renaming) check() error {
	v, c := r.c.VFS, r.c
	var err error
	if r.old, err = v.lookupIn(r.oldDir.Dentry, r.from.last, r.from.lastHash); err != nil {
		return err
	}
	r.replaced, err = v.lookupIn(r.newDir.Dentry, r.to.last, r.to.lastHash)
	switch {
	case err != nil && err != abi.ENOENT:
		return err
	case err == nil && r.flags&abi.RENAME_NOREPLACE != 0:
		return abi.EEXIST
	case err != nil && r.flags&abi.RENAME_EXCHANGE != 0:
		return abi.ENOENT
	}
	isDir := r.old.inode.IsDir()
	if !isDir && r.from.slash {
		return abi.ENOTDIR
	}
	exchange := r.flags&abi.RENAME_EXCHANGE != 0
	if !exchange && !isDir && r.to.slash || exchange && r.to.slash && !r.replaced.inode.IsDir() {
		return abi.ENOTDIR
	}
	if err := r.checkLoop(); err != nil {
		return err
	}
	if r.sameFile() {
		return nil
	}
	if err := r.oldDir.mayDelete(c, r.old, isDir); err != nil {
		return err
	}
	if r.replaced == nil {
		err = r.newDir.mayCreate(c)
	} else {
		err = r.newDir.mayDelete(c, r.replaced, isDir && !exchange || exchange && r.replaced.inode.IsDir())
	}
	if err != nil {
		return err
	}
	return r.checkDirs(isDir)
}

// checkLoop refuses to move a directory below itself, and to replace one by what lies in it.
func (r *renaming) checkLoop() error {
	v := r.c.VFS
	v.tree.RLock()
	defer v.tree.RUnlock()
	switch {
	case r.newDir.Dentry.isBelow(r.old):
		return abi.EINVAL
	case r.replaced != nil && r.oldDir.Dentry.isBelow(r.replaced):
		if r.flags&abi.RENAME_EXCHANGE != 0 {
			return abi.EINVAL
		}
		return abi.ENOTEMPTY
	}
	return nil
}

// checkDirs checks what concerns moved directories and mount points.
func (r *renaming) checkDirs(isDir bool) error {
	if r.oldDir.Dentry != r.newDir.Dentry {
		// ".." of a moved directory changes: that is a write to it.
		if isDir {
			if err := r.old.inode.Access(r.c, abi.W_OK); err != nil {
				return err
			}
		}
		if r.flags&abi.RENAME_EXCHANGE != 0 && r.replaced.inode.IsDir() {
			if err := r.replaced.inode.Access(r.c, abi.W_OK); err != nil {
				return err
			}
		}
	}
	if r.c.mountedOn(r.old) || r.replaced != nil && r.c.mountedOn(r.replaced) {
		return abi.EBUSY
	}
	return nil
}

// commit has the file system rename, and then changes the cache.
func (r *renaming) commit(gone *dropped) error {
	v := r.c.VFS
	oldDir, newDir := r.oldDir.Dentry.inode, r.newDir.Dentry.inode
	op := Rename{OldDir: oldDir, NewDir: newDir, OldName: r.old.name, NewName: r.to.last, Inode: r.old.inode,
		Exchange: r.flags&abi.RENAME_EXCHANGE != 0}
	if r.replaced != nil {
		op.Replaced = r.replaced.inode
	}
	if err := newDir.ops.Rename(&op); err != nil {
		return err
	}
	name := append([]byte(nil), r.to.last...)
	v.tree.Lock()
	oldName, oldHash := r.old.name, r.old.hash
	v.detachLocked(r.old)
	switch {
	case op.Exchange:
		v.detachLocked(r.replaced)
		v.attachLocked(r.oldDir.Dentry, r.replaced, oldName, oldHash)
	case r.replaced != nil:
		v.dropLocked(r.replaced, gone)
	}
	v.attachLocked(r.newDir.Dentry, r.old, name, r.to.lastHash)
	v.tree.Unlock()
	oldDir.touch()
	newDir.touch()
	r.old.inode.ctime.Store(newDir.ctime.Load())
	if op.Replaced != nil {
		op.Replaced.ctime.Store(newDir.ctime.Load())
	}
	r.notify(oldName, name, gone)
	return nil
}

// notify tells inotify and F_NOTIFY.
func (r *renaming) notify(oldName, name []byte, gone *dropped) {
	dirBit := uint32(0)
	if r.old.inode.IsDir() {
		dirBit = abi.IN_ISDIR
	}
	cookie := r.c.VFS.moveCookie.Add(1)
	r.oldDir.Dentry.inode.notifyName(abi.IN_MOVED_FROM|dirBit, oldName, cookie)
	r.newDir.Dentry.inode.notifyName(abi.IN_MOVED_TO|dirBit, name, cookie)
	r.oldDir.Dentry.inode.sendDirSignals(abi.DN_RENAME)
	r.old.inode.notifySelf(abi.IN_MOVE_SELF)
	for _, i := range gone.inodes {
		i.notifyGone()
	}
}
