package pipe

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/wait"
)

// Blocked says what a splice waits for that gave EAGAIN.
type Blocked struct {
	File   *fs.File
	Events wait.Events
}

// transfer is one splice: from a file to another, of which at least one is a pipe.
type transfer struct {
	c             *fs.Caller
	in, out       *fs.File
	inOff, outOff *int64
	blocked       Blocked
}

// Splice moves up to n bytes from in to out, of which at least one is a pipe, at offsets or, if these are nil, at the
// files' positions (splice(2)). EAGAIN: what the Blocked says has to happen first. Other errors: EINVAL, ESPIPE, EBADF,
// EPIPE, and those of reading and writing.
func Splice(c *fs.Caller, in *fs.File, inOff *int64, out *fs.File, outOff *int64, n int) (int, Blocked, error) {
	from, to := Of(in), Of(out)
	switch {
	case !in.Readable() || !out.Writable():
		return 0, Blocked{}, abi.EBADF
	case from != nil && inOff != nil, to != nil && outOff != nil:
		return 0, Blocked{}, abi.ESPIPE
	case from == to: // the same pipe, or none
		return 0, Blocked{}, abi.EINVAL
	case to == nil && out.Flags()&abi.O_APPEND != 0:
		return 0, Blocked{}, abi.EINVAL
	case n == 0:
		return 0, Blocked{}, nil
	}
	t := &transfer{c: c, in: in, out: out, inOff: inOff, outOff: outOff}
	var done int
	var err error
	if from != nil {
		done, err = t.fromPipe(from, n, false)
	} else {
		done, err = t.toPipe(to, n)
	}
	if done > 0 {
		err = nil
	}
	return done, t.blocked, err
}

// Tee copies up to n bytes from one pipe to another and leaves them in the first (tee(2)). Errors are those of Splice.
func Tee(c *fs.Caller, in, out *fs.File, n int) (int, Blocked, error) {
	from, to := Of(in), Of(out)
	switch {
	case !in.Readable() || !out.Writable():
		return 0, Blocked{}, abi.EBADF
	case from == nil, to == nil, from == to:
		return 0, Blocked{}, abi.EINVAL
	case n == 0:
		return 0, Blocked{}, nil
	}
	t := &transfer{c: c, in: in, out: out}
	done, err := t.fromPipe(from, n, true)
	if done > 0 {
		err = nil
	}
	return done, t.blocked, err
}

// fromPipe has out written from the pages of the pipe p.
func (t *transfer) fromPipe(p *Pipe, n int, keep bool) (int, error) {
	p.mu.Lock()
	p.ring.AwaitReader()
	n = min(n, p.ring.Len())
	if n == 0 {
		ended := p.writers == 0
		p.mu.Unlock()
		if ended {
			return 0, nil
		}
		t.blocked = Blocked{t.in, wait.In}
		return 0, abi.EAGAIN
	}
	p.ring.StartRead()
	p.mu.Unlock()
	done, err := t.write(p.ring.Source(n))
	if err == abi.EAGAIN {
		t.blocked = Blocked{t.out, wait.Out}
	}
	drop := done
	if keep {
		drop = 0
	}
	p.mu.Lock()
	p.ring.EndRead(drop)
	room := p.ring.Free() >= atomicSize
	p.mu.Unlock()
	if room && !keep {
		p.queue.Notify(wait.Writable)
	}
	return done, err
}

func (t *transfer) write(b fs.Buffer) (int, error) {
	if to := Of(t.out); to != nil {
		return to.writeSome(b)
	}
	if t.outOff == nil {
		return t.c.Write(t.out, b)
	}
	n, err := t.c.Pwrite(t.out, b, *t.outOff)
	*t.outOff += int64(n)
	return n, err
}

// writeSome is Write that takes a part of b, however small b is, if not all of it fits.
func (p *Pipe) writeSome(b fs.Buffer) (int, error) {
	return p.fill(b.Len(), func(n int) (int, error) { return p.ring.CopyIn(b, n) })
}

// toPipe has in read into the pages of the pipe p.
func (t *transfer) toPipe(p *Pipe, n int) (int, error) {
	full := true
	done, err := p.fill(n, func(n int) (int, error) {
		full = false
		return t.read(p.ring.Sink(n))
	})
	if err == abi.EAGAIN {
		t.blocked = Blocked{t.in, wait.In}
		if full {
			t.blocked = Blocked{t.out, wait.Out}
		}
	}
	return done, err
}

func (t *transfer) read(b fs.Buffer) (int, error) {
	if t.inOff == nil {
		return t.c.Read(t.in, b)
	}
	n, err := t.c.Pread(t.in, b, *t.inOff)
	*t.inOff += int64(n)
	return n, err
}

// fill has f put up to n bytes at the end of the pipe. EAGAIN: there is no room; EPIPE: there is no reader.
func (p *Pipe) fill(n int, f func(n int) (int, error)) (int, error) {
	p.mu.Lock()
	p.ring.AwaitWriter()
	n = min(n, p.ring.Free())
	var err error
	switch {
	case p.readers == 0:
		err = abi.EPIPE
	case n == 0:
		err = abi.EAGAIN
	}
	if err != nil {
		p.mu.Unlock()
		return 0, err
	}
	p.ring.StartWrite(n)
	p.mu.Unlock()
	done, err := f(n)
	p.mu.Lock()
	p.ring.EndWrite(done)
	p.mu.Unlock()
	if done > 0 {
		p.queue.Notify(wait.Readable)
	}
	return done, err
}
