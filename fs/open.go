package fs

import (
	"cleave/abi"
	"cleave/ns/user"
)

// OpenHow is the argument of openat2(2).
type OpenHow struct {
	Flags   uint32
	Mode    uint32
	Resolve uint32 // RESOLVE_*
}

// openKept are the flags that a File remembers (F_GETFL).
const openKept = abi.O_ACCMODE | abi.O_APPEND | abi.O_NONBLOCK | abi.O_DSYNC | abi.O_SYNC | abi.O_ASYNC | abi.O_DIRECT |
	abi.O_LARGEFILE | abi.O_DIRECTORY | abi.O_NOFOLLOW | abi.O_NOATIME | abi.O_PATH

// Open opens a file (openat2(2)). When the file is one that waits for a peer (SlowOpener), it is returned together
// with EAGAIN. The file has one reference.
func (c *Caller) Open(dirfd int, path []byte, how OpenHow) (*File, error) {
	flags := how.Flags
	switch {
	case flags&abi.O_PATH != 0:
		return c.openPathOnly(dirfd, path, flags, how.Resolve)
	case flags&abi.O_TMPFILE == abi.O_TMPFILE:
		return c.openTemporary(dirfd, path, how)
	case flags&abi.O_CREAT != 0:
		if flags&abi.O_DIRECTORY != 0 {
			return nil, abi.EINVAL
		}
		return c.openCreate(dirfd, path, how)
	}
	p, err := c.lookup(dirfd, path, openWalk(flags), how.Resolve)
	if err != nil {
		return nil, err
	}
	return c.openAt(p, flags, false)
}

func openWalk(flags uint32) uint32 {
	w := uint32(0)
	if flags&abi.O_NOFOLLOW == 0 {
		w |= walkFollow
	}
	if flags&abi.O_DIRECTORY != 0 {
		w |= walkDir
	}
	return w
}

// openPathOnly makes a descriptor that names a place and nothing more (open(2), O_PATH).
func (c *Caller) openPathOnly(dirfd int, path []byte, flags, resolve uint32) (*File, error) {
	flags &= abi.O_PATH | abi.O_DIRECTORY | abi.O_NOFOLLOW
	p, err := c.lookup(dirfd, path, openWalk(flags), resolve)
	if err != nil {
		return nil, err
	}
	return newFile(p, pathFile{}, flags, c.Cred), nil
}

// pathFile is what an O_PATH descriptor does: nothing.
type pathFile struct{ NoFile }

// newFile makes a file with one reference. It takes over the caller's pin of p.
func newFile(p Path, ops FileOps, flags uint32, cred *user.Cred) *File {
	f := &File{Ops: ops, Cred: cred, path: p, inode: p.Dentry.inode}
	f.refs.Store(1)
	f.flags.Store(flags & openKept)
	return f
}

// openCreate is open(2) with O_CREAT.
func (c *Caller) openCreate(dirfd int, path []byte, how OpenHow) (*File, error) {
	var w walk
	if err := w.start(c, dirfd, path, walkParent|walkFollow, how.Resolve); err != nil {
		return nil, err
	}
	err := w.run(path, true)
	for err == nil {
		if w.last == nil && !w.jumped {
			err = abi.EISDIR
			if how.Flags&abi.O_EXCL != 0 {
				err = abi.EEXIST
			}
			break
		}
		if w.slash {
			err = abi.EISDIR
			break
		}
		var done bool
		done, err = w.openLast(how)
		if done || err != nil {
			break
		}
	}
	created := w.created
	p, err := w.end(err)
	if err != nil {
		return nil, err
	}
	return c.openAt(p, how.Flags, created)
}

// openLast goes to the last component of a path that is opened with O_CREAT, making the file if it is not there. It
// returns false if the component turned out to be a link, whose own last component comes next.
func (w *walk) openLast(how OpenHow) (done bool, err error) {
	if w.jumped {
		return true, nil
	}
	dir := w.at.Dentry
	d := w.v.names.find(dir, w.last, w.lastHash)
	if d == nil || dir.inode.sb.flags&SuperVolatile != 0 && !d.inode.ops.Valid(d.inode) {
		d, err = w.create(how)
		if err != nil || w.created {
			if err == nil {
				w.at.Dentry = d
			}
			return true, err
		}
	}
	if how.Flags&abi.O_EXCL != 0 {
		return true, abi.EEXIST
	}
	if d.mounts != nil {
		to := Path{w.at.Mount, d}.coveredBy(w.v)
		if to.Mount != w.at.Mount {
			if w.resolve&abi.RESOLVE_NO_XDEV != 0 {
				return true, abi.EXDEV
			}
			w.at = to
			return true, nil
		}
	}
	if d.inode.mode.Load()&abi.S_IFMT == abi.S_IFLNK {
		if how.Flags&abi.O_NOFOLLOW != 0 {
			return true, abi.ELOOP
		}
		return false, w.follow(d, true, false)
	}
	w.at.Dentry = d
	return true, nil
}

