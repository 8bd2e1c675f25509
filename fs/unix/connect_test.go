package unix

import (
	"bytes"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/fstest"
	"cleave/fs/socket"
	"cleave/wait"
)

func TestConnect(t *testing.T) {
	for _, name := range []string{"/socket", "@abstract\x00name"} {
		k := newKit(t)
		l := k.listen(abi.SOCK_STREAM, name, 1)
		c := k.socket(abi.SOCK_STREAM)
		k.want(sock(c).Connect(k.Caller, un(name)), nil)
		k.want(sock(c).Connect(k.Caller, un(name)), abi.EISCONN)
		k.send(c, "early")
		if ev := sock(l).Poll(l); ev != wait.Readable {
			t.Errorf("poll of the listener: %#x", ev)
		}
		s := k.accept(l)
		k.expect(s, 10, "early")
		k.send(s, "answer")
		k.expect(c, 10, "answer")
		raw := un(name)
		if name[0] == '/' {
			raw = append(raw, 0)
		}
		for _, f := range []*fs.File{l, s} {
			if b, _ := sock(f).Name(nil); !bytes.Equal(b, raw) {
				t.Errorf("name %q, want %q", b, raw)
			}
		}
		if b, _ := sock(c).PeerName(nil); !bytes.Equal(b, raw) {
			t.Errorf("peer's name %q, want %q", b, raw)
		}
		if b, _ := sock(s).PeerName(nil); !bytes.Equal(b, noName) {
			t.Errorf("client's name %q, want none", b)
		}
		k.put(l, s, c)
		c = k.socket(abi.SOCK_STREAM)
		k.want(sock(c).Connect(k.Caller, un(name)), abi.ECONNREFUSED)
		k.put(c)
	}
}

func TestBacklog(t *testing.T) {
	k := newKit(t)
	l := k.listen(abi.SOCK_STREAM, "@l", 1)
	var clients []*fs.File
	for i := range 3 {
		c := k.socket(abi.SOCK_STREAM)
		clients = append(clients, c)
		want := error(nil)
		if i == 2 {
			want = abi.EAGAIN
		}
		k.want(sock(c).Connect(k.Caller, un("@l")), want)
	}
	done := make(chan error)
	go func() {
		_, err := fstest.Retry(clients[2], wait.Out, func() (int, error) { return 0, sock(clients[2]).Connect(k.Caller, un("@l")) })
		done <- err
	}()
	s := k.accept(l)
	k.want(<-done, nil)
	k.send(clients[1], "lost")
	k.put(l)
	_, _, err := k.recv(clients[1], 10, 0)
	k.want(err, abi.ECONNRESET)
	k.put(clients...)
	k.put(s)
}

func TestErrors(t *testing.T) {
	k := newKit(t)
	l := k.listen(abi.SOCK_STREAM, "/l", 5)
	s, d := k.socket(abi.SOCK_STREAM), k.socket(abi.SOCK_DGRAM)
	defer k.put(l, s, d)
	k.Open("/file", abi.O_CREAT|abi.O_RDWR).Put()
	nobody := k.as(1000, 1)
	k.want(k.Fchmodat(abi.AT_FDCWD, []byte("/l"), 0o700, 0), nil)
	long := append(un("/"), bytes.Repeat([]byte("x"), 108)...)
	for i, c := range []struct{ got, want error }{
		{sock(s).Connect(k.Caller, un("/missing")), abi.ENOENT},
		{sock(s).Connect(k.Caller, un("/file")), abi.ECONNREFUSED},
		{sock(s).Connect(k.Caller, un("@missing")), abi.ECONNREFUSED},
		{sock(d).Connect(k.Caller, un("/l")), abi.EPROTOTYPE},
		{sock(s).Connect(nobody.Caller, un("/l")), abi.EACCES},
		{sock(s).Connect(k.Caller, []byte{2, 0, 1}), abi.EINVAL},
		{sock(s).Connect(k.Caller, []byte{1}), abi.EINVAL},
		{sock(s).Bind(k.Caller, long), abi.EINVAL},
		{sock(s).Bind(k.Caller, un("/l")), abi.EADDRINUSE},
		{sock(s).Bind(k.Caller, un("/dir/x")), abi.ENOENT},
		{sock(l).Bind(k.Caller, un("/m")), abi.EINVAL},
		{sock(s).Listen(k.Caller, 1), abi.EINVAL},
		{sock(d).Listen(k.Caller, 1), abi.EOPNOTSUPP},
		{k.sendTo(s, "x", "/l"), abi.EOPNOTSUPP},
		{k.sendTo(d, "x", "/l"), abi.EPROTOTYPE},
		{sock(l).Connect(k.Caller, un("/l")), abi.EINVAL},
	} {
		if c.got != c.want {
			t.Errorf("case %d: %v, want %v", i, c.got, c.want)
		}
	}
	_, err := k.send(s, "x")
	k.want(err, abi.ENOTCONN)
	_, err = k.send(d, "x")
	k.want(err, abi.ENOTCONN)
	_, _, err = k.recv(s, 1, 0)
	k.want(err, abi.EINVAL)
	_, err = sock(l).Accept(k.Caller, 0)
	k.want(err, abi.EAGAIN)
	_, err = sock(s).Accept(k.Caller, 0)
	k.want(err, abi.EINVAL)
	_, err = k.d.NewSocket(k.Caller, 77, 0, 0)
	k.want(err, abi.ESOCKTNOSUPPORT)
	_, err = k.d.NewSocket(k.Caller, abi.SOCK_STREAM, 9, 0)
	k.want(err, abi.EPROTONOSUPPORT)
}

func TestPeerCredentials(t *testing.T) {
	k := newKit(t)
	l := k.listen(abi.SOCK_STREAM, "/l", 5)
	k.want(k.Fchmodat(abi.AT_FDCWD, []byte("/l"), 0o777, 0), nil)
	u := k.as(1000, 200)
	c := u.socket(abi.SOCK_STREAM)
	if p, _ := sock(c).PeerCreds(); p != socket.NoCreds {
		t.Errorf("credentials of nobody: %v", p)
	}
	k.want(sock(c).Connect(u.Caller, un("/l")), nil)
	s := k.accept(l)
	if p, _ := sock(s).PeerCreds(); p.UID != 1000 || p.PID(k.Caller) != 200 {
		t.Errorf("the client is %v", p)
	}
	if p, _ := sock(c).PeerCreds(); p.UID != 0 || p.PID(k.Caller) != 100 {
		t.Errorf("the server is %v", p)
	}
	k.put(l, c, s)
}
