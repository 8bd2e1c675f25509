// Package pipe has pipes and FIFOs (pipe(7), fifo(7)): a ring of page frames that a writer fills and a reader empties,
// each straight from and to its own memory.
package pipe

import (
	"math/bits"
	"sync"

	"cleave/abi"
	"cleave/mm/frame"
	"cleave/wait"
)

// Sizes of pipes in bytes (pipe(7)).
const (
	DefaultSize = 64 << 10
	MaxSize     = 1 << 20 // for who has no CAP_SYS_RESOURCE (/proc/sys/fs/pipe-max-size)
	limitSize   = 1 << 31
)

// atomicSize is PIPE_BUF: a write of as many bytes is never mixed with others, nor done in part.
const atomicSize = 4096

// Pipe is what both ends share. One reader and one writer may copy at a time, each with mu released: the reader works
// on [tail, head), the writer on what is free, and only mu moves head and tail.
type Pipe struct {
	pool  *frame.Pool
	queue wait.Queue

	mu         sync.Mutex
	pages      []frame.PFN // a ring, its length a power of two; 0: no frame there. Guarded by mu, as is what follows
	head, tail uint32      // bytes that were ever written and read, modulo 1<<32
	claim      uint32      // up to here a writer may be filling the ring; head if there is none
	readers    int         // open ends
	writers    int
	readerGen  uint32 // readers that ever came, which openers of a FIFO wait for
	writerGen  uint32
	reading    bool // somebody copies out of the ring
	writing    bool // somebody copies into it
	copied     sync.Cond
}

// New returns an empty pipe without ends, whose frames come from pool.
func New(pool *frame.Pool) *Pipe {
	p := &Pipe{pool: pool, pages: make([]frame.PFN, DefaultSize/frame.Size)}
	p.copied.L = &p.mu
	return p
}

func (p *Pipe) sizeLocked() int { return len(p.pages) * frame.Size }
func (p *Pipe) lenLocked() int  { return int(p.head - p.tail) }
func (p *Pipe) freeLocked() int { return p.sizeLocked() - p.lenLocked() }

// slot returns the frame that holds position pos.
func (p *Pipe) slot(pos uint32) *frame.PFN {
	return &p.pages[pos/frame.Size&uint32(len(p.pages)-1)]
}

// Size returns how many bytes fit (F_GETPIPE_SZ).
func (p *Pipe) Size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sizeLocked()
}

// Len returns how many bytes can be read (FIONREAD).
func (p *Pipe) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lenLocked()
}

// SetSize makes room for at least size bytes and returns for how many (F_SETPIPE_SZ). EBUSY: there is more in the pipe;
// EPERM: more than MaxSize without privilege; EINVAL; ENOMEM.
func (p *Pipe) SetSize(size uint32, privileged bool) (int, error) {
	if size > limitSize || size == 0 {
		return 0, abi.EINVAL
	}
	if size > MaxSize && !privileged {
		return 0, abi.EPERM
	}
	n := 1 << bits.Len32((size-1)/frame.Size)
	p.mu.Lock()
	for p.reading || p.writing {
		p.copied.Wait()
	}
	err := p.resizeLocked(n)
	p.mu.Unlock()
	if err != nil {
		return 0, err
	}
	p.queue.Notify(wait.Writable)
	return n * frame.Size, nil
}

// resizeLocked copies what is in the pipe to a new ring of n pages.
func (p *Pipe) resizeLocked(n int) error {
	size := p.lenLocked()
	if size > n*frame.Size {
		return abi.EBUSY
	}
	pages := make([]frame.PFN, n)
	for done := 0; done < size; {
		slot := &pages[done/frame.Size]
		if *slot == 0 {
			f, err := p.pool.Alloc(frame.Kernel)
			if err != nil {
				p.freeAll(pages)
				return err
			}
			*slot = f
		}
		from := p.tail + uint32(done)
		src := p.pool.Page(*p.slot(from))[from%frame.Size:]
		done += copy(p.pool.Page(*slot)[done%frame.Size:], src[:min(len(src), size-done)])
	}
	p.freeAll(p.pages)
	p.pages, p.tail, p.head, p.claim = pages, 0, uint32(size), uint32(size)
	return nil
}

func (p *Pipe) freeAll(pages []frame.PFN) {
	for i, f := range pages {
		if f != 0 {
			p.pool.Unref(f)
			pages[i] = 0
		}
	}
}

// emptyLocked frees what is in the pipe, which nobody uses any more.
func (p *Pipe) emptyLocked() {
	p.freeAll(p.pages)
	p.head, p.tail, p.claim = 0, 0, 0
}
