package mm

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"cleave/mm/frame"
)

// walker is a CPU in software: it walks the page tables in the pool for every access, as the hardware would.
type walker struct {
	pool *frame.Pool
	// mu is held for reading during an access to a page and for writing by Invalidate and the like, which so wait for
	// accesses that are under way: a frame that was unmapped cannot be reached any more when they return.
	mu sync.RWMutex
}

// NewWalker returns a CPU that walks page tables in the pool.
func NewWalker(p *frame.Pool) CPU { return &walker{pool: p} }

func (w *walker) Activate(frame.PFN)           {}
func (w *walker) Drop(frame.PFN)               { w.barrier() }
func (w *walker) Invalidate(frame.PFN, uint32) { w.barrier() }
func (w *walker) Flush(frame.PFN)              { w.barrier() }

// barrier waits for the accesses that are under way.
func (w *walker) barrier() {
	w.mu.Lock()
	defer w.mu.Unlock()
}

// page returns the page at addr, if user mode may access it, and sets the accessed and dirty bits. w.mu is held.
func (w *walker) page(root frame.PFN, addr uint32, write bool) *frame.Page {
	need, set := uint64(ptePresent|pteUser), uint64(pteAccessed)
	if write {
		need |= pteWrite
		set |= pteDirty
	}
	next := root
	for _, shift := range [...]uint{39, 30, 21, 12} {
		e := &tableAt(w.pool, next)[uint64(addr)>>shift&511]
		old := atomic.LoadUint64(e)
		if old&need != need {
			return nil
		}
		if shift == 12 && old&set != set {
			atomic.OrUint64(e, set)
		}
		next = pteFrame(old)
	}
	return w.pool.Page(next)
}

// pieces calls f for the part of each page in the n bytes at addr until a page faults, and returns the bytes done.
func (w *walker) pieces(root frame.PFN, addr uint32, n int, write bool, f func(page []byte, done int)) int {
	done := 0
	for done < n {
		at := addr + uint32(done)
		off := int(at & (PageSize - 1))
		k := min(PageSize-off, n-done)
		w.mu.RLock()
		p := w.page(root, at, write)
		if p != nil {
			f(p[off:off+k], done)
		}
		w.mu.RUnlock()
		if p == nil {
			break
		}
		done += k
	}
	return done
}

func (w *walker) CopyIn(root frame.PFN, dst []byte, src uint32) int {
	return w.pieces(root, src, len(dst), false, func(p []byte, done int) { copy(dst[done:], p) })
}

func (w *walker) CopyOut(root frame.PFN, dst uint32, src []byte) int {
	return w.pieces(root, dst, len(src), true, func(p []byte, done int) { copy(p, src[done:]) })
}

func (w *walker) Zero(root frame.PFN, dst uint32, n int) int {
	return w.pieces(root, dst, n, true, func(p []byte, _ int) { clear(p) })
}

// word returns the word at addr. w.mu is held.
func (w *walker) word(root frame.PFN, addr uint32, write bool) *uint32 {
	p := w.page(root, addr, write)
	if p == nil {
		return nil
	}
	return (*uint32)(unsafe.Pointer(&p[addr&(PageSize-4)]))
}

func (w *walker) Load32(root frame.PFN, addr uint32) (uint32, bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	p := w.word(root, addr, false)
	if p == nil {
		return 0, false
	}
	return atomic.LoadUint32(p), true
}

func (w *walker) Store32(root frame.PFN, addr, v uint32) bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	p := w.word(root, addr, true)
	if p == nil {
		return false
	}
	atomic.StoreUint32(p, v)
	return true
}

func (w *walker) CompareAndSwap32(root frame.PFN, addr, old, new uint32) (uint32, bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	p := w.word(root, addr, true)
	if p == nil {
		return 0, false
	}
	for {
		seen := atomic.LoadUint32(p)
		if seen != old || atomic.CompareAndSwapUint32(p, old, new) {
			return seen, true
		}
	}
}
