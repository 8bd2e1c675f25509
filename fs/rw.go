package fs

import (
	"cleave/abi"
	"cleave/mm/frame"
	"cleave/ns/user"
)

// Put drops a reference. The last one closes the file: epoll instances are told, flock(2) locks go, Ops.Release runs.
func (f *File) Put() {
	if f.refs.Add(-1) == 0 {
		f.release()
	}
}

func (f *File) release() {
	f.tellWatches()
	i := f.inode
	if x := i.extra.Load(); x != nil {
		f.dropLocks(x)
	}
	if f.flags.Load()&abi.O_PATH == 0 {
		if f.Writable() {
			f.notify(abi.IN_CLOSE_WRITE)
			i.writer.Add(-1)
			f.path.Mount.writers.Add(-1)
		} else {
			f.notify(abi.IN_CLOSE_NOWRITE)
		}
		if f.exec {
			i.writer.Add(1)
		}
	}
	if f.async != nil {
		f.setAsyncLocked(false)
	}
	f.SetOwner(nil)
	if f.Ops != nil {
		f.Ops.Release(f)
	}
	f.path.Put()
}

// close is Put by a descriptor of t: it also drops the record locks that t's tasks have on the file, and ends their
// notification of the directory (fcntl(2)).
func (f *File) close(t *FDTable) {
	if f.onClose != nil {
		f.onClose(f, t)
	}
	if x := f.inode.extra.Load(); x != nil {
		f.inode.dropRecords(x, t)
		f.dropDirWatch(t)
	}
	f.Put()
}

// Read reads at the file's position and advances it. EBADF: not open for reading.
func (c *Caller) Read(f *File, b Buffer) (int, error) {
	if !f.Readable() {
		return 0, abi.EBADF
	}
	if f.stream {
		return f.Ops.Read(f, c, b, 0)
	}
	var n int
	var err error
	if f.still {
		n, err = f.Ops.Read(f, c, b, 0)
	} else {
		f.posMu.Lock()
		n, err = f.Ops.Read(f, c, b, f.pos)
		f.pos += int64(n)
		f.posMu.Unlock()
	}
	if n > 0 && f.inode.sb.vfs.watched.Load() != 0 {
		f.notify(abi.IN_ACCESS)
	}
	return n, err
}

// Pread reads at off. ESPIPE: the file has no positions.
func (c *Caller) Pread(f *File, b Buffer, off int64) (int, error) {
	switch {
	case !f.Readable():
		return 0, abi.EBADF
	case f.stream:
		return 0, abi.ESPIPE
	case off < 0:
		return 0, abi.EINVAL
	}
	n, err := f.Ops.Read(f, c, b, off)
	if n > 0 && f.inode.sb.vfs.watched.Load() != 0 {
		f.notify(abi.IN_ACCESS)
	}
	return n, err
}

// Write writes at the file's position, or at its end with O_APPEND, and advances it. EBADF: not open for writing.
func (c *Caller) Write(f *File, b Buffer) (int, error) {
	if !f.Writable() {
		return 0, abi.EBADF
	}
	if f.stream || f.still {
		return f.Ops.Write(f, c, b, 0)
	}
	f.posMu.Lock()
	var n int
	var err error
	if _, ok := f.Ops.(*regularFile); ok {
		var end int64
		n, end, err = f.writePages(c, b, f.pos)
		if n > 0 {
			f.pos = end
		}
	} else {
		n, err = f.Ops.Write(f, c, b, f.pos)
		f.pos += int64(n)
	}
	f.posMu.Unlock()
	return n, err
}

// Pwrite writes at off; on Linux O_APPEND wins over off, and so here. ESPIPE: the file has no positions.
func (c *Caller) Pwrite(f *File, b Buffer, off int64) (int, error) {
	switch {
	case !f.Writable():
		return 0, abi.EBADF
	case f.stream:
		return 0, abi.ESPIPE
	case off < 0:
		return 0, abi.EINVAL
	}
	return f.Ops.Write(f, c, b, off)
}

