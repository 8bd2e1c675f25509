package unix

import (
	"bytes"
	"strings"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/fstest"
	"cleave/fs/netdev"
	"cleave/fs/socket"
	"cleave/ns/user"
	"cleave/wait"
)

// task is what sockets have to know of a task.
type task struct {
	pid   int32
	names *names
	pids  map[int32]*task
	admin bool
}

func (t *task) Process() socket.Process { return t }

func (t *task) ProcessID(p socket.Process) int32 { return p.(*task).pid }

func (t *task) FindProcess(pid int32) socket.Process {
	if p := t.pids[pid]; p != nil {
		return p
	}
	return nil
}

func (t *task) MayClaimProcess() bool { return t.admin }
func (t *task) Names() socket.Names   { return t.names }

func (t *task) Links() *netdev.Table { return nil }

// names are the abstract names of one network namespace.
type names struct {
	m       map[string]any
	members socket.Members
}

func (n *names) Members() *socket.Members { return &n.members }

func (n *names) Bind(name string, s any) error {
	if n.m[name] != nil {
		return abi.EADDRINUSE
	}
	n.m[name] = s
	return nil
}
func (n *names) Find(name string) any      { return n.m[name] }
func (n *names) Unbind(name string, _ any) { delete(n.m, name) }

// kit is a test's unix sockets.
type kit struct {
	*fstest.Kit
	d *Domain
}

func newKit(t testing.TB) *kit {
	k := &kit{Kit: fstest.New(t)}
	k.d = New(k.V)
	k.Task = &task{pid: 100, names: &names{m: map[string]any{}}, pids: map[int32]*task{}}
	t.Cleanup(func() {
		if n := len(k.d.flight.sockets); n != 0 || k.d.flight.total != 0 {
			t.Errorf("%d sockets are in flight at the end", n)
		}
		if n := k.Cred.Account.Count(user.FlyingFiles); n != 0 {
			t.Errorf("%d files are charged at the end", n)
		}
	})
	return k
}

// as returns the kit of another task with an id and a pid.
func (k *kit) as(uid user.KUID, pid int32) *kit {
	n := &kit{Kit: k.Kit.As(uid), d: k.d}
	n.Task = &task{pid: pid, names: k.Task.(*task).names, pids: map[int32]*task{}}
	return n
}

func (k *kit) put(files ...*fs.File) {
	for _, f := range files {
		f.Put()
	}
}

func (k *kit) socket(typ int) *fs.File {
	k.T.Helper()
	f, err := k.d.NewSocket(k.Caller, typ, 0, 0)
	if err != nil {
		k.T.Fatal(err)
	}
	return f
}

func (k *kit) pair(typ int) (a, b *fs.File) {
	k.T.Helper()
	a, b, err := k.d.NewPair(k.Caller, typ, 0, 0)
	if err != nil {
		k.T.Fatal(err)
	}
	return a, b
}

func sock(f *fs.File) *Socket { return f.Ops.(*Socket) }

// un makes an address of a path, or with a leading @ an abstract one.
func un(name string) []byte {
	if strings.HasPrefix(name, "@") {
		name = "\x00" + name[1:]
	}
	return append([]byte{abi.AF_UNIX, 0}, name...)
}

func (k *kit) send(f *fs.File, text string, files ...*fs.File) (int, error) {
	m := &socket.Message{Buf: &fs.Bytes{B: []byte(text)}}
	for _, r := range files {
		m.Rights = append(m.Rights, r.Get())
	}
	n, err := sock(f).Send(k.Caller, m)
	if err != nil {
		m.DropRights()
	}
	return n, err
}

func (k *kit) sendTo(f *fs.File, text, to string) error {
	_, err := sock(f).Send(k.Caller, &socket.Message{Buf: &fs.Bytes{B: []byte(text)}, Addr: un(to)})
	return err
}

