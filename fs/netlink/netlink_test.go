package netlink

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/fstest"
	"cleave/fs/netdev"
	"cleave/fs/socket"
	"cleave/ns/user"
)

// namespace is a network namespace whose references are counted.
type namespace struct {
	owner *user.Namespace
	refs  atomic.Int64
	net   Net
	links netdev.Table
}

func (n *namespace) Owner() *user.Namespace { return n.owner }
func (n *namespace) Get()                   { n.refs.Add(1) }
func (n *namespace) Put()                   { n.refs.Add(-1) }

// newNamespace makes one beside another, nil: the first one, whose dummy0 it deletes.
func newNamespace(t testing.TB, owner *user.Namespace, from *namespace) *namespace {
	n := &namespace{owner: owner}
	if from != nil {
		n.links.Init(n, n.net.LinkEvent, &from.links)
		return n
	}
	n.net.EnableConnector()
	n.links.InitFirst(n, n.net.LinkEvent, nil)
	if err := n.links.Delete(0, "dummy0"); err != nil {
		t.Fatal(err)
	}
	return n
}

// task is in one namespace, and knows another: that of process 8, and of descriptor 3.
type task struct {
	here, there *namespace
	names       names
	initial     bool
}

// names are those of unix sockets.
type names struct {
	socket.Names
	members socket.Members
}

func (n *names) Members() *socket.Members { return &n.members }

func (t *task) Process() socket.Process          { return t }
func (t *task) ProcessID(socket.Process) int32   { return 7 }
func (t *task) FindProcess(int32) socket.Process { return nil }
func (t *task) MayClaimProcess() bool            { return true }
func (t *task) Names() socket.Names              { return &t.names }
func (t *task) Links() *netdev.Table             { return &t.here.links }
func (t *task) Netlink() *Net                    { return &t.here.net }

func (t *task) LinksOfPID(pid int32) (*netdev.Table, error) {
	if pid != 8 {
		return nil, abi.ESRCH
	}
	t.there.Get()
	return &t.there.links, nil
}

func (t *task) LinksOfFD(fd int32) (*netdev.Table, error) {
	if fd != 3 {
		return nil, abi.EBADF
	}
	return t.LinksOfPID(8)
}

func (t *task) InInitialNamespaces() bool { return t.initial }
func (t *task) Monotonic() int64          { return 12345 }

func (t *task) TaskStats(pid int32, group bool) (*TaskStats, error) {
	if pid != 7 {
		return nil, abi.ESRCH
	}
	return &TaskStats{Comm: "a name that is longer than what there is room for", PID: pid, Nice: -3, Elapsed: 5e6, Voluntary: 9}, nil
}

type kit struct {
	*fstest.Kit
	task *task
	s    *Socket
}

// newKit makes a kit with a socket. In the end no namespace has a reference left.
func newKit(t *testing.T) *kit {
	k := &kit{Kit: fstest.New(t)}
	here := newNamespace(t, k.Cred.NS, nil)
	k.task = &task{here: here, there: newNamespace(t, k.Cred.NS, here), initial: true}
	k.Task = k.task
	f := k.open(t, abi.NETLINK_ROUTE)
	t.Cleanup(func() {
		f.Put()
		if a, b := here.refs.Load(), k.task.there.refs.Load(); a != 0 || b != 0 {
			t.Errorf("%d and %d references are left on the namespaces", a, b)
		}
	})
	k.s = f.Ops.(*Socket)
	return k
}

