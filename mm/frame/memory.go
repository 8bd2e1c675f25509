package frame

import (
	"sync/atomic"

	"cleave/abi"
)

// Stats is a count of frames.
type Stats struct {
	Total    int // frames of the machine that the pool or its source governs
	Free     int // frames that nobody uses, in the pool and in its source
	Reserved int // frames that reservations hold; they are neither free nor used
	Used     [NumUses]int
}

// InUse returns the number of frames that have references, over all uses. A test compares it before and after.
func (s Stats) InUse() int {
	n := 0
	for _, u := range s.Used {
		n += u
	}
	return n
}

// Stats returns the counts of this moment.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{
		Total:    p.source.Total() + p.adopted,
		Free:     p.nfree + p.source.Free(),
		Reserved: p.reserved,
		Used:     p.used,
	}
}

// Short reports whether memory is so short that a caller should not take frames for mere speed.
func (p *Pool) Short() bool {
	p.mu.Lock()
	short := p.nfree < batch && p.nfree+p.source.Free()-p.low < 2*highWater
	p.mu.Unlock()
	return short
}

// AddReclaimer has r called when memory is short, after those that were added earlier.
func (p *Pool) AddReclaimer(r Reclaimer) {
	p.reclaimMu.Lock()
	p.reclaimers = append(p.reclaimers[:len(p.reclaimers):len(p.reclaimers)], r)
	p.reclaimMu.Unlock()
}

// Reclaim asks the reclaimers for n frames, in turn, and returns how many they freed.
func (p *Pool) Reclaim(n int) int {
	p.reclaimMu.Lock()
	rs := p.reclaimers
	p.reclaimMu.Unlock()
	p.reclaims.Add(1)
	got := 0
	for _, r := range rs {
		if got >= n {
			break
		}
		got += r(n - got)
	}
	return got
}

// Reclaims returns how often memory was so short that reclaimers were asked.
func (p *Pool) Reclaims() uint64 { return p.reclaims.Load() }

// FailAt makes the n-th allocation from now fail with ENOMEM, as if memory were short (a Reserve is one allocation);
// 0 takes that back. It returns what was left of the count that was set before: 0 if that failure has happened.
// It is for tests, which let every allocation of an operation fail in turn.
func (p *Pool) FailAt(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := p.failIn
	p.failIn = n
	return left
}

// Reservation is a number of frames that were set aside, so that a caller who must not fail midway does not. The zero
// value is an empty one. It is used by one goroutine at a time.
type Reservation struct {
	pool *Pool
	head PFN
	n    int
}

// Reserve sets n frames aside in r, which must be empty, or fails with ENOMEM and takes nothing.
func (p *Pool) Reserve(r *Reservation, n int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n > 0 && (p.failLocked() || !p.wantLocked(n)) {
		return abi.ENOMEM
	}
	*r = Reservation{pool: p, n: n}
	for range n {
		f := p.head
		p.head = PFN(atomic.LoadUint32(&p.refs[f]) &^ freeBit)
		atomic.StoreUint32(&p.refs[f], freeBit|uint32(r.head))
		r.head = f
	}
	p.nfree -= n
	p.reserved += n
	return nil
}

// Len returns how many frames are left.
func (r *Reservation) Len() int { return r.n }

// Alloc takes a frame of undefined content out of the reservation, which must not be empty.
func (r *Reservation) Alloc(use Use) PFN {
	p, f := r.pool, r.head
	if r.n == 0 {
		panic("frame: more frames taken than were reserved")
	}
	r.head = PFN(atomic.LoadUint32(&p.refs[f]) &^ freeBit)
	r.n--
	atomic.StoreUint32(&p.refs[f], 1)
	p.uses[f] = use
	p.mu.Lock()
	p.reserved--
	p.used[use]++
	p.mu.Unlock()
	return f
}

// AllocZeroed is Alloc for a cleared frame.
func (r *Reservation) AllocZeroed(use Use) PFN {
	f := r.Alloc(use)
	r.pool.Zero(f)
	return f
}

// Release gives back what is left.
func (r *Reservation) Release() {
	if r.n == 0 {
		return
	}
	p := r.pool
	p.mu.Lock()
	for r.n > 0 {
		f := r.head
		r.head = PFN(atomic.LoadUint32(&p.refs[f]) &^ freeBit)
		r.n--
		p.reserved--
		p.pushLocked(f)
	}
	for p.nfree > highWater {
		p.drainLocked()
	}
	p.mu.Unlock()
}
