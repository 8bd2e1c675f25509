package unix

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/fs/socket"
	"cleave/wait"
)

// Send sends a message.
func (s *Socket) Send(c *fs.Caller, m *socket.Message) (int, error) { return s.send(c, m) }

// Receive receives one.
func (s *Socket) Receive(c *fs.Caller, m *socket.Message) (int, error) { return s.receive(c, m) }

func (s *Socket) send(c *fs.Caller, m *socket.Message) (int, error) {
	if m.Flags&abi.MSG_OOB != 0 {
		return 0, abi.EOPNOTSUPP
	}
	to, err := s.receiver(c, m)
	if err != nil {
		return 0, err
	}
	seg := segment{from: s.addr.Load()}
	if m.HasCreds {
		seg.creds, seg.cred = m.Creds, true
	} else if s.opts.PassCred() || to.opts.PassCred() {
		seg.creds, seg.cred = socket.CredsOf(c), true
	}
	n := m.Buf.Len()
	if s.stream() {
		if n == 0 {
			m.DropRights()
			return 0, nil
		}
	} else if n > s.opts.SendBuffer()-32 {
		return 0, abi.EMSGSIZE
	}
	if len(m.Rights) > 0 {
		return s.sendRights(c, to, m, seg)
	}
	return s.deliver(to, m.Buf, seg)
}

// receiver returns the socket that a message is for.
func (s *Socket) receiver(c *fs.Caller, m *socket.Message) (*Socket, error) {
	if !s.stream() {
		if err := s.opts.Failure(); err != nil {
			return nil, err
		}
	}
	peer := s.peer.Load()
	if len(m.Addr) == 0 || !s.stream() && !s.datagrams() {
		switch {
		case peer == nil:
			return nil, abi.ENOTCONN
		case s.shut.Load()&shutSend != 0:
			return nil, abi.EPIPE
		}
		return peer, nil
	}
	if s.stream() {
		if peer != nil {
			return nil, abi.EISCONN
		}
		return nil, abi.EOPNOTSUPP
	}
	if s.opts.PassCred() && s.addr.Load() == nil {
		if err := s.autobind(); err != nil {
			return nil, err
		}
	}
	to, err := s.d.find(c, s, m.Addr)
	if err != nil {
		return nil, err
	}
	switch {
	case s.shut.Load()&shutSend != 0:
		return nil, abi.EPIPE
	case !to.accepts(s):
		return nil, abi.EPERM
	}
	return to, nil
}

// deliver puts a message into the inbox of to.
func (s *Socket) deliver(to *Socket, b fs.Buffer, seg segment) (int, error) {
	want := b.Len()
	to.mu.Lock()
	n, err := s.reserveLocked(to, want)
	to.mu.Unlock()
	if err != nil {
		return 0, err
	}
	seg.n, err = to.in.ring.CopyIn(b, n)
	if seg.n < n && !s.stream() {
		seg.n = 0 // a message is delivered whole or not at all
	} else if seg.n > 0 {
		err = nil
	}
	to.mu.Lock()
	to.in.ring.EndWrite(seg.n)
	if err == nil {
		to.in.push(seg, s.stream())
	}
	to.mu.Unlock()
	if err != nil {
		return 0, err
	}
	to.queue.Notify(wait.Readable)
	if seg.n == n && n < want {
		return n, abi.EAGAIN
	}
	return seg.n, nil
}

// reserveLocked makes s the one who copies into the inbox of to, and returns how many of want bytes.
func (s *Socket) reserveLocked(to *Socket, want int) (int, error) {
	for {
		to.in.ring.AwaitWriter()
		n, err := s.roomLocked(to, want)
		if err != nil {
			return 0, err
		}
		if to.in.ring.Free() >= n {
			to.in.ring.StartWrite(n)
			return n, nil
		}
		if err := to.in.grow(n); err != nil {
			return 0, err
		}
	}
}

// roomLocked returns how many of want bytes s may send to to now.
func (s *Socket) roomLocked(to *Socket, want int) (int, error) {
	if shut := to.shut.Load(); shut&shutReceive != 0 {
		if s.datagrams() && shut&shutClosed != 0 {
			s.peer.CompareAndSwap(to, nil)
			return 0, abi.ECONNREFUSED
		}
		return 0, abi.EPIPE
	}
	room := s.opts.SendBuffer() - to.in.cost() - segmentCost
	if s.stream() && room > 0 {
		return min(want, room), nil
	}
	// A message that is larger than what is left goes when nothing else waits.
	if !s.stream() && !to.fullLocked() && (want <= room || to.in.empty()) {
		return want, nil
	}
	to.tellLocked(s)
	return 0, abi.EAGAIN
}

func (s *Socket) receive(c *fs.Caller, m *socket.Message) (int, error) {
	if m.Flags&abi.MSG_OOB != 0 {
		return 0, abi.EOPNOTSUPP
	}
	s.mu.Lock()
	s.in.ring.AwaitReader()
	if s.in.empty() {
		s.mu.Unlock()
		return 0, s.nothing()
	}
	if s.stream() {
		return s.receiveBytes(m)
	}
	return s.receiveMessage(m)
}

// nothing says why nothing is to be received: nil is the end of the file.
func (s *Socket) nothing() error {
	if err := s.opts.Failure(); err != nil {
		return err
	}
	if s.shut.Load()&shutReceive != 0 {
		return nil
	}
	if s.peer.Load() == nil && !s.datagrams() {
		if s.stream() {
			return abi.EINVAL
		}
		return abi.ENOTCONN
	}
	return abi.EAGAIN
}