func (k *kit) recv(f *fs.File, n int, flags uint32) (string, *socket.Message, error) {
	b := make([]byte, n)
	m := &socket.Message{Buf: &fs.Bytes{B: b}, Flags: flags}
	n, err := sock(f).Receive(k.Caller, m)
	return string(b[:min(n, len(b))]), m, err
}

func (k *kit) expect(f *fs.File, n int, want string) *socket.Message {
	k.T.Helper()
	got, m, err := k.recv(f, n, 0)
	if got != want || err != nil {
		k.T.Errorf("received %q, %v; want %q", got, err, want)
	}
	return m
}

func (k *kit) want(err, want error) {
	k.T.Helper()
	if err != want {
		k.T.Errorf("got %v, want %v", err, want)
	}
}

// listen makes a listening socket with a name.
func (k *kit) listen(typ int, name string, backlog int) *fs.File {
	k.T.Helper()
	f := k.socket(typ)
	k.want(sock(f).Bind(k.Caller, un(name)), nil)
	k.want(sock(f).Listen(k.Caller, backlog), nil)
	return f
}

func (k *kit) accept(l *fs.File) *fs.File {
	k.T.Helper()
	f, err := sock(l).Accept(k.Caller, 0)
	if err != nil {
		k.T.Fatal("accept:", err)
	}
	return f
}

func TestStream(t *testing.T) {
	k := newKit(t)
	a, b := k.pair(abi.SOCK_STREAM)
	k.send(a, "hello ")
	k.send(a, "world")
	k.expect(b, 8, "hello wo")
	k.expect(b, 8, "rld")
	_, _, err := k.recv(b, 8, 0)
	k.want(err, abi.EAGAIN)
	k.Kit.Put(b, "back")
	if s, err := k.Get(a, 10); s != "back" || err != nil {
		t.Errorf("read %q, %v", s, err)
	}
	k.send(a, "last")
	k.put(a)
	k.expect(b, 10, "last")
	k.expect(b, 10, "")
	_, err = k.send(b, "x")
	k.want(err, abi.EPIPE)
	k.put(b)
}

func TestPeekTruncAndWaitall(t *testing.T) {
	k := newKit(t)
	a, b := k.pair(abi.SOCK_STREAM)
	defer k.put(a, b)
	k.send(a, "abcdef")
	if s, _, _ := k.recv(b, 3, abi.MSG_PEEK); s != "abc" {
		t.Errorf("peeked %q", s)
	}
	s, _, err := k.recv(b, 10, abi.MSG_WAITALL)
	if s != "abcdef" || err != abi.EAGAIN {
		t.Errorf("MSG_WAITALL: %q, %v; want a part and EAGAIN", s, err)
	}
	c, d := k.pair(abi.SOCK_DGRAM)
	defer k.put(c, d)
	k.send(c, "abcdef")
	s, m, err := k.recv(d, 3, abi.MSG_PEEK)
	if s != "abc" || err != nil || m.Out != abi.MSG_TRUNC {
		t.Errorf("peek of a datagram: %q, %v, %#x", s, err, m.Out)
	}
	b3 := make([]byte, 3)
	m = &socket.Message{Buf: &fs.Bytes{B: b3}, Flags: abi.MSG_TRUNC}
	if n, err := sock(d).Receive(k.Caller, m); n != 6 || err != nil || string(b3) != "abc" {
		t.Errorf("MSG_TRUNC: %d, %v, %q; want the length of all", n, err, b3)
	}
	_, _, err = k.recv(d, 3, 0)
	k.want(err, abi.EAGAIN)
}

