package dev

import (
	"strings"
	"sync"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/tmpfs"
	"cleave/ns/user"
)

// FS is devtmpfs: one tmpfs, which every mount of the type shows, and in which the kernel makes the files of devices.
type FS struct {
	vfs  *fs.VFS
	sb   *fs.Superblock
	mu   sync.Mutex
	fill *tmpfs.Filler // guarded by mu
}

// newFS makes a devtmpfs of the initial user namespace ns.
func newFS(v *fs.VFS, ns *user.Namespace) *FS {
	t := tmpfs.New(v, "devtmpfs", ns)
	return &FS{vfs: v, sb: t.Superblock(), fill: t.NewFiller()}
}

// Type returns the type of file system for fs.VFS.Register.
func (d *FS) Type() *fs.Type {
	t := tmpfs.Type() // whose options it takes, though they change nothing
	return &fs.Type{Name: "devtmpfs", Flags: fs.TypeNoDev, Values: t.Values, Switches: t.Switches, Check: t.Check, Mount: func(*fs.MountRequest) (*fs.Superblock, error) {
		d.sb.Get()
		return d.sb, nil
	}}
}

// Superblock returns the superblock, for who mounts it without a path.
func (d *FS) Superblock() *fs.Superblock { return d.sb }

// Add makes the file of a device; mode has its type. name may have directories in it, which are made if they are not
// there. It is for the start of the kernel, before programs change names in devtmpfs. EEXIST.
func (d *FS) Add(name string, mode uint32, dev fs.Dev) error {
	return d.add(name, &fs.Node{Mode: mode, Rdev: dev})
}

func (d *FS) add(name string, n *fs.Node) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	dir := d.sb.Root()
	for {
		first, rest, more := strings.Cut(name, "/")
		child := d.vfs.Child(dir, []byte(first))
		if !more {
			if child != nil {
				return abi.EEXIST
			}
			d.fill.Add(dir, []byte(first), n, d.vfs.Now())
			return nil
		}
		if child == nil {
			child = d.fill.Add(dir, []byte(first), &fs.Node{Mode: abi.S_IFDIR | 0o755}, d.vfs.Now())
		}
		dir, name = child, rest
	}
}
