// Package frame has the machine's page frames: who uses them, how often, and where new ones come from.
//
// A frame has a count of references; the last Unref frees it. Frames come from a Source, in batches: on the machine
// that is the boot allocator, which feeds the Go heap as well; in host tests it is an arena of ordinary memory, so
// that page tables and user pages are real and can be walked.
//
// The pool's lock is a leaf: nothing is taken under it. Reclaimers are called without it.
package frame

import (
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"

	"cleave/abi"
)

// Size is the size of a frame in bytes, Shift its logarithm.
const (
	Size  = 4096
	Shift = 12
)

// PFN is the number of a frame: its physical address divided by Size. 0 is no frame; it is never handed out.
type PFN uint32

// Addr returns the physical address of the frame's first byte.
func (f PFN) Addr() uint64 { return uint64(f) << Shift }

// Page is the content of a frame.
type Page = [Size]byte

// Use says what a frame is for; the pool counts the frames of each use.
type Use uint8

// The uses of frames.
const (
	Anonymous Use = iota // private or shared memory without a file
	PageCache            // content of a file
	PageTable
	Kernel // anything else that the kernel keeps in whole frames
	NumUses
)

var useNames = [NumUses]string{"anonymous", "page cache", "page table", "kernel"}

// String returns the name of the use.
func (u Use) String() string { return useNames[u] }

// Source is where a pool's frames come from. Its methods are called with the pool's lock held: they must not use the
// pool, and not block.
type Source interface {
	// Take fills dst with frames of undefined content and returns how many it had.
	Take(dst []PFN) int
	// Give returns frames to the source.
	Give(frames []PFN)
	// Free returns how many frames Take could still give.
	Free() int
	// Total returns how many frames the source governs, whoever uses them.
	Total() int
}

// Config is what a Pool is made of.
type Config struct {
	Base   unsafe.Pointer // where frame 0 would be mapped: the start of the direct map
	Limit  PFN            // all frame numbers are below it
	Source Source
	// Reserve is how many frames stay in Source for others (the Go heap): a pool takes no frame that would leave fewer.
	Reserve int
	Zero    func(*Page)          // clears a page; nil: plain Go
	Copy    func(dst, src *Page) // copies a page; nil: plain Go
}

// batch is how many frames go between the pool and its source at once.
const batch = 32

// highWater is how many free frames a pool keeps before it gives a batch back to the source.
const highWater = 8 * batch

// A frame's word in Pool.refs is its count of references, or, while the frame is free, freeBit and the number of the
// next free frame.
const freeBit = 1 << 31

// Pool hands out frames.
type Pool struct {
	base unsafe.Pointer
	refs []uint32 // by PFN; atomic
	uses []Use    // by PFN; written by the owner of a frame only
	zero func(*Page)
	copy func(dst, src *Page)

	mu       sync.Mutex
	head     PFN // first of the free frames; guarded by mu, as is what follows
	nfree    int // frames in the list
	used     [NumUses]int
	reserved int // frames in reservations
	adopted  int // frames that did not come from source
	failIn   int // the failIn-th allocation from now fails; 0: none
	low      int // the reserve that is left in source
	source   Source
	scratch  [batch]PFN
	acct     accounts

	reclaimMu  sync.Mutex
	reclaimers []Reclaimer // guarded by reclaimMu
	reclaims   atomic.Uint64
}

// Reclaimer gives frames back when memory is short: it frees up to n frames and returns how many. It runs on the
// goroutine that needs memory, which may hold locks of address spaces and page caches: a reclaimer must only try such
// locks, and must not allocate frames.
type Reclaimer func(n int) int

// New returns a pool without frames; it takes them from c.Source as they are needed.
func New(c Config) *Pool {
	p := &Pool{base: c.Base, refs: make([]uint32, c.Limit), uses: make([]Use, c.Limit), zero: c.Zero, copy: c.Copy,
		source: c.Source, low: c.Reserve}
	if p.zero == nil {
		p.zero = func(q *Page) { *q = Page{} }
	}
	if p.copy == nil {
		p.copy = func(dst, src *Page) { *dst = *src }
	}
	return p
}

// Page returns the content of frame f.
func (p *Pool) Page(f PFN) *Page { return (*Page)(unsafe.Add(p.base, uintptr(f)<<Shift)) }

// Pages returns the content of n frames from f on, which lie one behind another.
func (p *Pool) Pages(f PFN, n int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(p.base, uintptr(f)<<Shift)), n<<Shift)
}

// Zero clears frame f.
func (p *Pool) Zero(f PFN) { p.zero(p.Page(f)) }

// Copy copies frame src to frame dst.
func (p *Pool) Copy(dst, src PFN) { p.copy(p.Page(dst), p.Page(src)) }

// Alloc returns a frame of undefined content with one reference, or ENOMEM after the reclaimers had their chance.
func (p *Pool) Alloc(use Use) (PFN, error) {
	p.mu.Lock()
	f := p.head
	if f == 0 || p.failIn != 0 {
		p.mu.Unlock()
		return p.allocSlow(use)
	}
	p.popLocked(f, use)
	p.mu.Unlock()
	return f, nil
}

// AllocZeroed is Alloc for a cleared frame.
func (p *Pool) AllocZeroed(use Use) (PFN, error) {
	f, err := p.Alloc(use)
	if err == nil {
		p.zero(p.Page(f))
	}
	return f, err
}

// popLocked hands out the first free frame f.
func (p *Pool) popLocked(f PFN, use Use) {
	p.head = PFN(atomic.LoadUint32(&p.refs[f]) &^ freeBit)
	p.nfree--
	atomic.StoreUint32(&p.refs[f], 1)
	p.uses[f] = use
	p.used[use]++
}

