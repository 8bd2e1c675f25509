package fs_test

import (
	"strconv"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/synth"
)

// TestNamesThatCanBeLookedUpAgain: the cache does not grow with every name that was ever used.
func TestNamesThatCanBeLookedUpAgain(t *testing.T) {
	k := newKit(t)
	k.mkdir("/m")
	evicted := 0
	file := &synth.Node{Mode: abi.S_IFREG | 0o444, Evict: func(*synth.Object) { evicted++ }}
	dir := &synth.Node{Mode: abi.S_IFDIR | 0o555, Lookup: func(_ *synth.Object, name []byte) (synth.Entry, error) {
		n, err := strconv.Atoi(string(name))
		if err != nil {
			return synth.Entry{}, abi.ENOENT
		}
		return synth.Entry{Node: file, Data: n, Ino: uint64(n) + 100}, nil
	}}
	typ := &fs.Type{Name: "numbers", Flags: fs.TypeNoDev}
	typ.Mount = func(r *fs.MountRequest) (*fs.Superblock, error) {
		return synth.New(k.v, synth.Config{Type: typ, Request: r, Root: synth.Entry{Node: dir}}).Superblock(), nil
	}
	k.v.Register(typ)
	k.mount("none", "/m", "numbers", 0)
	held := k.open("/m/3", abi.O_PATH)
	const names = fs.MaxLooseNames + 5000
	for n := range names {
		if a := k.stat("/m/" + strconv.Itoa(n)); a.Ino != uint64(n)+100 {
			t.Fatalf("inode %d of name %d", a.Ino, n)
		}
	}
	if n := k.v.LooseNames(); n > fs.MaxLooseNames || evicted != names-n {
		t.Errorf("%d names are kept, %d files evicted", n, evicted)
	}
	if p, err := k.Lookup(cwd, []byte("/m/3"), 0); err != nil || p.Dentry != held.Path().Dentry {
		t.Error("a name in use was forgotten")
	} else {
		p.Put()
	}
	held.Put()
	k.ok(k.umount("/m", 0))
	if evicted != names || k.v.LooseNames() != 0 {
		t.Errorf("after umount %d names are kept, %d files evicted", k.v.LooseNames(), evicted)
	}
}

func TestMoreOperations(t *testing.T) {
	k := newKit(t)
	k.write("/f", "0123456789")
	f := k.open("/f", abi.O_RDWR)
	k.ok(k.Fchown(f, 5, 6))
	k.ok(k.Futimens(f, fs.Times{Atime: 1, Mtime: 2}))
	k.ok(k.Truncate([]byte("/f"), 4))
	k.want(abi.EISDIR, k.Truncate([]byte("/"), 4))
	k.want(abi.EINVAL, k.Truncate([]byte("/f"), -1))
	if a := k.stat("/f"); a.UID != 5 || a.GID != 6 || a.Atime != 1 || a.Size != 4 {
		t.Errorf("%+v", a)
	}
	k.ok(k.Fallocate(f, 0, 0, 10_000))
	k.ok(k.Fallocate(f, abi.FALLOC_FL_KEEP_SIZE, 10_000, 10_000))
	k.ok(k.Fallocate(f, abi.FALLOC_FL_ZERO_RANGE, 2, 5000))
	k.want(abi.EINVAL, k.Fallocate(f, 0, -1, 5))
	k.want(abi.EOPNOTSUPP, k.Fallocate(f, abi.FALLOC_FL_PUNCH_HOLE, 0, 5))
	k.want(abi.EOPNOTSUPP, k.Fallocate(f, abi.FALLOC_FL_COLLAPSE_RANGE, 0, 4096))
	k.want(abi.EFBIG, k.Fallocate(f, 0, fs.MaxFileSize, 5))
	if a := k.stat("/f"); a.Size != 10_000 || a.Blocks != 5*8 {
		t.Errorf("after fallocate: %+v", a)
	}
	if got := readBack(k, f, 0, 4); string(got) != "01\x00\x00" {
		t.Errorf("%q", got)
	}
	k.ok(f.Fsync(true))
	k.ok(k.v.Sync())
	var s fs.Statfs
	k.ok(f.Statfs(&s))
	if s.Type != abi.TMPFS_MAGIC || s.Namelen != 255 {
		t.Errorf("%+v", s)
	}
	k.ok(k.Symlinkat([]byte("f"), cwd, []byte("/l")))
	b := make([]byte, 10)
	if n, err := k.Readlinkat(cwd, []byte("/l"), &fs.Bytes{B: b}); n != 1 || err != nil || b[0] != 'f' {
		t.Errorf("readlink: %d, %v", n, err)
	}
	_, err := k.Readlinkat(cwd, []byte("/f"), &fs.Bytes{B: b})
	k.want(abi.EINVAL, err)
	k.want(abi.ENOTDIR, k.Fchdir(f))
	f.Put()
}

func TestRemovedDirectory(t *testing.T) {
	k := newKit(t)
	k.mkdir("/d")
	d := k.open("/d", abi.O_RDONLY)
	k.ok(k.Fchdir(d))
	got, err := k.Getcwd(nil)
	k.ok(err)
	k.ok(k.Unlinkat(cwd, []byte("/d"), abi.AT_REMOVEDIR))
	if _, err := k.Getcwd(nil); string(got) != "/d" || err != abi.ENOENT {
		t.Errorf("getcwd: %q, %v after the removal", got, err)
	}
	k.want(abi.ENOENT, k.Mkdirat(cwd, []byte("x"), 0o755))
	k.want(abi.ENOENT, k.ReadDir(d, &names{room: -1}))
	d.Put()
	k.ok(k.Chdir([]byte("/")))
}

func TestDevicesAndSockets(t *testing.T) {
	k := newKit(t)
	if dev := fs.DecodeDev(0x12345); dev.Encode() != 0x12345 || fs.MakeDev(8, 300).Encode() != 0x10082c {
		t.Error("device numbers")
	}
	if p, err := k.MakeSocket([]byte("/sock"), 0o777); err != nil || p.Inode().Type() != abi.S_IFSOCK {
		t.Errorf("socket: %v", err)
	} else {
		p.Put()
	}
	_, err := k.MakeSocket([]byte("/sock"), 0o777)
	k.want(abi.EADDRINUSE, err)
	k.want(abi.ENXIO, k.tryOpen("/sock", abi.O_RDWR))
}
