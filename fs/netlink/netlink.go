// Package netlink has sockets of AF_NETLINK that speak rtnetlink(7) about the only interface there is, the loopback of a
// network namespace. There are no multicast groups.
package netlink

import (
	"encoding/binary"
	"strconv"
	"sync"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/socket"
	"cleave/wait"
)

const (
	headSize   = 16 // struct nlmsghdr
	addrSize   = 12 // struct sockaddr_nl
	maxRequest = 1 << 16
)

// Socket is a netlink socket. What it is sent is answered at once; the answers wait in it.
type Socket struct {
	fs.NoFile
	opts  socket.Options
	lo    *socket.Loopback
	queue wait.Queue

	mu      sync.Mutex
	port    uint32   // its address; 0: none yet. guarded by mu
	answers [][]byte // each a datagram; guarded by mu
}

// New makes a socket (socket(2)). flags: O_NONBLOCK. ESOCKTNOSUPPORT; EPROTONOSUPPORT: not NETLINK_ROUTE.
func New(v *fs.VFS, c *fs.Caller, typ, protocol int, flags uint32) (*fs.File, error) {
	t, ok := c.Task.(socket.Task)
	switch {
	case typ != abi.SOCK_RAW && typ != abi.SOCK_DGRAM:
		return nil, abi.ESOCKTNOSUPPORT
	case protocol != abi.NETLINK_ROUTE || !ok:
		return nil, abi.EPROTONOSUPPORT
	}
	s := &Socket{lo: t.Loopback()}
	s.opts.Init(abi.AF_NETLINK, typ, protocol)
	i := v.NewAnonInode(abi.S_IFSOCK|0o777, c.Cred)
	name := "socket:[" + strconv.FormatUint(i.Ino(), 10) + "]"
	return v.NewAnonFile(s, name, i, flags&abi.O_NONBLOCK|abi.O_RDWR, c.Cred), nil
}

// Options returns the options of level SOL_SOCKET.
func (s *Socket) Options() *socket.Options { return &s.opts }

// SetOption sets an option of level SOL_NETLINK; the two that there are change nothing here. ENOPROTOOPT.
func (s *Socket) SetOption(name int) error {
	if name != abi.NETLINK_EXT_ACK && name != abi.NETLINK_GET_STRICT_CHK {
		return abi.ENOPROTOOPT
	}
	return nil
}