func (k *kit) open(t *testing.T, protocol int) *fs.File {
	t.Helper()
	f, err := New(k.V, k.Caller, abi.SOCK_RAW, protocol, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// ask sends a request and returns the types of the answers, with the error of NLMSG_ERROR.
func (k *kit) ask(t *testing.T, c *fs.Caller, typ, flags uint16, body []byte) (types []uint16, errno abi.Errno) {
	t.Helper()
	le := binary.LittleEndian
	b := le.AppendUint32(nil, uint32(headSize+len(body)))
	b = le.AppendUint16(le.AppendUint16(b, typ), flags|abi.NLM_F_REQUEST)
	b = append(le.AppendUint32(le.AppendUint32(b, 99), 0), body...)
	if n, err := k.s.Send(c, &socket.Message{Buf: &fs.Bytes{B: b}}); n != len(b) || err != nil {
		t.Fatal(n, err)
	}
	for {
		got := make([]byte, 4096)
		n, err := k.s.Receive(c, &socket.Message{Buf: &fs.Bytes{B: got}})
		if err == abi.EAGAIN {
			return types, errno
		}
		if err != nil || le.Uint32(got) != uint32(n) || le.Uint32(got[8:]) != 99 || le.Uint32(got[12:]) != 7 {
			t.Fatalf("%d bytes, %v: % x", n, err, got[:headSize])
		}
		types = append(types, le.Uint16(got[4:]))
		if le.Uint16(got[4:]) == abi.NLMSG_ERROR {
			errno = abi.Errno(-int32(le.Uint32(got[headSize:])))
		}
	}
}

func link(index, flags, change uint32, attrs ...byte) []byte {
	b := append([]byte{0, 0, 0, 0}, word(index)...)
	return append(append(append(b, word(flags)...), word(change)...), attrs...)
}

// newLink is a message that makes a link of a kind.
func newLink(kind, name string, attrs ...byte) []byte {
	b := attribute(attrs, abi.IFLA_LINKINFO, attribute(nil, abi.IFLA_INFO_KIND, []byte(kind)...)...)
	return link(0, 0, 0, attribute(b, abi.IFLA_IFNAME, text(name)...)...)
}

func address(family, prefix byte, index uint32, ip ...byte) []byte {
	b := append([]byte{family, prefix, 0, abi.RT_SCOPE_HOST}, word(index)...)
	return attribute(b, abi.IFA_LOCAL, ip...)
}

// TestRequests makes requests in order, as root and as an ordinary user.
func TestRequests(t *testing.T) {
	k := newKit(t)
	plain := k.As(1000).Caller
	local := address(abi.AF_INET, 8, 1, 127, 0, 0, 1)
	for _, c := range []struct {
		name  string
		c     *fs.Caller
		typ   uint16
		flags uint16
		body  []byte
		types int // answers but for an error
		err   abi.Errno
	}{
		{"all links", plain, abi.RTM_GETLINK, abi.NLM_F_DUMP, link(0, 0, 0), 2, 0},
		{"the link by name", plain, abi.RTM_GETLINK, 0, link(0, 0, 0, attribute(nil, abi.IFLA_IFNAME, 'l', 'o', 0)...), 1, 0},
		{"another name", plain, abi.RTM_GETLINK, 0, link(0, 0, 0, attribute(nil, abi.IFLA_IFNAME, 'x', 0)...), 0, abi.ENODEV},
		{"another number", plain, abi.RTM_GETLINK, 0, link(2, 0, 0), 0, abi.ENODEV},
		{"no link", plain, abi.RTM_GETLINK, 0, link(0, 0, 0), 0, abi.EINVAL},
		{"too short", plain, abi.RTM_GETLINK, 0, nil, 0, abi.EINVAL},
		{"no right", plain, abi.RTM_NEWADDR, abi.NLM_F_ACK, local, 0, abi.EPERM},
		{"no address yet", plain, abi.RTM_GETADDR, abi.NLM_F_DUMP, []byte{0}, 1, 0},
		{"an address", k.Caller, abi.RTM_NEWADDR, abi.NLM_F_ACK, local, 0, 0},
		{"once more", k.Caller, abi.RTM_NEWADDR, 0, local, 0, abi.EEXIST},
		{"replaced", k.Caller, abi.RTM_NEWADDR, abi.NLM_F_REPLACE, local, 0, 0},
		{"IPv6", k.Caller, abi.RTM_NEWADDR, 0, address(abi.AF_INET6, 8, 1), 0, abi.EOPNOTSUPP},
		{"a bad prefix", k.Caller, abi.RTM_NEWADDR, 0, address(abi.AF_INET, 33, 1, 1, 2, 3, 4), 0, abi.EINVAL},
		{"half an address", k.Caller, abi.RTM_NEWADDR, 0, address(abi.AF_INET, 8, 1, 1, 2), 0, abi.EINVAL},
		{"on another link", k.Caller, abi.RTM_NEWADDR, 0, address(abi.AF_INET, 8, 2, 1, 2, 3, 4), 0, abi.ENODEV},
		{"one address", plain, abi.RTM_GETADDR, abi.NLM_F_DUMP, []byte{abi.AF_INET}, 2, 0},
		{"none of IPv6", plain, abi.RTM_GETADDR, abi.NLM_F_DUMP, []byte{abi.AF_INET6}, 1, 0},
		{"up", k.Caller, abi.RTM_NEWLINK, abi.NLM_F_ACK, link(1, abi.IFF_UP, abi.IFF_UP), 0, 0},
		{"a link of no kind", k.Caller, abi.RTM_NEWLINK, abi.NLM_F_CREATE, link(0, 0, 0, attribute(nil, abi.IFLA_IFNAME, 'x', 0)...), 0, abi.EOPNOTSUPP},
		{"of an unknown one", k.Caller, abi.RTM_NEWLINK, abi.NLM_F_CREATE, newLink("veth", "x"), 0, abi.EOPNOTSUPP},
		{"without the right", plain, abi.RTM_NEWLINK, abi.NLM_F_CREATE, newLink("dummy", "x"), 0, abi.EPERM},
		{"a new link", k.Caller, abi.RTM_NEWLINK, abi.NLM_F_CREATE, newLink("dummy", "x"), 0, 0},
		{"again", k.Caller, abi.RTM_NEWLINK, abi.NLM_F_CREATE | abi.NLM_F_EXCL, newLink("dummy", "x"), 0, abi.EEXIST},
		{"not to be made", k.Caller, abi.RTM_NEWLINK, 0, newLink("dummy", "y"), 0, abi.ENODEV},
		{"in another namespace", k.Caller, abi.RTM_NEWLINK, abi.NLM_F_CREATE, newLink("dummy", "y", attribute(nil, abi.IFLA_NET_NS_PID, word(8)...)...), 0, 0},
		{"half a number", k.Caller, abi.RTM_SETLINK, 0, link(3, 0, 0, attribute(nil, abi.IFLA_MTU, 1, 2)...), 0, abi.ERANGE},
		{"an MTU", k.Caller, abi.RTM_SETLINK, 0, link(3, 0, 0, attribute(nil, abi.IFLA_MTU, word(1000)...)...), 0, 0},
		{"to no process's", k.Caller, abi.RTM_SETLINK, 0, link(3, 0, 0, attribute(nil, abi.IFLA_NET_NS_PID, word(9)...)...), 0, abi.ESRCH},
		{"to no descriptor's", k.Caller, abi.RTM_SETLINK, 0, link(3, 0, 0, attribute(nil, abi.IFLA_NET_NS_FD, word(9)...)...), 0, abi.EBADF},
		{"the loopback moves", k.Caller, abi.RTM_SETLINK, 0, link(1, 0, 0, attribute(nil, abi.IFLA_NET_NS_FD, word(3)...)...), 0, abi.EINVAL},
		{"moved", k.Caller, abi.RTM_SETLINK, 0, link(3, 0, 0, attribute(nil, abi.IFLA_NET_NS_FD, word(3)...)...), 0, 0},
		{"it is away", k.Caller, abi.RTM_DELLINK, 0, link(3, 0, 0), 0, abi.ENODEV},
		{"the loopback stays", k.Caller, abi.RTM_DELLINK, 0, link(1, 0, 0), 0, abi.EOPNOTSUPP},
		{"gone", k.Caller, abi.RTM_DELADDR, 0, local, 0, 0},
		{"gone already", k.Caller, abi.RTM_DELADDR, 0, local, 0, abi.EADDRNOTAVAIL},
		{"routes", plain, 26, abi.NLM_F_DUMP, []byte{0}, 0, abi.EOPNOTSUPP},
	} {
		types, err := k.ask(t, c.c, c.typ, c.flags, c.body)
		want := c.types
		if c.err != 0 || c.flags&abi.NLM_F_ACK != 0 {
			want++
		}
		if err != c.err || len(types) != want {
			t.Errorf("%s: answers %v, %v", c.name, types, err)
		}
	}
	if lo, err := k.s.links.Find(1, ""); err != nil || lo.Flags&abi.IFF_UP == 0 {
		t.Errorf("the loopback is not up: %+v, %v", lo, err)
	}
	if list := k.task.there.links.Links(); len(list) != 3 || list[1].Name != "y" || list[2].Name != "x" || list[2].MTU != 1000 {
		t.Errorf("the other namespace has %+v", list)
	}
}

func TestPorts(t *testing.T) {
	k := newKit(t)
	addr := func(port uint32) []byte { return appendAddr(nil, port, 0) }
	f := k.open(t, abi.NETLINK_ROUTE)
	defer f.Put()
	other := f.Ops.(*Socket)
	for _, c := range []struct {
		name string
		s    *Socket
		addr []byte
		want error
	}{
		{"any", k.s, addr(0), nil},
		{"again", k.s, addr(7), nil},
		{"another", k.s, addr(8), abi.EINVAL},
		{"taken", other, addr(7), abi.EADDRINUSE},
		{"short", other, addr(7)[:11], abi.EINVAL},
		{"another family", other, make([]byte, 12), abi.EINVAL},
		{"groups", other, appendAddr(nil, 0, 3), nil},
	} {
		if err := c.s.Bind(k.Caller, c.addr); err != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if name, _ := other.Name(nil); bytes.Equal(name[:8], addr(7)[:8]) || bytes.Equal(name[:8], addr(0)[:8]) || name[8] != 3 {
		t.Errorf("the second socket has the address % x", name)
	}
	if list := k.task.here.net.Sockets(); len(list) != 2 || list[0].Port != 7 || list[1].Groups != 3 {
		t.Errorf("sockets %+v", list)
	}
	if _, err := New(k.V, k.Caller, abi.SOCK_RAW, 5, 0); err != abi.EPROTONOSUPPORT {
		t.Errorf("another protocol: %v", err)
	}
}

// receive gives the type and the groups of the next message.
func receive(s *Socket) (typ uint16, groups uint32, err error) {
	le := binary.LittleEndian
	b := make([]byte, 4096)
	m := socket.Message{Buf: &fs.Bytes{B: b}}
	if _, err := s.Receive(nil, &m); err != nil {
		return 0, 0, err
	}
	return le.Uint16(b[4:]), le.Uint32(m.Addr[8:]), nil
}

// TestGroups checks who is told what, and that who does not read loses messages, but not the kernel its memory.
func TestGroups(t *testing.T) {
	k := newKit(t)
	links := &k.task.here.links
	if err := k.s.Bind(k.Caller, appendAddr(nil, 0, 1<<(abi.RTNLGRP_LINK-1))); err != nil {
		t.Fatal(err)
	}
	if err := links.Create(netdev.KindNamed("dummy"), 0, &netdev.Change{Name: "d0"}); err != nil {
		t.Fatal(err)
	}
	if err := links.AddAddress(3, netdev.Address{IP: [4]byte{1, 2, 3, 4}, Prefix: 8}, false); err != nil {
		t.Fatal(err)
	}
	if typ, groups, err := receive(k.s); typ != abi.RTM_NEWLINK || groups != 1 || err != nil {
		t.Errorf("told %d, %x, %v", typ, groups, err)
	}
	if _, _, err := receive(k.s); err != abi.EAGAIN {
		t.Errorf("told of an address: %v", err)
	}
	for _, o := range []struct {
		name  int
		value uint32
		want  error
	}{
		{abi.NETLINK_ADD_MEMBERSHIP, abi.RTNLGRP_IPV4_IFADDR, nil}, {abi.NETLINK_DROP_MEMBERSHIP, abi.RTNLGRP_LINK, nil},
		{abi.NETLINK_ADD_MEMBERSHIP, 0, abi.EINVAL}, {abi.NETLINK_ADD_MEMBERSHIP, 40, abi.EINVAL}, {99, 0, abi.ENOPROTOOPT},
	} {
		if err := k.s.SetOption(o.name, o.value); err != o.want {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if err := links.Delete(3, ""); err != nil {
		t.Fatal(err)
	}
	if typ, groups, err := receive(k.s); typ != abi.RTM_DELADDR || groups != 1<<4 || err != nil {
		t.Errorf("told %d, %x, %v", typ, groups, err)
	}
	for i := range 10000 {
		if err := links.AddAddress(1, netdev.Address{IP: [4]byte{127, 0, 0, 1}, Prefix: 8}, i > 0); err != nil {
			t.Fatal(err)
		}
	}
	if k.s.queued > k.s.opts.ReceiveBuffer() {
		t.Errorf("%d bytes wait", k.s.queued)
	}
	if _, _, err := receive(k.s); err != abi.ENOBUFS {
		t.Errorf("nothing was lost: %v", err)
	}
	if typ, _, err := receive(k.s); typ != abi.RTM_NEWADDR || err != nil {
		t.Errorf("after that %d, %v", typ, err)
	}
}

// TestDumps checks that a dump is whole, however small the buffer, and that a second one waits for it.
func TestDumps(t *testing.T) {
	k := newKit(t)
	if err := k.s.Options().SetInt(k.Caller, abi.SO_RCVBUF, 0); err != nil {
		t.Fatal(err)
	}
	for range 30 {
		if err := k.task.here.links.Create(netdev.KindNamed("dummy"), 0, &netdev.Change{Name: "d%d"}); err != nil {
			t.Fatal(err)
		}
	}
	dump := message(abi.RTM_GETLINK, abi.NLM_F_REQUEST|abi.NLM_F_DUMP, 99, 0, link(0, 0, 0))
	for range 2 {
		if _, err := k.s.Send(k.Caller, &socket.Message{Buf: &fs.Bytes{B: slices.Clone(dump)}}); err != nil {
			t.Fatal(err)
		}
	}
	var types []uint16
	for {
		typ, _, err := receive(k.s)
		if err != nil {
			break
		}
		types = append(types, typ)
	}
	// 31 links, the end, and EBUSY.
	if len(types) != 33 || types[31] != abi.NLMSG_DONE || types[32] != abi.NLMSG_ERROR {
		t.Errorf("got %v", types)
	}
	if types, _ := k.ask(t, k.Caller, abi.RTM_GETLINK, abi.NLM_F_DUMP, link(0, 0, 0)); len(types) != 32 {
		t.Errorf("the next dump: %v", types)
	}
}

// FuzzRequests checks that nothing a program sends makes the reader leave its buffer, nor leaves a reference.
func FuzzRequests(f *testing.F) {
	for _, b := range [][]byte{
		message(abi.RTM_NEWLINK, abi.NLM_F_REQUEST, 0, 0, link(1, 1, 1)),
		message(abi.RTM_NEWADDR, abi.NLM_F_REQUEST, 0, 0, address(2, 8, 1, 1, 2, 3, 4)),
		message(abi.RTM_NEWLINK, abi.NLM_F_REQUEST|abi.NLM_F_CREATE, 0, 0, newLink("dummy", "x", attribute(nil, abi.IFLA_NET_NS_PID, word(8)...)...)),
		message(abi.RTM_DELLINK, abi.NLM_F_REQUEST, 0, 0, link(2, 0, 0)),
		message(abi.RTM_GETLINK, abi.NLM_F_REQUEST|abi.NLM_F_DUMP, 0, 0, link(0, 0, 0)),
		message(abi.SOCK_DIAG_BY_FAMILY, abi.NLM_F_REQUEST, 0, 0, append([]byte{abi.AF_UNIX}, make([]byte, 23)...)),
		message(abi.GENL_ID_CTRL, abi.NLM_F_REQUEST, 0, 0, attribute([]byte{abi.CTRL_CMD_GETFAMILY, 1, 0, 0}, abi.CTRL_ATTR_FAMILY_NAME, text("TASKSTATS")...)),
		message(abi.GENL_ID_CTRL+3, abi.NLM_F_REQUEST, 0, 0, attribute([]byte{abi.TASKSTATS_CMD_GET, 1, 0, 0}, abi.TASKSTATS_CMD_ATTR_PID, word(7)...)),
		listenMessage(abi.PROC_CN_MCAST_LISTEN, 0),
	} {
		f.Add(b)
	}
	owner := user.NewInitial()
	f.Fuzz(func(t *testing.T, b []byte) {
		here := newNamespace(t, owner, nil)
		there := newNamespace(t, owner, here)
		c := &fs.Caller{Cred: user.NewRoot(owner), Task: &task{here: here, there: there, initial: true}}
		for i := range families {
			s := &Socket{family: &families[i], net: &here.net, links: &here.links, unix: new(socket.Members)}
			s.opts.Init(abi.AF_NETLINK, abi.SOCK_RAW, 0)
			d := dialogue{s: s, c: c, links: s.links, admin: true}
			if s.family.whole != nil {
				s.family.whole(&d, b)
			} else {
				d.requests(b)
			}
		}
		if n := len(here.links.Links()) + len(there.links.Links()); n > 2+len(b)/headSize {
			t.Errorf("%d interfaces out of %d bytes", n, len(b))
		}
		if here.refs.Load() != 0 || there.refs.Load() != 0 {
			t.Error("a reference is left")
		}
	})
}
