package devpts

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/fstest"
	"cleave/fs/tty"
	"cleave/wait"
)

func TestEcho(t *testing.T) {
	w := newWorld(t)
	m, s := w.pair()
	w.Put(m, "hello\rab")
	w.expect(m, 100, "hello\r\nab")
	w.expect(s, 3, "hel")
	w.expect(s, 100, "lo\n")
	w.expectError(s, abi.EAGAIN)
	w.Put(s, "out\n")
	w.expect(m, 100, "out\r\n")
	if ev := s.Ops.Poll(s); ev != wait.Writable {
		t.Errorf("poll of the slave: %#x", ev)
	}
	if ev := m.Ops.Poll(m); ev != wait.Writable {
		t.Errorf("poll of the master: %#x", ev)
	}
	m.Put()
	s.Put()
}

func TestNotifications(t *testing.T) {
	w := newWorld(t)
	m, s := w.pair()
	sm, ss := fstest.NewSleeper(), fstest.NewSleeper()
	em, es := &wait.Entry{L: sm, Mask: wait.In | wait.Out}, &wait.Entry{L: ss, Mask: wait.In | wait.Out}
	m.Ops.Queue(m).Register(em)
	s.Ops.Queue(s).Register(es)
	told := func(sl *fstest.Sleeper) wait.Events {
		ev := sl.Events
		sl.Events = 0
		return ev
	}
	w.Put(m, "a")
	if m, s := told(sm), told(ss); m != wait.In || s != 0 {
		t.Errorf("a letter: master %#x, slave %#x; want the echo only", m, s)
	}
	w.Put(m, "\n")
	if m, s := told(sm), told(ss); m != wait.In || s != wait.In {
		t.Errorf("a newline: master %#x, slave %#x", m, s)
	}
	w.Get(m, 100)
	if s := told(ss); s != wait.Out {
		t.Errorf("the master reads: slave %#x, want Out", s)
	}
	w.Get(s, 100)
	if m := told(sm); m != wait.Out {
		t.Errorf("the slave reads: master %#x, want Out", m)
	}
	s.Put()
	if m := told(sm); m&wait.Hup == 0 {
		t.Errorf("the slave closes: master %#x", m)
	}
	m.Ops.Queue(m).Unregister(em)
	s.Ops.Queue(s).Unregister(es)
	m.Put()
}

func TestMasterCloses(t *testing.T) {
	w := newWorld(t)
	leader := w.newSession(10)
	l := w.as(leader)
	m := w.Open("/ptmx", abi.O_RDWR)
	s := l.slave(m, 0)
	if leader.tty == nil {
		t.Fatal("the terminal was not acquired")
	}
	child := leader.fork(20)
	m.Put()
	if leader.tty != nil || child.tty != nil {
		t.Error("the controlling terminal is still there")
	}
	if !slices.Equal(leader.got, []int{abi.SIGHUP, abi.SIGCONT}) {
		t.Errorf("the leader got %v", leader.got)
	}
	w.expect(s, 10, "")
	_, err := w.Put(s, "x")
	w.want(err, abi.EIO)
	w.want(w.ioctl(s, abi.TCGETS, 0), abi.EIO)
	w.want(w.ioctl(s, abi.TIOCSPGRP, 0), abi.ENOTTY)
	if ev := s.Ops.Poll(s); ev != wait.Readable|wait.Writable|wait.Err|wait.Hup {
		t.Errorf("poll: %#x", ev)
	}
	_, err = w.Try("/pts/0", abi.O_RDWR)
	w.want(err, abi.ENOENT)
	m2 := w.Open("/ptmx", abi.O_RDWR)
	if n, _ := w.ioctlInt(m2, abi.TIOCGPTN, 0); n != 1 {
		t.Errorf("number %d was given while its slave is open", n)
	}
	s.Put()
	m3 := w.Open("/ptmx", abi.O_RDWR)
	if n, _ := w.ioctlInt(m3, abi.TIOCGPTN, 0); n != 0 {
		t.Errorf("number %d, want 0 again", n)
	}
	m2.Put()
	m3.Put()
}

func TestSlaveCloses(t *testing.T) {
	w := newWorld(t)
	m, s := w.pair()
	w.Put(s, "bye")
	s.Put()
	if ev := m.Ops.Poll(m); ev != wait.Readable|wait.Writable|wait.Hup {
		t.Errorf("poll: %#x", ev)
	}
	w.expect(m, 10, "bye")
	w.expectError(m, abi.EIO)
	s = w.slave(m, 0)
	w.expectError(m, abi.EAGAIN)
	s.Put()
	m.Put()
}

