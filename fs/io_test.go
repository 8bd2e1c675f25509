package fs_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm/frame"
	"cleave/ns/user"
)

func pwrite(k *kit, f *fs.File, text string, off int64) {
	k.t.Helper()
	if n, err := k.Pwrite(f, &fs.Bytes{B: []byte(text)}, off); n != len(text) || err != nil {
		k.t.Fatalf("pwrite: %d, %v", n, err)
	}
}

// TestContentAgainstModel does random writes, truncations, holes and reads, and compares with a byte slice.
func TestContentAgainstModel(t *testing.T) {
	k := newKit(t)
	rnd := rand.New(rand.NewPCG(3, 4))
	f := k.open("/f", abi.O_CREAT|abi.O_RDWR)
	var model []byte
	for step := range 2000 {
		off := rnd.IntN(40_000)
		n := rnd.IntN(9000)
		switch rnd.IntN(6) {
		case 0:
			k.ok(k.Ftruncate(f, int64(off)))
			if off < len(model) {
				model = model[:off]
			} else {
				model = append(model, make([]byte, off-len(model))...)
			}
		case 1:
			k.ok(k.Fallocate(f, abi.FALLOC_FL_PUNCH_HOLE|abi.FALLOC_FL_KEEP_SIZE, int64(off), int64(n+1)))
			if off < len(model) {
				clear(model[off:min(len(model), off+n+1)])
			}
		case 2, 3:
			data := make([]byte, n)
			for i := range data {
				data[i] = byte(rnd.Uint32())
			}
			if got, err := k.Pwrite(f, &fs.Bytes{B: data}, int64(off)); got != n || err != nil {
				t.Fatal(got, err)
			}
			if n > 0 && off+n > len(model) {
				model = append(model, make([]byte, off+n-len(model))...)
			}
			copy(model[min(off, len(model)):], data)
		default:
			got := make([]byte, n)
			m, err := k.Pread(f, &fs.Bytes{B: got}, int64(off))
			if err != nil {
				t.Fatal(err)
			}
			want := model[min(off, len(model)):min(off+n, len(model))]
			if !bytes.Equal(got[:m], want) {
				t.Fatalf("step %d: %d bytes at %d differ", step, n, off)
			}
		}
		if f.Inode().Size() != int64(len(model)) {
			t.Fatalf("step %d: size %d, want %d", step, f.Inode().Size(), len(model))
		}
	}
	f.Put()
}

func TestPositionsAndAppend(t *testing.T) {
	k := newKit(t)
	f := k.open("/f", abi.O_CREAT|abi.O_RDWR|abi.O_APPEND)
	for _, s := range []string{"one", "two"} {
		_, err := k.Write(f, &fs.Bytes{B: []byte(s)})
		k.ok(err)
		_, err = f.Seek(0, abi.SEEK_SET)
		k.ok(err)
	}
	if got := k.read("/f"); got != "onetwo" {
		t.Errorf("%q", got)
	}
	seek := func(off int64, whence int, want int64, wantErr error) {
		t.Helper()
		if n, err := f.Seek(off, whence); err != wantErr || err == nil && n != want {
			t.Errorf("seek %d %d: %d, %v", off, whence, n, err)
		}
	}
	seek(-1, abi.SEEK_SET, 0, abi.EINVAL)
	seek(-2, abi.SEEK_END, 4, nil)
	seek(1, abi.SEEK_CUR, 5, nil)
	seek(0, 9, 0, abi.EINVAL)
	pwrite(k, f, "x", 100_000) // at the end, as O_APPEND wins
	if f.Inode().Size() != 7 {
		t.Errorf("size %d", f.Inode().Size())
	}
	k.ok(k.SetFlags(f, 0))
	pwrite(k, f, "y", 20_000)
	seek(0, abi.SEEK_DATA, 0, nil)
	seek(0, abi.SEEK_HOLE, 4096, nil)
	seek(5000, abi.SEEK_DATA, 16384, nil)
	seek(5000, abi.SEEK_HOLE, 5000, nil)
	seek(20_000, abi.SEEK_HOLE, 20_001, nil)
	seek(20_001, abi.SEEK_DATA, 0, abi.ENXIO)
	f.Put()
	r := k.open("/f", abi.O_RDONLY)
	_, err := k.Write(r, &fs.Bytes{B: []byte("z")})
	k.want(abi.EBADF, err)
	k.want(abi.EINVAL, k.Ftruncate(r, 0))
	r.Put()
	p := k.open("/f", abi.O_PATH)
	_, err = k.Read(p, &fs.Bytes{B: make([]byte, 1)})
	k.want(abi.EBADF, err)
	k.want(abi.EBADF, k.Fchmod(p, 0))
	p.Put()
	d := k.open("/", abi.O_RDONLY)
	_, err = k.Read(d, &fs.Bytes{B: make([]byte, 1)})
	k.want(abi.EISDIR, err)
	d.Put()
}

