package unix

import (
	"cleave/fs"
	"cleave/fs/ring"
	"cleave/fs/socket"
	"cleave/mm/frame"
	"cleave/ns/user"
)

// inboxSize is what an inbox holds at first; it grows when senders may send more.
const inboxSize = 256 << 10

// segmentCost is what a segment counts beside its bytes, so that empty messages are not for free.
const segmentCost = 256

// inbox is what a socket has received: bytes in a ring, and the segments that they came in, in the same order. The
// socket's lock guards it.
type inbox struct {
	ring  ring.Ring
	segs  []segment // from first on
	first int
}

// segment is one message, or for streams some bytes that came with the same ancillary data.
type segment struct {
	n       int           // bytes in the ring
	files   []*fs.File    // each with a reference, counted as in flight
	charged *user.Account // whom they are charged to
	from    *address      // nil: the sender has no name
	creds   socket.Creds
	cred    bool // creds are there
}

func (b *inbox) empty() bool { return b.first == len(b.segs) }
func (b *inbox) count() int  { return len(b.segs) - b.first }

// cost is how much of the senders' buffers is used.
func (b *inbox) cost() int { return b.ring.Len() + segmentCost*b.count() }

// push adds a segment whose bytes are in the ring. Bytes of a stream that come with nothing new join the last one.
func (b *inbox) push(s segment, join bool) {
	if join && len(s.files) == 0 && !b.empty() {
		last := &b.segs[len(b.segs)-1]
		if len(last.files) == 0 && last.cred == s.cred && (!s.cred || last.creds == s.creds) {
			last.n += s.n
			return
		}
	}
	if b.first > 0 && len(b.segs) == cap(b.segs) {
		n := copy(b.segs, b.segs[b.first:])
		clear(b.segs[n:])
		b.segs, b.first = b.segs[:n], 0
	}
	b.segs = append(b.segs, s)
}

// head returns the first segment.
func (b *inbox) head() *segment { return &b.segs[b.first] }

// pop drops the first segment.
func (b *inbox) pop() {
	b.segs[b.first] = segment{}
	b.first++
	if b.empty() {
		b.segs, b.first = b.segs[:0], 0
	}
}

// grow makes the ring larger, so that n bytes more fit. It may release the socket's lock. ENOMEM.
func (b *inbox) grow(n int) error {
	size := b.ring.Size()
	for size-b.ring.Len() < n {
		size *= 2
	}
	return b.ring.Resize(size)
}

func newInbox(s *Socket, pool *frame.Pool) {
	s.in.ring.Init(pool, &s.mu, inboxSize)
}