// toldOfRoomLocked returns who is to be told that there is room, after something was taken: the peer, and others.
func (s *Socket) toldOfRoomLocked() (peer *Socket, others bool) {
	if s.fullLocked() {
		return nil, false
	}
	if peer = s.peer.Load(); peer != nil && 4*s.in.cost() > peer.opts.SendBuffer() {
		peer = nil
	}
	return peer, len(s.waiting) > 0
}

func (s *Socket) tellOfRoom(peer *Socket, others bool) {
	if peer != nil {
		peer.queue.Notify(wait.Writable)
	}
	if others {
		s.tellWaiting()
	}
}

// receiveBytes takes bytes of a stream, up to the first that came with files or from another sender. It is called with
// s.mu held and there being something, and releases it.
func (s *Socket) receiveBytes(m *socket.Message) (int, error) {
	want := m.Buf.Len()
	if s.opts.PassCred() {
		s.describe(m, s.in.head())
	}
	n, withFiles := s.bytesLocked(want)
	s.in.ring.StartRead()
	s.mu.Unlock()
	done, err := s.in.ring.CopyOut(m.Buf, 0, n)
	if done > 0 || want == 0 {
		err = nil
	} else {
		m.HasCreds = false
	}
	if withFiles {
		s.d.flight.mu.Lock()
	}
	s.mu.Lock()
	peek := m.Flags&abi.MSG_PEEK != 0
	var peer *Socket
	var others bool
	if s.consumeLocked(m, done, peek); !peek {
		peer, others = s.toldOfRoomLocked()
	}
	s.mu.Unlock()
	if withFiles {
		s.d.flight.mu.Unlock()
	}
	s.tellOfRoom(peer, others)
	if err == nil && m.Flags&(abi.MSG_WAITALL|abi.MSG_PEEK) == abi.MSG_WAITALL && done == n && n < want && !withFiles {
		err = abi.EAGAIN
	}
	return done, err
}

// bytesLocked returns how many bytes, up to want, come at once, and whether files come with the last of them.
func (s *Socket) bytesLocked(want int) (n int, withFiles bool) {
	head := s.in.head()
	if head.n >= want && len(head.files) == 0 {
		return want, false
	}
	pass := s.opts.PassCred()
	for i := s.in.first; i < len(s.in.segs) && n < want && !withFiles; i++ {
		seg := &s.in.segs[i]
		if pass && (seg.cred != head.cred || seg.creds != head.creds) {
			break
		}
		n += min(seg.n, want-n)
		withFiles = len(seg.files) > 0
	}
	return n, withFiles
}

// consumeLocked drops what has been received of a stream, unless it was only peeked at, and hands over the files that
// came with it.
func (s *Socket) consumeLocked(m *socket.Message, done int, peek bool) {
	left := done
	for i := s.in.first; left > 0; i++ {
		seg := &s.in.segs[i]
		if len(seg.files) > 0 {
			s.handOver(m, seg, peek)
		}
		k := min(left, seg.n)
		left -= k
		if peek {
			continue
		}
		if seg.n -= k; seg.n == 0 {
			s.in.pop()
		}
	}
	if peek {
		done = 0
	}
	s.in.ring.EndRead(done)
}

// handOver gives the files of a segment to the receiver; for a peek they are given twice. The lock of files in flight is
// held.
func (s *Socket) handOver(m *socket.Message, seg *segment, peek bool) {
	if peek {
		for _, f := range seg.files {
			m.Rights = append(m.Rights, f.Get())
		}
		return
	}
	s.d.flight.landLocked(seg)
	m.Rights = append(m.Rights, seg.files...)
	seg.files = nil
}

// receiveMessage takes one message whole. It is called with s.mu held and there being one, and releases it.
func (s *Socket) receiveMessage(m *socket.Message) (int, error) {
	seg := *s.in.head()
	n := min(seg.n, m.Buf.Len())
	s.in.ring.StartRead()
	s.mu.Unlock()
	_, err := s.in.ring.CopyOut(m.Buf, 0, n)
	peek := m.Flags&abi.MSG_PEEK != 0
	files := len(seg.files) > 0
	if files {
		s.d.flight.mu.Lock()
	}
	s.mu.Lock()
	if files {
		s.handOver(m, s.in.head(), peek)
	}
	var peer *Socket
	var others bool
	if peek {
		s.in.ring.EndRead(0)
	} else {
		s.in.pop()
		s.in.ring.EndRead(seg.n)
		peer, others = s.toldOfRoomLocked()
	}
	s.mu.Unlock()
	if files {
		s.d.flight.mu.Unlock()
	}
	s.tellOfRoom(peer, others)
	if err != nil {
		m.DropRights()
		return 0, err
	}
	if s.opts.PassCred() {
		s.describe(m, &seg)
	}
	if seg.from != nil {
		m.Addr = append(m.Addr, seg.from.raw...)
	}
	if n < seg.n {
		m.Out |= abi.MSG_TRUNC
		if m.Flags&abi.MSG_TRUNC != 0 {
			n = seg.n
		}
	}
	return n, nil
}

// describe tells the receiver, who wants to know, who sent it.
func (s *Socket) describe(m *socket.Message, seg *segment) {
	m.HasCreds, m.Creds = true, socket.NoCreds
	if seg.cred {
		m.Creds = seg.creds
	}
}
