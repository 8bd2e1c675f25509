package pipe

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/mm/frame"
	"cleave/wait"
)

// Read takes up to b.Len() bytes. EAGAIN: there are none yet; 0: there never will be, for no writer is left.
func (p *Pipe) Read(b fs.Buffer) (int, error) {
	p.mu.Lock()
	for p.reading {
		p.copied.Wait()
	}
	n := min(b.Len(), p.lenLocked())
	if n == 0 {
		ended := p.writers == 0 || b.Len() == 0
		p.mu.Unlock()
		if ended {
			return 0, nil
		}
		return 0, abi.EAGAIN
	}
	p.reading = true
	tail := p.tail
	p.mu.Unlock()

	done, err := p.copyOut(b, tail, n)

	p.mu.Lock()
	p.reading = false
	p.advanceLocked(uint32(done))
	room := p.freeLocked() >= atomicSize
	p.copied.Broadcast()
	p.mu.Unlock()
	if room {
		p.queue.Notify(wait.Writable)
	}
	if done > 0 {
		return done, nil
	}
	return 0, err
}

// copyOut copies n bytes from position pos on to the caller. The range is the reader's.
func (p *Pipe) copyOut(b fs.Buffer, pos uint32, n int) (int, error) {
	done := 0
	for done < n {
		off := pos % frame.Size
		page := p.pool.Page(*p.slot(pos))
		k, err := b.CopyOut(page[off:min(frame.Size, int(off)+n-done)])
		done += k
		pos += uint32(k)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// advanceLocked drops n bytes that have been read, and the pages that are done with. An empty pipe starts again at the
// first byte of the page it has, so that small messages always use the same memory.
func (p *Pipe) advanceLocked(n uint32) {
	end := p.tail + n
	for p.tail/frame.Size != end/frame.Size {
		start := p.tail &^ (frame.Size - 1)
		if int(p.claim-start) <= p.sizeLocked() { // else the newest bytes are at the start of the same page
			slot := p.slot(start)
			p.pool.Unref(*slot)
			*slot = 0
		}
		p.tail = start + frame.Size
	}
	p.tail = end
	if end == p.head && !p.writing {
		p.tail &^= frame.Size - 1
		p.head, p.claim = p.tail, p.tail
	}
}

// Write appends b. A write of up to 4096 bytes is done as a whole or not at all (EAGAIN); a larger one as far as there is
// room, with EAGAIN. EPIPE: there is no reader.
func (p *Pipe) Write(b fs.Buffer) (int, error) {
	p.mu.Lock()
	for p.writing {
		p.copied.Wait()
	}
	want := b.Len()
	n := min(want, p.freeLocked())
	var err error
	switch {
	case want == 0:
		p.mu.Unlock()
		return 0, nil
	case p.readers == 0:
		err = abi.EPIPE
	case n == 0, n < want && want <= atomicSize:
		err = abi.EAGAIN
	}
	if err != nil {
		p.mu.Unlock()
		return 0, err
	}
	p.writing = true
	head := p.head
	p.claim = head + uint32(n)
	p.mu.Unlock()

	done, err := p.copyIn(b, head, n)

	p.mu.Lock()
	p.writing = false
	p.head += uint32(done)
	p.claim = p.head
	p.copied.Broadcast()
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

// copyIn copies n bytes from the caller to position pos and on. The range is the writer's.
func (p *Pipe) copyIn(b fs.Buffer, pos uint32, n int) (int, error) {
	done := 0
	for done < n {
		slot := p.slot(pos)
		if *slot == 0 {
			f, err := p.pool.Alloc(frame.Kernel)
			if err != nil {
				return done, err
			}
			*slot = f
		}
		off := pos % frame.Size
		k, err := b.CopyIn(p.pool.Page(*slot)[off:min(frame.Size, int(off)+n-done)])
		done += k
		pos += uint32(k)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}
