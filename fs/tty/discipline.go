package tty

import (
	"math/bits"

	"cleave/abi"
)

// Discipline is the line discipline N_TTY (termios(3)): what the keyboard sends goes in by Receive and comes out, edited
// or not, by Read; what a program writes goes in by Write and comes out, with the echo, by Output. It is a pure state
// machine: it knows no locks, no tasks and no device. What has to be done about a byte is left in its effects.
type Discipline struct {
	T abi.Termios // to be changed by SetTermios only

	in    ring
	canon uint32                 // complete lines end here: in.tail <= canon <= in.head
	ends  [inputSize / 64]uint64 // bit i: in.buf[i] ends a line; if it is 0, it stands for the EOF character
	echo  echoState
	out   ring
	limit uint32 // while stopped: the place in out up to which output goes

	literal bool // the next byte is data, after VLNEXT
	erasing bool // between the \ and the / of ECHOPRT
	stopped bool // by VSTOP or by a program
	effects Effects
}

// echoState is where the cursor is, which tabs and their erasure need.
type echoState struct {
	column uint32 // of the cursor
	start  uint32 // column in which the unfinished input line began
}

// Effects is what the bytes that a Discipline has been given call for.
type Effects struct {
	Signals  uint32 // bit n: signal n to the foreground process group
	Readable bool   // a reader may go on
	Room     bool   // there may be room for input again
	Writable bool   // a writer may go on
	Output   bool   // there may be output for the port
	Packet   uint8  // TIOCPKT_ bits that the master should see
}

func (e *Effects) add(f Effects) {
	e.Signals |= f.Signals
	e.Readable = e.Readable || f.Readable
	e.Room = e.Room || f.Room
	e.Writable = e.Writable || f.Writable
	e.Output = e.Output || f.Output
	e.Packet |= f.Packet
}

// echoReserve is what Write leaves free of the output ring, so that echo has a place while a program writes.
const echoReserve = 256

// Init gives d the settings t and empties it.
func (d *Discipline) Init(t *abi.Termios) {
	*d = Discipline{T: *t, in: ring{size: inputSize, buf: d.in.buf}, out: ring{size: outputSize, buf: d.out.buf}}
}

// Take returns the effects since the last call.
func (d *Discipline) Take() Effects {
	e := d.effects
	d.effects = Effects{}
	return e
}

func (d *Discipline) iflag(f uint32) bool { return d.T.Iflag&f != 0 }
func (d *Discipline) oflag(f uint32) bool { return d.T.Oflag&f != 0 }
func (d *Discipline) lflag(f uint32) bool { return d.T.Lflag&f != 0 }

// is reports whether c is the control character with index i. The value 0 (_POSIX_VDISABLE) turns it off.
func (d *Discipline) is(c byte, i int) bool { return c == d.T.Cc[i] && c != 0 }

func (d *Discipline) markEnd(i uint32)    { d.ends[i%inputSize/64] |= 1 << (i % 64) }
func (d *Discipline) isEnd(i uint32) bool { return d.ends[i%inputSize/64]>>(i%64)&1 != 0 }
func (d *Discipline) clearEnd(i uint32)   { d.ends[i%inputSize/64] &^= 1 << (i % 64) }

// nextEnd returns the place of the first line end from tail on, and canon if there is none before.
func (d *Discipline) nextEnd() uint32 {
	for i := d.in.tail; i != d.canon; {
		if w := d.ends[i%inputSize/64] >> (i % 64); w != 0 {
			i += uint32(bits.TrailingZeros64(w))
			if i-d.in.tail < d.canon-d.in.tail {
				return i
			}
			return d.canon
		}
		step := 64 - i%64
		if step >= d.canon-i {
			return d.canon
		}
		i += step
	}
	return d.canon
}

// Available returns how many bytes can be read: those of complete lines (an EOF counts none) in canonical mode, all
// otherwise (FIONREAD).
func (d *Discipline) Available() int {
	if !d.lflag(abi.ICANON) {
		return d.in.len()
	}
	n := 0
	for i := d.in.tail; i != d.canon; i++ {
		if !d.isEnd(i) || d.in.at(i) != 0 {
			n++
		}
	}
	return n
}

