package devpts

import (
	"bytes"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/tty"
)

// Register makes the device files of pseudo-terminals open: ptmx and the slaves.
func Register(v *fs.VFS) {
	v.Register(Type())
	v.RegisterChar(PTMX.Major(), PTMX.Minor(), openMaster)
	v.RegisterChar(tty.PTYMajor, fs.AnyMinor, openSlave)
}

// openMaster makes a pair: in the instance that the ptmx which is being opened belongs to, or in the one that is mounted
// on the directory pts beside it (pts(4)). ENODEV: there is none.
func openMaster(f *fs.File, c *fs.Caller, _ fs.Dev) error {
	d, err := instance(f, c)
	if err != nil {
		return err
	}
	m, err := d.newPTY(f.Cred)
	if err != nil {
		return err
	}
	f.Ops = m
	f.SetStream()
	return nil
}

func instance(f *fs.File, c *fs.Caller) (*FS, error) {
	if d, ok := f.Inode().Superblock().Private.(*FS); ok {
		return d, nil
	}
	if c == nil {
		return nil, abi.ENODEV
	}
	root := c.FS.Root()
	name, _ := c.VFS.PathText(nil, f.Path(), root)
	root.Put()
	beside := append(name[:bytes.LastIndexByte(name, '/')+1], "pts"...)
	p, err := c.Lookup(abi.AT_FDCWD, beside, 0)
	if err != nil {
		return nil, abi.ENODEV
	}
	defer p.Put()
	d, ok := p.Inode().Superblock().Private.(*FS)
	if !ok || p.Inode() != &d.root.inode {
		return nil, abi.ENODEV
	}
	return d, nil
}

// openSlave opens a slave through its file in an instance. EIO: it has no master any more, or is locked, or the file is
// elsewhere.
func openSlave(f *fs.File, c *fs.Caller, _ fs.Dev) error {
	n, ok := f.Inode().Ops().(*node)
	if !ok || n.master == nil {
		return abi.EIO
	}
	return n.master.OpenSlave(f, c)
}
