package fs

import (
	"bytes"

	"cleave/abi"
	"cleave/ns/user"
)

// mayXattr checks the rules that do not depend on the file system (xattr(7)).
func (c *Caller) mayXattr(p Path, name []byte, write bool) error {
	i := p.Dentry.inode
	if len(name) == 0 || len(name) > abi.XATTR_NAME_MAX {
		return abi.ERANGE
	}
	if err := p.Mount.mayUse(c.Cred); err != nil {
		return err
	}
	if write {
		if err := p.mayAlter(c.Cred); err != nil {
			return err
		}
	}
	want := uint32(abi.R_OK)
	if write {
		want = abi.W_OK
	}
	switch {
	case bytes.HasPrefix(name, []byte("security.")):
		// DIVERGES: without a security module, only security.capability means anything; all need CAP_SYS_ADMIN or, for
		// that one, CAP_SETFCAP to write.
		if !write {
			return nil
		}
		if string(name) == "security.capability" {
			if c.Cred.HasOverInode(user.CapSetfcap, i.UID(), i.GID()) {
				return nil
			}
			return abi.EPERM
		}
		return c.adminOnly(abi.EPERM)
	case bytes.HasPrefix(name, []byte("system.")):
		return nil
	case bytes.HasPrefix(name, []byte("trusted.")):
		if write {
			return c.adminOnly(abi.EPERM)
		}
		return c.adminOnly(abi.ENODATA)
	case bytes.HasPrefix(name, []byte("user.")):
		if t := i.Type(); t != abi.S_IFREG && t != abi.S_IFDIR {
			if write {
				return abi.EPERM
			}
			return abi.ENODATA
		}
		if write && i.IsDir() && i.mode.Load()&abi.S_ISVTX != 0 && !c.Cred.OwnerOrCapable(i.UID()) {
			return abi.EPERM
		}
		return p.permission(c, want)
	}
	return abi.EOPNOTSUPP
}

func (c *Caller) adminOnly(err error) error {
	if c.Cred.Has(user.CapSysAdmin, c.Cred.NS.Initial()) {
		return nil
	}
	return err
}

// Getxattr returns an extended attribute of the file at p (getxattr(2)). ENODATA, EOPNOTSUPP.
func (c *Caller) Getxattr(p Path, name []byte) ([]byte, error) {
	if err := c.mayXattr(p, name, false); err != nil {
		return nil, err
	}
	return p.Dentry.inode.ops.GetXattr(p.Dentry.inode, name)
}

// Setxattr sets an extended attribute; flags: XATTR_CREATE (EEXIST), XATTR_REPLACE (ENODATA).
func (c *Caller) Setxattr(p Path, name, value []byte, flags int) error {
	if flags&^(abi.XATTR_CREATE|abi.XATTR_REPLACE) != 0 {
		return abi.EINVAL
	}
	if len(value) > abi.XATTR_SIZE_MAX {
		return abi.E2BIG
	}
	if value == nil {
		value = []byte{}
	}
	return c.changeXattr(p, name, value, flags)
}

// Removexattr removes an extended attribute. ENODATA.
func (c *Caller) Removexattr(p Path, name []byte) error {
	return c.changeXattr(p, name, nil, abi.XATTR_REPLACE)
}

func (c *Caller) changeXattr(p Path, name, value []byte, flags int) error {
	if err := c.mayXattr(p, name, true); err != nil {
		return err
	}
	i := p.Dentry.inode
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.ops.SetXattr(i, name, value, flags); err != nil {
		return err
	}
	i.ctime.Store(c.VFS.Now())
	p.notify(abi.IN_ATTRIB)
	return nil
}

// Listxattr returns the names of the extended attributes, each with a final NUL; those of trusted.* only to who may
// read them.
func (c *Caller) Listxattr(p Path) ([]byte, error) {
	if err := p.Mount.mayUse(c.Cred); err != nil {
		return nil, err
	}
	all, err := p.Dentry.inode.ops.ListXattr(p.Dentry.inode)
	if err != nil || c.adminOnly(abi.EPERM) == nil {
		return all, err
	}
	var seen []byte
	for len(all) > 0 {
		n := bytes.IndexByte(all, 0) + 1
		if !bytes.HasPrefix(all, []byte("trusted.")) {
			seen = append(seen, all[:n]...)
		}
		all = all[n:]
	}
	return seen, nil
}
