package netlink

import (
	"bytes"
	"encoding/binary"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/fstest"
	"cleave/fs/socket"
)

type task struct{ lo *socket.Loopback }

func (t *task) Process() socket.Process          { return t }
func (t *task) ProcessID(socket.Process) int32   { return 7 }
func (t *task) FindProcess(int32) socket.Process { return nil }
func (t *task) MayClaimProcess() bool            { return true }
func (t *task) Names() socket.Names              { return nil }
func (t *task) Loopback() *socket.Loopback       { return t.lo }

type kit struct {
	*fstest.Kit
	s *Socket
}

func newKit(t *testing.T) *kit {
	k := fstest.New(t)
	k.Task = &task{&socket.Loopback{Owner: k.Cred.NS}}
	f, err := New(k.V, k.Caller, abi.SOCK_RAW, abi.NETLINK_ROUTE, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Put)
	return &kit{k, f.Ops.(*Socket)}
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
		got := make([]byte, 1024)
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
		{"a new link", k.Caller, abi.RTM_NEWLINK, abi.NLM_F_CREATE, link(0, 0, 0, attribute(nil, abi.IFLA_IFNAME, 'x', 0)...), 0, abi.EOPNOTSUPP},
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
	if k.s.lo.Flags()&abi.IFF_UP == 0 {
		t.Error("the interface is not up")
	}
}

func TestPorts(t *testing.T) {
	k := newKit(t)
	addr := func(port uint32) []byte { return appendAddr(nil, port) }
	other := &Socket{lo: k.s.lo}
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
		{"groups", other, append(addr(0)[:8], 1, 0, 0, 0), abi.EOPNOTSUPP},
		{"any other", other, addr(0), nil},
	} {
		if err := c.s.Bind(k.Caller, c.addr); err != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if name, _ := other.Name(nil); bytes.Equal(name, addr(7)) || bytes.Equal(name, addr(0)) {
		t.Errorf("the second socket has port % x", name)
	}
	other.Release(nil)
	if _, err := New(k.V, k.Caller, abi.SOCK_RAW, 5, 0); err != abi.EPROTONOSUPPORT {
		t.Errorf("another protocol: %v", err)
	}
}

// FuzzRequests checks that nothing a program sends makes the reader leave its buffer.
func FuzzRequests(f *testing.F) {
	f.Add(append([]byte{32, 0, 0, 0, abi.RTM_NEWLINK, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, link(1, 1, 1)...))
	f.Add(append([]byte{28, 0, 0, 0, abi.RTM_NEWADDR, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, address(2, 8, 1, 1, 2, 3, 4)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := dialogue{lo: &socket.Loopback{}, admin: true}
		d.requests(b)
		if len(d.lo.Addresses()) > len(b)/headSize {
			t.Error("more addresses than requests")
		}
	})
}