// create makes the regular file w.last, or finds that it has come to be meanwhile. VFS.tree is released and taken.
func (w *walk) create(how OpenHow) (*Dentry, error) {
	if w.resolve&abi.RESOLVE_CACHED != 0 {
		return nil, abi.EAGAIN
	}
	w.unlock()
	p := w.at
	for {
		p.Dentry.inode.mu.Lock()
		d, err := w.v.lookupIn(p.Dentry, w.last, w.lastHash)
		if err == abi.ENOENT {
			mode := abi.S_IFREG | how.Mode&abi.S_IALLUGO&^w.c.FS.Umask()
			d, err = w.c.makeLocked(p, w.last, &Node{Mode: mode})
			w.created = err == nil
		}
		if w.relock(p.Dentry, d) {
			return d, err
		}
		w.v.tree.RUnlock()
	}
}

// openTemporary makes a file without a name (open(2), O_TMPFILE).
func (c *Caller) openTemporary(dirfd int, path []byte, how OpenHow) (*File, error) {
	if how.Flags&abi.O_ACCMODE == abi.O_RDONLY {
		return nil, abi.EINVAL
	}
	p, err := c.lookup(dirfd, path, openWalk(how.Flags), how.Resolve)
	if err != nil {
		return nil, err
	}
	defer p.Put()
	if err := p.mayCreate(c); err != nil {
		return nil, err
	}
	dir := p.Dentry.inode
	n := Node{Mode: abi.S_IFREG | how.Mode&abi.S_IALLUGO&^c.FS.Umask()}
	c.ownerFrom(dir, &n)
	dir.mu.Lock()
	i, err := dir.ops.Create(dir, nil, &n)
	dir.mu.Unlock()
	if err != nil {
		if err == abi.EPERM {
			err = abi.EOPNOTSUPP
		}
		return nil, err
	}
	if how.Flags&abi.O_EXCL == 0 {
		i.state.Or(inodeLinkable)
	}
	d := c.VFS.newDentry(i)
	d.parent = p.Dentry
	d.name = appendNumber([]byte("#"), i.ino)
	return c.openAt(Path{p.Mount, d}.Get(), how.Flags&^abi.O_DIRECTORY, true)
}

// openAt opens what is at p, whose pin it takes over. created: the caller made it, so its mode does not matter yet.
func (c *Caller) openAt(p Path, flags uint32, created bool) (*File, error) {
	if err := c.mayOpen(p, flags, created); err != nil {
		p.Put()
		return nil, err
	}
	i := p.Dentry.inode
	f := newFile(p, i.fops, flags, c.Cred)
	if f.Writable() {
		if !i.getWrite() {
			f.flags.Store(abi.O_PATH)
			f.Put()
			return nil, abi.ETXTBSY
		}
		p.Mount.writers.Add(1)
	}
	f.flags.Or(flags & abi.O_NOCTTY) // for a terminal to see; F_GETFL does not show it
	if err := c.ready(f); err != nil {
		f.Ops = pathFile{}
		f.Put()
		return nil, err
	}
	f.flags.And(^uint32(abi.O_NOCTTY))
	if flags&abi.O_TRUNC != 0 && !created && i.Type() == abi.S_IFREG {
		if err := c.empty(i); err != nil {
			f.Put()
			return nil, err
		}
	}
	f.notify(abi.IN_OPEN)
	if s, ok := f.Ops.(SlowOpener); ok {
		return f, s.OpenReady(f)
	}
	return f, nil
}

// empty cuts a file that is opened with O_TRUNC, perhaps for reading only. ETXTBSY.
func (c *Caller) empty(i *Inode) error {
	if !i.getWrite() {
		return abi.ETXTBSY
	}
	defer i.writer.Add(-1)
	return c.truncateInode(i, 0)
}

// ready gives f its operations.
func (c *Caller) ready(f *File) error {
	i := f.inode
	switch i.mode.Load() & abi.S_IFMT {
	case abi.S_IFREG:
		if f.Ops == nil {
			f.Ops = &regularFile{}
		}
	case abi.S_IFDIR:
		if f.Ops == nil {
			f.Ops = cachedDir{}
		}
	case abi.S_IFCHR, abi.S_IFBLK:
		return c.VFS.openDevice(f, c)
	case abi.S_IFIFO:
		f.stream = true
		if c.VFS.OpenFIFO == nil {
			return abi.ENXIO
		}
		return c.VFS.OpenFIFO(f, c)
	default:
		if f.Ops == nil {
			return abi.ENXIO // an epoll instance and the like, by /proc/PID/fd
		}
	}
	return i.ops.Open(i, f, c)
}

// openDevice finds who handles the device. ENXIO.
func (v *VFS) openDevice(f *File, c *Caller) error {
	dev, table := f.inode.rdev, v.char
	if f.inode.Type() == abi.S_IFBLK {
		table = v.block
	}
	v.charMu.Lock()
	open := table[dev]
	if open == nil {
		open = table[MakeDev(dev.Major(), AnyMinor)]
	}
	v.charMu.Unlock()
	if open == nil {
		return abi.ENXIO
	}
	return open(f, c, dev)
}

