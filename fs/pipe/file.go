package pipe

import (
	"encoding/binary"
	"strconv"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
	"cleave/wait"
)

// end is a pipe as one open file sees it.
type end struct {
	fs.NoFile
	p    *Pipe
	i    *fs.Inode // its Private slot holds p while an end is open
	mode uint8     // reads, writes
	// seen is, for an opener of a FIFO, how many had ever come to the other side when it came, but for one that is there:
	// a reader that no writer has joined yet sees no hang-up.
	seen uint32
	// waits says that the open is not over until another comes.
	waits bool
}

// Bits of end.mode.
const (
	reads  = 1
	writes = 2
)

// NewPair makes a pipe and returns its ends (pipe2(2)). flags: O_NONBLOCK; other bits are EINVAL.
// DIVERGES: there are no packet pipes (O_DIRECT).
func NewPair(v *fs.VFS, flags uint32, cred *user.Cred) (r, w *fs.File, err error) {
	if flags&^abi.O_NONBLOCK != 0 {
		return nil, nil, abi.EINVAL
	}
	p := New(v.Pool)
	p.readers, p.writers = 1, 1
	p.unnamed = true
	i := v.NewAnonInode(abi.S_IFIFO|0o600, cred)
	i.Private(func(any) any { return p }) // for who opens it again by way of /proc/PID/fd
	name := "pipe:[" + strconv.FormatUint(i.Ino(), 10) + "]"
	r = v.NewAnonFile(&end{p: p, i: i, mode: reads}, name, i, flags|abi.O_RDONLY, cred)
	w = v.NewAnonFile(&end{p: p, i: i, mode: writes}, name, i, flags|abi.O_WRONLY, cred)
	return r, w, nil
}

// Register makes v open FIFOs.
func Register(v *fs.VFS) {
	v.OpenFIFO = func(f *fs.File, _ *fs.Caller) error { return openFIFO(v, f) }
}

// openFIFO opens a FIFO (fifo(7)). ENXIO: for writing, with O_NONBLOCK, and nobody reads.
func openFIFO(v *fs.VFS, f *fs.File) error {
	e := &end{i: f.Inode()}
	if f.Readable() {
		e.mode |= reads
	}
	if f.Writable() {
		e.mode |= writes
	}
	var err error
	f.Inode().Private(func(old any) any {
		p, ok := old.(*Pipe)
		if !ok {
			p = New(v.Pool)
		}
		e.p = p
		p.mu.Lock()
		defer p.mu.Unlock()
		if e.mode == writes && p.readers == 0 && f.Nonblock() {
			err = abi.ENXIO
			return old
		}
		e.joinLocked(!f.Nonblock() && !p.unnamed)
		return p
	})
	if err != nil {
		return err
	}
	f.Ops = e
	e.p.queue.Notify(wait.Readable | wait.Writable)
	return nil
}

// joinLocked counts the end and notes whom its opener waits for, if it may wait.
func (e *end) joinLocked(mayWait bool) {
	p := e.p
	e.seen = p.writerGen
	if e.mode == writes {
		e.seen = p.readerGen
	}
	if e.mode == reads && p.writers > 0 {
		e.seen--
	}
	if e.mode&reads != 0 {
		p.readers++
		p.readerGen++
		e.waits = mayWait && e.mode == reads && p.writers == 0
	}
	if e.mode&writes != 0 {
		p.writers++
		p.writerGen++
		e.waits = mayWait && e.mode == writes && p.readers == 0
	}
}

// OpenReady says whether somebody has come to the other side of a FIFO since the open began.
func (e *end) OpenReady(*fs.File) error {
	if !e.waits {
		return nil
	}
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	if e.mode == reads && e.p.writerGen == e.seen || e.mode == writes && e.p.readerGen == e.seen {
		return abi.EAGAIN
	}
	e.waits = false
	return nil
}

// Release closes the end.
func (e *end) Release(*fs.File) {
	e.i.Private(func(old any) any {
		if e.leave() {
			return nil
		}
		return old
	})
}

// leave drops the end and reports whether it was the last. With the last, what is in the pipe goes.
func (e *end) leave() (last bool) {
	p := e.p
	p.mu.Lock()
	if e.mode&reads != 0 {
		p.readers--
	}
	if e.mode&writes != 0 {
		p.writers--
	}
	var ev wait.Events
	if p.readers == 0 {
		ev |= wait.Err | wait.Writable
	}
	if p.writers == 0 {
		ev |= wait.Hup | wait.Readable
	}
	last = p.readers+p.writers == 0
	if last {
		p.ring.Clear()
	}
	p.mu.Unlock()
	if ev != 0 && !last {
		p.queue.Notify(ev)
	}
	return last
}

// Read reads from the pipe.
func (e *end) Read(_ *fs.File, _ *fs.Caller, b fs.Buffer, _ int64) (int, error) { return e.p.Read(b) }

// Write writes to it.
func (e *end) Write(_ *fs.File, _ *fs.Caller, b fs.Buffer, _ int64) (int, error) { return e.p.Write(b) }

// Poll returns what can be done now. A reader sees a hang-up when no writer is left, but not before the first came.
func (e *end) Poll(*fs.File) wait.Events {
	p := e.p
	var ev wait.Events
	p.mu.Lock()
	if e.mode&reads != 0 {
		if p.ring.Len() > 0 {
			ev |= wait.Readable
		}
		if p.writers == 0 && (p.unnamed || e.seen != p.writerGen) {
			ev |= wait.Hup
		}
	}
	if e.mode&writes != 0 {
		if p.ring.Free() >= atomicSize {
			ev |= wait.Writable
		}
		if p.readers == 0 {
			ev |= wait.Err
		}
	}
	p.mu.Unlock()
	return ev
}

// Queue is where changes are notified.
func (e *end) Queue(*fs.File) *wait.Queue { return &e.p.queue }

// Ioctl knows FIONREAD.
func (e *end) Ioctl(_ *fs.File, _ *fs.Caller, cmd, arg uint32, m fs.UserMemory) (uint32, error) {
	if cmd != abi.FIONREAD {
		return 0, abi.ENOTTY
	}
	return 0, m.CopyOut(arg, binary.LittleEndian.AppendUint32(nil, uint32(e.p.Len())))
}

// Of returns the pipe that f is an end of, nil if it is none.
func Of(f *fs.File) *Pipe {
	if e, ok := f.Ops.(*end); ok {
		return e.p
	}
	return nil
}
