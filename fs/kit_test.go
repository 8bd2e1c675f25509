package fs_test

import (
	"slices"
	"sync/atomic"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/tmpfs"
	"cleave/mm/frame"
	"cleave/ns/user"
)

const cwd = abi.AT_FDCWD

// kit is a VFS with a root and a task, and the counts that must be the same at the end of the test.
type kit struct {
	*fs.Caller
	t    testing.TB
	v    *fs.VFS
	root *tmpfs.FS
	ns   *user.Namespace
}

func newKit(t testing.TB) *kit {
	t.Helper()
	k := &kit{t: t}
	var clock atomic.Int64 // each reading is later than the one before
	clock.Store(1e18)
	pool := frame.NewArena(4096)
	k.v = fs.New(pool, func() int64 { return clock.Add(1) })
	k.ns = user.NewInitial()
	tmpfs.Register(k.v, k.ns)
	k.root = tmpfs.New(k.v, "rootfs", k.ns)
	mounts := k.v.NewMountNamespace(k.root.Superblock(), k.ns)
	k.Caller = &fs.Caller{VFS: k.v, Cred: user.NewRoot(k.ns), Files: fs.NewFDTable(), Mounts: mounts}
	top := mounts.Root()
	k.FS = k.v.NewContext(top, 0o022)
	top.Put()
	t.Cleanup(func() {
		k.FS.Leave()
		k.Files.Leave()
		mounts.Put()
		if n := pool.Stats().InUse(); n != 0 {
			t.Errorf("%d frames are still in use at the end", n)
		}
		if n := k.root.Inodes(); n != 0 {
			t.Errorf("%d inodes of the root are left at the end", n)
		}
		if n := k.root.Pages(); n != 0 {
			t.Errorf("%d pages of the root are counted at the end", n)
		}
	})
	return k
}

// as returns another task: the same context and mounts, other credentials.
func (k *kit) as(uid user.KUID) *kit {
	c := k.Cred.Copy()
	c.UID, c.EUID, c.SUID, c.FSUID = uid, uid, uid, uid
	c.GID, c.EGID, c.SGID, c.FSGID = user.KGID(uid), user.KGID(uid), user.KGID(uid), user.KGID(uid)
	if uid != 0 {
		c.Effective, c.Permitted = 0, 0
	}
	caller := *k.Caller
	caller.Cred = c
	n := *k
	n.Caller = &caller
	return &n
}

func (k *kit) ok(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) want(want, err error) {
	k.t.Helper()
	if err != want {
		k.t.Errorf("got %v, want %v", err, want)
	}
}

func (k *kit) mkdir(paths ...string) {
	k.t.Helper()
	for _, p := range paths {
		if err := k.Mkdirat(cwd, []byte(p), 0o755); err != nil {
			k.t.Fatalf("mkdir %s: %v", p, err)
		}
	}
}

func (k *kit) open(path string, flags uint32) *fs.File {
	k.t.Helper()
	f, err := k.Open(cwd, []byte(path), fs.OpenHow{Flags: flags, Mode: 0o644})
	if err != nil {
		k.t.Fatalf("open %s: %v", path, err)
	}
	return f
}

func (k *kit) tryOpen(path string, flags uint32) error {
	f, err := k.Open(cwd, []byte(path), fs.OpenHow{Flags: flags, Mode: 0o644})
	if err == nil {
		f.Put()
	}
	return err
}

func (k *kit) write(path, text string) {
	k.t.Helper()
	f := k.open(path, abi.O_CREAT|abi.O_WRONLY|abi.O_TRUNC)
	n, err := k.Write(f, &fs.Bytes{B: []byte(text)})
	if n != len(text) || err != nil && n < len(text) {
		k.t.Fatalf("write %s: %d, %v", path, n, err)
	}
	f.Put()
}

func (k *kit) read(path string) string {
	k.t.Helper()
	f := k.open(path, abi.O_RDONLY)
	defer f.Put()
	var out []byte
	for {
		b := fs.Bytes{B: make([]byte, 5000)}
		n, err := k.Read(f, &b)
		if err != nil {
			k.t.Fatalf("read %s: %v", path, err)
		}
		if n == 0 {
			return string(out)
		}
		whole := make([]byte, 0, n)
		_ = whole
		out = append(out, readBack(k, f, int64(len(out)), n)...)
	}
}

// readBack reads n bytes at off with pread.
func readBack(k *kit, f *fs.File, off int64, n int) []byte {
	p := make([]byte, n)
	got, err := k.Pread(f, &fs.Bytes{B: p}, off)
	if err != nil || got != n {
		k.t.Fatalf("pread: %d, %v", got, err)
	}
	return p
}

func (k *kit) stat(path string) fs.Attr {
	k.t.Helper()
	var a fs.Attr
	if err := k.Stat(cwd, []byte(path), abi.AT_SYMLINK_NOFOLLOW, &a); err != nil {
		k.t.Fatalf("stat %s: %v", path, err)
	}
	return a
}

func (k *kit) exists(path string) bool {
	var a fs.Attr
	return k.Stat(cwd, []byte(path), abi.AT_SYMLINK_NOFOLLOW, &a) == nil
}

// names collects the entries of a directory.
type names struct {
	list []string
	room int // how many more; negative: any number
}

func (n *names) Entry(name []byte, _ uint64, _ uint8, _ int64) bool {
	if n.room == 0 {
		return false
	}
	n.room--
	n.list = append(n.list, string(name))
	return true
}

func (k *kit) ls(path string) []string {
	k.t.Helper()
	f := k.open(path, abi.O_RDONLY|abi.O_DIRECTORY)
	defer f.Put()
	n := names{room: -1}
	k.ok(k.ReadDir(f, &n))
	list := n.list[2:]
	slices.Sort(list)
	return list
}

func (k *kit) mount(source, target, fstype string, flags uint32) {
	k.t.Helper()
	if err := k.Mount([]byte(source), []byte(target), fstype, flags, ""); err != nil {
		k.t.Fatalf("mount %s on %s: %v", source, target, err)
	}
}

func (k *kit) umount(target string, flags uint32) error { return k.Umount([]byte(target), flags) }