// mayOpen checks type and permissions before an open (open(2)).
func (c *Caller) mayOpen(p Path, flags uint32, created bool) error {
	i := p.Dentry.inode
	writes := flags&abi.O_ACCMODE != abi.O_RDONLY || flags&abi.O_TRUNC != 0
	switch i.mode.Load() & abi.S_IFMT {
	case abi.S_IFLNK:
		return abi.ELOOP
	case abi.S_IFDIR:
		if writes || flags&abi.O_CREAT != 0 {
			return abi.EISDIR
		}
	case abi.S_IFSOCK:
		return abi.ENXIO
	case abi.S_IFCHR, abi.S_IFBLK:
		if p.Mount.flags.Load()&MountNoDev != 0 || i.sb.flags&SuperNoDev != 0 {
			return abi.EACCES
		}
	case abi.S_IFREG:
		if writes {
			if err := p.Mount.wantWrite(); err != nil {
				return err
			}
		}
	}
	if created {
		return nil
	}
	if flags&abi.O_LARGEFILE == 0 && i.size.Load() > smallFile && i.mode.Load()&abi.S_IFMT == abi.S_IFREG {
		return abi.EOVERFLOW
	}
	if want := openWants(flags); want != 0 {
		if err := p.permission(c, want); err != nil {
			return err
		}
	}
	if i.state.Load()&inodeAppend != 0 && writes && (flags&abi.O_APPEND == 0 || flags&abi.O_TRUNC != 0) {
		return abi.EPERM
	}
	if flags&abi.O_NOATIME != 0 && !c.Cred.OwnerOrCapable(i.UID()) {
		return abi.EPERM
	}
	return nil
}

func openWants(flags uint32) uint32 {
	want := uint32(0)
	switch flags & abi.O_ACCMODE {
	case abi.O_RDONLY:
		want = abi.R_OK
	case abi.O_WRONLY:
		want = abi.W_OK
	default:
		want = abi.R_OK | abi.W_OK // 3 is for ioctl only, and needs both
	}
	if flags&abi.O_TRUNC != 0 {
		want |= abi.W_OK
	}
	return want
}

// getWrite counts a writer, unless the file is being executed.
func (i *Inode) getWrite() bool {
	for {
		n := i.writer.Load()
		if n < 0 {
			return false
		}
		if i.writer.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// denyWrite counts an execution, unless the file is open for writing.
func (i *Inode) denyWrite() bool {
	for {
		n := i.writer.Load()
		if n > 0 {
			return false
		}
		if i.writer.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// OpenExec opens a program for execve(2). EACCES: no execute permission, a noexec mount, or not a regular file;
// ETXTBSY: it is open for writing. Until the last Put, who would write gets ETXTBSY. flags: AT_EMPTY_PATH,
// AT_SYMLINK_NOFOLLOW.
func (c *Caller) OpenExec(dirfd int, path []byte, flags uint32) (*File, error) {
	p, err := c.Lookup(dirfd, path, flags)
	if err != nil {
		return nil, err
	}
	i := p.Dentry.inode
	switch {
	case i.Type() == abi.S_IFLNK:
		err = abi.ELOOP
	case i.Type() != abi.S_IFREG, p.Mount.flags.Load()&MountNoExec != 0, i.sb.flags&SuperNoExec != 0:
		err = abi.EACCES
	default:
		err = p.permission(c, abi.X_OK)
	}
	if err == nil && !i.denyWrite() {
		err = abi.ETXTBSY
	}
	if err != nil {
		p.Put()
		return nil, err
	}
	f := newFile(p, i.fops, abi.O_RDONLY, c.Cred)
	f.exec = true
	if err := c.ready(f); err != nil {
		f.Ops = pathFile{}
		f.Put()
		return nil, err
	}
	return f, nil
}

// Lookup returns the place that a path leads to, pinned. flags: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH.
func (c *Caller) Lookup(dirfd int, path []byte, flags uint32) (Path, error) {
	return c.lookup(dirfd, path, atWalk(flags), 0)
}

// atWalk turns flags of the *at calls into those of a walk.
func atWalk(flags uint32) uint32 {
	w := uint32(0)
	if flags&abi.AT_SYMLINK_NOFOLLOW == 0 {
		w |= walkFollow
	}
	if flags&abi.AT_EMPTY_PATH != 0 {
		w |= walkEmpty
	}
	return w
}

// appendNumber appends the decimal digits of n.
func appendNumber(b []byte, n uint64) []byte {
	var digits [20]byte
	i := len(digits)
	for {
		i--
		digits[i] = byte('0' + n%10)
		if n /= 10; n == 0 {
			break
		}
	}
	return append(b, digits[i:]...)
}
