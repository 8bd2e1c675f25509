// Package eventfd has event counters (eventfd(2)).
package eventfd

import (
	"encoding/binary"
	"sync"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/scratch"
	"cleave/ns/user"
	"cleave/wait"
)

// most is the highest value of a counter that write(2) can reach.
const most = ^uint64(0) - 1

// Eventfd is a counter that writes add to and reads take from.
type Eventfd struct {
	fs.NoFile
	semaphore bool
	queue     wait.Queue
	buf       scratch.Slot[[8]byte]

	mu sync.Mutex
	n  uint64 // guarded by mu
}

// NewFile makes a counter with a first value. A read of a semaphore takes 1, else all (EFD_SEMAPHORE). flags: O_NONBLOCK.
func NewFile(v *fs.VFS, n uint32, semaphore bool, flags uint32, cred *user.Cred) *fs.File {
	e := &Eventfd{semaphore: semaphore, n: uint64(n)}
	return v.NewAnonFile(e, "anon_inode:[eventfd]", nil, flags|abi.O_RDWR, cred)
}

// Read takes from the counter and gives what it took as 8 bytes. EAGAIN: it is 0; EINVAL: less than 8 bytes of room.
func (e *Eventfd) Read(_ *fs.File, _ *fs.Caller, b fs.Buffer, _ int64) (int, error) {
	if b.Len() < 8 {
		return 0, abi.EINVAL
	}
	e.mu.Lock()
	n := e.n
	if n == 0 {
		e.mu.Unlock()
		return 0, abi.EAGAIN
	}
	if e.semaphore {
		n = 1
	}
	e.n -= n
	e.mu.Unlock()
	e.queue.Notify(wait.Writable)
	buf := e.buf.Take()
	binary.LittleEndian.PutUint64(buf[:], n)
	k, err := b.CopyOut(buf[:])
	e.buf.Give(buf)
	if err != nil {
		return 0, err
	}
	return k, nil
}

// Write adds an 8-byte number to the counter. EAGAIN: the sum would be too large; EINVAL: less than 8 bytes, or 2⁶⁴-1.
func (e *Eventfd) Write(_ *fs.File, _ *fs.Caller, b fs.Buffer, _ int64) (int, error) {
	if b.Len() < 8 {
		return 0, abi.EINVAL
	}
	buf := e.buf.Take()
	_, err := b.CopyIn(buf[:])
	n := binary.LittleEndian.Uint64(buf[:])
	e.buf.Give(buf)
	if err != nil {
		return 0, err
	}
	if err := e.Add(n); err != nil {
		return 0, err
	}
	return 8, nil
}

// Add adds n to the counter. Errors are those of Write.
func (e *Eventfd) Add(n uint64) error {
	if n > most {
		return abi.EINVAL
	}
	e.mu.Lock()
	if most-e.n < n {
		e.mu.Unlock()
		return abi.EAGAIN
	}
	e.n += n
	e.mu.Unlock()
	e.queue.Notify(wait.Readable)
	return nil
}

// Poll returns what can be done now.
func (e *Eventfd) Poll(*fs.File) wait.Events {
	e.mu.Lock()
	defer e.mu.Unlock()
	var ev wait.Events
	if e.n > 0 {
		ev |= wait.Readable
	}
	if e.n < most {
		ev |= wait.Writable
	}
	return ev
}

// Queue is where changes are notified.
func (e *Eventfd) Queue(*fs.File) *wait.Queue { return &e.queue }
