// Package pipe has pipes and FIFOs (pipe(7), fifo(7)): a ring of page frames that a writer fills and a reader empties,
// each straight from and to its own memory.
package pipe

import (
	"math/bits"
	"sync"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/ring"
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

// Pipe is what both ends share.
type Pipe struct {
	queue   wait.Queue
	unnamed bool // made by pipe(2): no opener waits for the other side

	mu        sync.Mutex
	ring      ring.Ring // guarded by mu, as is what follows
	readers   int       // open ends
	writers   int
	readerGen uint32 // readers that ever came, which openers of a FIFO wait for
	writerGen uint32
}

// New returns an empty pipe without ends, whose frames come from pool.
func New(pool *frame.Pool) *Pipe {
	p := &Pipe{}
	p.ring.Init(pool, &p.mu, DefaultSize)
	return p
}

// Size returns how many bytes fit (F_GETPIPE_SZ).
func (p *Pipe) Size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ring.Size()
}

// Len returns how many bytes can be read (FIONREAD).
func (p *Pipe) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ring.Len()
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
	n := frame.Size << bits.Len32((size-1)/frame.Size)
	p.mu.Lock()
	err := p.ring.Resize(n)
	p.mu.Unlock()
	if err != nil {
		return 0, err
	}
	p.queue.Notify(wait.Writable)
	return n, nil
}

// Read takes up to b.Len() bytes. EAGAIN: there are none yet; 0: there never will be, for no writer is left.
func (p *Pipe) Read(b fs.Buffer) (int, error) {
	p.mu.Lock()
	p.ring.AwaitReader()
	n := min(b.Len(), p.ring.Len())
	if n == 0 {
		ended := p.writers == 0 || b.Len() == 0
		p.mu.Unlock()
		if ended {
			return 0, nil
		}
		return 0, abi.EAGAIN
	}
	p.ring.StartRead()
	p.mu.Unlock()
	done, err := p.ring.CopyOut(b, 0, n)
	p.mu.Lock()
	p.ring.EndRead(done)
	room := p.ring.Free() >= atomicSize
	p.mu.Unlock()
	if room {
		p.queue.Notify(wait.Writable)
	}
	if done > 0 {
		return done, nil
	}
	return 0, err
}

// Write appends b. A write of up to 4096 bytes is done as a whole or not at all (EAGAIN); a larger one as far as there is
// room, with EAGAIN. EPIPE: there is no reader.
func (p *Pipe) Write(b fs.Buffer) (int, error) {
	want := b.Len()
	if want == 0 {
		return 0, nil
	}
	p.mu.Lock()
	p.ring.AwaitWriter()
	n := min(want, p.ring.Free())
	var err error
	switch {
	case p.readers == 0:
		err = abi.EPIPE
	case n == 0, n < want && want <= atomicSize:
		err = abi.EAGAIN
	}
	if err != nil {
		p.mu.Unlock()
		return 0, err
	}
	p.ring.StartWrite(n)
	p.mu.Unlock()
	done, err := p.ring.CopyIn(b, n)
	p.mu.Lock()
	p.ring.EndWrite(done)
	p.mu.Unlock()
	if done == 0 {
		return 0, err
	}
	p.queue.Notify(wait.Readable)
	if done == n && n < want {
		return done, abi.EAGAIN
	}
	return done, nil
}
