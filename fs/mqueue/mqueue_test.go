package mqueue_test

import (
	"fmt"
	"slices"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/fstest"
	"cleave/fs/mqueue"
	"cleave/ns/user"
	"cleave/wait"
)

type kit struct {
	*fstest.Kit
	s *mqueue.FS
}

// holder is a task with an IPC namespace.
type holder struct{ s *mqueue.FS }

func (h holder) MessageQueues() *mqueue.FS { return h.s }

func newKit(t *testing.T) *kit {
	k := &kit{Kit: fstest.New(t)}
	k.V.Register(mqueue.Type())
	k.s = mqueue.New(k.V, k.NS)
	k.Caller.Task = holder{k.s}
	t.Cleanup(func() {
		if n := k.Cred.Account.Count(user.QueueBytes); n != 0 {
			t.Errorf("%d bytes of queues are still charged", n)
		}
	})
	return k
}

func (k *kit) open(c *fs.Caller, name string, flags uint32, a *mqueue.Attr) (*fs.File, *mqueue.Queue, error) {
	f, err := k.s.Open(c, []byte(name), mqueue.OpenHow{Flags: flags, Mode: 0o600, Attr: a, Limit: 819200})
	if err != nil {
		return nil, nil, err
	}
	q, err := mqueue.Of(f)
	return f, q, err
}

func (k *kit) make(name string, messages, size int) (*fs.File, *mqueue.Queue) {
	k.T.Helper()
	f, q, err := k.open(k.Caller, name, abi.O_CREAT|abi.O_RDWR, &mqueue.Attr{MaxMessages: messages, MessageSize: size})
	if err != nil {
		k.T.Fatal(err)
	}
	return f, q
}

