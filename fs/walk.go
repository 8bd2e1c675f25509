package fs

import (
	"cleave/abi"
	"cleave/ns/user"
)

// How a walk treats the end of its path.
const (
	walkFollow = 1 << iota // a symbolic link at the end is followed
	walkParent             // stop at the directory of the last component, which is left in walk.last
	walkEmpty              // an empty path is the start itself (AT_EMPTY_PATH)
	walkDir                // the end must be a directory
	walkTop                // the end is what is mounted topmost there
)

// maxLinks is how many symbolic links a walk follows (path_resolution(7)).
const maxLinks = 40

// walk resolves one path (path_resolution(7)). It holds VFS.tree for reading all the time, but for the moments when a
// file system has to be asked.
type walk struct {
	v       *VFS
	c       *Caller
	at      Path // where it is
	root    Path
	flags   uint32
	resolve uint32 // RESOLVE_* of openat2(2)
	links   int
	limited *user.Namespace // the caller's, if it is of the owned model: not every mount may be used

	last     []byte // walkParent: the last component; nil: the path ends in a root, "." or ".."
	lastHash uint32
	lastDot  bool // the path ended in ".", lastUp: in ".." ; both false with last nil: in a root
	lastUp   bool
	slash    bool // slashes follow the last component
	jumped   bool // a magic link was the last component: the walk is where it leads
	created  bool // the last component was made by this walk

	dirFile *File // what dirfd stands for, if the walk has a reference to it: held until the end
	held    Path  // keeps what the walk stands on while no lock is held; put at the end
	heldTop Path
}

// start readies w for a path and takes VFS.tree.
func (w *walk) start(c *Caller, dirfd int, path []byte, flags, resolve uint32) error {
	w.v, w.c, w.flags, w.resolve = c.VFS, c, flags, resolve
	if ns := c.Cred.NS; ns.Model() == user.Owned {
		w.limited = ns
	}
	if len(path) == 0 && flags&walkEmpty == 0 {
		return abi.ENOENT
	}
	if len(path) >= abi.PathMax {
		return abi.ENAMETOOLONG
	}
	relative := len(path) == 0 || path[0] != '/'
	if dirfd != abi.AT_FDCWD && (relative || resolve&(abi.RESOLVE_BENEATH|abi.RESOLVE_IN_ROOT) != 0) {
		f, counted, err := c.Files.Borrow(dirfd)
		if err != nil {
			return err
		}
		if counted {
			w.dirFile = f
		}
		w.v.tree.RLock()
		w.at = f.path
	} else {
		w.v.tree.RLock()
		w.at = c.FS.cwd
	}
	w.root = c.FS.root
	if resolve&(abi.RESOLVE_BENEATH|abi.RESOLVE_IN_ROOT) != 0 {
		w.root = w.at
	}
	return nil
}

// end releases what the walk holds and returns where it is, pinned. err is the walk's result.
func (w *walk) end(err error) (Path, error) {
	var p Path
	if err == nil {
		if w.flags&walkTop != 0 {
			w.at = w.at.coveredBy(w.v)
		}
		p = w.at.Get()
	}
	w.v.tree.RUnlock()
	w.release()
	return p, err
}

func (w *walk) release() {
	if w.dirFile != nil {
		w.dirFile.Put()
	}
	if w.held.Valid() {
		w.held.Put()
		w.heldTop.Put()
	}
}

// lookup returns the place that a path leads to, pinned. flags: walk* bits.
func (c *Caller) lookup(dirfd int, path []byte, flags, resolve uint32) (Path, error) {
	var w walk
	if err := w.start(c, dirfd, path, flags, resolve); err != nil {
		return Path{}, err
	}
	return w.end(w.run(path, true))
}