func TestLockedSlave(t *testing.T) {
	w := newWorld(t)
	m := w.Open("/ptmx", abi.O_RDWR)
	_, err := w.Try("/pts/0", abi.O_RDWR)
	w.want(err, abi.EIO)
	n, err := w.ioctlInt(m, abi.TIOCGPTLCK, 0)
	if n != 1 || err != nil {
		t.Errorf("TIOCGPTLCK: %d, %v", n, err)
	}
	m.Put()
}

func TestPacketMode(t *testing.T) {
	w := newWorld(t)
	m, s := w.pair()
	w.ioctlInt(m, abi.TIOCPKT, 1)
	w.Put(s, "hi")
	w.expect(m, 100, "\x00hi")
	tt := w.termios(s)
	tt.Iflag &^= abi.IXON
	w.setTermios(s, tt, abi.TCSETS)
	if ev := m.Ops.Poll(m); ev&wait.Pri == 0 {
		t.Errorf("poll: %#x", ev)
	}
	w.expect(m, 100, "\x10")
	w.ioctl(s, abi.TCFLSH, abi.TCIOFLUSH)
	w.expect(m, 100, "\x03")
	w.ioctl(s, abi.TCXONC, abi.TCOOFF)
	w.ioctl(s, abi.TCXONC, abi.TCOON)
	w.expect(m, 100, "\x08") // starting undoes the stop
	s.Put()
	m.Put()
}

func TestLargeTransfers(t *testing.T) {
	w := newWorld(t)
	m, s := w.pair()
	w.raw(s, 1, 0)
	text := strings.Repeat("0123456789abcdef", 5000)
	for _, d := range [][2]*fs.File{{m, s}, {s, m}} {
		from, to := d[0], d[1]
		n, err := w.Put(from, text)
		if err != abi.EAGAIN || n < 4096 || n >= len(text) {
			t.Fatalf("wrote %d, %v; want a part", n, err)
		}
		if ev := from.Ops.Poll(from); ev&wait.Out != 0 {
			t.Errorf("poll of a full terminal: %#x", ev)
		}
		got := ""
		for len(got) < len(text) {
			part, err := w.Get(to, 10000)
			if err != nil {
				t.Fatalf("after %d bytes: %v", len(got), err)
			}
			got += part
			k, err := w.Put(from, text[n:])
			if err != nil && err != abi.EAGAIN {
				t.Fatal(err)
			}
			n += k
		}
		if got != text {
			t.Error("bytes are damaged")
		}
	}
	s.Put()
	m.Put()
}

func TestWindowSize(t *testing.T) {
	w := newWorld(t)
	leader := w.newSession(10)
	l := w.as(leader)
	m := w.Open("/ptmx", abi.O_RDWR)
	s := l.slave(m, 0)
	copy(w.mem, []byte{24, 0, 80, 0, 1, 2, 3, 4})
	w.want(w.ioctl(m, abi.TIOCSWINSZ, 0), nil)
	w.want(w.ioctl(m, abi.TIOCSWINSZ, 0), nil)
	if !slices.Equal(leader.group.take(), []int{abi.SIGWINCH}) {
		t.Error("one change of size must be told once")
	}
	clear(w.mem)
	w.want(l.ioctl(s, abi.TIOCGWINSZ, 0), nil)
	if string(w.mem[:8]) != "\x18\x00\x50\x00\x01\x02\x03\x04" {
		t.Errorf("size % x", w.mem[:8])
	}
	s.Put()
	m.Put()
}

func TestReadLimits(t *testing.T) {
	w := newWorld(t)
	m, s := w.pair()
	for _, c := range []struct {
		least    byte
		typed    string
		nonblock bool
		want     string
		err      error
	}{
		{1, "", false, "", abi.EAGAIN},
		{0, "", false, "", nil},
		{3, "ab", false, "", abi.EAGAIN},
		{3, "c", false, "abc", nil},
		{3, "de", true, "de", nil},
		{20, "0123456789", false, "0123456789", nil}, // as much as was asked for
	} {
		w.raw(s, c.least, 0)
		w.Put(m, c.typed)
		f := s
		if c.nonblock {
			f = w.Open("/pts/0", abi.O_RDWR|abi.O_NONBLOCK|abi.O_NOCTTY)
		}
		if got, err := w.Get(f, 10); got != c.want || err != c.err {
			t.Errorf("VMIN %d, %q typed: %q, %v; want %q, %v", c.least, c.typed, got, err, c.want, c.err)
		}
		if c.nonblock {
			f.Put()
		}
	}
	s.Put()
	m.Put()
}

