// Package unix has sockets of the family AF_UNIX (unix(7)).
//
// What is sent goes straight into the inbox of the socket that will receive it. A sender that finds no room there is
// told when there is: the peer of a connected pair by being the peer, others by being on the receiver's list.
//
// Locks, outermost first: Domain.flight for files in flight; Domain.mu for who is connected to whom, and who has which
// name; Socket.mu for one socket's inbox. Of two sockets, only one's is held at a time. None is held when a file is put,
// a queue is notified or user memory is copied.
package unix

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/netdev"
	"cleave/fs/socket"
	"cleave/ns/user"
	"cleave/wait"
)

// Domain is all unix sockets of a kernel.
type Domain struct {
	vfs *fs.VFS
	// MaxQueue is how many datagrams may wait in a socket (/proc/sys/net/unix/max_dgram_qlen).
	MaxQueue atomic.Int32

	mu       sync.Mutex
	lastAuto uint32 // last name that was given to a socket by itself; guarded by mu

	flight flight

	dropMu   sync.Mutex // comes before no other lock
	dropping []*fs.File // files to put; guarded by dropMu
	busy     bool       // somebody is putting them; guarded by dropMu
}

// New returns the unix sockets of a kernel.
func New(v *fs.VFS) *Domain {
	d := &Domain{vfs: v}
	d.MaxQueue.Store(10)
	d.flight.sockets = map[*Socket]int{}
	return d
}

// state is how far a socket is.
type state uint8

const (
	idle state = iota
	listening
	connected
	closed
)

// Bits of Socket.shut.
const (
	shutReceive = 1 << iota // nothing more will come
	shutSend                // nothing more may be sent
	shutClosed              // the socket is closed
)

// Socket is a unix socket.
type Socket struct {
	fs.NoFile
	opts  socket.Options
	d     *Domain
	names socket.Names  // abstract names of the network namespace that the socket was made in
	links *netdev.Table // of that namespace
	file  *fs.File      // nil until it is accepted
	queue wait.Queue

	member socket.Member // among all of the namespace

	shut atomic.Uint32
	peer atomic.Pointer[Socket] // written under d.mu
	addr atomic.Pointer[address]

	// Guarded by d.mu.
	state     state
	place     fs.Path // of the inode that it is bound to
	backlog   []*Socket
	most      int          // of backlog
	aimed     bool         // of datagrams: another one has connected to it
	ino       uint64       // of its file; 0: it waits to be accepted
	uid       user.KUID    // who owns that
	creds     socket.Creds // its own, when it listened or connected
	groups    []user.KGID
	peerCreds socket.Creds
	peerGroup []user.KGID

	mu      sync.Mutex
	in      inbox     // guarded by mu
	waiting []*Socket // who wants to be told when there is room; guarded by mu
}

// address is a name of a socket. It does not change.
type address struct {
	raw []byte // as getsockname(2) gives it
}

// NewSocket makes a socket (socket(2)). flags: O_NONBLOCK. ESOCKTNOSUPPORT, EPROTONOSUPPORT.
func (d *Domain) NewSocket(c *fs.Caller, typ, protocol int, flags uint32) (*fs.File, error) {
	s, err := d.newSocket(c, typ, protocol)
	if err != nil {
		return nil, err
	}
	return s.open(c, flags), nil
}

// NewPair makes two sockets that are connected to each other (socketpair(2)).
func (d *Domain) NewPair(c *fs.Caller, typ, protocol int, flags uint32) (a, b *fs.File, err error) {
	s, err := d.newSocket(c, typ, protocol)
	if err != nil {
		return nil, nil, err
	}
	p, err := d.newSocket(c, typ, protocol)
	if err != nil {
		return nil, nil, err
	}
	creds, groups := socket.PeerCredsOf(c), groupsOf(c)
	for _, x := range [...]*Socket{s, p} {
		x.state = connected
		x.creds, x.groups, x.peerCreds, x.peerGroup = creds, groups, creds, groups
	}
	s.peer.Store(p)
	p.peer.Store(s)
	return s.open(c, flags), p.open(c, flags), nil
}

func groupsOf(c *fs.Caller) []user.KGID {
	if c == nil {
		return nil
	}
	return c.Cred.Groups
}

func (d *Domain) newSocket(c *fs.Caller, typ, protocol int) (*Socket, error) {
	if protocol != 0 && protocol != abi.AF_UNIX {
		return nil, abi.EPROTONOSUPPORT
	}
	switch typ {
	case abi.SOCK_RAW:
		typ = abi.SOCK_DGRAM
	case abi.SOCK_STREAM, abi.SOCK_DGRAM, abi.SOCK_SEQPACKET:
	default:
		return nil, abi.ESOCKTNOSUPPORT
	}
	s := &Socket{d: d}
	s.opts.Init(abi.AF_UNIX, typ, protocol)
	if c != nil {
		if t, ok := c.Task.(socket.Task); ok {
			s.names, s.links = t.Names(), t.Links()
			s.names.Members().Join(&s.member, s)
		}
	}
	newInbox(s, d.vfs.Pool)
	return s, nil
}

