// Package netlink has sockets of AF_NETLINK (netlink(7)). They speak rtnetlink(7) about the interfaces of a network
// namespace, sock_diag(7) about its unix sockets, generic netlink
// about tasks (TASKSTATS), and the connector about what happens to processes.
//
// Locks, outermost first: that of the interfaces (package netdev), which is held while a change is told; Net.mu;
// Socket.mu.
package netlink

import (
	"encoding/binary"
	"strconv"
	"sync"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/netdev"
	"cleave/fs/socket"
	"cleave/wait"
)

const (
	headSize   = 16 // struct nlmsghdr
	addrSize   = 12 // struct sockaddr_nl
	maxRequest = 1 << 16
)

// Task is what netlink sockets have to know of the acting task besides what all sockets do.
type Task interface {
	socket.Task
	// Netlink returns the netlink sockets of the task's network namespace.
	Netlink() *Net
	// LinksOfPID and LinksOfFD return the interfaces of the network namespace that a process is in, or that a descriptor is
	// of, with a reference on that. ESRCH; EBADF, EINVAL.
	LinksOfPID(pid int32) (*netdev.Table, error)
	LinksOfFD(fd int32) (*netdev.Table, error)
	// TaskStats tells how the thread with an id does, or the process. ESRCH.
	TaskStats(pid int32, group bool) (*TaskStats, error)
	// InInitialNamespaces reports whether the task is in the initial user and pid namespaces.
	InInitialNamespaces() bool
	// Monotonic returns the ns since the start.
	Monotonic() int64
}

// family is a protocol of netlink.
type family struct {
	protocol int
	groups   uint32 // how many there are
	// handle answers a request. An error is told to who has asked.
	handle func(d *dialogue, r *request) error
	// whole takes the place of handle where a datagram is not made of requests.
	whole func(d *dialogue, b []byte)
}

var families = [...]family{
	{protocol: abi.NETLINK_ROUTE, groups: 39, handle: (*dialogue).route},
	{protocol: abi.NETLINK_SOCK_DIAG, groups: 4, handle: (*dialogue).diag},
	{protocol: abi.NETLINK_CONNECTOR, groups: 10, whole: (*dialogue).connector},
	{protocol: abi.NETLINK_GENERIC, groups: 32, handle: (*dialogue).generic},
}

// Socket is a netlink socket. What it is sent is answered at once; the answers wait in it.
type Socket struct {
	fs.NoFile
	opts   socket.Options
	family *family
	net    *Net
	links  *netdev.Table   // of the namespace, on which the socket has a reference
	unix   *socket.Members // its unix sockets
	ino    uint64
	queue  wait.Queue

	// Guarded by net.mu.
	port      uint32 // its address; 0: none yet
	groups    uint64 // a bit for each group that it is in, the first for group 1
	processes processListener

	mu      sync.Mutex
	answers []datagram // guarded by mu, as is what follows
	queued  int        // bytes in answers but for those of a dump
	dumping bool       // the end of a dump is among the answers
	dropped uint32
	extAck  bool // NETLINK_EXT_ACK: errors come with a text
	capAck  bool // NETLINK_CAP_ACK: errors come without the request
}

// datagram is what one recvmsg(2) receives.
type datagram struct {
	data  []byte
	group uint32 // that it was sent to, 0: it is an answer
	dump  bool   // a part of a dump
	last  bool   // the end of it
}

// New makes a socket (socket(2)). flags: O_NONBLOCK. ESOCKTNOSUPPORT; EPROTONOSUPPORT: there is no such protocol here.
func New(v *fs.VFS, c *fs.Caller, typ, protocol int, flags uint32) (*fs.File, error) {
	if typ != abi.SOCK_RAW && typ != abi.SOCK_DGRAM {
		return nil, abi.ESOCKTNOSUPPORT
	}
	t, ok := c.Task.(Task)
	s := &Socket{}
	for i := range families {
		if families[i].protocol == protocol && ok {
			s.family = &families[i]
		}
	}
	if s.family == nil {
		return nil, abi.EPROTONOSUPPORT
	}
	s.net, s.links, s.unix = t.Netlink(), t.Links(), t.Names().Members()
	s.links.Namespace().Get()
	s.opts.Init(abi.AF_NETLINK, typ, protocol)
	i := v.NewAnonInode(abi.S_IFSOCK|0o777, c.Cred)
	s.ino = i.Ino()
	s.net.add(s)
	name := "socket:[" + strconv.FormatUint(s.ino, 10) + "]"
	return v.NewAnonFile(s, name, i, flags&abi.O_NONBLOCK|abi.O_RDWR, c.Cred), nil
}

// Options returns the options of level SOL_SOCKET.
func (s *Socket) Options() *socket.Options { return &s.opts }

// SetOption sets an option of level SOL_NETLINK. ENOPROTOOPT; EINVAL: there is no such group.
func (s *Socket) SetOption(name int, value uint32) error {
	switch name {
	case abi.NETLINK_ADD_MEMBERSHIP, abi.NETLINK_DROP_MEMBERSHIP:
		if value == 0 || value > s.family.groups {
			return abi.EINVAL
		}
		bit := uint64(1) << (value - 1)
		if name == abi.NETLINK_ADD_MEMBERSHIP {
			s.net.join(s, bit, 0)
		} else {
			s.net.join(s, 0, bit)
		}
	case abi.NETLINK_EXT_ACK, abi.NETLINK_CAP_ACK:
		s.mu.Lock()
		if name == abi.NETLINK_EXT_ACK {
			s.extAck = value != 0
		} else {
			s.capAck = value != 0
		}
		s.mu.Unlock()
	case abi.NETLINK_GET_STRICT_CHK:
	default:
		return abi.ENOPROTOOPT
	}
	return nil
}

