package socket

import (
	"bytes"
	"encoding/binary"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/fstest"
	"cleave/fs/netdev"
	"cleave/ns/user"
)

type task struct {
	pid   int32
	admin bool
	other *task
}

func (t *task) Process() Process          { return t }
func (t *task) ProcessID(p Process) int32 { return p.(*task).pid }
func (t *task) MayClaimProcess() bool     { return t.admin }
func (t *task) Names() Names              { return nil }
func (t *task) Links() *netdev.Table      { return nil }
func (t *task) FindProcess(pid int32) Process {
	if t.other != nil && t.other.pid == pid {
		return t.other
	}
	return nil
}

// cmsg makes a control message of 32-bit programs.
func cmsg(level, typ uint32, words ...uint32) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(12+4*len(words)))
	for _, w := range append([]uint32{level, typ}, words...) {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

func install(t *testing.T, k *fstest.Kit) (*fs.File, uint32) {
	f := k.V.NewAnonFile(fs.NoFile{}, "f", nil, abi.O_RDWR, k.Cred)
	fd, err := k.Files.Install(f, 100, false)
	if err != nil {
		t.Fatal(err)
	}
	return f, uint32(fd)
}

func TestLoad(t *testing.T) {
	k := fstest.New(t)
	k.Task = &task{pid: 7, other: &task{pid: 8}}
	f, fd := install(t, k)
	u := k.As(1000)
	u.Task = &task{pid: 7, other: &task{pid: 8}}
	bad := cmsg(abi.SOL_SOCKET, abi.SCM_RIGHTS, fd)
	bad[0] = 11
	many := make([]uint32, 254)
	for i := range many {
		many[i] = fd
	}
	for _, c := range []struct {
		name  string
		as    *fstest.Kit
		b     []byte
		files int
		cred  bool
		err   error
	}{
		{"nothing", k, nil, 0, false, nil},
		{"less than a head", k, make([]byte, 11), 0, false, nil},
		{"two files", k, cmsg(abi.SOL_SOCKET, abi.SCM_RIGHTS, fd, fd), 2, false, nil},
		{"files twice", k, append(cmsg(abi.SOL_SOCKET, abi.SCM_RIGHTS, fd), cmsg(abi.SOL_SOCKET, abi.SCM_RIGHTS, fd)...), 2, false, nil},
		{"a bad descriptor", k, cmsg(abi.SOL_SOCKET, abi.SCM_RIGHTS, fd, 99), 0, false, abi.EBADF},
		{"a negative descriptor", k, cmsg(abi.SOL_SOCKET, abi.SCM_RIGHTS, ^uint32(0)), 0, false, abi.EBADF},
		{"too many", k, cmsg(abi.SOL_SOCKET, abi.SCM_RIGHTS, many...), 0, false, abi.EINVAL},
		{"short length", k, bad, 0, false, abi.EINVAL},
		{"long length", k, cmsg(abi.SOL_SOCKET, abi.SCM_RIGHTS, fd)[:15], 0, false, abi.EINVAL},
		{"unknown type", k, cmsg(abi.SOL_SOCKET, 99), 0, false, abi.EINVAL},
		{"another level", k, cmsg(99, 99, 1), 0, false, nil},
		{"own credentials", u, cmsg(abi.SOL_SOCKET, abi.SCM_CREDENTIALS, 7, 1000, 1000), 0, true, nil},
		{"another uid", u, cmsg(abi.SOL_SOCKET, abi.SCM_CREDENTIALS, 7, 0, 1000), 0, false, abi.EPERM},
		{"another gid", u, cmsg(abi.SOL_SOCKET, abi.SCM_CREDENTIALS, 7, 1000, 0), 0, false, abi.EPERM},
		{"another pid", u, cmsg(abi.SOL_SOCKET, abi.SCM_CREDENTIALS, 8, 1000, 1000), 0, false, abi.EPERM},
		{"no such pid", u, cmsg(abi.SOL_SOCKET, abi.SCM_CREDENTIALS, 9, 1000, 1000), 0, false, abi.ESRCH},
		{"a privileged sender", k, cmsg(abi.SOL_SOCKET, abi.SCM_CREDENTIALS, 7, 1234, 99), 0, true, nil},
		{"short credentials", k, cmsg(abi.SOL_SOCKET, abi.SCM_CREDENTIALS, 7, 0), 0, false, abi.EINVAL},
		{"uid -1", k, cmsg(abi.SOL_SOCKET, abi.SCM_CREDENTIALS, 7, ^uint32(0), 0), 0, false, abi.EINVAL},
	} {
		m := &Message{}
		err := I386.Load(c.as.Caller, c.b, m)
		if err != c.err || len(m.Rights) != c.files || m.HasCreds != c.cred {
			t.Errorf("%s: %v, %d files, credentials %v", c.name, err, len(m.Rights), m.HasCreds)
		}
		m.DropRights()
		if f.Refs() != 1 {
			t.Fatalf("%s: %d references are left", c.name, f.Refs())
		}
	}
}

func TestStore(t *testing.T) {
	for _, c := range []struct {
		name       string
		room       int
		limit      int
		creds      bool
		files      int
		want       []byte
		truncated  bool
		descriptor int
	}{
		{"room for all", 100, 10, true, 2,
			append(cmsg(abi.SOL_SOCKET, abi.SCM_CREDENTIALS, 7, 1000, 65534), cmsg(abi.SOL_SOCKET, abi.SCM_RIGHTS, 0, 1)...), false, 2},
		{"exact", 20, 10, false, 2, cmsg(abi.SOL_SOCKET, abi.SCM_RIGHTS, 0, 1), false, 2},
		{"room for one file", 19, 10, false, 2, cmsg(abi.SOL_SOCKET, abi.SCM_RIGHTS, 0), true, 1},
		{"room for none", 15, 10, false, 2, nil, true, 0},
		{"no room", 0, 10, true, 1, nil, true, 0},
		{"limit of descriptors", 100, 1, false, 2, cmsg(abi.SOL_SOCKET, abi.SCM_RIGHTS, 0), true, 1},
		{"a part of the credentials", 20, 10, true, 0,
			func() []byte {
				b := cmsg(abi.SOL_SOCKET, abi.SCM_CREDENTIALS, 7, 1000)
				return b
			}(), true, 0},
	} {
		k := fstest.New(t)
		k.Task = &task{pid: 7}
		m := &Message{HasCreds: c.creds, Creds: Creds{k.Task, 1000, user.InvalidKGID}}
		var files []*fs.File
		for range c.files {
			f := k.V.NewAnonFile(fs.NoFile{}, "f", nil, abi.O_RDWR, k.Cred)
			files = append(files, f)
			m.Rights = append(m.Rights, f)
		}
		b := I386.Store(k.Caller, m, make([]byte, 0, c.room), c.limit, true)
		if !bytes.Equal(b, c.want) {
			t.Errorf("%s: % x, want % x", c.name, b, c.want)
		}
		if (m.Out == abi.MSG_CTRUNC) != c.truncated || k.Files.Len() != c.descriptor {
			t.Errorf("%s: flags %#x, %d descriptors", c.name, m.Out, k.Files.Len())
		}
		for i, f := range files {
			want := 0
			if i < c.descriptor {
				want = 1
			}
			if f.Refs() != want {
				t.Errorf("%s: file %d has %d references, want %d", c.name, i, f.Refs(), want)
			}
		}
	}
}

func TestLayoutOf64Bits(t *testing.T) {
	l := Layout{Head: 16, Align: 8}
	m := &Message{}
	b := l.append(make([]byte, 0, 64), m, abi.SCM_RIGHTS, []byte{1, 2, 3, 4})
	if len(b) != 24 || b[0] != 20 {
		t.Errorf("% x", b)
	}
	n := 0
	if err := l.Each(b, func(level, typ int32, data []byte) error {
		n += len(data)
		return nil
	}); err != nil || n != 4 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// FuzzEach checks that no control data makes the reader leave its buffer or go on for ever.
func FuzzEach(f *testing.F) {
	f.Add(cmsg(1, 1, 5), false)
	f.Add(cmsg(1, 2, 7, 0, 0)[:20], true)
	f.Add([]byte{255, 255, 255, 255, 1, 0, 0, 0, 1, 0, 0, 0}, false)
	f.Fuzz(func(t *testing.T, b []byte, wide bool) {
		l := I386
		if wide {
			l = Layout{Head: 16, Align: 8}
		}
		total := 0
		err := l.Each(b, func(_, _ int32, data []byte) error {
			total += l.Head + len(data)
			return nil
		})
		if total > len(b) || err != nil && err != abi.EINVAL {
			t.Errorf("%d bytes of %d, %v", total, len(b), err)
		}
	})
}

func TestOptions(t *testing.T) {
	var o Options
	o.Init(abi.AF_UNIX, abi.SOCK_STREAM, 0)
	for _, c := range []struct{ name, set, get int }{
		{abi.SO_SNDBUF, 10000, 20000},
		{abi.SO_SNDBUF, 1, minSend},
		{abi.SO_SNDBUF, -1, minSend},
		{abi.SO_RCVBUF, 1 << 30, 2 * maxBuffer},
		{abi.SO_PASSCRED, 5, 1},
		{abi.SO_REUSEADDR, 9, 1},
		{abi.SO_PRIORITY, 9, 9},
	} {
		if err := o.SetInt(nil, c.name, c.set); err != nil {
			t.Errorf("option %d: %v", c.name, err)
		}
		if v, err := o.Int(c.name); v != c.get || err != nil {
			t.Errorf("option %d set to %d is %d, %v; want %d", c.name, c.set, v, err, c.get)
		}
	}
	for _, name := range []int{abi.SO_TYPE, abi.SO_ERROR, 9999} {
		if err := o.SetInt(nil, name, 1); err != abi.ENOPROTOOPT {
			t.Errorf("option %d: %v, want ENOPROTOOPT", name, err)
		}
	}
	o.Fail(abi.ECONNRESET)
	if v, _ := o.Int(abi.SO_ERROR); v != int(abi.ECONNRESET) || o.Failure() != nil {
		t.Errorf("SO_ERROR: %d, or it stays", v)
	}
}
