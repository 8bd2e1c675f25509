package unix

import (
	"runtime/debug"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/socket"
	"cleave/ns/user"
)

// counted is a file that knows whether it has been closed.
type counted struct {
	fs.NoFile
	released int
}

func (c *counted) Release(*fs.File) { c.released++ }

func (k *kit) counted() (*counted, *fs.File) {
	c := &counted{}
	return c, k.V.NewAnonFile(c, "counted", nil, abi.O_RDWR, k.Cred)
}

func TestRightsKeepFilesOpen(t *testing.T) {
	k := newKit(t)
	a, b := k.pair(abi.SOCK_STREAM)
	c, f := k.counted()
	k.send(a, "x", f)
	f.Put()
	if c.released != 0 {
		t.Fatal("a file in flight was closed")
	}
	if n := k.Cred.Account.Count(user.FlyingFiles); n != 1 {
		t.Errorf("%d files are charged, want 1", n)
	}
	m := k.expect(b, 10, "x")
	if len(m.Rights) != 1 || m.Rights[0] != f {
		t.Fatalf("received %v", m.Rights)
	}
	m.DropRights()
	if c.released != 1 {
		t.Errorf("released %d times", c.released)
	}
	k.put(a, b)
}

func TestRightsAndStreamBorders(t *testing.T) {
	k := newKit(t)
	a, b := k.pair(abi.SOCK_STREAM)
	_, f := k.counted()
	_, g := k.counted()
	k.send(a, "one")
	k.send(a, "two", f)
	k.send(a, "three", g)
	k.send(a, "four")
	m := k.expect(b, 100, "onetwo") // bytes with files are the last that come
	if len(m.Rights) != 1 || m.Rights[0] != f {
		t.Errorf("files %v", m.Rights)
	}
	m.DropRights()
	m = k.expect(b, 2, "th")
	if len(m.Rights) != 1 || m.Rights[0] != g {
		t.Errorf("files %v", m.Rights)
	}
	m.DropRights()
	m = k.expect(b, 100, "reefour")
	if len(m.Rights) != 0 {
		t.Error("files came twice")
	}
	k.put(a, b, f, g)
}

func TestPeekDoublesRights(t *testing.T) {
	for _, typ := range []int{abi.SOCK_STREAM, abi.SOCK_DGRAM} {
		k := newKit(t)
		a, b := k.pair(typ)
		c, f := k.counted()
		k.send(a, "x", f)
		f.Put()
		_, m, _ := k.recv(b, 10, abi.MSG_PEEK)
		if len(m.Rights) != 1 || f.Refs() != 2 {
			t.Errorf("%d files, %d references", len(m.Rights), f.Refs())
		}
		m.DropRights()
		k.expect(b, 10, "x").DropRights()
		if c.released != 1 {
			t.Errorf("released %d times", c.released)
		}
		k.put(a, b)
	}
}

func TestReadDropsRights(t *testing.T) {
	k := newKit(t)
	a, b := k.pair(abi.SOCK_STREAM)
	c, f := k.counted()
	k.send(a, "x", f)
	f.Put()
	k.Get(b, 1)
	if c.released != 1 {
		t.Errorf("released %d times", c.released)
	}
	k.put(a, b)
}

func TestCloseDropsRights(t *testing.T) {
	k := newKit(t)
	a, b := k.pair(abi.SOCK_DGRAM)
	c, f := k.counted()
	k.send(a, "x", f)
	f.Put()
	k.put(a, b)
	if c.released != 1 {
		t.Errorf("released %d times", c.released)
	}
}

func TestTooManyRights(t *testing.T) {
	k := newKit(t)
	u := k.as(1000, 5)
	u.Limits = limits{}
	a, b := u.pair(abi.SOCK_DGRAM)
	_, f := k.counted()
	for range 3 {
		if _, err := u.send(a, "x", f); err != nil {
			t.Fatal(err)
		}
	}
	_, err := u.send(a, "x", f)
	k.want(err, abi.ETOOMANYREFS)
	if f.Refs() != 4 {
		t.Errorf("%d references after a failed send, want 4", f.Refs())
	}
	k.put(a, b, f)
}

type limits struct{}

func (limits) NoFile() int       { return 3 }
func (limits) FileSize() int64   { return 1 << 62 }
func (limits) FileSizeExceeded() {}