func TestMessagesStayWhole(t *testing.T) {
	k := newKit(t)
	for _, typ := range []int{abi.SOCK_DGRAM, abi.SOCK_SEQPACKET} {
		a, b := k.pair(typ)
		for _, s := range []string{"one", "", "three"} {
			if n, err := k.send(a, s); n != len(s) || err != nil {
				t.Errorf("send %q: %d, %v", s, n, err)
			}
		}
		k.expect(b, 10, "one")
		k.expect(b, 10, "")
		k.expect(b, 2, "th")
		_, _, err := k.recv(b, 10, 0)
		k.want(err, abi.EAGAIN)
		_, err = k.send(a, strings.Repeat("x", 300000))
		k.want(err, abi.EMSGSIZE)
		k.put(a, b)
	}
}

func TestEndOfPeer(t *testing.T) {
	k := newKit(t)
	a, b := k.pair(abi.SOCK_DGRAM)
	k.put(a)
	_, err := k.send(b, "x")
	k.want(err, abi.ECONNREFUSED)
	_, err = k.send(b, "x")
	k.want(err, abi.ENOTCONN)
	k.put(b)
	a, b = k.pair(abi.SOCK_STREAM)
	k.send(b, "never read")
	k.put(a)
	_, _, err = k.recv(b, 10, 0)
	k.want(err, abi.ECONNRESET)
	k.expect(b, 10, "")
	k.put(b)
}

func TestShutdown(t *testing.T) {
	k := newKit(t)
	a, b := k.pair(abi.SOCK_STREAM)
	defer k.put(a, b)
	k.send(a, "before")
	k.want(sock(a).Shutdown(abi.SHUT_WR), nil)
	_, err := k.send(a, "after")
	k.want(err, abi.EPIPE)
	if ev := sock(b).Poll(b); ev != wait.Readable|wait.RdHup|wait.Writable|wait.WrBand {
		t.Errorf("poll: %#x", ev)
	}
	k.expect(b, 10, "before")
	k.expect(b, 10, "")
	k.send(b, "still")
	k.expect(a, 10, "still")
	k.want(sock(b).Shutdown(abi.SHUT_WR), nil)
	if ev := sock(b).Poll(b); ev&wait.Hup == 0 {
		t.Errorf("poll of a connection that is over: %#x", ev)
	}
	k.want(sock(b).Shutdown(3), abi.EINVAL)
}

func TestDatagrams(t *testing.T) {
	k := newKit(t)
	srv, c := k.socket(abi.SOCK_DGRAM), k.socket(abi.SOCK_DGRAM)
	k.want(sock(srv).Bind(k.Caller, un("/srv")), nil)
	k.want(sock(c).Bind(k.Caller, un("@client")), nil)
	k.want(k.sendTo(c, "hello", "/srv"), nil)
	m := k.expect(srv, 10, "hello")
	if !bytes.Equal(m.Addr, un("@client")) {
		t.Errorf("from %q", m.Addr)
	}
	k.want(k.sendTo(srv, "hi", "@client"), nil)
	k.expect(c, 10, "hi")

	other := k.socket(abi.SOCK_DGRAM)
	k.want(sock(c).Connect(k.Caller, un("/srv")), nil)
	k.want(k.sendTo(other, "x", "@client"), abi.EPERM) // c is connected to another
	k.want(k.sendTo(srv, "y", "@client"), nil)
	k.expect(c, 10, "y")
	k.want(sock(c).Connect(k.Caller, []byte{abi.AF_UNSPEC, 0}), nil)
	k.want(k.sendTo(other, "z", "@client"), nil)
	k.expect(c, 10, "z")
	k.put(srv)
	k.want(k.sendTo(c, "x", "/srv"), abi.ECONNREFUSED)
	k.put(c, other)
}