// faulty is a Buffer whose memory ends before its length.
type faulty struct {
	fs.Bytes
	claims int
}

func (f *faulty) Len() int { return f.claims }

func TestBadMemory(t *testing.T) {
	k := newKit(t)
	k.write("/f", strings.Repeat("o", 8192))
	f := k.open("/f", abi.O_RDWR)
	n, err := k.Pwrite(f, &faulty{fs.Bytes{B: []byte("new")}, 5000}, 0)
	if n != 3 || err != nil {
		t.Errorf("write: %d, %v", n, err)
	}
	n, err = k.Pwrite(f, &faulty{fs.Bytes{}, 10}, 0)
	if n != 0 || err != abi.EFAULT {
		t.Errorf("write: %d, %v", n, err)
	}
	n, err = k.Pread(f, &faulty{fs.Bytes{B: make([]byte, 10)}, 8192}, 0)
	if n != 10 || err != nil {
		t.Errorf("read: %d, %v", n, err)
	}
	if got := k.read("/f"); got != "new"+strings.Repeat("o", 8189) {
		t.Error("the content is wrong after a short copy")
	}
	f.Put()
	// In a file that ends there, nothing but what was copied comes to be.
	g := k.open("/g", abi.O_CREAT|abi.O_WRONLY)
	n, err = k.Write(g, &faulty{fs.Bytes{B: []byte("abc")}, 9000})
	if n != 3 || err != nil || g.Inode().Size() != 3 {
		t.Errorf("write: %d, %v", n, err)
	}
	g.Put()
}

// limits are resource limits.
type limits struct {
	size   int64
	signal int
}

func (l *limits) NoFile() int       { return 1024 }
func (l *limits) FileSize() int64   { return l.size }
func (l *limits) FileSizeExceeded() { l.signal++ }

func TestFileSizeLimit(t *testing.T) {
	k := newKit(t)
	l := &limits{size: 10}
	k.Limits = l
	f := k.open("/f", abi.O_CREAT|abi.O_WRONLY)
	if n, err := k.Write(f, &fs.Bytes{B: make([]byte, 15)}); n != 10 || err != nil || l.signal != 0 {
		t.Errorf("%d, %v, %d signals", n, err, l.signal)
	}
	if _, err := k.Write(f, &fs.Bytes{B: make([]byte, 1)}); err != abi.EFBIG || l.signal != 1 {
		t.Errorf("%v, %d signals", err, l.signal)
	}
	k.want(abi.EFBIG, k.Ftruncate(f, 11))
	k.want(abi.EFBIG, k.Fallocate(f, 0, 8, 3))
	k.want(abi.EFBIG, k.Fallocate(f, abi.FALLOC_FL_KEEP_SIZE, 8, 3))
	if l.signal != 4 {
		t.Errorf("%d signals, want one for each EFBIG", l.signal)
	}
	k.ok(k.Fallocate(f, abi.FALLOC_FL_PUNCH_HOLE|abi.FALLOC_FL_KEEP_SIZE, 8, 100))
	k.ok(k.Ftruncate(f, 4))
	l.size = 1 << 62
	k.want(abi.EFBIG, k.Ftruncate(f, fs.MaxFileSize+1))
	f.Put()
}

func TestFileSystemIsFull(t *testing.T) {
	k := newKit(t)
	k.mkdir("/m")
	k.ok(k.Mount(nil, []byte("/m"), "tmpfs", 0, "size=16k,nr_inodes=4,mode=700"))
	if a := k.stat("/m"); a.Mode != abi.S_IFDIR|0o700 {
		t.Errorf("mode %o", a.Mode)
	}
	f := k.open("/m/f", abi.O_CREAT|abi.O_WRONLY)
	if n, err := k.Write(f, &fs.Bytes{B: make([]byte, 20_000)}); n != 16384 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	_, err := k.Write(f, &fs.Bytes{B: make([]byte, 1)})
	k.want(abi.ENOSPC, err)
	var s fs.Statfs
	k.ok(k.Statfs([]byte("/m"), &s))
	if s.Blocks != 4 || s.Bfree != 0 || s.Files != 4 || s.Ffree != 2 || s.Type != abi.TMPFS_MAGIC {
		t.Errorf("%+v", s)
	}
	k.ok(k.Ftruncate(f, 0))
	f.Put()
	k.write("/m/g", "room again")
	k.mkdir("/m/d")
	k.want(abi.ENOSPC, k.Mkdirat(cwd, []byte("/m/e"), 0))
	k.want(abi.EINVAL, k.Mount(nil, []byte("/m"), "", abi.MS_REMOUNT, "nr_inodes=2"))
	k.ok(k.Mount(nil, []byte("/m"), "", abi.MS_REMOUNT, "nr_inodes=9"))
	k.mkdir("/m/e")
	k.ok(k.umount("/m", 0))
	if n := k.v.Pool.Stats().InUse(); n != 0 {
		t.Errorf("%d frames after umount", n)
	}
}