// Seek is lseek(2).
func (f *File) Seek(off int64, whence int) (int64, error) {
	if f.flags.Load()&abi.O_PATH != 0 {
		return 0, abi.EBADF
	}
	if f.stream {
		return 0, abi.ESPIPE
	}
	f.posMu.Lock()
	n, err := f.Ops.Seek(f, f.pos, off, whence)
	if err == nil {
		f.pos = n
	}
	f.posMu.Unlock()
	return n, err
}

// SeekWithin is Seek for files whose positions go from 0 to end, for use by FileOps.Seek.
func SeekWithin(pos, off int64, whence int, end, limit int64) (int64, error) {
	switch whence {
	case abi.SEEK_SET:
	case abi.SEEK_CUR:
		off += pos
	case abi.SEEK_END:
		off += end
	default:
		return 0, abi.EINVAL
	}
	if off < 0 || off > limit {
		return 0, abi.EINVAL
	}
	return off, nil
}

// regularFile is a file whose content is in the page cache.
type regularFile struct{ NoFile }

// Read copies from the page cache.
func (*regularFile) Read(f *File, _ *Caller, b Buffer, off int64) (int, error) {
	m := f.inode.pages
	done := 0
	var err error
	for err == nil {
		left := min(f.inode.size.Load()-off, int64(b.Len()))
		if left <= 0 {
			break
		}
		n := 0
		if int64(off%abi.PageSize)+left > abi.PageSize {
			n, err = m.run(b, off, left, true)
		}
		if n == 0 && err == nil {
			if n, err = m.readPage(b, off, left); n == 0 && err == nil {
				break
			}
		}
		done += n
		off += int64(n)
	}
	f.accessed()
	if done > 0 {
		return done, nil
	}
	return 0, err
}

// run reads from pages that are in the cache into b, or writes them from it: at off, left bytes at most. 0: the first page is
// not there.
func (m *Mapping) run(b Buffer, off, left int64, read bool) (int, error) {
	var room [runPages]frame.PFN
	at := off % abi.PageSize
	run := room[:min(runPages, (at+left+abi.PageSize-1)/abi.PageSize)]
	n := m.getRun(uint64(off)/abi.PageSize, run)
	return m.moveRun(run[:n], int(at), left, b, read)
}

// readPage reads at off what one page has, left bytes at most. 0 without an error: another task has cut the file short.
func (m *Mapping) readPage(b Buffer, off, left int64) (int, error) {
	at := int(off % abi.PageSize)
	n := int(min(int64(abi.PageSize-at), left))
	pfn := m.get(uint64(off) / abi.PageSize)
	if pfn == 0 {
		var err error
		if pfn, err = m.fill(uint64(off)/abi.PageSize, false, nil); err == abi.EFAULT {
			return 0, nil
		} else if err != nil {
			return 0, err
		}
	}
	if pfn == 0 {
		return b.ZeroOut(n)
	}
	n, err := b.CopyOut(m.pool.Page(pfn)[at : at+n])
	m.pool.Unref(pfn)
	return n, err
}

// Write copies into the page cache.
func (*regularFile) Write(f *File, c *Caller, b Buffer, off int64) (int, error) {
	n, _, err := f.writePages(c, b, off)
	return n, err
}

// writePages writes at off, or at the end with O_APPEND, and returns the position after what was written.
func (f *File) writePages(c *Caller, b Buffer, off int64) (int, int64, error) {
	i := f.inode
	i.mu.Lock()
	if f.flags.Load()&abi.O_APPEND != 0 {
		off = i.size.Load()
	}
	room, err := c.writeRoom(f, off)
	if i.state.Load()>>sealShift != 0 && err == nil {
		room, err = i.sealedRoom(off, room)
	}
	done := 0
	if err == nil && b.Len() > 0 {
		i.clearSetID(f.Cred)
		done, err = i.copyIn(b, off, room, c.payer())
		if done > 0 {
			i.touch()
		}
	}
	i.mu.Unlock()
	if done > 0 {
		f.notify(abi.IN_MODIFY)
		return done, off + int64(done), nil
	}
	return 0, off, err
}