// TestReadTimer runs in a bubble with a clock of its own, so that no time passes.
func TestReadTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		m, s := w.pair()
		read := func() (string, time.Duration, error) {
			start := time.Now()
			b := make([]byte, 10)
			n, err := fstest.Retry(s, wait.In, func() (int, error) { return s.Ops.Read(s, w.Caller, &fs.Bytes{B: b}, 0) })
			return string(b[:n]), time.Since(start), err
		}
		w.raw(s, 0, 5)
		if got, d, err := read(); got != "" || err != nil || d != time.Second/2 {
			t.Errorf("nothing typed: %q, %v after %v", got, err, d)
		}
		go func() {
			time.Sleep(time.Second / 4)
			w.Put(m, "x")
		}()
		if got, d, err := read(); got != "x" || err != nil || d != time.Second/4 {
			t.Errorf("x typed: %q, %v after %v", got, err, d)
		}
		w.raw(s, 5, 5)
		go func() {
			for range 3 {
				time.Sleep(time.Second / 4)
				w.Put(m, "y")
			}
		}()
		if got, d, err := read(); got != "yyy" || err != nil || d != 5*time.Second/4 {
			t.Errorf("three typed: %q, %v after %v; want a limit after the last", got, err, d)
		}
		s.Put()
		m.Put()
	})
}

func TestTermiosIoctls(t *testing.T) {
	w := newWorld(t)
	m, s := w.pair()
	if got := w.termios(s); got.Lflag != abi.DefaultTermios.Lflag || got.Cc != abi.DefaultTermios.Cc {
		t.Errorf("first settings %+v", got)
	}
	if got := w.termios(m); got != w.termios(s) {
		t.Error("the master shows other settings than the slave")
	}
	w.want(w.ioctl(s, abi.TCGETS2, 0), nil)
	if speed := binary.LittleEndian.Uint32(w.mem[40:]); speed != 38400 {
		t.Errorf("speed %d", speed)
	}
	binary.LittleEndian.PutUint32(w.mem[8:], abi.BOTHER|abi.CS8|abi.CREAD)
	binary.LittleEndian.PutUint32(w.mem[40:], 115200)
	w.want(w.ioctl(s, abi.TCSETS2, 0), nil)
	if got := w.termios(s); got.Cflag&abi.CBAUD != abi.B115200 {
		t.Errorf("c_cflag %#x", got.Cflag)
	}
	w.want(w.ioctl(s, abi.TCGETA, 0), nil)
	binary.LittleEndian.PutUint16(w.mem[6:], 0) // c_lflag
	w.want(w.ioctl(s, abi.TCSETA, 0), nil)
	if got := w.termios(s); got.Lflag != 0 {
		t.Errorf("c_lflag %#x", got.Lflag)
	}
	w.Put(m, "thrown away")
	w.want(w.setTermios(s, abi.DefaultTermios, abi.TCSETSF), nil)
	if n, _ := w.ioctlInt(s, abi.FIONREAD, 0); n != 0 {
		t.Errorf("%d bytes after TCSETSF", n)
	}
	w.Put(m, "line\nrest")
	if n, _ := w.ioctlInt(s, abi.FIONREAD, 0); n != 5 {
		t.Errorf("FIONREAD: %d, want the line", n)
	}
	w.want(w.ioctl(s, abi.TCGETS, 250), abi.EFAULT)
	w.want(w.ioctl(s, abi.TCSETS, 250), abi.EFAULT)
	w.want(w.ioctl(s, 0x1234, 0), abi.ENOTTY)
	w.want(w.ioctl(s, abi.TCFLSH, 3), abi.EINVAL)
	w.want(w.ioctl(s, abi.TIOCSTI, 0), abi.EIO)
	s.Put()
	m.Put()
}

func TestExclusive(t *testing.T) {
	w := newWorld(t)
	m, s := w.pair()
	w.want(w.ioctl(s, abi.TIOCEXCL, 0), nil)
	_, err := w.Try("/pts/0", abi.O_RDWR)
	w.want(err, abi.EBUSY)
	w.want(w.ioctl(s, abi.TIOCNXCL, 0), nil)
	w.Open("/pts/0", abi.O_RDWR).Put()
	s.Put()
	m.Put()
}