// TestMemoryIsShort lets each allocation of frames fail in turn.
func TestMemoryIsShort(t *testing.T) {
	k := newKit(t)
	data := bytes.Repeat([]byte("0123456789"), 2000)
	for n := 1; ; n++ {
		f := k.open("/f", abi.O_CREAT|abi.O_RDWR|abi.O_TRUNC)
		k.v.Pool.FailAt(n)
		got, err := k.Write(f, &fs.Bytes{B: data})
		left := k.v.Pool.FailAt(0)
		if left == 0 && got == 0 && err != abi.ENOMEM || left == 0 && got%4096 != 0 {
			t.Errorf("failure %d: %d bytes, %v", n, got, err)
		}
		if f.Inode().Size() != int64(got) || !bytes.Equal(readBack(k, f, 0, got), data[:got]) {
			t.Errorf("failure %d: the file is not what was written", n)
		}
		f.Put()
		if left != 0 {
			if got != len(data) {
				t.Errorf("%d bytes without a failure", got)
			}
			return
		}
	}
}

// addressSpace maps a file.
type addressSpace struct{ unmapped [][2]uint64 }

func (a *addressSpace) UnmapPages(_ frame.Mapping, idx, n uint64, private, _ bool) bool {
	a.unmapped = append(a.unmapped, [2]uint64{idx, n})
	return private
}

func TestTruncateUnmaps(t *testing.T) {
	k := newKit(t)
	k.write("/f", strings.Repeat("m", 10_000))
	f := k.open("/f", abi.O_RDWR)
	m, err := f.Ops.Mmap(f)
	k.ok(err)
	a := &addressSpace{}
	m.AddMapper(a)
	k.ok(m.ReadPage(2))
	pfn, ok := m.LookupPage(2)
	if !ok || k.v.Pool.Page(pfn)[0] != 'm' {
		t.Error("page 2 is not there")
	}
	k.v.Pool.Unref(pfn)
	k.want(abi.EFAULT, m.ReadPage(3))
	k.ok(k.Ftruncate(f, 5000))
	if len(a.unmapped) == 0 || a.unmapped[0][0] != 2 {
		t.Errorf("unmapped %v", a.unmapped)
	}
	if _, ok := m.LookupPage(2); ok {
		t.Error("page 2 is still there")
	}
	// What is written through a mapping is read, and what lies beyond the end is zero after the file has grown.
	pfn, _ = m.LookupPage(1)
	k.v.Pool.Page(pfn)[0] = '!'
	k.v.Pool.Unref(pfn)
	k.ok(k.Ftruncate(f, 8192))
	if got := readBack(k, f, 4096, 4096); got[0] != '!' || got[903] != 'm' || !bytes.Equal(got[904:], make([]byte, 3192)) {
		t.Error("the page has other content")
	}
	m.RemoveMapper(a)
	f.Put()
}