// Bind gives the socket a port; 0: any. EINVAL: no netlink address, or it has a port; EADDRINUSE; EOPNOTSUPP: groups.
func (s *Socket) Bind(c *fs.Caller, addr []byte) error {
	port, groups, err := parseAddr(addr)
	switch {
	case err != nil:
		return err
	case groups != 0:
		return abi.EOPNOTSUPP
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.port != 0 {
		if port != s.port {
			return abi.EINVAL
		}
		return nil
	}
	if port == 0 {
		s.autobindLocked(c)
		return nil
	}
	if !s.lo.ClaimPort(port) {
		return abi.EADDRINUSE
	}
	s.port = port
	return nil
}

// autobindLocked takes the number of the process for the port, or if another socket has that, a high one.
func (s *Socket) autobindLocked(c *fs.Caller) {
	if s.port != 0 {
		return
	}
	port := uint32(1)
	if t, ok := c.Task.(socket.Task); ok {
		port = uint32(t.ProcessID(t.Process()))
	}
	for next := ^uint32(0) - 4096; !s.lo.ClaimPort(port); next-- {
		port = next
	}
	s.port = port
}

func parseAddr(addr []byte) (port, groups uint32, err error) {
	le := binary.LittleEndian
	if len(addr) < addrSize || le.Uint16(addr) != abi.AF_NETLINK {
		return 0, 0, abi.EINVAL
	}
	return le.Uint32(addr[4:]), le.Uint32(addr[8:]), nil
}

func appendAddr(b []byte, port uint32) []byte {
	b = binary.LittleEndian.AppendUint32(b, abi.AF_NETLINK)
	return append(binary.LittleEndian.AppendUint32(b, port), 0, 0, 0, 0)
}

// Connect is for the kernel's address only, to which messages go anyway. ECONNREFUSED.
func (s *Socket) Connect(c *fs.Caller, addr []byte) error {
	port, groups, err := parseAddr(addr)
	if err == nil && port|groups != 0 {
		err = abi.ECONNREFUSED
	}
	return err
}

// Listen is EOPNOTSUPP.
func (s *Socket) Listen(*fs.Caller, int) error { return abi.EOPNOTSUPP }

// Accept is EOPNOTSUPP.
func (s *Socket) Accept(*fs.Caller, uint32) (*fs.File, error) { return nil, abi.EOPNOTSUPP }

// Shutdown is EOPNOTSUPP.
func (s *Socket) Shutdown(int) error { return abi.EOPNOTSUPP }

// Name appends the socket's address.
func (s *Socket) Name(b []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return appendAddr(b, s.port), nil
}

// PeerName appends the kernel's address.
func (s *Socket) PeerName(b []byte) ([]byte, error) { return appendAddr(b, 0), nil }

// Send takes requests, and puts the answers where Receive finds them. ECONNREFUSED: not to the kernel; EMSGSIZE.
func (s *Socket) Send(c *fs.Caller, m *socket.Message) (int, error) {
	if len(m.Addr) > 0 {
		if err := s.Connect(c, m.Addr); err != nil {
			return 0, err
		}
	}
	n := m.Buf.Len()
	if n > maxRequest {
		return 0, abi.EMSGSIZE
	}
	b := make([]byte, n)
	if _, err := m.Buf.CopyIn(b); err != nil {
		return 0, err
	}
	m.DropRights()
	s.mu.Lock()
	s.autobindLocked(c)
	d := dialogue{lo: s.lo, admin: s.lo.MayChange(c.Cred), port: s.port}
	d.requests(b)
	s.answers = append(s.answers, d.answers...)
	s.mu.Unlock()
	s.queue.Notify(wait.Readable)
	return n, nil
}

// Receive gives the next answer. EAGAIN: there is none.
func (s *Socket) Receive(_ *fs.Caller, m *socket.Message) (int, error) {
	s.mu.Lock()
	if len(s.answers) == 0 {
		s.mu.Unlock()
		return 0, abi.EAGAIN
	}
	a := s.answers[0]
	if m.Flags&abi.MSG_PEEK == 0 {
		s.answers = s.answers[1:]
	}
	s.mu.Unlock()
	n := min(len(a), m.Buf.Len())
	if _, err := m.Buf.CopyOut(a[:n]); err != nil {
		return 0, err
	}
	m.Addr = appendAddr(m.Addr, 0)
	if n < len(a) {
		m.Out |= abi.MSG_TRUNC
		if m.Flags&abi.MSG_TRUNC != 0 {
			n = len(a)
		}
	}
	return n, nil
}

// Read is Receive without an address.
func (s *Socket) Read(_ *fs.File, c *fs.Caller, b fs.Buffer, _ int64) (int, error) {
	return s.Receive(c, &socket.Message{Buf: b})
}

// Write is Send to the kernel.
func (s *Socket) Write(_ *fs.File, c *fs.Caller, b fs.Buffer, _ int64) (int, error) {
	return s.Send(c, &socket.Message{Buf: b})
}

// Poll: it can always be written.
func (s *Socket) Poll(*fs.File) wait.Events {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.answers) > 0 {
		return wait.Readable | wait.Writable
	}
	return wait.Writable
}

// Queue returns who waits for answers.
func (s *Socket) Queue(*fs.File) *wait.Queue { return &s.queue }

// Ioctl knows the loopback interface.
func (s *Socket) Ioctl(_ *fs.File, c *fs.Caller, cmd, arg uint32, m fs.UserMemory) (uint32, error) {
	return s.lo.Ioctl(c, cmd, arg, m)
}

// Release gives the port back.
func (s *Socket) Release(*fs.File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.port != 0 {
		s.lo.ReleasePort(s.port)
	}
}
