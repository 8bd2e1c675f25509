package unix

import (
	"encoding/binary"

	"cleave/abi"
	"cleave/fs"
)

// Ioctl knows SIOCINQ, the bytes that can be received (of the next message, if messages stay whole), and SIOCOUTQ, those
// that the peer has not received yet (unix(7)), and what any
// socket says of interfaces. EINVAL: the socket listens.
func (s *Socket) Ioctl(_ *fs.File, c *fs.Caller, cmd, arg uint32, m fs.UserMemory) (uint32, error) {
	var n int
	switch cmd {
	case abi.FIONREAD:
		s.d.mu.Lock()
		listens := s.state == listening
		s.d.mu.Unlock()
		if listens {
			return 0, abi.EINVAL
		}
		n = s.pending()
	case abi.TIOCOUTQ:
		if p := s.peer.Load(); p != nil {
			p.mu.Lock()
			n = p.in.ring.Len()
			p.mu.Unlock()
		}
	case abi.SIOCATMARK:
	default:
		if s.links == nil {
			return 0, abi.ENOTTY
		}
		return s.links.Ioctl(c, cmd, arg, m)
	}
	return 0, m.CopyOut(arg, binary.LittleEndian.AppendUint32(nil, uint32(n)))
}

func (s *Socket) pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.in.empty():
		return 0
	case s.datagrams():
		return s.in.head().n
	}
	return s.in.ring.Len()
}
