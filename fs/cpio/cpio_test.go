package cpio_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/cpio"
	"cleave/fs/tmpfs"
	"cleave/mm/frame"
	"cleave/ns/user"
)

// file is an entry of a test archive.
type file struct {
	name   string
	mode   uint32
	data   string
	nlink  int
	ino    int
	rdev   [2]int
	padded bool // the data start on a page boundary
}

// archive packs files, as newc.
func archive(at int, files ...file) []byte {
	var b bytes.Buffer
	b.Write(make([]byte, at))
	for _, f := range append(files, file{name: "TRAILER!!!"}) {
		name := f.name + "\x00"
		if f.padded {
			end := b.Len() + 110 + len(name)
			name += strings.Repeat("\x00", (4096-end%4096)%4096)
		}
		fmt.Fprintf(&b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
			f.ino, f.mode, 7, 8, max(1, f.nlink), 1000, len(f.data), 0, 3, f.rdev[0], f.rdev[1], len(name), 0)
		b.WriteString(name)
		for b.Len()%4 != 0 {
			b.WriteByte(0)
		}
		b.WriteString(f.data)
		for b.Len()%4 != 0 {
			b.WriteByte(0)
		}
	}
	return b.Bytes()[at:]
}

// world is a VFS with an empty root.
type world struct {
	*fs.Caller
	t    testing.TB
	pool *frame.Pool
	root *tmpfs.FS
}

func newWorld(t testing.TB) *world {
	pool := frame.NewArena(512)
	v := fs.New(pool, func() int64 { return 1 })
	ns := user.NewInitial()
	w := &world{t: t, pool: pool, root: tmpfs.New(v, "rootfs", ns)}
	mounts := v.NewMountNamespace(w.root.Superblock(), ns)
	w.Caller = &fs.Caller{VFS: v, Cred: user.NewRoot(ns), Files: fs.NewFDTable(), Mounts: mounts}
	top := mounts.Root()
	w.FS = v.NewContext(top, 0)
	top.Put()
	t.Cleanup(func() {
		w.FS.Leave()
		mounts.Put()
		if n := pool.Stats().InUse(); n != 0 {
			t.Errorf("%d frames in use at the end", n)
		}
		if w.root.Inodes() != 0 || w.root.Pages() != 0 {
			t.Errorf("%d inodes, %d pages at the end", w.root.Inodes(), w.root.Pages())
		}
	})
	return w
}

func (w *world) read(path string) string {
	w.t.Helper()
	f, err := w.Open(abi.AT_FDCWD, []byte(path), fs.OpenHow{})
	if err != nil {
		w.t.Fatalf("open %s: %v", path, err)
	}
	defer f.Put()
	p := make([]byte, f.Inode().Size())
	if n, err := w.Read(f, &fs.Bytes{B: p}); n != len(p) || err != nil {
		w.t.Fatalf("read %s: %d %v", path, n, err)
	}
	return string(p)
}

func (w *world) stat(path string) (a fs.Attr) {
	w.t.Helper()
	if err := w.Stat(abi.AT_FDCWD, []byte(path), abi.AT_SYMLINK_NOFOLLOW, &a); err != nil {
		w.t.Fatalf("stat %s: %v", path, err)
	}
	return a
}

var big = strings.Repeat("0123456789abcdef", 700) // 11200 bytes

func sample() []file {
	return []file{
		{name: ".", mode: 0o40751},
		{name: "bin", mode: 0o40755},
		{name: "bin/prog", mode: 0o100755, data: big, padded: true},
		{name: "bin/small", mode: 0o104755, data: "tiny"},
		{name: "bin/sh", mode: 0o120777, data: "prog"},
		{name: "dev/null", mode: 0o20666, rdev: [2]int{1, 3}},
		{name: "./one", mode: 0o100644, nlink: 2, ino: 9},
		{name: "/two", mode: 0o100644, nlink: 2, ino: 9, data: "linked"},
	}
}

func (w *world) checkSample() {
	t := w.t
	t.Helper()
	if got := w.read("/bin/prog"); got != big {
		t.Errorf("/bin/prog has %d bytes: %.20q...", len(got), got)
	}
	if w.read("/bin/small") != "tiny" || w.read("/one") != "linked" || w.read("/two") != "linked" {
		t.Error("a small file is wrong")
	}
	if w.read("/bin/sh") != big {
		t.Error("the link does not lead to the program")
	}
	a := w.stat("/bin/small")
	if a.Mode != 0o104755 || a.UID != 7 || a.GID != 8 || a.Mtime != 1000e9 || a.Nlink != 1 {
		t.Errorf("/bin/small: %+v", a)
	}
	if a := w.stat("/one"); a.Nlink != 2 || a.Ino != w.stat("/two").Ino {
		t.Errorf("/one: %+v", a)
	}
	if a := w.stat("/dev/null"); a.Rdev != fs.MakeDev(1, 3) || a.Mode != 0o20666 {
		t.Errorf("/dev/null: %+v", a)
	}
	if a := w.stat("/dev"); a.Mode != 0o40755 {
		t.Errorf("/dev, which has no entry: %+v", a)
	}
	if a := w.stat("/"); a.Mode != 0o40751 || a.Nlink != 4 {
		t.Errorf("/: %+v", a)
	}
}

func TestUnpack(t *testing.T) {
	plain := archive(0, sample()...)
	var gz bytes.Buffer
	z := gzip.NewWriter(&gz)
	z.Write(plain)
	z.Close()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		image []byte
	}{{"plain", plain}, {"gzip", gz.Bytes()}, {"zstd", enc.EncodeAll(plain, nil)}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			inPlace, err := cpio.Unpack(w.root, cpio.Image{Data: c.image})
			if err != nil {
				t.Fatal(err)
			}
			if inPlace != (c.name == "plain") {
				t.Errorf("in place: %v", inPlace)
			}
			w.checkSample()
		})
	}
}

