package tty

// Sizes of the buffers of a terminal in bytes, powers of two.
const (
	inputSize  = 4096 // a line has at most inputSize-1 bytes before its end (the limit of N_TTY, termios(3))
	outputSize = 8192 // what waits for the port or for the master's reader
	heldSize   = 8192 // input for which inputSize has no room
)

// ring is a queue of bytes. head and tail count bytes since the beginning and wrap around; head-tail is the length. The
// buffer is made when the first byte comes.
type ring struct {
	size       int // a power of two
	buf        []byte
	head, tail uint32
}

func (r *ring) len() int         { return int(r.head - r.tail) }
func (r *ring) room() int        { return r.size - r.len() }
func (r *ring) at(i uint32) byte { return r.buf[i&uint32(r.size-1)] }
func (r *ring) clear()           { r.tail = r.head }

func (r *ring) make() {
	if r.buf == nil {
		r.buf = make([]byte, r.size)
	}
}

func (r *ring) put(c byte) {
	r.make()
	r.buf[r.head&uint32(r.size-1)] = c
	r.head++
}

// write appends as much of p as there is room for.
func (r *ring) write(p []byte) int {
	p = p[:min(len(p), r.room())]
	if len(p) == 0 {
		return 0
	}
	r.make()
	n := copy(r.buf[r.head&uint32(r.size-1):], p)
	copy(r.buf, p[n:])
	r.head += uint32(len(p))
	return len(p)
}

// read takes up to len(p) of the first limit bytes.
func (r *ring) read(p []byte, limit int) int {
	p = p[:min(len(p), limit, r.len())]
	if len(p) == 0 {
		return 0
	}
	n := copy(p, r.buf[r.tail&uint32(r.size-1):])
	copy(p[n:], r.buf)
	r.tail += uint32(len(p))
	return len(p)
}