// Bind gives the socket a port, 0: any, and puts it into groups. EINVAL: no netlink address, or it has another port;
// EADDRINUSE.
func (s *Socket) Bind(c *fs.Caller, addr []byte) error {
	port, groups, err := parseAddr(addr)
	switch {
	case err != nil:
		return err
	case port == 0:
		s.autobind(c)
	default:
		switch s.net.claim(s, port) {
		case 0:
			return abi.EADDRINUSE
		case port:
		default:
			return abi.EINVAL
		}
	}
	const first = 1<<32 - 1 // groups above 32 are joined by SetOption only
	s.net.join(s, uint64(groups)&(1<<s.family.groups-1), first)
	return nil
}

// autobind takes the number of the process for the port, or if another socket has that, a high one.
func (s *Socket) autobind(c *fs.Caller) uint32 {
	port := uint32(1)
	if t, ok := c.Task.(socket.Task); ok {
		port = uint32(t.ProcessID(t.Process()))
	}
	for next := ^uint32(0) - 4096; ; next-- {
		if got := s.net.claim(s, port); got != 0 {
			return got
		}
		port = next
	}
}

func parseAddr(addr []byte) (port, groups uint32, err error) {
	le := binary.LittleEndian
	if len(addr) < addrSize || le.Uint16(addr) != abi.AF_NETLINK {
		return 0, 0, abi.EINVAL
	}
	return le.Uint32(addr[4:]), le.Uint32(addr[8:]), nil
}

func appendAddr(b []byte, port, groups uint32) []byte {
	le := binary.LittleEndian
	return le.AppendUint32(le.AppendUint32(le.AppendUint32(b, abi.AF_NETLINK), port), groups)
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
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	return appendAddr(b, s.port, uint32(s.groups)), nil
}

// PeerName appends the kernel's address.
func (s *Socket) PeerName(b []byte) ([]byte, error) { return appendAddr(b, 0, 0), nil }

// Send takes requests, and puts the answers where Receive finds them. ECONNREFUSED: not to the kernel; EMSGSIZE.
func (s *Socket) Send(c *fs.Caller, m *socket.Message) (int, error) {
	if len(m.Addr) > 0 {
		if err := s.Connect(c, m.Addr); err != nil {
			return 0, err
		}
	}
	if s.family.whole != nil && s.net.processes == nil {
		return 0, abi.ECONNREFUSED // the kernel's end is in the initial network namespace
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
	d := dialogue{s: s, c: c, links: s.links, admin: s.links.MayChange(c.Cred), port: s.autobind(c)}
	if s.family.whole != nil {
		s.family.whole(&d, b)
	} else {
		d.requests(b)
	}
	return n, nil
}

// deliver puts datagrams where Receive finds them. One that finds no room is lost, which the next Receive tells, but the
// parts of a dump, of which there is one at a time.
func (s *Socket) deliver(list ...datagram) {
	s.mu.Lock()
	for _, a := range list {
		switch {
		case a.dump:
			s.dumping = true
		case s.queued+len(a.data) > s.opts.ReceiveBuffer():
			s.dropped++
			s.opts.Fail(abi.ENOBUFS)
			continue
		default:
			s.queued += len(a.data)
		}
		s.answers = append(s.answers, a)
	}
	s.mu.Unlock()
	s.queue.Notify(wait.Readable)
}

// next gives the next datagram, and takes it away unless peek is set. EAGAIN; ENOBUFS: some were lost.
func (s *Socket) next(peek bool) (datagram, error) {
	if err := s.opts.Failure(); err != nil {
		return datagram{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.answers) == 0 {
		return datagram{}, abi.EAGAIN
	}
	a := s.answers[0]
	if peek {
		return a, nil
	}
	s.answers[0] = datagram{}
	s.answers = s.answers[1:]
	switch {
	case a.last:
		s.dumping = false
	case !a.dump:
		s.queued -= len(a.data)
	}
	return a, nil
}

// Receive gives the next answer. EAGAIN: there is none; ENOBUFS: some were lost, for the program was too slow.
func (s *Socket) Receive(_ *fs.Caller, m *socket.Message) (int, error) {
	a, err := s.next(m.Flags&abi.MSG_PEEK != 0)
	if err != nil {
		return 0, err
	}
	n := min(len(a.data), m.Buf.Len())
	if _, err := m.Buf.CopyOut(a.data[:n]); err != nil {
		return 0, err
	}
	groups := uint32(0)
	if a.group != 0 && a.group <= 32 {
		groups = 1 << (a.group - 1)
	}
	m.Addr = appendAddr(m.Addr, 0, groups)
	if n < len(a.data) {
		m.Out |= abi.MSG_TRUNC
		if m.Flags&abi.MSG_TRUNC != 0 {
			n = len(a.data)
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
	ev := wait.Writable
	if s.opts.Failed() {
		ev |= wait.Err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.answers) > 0 {
		ev |= wait.Readable
	}
	return ev
}

// Queue returns who waits for answers.
func (s *Socket) Queue(*fs.File) *wait.Queue { return &s.queue }

// Ioctl knows the interfaces.
func (s *Socket) Ioctl(_ *fs.File, c *fs.Caller, cmd, arg uint32, m fs.UserMemory) (uint32, error) {
	return s.links.Ioctl(c, cmd, arg, m)
}

// Release gives the port back, and lets go of the namespace.
func (s *Socket) Release(*fs.File) {
	if s.family.protocol == abi.NETLINK_CONNECTOR {
		s.setListening(false, 0)
	}
	s.net.remove(s)
	s.links.Namespace().Put()
}
