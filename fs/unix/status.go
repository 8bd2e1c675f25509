package unix

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
)

// Status is what ss(8) and /proc/net/unix show of a socket.
type Status struct {
	Ino         uint64 // 0: it waits to be accepted
	Type        int    // SOCK_*
	State       uint8  // TCP_ESTABLISHED, TCP_LISTEN or TCP_CLOSE
	Name        []byte // without the family; an abstract one begins with a 0
	Bound       bool   // Place and Device have the inode that it is bound to
	Place       uint64
	Device      fs.Dev
	Connected   bool // it has a peer
	Peer        uint64
	Waiting     []uint64 // of a socket that listens: the numbers of those who wait to be accepted
	Receive     int      // bytes in the inbox; of a socket that listens, connections that wait
	Send        int      // bytes that the peer has not received; of a socket that listens, how many connections may wait
	SendSize    int      // sizes of buffers
	ReceiveSize int
	Shut        uint8 // 1: nothing more will come, 2: nothing more may be sent
	UID         user.KUID
}

// Status tells how the socket is.
func (s *Socket) Status() Status {
	st := Status{Type: s.opts.Type(), State: abi.TCP_CLOSE, Shut: uint8(s.shut.Load() & (shutReceive | shutSend)),
		SendSize: s.opts.SendBuffer(), ReceiveSize: s.opts.ReceiveBuffer(), Receive: s.pending()}
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	st.Ino, st.UID = s.ino, s.uid
	if a := s.addr.Load(); a != nil {
		st.Name = a.raw[familySize:]
	}
	if s.place.Valid() {
		st.Bound = true
		st.Place, st.Device = s.place.Inode().Ino(), s.place.Inode().Superblock().Dev()
	}
	peer := s.peer.Load()
	if peer != nil {
		st.Connected, st.Peer = true, peer.ino
		peer.mu.Lock()
		st.Send = peer.in.ring.Len()
		peer.mu.Unlock()
	}
	switch {
	case s.state == connected, s.aimed:
		st.State = abi.TCP_ESTABLISHED
	case s.state == listening:
		st.State = abi.TCP_LISTEN
		st.Receive, st.Send = len(s.backlog), s.most
		for _, e := range s.backlog {
			if p := e.peer.Load(); p != nil {
				st.Waiting = append(st.Waiting, p.ino)
			}
		}
	}
	return st
}
