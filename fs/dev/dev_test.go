package dev

import (
	"slices"
	"strings"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/fstest"
	"cleave/fs/tty"
	"cleave/wait"
)

// log is a kernel log that keeps its records from first on.
type log struct {
	records []Record
	first   uint64
	q       wait.Queue
}

func (l *log) Record(seq uint64) (Record, bool) {
	seq = max(seq, l.first)
	if seq >= uint64(len(l.records)) {
		return Record{}, false
	}
	return l.records[seq], true
}

func (l *log) Next() uint64         { return uint64(len(l.records)) }
func (l *log) Waiters() *wait.Queue { return &l.q }
func (l *log) Add(priority int, text string) {
	l.records = append(l.records, Record{l.Next(), priority, 1500, text})
}

// port is a line that takes all output at once.
type port struct {
	t   *tty.TTY
	out []byte
}

func (p *port) SetLine(int, uint32) {}
func (p *port) Resume()             {}
func (p *port) Start() {
	var b [64]byte
	for n := p.t.Output(b[:]); n > 0; n = p.t.Output(b[:]) {
		p.out = append(p.out, b[:n]...)
	}
}

type kit struct {
	*fstest.Kit
	log  *log
	port *port
	fs   *FS
}

func newKit(t testing.TB) *kit {
	k := &kit{Kit: fstest.New(t), log: &log{}, port: &port{}}
	console := tty.NewTTY("ttyS0", fs.MakeDev(4, 64), k.port)
	k.port.t = console
	var n byte
	var err error
	k.fs, err = Register(k.V, k.NS, Config{Log: k.log, Console: console, Lines: []*tty.TTY{console}, Random: func(p []byte) {
		for i := range p {
			n++
			p[i] = n
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	k.ok(k.Mkdirat(abi.AT_FDCWD, []byte("/dev"), 0o755))
	k.ok(k.Mount(nil, []byte("/dev"), "devtmpfs", 0, ""))
	return k
}

func (k *kit) ok(err error) {
	k.T.Helper()
	if err != nil {
		k.T.Fatal(err)
	}
}

func TestMemoryDevices(t *testing.T) {
	k := newKit(t)
	for _, c := range []struct {
		name, read string
		write      error
	}{
		{"null", "", nil},
		{"zero", "\x00\x00\x00", nil},
		{"full", "\x00\x00\x00", abi.ENOSPC},
		{"urandom", "\x01\x02\x03", nil},
		{"random", "\x04\x05\x06", nil},
	} {
		f := k.Open("/dev/"+c.name, abi.O_RDWR)
		if got, err := k.Get(f, 3); got != c.read || err != nil {
			t.Errorf("%s: read %q, %v", c.name, got, err)
		}
		if n, err := k.Put(f, "abc"); err != c.write || err == nil && n != 3 {
			t.Errorf("%s: wrote %d, %v", c.name, n, err)
		}
		if IsZero(f) != (c.name == "zero") {
			t.Errorf("%s: IsZero is wrong", c.name)
		}
		if pos, err := f.Seek(5, abi.SEEK_SET); pos != 0 || err != nil {
			t.Errorf("%s: seek %d, %v", c.name, pos, err)
		}
		f.Put()
	}
}

func TestLargeRandomRead(t *testing.T) {
	k := newKit(t)
	f := k.Open("/dev/urandom", abi.O_RDONLY)
	defer f.Put()
	got, err := k.Get(f, 10000)
	if len(got) != 10000 || err != nil || got[:3] != "\x01\x02\x03" || got[256:259] != "\x01\x02\x03" {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	mem := fstest.Memory(make([]byte, 4))
	if _, err := f.Ops.Ioctl(f, k.Caller, rndGetEntCnt, 0, mem); err != nil || mem[1] != 1 {
		t.Errorf("RNDGETENTCNT: % x, %v", mem, err)
	}
}

func TestKmsg(t *testing.T) {
	k := newKit(t)
	k.log.Add(6, "boot")
	k.log.Add(3, "tab\there, back\\slash")
	f := k.Open("/dev/kmsg", abi.O_RDWR)
	defer f.Put()
	expect := func(want string, wantErr error) {
		t.Helper()
		if got, err := k.Get(f, 200); got != want || err != wantErr {
			t.Errorf("read %q, %v; want %q, %v", got, err, want, wantErr)
		}
	}
	expect("6,0,1,-;boot\n", nil)
	expect("3,1,1,-;tab\\x09here, back\\x5cslash\n", nil)
	expect("", abi.EAGAIN)
	if ev := f.Ops.Poll(f); ev != wait.Writable {
		t.Errorf("poll: %#x", ev)
	}
	for _, line := range []string{"<11>mine\n", "<2>low", "plain", "<x>odd"} {
		if n, err := k.Put(f, line); n != len(line) || err != nil {
			t.Errorf("write %q: %d, %v", line, n, err)
		}
	}
	for _, want := range []string{"11,2,1,-;mine\n", "10,3,1,-;low\n", "14,4,1,-;plain\n", "14,5,1,-;<x>odd\n"} {
		expect(want, nil)
	}
	_, err := k.Put(f, strings.Repeat("x", 1025))
	if err != abi.EINVAL {
		t.Errorf("a long line: %v", err)
	}
	if _, err := f.Seek(0, abi.SEEK_SET); err != nil {
		t.Errorf("seek: %v", err)
	}
	k.log.first = 2
	expect("", abi.EPIPE)
	expect("11,2,1,-;mine\n", nil)
	if got, err := k.Get(f, 5); got != "" || err != abi.EINVAL {
		t.Errorf("a short buffer: %q, %v", got, err)
	}
	expect("10,3,1,-;low\n", nil)
	if _, err := f.Seek(0, abi.SEEK_END); err != nil {
		t.Errorf("seek: %v", err)
	}
	expect("", abi.EAGAIN)
}

func TestConsole(t *testing.T) {
	k := newKit(t)
	f := k.Open("/dev/console", abi.O_RDWR)
	k.port.t.Input([]byte("ls\r"))
	if got, err := k.Get(f, 100); got != "ls\n" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	if n, err := k.Put(f, strings.Repeat("line\n", 10000)); n != 50000 || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
	if want := "ls\r\n" + strings.Repeat("line\r\n", 10000); string(k.port.out) != want {
		t.Errorf("%d characters on the line, want %d", len(k.port.out), len(want))
	}
	f.Put()
	_, err := k.Try("/dev/tty", abi.O_RDWR)
	if err != abi.ENXIO {
		t.Errorf("/dev/tty without a terminal: %v", err)
	}
}

func TestTree(t *testing.T) {
	k := newKit(t)
	k.ok(k.fs.Add("net/tun", abi.S_IFCHR|0o666, fs.MakeDev(10, 200)))
	k.ok(k.fs.Add("net/tap", abi.S_IFCHR|0o600, fs.MakeDev(10, 201)))
	if err := k.fs.Add("null", abi.S_IFCHR, 0); err != abi.EEXIST {
		t.Errorf("a second null: %v", err)
	}
	for _, c := range []struct {
		name string
		mode uint32
		dev  fs.Dev
	}{
		{"null", abi.S_IFCHR | 0o666, fs.MakeDev(1, 3)},
		{"ttyS0", abi.S_IFCHR | 0o600, fs.MakeDev(4, 64)},
		{"ptmx", abi.S_IFCHR | 0o666, fs.MakeDev(5, 2)},
		{"pts", abi.S_IFDIR | 0o755, 0},
		{"fd", abi.S_IFLNK | 0o777, 0},
		{"net", abi.S_IFDIR | 0o755, 0},
		{"net/tap", abi.S_IFCHR | 0o600, fs.MakeDev(10, 201)},
	} {
		var a fs.Attr
		if err := k.Stat(abi.AT_FDCWD, []byte("/dev/"+c.name), abi.AT_SYMLINK_NOFOLLOW, &a); err != nil || a.Mode != c.mode || a.Rdev != c.dev {
			t.Errorf("%s: mode %#o, device %#x, %v", c.name, a.Mode, a.Rdev, err)
		}
	}
	k.ok(k.Mkdirat(abi.AT_FDCWD, []byte("/again"), 0o755))
	k.ok(k.Mount(nil, []byte("/again"), "devtmpfs", 0, ""))
	k.ok(k.Unlinkat(abi.AT_FDCWD, []byte("/dev/kmsg"), 0))
	if _, err := k.Try("/again/kmsg", abi.O_RDWR); err != abi.ENOENT {
		t.Errorf("a name removed in one mount is there in the other: %v", err)
	}
	d := k.Open("/dev", abi.O_RDONLY)
	defer d.Put()
	var names list
	k.ok(k.ReadDir(d, &names))
	for _, want := range []string{"null", "console", "shm", "stdin"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not listed in %v", want, names)
		}
	}
}

type list []string

func (l *list) Entry(name []byte, _ uint64, _ uint8, _ int64) bool {
	*l = append(*l, string(name))
	return true
}

func TestDevicesAllocateNothing(t *testing.T) {
	k := newKit(t)
	buf := &fs.Bytes{}
	p := make([]byte, 1)
	for _, name := range []string{"null", "zero", "urandom"} {
		f := k.Open("/dev/"+name, abi.O_RDWR)
		if n := testing.AllocsPerRun(100, func() {
			buf.B = p
			f.Ops.Read(f, k.Caller, buf, 0)
			buf.B = p
			f.Ops.Write(f, k.Caller, buf, 0)
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		f.Put()
	}
}
