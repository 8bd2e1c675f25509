package tty

// Sizes of the buffers of a terminal in bytes, powers of two.
const (
	inputSize  = 4096  // a line has at most inputSize-1 bytes before its end (the limit of N_TTY, termios(3))
	outputSize = 16384 // what waits for the port or for the master's reader
	heldSize   = 16384 // input for which inputSize has no room
)

// ring is a queue of bytes. head and tail count bytes since the beginning and wrap around; head-tail is the length.
type ring struct {
	buf        []byte
	head, tail uint32
}

func newRing(size int) ring { return ring{buf: make([]byte, size)} }

func (r *ring) mask() uint32     { return uint32(len(r.buf) - 1) }
func (r *ring) len() int         { return int(r.head - r.tail) }
func (r *ring) room() int        { return len(r.buf) - r.len() }
func (r *ring) at(i uint32) byte { return r.buf[i&r.mask()] }
func (r *ring) clear()           { r.tail = r.head }

func (r *ring) put(c byte) {
	r.buf[r.head&r.mask()] = c
	r.head++
}

// write appends as much of p as there is room for.
func (r *ring) write(p []byte) int {
	p = p[:min(len(p), r.room())]
	n := copy(r.buf[r.head&r.mask():], p)
	copy(r.buf, p[n:])
	r.head += uint32(len(p))
	return len(p)
}

// read takes up to len(p) of the first limit bytes.
func (r *ring) read(p []byte, limit int) int {
	p = p[:min(len(p), limit, r.len())]
	n := copy(p, r.buf[r.tail&r.mask():])
	copy(p[n:], r.buf)
	r.tail += uint32(len(p))
	return len(p)
}
