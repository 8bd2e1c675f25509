package bare

import (
	"sync/atomic"
	"unsafe"
)

// PageSize is the size of a frame in bytes.
const PageSize = 4096

// Region is a range of physical memory in bytes, [Start, End).
type Region struct {
	Start, End uint64
}

// MaxRegions is how many ranges of memory a Pool and a StartInfo can hold.
const MaxRegions = 64

// Pool hands out physical frames. A frame comes from memory that was never used, lowest address first, or, preferably,
// from a stack of frames that were freed: each holds the address of the next in its first word. So setting up a pool
// costs nothing per frame, and what was used last is used next, while the caches still hold it. Any CPU may use it, after
// Init.
type Pool struct {
	window unsafe.Pointer
	free   atomic.Uint64 // frames; written with lock held
	total  atomic.Uint64 // frames; written with lock held

	lock    SpinLock
	regions [MaxRegions]Region // guarded by lock: memory that was never used, sorted
	n       int                // guarded by lock: how many regions
	top     uint64             // guarded by lock: address of the frame freed last, 0 if there is none
}

// Init makes p an empty pool over the memory in the window.
//
//go:nosplit
func (p *Pool) Init(window unsafe.Pointer) {
	p.window = window
	p.n, p.top = 0, 0
	p.free.Store(0)
	p.total.Store(0)
}

// Add gives the whole frames within r to the pool. Frame 0 is left out: its address stands for "none". A region that
// finds no room is ignored.
//
//go:nosplit
func (p *Pool) Add(r Region) {
	p.lock.Lock()
	p.addLocked(r)
	p.lock.Unlock()
}

//go:nosplit
func (p *Pool) addLocked(r Region) {
	r.Start = (r.Start + PageSize - 1) &^ (PageSize - 1)
	r.End &^= PageSize - 1
	if r.Start == 0 {
		r.Start = PageSize
	}
	if r.Start >= r.End || p.n == MaxRegions {
		return
	}
	i := p.n
	for ; i > 0 && p.regions[i-1].Start > r.Start; i-- {
		p.regions[i] = p.regions[i-1]
	}
	p.regions[i] = r
	p.n++
	p.countLocked(int64((r.End - r.Start) / PageSize))
}

// Exclude takes the frames that r touches out of the pool, of which none may have been handed out yet.
//
//go:nosplit
func (p *Pool) Exclude(r Region) {
	r.Start &^= PageSize - 1
	r.End = (r.End + PageSize - 1) &^ (PageSize - 1)
	p.lock.Lock()
	for i := 0; i < p.n; i++ {
		q := &p.regions[i]
		if r.End <= q.Start || q.End <= r.Start {
			continue
		}
		rest := Region{r.End, q.End}
		q.End = max(q.Start, r.Start)
		p.countLocked(-int64((rest.End - q.End) / PageSize))
		if rest.Start < rest.End {
			p.addLocked(rest)
		}
	}
	p.lock.Unlock()
}

// countLocked adds n to the counts of frames.
//
//go:nosplit
func (p *Pool) countLocked(n int64) {
	p.free.Store(p.free.Load() + uint64(n))
	p.total.Store(p.total.Load() + uint64(n))
}

// Alloc returns the address of a frame of undefined content, or 0 if there is none.
//
//go:nosplit
func (p *Pool) Alloc() uint64 {
	p.lock.Lock()
	f := p.allocLocked()
	p.lock.Unlock()
	return f
}

//go:nosplit
func (p *Pool) allocLocked() uint64 {
	if f := p.top; f != 0 {
		p.top = *p.word(f)
		p.free.Store(p.free.Load() - 1)
		return f
	}
	for i := 0; i < p.n; i++ {
		r := &p.regions[i]
		if r.Start < r.End {
			f := r.Start
			r.Start += PageSize
			p.free.Store(p.free.Load() - 1)
			return f
		}
	}
	return 0
}

// Take fills dst with the numbers of frames of undefined content, but leaves keep frames in the pool, and returns how many
// it took.
//
//go:nosplit
func (p *Pool) Take(dst []uint32, keep uint64) int {
	p.lock.Lock()
	n := 0
	for n < len(dst) && p.free.Load() > keep {
		dst[n] = uint32(p.allocLocked() / PageSize)
		n++
	}
	p.lock.Unlock()
	return n
}

// AllocRange returns the address of n adjoining frames of undefined content below limit, aligned to align bytes (a
// power of two, at least PageSize), or 0 if there are none. It takes from the end of memory that was never used, so it
// is for drivers that set up their rings early.
//
//go:nosplit
func (p *Pool) AllocRange(n, align, limit uint64) uint64 {
	p.lock.Lock()
	f := p.allocRangeLocked(n, align, limit)
	p.lock.Unlock()
	return f
}

//go:nosplit
func (p *Pool) allocRangeLocked(n, align, limit uint64) uint64 {
	for i := 0; i < p.n; i++ {
		r := &p.regions[i]
		end := min(r.End, limit)
		if end < r.Start || end-r.Start < n*PageSize {
			continue
		}
		f := (end - n*PageSize) &^ (align - 1)
		if f < r.Start || f+n*PageSize != r.End && p.n == MaxRegions {
			continue
		}
		rest := Region{f + n*PageSize, r.End}
		r.End = f
		p.free.Store(p.free.Load() - n)
		if rest.Start < rest.End { // addLocked counts it anew
			p.countLocked(-int64((rest.End - rest.Start) / PageSize))
			p.addLocked(rest)
		}
		return f
	}
	return 0
}

// Free gives a frame back.
//
//go:nosplit
func (p *Pool) Free(f uint64) {
	p.lock.Lock()
	p.freeLocked(f)
	p.lock.Unlock()
}

//go:nosplit
func (p *Pool) freeLocked(f uint64) {
	*p.word(f) = p.top
	p.top = f
	p.free.Store(p.free.Load() + 1)
}

// Give gives the frames with these numbers back.
//
//go:nosplit
func (p *Pool) Give(frames []uint32) {
	p.lock.Lock()
	for _, f := range frames {
		p.freeLocked(uint64(f) * PageSize)
	}
	p.lock.Unlock()
}

// Available returns how many frames are left. Where other CPUs use the pool, there may be fewer already.
//
//go:nosplit
func (p *Pool) Available() uint64 { return p.free.Load() }

// Total returns how many frames the pool governs, handed out or not.
//
//go:nosplit
func (p *Pool) Total() uint64 { return p.total.Load() }

//go:nosplit
func (p *Pool) word(f uint64) *uint64 {
	return (*uint64)(unsafe.Add(p.window, f))
}