// allocSlow is Alloc when the pool has no free frame or a failure is to be injected.
func (p *Pool) allocSlow(use Use) (PFN, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failLocked() {
		return 0, abi.ENOMEM
	}
	if !p.wantLocked(1) {
		return 0, abi.ENOMEM
	}
	f := p.head
	p.popLocked(f, use)
	return f, nil
}

// failLocked reports whether the allocation that is under way is the one that a test wants to fail.
func (p *Pool) failLocked() bool {
	if p.failIn == 0 {
		return false
	}
	p.failIn--
	return p.failIn == 0
}

// wantLocked makes n frames free if it can, by the source and by the reclaimers. It drops the lock for the latter.
func (p *Pool) wantLocked(n int) bool {
	for try := 0; ; try++ {
		for p.nfree < n && p.refillLocked(n-p.nfree) {
		}
		if p.nfree >= n {
			return true
		}
		if try == reclaimTries {
			return false
		}
		need := max(n-p.nfree, batch)
		p.mu.Unlock()
		got := p.Reclaim(need)
		p.mu.Lock()
		if got == 0 && p.nfree < n {
			try = reclaimTries - 1
		}
	}
}

// reclaimTries is how often an allocation asks the reclaimers before it fails.
const reclaimTries = 4

// refillLocked takes up to a batch of frames from the source and reports whether it got any.
func (p *Pool) refillLocked(n int) bool {
	n = min(max(n, batch/2), batch, p.source.Free()-p.low)
	if n <= 0 {
		return false
	}
	n = p.source.Take(p.scratch[:n])
	for i := n - 1; i >= 0; i-- { // the first one is allocated first
		p.pushLocked(p.scratch[i])
	}
	return n > 0
}

// pushLocked puts f in front of the list of free frames.
func (p *Pool) pushLocked(f PFN) {
	atomic.StoreUint32(&p.refs[f], freeBit|uint32(p.head))
	p.head = f
	p.nfree++
}

// Ref adds a reference to f, which must have one.
func (p *Pool) Ref(f PFN) {
	if n := atomic.AddUint32(&p.refs[f], 1); n <= 1 || n >= freeBit {
		p.broken("Ref", f, n)
	}
}

// RefAll is Ref for many frames.
func (p *Pool) RefAll(frames []PFN) {
	for _, f := range frames {
		if n := atomic.AddUint32(&p.refs[f], 1); n <= 1 || n >= freeBit {
			p.broken("RefAll", f, n)
		}
	}
}

// Unref drops a reference to f and frees it with the last one.
func (p *Pool) Unref(f PFN) {
	switch n := atomic.AddUint32(&p.refs[f], ^uint32(0)); {
	case n == 0:
		p.free(f)
	case n >= freeBit-1:
		p.broken("Unref", f, n)
	}
}

// UnrefAll is Unref for many frames, at less cost. It begins with the last one, so that they are allocated again in the same
// order: a file whose frames lie one behind another is copied in one go.
func (p *Pool) UnrefAll(frames []PFN) {
	p.mu.Lock()
	for i := len(frames) - 1; i >= 0; i-- {
		f := frames[i]
		switch n := atomic.AddUint32(&p.refs[f], ^uint32(0)); {
		case n == 0:
			p.freeLocked(f)
		case n >= freeBit-1:
			p.mu.Unlock()
			p.broken("UnrefAll", f, n)
		}
	}
	p.mu.Unlock()
}

// Refs returns the number of references to f.
func (p *Pool) Refs(f PFN) int { return int(atomic.LoadUint32(&p.refs[f])) }

// Uses returns the use that f was allocated for.
func (p *Pool) Uses(f PFN) Use { return p.uses[f] }

// broken stops the kernel: a frame that is counted wrongly is, or will be, somebody else's.
func (p *Pool) broken(op string, f PFN, n uint32) {
	panic(fmt.Sprintf("frame: %s of frame %#x, which has no reference (count %#x)", op, uint32(f), n))
}

// free puts f, which has lost its last reference, in the list.
func (p *Pool) free(f PFN) {
	p.mu.Lock()
	p.freeLocked(f)
	p.mu.Unlock()
}

func (p *Pool) freeLocked(f PFN) {
	if p.acct.owners != nil {
		p.unchargeLocked(f)
	}
	p.used[p.uses[f]]--
	p.pushLocked(f)
	if p.nfree > highWater {
		p.drainLocked()
	}
}

// drainLocked gives a batch of free frames back to the source: the next one to be allocated last, so that the source, too, gives
// it first.
func (p *Pool) drainLocked() {
	at := batch
	for at > 0 && p.head != 0 {
		f := p.head
		p.head = PFN(atomic.LoadUint32(&p.refs[f]) &^ freeBit)
		at--
		p.scratch[at] = f
	}
	p.nfree -= batch - at
	p.source.Give(p.scratch[at:])
}

// Trim gives all free frames back to the source.
func (p *Pool) Trim() {
	p.mu.Lock()
	for p.nfree > 0 {
		p.drainLocked()
	}
	p.mu.Unlock()
}

// Adopt makes n frames from first on, which neither the pool nor its source knew, ordinary frames with one reference:
// the file system image that the boot loader left in memory becomes page cache without a copy.
func (p *Pool) Adopt(first PFN, n int, use Use) {
	p.mu.Lock()
	for f := first; f < first+PFN(n); f++ {
		atomic.StoreUint32(&p.refs[f], 1)
		p.uses[f] = use
	}
	p.used[use] += n
	p.adopted += n
	p.mu.Unlock()
}
