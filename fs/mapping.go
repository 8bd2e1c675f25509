package fs

import (
	"sync"

	"cleave/abi"
	"cleave/mm/frame"
)

// Mapping is the page cache of one file: the same frames stand behind read, write and mmap. It implements
// frame.Mapping.
type Mapping struct {
	frame.Mappers
	inode *Inode
	pool  *frame.Pool
	src   PageSource

	mu    sync.Mutex // a leaf but for the pool's lock; a page fault takes it
	pages pageTree   // guarded by mu
}

// PageSource is where pages that are not in memory come from. All methods are called without Mapping.mu.
type PageSource interface {
	// BringPage returns page idx of i, which lies within the file, as a frame with one reference. 0 with no error: a
	// hole, and the cache makes a zero page when one is needed.
	BringPage(i *Inode, idx uint64) (frame.PFN, error)
	// TakePages is asked before n pages are added to the cache of i (ENOSPC), ReturnPages told when they go.
	TakePages(i *Inode, n int) error
	ReturnPages(i *Inode, n int)
}

// InitPages gives the regular file i an empty page cache.
func (i *Inode) InitPages(src PageSource) {
	i.pages = &Mapping{inode: i, pool: i.sb.vfs.Pool, src: src}
}

// Pages returns the page cache; nil if i has none.
func (i *Inode) Pages() *Mapping { return i.pages }

func pagesOf(size int64) uint64 { return uint64(size+abi.PageSize-1) / abi.PageSize }

// get returns page idx with one more reference, or 0.
func (m *Mapping) get(idx uint64) frame.PFN {
	m.mu.Lock()
	f := m.pages.get(idx)
	if f != 0 {
		m.pool.Ref(f)
	}
	m.mu.Unlock()
	return f
}

// LookupPage implements frame.Mapping.
func (m *Mapping) LookupPage(idx uint64) (frame.PFN, bool) {
	if idx >= pagesOf(m.inode.size.Load()) {
		return 0, false
	}
	f := m.get(idx)
	return f, f != 0
}

// ReadPage implements frame.Mapping: it brings page idx into the cache. EFAULT beyond the end of the file.
func (m *Mapping) ReadPage(idx uint64) error {
	f, err := m.fill(idx, true)
	if err == nil {
		m.pool.Unref(f)
	}
	return err
}

// DirtyPage implements frame.Mapping. Pages of file systems in memory have nowhere to be written to.
func (m *Mapping) DirtyPage(uint64) {}

// fill returns page idx with a reference, bringing it in. Without zero, a hole is 0 and not an error.
func (m *Mapping) fill(idx uint64, zero bool) (frame.PFN, error) {
	for {
		if idx >= pagesOf(m.inode.size.Load()) {
			return 0, abi.EFAULT
		}
		if f := m.get(idx); f != 0 {
			return f, nil
		}
		f, err := m.src.BringPage(m.inode, idx)
		if err != nil {
			return 0, err
		}
		if f == 0 {
			if !zero {
				return 0, nil
			}
			if f, err = m.pool.AllocZeroed(frame.PageCache); err != nil {
				return 0, err
			}
		}
		got, err := m.add(idx, f)
		if got != 0 || err != nil {
			return got, err
		}
	}
}

// add puts f, whose reference becomes the cache's, at idx and returns it with one more reference. If another task was
// faster, f is freed and the other's page is returned; 0 if the file became shorter meanwhile.
func (m *Mapping) add(idx uint64, f frame.PFN) (frame.PFN, error) {
	if err := m.src.TakePages(m.inode, 1); err != nil {
		m.pool.Unref(f)
		return 0, err
	}
	m.mu.Lock()
	got := m.pages.get(idx)
	if got == 0 {
		m.pages.set(idx, f)
		got, f = f, 0
	}
	m.pool.Ref(got)
	m.mu.Unlock()
	if f != 0 {
		m.pool.Unref(f)
		m.src.ReturnPages(m.inode, 1)
	}
	return got, nil
}

// remove takes the pages from first up to but not end out of the cache and out of all address spaces. The content lock
// of the inode is held.
func (m *Mapping) remove(first, end uint64) {
	n := 0
	m.mu.Lock()
	empty := m.pages.count == 0
	m.mu.Unlock()
	if !empty || m.Mapped() {
		m.Unmap(m, first, end-first, true)
	}
	for {
		var batch [64]frame.PFN
		m.mu.Lock()
		k := m.pages.take(first, end, batch[:])
		m.mu.Unlock()
		for _, f := range batch[:k] {
			m.pool.Unref(f)
		}
		n += k
		if k < len(batch) {
			break
		}
	}
	if n > 0 {
		m.src.ReturnPages(m.inode, n)
	}
}

// drop frees all pages: the inode leaves memory.
func (m *Mapping) drop() {
	m.remove(0, maxPages)
}

// maxPages is the number of pages of the largest file.
const maxPages = MaxFileSize / abi.PageSize

// MaxFileSize is the size that no file may exceed (s_maxbytes).
const MaxFileSize = 1 << 43