func TestEchoAllocatesNothing(t *testing.T) {
	w := newWorld(t)
	m, s := w.pair()
	in, line, out := []byte("hello\n"), make([]byte, 100), make([]byte, 100)
	buf := &fs.Bytes{}
	do := func(op func(*fs.File, *fs.Caller, fs.Buffer, int64) (int, error), f *fs.File, b []byte) {
		buf.B = b
		if _, err := op(f, w.Caller, buf, 0); err != nil {
			t.Fatal(err)
		}
	}
	mo, so := m.Ops, s.Ops
	if n := testing.AllocsPerRun(100, func() {
		do(mo.Write, m, in)
		do(so.Read, s, line)
		do(so.Write, s, in)
		do(mo.Read, m, out)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
	s.Put()
	m.Put()
}

func TestNames(t *testing.T) {
	w := newWorld(t)
	w.dir("/other")
	w.mount("/other", "mode=620,gid=5,ptmxmode=666,max=2")
	m := w.Open("/other/ptmx", abi.O_RDWR)
	m1 := w.Open("/other/ptmx", abi.O_RDWR)
	_, err := w.Try("/other/ptmx", abi.O_RDWR)
	w.want(err, abi.ENOSPC)
	var a fs.Attr
	w.want(w.Stat(abi.AT_FDCWD, []byte("/other/1"), 0, &a), nil)
	if a.Mode != abi.S_IFCHR|0o620 || a.GID != 5 || a.Rdev != fs.MakeDev(tty.PTYMajor, 1) {
		t.Errorf("mode %#o, gid %d, device %#x", a.Mode, a.GID, a.Rdev)
	}
	w.want(w.Stat(abi.AT_FDCWD, []byte("/pts/1"), 0, &a), abi.ENOENT)
	w.want(w.Fchmodat(abi.AT_FDCWD, []byte("/other/0"), 0o600, 0), nil)
	w.want(w.Stat(abi.AT_FDCWD, []byte("/other/0"), 0, &a), nil)
	if a.Mode != abi.S_IFCHR|0o600 {
		t.Errorf("mode %#o after chmod", a.Mode)
	}
	d := w.Open("/other", abi.O_RDONLY|abi.O_DIRECTORY)
	var names list
	w.want(w.ReadDir(d, &names), nil)
	if !slices.Equal(names, []string{".", "..", "ptmx", "0", "1"}) {
		t.Errorf("names %v", names)
	}
	d.Put()
	for _, name := range []string{"/other/00", "/other/+1", "/other/x", "/other/4294967296"} {
		w.want(w.Stat(abi.AT_FDCWD, []byte(name), 0, &a), abi.ENOENT)
	}
	_, err = w.Try("/other/new", abi.O_CREAT|abi.O_RDWR)
	w.want(err, abi.EACCES)
	m.Put()
	m1.Put()
	w.want(w.Stat(abi.AT_FDCWD, []byte("/other/1"), 0, &a), abi.ENOENT)
}

type list []string

func (l *list) Entry(name []byte, _ uint64, _ uint8, _ int64) bool {
	*l = append(*l, string(name))
	return true
}

func TestLimitByMemory(t *testing.T) {
	w := newWorld(t)
	most := w.Pool.Stats().Total / framesPerPTY
	for i := 0; ; i++ {
		m, err := w.Try("/ptmx", abi.O_RDWR)
		if err != nil {
			if err != abi.ENOSPC || i != most {
				t.Errorf("%v after %d, want ENOSPC after %d", err, i, most)
			}
			return
		}
		defer m.Put()
	}
}

func TestBadOptions(t *testing.T) {
	w := newWorld(t)
	for _, o := range []string{"mode=9", "mode=", "uid=x", "bad", "max=-1", "gid=4294967295"} {
		w.want(w.Mount([]byte("d"), []byte("/pts"), "devpts", 0, o), abi.EINVAL)
	}
	d := &FS{opts: options{mode: 0o620, gid: 5, hasGID: true, max: 10}}
	if got := d.Options(nil); got != ",gid=5,mode=620,ptmxmode=000,max=10" {
		t.Errorf("options %q", got)
	}
}

func TestPtmxWithoutInstance(t *testing.T) {
	w := newWorld(t)
	w.dir("/dev")
	w.want(w.Mknodat(abi.AT_FDCWD, []byte("/dev/ptmx"), abi.S_IFCHR|0o666, PTMX), nil)
	_, err := w.Try("/dev/ptmx", abi.O_RDWR)
	w.want(err, abi.ENODEV)
	w.want(w.Mknodat(abi.AT_FDCWD, []byte("/slave"), abi.S_IFCHR|0o666, fs.MakeDev(tty.PTYMajor, 0)), nil)
	_, err = w.Try("/slave", abi.O_RDWR)
	w.want(err, abi.EIO)
}
