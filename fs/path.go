package fs

import (
	"sync/atomic"

	"cleave/abi"
)

// Path is a place in a mount tree. A Path that somebody keeps is pinned: it keeps the mount busy and the inode alive.
type Path struct {
	Mount  *Mount
	Dentry *Dentry
}

// Valid reports whether p is a place at all.
func (p Path) Valid() bool { return p.Dentry != nil }

// Inode returns the inode at p.
func (p Path) Inode() *Inode { return p.Dentry.inode }

// Get pins p once more. The caller holds a pin, or VFS.tree.
func (p Path) Get() Path {
	p.Mount.users.Add(1)
	p.Dentry.inode.users.Add(1)
	return p
}

// Put drops a pin. VFS.tree and Inode.mu are not held.
func (p Path) Put() {
	p.Dentry.inode.Put()
	p.Mount.Put()
}

// Context is what clone(2) shares with CLONE_FS: root, working directory and umask. Root and cwd are guarded by
// VFS.tree, under which pivot_root(2) re-aims those of all tasks.
type Context struct {
	vfs   *VFS
	root  Path // pinned, as is cwd
	cwd   Path
	umask atomic.Uint32
	users atomic.Int32

	next, prev *Context // all contexts, guarded by VFS.tree
}

// NewContext returns a context with one user, whose root and working directory are p, which it pins.
func (v *VFS) NewContext(p Path, umask uint32) *Context {
	c := &Context{vfs: v, root: p, cwd: p}
	c.users.Store(1)
	c.umask.Store(umask)
	v.tree.Lock()
	p.Get()
	p.Get()
	v.linkContextLocked(c)
	v.tree.Unlock()
	return c
}

func (v *VFS) linkContextLocked(c *Context) {
	c.next = v.contexts
	if c.next != nil {
		c.next.prev = c
	}
	v.contexts = c
}

// Share counts one more user and returns c.
func (c *Context) Share() *Context {
	c.users.Add(1)
	return c
}

// Shared reports whether c has more than one user.
func (c *Context) Shared() bool { return c.users.Load() > 1 }

// Users returns how many tasks have c.
func (c *Context) Users() int { return int(c.users.Load()) }

// Copy returns a context of its own with one user.
func (c *Context) Copy() *Context {
	n := &Context{vfs: c.vfs}
	n.users.Store(1)
	n.umask.Store(c.umask.Load())
	c.vfs.tree.Lock()
	n.root, n.cwd = c.root.Get(), c.cwd.Get()
	c.vfs.linkContextLocked(n)
	c.vfs.tree.Unlock()
	return n
}

// Leave drops a user; the last one lets go of the paths.
func (c *Context) Leave() {
	if c.users.Add(-1) > 0 {
		return
	}
	v := c.vfs
	v.tree.Lock()
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		v.contexts = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	root, cwd := c.root, c.cwd
	c.root, c.cwd = Path{}, Path{}
	v.tree.Unlock()
	root.Put()
	cwd.Put()
}

// Root returns the root directory, pinned. It is not valid if the last user has left.
func (c *Context) Root() Path { return c.pinned(&c.root) }

// Cwd returns the working directory, pinned. It is not valid if the last user has left.
func (c *Context) Cwd() Path { return c.pinned(&c.cwd) }

func (c *Context) pinned(p *Path) Path {
	c.vfs.tree.RLock()
	defer c.vfs.tree.RUnlock()
	if !p.Valid() {
		return Path{}
	}
	return p.Get()
}

// SetRoot makes p, which it pins, the root directory.
func (c *Context) SetRoot(p Path) {
	c.vfs.tree.Lock()
	old := c.root
	c.root = p.Get()
	c.vfs.tree.Unlock()
	old.Put()
}

// SetCwd makes p, which it pins, the working directory.
func (c *Context) SetCwd(p Path) {
	c.vfs.tree.Lock()
	old := c.cwd
	c.cwd = p.Get()
	c.vfs.tree.Unlock()
	old.Put()
}

