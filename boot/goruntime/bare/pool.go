package bare

import "unsafe"

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
// costs nothing per frame, and what was used last is used next, while the caches still hold it.
type Pool struct {
	window  unsafe.Pointer
	regions [MaxRegions]Region // memory that was never used, sorted
	n       int
	top     uint64 // address of the frame freed last, 0 if there is none
	free    uint64 // frames
	total   uint64 // frames
}

// Init makes p an empty pool over the memory in the window.
//
//go:nosplit
func (p *Pool) Init(window unsafe.Pointer) {
	p.window = window
	p.n, p.top, p.free, p.total = 0, 0, 0, 0
}

// Add gives the whole frames within r to the pool. Frame 0 is left out: its address stands for "none". A region that
// finds no room is ignored.
//
//go:nosplit
func (p *Pool) Add(r Region) {
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
	p.count(int64((r.End - r.Start) / PageSize))
}

// Exclude takes the frames that r touches out of the pool, of which none may have been handed out yet.
//
//go:nosplit
func (p *Pool) Exclude(r Region) {
	r.Start &^= PageSize - 1
	r.End = (r.End + PageSize - 1) &^ (PageSize - 1)
	for i := 0; i < p.n; i++ {
		q := &p.regions[i]
		if r.End <= q.Start || q.End <= r.Start {
			continue
		}
		rest := Region{r.End, q.End}
		q.End = max(q.Start, r.Start)
		p.count(-int64((rest.End - q.End) / PageSize))
		if rest.Start < rest.End {
			p.Add(rest)
		}
	}
}

// count adds n to the counts of frames.
//
//go:nosplit
func (p *Pool) count(n int64) {
	p.free += uint64(n)
	p.total += uint64(n)
}

// Alloc returns the address of a frame of undefined content, or 0 if there is none.
//
//go:nosplit
func (p *Pool) Alloc() uint64 {
	if f := p.top; f != 0 {
		p.top = *p.word(f)
		p.free--
		return f
	}
	for i := 0; i < p.n; i++ {
		r := &p.regions[i]
		if r.Start < r.End {
			f := r.Start
			r.Start += PageSize
			p.free--
			return f
		}
	}
	return 0
}

// AllocRange returns the address of n adjoining frames of undefined content below limit, aligned to align bytes (a
// power of two, at least PageSize), or 0 if there are none. It takes from the end of memory that was never used, so it
// is for drivers that set up their rings early.
//
//go:nosplit
func (p *Pool) AllocRange(n, align, limit uint64) uint64 {
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
		p.free -= n
		if rest.Start < rest.End { // Add counts it anew
			p.count(-int64((rest.End - rest.Start) / PageSize))
			p.Add(rest)
		}
		return f
	}
	return 0
}

// Free gives a frame back.
//
//go:nosplit
func (p *Pool) Free(f uint64) {
	*p.word(f) = p.top
	p.top = f
	p.free++
}

// Available returns how many frames are left.
//
//go:nosplit
func (p *Pool) Available() uint64 { return p.free }

// Total returns how many frames the pool governs, handed out or not.
//
//go:nosplit
func (p *Pool) Total() uint64 { return p.total }

//go:nosplit
func (p *Pool) word(f uint64) *uint64 {
	return (*uint64)(unsafe.Add(p.window, f))
}