func TestFullQueueKeepsRights(t *testing.T) {
	k := newKit(t)
	a, b := k.pair(abi.SOCK_DGRAM)
	for range 11 {
		k.send(a, "x")
	}
	_, f := k.counted()
	m := &socket.Message{Buf: &fs.Bytes{B: []byte("y")}, Rights: []*fs.File{f.Get()}}
	_, err := sock(a).Send(k.Caller, m)
	k.want(err, abi.EAGAIN)
	if len(m.Rights) != 1 || f.Refs() != 2 || k.d.flight.total != 0 {
		t.Error("a send that must be tried again has lost its files")
	}
	m.DropRights()
	k.put(a, b, f)
}

// inFlight returns how many sockets are in flight.
func (k *kit) inFlight() int { return len(k.d.flight.sockets) }

func TestCycleOfOne(t *testing.T) {
	k := newKit(t)
	a, b := k.pair(abi.SOCK_STREAM)
	c, f := k.counted()
	k.send(b, "x", a, f) // a waits in its own inbox
	k.put(a, f)
	if k.inFlight() != 1 {
		t.Fatal("nothing in flight")
	}
	k.put(b)
	if k.inFlight() != 0 || c.released != 1 {
		t.Errorf("%d in flight, released %d times: a lost socket was not found", k.inFlight(), c.released)
	}
}

func TestCycleOfTwo(t *testing.T) {
	k := newKit(t)
	a, b := k.pair(abi.SOCK_STREAM)
	c, f := k.counted()
	k.send(a, "x", a, f) // a waits in b, b in a
	k.send(b, "x", b)
	k.put(a, b, f)
	x, y := k.pair(abi.SOCK_STREAM)
	k.put(x, y) // which looks for lost sockets
	if k.inFlight() != 0 || c.released != 1 {
		t.Errorf("%d in flight, released %d times", k.inFlight(), c.released)
	}
}

func TestReachableIsKept(t *testing.T) {
	k := newKit(t)
	a, b := k.pair(abi.SOCK_STREAM)
	x, y := k.pair(abi.SOCK_STREAM)
	p, q := k.pair(abi.SOCK_STREAM)
	k.send(p, "1", x) // x waits in q, whose descriptor is open
	k.send(y, "2", a) // a waits in x
	k.put(x, a)
	z, w := k.pair(abi.SOCK_STREAM)
	k.put(z, w)
	m := k.expect(q, 10, "1")
	if len(m.Rights) != 1 || m.Rights[0] != x {
		t.Fatalf("x was lost: %v", m.Rights)
	}
	n := k.expect(x, 10, "2")
	if len(n.Rights) != 1 || n.Rights[0] != a {
		t.Fatalf("a was lost: %v", n.Rights)
	}
	m.DropRights()
	n.DropRights()
	k.put(b, y, p, q)
}

func TestCycleThroughListener(t *testing.T) {
	k := newKit(t)
	l := k.listen(abi.SOCK_STREAM, "@l", 5)
	c := k.socket(abi.SOCK_STREAM)
	k.want(sock(c).Connect(k.Caller, un("@l")), nil)
	n, f := k.counted()
	k.send(c, "x", l, f) // the listener waits in a connection that it has not accepted
	k.put(l, f)
	k.put(c)
	if k.inFlight() != 0 || n.released != 1 {
		t.Errorf("%d in flight, released %d times", k.inFlight(), n.released)
	}
}

func TestManyLostCycles(t *testing.T) {
	k := newKit(t)
	for range 3 * searchAt {
		a, b := k.pair(abi.SOCK_STREAM)
		k.send(a, "x", a)
		k.send(b, "x", b)
		k.put(a, b)
		if n := k.inFlight(); n > 2*searchAt+2 {
			t.Fatalf("%d sockets are in flight", n)
		}
	}
	k.d.collect()
	if k.inFlight() != 0 {
		t.Errorf("%d sockets are lost", k.inFlight())
	}
}

// TestLongChain has each socket wait in the inbox of the one before: closing the first closes all, with little stack.
func TestLongChain(t *testing.T) {
	k := newKit(t)
	c, f := k.counted()
	inner := f
	for range 20000 {
		a, b := k.pair(abi.SOCK_DGRAM)
		k.send(a, "x", inner)
		k.put(inner, a)
		inner = b
	}
	old := debug.SetMaxStack(1 << 20)
	k.put(inner)
	debug.SetMaxStack(old)
	if c.released != 1 || k.inFlight() != 0 {
		t.Errorf("released %d times, %d sockets in flight", c.released, k.inFlight())
	}
}