// Ready reports whether a Read that wants at least least bytes would return: in canonical mode a line (or EOF) is
// complete, otherwise there are least bytes.
func (d *Discipline) Ready(least int) bool {
	if d.lflag(abi.ICANON) {
		return d.canon != d.in.tail
	}
	return d.in.len() >= least
}

// Read takes input into p. In canonical mode it stops at the end of a line, which it includes, and at EOF, which it
// takes but leaves out; more tells that the line goes on. A line whose last byte fits exactly takes its EOF along.
func (d *Discipline) Read(p []byte) (n int, more bool) {
	d.effects.Room = true
	if !d.lflag(abi.ICANON) {
		return d.in.read(p, len(p)), d.in.len() > 0
	}
	if d.canon == d.in.tail {
		return 0, false
	}
	end := d.nextEnd()
	n = d.in.read(p, int(end-d.in.tail))
	if d.in.tail != end {
		return n, true
	}
	if c := d.in.at(end); c != 0 {
		if n == len(p) {
			return n, true
		}
		p[n] = c
		n++
	}
	d.clearEnd(end)
	d.in.tail++
	return n, false
}

// SetTermios changes the settings. What is in the buffer when canonical mode is turned on becomes a line, and an EOF that was
// typed last before the mode changed is one again.
func (d *Discipline) SetTermios(t *abi.Termios) {
	old := d.T
	d.T = *t
	if (old.Lflag^t.Lflag)&abi.ICANON != 0 {
		d.ends = [inputSize / 64]uint64{}
		d.canon = d.in.tail
		if t.Lflag&abi.ICANON != 0 && d.in.len() > 0 {
			d.canon = d.in.head
			d.markEnd(d.in.head - 1)
		}
		d.literal, d.erasing = false, false
	}
	if !d.iflag(abi.IXON) && old.Iflag&abi.IXON != 0 {
		d.Start()
	}
	d.packetFlow(&old)
	d.effects.Readable = true
}

// packetFlow tells a master in packet mode whether it can do the flow control by ^S and ^Q itself (ioctl_tty(2)).
func (d *Discipline) packetFlow(old *abi.Termios) {
	flow := func(t *abi.Termios) bool {
		return t.Iflag&abi.IXON != 0 && t.Cc[abi.VSTOP] == 0x13 && t.Cc[abi.VSTART] == 0x11
	}
	switch was, is := flow(old), flow(&d.T); {
	case is && !was:
		d.packet(abi.TIOCPKT_DOSTOP, abi.TIOCPKT_NOSTOP)
	case was && !is:
		d.packet(abi.TIOCPKT_NOSTOP, abi.TIOCPKT_DOSTOP)
	}
}

func (d *Discipline) packet(set, clear uint8) {
	d.effects.Packet = d.effects.Packet&^clear | set
}

// FlushInput throws away what has not been read (TCIFLUSH).
func (d *Discipline) FlushInput() {
	d.in.clear()
	d.canon = d.in.tail
	d.ends = [inputSize / 64]uint64{}
	d.literal, d.erasing = false, false
	d.effects.Room = true
	d.packet(abi.TIOCPKT_FLUSHREAD, 0)
}

// FlushOutput throws away what has not been sent (TCOFLUSH).
func (d *Discipline) FlushOutput() {
	d.out.clear()
	d.limit = d.out.head
	d.packet(abi.TIOCPKT_FLUSHWRITE, 0)
	d.effects.Writable = true
}

// Stop holds the output (VSTOP, TCOOFF).
func (d *Discipline) Stop() {
	if !d.stopped {
		d.stopped, d.limit = true, d.out.head
		d.packet(abi.TIOCPKT_STOP, abi.TIOCPKT_START)
	}
}

// Start lets output go on that Stop held.
func (d *Discipline) Start() {
	if d.stopped {
		d.stopped = false
		d.effects.Output, d.effects.Writable = true, true
		d.packet(abi.TIOCPKT_START, abi.TIOCPKT_STOP)
	}
}
