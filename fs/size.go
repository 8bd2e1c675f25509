package fs

import "cleave/abi"

// Truncate sets the size of a file (truncate64(2)).
func (c *Caller) Truncate(path []byte, size int64) error {
	if size < 0 {
		return abi.EINVAL
	}
	return c.at(abi.AT_FDCWD, path, 0, func(p Path) error {
		i := p.Dentry.inode
		switch i.Type() {
		case abi.S_IFDIR:
			return abi.EISDIR
		case abi.S_IFREG:
		default:
			return abi.EINVAL
		}
		if err := p.Mount.wantWrite(); err != nil {
			return err
		}
		if err := p.permission(c, abi.W_OK); err != nil {
			return err
		}
		if i.state.Load()&inodeAppend != 0 {
			return abi.EPERM
		}
		if !i.getWrite() {
			return abi.ETXTBSY
		}
		err := c.truncateInode(i, size)
		i.writer.Add(-1)
		return err
	})
}

// Ftruncate sets the size. EINVAL: not a regular file that is open for writing.
func (c *Caller) Ftruncate(f *File, size int64) error {
	if f.flags.Load()&abi.O_PATH != 0 {
		return abi.EBADF
	}
	if size < 0 || f.inode.Type() != abi.S_IFREG || !f.Writable() {
		return abi.EINVAL
	}
	if f.inode.state.Load()&inodeAppend != 0 {
		return abi.EPERM
	}
	return c.truncateInode(f.inode, size)
}

// mayGrow checks that a file may get a size by truncate(2) or fallocate(2). EFBIG, with SIGXFSZ above RLIMIT_FSIZE.
func (c *Caller) mayGrow(i *Inode, size int64) error {
	switch {
	case size <= i.size.Load():
		return nil
	case c.Limits != nil && size > c.Limits.FileSize():
		c.Limits.FileSizeExceeded()
		return abi.EFBIG
	case size > MaxFileSize:
		return abi.EFBIG
	}
	return nil
}

// truncateInode sets the size of a regular file and frees what lies beyond.
func (c *Caller) truncateInode(i *Inode, size int64) error {
	if i.pages == nil {
		return nil
	}
	if err := c.mayGrow(i, size); err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.maySize(size); err != nil {
		return err
	}
	if err := i.ops.SetAttr(i, &SetAttr{Valid: SetSize, Size: size}); err != nil {
		return err
	}
	old := i.size.Load()
	i.size.Store(size)
	if size < old {
		i.pages.cut(size)
	}
	i.clearSetID(c.Cred)
	i.touch()
	return nil
}

// cut frees the pages beyond size and clears the rest of the last one. The content lock is held.
func (m *Mapping) cut(size int64) {
	m.remove(pagesOf(size), maxPages)
	at := int(size % abi.PageSize)
	if at == 0 {
		return
	}
	if pfn := m.get(uint64(size) / abi.PageSize); pfn != 0 {
		clear(m.pool.Page(pfn)[at:])
		m.pool.Unref(pfn)
	}
}

// Fallocate is fallocate(2). EBADF: not open for writing.
func (c *Caller) Fallocate(f *File, mode int, off, n int64) error {
	switch {
	case !f.Writable():
		return abi.EBADF
	case off < 0 || n <= 0:
		return abi.EINVAL
	case mode&abi.FALLOC_FL_PUNCH_HOLE != 0 && mode&abi.FALLOC_FL_KEEP_SIZE == 0:
		return abi.EOPNOTSUPP
	case f.stream:
		return abi.ESPIPE
	case f.inode.IsDir():
		return abi.EISDIR
	case off+n < 0 || off+n > MaxFileSize:
		return abi.EFBIG
	}
	if mode&abi.FALLOC_FL_PUNCH_HOLE == 0 { // but with FALLOC_FL_KEEP_SIZE, as on Linux's tmpfs
		if err := c.mayGrow(f.inode, off+n); err != nil {
			return err
		}
	}
	return f.Ops.Allocate(f, c, mode, off, n)
}

// Allocate fills holes, punches them, or clears a range.
func (*regularFile) Allocate(f *File, c *Caller, mode int, off, n int64) error {
	i := f.inode
	if mode&^(abi.FALLOC_FL_KEEP_SIZE|abi.FALLOC_FL_PUNCH_HOLE|abi.FALLOC_FL_ZERO_RANGE) != 0 {
		return abi.EOPNOTSUPP
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if mode&abi.FALLOC_FL_KEEP_SIZE == 0 && off+n > i.size.Load() {
		if err := i.maySize(off + n); err != nil {
			return err
		}
	}
	if mode&(abi.FALLOC_FL_PUNCH_HOLE|abi.FALLOC_FL_ZERO_RANGE) != 0 {
		if i.seals()&noWrite != 0 {
			return abi.EPERM
		}
		if err := i.pages.clearRange(off, n); err != nil {
			return err
		}
		if mode&abi.FALLOC_FL_PUNCH_HOLE != 0 {
			i.touch()
			return nil
		}
	}
	old := i.size.Load()
	if off+n > old {
		i.size.Store(off + n)
	}
	payer := c.payer()
	for idx := uint64(off) / abi.PageSize; idx < pagesOf(off+n); idx++ {
		pfn, err := i.pages.fill(idx, true, payer)
		if err == nil && payer.Over() {
			i.pages.pool.Unref(pfn)
			err = abi.ENOMEM
		}
		if err != nil {
			i.size.Store(old)
			i.pages.cut(old)
			return err
		}
		i.pages.pool.Unref(pfn)
	}
	if mode&abi.FALLOC_FL_KEEP_SIZE != 0 {
		i.size.Store(old)
	}
	i.touch()
	return nil
}

// clearRange makes n bytes from off on read as zero; whole pages become holes where the file system allows it. The
// content lock is held.
func (m *Mapping) clearRange(off, n int64) error {
	end := min(off+n, m.inode.size.Load())
	for off < end {
		at := off % abi.PageSize
		k := min(abi.PageSize-at, end-off)
		idx := uint64(off) / abi.PageSize
		if k == abi.PageSize && off >= m.src.Backed(m.inode) {
			last := uint64(end) / abi.PageSize
			m.remove(idx, last)
			off = int64(last) * abi.PageSize
			continue
		}
		pfn, err := m.fill(idx, false, nil)
		if err != nil {
			return err
		}
		if pfn != 0 {
			clear(m.pool.Page(pfn)[at : at+k])
			m.pool.Unref(pfn)
		}
		off += k
	}
	return nil
}