func (k *kit) want(want, err error, what string) {
	k.T.Helper()
	if err != want {
		k.T.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestMessagesComeByPriority(t *testing.T) {
	k := newKit(t)
	f, q := k.make("q", 10, 8)
	for i, p := range []uint32{3, 1, 3, 7, 1, 0} {
		k.want(nil, q.Send(k.Caller, []byte{byte(i)}, p), "send")
	}
	var got []byte
	for {
		data, _, err := q.Receive(8)
		if err == abi.EAGAIN {
			break
		}
		got = append(got, data...)
	}
	if !slices.Equal(got, []byte{3, 0, 2, 1, 4, 5}) {
		t.Errorf("order %v", got)
	}
	k.want(nil, k.s.Unlink(k.Caller, []byte("q")), "unlink")
	f.Put()
}

func TestFullAndEmpty(t *testing.T) {
	k := newKit(t)
	f, q := k.make("q", 2, 8)
	if _, _, err := q.Receive(7); err != abi.EMSGSIZE {
		t.Error("a buffer that is too small:", err)
	}
	var seen wait.Events
	e := wait.Entry{L: told(func(ev wait.Events) { seen |= ev }), Mask: wait.All}
	q.Events.Register(&e)
	for range 2 {
		k.want(nil, q.Send(k.Caller, nil, 0), "send")
	}
	k.want(abi.EAGAIN, q.Send(k.Caller, nil, 0), "send to a full queue")
	k.want(abi.EMSGSIZE, q.Fits(9), "a message that is too long")
	if ev := f.Ops.Poll(f); ev != wait.Readable || seen != wait.Readable {
		t.Errorf("a full queue polls as %#x, and %#x was told", ev, seen)
	}
	q.Receive(8)
	if ev := f.Ops.Poll(f); ev != wait.Readable|wait.Writable || seen != wait.Readable|wait.Writable {
		t.Errorf("with one message it polls as %#x, and %#x was told", ev, seen)
	}
	q.Events.Unregister(&e)
	k.s.Unlink(k.Caller, []byte("q"))
	f.Put()
}

type told func(wait.Events)

func (f told) Notify(_ *wait.Entry, ev wait.Events) { f(ev) }

// notice counts what happens to it.
type notice struct{ messages, drops int }

func (n *notice) Message(*fs.Caller)                    { n.messages++ }
func (n *notice) Show(*fs.Caller) (how, sig, pid int32) { return 0, 10, 42 }
func (n *notice) Drop()                                 { n.drops++ }

func TestNotify(t *testing.T) {
	k := newKit(t)
	f, q := k.make("q", 10, 8)
	var a, b notice
	k.want(nil, q.Notify(&a, k.Files), "notify")
	k.want(abi.EBUSY, q.Notify(&b, k.Files), "a second one")
	text := make([]byte, 200)
	n, err := k.Read(f, &fs.Bytes{B: text})
	if want := fmt.Sprintf("QSIZE:%-10d NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", 0, 0, 10, 42); err != nil || string(text[:n]) != want {
		t.Errorf("read shows %q, %v", text[:n], err)
	}
	q.Waiting(1)
	q.Send(k.Caller, nil, 0)
	if a.messages != 0 {
		t.Error("told although a receiver waits")
	}
	q.Waiting(-1)
	q.Receive(8)
	q.Send(k.Caller, nil, 0)
	q.Send(k.Caller, nil, 0)
	if a.messages != 1 || a.drops != 1 {
		t.Errorf("told %d times, dropped %d times", a.messages, a.drops)
	}
	k.want(nil, q.Notify(&b, k.Files), "notify")
	fd, err := k.Files.Install(f, 100, true)
	k.want(nil, err, "install")
	other := fs.NewFDTable()
	ofd, _ := other.Install(f.Get(), 100, true)
	other.Close(ofd)
	if b.drops != 0 {
		t.Error("another process's close has ended the registration")
	}
	f.Get()
	k.Files.Close(fd)
	if b.drops != 1 || b.messages != 0 {
		t.Errorf("after the close: told %d times, dropped %d times", b.messages, b.drops)
	}
	other.Leave()
	k.s.Unlink(k.Caller, []byte("q"))
	f.Put()
}

func TestOpen(t *testing.T) {
	k := newKit(t)
	try := func(c *fs.Caller, name string, flags uint32, a *mqueue.Attr) error {
		f, _, err := k.open(c, name, flags, a)
		if err == nil {
			f.Put()
		}
		return err
	}
	long := string(make([]byte, 256))
	user1 := k.As(1000).Caller
	for _, c := range []struct {
		what  string
		c     *fs.Caller
		name  string
		flags uint32
		attr  *mqueue.Attr
		want  error
	}{
		{"missing", k.Caller, "x", abi.O_RDWR, nil, abi.ENOENT},
		{"empty", k.Caller, "", abi.O_RDWR | abi.O_CREAT, nil, abi.ENOENT},
		{"slash", k.Caller, "a/b", abi.O_RDWR | abi.O_CREAT, nil, abi.EACCES},
		{"dots", k.Caller, "..", abi.O_RDWR | abi.O_CREAT, nil, abi.EACCES},
		{"long", k.Caller, long, abi.O_RDWR | abi.O_CREAT, nil, abi.ENAMETOOLONG},
		{"access mode", k.Caller, "x", abi.O_ACCMODE | abi.O_CREAT, nil, abi.EINVAL},
		{"no messages", k.Caller, "x", abi.O_RDWR | abi.O_CREAT, &mqueue.Attr{MessageSize: 1}, abi.EINVAL},
		{"too many", k.Caller, "x", abi.O_RDWR | abi.O_CREAT, &mqueue.Attr{MaxMessages: 65537, MessageSize: 1}, abi.EINVAL},
		{"too many for a user", user1, "x", abi.O_RDWR | abi.O_CREAT, &mqueue.Attr{MaxMessages: 11, MessageSize: 1}, abi.EINVAL},
		{"too long for a user", user1, "x", abi.O_RDWR | abi.O_CREAT, &mqueue.Attr{MaxMessages: 1, MessageSize: 8193}, abi.EINVAL},
		{"more than the limit", k.Caller, "x", abi.O_RDWR | abi.O_CREAT, &mqueue.Attr{MaxMessages: 100, MessageSize: 8192}, abi.EMFILE},
		{"good", k.Caller, "x", abi.O_RDWR | abi.O_CREAT, nil, nil},
		{"again", k.Caller, "x", abi.O_RDWR | abi.O_CREAT | abi.O_EXCL, nil, abi.EEXIST},
		{"somebody else's", user1, "x", abi.O_RDONLY, nil, abi.EACCES},
	} {
		k.want(c.want, try(c.c, c.name, c.flags, c.attr), c.what)
	}
	k.want(abi.EPERM, k.s.Unlink(user1, []byte("x")), "unlink by another user")
	k.want(nil, k.s.SetLimits(func(l *mqueue.Limits) { l.Queues = 1 }), "limits")
	k.want(abi.ENOSPC, try(user1, "y", abi.O_RDWR|abi.O_CREAT, nil), "one queue too many")
	k.want(nil, try(k.Caller, "y", abi.O_RDWR|abi.O_CREAT, nil), "which CAP_SYS_RESOURCE may make")
	k.want(abi.EINVAL, k.s.SetLimits(func(l *mqueue.Limits) { l.MessageSize = 127 }), "a limit that is too low")
	k.want(nil, k.s.Unlink(k.Caller, []byte("x")), "unlink")
	k.want(nil, k.s.Unlink(k.Caller, []byte("y")), "unlink")
	k.want(abi.ENOENT, k.s.Unlink(k.Caller, []byte("y")), "unlink again")
}

type names []string

func (n *names) Entry(name []byte, _ uint64, _ uint8, _ int64) bool {
	*n = append(*n, string(name))
	return true
}

// TestMount shows the queues as files, and that they go with the namespace, and not before the last mount.
func TestMount(t *testing.T) {
	k := newKit(t)
	k.want(nil, k.Mkdirat(abi.AT_FDCWD, []byte("/mq"), 0o755), "mkdir")
	k.want(abi.EPERM, k.As(1000).Caller.Mount(nil, []byte("/mq"), "mqueue", 0, ""), "mount by a user")
	k.want(nil, k.Caller.Mount(nil, []byte("/mq"), "mqueue", 0, ""), "mount")
	f, q := k.make("one", 10, 8)
	f.Put()
	q.Send(k.Caller, []byte("abc"), 0)
	g := k.Open("/mq/one", abi.O_RDWR)
	if o, err := mqueue.Of(g); o != q || err != nil {
		t.Error("the file is another queue:", err)
	}
	two := k.Open("/mq/two", abi.O_RDWR|abi.O_CREAT)
	o, err := mqueue.Of(two)
	if err != nil || o.Attr() != (mqueue.Attr{MaxMessages: 10, MessageSize: 8192}) {
		t.Error("a queue made by open:", err)
	}
	two.Put()
	dir := k.Open("/mq", abi.O_RDONLY|abi.O_DIRECTORY)
	var list names
	k.want(nil, k.ReadDir(dir, &list), "readdir")
	dir.Put()
	if !slices.Equal(list, names{".", "..", "one", "two"}) {
		t.Errorf("listed %v", list)
	}
	k.want(nil, k.Unlinkat(abi.AT_FDCWD, []byte("/mq/two"), 0), "unlink by path")
	k.want(nil, k.s.Unlink(k.Caller, []byte("one")), "unlink by name")
	if _, err := k.Try("/mq/one", abi.O_RDONLY); err != abi.ENOENT {
		t.Error("a name that is gone can be opened:", err)
	}
	f, _ = k.make("three", 10, 8)
	f.Put()
	k.s.Release()
	g.Put()
	if k.s.Len() != 1 {
		t.Error("the mount has not kept the queues")
	}
	k.want(nil, k.Umount([]byte("/mq"), 0), "umount")
	if k.s.Len() != 0 {
		t.Error("queues are left")
	}
}