func TestSendfileAndCopyRange(t *testing.T) {
	k := newKit(t)
	text := strings.Repeat("0123456789abcdef", 1000)
	k.write("/in", text)
	in, out := k.open("/in", abi.O_RDONLY), k.open("/out", abi.O_CREAT|abi.O_RDWR)
	off := int64(6)
	if n, err := k.Sendfile(out, in, &off, 10_000); n != 10_000 || err != nil || off != 10_006 {
		t.Errorf("%d, %v, offset %d", n, err, off)
	}
	if n, err := k.Sendfile(out, in, nil, 1<<20); n != 16_000 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := k.Sendfile(out, in, nil, 10); n != 0 || err != nil {
		t.Errorf("at the end: %d, %v", n, err)
	}
	if got := k.read("/out"); got != text[6:10_006]+text {
		t.Error("sendfile copied something else")
	}
	from, to := int64(0), int64(3)
	if n, err := k.CopyFileRange(in, &from, out, &to, 5); n != 5 || err != nil || from != 5 || to != 8 {
		t.Errorf("%d, %v, %d, %d", n, err, from, to)
	}
	if got := k.read("/out")[:10]; got != text[6:9]+"01234"+text[14:16] {
		t.Errorf("%q", got)
	}
	_, err := k.CopyFileRange(out, &from, out, &to, 5)
	k.want(abi.EINVAL, err)
	below, far := int64(-5), int64(math.MaxInt64-3)
	_, err = k.CopyFileRange(in, &below, out, &to, 5)
	k.want(abi.EINVAL, err)
	_, err = k.CopyFileRange(in, &far, out, &to, 5)
	k.want(abi.EOVERFLOW, err)
	_, err = k.Sendfile(in, out, nil, 5)
	k.want(abi.EBADF, err)
	in.Put()
	out.Put()
}

func TestSetIDBitsGoWithAWrite(t *testing.T) {
	k := newKit(t)
	k.write("/f", "x")
	k.ok(k.Fchmodat(cwd, []byte("/f"), 0o6777, 0))
	u := k.as(1000)
	f := u.open("/f", abi.O_WRONLY)
	_, err := u.Write(f, &fs.Bytes{B: []byte("y")})
	k.ok(err)
	f.Put()
	if a := k.stat("/f"); a.Mode != abi.S_IFREG|0o777 {
		t.Errorf("mode %o", a.Mode)
	}
	k.ok(k.Fchmodat(cwd, []byte("/f"), 0o6777, 0))
	k.ok(k.Fchownat(cwd, []byte("/f"), 1000, user.InvalidKGID, 0))
	if a := k.stat("/f"); a.Mode != abi.S_IFREG|0o777 || a.UID != 1000 || a.GID != 0 {
		t.Errorf("after chown: %+v", a)
	}
}

func TestTextFileBusy(t *testing.T) {
	k := newKit(t)
	k.write("/prog", "x")
	_, err := k.OpenExec(cwd, []byte("/prog"), 0)
	k.want(abi.EACCES, err)
	k.ok(k.Fchmodat(cwd, []byte("/prog"), 0o755, 0))
	w := k.open("/prog", abi.O_WRONLY)
	_, err = k.OpenExec(cwd, []byte("/prog"), 0)
	k.want(abi.ETXTBSY, err)
	w.Put()
	x, err := k.OpenExec(cwd, []byte("/prog"), 0)
	k.ok(err)
	k.want(abi.ETXTBSY, k.tryOpen("/prog", abi.O_RDWR))
	k.want(abi.ETXTBSY, k.tryOpen("/prog", abi.O_RDONLY|abi.O_TRUNC))
	k.want(abi.ETXTBSY, k.Truncate([]byte("/prog"), 0))
	k.ok(k.tryOpen("/prog", abi.O_RDONLY))
	x.Put()
	k.ok(k.tryOpen("/prog", abi.O_RDWR))
	_, err = k.OpenExec(cwd, []byte("/"), 0)
	k.want(abi.EACCES, err)
	k.mkdir("/m")
	k.mount("none", "/m", "tmpfs", abi.MS_NOEXEC)
	k.write("/m/p", "")
	k.ok(k.Fchmodat(cwd, []byte("/m/p"), 0o755, 0))
	_, err = k.OpenExec(cwd, []byte("/m/p"), 0)
	k.want(abi.EACCES, err)
	k.want(abi.EACCES, k.Faccessat(cwd, []byte("/m/p"), abi.X_OK, 0))
}

func TestExtendedAttributes(t *testing.T) {
	k := newKit(t)
	k.write("/f", "")
	p, err := k.Lookup(cwd, []byte("/f"), 0)
	k.ok(err)
	get := func(c *kit, name string) (string, error) {
		v, err := c.Getxattr(p, []byte(name))
		return string(v), err
	}
	k.ok(k.Setxattr(p, []byte("user.a"), []byte("1"), abi.XATTR_CREATE))
	k.want(abi.EEXIST, k.Setxattr(p, []byte("user.a"), nil, abi.XATTR_CREATE))
	k.want(abi.ENODATA, k.Setxattr(p, []byte("user.b"), nil, abi.XATTR_REPLACE))
	k.ok(k.Setxattr(p, []byte("trusted.t"), []byte("2"), 0))
	if v, err := get(k, "user.a"); v != "1" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	u := k.as(1000)
	k.want(abi.EACCES, u.Setxattr(p, []byte("user.c"), nil, 0))
	k.want(abi.EPERM, u.Setxattr(p, []byte("trusted.c"), nil, 0))
	k.want(abi.EPERM, u.Setxattr(p, []byte("security.capability"), nil, 0))
	_, err = get(u, "trusted.t")
	k.want(abi.ENODATA, err)
	_, err = get(k, "junk.x")
	k.want(abi.EOPNOTSUPP, err)
	all, err := k.Listxattr(p)
	k.ok(err)
	seen, err := u.Listxattr(p)
	k.ok(err)
	if string(all) != "trusted.t\x00user.a\x00" || string(seen) != "user.a\x00" {
		t.Errorf("lists %q, %q", all, seen)
	}
	k.ok(k.Removexattr(p, []byte("user.a")))
	k.want(abi.ENODATA, k.Removexattr(p, []byte("user.a")))
	p.Put()
}