// run walks path from w.at. final: the path's end is the end of the whole walk, not of a link in the middle.
func (w *walk) run(path []byte, final bool) error {
	if len(path) > 0 && path[0] == '/' {
		if err := w.jumpToRoot(); err != nil {
			return err
		}
		path = skipSlashes(path)
		if len(path) == 0 && final {
			return w.atEnd(true)
		}
	} else if len(path) == 0 && final {
		return w.atEnd(false)
	}
	for len(path) > 0 {
		if err := w.maySearch(); err != nil {
			return err
		}
		h, n := hashSeed(w.at.Dentry), 0
		for _, b := range path {
			if b == '/' {
				break
			}
			h = h*31 + uint32(b)
			n++
		}
		if n > abi.NameMax {
			return abi.ENAMETOOLONG
		}
		name, slash := path[:n], n < len(path)
		if path = path[n:]; slash {
			path = skipSlashes(path)
		}
		last := len(path) == 0 && final
		if last && w.flags&walkParent != 0 {
			w.setLast(name, h, slash)
			return nil
		}
		if err := w.step(name, h, last, slash); err != nil {
			return err
		}
	}
	return nil
}

// skipSlashes returns path without the slashes at its start.
func skipSlashes(path []byte) []byte {
	i := 0
	for i < len(path) && path[i] == '/' {
		i++
	}
	return path[i:]
}

// atEnd ends a walk whose path has no component.
func (w *walk) atEnd(slash bool) error {
	w.last, w.lastDot, w.lastUp = nil, false, false
	if slash || w.flags&walkDir != 0 {
		return w.mustBeDir()
	}
	return nil
}

func (w *walk) setLast(name []byte, h uint32, slash bool) {
	w.last, w.lastHash, w.slash = name, h, slash
	w.lastDot = string(name) == "."
	w.lastUp = string(name) == ".."
	if w.lastDot || w.lastUp {
		w.last = nil
	}
}

func (w *walk) mustBeDir() error {
	if w.at.Dentry.inode.mode.Load()&abi.S_IFMT != abi.S_IFDIR {
		return abi.ENOTDIR
	}
	return nil
}

// maySearch checks that a name may be looked up where the walk is.
func (w *walk) maySearch() error {
	const openToAll = abi.S_IFDIR | 0o111
	i := w.at.Dentry.inode
	mode := i.mode.Load()
	if mode&(abi.S_IFMT|0o111) == openToAll && w.limited == nil && i.sb.flags&SuperPermission == 0 {
		return nil
	}
	if mode&abi.S_IFMT != abi.S_IFDIR {
		return abi.ENOTDIR
	}
	return w.at.permission(w.c, abi.X_OK)
}

// step goes one component further.
func (w *walk) step(name []byte, h uint32, last, slash bool) error {
	if name[0] == '.' {
		if len(name) == 1 {
			return nil
		}
		if len(name) == 2 && name[1] == '.' {
			return w.up()
		}
	}
	dir := w.at.Dentry
	d := w.v.names.find(dir, name, h)
	if d == nil || dir.inode.sb.flags&SuperVolatile != 0 && !d.inode.ops.Valid(d.inode) {
		var err error
		if d, err = w.ask(name, h); err != nil {
			return err
		}
	}
	if d.mounts != nil {
		to := Path{w.at.Mount, d}.coveredBy(w.v)
		if to.Mount != w.at.Mount {
			if w.resolve&abi.RESOLVE_NO_XDEV != 0 {
				return abi.EXDEV
			}
			w.at, d = to, to.Dentry
		}
	}
	mode := d.inode.mode.Load() & abi.S_IFMT
	if mode == abi.S_IFLNK && (!last || slash || w.flags&walkFollow != 0) {
		return w.follow(d, last, slash)
	}
	if mode != abi.S_IFDIR && (!last || slash || w.flags&walkDir != 0) {
		return abi.ENOTDIR
	}
	w.at.Dentry = d
	return nil
}

// ask has the file system look a name up. VFS.tree is released meanwhile.
func (w *walk) ask(name []byte, h uint32) (*Dentry, error) {
	dir := w.at.Dentry
	if dir.inode.sb.flags&(SuperCached|SuperVolatile) == SuperCached {
		return nil, abi.ENOENT
	}
	if w.resolve&abi.RESOLVE_CACHED != 0 {
		return nil, abi.EAGAIN
	}
	w.unlock()
	for {
		dir.inode.mu.Lock()
		d, err := w.v.lookupIn(dir, name, h)
		if w.relock(dir, d) {
			return d, err
		}
		w.v.tree.RUnlock()
	}
}