// smallFile is the size that a file opened without O_LARGEFILE may have.
const smallFile = 1<<31 - 1

// writeRoom returns how many bytes may be written at off of f. EFBIG, with SIGXFSZ at RLIMIT_FSIZE.
func (c *Caller) writeRoom(f *File, off int64) (int64, error) {
	limit := int64(MaxFileSize)
	if f.flags.Load()&abi.O_LARGEFILE == 0 {
		limit = smallFile
	}
	if c != nil && c.Limits != nil {
		if l := c.Limits.FileSize(); l >= 0 && l < limit {
			if off >= l {
				c.Limits.FileSizeExceeded()
				return 0, abi.EFBIG
			}
			limit = l
		}
	}
	if off >= limit {
		return 0, abi.EFBIG
	}
	return limit - off, nil
}

// copyIn writes up to room bytes of b at off. New pages are charged to payer; once that has more than it may, the write
// ends. The content lock is held; a page fault does not take it.
func (i *Inode) copyIn(b Buffer, off, room int64, payer *frame.Account) (int, error) {
	m := i.pages
	done := 0
	for left := min(int64(b.Len()), room); left > 0; {
		at := int(off % abi.PageSize)
		n := int(min(int64(abi.PageSize-at), left))
		var k int
		var err error
		if left > int64(n) && off < i.size.Load() {
			k, err = m.run(b, off, left, false)
		}
		if k == 0 && err == nil {
			k, err = m.copyInPage(b, uint64(off)/abi.PageSize, at, n, payer)
		}
		done += k
		off += int64(k)
		left -= int64(k)
		if off > i.size.Load() {
			i.size.Store(off)
		}
		if err != nil {
			return done, err
		}
		if payer.Over() {
			break
		}
	}
	return done, nil
}

// copyInPage writes n bytes of b into page idx from byte at on.
func (m *Mapping) copyInPage(b Buffer, idx uint64, at, n int, payer *frame.Account) (int, error) {
	pfn := m.get(idx)
	if pfn == 0 {
		whole := at == 0 && n == abi.PageSize
		if whole || int64(idx)*abi.PageSize >= m.inode.size.Load() {
			return m.copyInNew(b, idx, at, n, payer)
		}
		var err error
		if pfn, err = m.fill(idx, true, payer); err != nil {
			return 0, err
		}
	}
	k, err := b.CopyIn(m.pool.Page(pfn)[at : at+n])
	m.pool.Unref(pfn)
	return k, err
}

// copyInNew is copyInPage for a page whose old content does not matter: a new frame is filled and then put into the
// cache, and only what the copy leaves is cleared.
func (m *Mapping) copyInNew(b Buffer, idx uint64, at, n int, payer *frame.Account) (int, error) {
	pfn, err := m.pool.Alloc(frame.PageCache)
	if err != nil {
		return 0, err
	}
	page := m.pool.Page(pfn)
	k, cerr := b.CopyIn(page[at : at+n])
	if k == 0 {
		m.pool.Unref(pfn)
		return 0, cerr
	}
	clear(page[:at])
	clear(page[at+k:])
	if k < n && int64(idx)*abi.PageSize < m.inode.size.Load() {
		// The copy ended early in a page that has other content: that must stay.
		return m.mergeIn(pfn, idx, at, k, cerr, payer)
	}
	m.pool.Ref(pfn)
	got, err := m.add(idx, pfn, payer)
	if err != nil {
		m.pool.Unref(pfn)
		return 0, err
	}
	if got != pfn {
		copy(m.pool.Page(got)[at:at+k], page[at:at+k])
	}
	m.pool.Unref(got)
	m.pool.Unref(pfn)
	return k, cerr
}