func TestSmallFilesOnly(t *testing.T) {
	k := newKit(t)
	f := k.open("/f", abi.O_CREAT|abi.O_RDWR)
	_, err := k.Pwrite(f, &fs.Bytes{B: []byte("x")}, 1<<31-1)
	k.want(abi.EFBIG, err)
	if n, err := k.Pwrite(f, &fs.Bytes{B: []byte("xy")}, 1<<31-2); n != 1 || err != nil {
		t.Errorf("up to the limit: %d, %v", n, err)
	}
	f.Put()
	g := k.open("/f", abi.O_RDWR|abi.O_LARGEFILE)
	pwrite(k, g, "z", 1<<31)
	g.Put()
	k.want(abi.EOVERFLOW, k.tryOpen("/f", abi.O_RDONLY))
	k.ok(k.tryOpen("/f", abi.O_RDONLY|abi.O_LARGEFILE))
}

func TestMemoryFileAndSeals(t *testing.T) {
	k := newKit(t)
	_, err := k.NewMemfd(strings.Repeat("n", 250), 0)
	k.want(abi.EINVAL, err)
	f, err := k.NewMemfd("box", abi.MFD_ALLOW_SEALING)
	k.ok(err)
	pwrite(k, f, "content", 0)
	root := k.FS.Root()
	if text := string(k.v.NamePath(nil, f.Path(), root)); text != "/memfd:box (deleted)" {
		t.Errorf("name %q", text)
	}
	root.Put()
	f.Inode().CountWritableMap(1)
	k.want(abi.EBUSY, f.AddSeals(abi.F_SEAL_WRITE))
	f.Inode().CountWritableMap(-1)
	k.ok(f.AddSeals(abi.F_SEAL_GROW))
	if n, err := k.Pwrite(f, &fs.Bytes{B: []byte("12345")}, 4); n != 3 || err != nil {
		t.Errorf("write across the end: %d, %v", n, err)
	}
	_, err = k.Pwrite(f, &fs.Bytes{B: []byte("1")}, 7)
	k.want(abi.EPERM, err)
	k.want(abi.EPERM, k.Ftruncate(f, 8))
	k.want(abi.EPERM, k.Fallocate(f, 0, 0, 9))
	k.ok(k.Ftruncate(f, 6))
	k.ok(f.AddSeals(abi.F_SEAL_SHRINK | abi.F_SEAL_WRITE))
	k.want(abi.EPERM, k.Ftruncate(f, 5))
	_, err = k.Pwrite(f, &fs.Bytes{B: []byte("1")}, 0)
	k.want(abi.EPERM, err)
	k.want(abi.EPERM, k.Fallocate(f, abi.FALLOC_FL_PUNCH_HOLE|abi.FALLOC_FL_KEEP_SIZE, 0, 1))
	if !f.Inode().WriteSealed() {
		t.Error("F_SEAL_WRITE does not keep mappings from being written")
	}
	k.ok(f.AddSeals(abi.F_SEAL_SEAL))
	k.want(abi.EPERM, f.AddSeals(abi.F_SEAL_GROW))
	if s, err := f.Seals(); s != abi.F_SEAL_SEAL|abi.F_SEAL_SHRINK|abi.F_SEAL_GROW|abi.F_SEAL_WRITE || err != nil {
		t.Errorf("seals %#x, %v", s, err)
	}
	if string(readBack(k, f, 0, 6)) != "cont12" {
		t.Error("the content is wrong")
	}
	f.Put()
	k.write("/f", "")
	g := k.open("/f", abi.O_RDWR)
	_, err = g.Seals()
	k.want(abi.EINVAL, err)
	g.Put()
}
