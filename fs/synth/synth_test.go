package synth_test

import (
	"slices"
	"strconv"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/synth"
	"cleave/fs/tmpfs"
	"cleave/mm/frame"
	"cleave/ns/user"
)

// zoo is a file system of numbered folders that can vanish, as /proc is.
type zoo struct {
	alive   map[int]bool
	written string
	reads   int
}

func (z *zoo) root() *synth.Node {
	animal := &synth.Node{
		Mode:  abi.S_IFDIR | 0o555,
		Valid: func(o *synth.Object) bool { return z.alive[o.Data.(int)] },
		Children: []synth.Child{
			{Name: "name", Node: &synth.Node{Mode: abi.S_IFREG | 0o644,
				Read: func(o *synth.Object, _ *fs.Caller, buf []byte) ([]byte, error) {
					z.reads++
					return strconv.AppendInt(append(buf, "animal "...), int64(o.Data.(int)), 10), nil
				},
				Write: func(_ *synth.Object, _ *fs.File, _ *fs.Caller, data []byte, _ int64) error {
					z.written += string(data)
					return nil
				}}},
			{Name: "home", Node: &synth.Node{Mode: abi.S_IFLNK | 0o777,
				Follow: func(_ *synth.Object, c *fs.Caller) (fs.Path, error) { return c.FS.Cwd(), nil }}},
		},
	}
	return &synth.Node{
		Mode: abi.S_IFDIR | 0o555,
		Children: []synth.Child{
			{Name: "self", Node: &synth.Node{Mode: abi.S_IFLNK | 0o777,
				Readlink: func(*synth.Object, *fs.Caller) ([]byte, error) { return []byte("1"), nil }}},
		},
		Lookup: func(_ *synth.Object, name []byte) (synth.Entry, error) {
			n, err := strconv.Atoi(string(name))
			if err != nil || !z.alive[n] {
				return synth.Entry{}, abi.ENOENT
			}
			return synth.Entry{Node: animal, Data: n, Ino: 1<<32 + uint64(n), UID: user.KUID(n)}, nil
		},
		List: func(_ *synth.Object, _ *fs.Caller, pos int64, sink fs.DirSink) (int64, error) {
			for n := int(pos); n < 10; n++ {
				if z.alive[n] && !sink.Entry([]byte(strconv.Itoa(n)), 1<<32+uint64(n), abi.DT_DIR, int64(n)+1) {
					return int64(n), nil
				}
			}
			return 10, nil
		},
	}
}

func newCaller(t *testing.T, z *zoo) *fs.Caller {
	v := fs.New(frame.NewArena(64), func() int64 { return 1 })
	ns := user.NewInitial()
	mounts := v.NewMountNamespace(tmpfs.New(v, "rootfs", ns).Superblock(), ns)
	c := &fs.Caller{VFS: v, Cred: user.NewRoot(ns), Files: fs.NewFDTable(), Mounts: mounts}
	top := mounts.Root()
	c.FS = v.NewContext(top, 0)
	top.Put()
	typ := &fs.Type{Name: "zoo", Flags: fs.TypeNoDev}
	typ.Mount = func(r *fs.MountRequest) (*fs.Superblock, error) {
		return synth.New(v, synth.Config{Type: typ, Request: r, Flags: fs.SuperVolatile, Root: synth.Entry{Node: z.root()}}).Superblock(), nil
	}
	v.Register(typ)
	if err := c.Mkdirat(abi.AT_FDCWD, []byte("/zoo"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := c.Mount([]byte("zoo"), []byte("/zoo"), "zoo", 0, ""); err != nil {
		t.Fatal(err)
	}
	return c
}

type list []string

func (l *list) Entry(name []byte, _ uint64, _ uint8, _ int64) bool {
	*l = append(*l, string(name))
	return true
}

func read(c *fs.Caller, path string) (string, error) {
	f, err := c.Open(abi.AT_FDCWD, []byte(path), fs.OpenHow{})
	if err != nil {
		return "", err
	}
	defer f.Put()
	p := make([]byte, 100)
	n, err := c.Read(f, &fs.Bytes{B: p[:3]}) // in two pieces of one text
	if err != nil {
		return "", err
	}
	m, err := c.Read(f, &fs.Bytes{B: p[n:]})
	return string(p[:n+m]), err
}

func TestGeneratedTree(t *testing.T) {
	z := &zoo{alive: map[int]bool{1: true, 7: true}}
	c := newCaller(t, z)
	for path, want := range map[string]string{"/zoo/1/name": "animal 1", "/zoo/self/name": "animal 1", "/zoo/7/name": "animal 7"} {
		if got, err := read(c, path); got != want || err != nil {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	if z.reads != 3 {
		t.Errorf("the text was made %d times for 3 opens", z.reads)
	}
	f, err := c.Open(abi.AT_FDCWD, []byte("/zoo"), fs.OpenHow{Flags: abi.O_DIRECTORY})
	if err != nil {
		t.Fatal(err)
	}
	var l list
	if err := c.ReadDir(f, &l); err != nil || !slices.Equal(l, list{".", "..", "self", "1", "7"}) {
		t.Errorf("entries %v, %v", l, err)
	}
	f.Put()
	var a, b fs.Attr
	if err := c.Stat(abi.AT_FDCWD, []byte("/zoo/7"), 0, &a); err != nil || a.UID != 7 || a.Ino != 1<<32+7 {
		t.Errorf("%+v %v", a, err)
	}
	// A magic link leads to the very place.
	if err := c.Stat(abi.AT_FDCWD, []byte("/zoo/7/home"), 0, &a); err != nil {
		t.Fatal(err)
	}
	if err := c.Stat(abi.AT_FDCWD, []byte("."), 0, &b); err != nil || a.Ino != b.Ino || a.Dev != b.Dev {
		t.Errorf("the magic link leads to %+v", a)
	}
	if err := c.Mkdirat(abi.AT_FDCWD, []byte("/zoo/8"), 0); err != abi.EPERM {
		t.Errorf("mkdir: %v", err)
	}
}

func TestVanishedFile(t *testing.T) {
	z := &zoo{alive: map[int]bool{5: true}}
	c := newCaller(t, z)
	if _, err := read(c, "/zoo/5/name"); err != nil {
		t.Fatal(err)
	}
	delete(z.alive, 5)
	if _, err := read(c, "/zoo/5/name"); err != abi.ENOENT {
		t.Errorf("a folder that is gone: %v", err)
	}
	z.alive[5] = true
	if got, err := read(c, "/zoo/5/name"); err != nil || got != "animal 5" {
		t.Errorf("it is back: %q, %v", got, err)
	}
}

func TestWrite(t *testing.T) {
	z := &zoo{alive: map[int]bool{2: true}}
	c := newCaller(t, z)
	f, err := c.Open(abi.AT_FDCWD, []byte("/zoo/2/name"), fs.OpenHow{Flags: abi.O_WRONLY | abi.O_TRUNC})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := c.Write(f, &fs.Bytes{B: []byte("lion")}); n != 4 || err != nil {
		t.Errorf("write: %d, %v", n, err)
	}
	f.Put()
	if z.written != "lion" {
		t.Errorf("written %q", z.written)
	}
}
