// Package ring has a queue of bytes in page frames, which pipes and sockets are made of: bytes go from the writer's
// memory into a frame and from there into the reader's, with no lock held meanwhile.
package ring

import (
	"sync"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm/frame"
)

// Ring is a queue of bytes. Its owner's mutex guards it; one reader and one writer may copy at a time, with that mutex
// released: the reader works on the first bytes, the writer on what is free, and only Start and End move the borders.
type Ring struct {
	pool  *frame.Pool
	mu    *sync.Mutex
	pages []frame.PFN // a ring, its length a power of two; 0: no frame there

	head, tail uint32 // bytes that were ever written and read, modulo 1<<32
	claim      uint32 // up to here a writer may be filling the ring; head if there is none

	reading, writing bool
	waiters          int       // who waits for idle
	idle             sync.Cond // a reader or a writer is done
}

// Init makes r an empty queue for size bytes, which is a power of two and a multiple of the page size. Frames come from
// pool when they are needed; mu is the owner's mutex.
func (r *Ring) Init(pool *frame.Pool, mu *sync.Mutex, size int) {
	r.pool, r.mu = pool, mu
	r.pages = make([]frame.PFN, size/frame.Size)
	r.idle.L = mu
}

// Size returns how many bytes fit, Len how many are there, Free for how many there is room. All methods from here on are
// called with the owner's mutex held but for CopyIn and CopyOut.
func (r *Ring) Size() int { return len(r.pages) * frame.Size }

// Len returns how many bytes are in the queue.
func (r *Ring) Len() int { return int(r.head - r.tail) }

// Free returns how many bytes more fit.
func (r *Ring) Free() int { return r.Size() - r.Len() }

// slot returns the frame that holds position pos.
func (r *Ring) slot(pos uint32) *frame.PFN {
	return &r.pages[pos/frame.Size&uint32(len(r.pages)-1)]
}

// AwaitReader waits until nobody copies out. It releases the mutex meanwhile.
func (r *Ring) AwaitReader() {
	for r.reading {
		r.wait()
	}
}

// AwaitWriter waits until nobody copies in. It releases the mutex meanwhile.
func (r *Ring) AwaitWriter() {
	for r.writing {
		r.wait()
	}
}

func (r *Ring) wait() {
	r.waiters++
	r.idle.Wait()
	r.waiters--
}

// done tells those who wait for a reader or writer to end.
func (r *Ring) done() {
	if r.waiters > 0 {
		r.idle.Broadcast()
	}
}

// StartRead makes the caller the reader, after AwaitReader and before CopyOut.
func (r *Ring) StartRead() { r.reading = true }

// CopyOut copies n bytes, from the off-th on, to b. The caller is the reader and does not hold the mutex.
func (r *Ring) CopyOut(b fs.Buffer, off, n int) (int, error) {
	done := 0
	for pos := r.tail + uint32(off); done < n; {
		in := pos % frame.Size
		k, err := b.CopyOut(r.pool.Page(*r.slot(pos))[in:min(frame.Size, int(in)+n-done)])
		done += k
		pos += uint32(k)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// EndRead ends the reader's turn and drops the first n bytes, and the pages that are done with. An empty queue starts
// again at the first byte of the page it has, so that small messages always use the same memory.
func (r *Ring) EndRead(n int) {
	r.reading = false
	end := r.tail + uint32(n)
	for r.tail/frame.Size != end/frame.Size {
		start := r.tail &^ (frame.Size - 1)
		if int(r.claim-start) <= r.Size() { // else the newest bytes are at the start of the same page
			slot := r.slot(start)
			r.pool.Unref(*slot)
			*slot = 0
		}
		r.tail = start + frame.Size
	}
	r.tail = end
	if end == r.head && !r.writing {
		r.tail &^= frame.Size - 1
		r.head, r.claim = r.tail, r.tail
	}
	r.done()
}

// StartWrite makes the caller the writer of up to n bytes, which are free, after AwaitWriter and before CopyIn.
func (r *Ring) StartWrite(n int) {
	r.writing = true
	r.claim = r.head + uint32(n)
}

// CopyIn copies n bytes from b to the end of the queue. The caller is the writer and does not hold the mutex. ENOMEM, or
// an error of b; the bytes before it count.
func (r *Ring) CopyIn(b fs.Buffer, n int) (int, error) {
	done := 0
	for pos := r.head; done < n; {
		page, err := r.page(pos)
		if err != nil {
			return done, err
		}
		k, err := b.CopyIn(page[:min(len(page), n-done)])
		done += k
		pos += uint32(k)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// EndWrite ends the writer's turn; the first n bytes that it copied are in the queue.
func (r *Ring) EndWrite(n int) {
	r.writing = false
	r.head += uint32(n)
	r.claim = r.head
	r.done()
}

// Resize changes the size, as Init. What is in the queue is copied. EBUSY: it would not fit; ENOMEM.
func (r *Ring) Resize(size int) error {
	r.AwaitIdle()
	length := r.Len()
	if length > size {
		return abi.EBUSY
	}
	pages := make([]frame.PFN, size/frame.Size)
	for done := 0; done < length; {
		slot := &pages[done/frame.Size]
		if *slot == 0 {
			f, err := r.pool.Alloc(frame.Kernel)
			if err != nil {
				r.free(pages)
				return err
			}
			*slot = f
		}
		from := r.tail + uint32(done)
		src := r.pool.Page(*r.slot(from))[from%frame.Size:]
		done += copy(r.pool.Page(*slot)[done%frame.Size:], src[:min(len(src), length-done)])
	}
	r.free(r.pages)
	r.pages, r.tail, r.head, r.claim = pages, 0, uint32(length), uint32(length)
	return nil
}

func (r *Ring) free(pages []frame.PFN) {
	for i, f := range pages {
		if f != 0 {
			r.pool.Unref(f)
			pages[i] = 0
		}
	}
}

// Clear empties the queue and gives its frames back. Nobody may be copying.
func (r *Ring) Clear() {
	r.free(r.pages)
	r.head, r.tail, r.claim = 0, 0, 0
}

// AwaitIdle waits until nobody copies, in or out. It releases the mutex meanwhile.
func (r *Ring) AwaitIdle() {
	for r.reading || r.writing {
		r.wait()
	}
}