// Umask returns the file mode creation mask (umask(2)).
func (c *Context) Umask() uint32 { return c.umask.Load() }

// SetUmask changes the mask and returns the old one.
func (c *Context) SetUmask(m uint32) uint32 { return c.umask.Swap(m & 0o777) }

// Chrooted reports whether the root directory is not the root of mount namespace n.
func (c *Context) Chrooted(n *MountNamespace) bool {
	c.vfs.tree.RLock()
	defer c.vfs.tree.RUnlock()
	return c.root != Path{n.root, n.root.root}.coveredBy(c.vfs)
}

// coveredBy returns the root of the topmost mount that is stacked on p. VFS.tree is held.
func (p Path) coveredBy(v *VFS) Path {
	for p.Dentry.mounts != nil {
		m := v.mountAtLocked(p.Mount, p.Dentry)
		if m == nil {
			break
		}
		p = Path{m, m.root}
	}
	return p
}

// Reach says how PathText found its way.
type Reach int

// The results of PathText.
const (
	Reached     Reach = iota // the text leads from the root to the path
	Unreachable              // the path is not below the root: the text starts at the root of its mount tree
	Deleted                  // the name has been removed
)

// PathText appends the name of p as seen from root to buf and returns it, as getcwd(2) and /proc/PID/fd show it.
// Unreachable paths start at the top of their own mount tree. What has been removed is marked by the result only.
func (v *VFS) PathText(buf []byte, p, root Path) ([]byte, Reach) {
	v.tree.RLock()
	defer v.tree.RUnlock()
	return v.pathTextLocked(buf, p, root)
}

func (v *VFS) pathTextLocked(buf []byte, p, root Path) ([]byte, Reach) {
	reach := Reached
	if p.Dentry.unlinked() {
		reach = Deleted
	}
	start := len(buf)
	m, d := p.Mount, p.Dentry
	for m != root.Mount || d != root.Dentry {
		if d == m.root {
			if m.parent == nil {
				if reach == Reached {
					reach = Unreachable
				}
				break
			}
			m, d = m.parent, m.mountpoint
			continue
		}
		if d.parent == d {
			if reach == Reached {
				reach = Unreachable
			}
			break
		}
		buf = appendReversed(buf, d.name)
		buf = append(buf, '/')
		d = d.parent
	}
	if len(buf) == start {
		return append(buf, '/'), reach
	}
	reverse(buf[start:])
	return buf, reach
}

func appendReversed(buf, name []byte) []byte {
	for i := len(name) - 1; i >= 0; i-- {
		buf = append(buf, name[i])
	}
	return buf
}

func reverse(b []byte) {
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
}

// Getcwd returns the working directory as getcwd(2) shows it: "(unreachable)" before a path that is not below the
// root. ENOENT: it has been removed.
func (c *Caller) Getcwd(buf []byte) ([]byte, error) {
	v := c.VFS
	v.tree.RLock()
	defer v.tree.RUnlock()
	start := len(buf)
	buf, reach := v.pathTextLocked(buf, c.FS.cwd, c.FS.root)
	switch reach {
	case Deleted:
		return nil, abi.ENOENT
	case Unreachable:
		buf = append(buf[:start], append([]byte("(unreachable)"), buf[start:]...)...)
	}
	return buf, nil
}

// NamePath appends what readlink(2) of /proc/PID/fd/N, cwd, root or exe shows for p to a reader whose root is root:
// the path, with " (deleted)" when it has been removed.
func (v *VFS) NamePath(buf []byte, p, root Path) []byte {
	if p.Dentry.parent == p.Dentry && p.Dentry.name != nil {
		return append(buf, p.Dentry.name...) // a file that never had a place, such as pipe:[7]
	}
	buf, reach := v.PathText(buf, p, root)
	if reach == Deleted {
		buf = append(buf, " (deleted)"...)
	}
	return buf
}
