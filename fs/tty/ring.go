package tty

// ringSize is the size of the buffers of a terminal in bytes, a power of two. Input: a line has at most ringSize-1
// bytes before its end (the limit of N_TTY, termios(3)). Output: what waits for the port or for the master's reader.
const ringSize = 4096

// ring is a queue of bytes. head and tail count bytes since the beginning and wrap around; head-tail is the length.
type ring struct {
	buf        [ringSize]byte
	head, tail uint32
}

func (r *ring) len() int             { return int(r.head - r.tail) }
func (r *ring) room() int            { return ringSize - r.len() }
func (r *ring) at(i uint32) byte     { return r.buf[i%ringSize] }
func (r *ring) clear()               { r.tail = r.head }
func (r *ring) put(c byte)           { r.buf[r.head%ringSize] = c; r.head++ }
func (r *ring) set(i uint32, c byte) { r.buf[i%ringSize] = c }

// write appends as much of p as there is room for.
func (r *ring) write(p []byte) int {
	p = p[:min(len(p), r.room())]
	n := copy(r.buf[r.head%ringSize:], p)
	copy(r.buf[:], p[n:])
	r.head += uint32(len(p))
	return len(p)
}

// read takes up to len(p) of the first limit bytes.
func (r *ring) read(p []byte, limit int) int {
	p = p[:min(len(p), limit, r.len())]
	n := copy(p, r.buf[r.tail%ringSize:])
	copy(p[n:], r.buf[:])
	r.tail += uint32(len(p))
	return len(p)
}
