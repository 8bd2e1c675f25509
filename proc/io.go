package proc

import (
	"time"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/poll"
	"cleave/mm"
	"cleave/wait"
)

// ioState is what a task keeps for its system calls on files, so that they allocate nothing.
type ioState struct {
	buf   mm.UserBuffer
	iov   [8]mm.Iovec
	paths [2]*[abi.PathMax]byte
	poll  poll.Set
	attr  fs.Attr
}

// Buffer is n bytes of the task's memory, as file operations take them. It is the task's only one: valid until the next
// call of Buffer or Vector. EFAULT: not all of it is user memory.
func (t *Task) Buffer(addr, n uint32) (*mm.UserBuffer, error) {
	err := t.io.buf.Init(t.mm, addr, n)
	return &t.io.buf, err
}

// Vector is like Buffer for several pieces. EINVAL: too many, or too long; EFAULT.
func (t *Task) Vector(iov []mm.Iovec) (*mm.UserBuffer, error) {
	err := t.io.buf.InitVec(t.mm, iov)
	return &t.io.buf, err
}

// Iovecs returns room for n pieces, to be given to Vector.
func (t *Task) Iovecs(n int) []mm.Iovec {
	if n <= len(t.io.iov) {
		return t.io.iov[:n]
	}
	return make([]mm.Iovec, n)
}

// PathBuffer returns room for a path. There are two, 0 and 1, for calls with two paths.
func (t *Task) PathBuffer(i int) []byte {
	if t.io.paths[i] == nil {
		t.io.paths[i] = new([abi.PathMax]byte)
	}
	return t.io.paths[i][:]
}

// PollSet returns the task's set of files for poll(2) and select(2), which is empty.
func (t *Task) PollSet() *poll.Set { return &t.io.poll }

// Attr returns room for the attributes of a file, for the calls that stat.
func (t *Task) Attr() *fs.Attr { return &t.io.attr }

// WaitEntry returns the entry with which the task waits on one queue; it is not in use between system calls.
func (t *Task) WaitEntry() *wait.Entry { return &t.entry }

// ioOp is a direction and a place.
type ioOp int

const (
	opRead ioOp = iota
	opWrite
	opPread
	opPwrite
)

// Read is read(2) and readv(2): it waits for data unless the file has O_NONBLOCK.
func (t *Task) Read(f *fs.File, b fs.Buffer) (int, error) {
	n, err := t.Caller.Read(f, b)
	if err != nil {
		return t.failed(opRead, f, b, 0, n, err)
	}
	return n, nil
}

// Write is write(2) and writev(2): it waits for room unless the file has O_NONBLOCK. EPIPE comes with SIGPIPE.
func (t *Task) Write(f *fs.File, b fs.Buffer) (int, error) {
	n, err := t.Caller.Write(f, b)
	if err != nil {
		return t.failed(opWrite, f, b, 0, n, err)
	}
	return n, nil
}

// Pread is Read at an offset, which leaves the file's position alone.
func (t *Task) Pread(f *fs.File, b fs.Buffer, off int64) (int, error) {
	n, err := t.Caller.Pread(f, b, off)
	if err != nil {
		return t.failed(opPread, f, b, off, n, err)
	}
	return n, nil
}

// Pwrite is Write at an offset.
func (t *Task) Pwrite(f *fs.File, b fs.Buffer, off int64) (int, error) {
	n, err := t.Caller.Pwrite(f, b, off)
	if err != nil {
		return t.failed(opPwrite, f, b, off, n, err)
	}
	return n, nil
}

func (t *Task) once(op ioOp, f *fs.File, b fs.Buffer, off int64) (int, error) {
	switch op {
	case opRead:
		return t.Caller.Read(f, b)
	case opWrite:
		return t.Caller.Write(f, b)
	case opPread:
		return t.Caller.Pread(f, b, off)
	}
	return t.Caller.Pwrite(f, b, off)
}

// failed goes on with a transfer that has moved n bytes and then failed.
func (t *Task) failed(op ioOp, f *fs.File, b fs.Buffer, off int64, n int, err error) (int, error) {
	e, _ := err.(abi.Errno) // which is compared faster
	if e == abi.EAGAIN && !f.Nonblock() {
		n, err = t.transferSlow(op, f, b, off, n)
		e, _ = err.(abi.Errno)
	}
	if e == abi.EPIPE {
		t.BrokenPipe()
	}
	if n > 0 {
		return n, nil
	}
	return 0, err
}

// transferSlow goes on with a transfer that has moved n bytes and would block.
func (t *Task) transferSlow(op ioOp, f *fs.File, b fs.Buffer, off int64, n int) (int, error) {
	q := f.Ops.Queue(f)
	if q == nil {
		return n, abi.EAGAIN
	}
	ev := wait.Readable
	if op == opWrite || op == opPwrite {
		ev = wait.Writable
	}
	deadline := t.ioDeadline(f, ev)
	t.entry.L, t.entry.Mask = t, ev
	q.Register(&t.entry)
	var err error
	for {
		var k int
		k, err = t.once(op, f, b, off+int64(n))
		n += k
		if e, _ := err.(abi.Errno); e != abi.EAGAIN {
			break
		}
		if err = t.Block(deadline); err != nil {
			break
		}
	}
	q.Unregister(&t.entry)
	if err == abi.ETIMEDOUT {
		err = abi.EAGAIN // SO_RCVTIMEO and SO_SNDTIMEO end like this (socket(7))
	}
	return n, err
}

// timeouts is implemented by files that limit how long a transfer may block: sockets. 0 is no limit.
type timeouts interface {
	RecvTimeout() time.Duration
	SendTimeout() time.Duration
}

// ioDeadline returns when a transfer gives up, on the monotonic clock; 0: never.
func (t *Task) ioDeadline(f *fs.File, ev wait.Events) int64 {
	s, ok := f.Ops.(timeouts)
	if !ok {
		return 0
	}
	limit := s.RecvTimeout()
	if ev == wait.Writable {
		limit = s.SendTimeout()
	}
	if limit == 0 {
		return 0
	}
	return t.k.Clock.Monotonic() + int64(limit)
}

// Await calls op until it gives something else than EAGAIN, and waits for ev of f in between unless f has O_NONBLOCK.
// It is for operations that are neither Read nor Write.
func (t *Task) Await(f *fs.File, ev wait.Events, op func() error) error {
	if f.Nonblock() {
		return op()
	}
	err := t.Retry(f.Ops.Queue(f), ev, t.ioDeadline(f, ev), op)
	if err == abi.ETIMEDOUT {
		return abi.EAGAIN
	}
	return err
}

// Open is openat2(2): it waits for the peer of a FIFO.
func (t *Task) Open(dirfd int, path []byte, how fs.OpenHow) (*fs.File, error) {
	f, err := t.Caller.Open(dirfd, path, how)
	if err != abi.EAGAIN || f == nil {
		return f, err
	}
	slow, ok := f.Ops.(fs.SlowOpener)
	if !ok {
		return f, nil
	}
	err = t.Retry(f.Ops.Queue(f), wait.All, 0, func() error { return slow.OpenReady(f) })
	if err != nil {
		f.Put()
		return nil, err
	}
	return f, nil
}
