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
	// BringPage puts page idx of i, which lies within the file, into the cache with Mapping.Insert, others as well if
	// that is cheap. If it does not, the page is a hole, and the cache makes a zero page when one is needed.
	BringPage(i *Inode, idx uint64) error
	// TakePages is asked before the cache fills n holes of i (ENOSPC); ReturnPages is told when n pages go, whether they
	// filled holes or were inserted.
	TakePages(i *Inode, n int) error
	ReturnPages(i *Inode, n int)
	// Backed returns up to which byte of the file BringPage may give data.
	Backed(i *Inode) int64
}

// InitPages makes m, which is new, the page cache of the regular file i.
func (i *Inode) InitPages(m *Mapping, src PageSource) {
	m.inode, m.pool, m.src = i, i.sb.vfs.Pool, src
	i.pages = m
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

// runPages is how many pages a long read or write takes from the cache at once.
const runPages = 16

// getRun fills run with pages from idx on that are in the cache, with a reference each, and returns how many.
func (m *Mapping) getRun(idx uint64, run []frame.PFN) int {
	m.mu.Lock()
	n := m.pages.run(idx, run)
	m.pool.RefAll(run[:n])
	m.mu.Unlock()
	return n
}

// moveRun copies between b and a run of pages, from byte at of the first on, n bytes at most. What lies together is copied
// together. It drops the references.
func (m *Mapping) moveRun(run []frame.PFN, at int, n int64, b Buffer, out bool) (done int, err error) {
	for i := 0; i < len(run) && err == nil; {
		j := i + 1
		for j < len(run) && run[j] == run[j-1]+1 {
			j++
		}
		p := m.pool.Pages(run[i], j-i)[at:]
		p = p[:min(int64(len(p)), n-int64(done))]
		k := 0
		if out {
			k, err = b.CopyOut(p)
		} else {
			k, err = b.CopyIn(p)
		}
		done += k
		i, at = j, 0
	}
	if len(run) > 0 {
		m.pool.UnrefAll(run)
	}
	return done, err
}

// LookupPage implements frame.Mapping.
func (m *Mapping) LookupPage(idx uint64) (frame.PFN, bool) {
	if idx >= pagesOf(m.inode.size.Load()) {
		return 0, false
	}
	f := m.get(idx)
	return f, f != 0
}

// LookupPages implements frame.Mapping.
func (m *Mapping) LookupPages(idx uint64, out []frame.PFN) int {
	end := pagesOf(m.inode.size.Load())
	if idx >= end {
		return 0
	}
	return m.getRun(idx, out[:min(uint64(len(out)), end-idx)])
}

// ReadPage implements frame.Mapping: it brings page idx into the cache. EFAULT beyond the end of the file.
func (m *Mapping) ReadPage(idx uint64) error {
	f, err := m.fill(idx, true, nil)
	if err == nil {
		m.pool.Unref(f)
	}
	return err
}

// DirtyPage implements frame.Mapping. Pages of file systems in memory have nowhere to be written to.
func (m *Mapping) DirtyPage(uint64) {}

// fill returns page idx with a reference, bringing it in. Without zero, a hole is 0 and not an error.
func (m *Mapping) fill(idx uint64, zero bool, payer *frame.Account) (frame.PFN, error) {
	if idx >= pagesOf(m.inode.size.Load()) {
		return 0, abi.EFAULT
	}
	if f := m.get(idx); f != 0 {
		return f, nil
	}
	if err := m.src.BringPage(m.inode, idx); err != nil {
		return 0, err
	}
	if f := m.get(idx); f != 0 {
		return f, nil
	}
	if !zero {
		return 0, nil
	}
	f, err := m.pool.AllocZeroed(frame.PageCache)
	if err != nil {
		return 0, err
	}
	return m.add(idx, f, payer)
}

// Insert puts f, whose reference becomes the cache's, at idx, for PageSource.BringPage and for who makes a new file.
func (m *Mapping) Insert(idx uint64, f frame.PFN) {
	m.mu.Lock()
	old := m.pages.get(idx)
	if old == 0 {
		m.pages.set(idx, f)
	}
	m.mu.Unlock()
	if old != 0 {
		m.pool.Unref(f)
	}
}

// add fills the hole at idx with f, whose reference becomes the cache's, and returns it with one more reference. If
// another task was faster, f is freed and the other's page is returned.
func (m *Mapping) add(idx uint64, f frame.PFN, payer *frame.Account) (frame.PFN, error) {
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
	} else {
		m.pool.Charge(got, payer)
	}
	return got, nil
}

// remove takes the pages from first up to but not end out of the cache and out of all address spaces, private copies
// included. The content lock of the inode is held.
func (m *Mapping) remove(first, end uint64) {
	n := 0
	for {
		var batch [256]frame.PFN
		m.mu.Lock()
		k := m.pages.take(first, end, batch[:])
		m.mu.Unlock()
		if m.Mapped() {
			m.Unmap(m, first, end-first, true)
		}
		m.pool.UnrefAll(batch[:k])
		n += k
		if k < len(batch) {
			break
		}
	}
	if n > 0 {
		m.src.ReturnPages(m.inode, n)
	}
}

// Discard frees n pages from idx on: they read as zeros (madvise(2), MADV_REMOVE). What can't be freed, for want of
// memory to bring it in, is left.
func (m *Mapping) Discard(idx, n uint64) {
	i := m.inode
	i.mu.Lock()
	if err := m.clearRange(int64(idx)*abi.PageSize, int64(n)*abi.PageSize); err == nil {
		i.touch()
	}
	i.mu.Unlock()
}

// drop frees all pages: the inode leaves memory.
func (m *Mapping) drop() {
	m.remove(0, maxPages)
}

// maxPages is the number of pages of the largest file.
const maxPages = MaxFileSize / abi.PageSize

// MaxFileSize is the size that no file may exceed (s_maxbytes).
const MaxFileSize = 1 << 43
