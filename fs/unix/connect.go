package unix

import (
	"encoding/binary"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/socket"
	"cleave/wait"
)

// Listen makes a bound socket accept connections. EOPNOTSUPP: datagrams; EINVAL: it has no name, or is connected.
func (s *Socket) Listen(c *fs.Caller, backlog int) error {
	if s.datagrams() {
		return abi.EOPNOTSUPP
	}
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if s.addr.Load() == nil || s.state != idle && s.state != listening {
		return abi.EINVAL
	}
	if backlog < 0 || backlog > abi.SOMAXCONN {
		backlog = abi.SOMAXCONN
	}
	s.state, s.most = listening, backlog
	s.creds, s.groups = socket.PeerCredsOf(c), groupsOf(c)
	s.peerCreds, s.peerGroup = s.creds, s.groups
	s.opts.SetListening()
	return nil
}

// Connect connects the socket to the one with an address. For datagrams that is where they go and the only place they
// come from; an address of the family AF_UNSPEC undoes it. EAGAIN: too many connections wait to be accepted.
func (s *Socket) Connect(c *fs.Caller, addr []byte) error {
	if s.datagrams() {
		return s.connectDatagrams(c, addr)
	}
	l, err := s.d.find(c, s, addr)
	if err != nil {
		return err
	}
	e, err := s.d.newSocket(nil, s.opts.Type(), 0)
	if err != nil {
		return err
	}
	e.names, e.links = l.names, l.links
	if err := s.d.connect(c, s, l, e); err != nil {
		return err
	}
	l.queue.Notify(wait.Readable)
	s.queue.Notify(wait.Writable)
	return nil
}

// connect makes e, a new socket, the other side of s and leaves it with l to be accepted.
func (d *Domain) connect(c *fs.Caller, s, l, e *Socket) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case s.state == connected:
		return abi.EISCONN
	case s.state != idle:
		return abi.EINVAL
	case l.state != listening || l.shut.Load()&shutReceive != 0:
		return abi.ECONNREFUSED
	case len(l.backlog) > l.most:
		l.mu.Lock()
		l.tellLocked(s)
		l.mu.Unlock()
		return abi.EAGAIN
	}
	s.creds, s.groups = socket.PeerCredsOf(c), groupsOf(c)
	s.peerCreds, s.peerGroup = l.creds, l.groups
	e.peerCreds, e.peerGroup = s.creds, s.groups
	e.creds, e.groups = l.creds, l.groups
	e.addr.Store(l.addr.Load())
	e.opts.SetInt(nil, abi.SO_PASSCRED, passCred(l))
	s.state, e.state = connected, connected
	s.peer.Store(e)
	e.peer.Store(s)
	l.backlog = append(l.backlog, e)
	if e.names != nil {
		e.names.Members().Join(&e.member, e)
	}
	return nil
}

func passCred(s *Socket) int {
	if s.opts.PassCred() {
		return 1
	}
	return 0
}

func (s *Socket) connectDatagrams(c *fs.Caller, addr []byte) error {
	if len(addr) < familySize {
		return abi.EINVAL
	}
	var to *Socket
	if binary.LittleEndian.Uint16(addr) != abi.AF_UNSPEC {
		var err error
		if to, err = s.d.find(c, s, addr); err != nil {
			return err
		}
	}
	s.d.mu.Lock()
	if to != nil && !to.accepts(s) {
		s.d.mu.Unlock()
		return abi.EPERM
	}
	old := s.peer.Swap(to)
	s.state = idle
	if to != nil {
		s.state, to.aimed = connected, true
		s.peerCreds, s.peerGroup = to.creds, to.groups
	}
	s.d.mu.Unlock()
	if old != nil && old != to {
		s.disconnected(old)
	}
	return nil
}

// accepts reports whether a socket for datagrams takes those of from: it is connected to no other.
func (s *Socket) accepts(from *Socket) bool {
	p := s.peer.Load()
	return p == nil || p == from
}

// disconnected throws away what came from a former peer, who is told if it is still connected.
func (s *Socket) disconnected(old *Socket) {
	if s.empty() {
		return
	}
	s.purge()
	if old.peer.Load() == s && old.shut.Load()&shutClosed == 0 {
		old.opts.Fail(abi.ECONNRESET)
		old.queue.Notify(wait.Err | wait.Readable)
	}
}