func TestFullQueueOfDatagrams(t *testing.T) {
	k := newKit(t)
	srv, c := k.socket(abi.SOCK_DGRAM), k.socket(abi.SOCK_DGRAM)
	defer k.put(srv, c)
	k.want(sock(srv).Bind(k.Caller, un("@srv")), nil)
	k.want(sock(c).Connect(k.Caller, un("@srv")), nil)
	n := 0
	for ; ; n++ {
		if _, err := k.send(c, "x"); err != nil {
			k.want(err, abi.EAGAIN)
			break
		}
	}
	if n != 11 {
		t.Errorf("%d datagrams fit, want 11", n)
	}
	if ev := sock(c).Poll(c); ev&wait.Out != 0 {
		t.Errorf("poll of the sender: %#x", ev)
	}
	done := make(chan error)
	go func() {
		_, err := fstest.Retry(c, wait.Out, func() (int, error) { return k.send(c, "y") })
		done <- err
	}()
	k.expect(srv, 1, "x")
	k.want(<-done, nil)
}

func TestStreamIsLimitedBySendBuffer(t *testing.T) {
	k := newKit(t)
	a, b := k.pair(abi.SOCK_STREAM)
	defer k.put(a, b)
	in := bytes.Repeat([]byte("0123456789abcdef"), 60000)
	buf := &fs.Bytes{B: in}
	n, err := sock(a).Write(a, k.Caller, buf, 0)
	if err != abi.EAGAIN || n == 0 || n > sock(a).opts.SendBuffer() {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if ev := sock(a).Poll(a); ev&wait.Out != 0 {
		t.Errorf("poll of a full socket: %#x", ev)
	}
	done := make(chan int)
	go func() {
		k, _ := fstest.Retry(a, wait.Out, func() (int, error) { return sock(a).Write(a, k.Caller, buf, 0) })
		done <- n + k
	}()
	var out []byte
	for len(out) < len(in) {
		p := make([]byte, 50000)
		n, err := fstest.Retry(b, wait.In, func() (int, error) { return sock(b).Read(b, k.Caller, &fs.Bytes{B: p}, 0) })
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p[:n]...)
	}
	if n := <-done; n != len(in) || !bytes.Equal(in, out) {
		t.Errorf("%d bytes sent, or damaged", n)
	}
}

func TestAutobindAndNamesOfTypes(t *testing.T) {
	k := newKit(t)
	a, b := k.socket(abi.SOCK_DGRAM), k.socket(abi.SOCK_DGRAM)
	k.want(sock(a).Bind(k.Caller, noName), nil)
	k.want(sock(b).Bind(k.Caller, noName), nil)
	na, _ := sock(a).Name(nil)
	nb, _ := sock(b).Name(nil)
	if len(na) != 8 || na[2] != 0 || bytes.Equal(na, nb) {
		t.Errorf("names %q and %q", na, nb)
	}
	c := k.socket(abi.SOCK_STREAM)
	k.want(sock(c).Bind(k.Caller, na), nil) // a stream does not meet the datagrams' name
	k.put(a)
	d := k.socket(abi.SOCK_DGRAM)
	k.want(sock(d).Bind(k.Caller, na), nil)
	k.put(b, c, d)
	if n := len(k.Task.(*task).names.m); n != 0 {
		t.Errorf("%d names are left", n)
	}
}

func TestPassCred(t *testing.T) {
	k := newKit(t)
	a, b := k.pair(abi.SOCK_STREAM)
	defer k.put(a, b)
	k.send(a, "without ")
	sock(b).opts.SetInt(k.Caller, abi.SO_PASSCRED, 1)
	k.send(a, "with")
	u := k.as(1000, 200)
	u.send(a, "other")
	m := k.expect(b, 100, "without ")
	if !m.HasCreds || m.Creds != socket.NoCreds {
		t.Errorf("credentials of a message that had none: %v", m.Creds)
	}
	m = k.expect(b, 100, "with") // senders are not mixed
	if m.Creds.UID != 0 || m.Creds.PID(k.Caller) != 100 {
		t.Errorf("credentials %v", m.Creds)
	}
	m = k.expect(b, 100, "other")
	if m.Creds.UID != 1000 || m.Creds.PID(k.Caller) != 200 {
		t.Errorf("credentials %v", m.Creds)
	}
}
