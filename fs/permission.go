package fs

import (
	"cleave/abi"
	"cleave/ns/user"
)

// mayUse applies the rule of the owned model: a mount that another user namespace made, and that is not share-ns, may
// not be used.
func (m *Mount) mayUse(cred *user.Cred) error {
	if cred.NS.Model() != user.Mapped && !cred.NS.MayUseMount(m.owner, m.shareNS) {
		return abi.EACCES
	}
	return nil
}

// permission checks want (abi.R_OK, W_OK, X_OK) at p: the mount first, then the inode.
func (p Path) permission(c *Caller, want uint32) error {
	if err := p.Mount.mayUse(c.Cred); err != nil {
		return err
	}
	return p.Dentry.inode.Access(c, want)
}

// Permission checks that c may use the file at p as want (abi.R_OK, W_OK, X_OK) says. EACCES, EROFS.
func (p Path) Permission(c *Caller, want uint32) error { return p.permission(c, want) }

// Access checks want (abi.R_OK, W_OK, X_OK) by owner, group, mode and capabilities (path_resolution(7), "Permissions").
// EACCES; EROFS for writing a file or directory of a read-only file system.
func (i *Inode) Access(c *Caller, want uint32) error {
	cred := c.Cred
	mode := i.mode.Load()
	if want&abi.W_OK != 0 {
		if err := i.mayChange(mode); err != nil {
			return err
		}
	}
	if i.sb.flags&SuperPermission != 0 {
		if handled, err := i.ops.Permission(i, c, want); handled {
			return err
		}
	}
	uid, gid := user.KUID(i.uid.Load()), user.KGID(i.gid.Load())
	bits := mode
	switch {
	case cred.FSUID == uid:
		bits >>= 6
	case mode>>3&7 != mode&7 && cred.InGroup(gid):
		bits >>= 3
	}
	if want&^bits&7 == 0 {
		return nil
	}
	return i.capable(cred, mode, want, uid, gid)
}

// capable is Access for who has no permission by the mode: capabilities(7), CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH.
func (i *Inode) capable(cred *user.Cred, mode, want uint32, uid user.KUID, gid user.KGID) error {
	dir := mode&abi.S_IFMT == abi.S_IFDIR
	override := dir || want&abi.X_OK == 0 || mode&0o111 != 0
	if override && cred.HasOverInode(user.CapDacOverride, uid, gid) {
		return nil
	}
	search := want == abi.R_OK || dir && want&abi.W_OK == 0
	if search && cred.HasOverInode(user.CapDacReadSearch, uid, gid) {
		return nil
	}
	return abi.EACCES
}

// mayChange refuses writing to what can't be written to by anyone.
func (i *Inode) mayChange(mode uint32) error {
	if i.sb.readonly.Load() {
		switch mode & abi.S_IFMT {
		case abi.S_IFREG, abi.S_IFDIR, abi.S_IFLNK:
			return abi.EROFS
		}
	}
	if i.state.Load()&inodeImmutable != 0 {
		return abi.EPERM
	}
	// Who has no number in the superblock's namespace could not own what is written.
	if i.uid.Load() == uint32(user.InvalidKUID) || i.gid.Load() == uint32(user.InvalidKGID) {
		return abi.EACCES
	}
	return nil
}

// wantWrite returns EROFS if the mount or its file system is read-only.
func (m *Mount) wantWrite() error {
	if m.flags.Load()&MountReadOnly != 0 || m.sb.readonly.Load() {
		return abi.EROFS
	}
	return nil
}

// mayCreate checks that c may make an entry in the directory p.
func (p Path) mayCreate(c *Caller) error {
	c.VFS.tree.RLock()
	dead := p.Dentry.dead
	c.VFS.tree.RUnlock()
	if dead {
		return abi.ENOENT
	}
	if err := p.Mount.wantWrite(); err != nil {
		return err
	}
	cred := c.Cred
	if err := p.permission(c, abi.W_OK|abi.X_OK); err != nil {
		return err
	}
	if ns := p.Mount.sb.owner; ns != nil && !ns.IsInitial() && (!ns.HasKUID(cred.FSUID) || !ns.HasKGID(cred.FSGID)) {
		return abi.EOVERFLOW
	}
	return nil
}

// mayDelete checks that c may remove or replace victim, an entry of the directory p; asDir: by rmdir(2), or by
// renaming a directory over it.
func (p Path) mayDelete(c *Caller, victim *Dentry, asDir bool) error {
	cred := c.Cred
	if err := p.permission(c, abi.W_OK|abi.X_OK); err != nil {
		return err
	}
	dir, i := p.Dentry.inode, victim.inode
	if dir.state.Load()&inodeAppend != 0 || i.state.Load()&(inodeAppend|inodeImmutable) != 0 {
		return abi.EPERM
	}
	if dir.mode.Load()&abi.S_ISVTX != 0 && uint32(cred.FSUID) != i.uid.Load() && uint32(cred.FSUID) != dir.uid.Load() &&
		!cred.HasOverInode(user.CapFowner, i.UID(), i.GID()) {
		return abi.EPERM
	}
	isDir := i.IsDir()
	switch {
	case asDir && !isDir:
		return abi.ENOTDIR
	case !asDir && isDir:
		return abi.EISDIR
	}
	return nil
}