// mergeIn copies k bytes of frame pfn, which it frees, into the page that the file has at idx.
func (m *Mapping) mergeIn(pfn frame.PFN, idx uint64, at, k int, cerr error, payer *frame.Account) (int, error) {
	got, err := m.fill(idx, true, payer)
	if err != nil {
		m.pool.Unref(pfn)
		return 0, err
	}
	copy(m.pool.Page(got)[at:at+k], m.pool.Page(pfn)[at:at+k])
	m.pool.Unref(got)
	m.pool.Unref(pfn)
	return k, cerr
}

// clearSetID drops the set-id bits that a write by someone without CAP_FSETID takes away (inode(7)).
func (i *Inode) clearSetID(cred *user.Cred) {
	mode := i.mode.Load()
	drop := mode & abi.S_ISUID
	if mode&abi.S_ISGID != 0 && mode&0o010 != 0 {
		drop |= abi.S_ISGID
	}
	if drop != 0 && mode&abi.S_IFMT == abi.S_IFREG && !cred.HasOverInode(user.CapFsetid, i.UID(), i.GID()) {
		i.mode.And(^drop)
	}
}

// Seek is within the file's size, holes known by the pages that are there.
func (*regularFile) Seek(f *File, pos, off int64, whence int) (int64, error) {
	i := f.inode
	if whence == abi.SEEK_DATA || whence == abi.SEEK_HOLE {
		return i.seekData(off, whence == abi.SEEK_DATA)
	}
	return SeekWithin(pos, off, whence, i.size.Load(), MaxFileSize)
}

// seekData finds the next byte from off on that is data, or that is not. ENXIO: there is none.
func (i *Inode) seekData(off int64, data bool) (int64, error) {
	size := i.size.Load()
	if off < 0 || off >= size {
		return 0, abi.ENXIO
	}
	m := i.pages
	backed := m.src.Backed(i)
	m.mu.Lock()
	defer m.mu.Unlock()
	idx := uint64(off) / abi.PageSize
	if !data {
		for ; idx < pagesOf(size) && (int64(idx)*abi.PageSize < backed || m.pages.get(idx) != 0); idx++ {
		}
		return min(max(off, int64(idx)*abi.PageSize), size), nil
	}
	if int64(idx)*abi.PageSize < backed {
		return off, nil
	}
	idx, ok := m.pages.next(idx)
	at := max(off, int64(idx)*abi.PageSize)
	if !ok || at >= size {
		return 0, abi.ENXIO
	}
	return at, nil
}

// Mmap returns the page cache.
func (*regularFile) Mmap(f *File) (frame.Mapping, error) {
	f.accessed()
	return f.inode.pages, nil
}

// Sync has the file system write back.
func (*regularFile) Sync(f *File, _ bool) error {
	return f.inode.sb.ops.Sync(f.inode.sb)
}

// relatimeAge is after how long relatime updates the access time anyway.
const relatimeAge = 24 * 3600 * 1e9

// accessed updates the access time as the mount and the file's flags want it (mount(2), MS_RELATIME).
func (f *File) accessed() {
	if f.flags.Load()&abi.O_NOATIME == 0 {
		f.path.accessed()
	}
}

func (p Path) accessed() {
	i, fl := p.Dentry.inode, p.Mount.flags.Load()
	if fl&MountNoAtime != 0 || fl&MountNoDirAtime != 0 && i.IsDir() || p.Mount.wantWrite() != nil {
		return
	}
	v := i.sb.vfs
	old := i.atime.Load()
	if fl&MountRelatime != 0 && old > i.mtime.Load() && old > i.ctime.Load() && v.recent.Load()-old < relatimeAge {
		return
	}
	now := v.Now()
	v.recent.Store(now)
	i.atime.Store(now)
}