// relock takes VFS.tree again, and then releases the content lock of dir, where d was found or made: whoever removes it in
// between would take the inode with it. It reports false if d, a name that nobody used, was forgotten even so.
func (w *walk) relock(dir, d *Dentry) bool {
	w.v.tree.RLock()
	dir.inode.mu.Unlock()
	return d == nil || d.hashed
}

// unlock releases VFS.tree and keeps what the walk stands on.
func (w *walk) unlock() {
	old, oldTop := w.held, w.heldTop
	w.held, w.heldTop = w.at.Get(), w.root.Get()
	w.v.tree.RUnlock()
	if old.Valid() {
		old.Put()
		oldTop.Put()
	}
}

// up is a step to "..".
func (w *walk) up() error {
	m, d := w.at.Mount, w.at.Dentry
	for {
		if m == w.root.Mount && d == w.root.Dentry {
			if w.resolve&abi.RESOLVE_BENEATH != 0 {
				return abi.EXDEV
			}
			break
		}
		if d != m.root {
			// Below a bind mount of a subdirectory, a rename may have taken d out of what the mount shows.
			if m.root != m.sb.root && !d.isBelow(m.root) {
				return abi.ENOENT
			}
			d = d.parent
			break
		}
		if m.parent == nil {
			break
		}
		if w.resolve&abi.RESOLVE_NO_XDEV != 0 {
			return abi.EXDEV
		}
		m, d = m.parent, m.mountpoint
	}
	w.at = Path{m, d}.coveredBy(w.v)
	return nil
}

// jumpToRoot is what a leading slash does.
func (w *walk) jumpToRoot() error {
	if w.resolve&abi.RESOLVE_BENEATH != 0 {
		return abi.EXDEV
	}
	if w.resolve&abi.RESOLVE_NO_XDEV != 0 && w.at.Mount != w.root.Mount {
		return abi.EXDEV
	}
	w.at = w.root
	return nil
}

// follow goes where the symbolic link d, an entry of w.at.Dentry, leads.
func (w *walk) follow(d *Dentry, last, slash bool) error {
	if w.links++; w.links > maxLinks || w.resolve&abi.RESOLVE_NO_SYMLINKS != 0 {
		return abi.ELOOP
	}
	if w.at.Mount.flags.Load()&MountNoSymFollow != 0 {
		return abi.ELOOP
	}
	i := d.inode
	target := i.link
	if target == nil {
		w.unlock()
		p, err := i.ops.Follow(i, w.c)
		if err == nil {
			return w.jump(p, last, slash)
		}
		if err == abi.EINVAL {
			target, err = i.ops.Readlink(i, w.c)
		}
		w.v.tree.RLock()
		if err != nil {
			return err
		}
	}
	if len(target) == 0 {
		return abi.ENOENT
	}
	if !last {
		return w.run(target, false)
	}
	if slash {
		w.flags |= walkDir | walkFollow
	}
	return w.run(target, true)
}

// jump goes to p, pinned, where a magic link leads. VFS.tree is not held; it is taken.
func (w *walk) jump(p Path, last, slash bool) error {
	old, oldTop := w.held, w.heldTop
	w.v.tree.RLock()
	w.held, w.heldTop = p, w.root.Get()
	w.v.tree.RUnlock()
	if old.Valid() {
		old.Put()
		oldTop.Put()
	}
	w.v.tree.RLock()
	if w.resolve&abi.RESOLVE_NO_MAGICLINKS != 0 {
		return abi.ELOOP
	}
	if w.resolve&(abi.RESOLVE_BENEATH|abi.RESOLVE_IN_ROOT) != 0 || w.resolve&abi.RESOLVE_NO_XDEV != 0 && p.Mount != w.at.Mount {
		return abi.EXDEV
	}
	w.at = p
	w.jumped = last
	if !last || slash || w.flags&walkDir != 0 {
		return w.mustBeDir()
	}
	return nil
}