func TestSeveralArchives(t *testing.T) {
	first := archive(0, file{name: "a", mode: 0o100644, data: "old"}, file{name: "d", mode: 0o40700})
	var gz bytes.Buffer
	z := gzip.NewWriter(&gz)
	z.Write(archive(0, file{name: "b", mode: 0o100644, data: "packed"}))
	z.Close()
	image := append(append(bytes.Clone(first), make([]byte, 508)...), gz.Bytes()...)
	image = append(image, make([]byte, 16-len(image)%4)...)
	image = append(image, archive(len(image), file{name: "a", mode: 0o100600, data: "newer"}, file{name: "d", mode: 0o40711})...)
	w := newWorld(t)
	if _, err := cpio.Unpack(w.root, cpio.Image{Data: image}); err != nil {
		t.Fatal(err)
	}
	if w.read("/a") != "newer" || w.read("/b") != "packed" || w.stat("/a").Mode != 0o100600 || w.stat("/d").Mode != 0o40711 {
		t.Error("a later archive does not win")
	}
}

// TestAdoptedFrames boots as the machine does: the image lies in frames that the pool did not know.
func TestAdoptedFrames(t *testing.T) {
	image := archive(0, sample()...)
	const first = 400
	pool := frame.NewArena(512)
	v := fs.New(pool, func() int64 { return 1 })
	// The arena's free list hands out frames from 1 on, so the last ones are ours.
	for i := 0; i < len(image); i += frame.Size {
		copy(pool.Page(first + frame.PFN(i/frame.Size))[:], image[i:])
	}
	root := tmpfs.New(v, "rootfs", user.NewInitial())
	if _, err := cpio.Unpack(root, cpio.Image{Data: image, First: first}); err != nil {
		t.Fatal(err)
	}
	bin := v.Child(root.Superblock().Root(), []byte("bin"))
	m := v.Child(bin, []byte("prog")).Inode().Pages()
	if pool.Stats().InUse() != 0 {
		t.Error("unpacking has taken frames")
	}
	for p := uint64(0); p < 3; p++ {
		if err := m.ReadPage(p); err != nil {
			t.Fatal(err)
		}
		f, ok := m.LookupPage(p)
		if !ok || (f >= first) != (p < 2) {
			t.Errorf("page %d is frame %d, %v", p, f, ok)
		}
		want := make([]byte, frame.Size)
		copy(want, big[p*frame.Size:])
		if !bytes.Equal(pool.Page(f)[:], want) {
			t.Errorf("page %d has other content", p)
		}
		pool.Unref(f)
	}
	if pool.Stats().InUse() != 3 {
		t.Errorf("%d frames in use", pool.Stats().InUse())
	}
}

func TestDamage(t *testing.T) {
	good := archive(0, sample()...)
	for _, c := range []struct {
		name  string
		image []byte
		at    int
		cause string
	}{
		{"cut in a header", good[:50], 0, "ends inside a header"},
		{"cut in a file", good[:5000], 228, "ends inside a file"},
		{"nothing", nil, 0, ""},
		{"magic with checksums", append([]byte("070702"), good[6:]...), 0, ""},
		{"digit", append([]byte("0707010000000000x0"), good[18:]...), 0, "hexadecimal"},
		{"wrong magic", append([]byte("070707"), good[6:]...), 0, "magic"},
		{"size", bytes.Replace(bytes.Clone(good), []byte("000003e80000"), []byte("000003e8ffff"), 1), 0, "ends inside a file"},
		{"name", bytes.Replace(bytes.Clone(good), []byte("bin/prog"), []byte("bin/../x"), 1), 228, "no name"},
		{"type", archive(0, file{name: "x", mode: 0o30644}), 0, "unknown type"},
		{"below a file", archive(0, file{name: "f", mode: 0o100644}, file{name: "f/x", mode: 0o100644}), 112, "no directory"},
		{"gzip", append([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0}, "junk, which no inflater reads"...), 5, "flate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			_, err := cpio.Unpack(w.root, cpio.Image{Data: c.image})
			if c.cause == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var e *cpio.Error
			if !errors.As(err, &e) || e.Offset != c.at || !strings.Contains(e.Cause, c.cause) {
				t.Errorf("got %v, want offset %d and %q", err, c.at, c.cause)
			}
		})
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(archive(0, sample()...))
	f.Add(archive(0, file{name: "a", mode: 0o100644, nlink: 2, ino: 1}, file{name: "b", mode: 0o100644, nlink: 2, ino: 1, data: "x"}))
	f.Fuzz(func(t *testing.T, image []byte) {
		w := newWorld(t)
		_, err := cpio.Unpack(w.root, cpio.Image{Data: image})
		var e *cpio.Error
		if err != nil && !errors.As(err, &e) && err != abi.ENOMEM {
			t.Errorf("an error of another kind: %v", err)
		}
	})
}

func BenchmarkUnpack2000(b *testing.B) {
	var files []file
	for d := range 40 {
		dir := fmt.Sprintf("usr/lib/dir%02d", d)
		files = append(files, file{name: dir, mode: 0o40755})
		for i := range 49 {
			files = append(files, file{name: fmt.Sprintf("%s/some-file-%02d.so", dir, i), mode: 0o100644, data: big, padded: true})
		}
	}
	image := archive(0, files...)
	b.ReportAllocs()
	for b.Loop() {
		v := fs.New(frame.NewArena(16), func() int64 { return 1 })
		root := tmpfs.New(v, "rootfs", nil)
		if _, err := cpio.Unpack(root, cpio.Image{Data: image}); err != nil {
			b.Fatal(err)
		}
	}
}