func (s *Socket) empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.in.empty()
}

// Accept returns the next connection. EAGAIN; EINVAL: the socket does not listen; EOPNOTSUPP: datagrams.
func (s *Socket) Accept(c *fs.Caller, flags uint32) (*fs.File, error) {
	if s.datagrams() {
		return nil, abi.EOPNOTSUPP
	}
	s.d.mu.Lock()
	switch {
	case s.state != listening, s.shut.Load()&shutReceive != 0 && len(s.backlog) == 0:
		s.d.mu.Unlock()
		return nil, abi.EINVAL
	case len(s.backlog) == 0:
		s.d.mu.Unlock()
		return nil, abi.EAGAIN
	}
	e := s.backlog[0]
	s.backlog[0] = nil
	s.backlog = s.backlog[1:]
	s.d.mu.Unlock()
	s.tellWaiting()
	return e.open(c, flags), nil
}

// Shutdown ends receiving, sending or both; the peer of a connection sees it at once. EINVAL.
func (s *Socket) Shutdown(how int) error {
	if how < abi.SHUT_RD || how > abi.SHUT_RDWR {
		return abi.EINVAL
	}
	mine := uint32(how+1) & (shutReceive | shutSend)
	theirs := mine>>1&shutReceive | mine<<1&shutSend
	s.d.mu.Lock()
	s.shut.Or(mine)
	peer := s.peer.Load()
	if peer != nil && !s.datagrams() {
		peer.shut.Or(theirs)
	} else {
		peer = nil
	}
	s.d.mu.Unlock()
	s.queue.Notify(shutEvents(mine))
	if peer != nil {
		peer.queue.Notify(shutEvents(theirs))
	}
	s.tellWaiting()
	return nil
}

func shutEvents(shut uint32) wait.Events {
	var ev wait.Events
	if shut&shutReceive != 0 {
		ev |= wait.Readable | wait.RdHup
	}
	if shut&shutSend != 0 {
		ev |= wait.Writable
	}
	if shut&(shutReceive|shutSend) == shutReceive|shutSend {
		ev |= wait.Hup
	}
	return ev
}

// tellWaiting tells those who want to send or connect that they may try again.
func (s *Socket) tellWaiting() {
	s.mu.Lock()
	list := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	for _, w := range list {
		w.queue.Notify(wait.Writable)
	}
}

// Release closes the socket.
func (s *Socket) Release(*fs.File) {
	s.close(false)
	s.d.socketClosed()
}

// close ends the socket. unseen: it was never accepted, so that its peer has lost what it sent in any case.
func (s *Socket) close(unseen bool) {
	s.d.mu.Lock()
	backlog := s.backlog
	s.backlog = nil
	s.state, s.ino = closed, 0
	place := s.unbindLocked()
	peer := s.peer.Load()
	s.mu.Lock()
	s.shut.Or(shutReceive | shutSend | shutClosed)
	lost := unseen || !s.in.empty()
	s.mu.Unlock()
	if peer != nil && !s.datagrams() {
		if lost {
			peer.opts.Fail(abi.ECONNRESET)
		}
		peer.shut.Or(shutReceive | shutSend)
	}
	s.d.mu.Unlock()
	s.member.Leave()
	if place.Valid() {
		place.Put()
	}
	for _, e := range backlog {
		e.close(true)
	}
	s.purge()
	if peer != nil {
		peer.queue.Notify(wait.Readable | wait.Writable | wait.RdHup | wait.Hup)
	}
	s.tellWaiting()
}

// purge throws away what has been received.
func (s *Socket) purge() {
	s.d.flight.mu.Lock()
	s.mu.Lock()
	s.in.ring.AwaitIdle()
	segs := s.in.segs[s.in.first:]
	s.in.segs, s.in.first = nil, 0
	s.in.ring.Clear()
	for i := range segs {
		s.d.flight.landLocked(&segs[i])
	}
	s.mu.Unlock()
	s.d.flight.mu.Unlock()
	for i := range segs {
		s.d.drop(segs[i].files)
	}
}