// open makes the file of a socket.
func (s *Socket) open(c *fs.Caller, flags uint32) *fs.File {
	i := s.d.vfs.NewAnonInode(abi.S_IFSOCK|0o777, c.Cred)
	name := "socket:[" + strconv.FormatUint(i.Ino(), 10) + "]"
	s.file = s.d.vfs.NewAnonFile(s, name, i, flags&abi.O_NONBLOCK|abi.O_RDWR, c.Cred)
	s.d.mu.Lock()
	s.ino, s.uid = i.Ino(), i.UID()
	s.d.mu.Unlock()
	return s.file
}

// Options returns the options.
func (s *Socket) Options() *socket.Options { return &s.opts }

// RecvTimeout and SendTimeout return how long a transfer waits (SO_RCVTIMEO, SO_SNDTIMEO); 0: for ever.
func (s *Socket) RecvTimeout() time.Duration { return s.opts.RecvTimeout() }

// SendTimeout returns how long a Send or Connect waits; 0: for ever.
func (s *Socket) SendTimeout() time.Duration { return s.opts.SendTimeout() }

// stream and datagrams tell the types of sockets apart; the third, SOCK_SEQPACKET, is neither: it has connections, and
// messages that stay whole.
func (s *Socket) stream() bool    { return s.opts.Type() == abi.SOCK_STREAM }
func (s *Socket) datagrams() bool { return s.opts.Type() == abi.SOCK_DGRAM }

// PeerCreds returns who is on the other side, or listens there (SO_PEERCRED), and his groups (SO_PEERGROUPS).
func (s *Socket) PeerCreds() (socket.Creds, []user.KGID) {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if s.peerCreds == (socket.Creds{}) && s.state != connected {
		return socket.NoCreds, nil
	}
	return s.peerCreds, s.peerGroup
}

// Read is recv(2) without flags, Write send(2).
func (s *Socket) Read(f *fs.File, c *fs.Caller, b fs.Buffer, _ int64) (int, error) {
	m := socket.Message{Buf: b}
	n, err := s.receive(c, &m)
	if len(m.Rights) > 0 {
		m.DropRights() // who reads wants no files
	}
	return n, err
}

// Write is send(2) without flags.
func (s *Socket) Write(f *fs.File, c *fs.Caller, b fs.Buffer, _ int64) (int, error) {
	m := socket.Message{Buf: b}
	return s.send(c, &m)
}

// Poll returns what can be done now.
func (s *Socket) Poll(*fs.File) wait.Events {
	var ev wait.Events
	shut := s.shut.Load()
	if s.opts.Failed() {
		ev |= wait.Err
	}
	if shut&(shutReceive|shutSend) == shutReceive|shutSend {
		ev |= wait.Hup
	}
	if shut&shutReceive != 0 {
		ev |= wait.RdHup | wait.Readable
	}
	s.mu.Lock()
	if !s.in.empty() {
		ev |= wait.Readable
	}
	s.mu.Unlock()
	peer := s.peer.Load()
	if peer == nil {
		return ev | s.pollAlone()
	}
	if peer.hasRoom(s) {
		ev |= wait.Writable | wait.WrBand
	}
	return ev
}

// pollAlone is Poll for a socket without a peer.
func (s *Socket) pollAlone() wait.Events {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	switch {
	case s.state == listening && len(s.backlog) > 0:
		return wait.Readable
	case s.state == listening:
		return 0
	case s.datagrams():
		return wait.Writable | wait.WrBand
	}
	return wait.Hup | wait.Writable | wait.WrBand
}

// hasRoom reports whether from could send something to s now. If not, it is told when it can.
func (s *Socket) hasRoom(from *Socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut.Load()&shutClosed != 0 {
		return true // sending fails at once
	}
	if 4*s.in.cost() <= from.opts.SendBuffer() && !s.fullLocked() {
		return true
	}
	s.tellLocked(from)
	return false
}

// fullLocked reports whether too many datagrams wait.
func (s *Socket) fullLocked() bool {
	return s.datagrams() && s.in.count() > int(s.d.MaxQueue.Load())
}

// tellLocked puts a sender on the list of those who want to know of room.
func (s *Socket) tellLocked(from *Socket) {
	if from.peer.Load() == s && s.peer.Load() == from {
		return // it is told anyway
	}
	for _, w := range s.waiting {
		if w == from {
			return
		}
	}
	s.waiting = append(s.waiting, from)
}

// Queue is where changes are notified.
func (s *Socket) Queue(*fs.File) *wait.Queue { return &s.queue }
