package fs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cleave/abi"
	"cleave/fs"
)

func TestFilesAndDirectories(t *testing.T) {
	k := newKit(t)
	k.mkdir("/a", "/a/b", "/a/b/c")
	k.write("/a/b/c/file", "hello")
	if got := k.read("/a/b/c/file"); got != "hello" {
		t.Errorf("read %q", got)
	}
	if got := k.ls("/a/b"); !slices.Equal(got, []string{"c"}) {
		t.Errorf("ls: %v", got)
	}
	if a := k.stat("/a"); a.Nlink != 3 || a.Mode != abi.S_IFDIR|0o755 {
		t.Errorf("stat /a: %+v", a)
	}
	k.want(abi.ENOTEMPTY, k.Unlinkat(cwd, []byte("/a/b"), abi.AT_REMOVEDIR))
	k.want(abi.EISDIR, k.Unlinkat(cwd, []byte("/a/b/c"), 0))
	k.want(abi.ENOTDIR, k.Unlinkat(cwd, []byte("/a/b/c/file"), abi.AT_REMOVEDIR))
	k.ok(k.Unlinkat(cwd, []byte("/a/b/c/file"), 0))
	k.ok(k.Unlinkat(cwd, []byte("/a/b/c/"), abi.AT_REMOVEDIR))
	if k.exists("/a/b/c") {
		t.Error("the removed directory is there")
	}
}

func TestPathErrors(t *testing.T) {
	k := newKit(t)
	k.mkdir("/d")
	k.write("/f", "x")
	k.ok(k.Symlinkat([]byte("d"), cwd, []byte("/l")))
	k.ok(k.Symlinkat([]byte("nowhere"), cwd, []byte("/dangling")))
	k.ok(k.Symlinkat([]byte("loop"), cwd, []byte("/loop")))
	long := strings.Repeat("n", 256)
	var a fs.Attr
	for _, c := range []struct {
		path  string
		flags uint32
		want  error
	}{
		{"", 0, abi.ENOENT}, {"/f/", 0, abi.ENOTDIR}, {"/f/x", 0, abi.ENOTDIR}, {"/none/x", 0, abi.ENOENT},
		{"/" + long, 0, abi.ENAMETOOLONG}, {strings.Repeat("/x", 2048), 0, abi.ENAMETOOLONG},
		{"/" + long[:255], 0, abi.ENOENT}, {"/loop", 0, abi.ELOOP}, {"/loop", abi.AT_SYMLINK_NOFOLLOW, nil},
		{"/loop/", abi.AT_SYMLINK_NOFOLLOW, abi.ELOOP}, {"/dangling", 0, abi.ENOENT},
		{"/dangling", abi.AT_SYMLINK_NOFOLLOW, nil}, {"/l/", abi.AT_SYMLINK_NOFOLLOW, nil}, {"/l/..", 0, nil},
		{"//d///.//../d", 0, nil}, {"/..", 0, nil}, {"/f/.", 0, abi.ENOTDIR}, {"/f/..", 0, abi.ENOTDIR}, {".", 0, nil},
	} {
		if err := k.Stat(cwd, []byte(c.path), c.flags, &a); err != c.want {
			t.Errorf("stat %.40q: %v, want %v", c.path, err, c.want)
		}
	}
	k.want(abi.EBADF, k.Stat(77, []byte("x"), 0, &a))
	k.ok(k.Stat(77, []byte("/f"), 0, &a))
	k.want(abi.EEXIST, k.Mkdirat(cwd, []byte("/"), 0))
	k.want(abi.EEXIST, k.Mkdirat(cwd, []byte("/dangling"), 0))
	k.want(abi.ENOENT, k.Mknodat(cwd, []byte("/new/"), abi.S_IFREG, 0))
	k.want(abi.EINVAL, k.Unlinkat(cwd, []byte("/d/."), abi.AT_REMOVEDIR))
	k.want(abi.ENOTEMPTY, k.Unlinkat(cwd, []byte("/d/.."), abi.AT_REMOVEDIR))
	k.want(abi.EBUSY, k.Unlinkat(cwd, []byte("/"), abi.AT_REMOVEDIR))
	k.want(abi.ENOTDIR, k.Unlinkat(cwd, []byte("/l"), abi.AT_REMOVEDIR))
}

func TestSymlinkDepth(t *testing.T) {
	k := newKit(t)
	k.write("/end", "")
	prev := "end"
	for i := range 41 {
		name := fmt.Sprintf("l%d", i)
		k.ok(k.Symlinkat([]byte(prev), cwd, []byte("/"+name)))
		prev = name
	}
	var a fs.Attr
	k.ok(k.Stat(cwd, []byte("/l39"), 0, &a))
	k.want(abi.ELOOP, k.Stat(cwd, []byte("/l40"), 0, &a))
}

func TestOpenFlags(t *testing.T) {
	k := newKit(t)
	k.mkdir("/d")
	k.write("/f", "data")
	k.ok(k.Symlinkat([]byte("/f"), cwd, []byte("/l")))
	k.ok(k.Symlinkat([]byte("/made"), cwd, []byte("/tomake")))
	for _, c := range []struct {
		path  string
		flags uint32
		want  error
	}{
		{"/f", abi.O_CREAT | abi.O_EXCL, abi.EEXIST}, {"/l", abi.O_CREAT | abi.O_EXCL, abi.EEXIST},
		{"/l", abi.O_NOFOLLOW, abi.ELOOP}, {"/l", abi.O_NOFOLLOW | abi.O_PATH, nil},
		{"/l", abi.O_NOFOLLOW | abi.O_DIRECTORY, abi.ENOTDIR}, {"/f", abi.O_DIRECTORY, abi.ENOTDIR},
		{"/d", abi.O_WRONLY, abi.EISDIR}, {"/d", abi.O_CREAT, abi.EISDIR}, {"/d", abi.O_RDONLY, nil},
		{"/d/.", abi.O_CREAT, abi.EISDIR}, {"/new/", abi.O_CREAT, abi.EISDIR}, {"/none", 0, abi.ENOENT},
		{"/d", abi.O_TRUNC, abi.EISDIR}, {"/tomake", abi.O_CREAT | abi.O_NOFOLLOW, abi.ELOOP},
		{"/tomake", abi.O_CREAT | abi.O_WRONLY, nil}, {"/d", abi.O_TMPFILE, abi.EINVAL}, {"/d", abi.O_TMPFILE | abi.O_RDWR, nil},
		{"/", abi.O_CREAT, abi.EISDIR}, {"", abi.O_CREAT, abi.ENOENT},
	} {
		if err := k.tryOpen(c.path, c.flags); err != c.want {
			t.Errorf("open %q %#o: %v, want %v", c.path, c.flags, err, c.want)
		}
	}
	if !k.exists("/made") {
		t.Error("open through a dangling link made nothing")
	}
	if k.read("/f") != "data" {
		t.Error("the file has changed")
	}
	k.ok(k.tryOpen("/f", abi.O_TRUNC|abi.O_WRONLY))
	if a := k.stat("/f"); a.Size != 0 || a.Blocks != 0 {
		t.Errorf("after O_TRUNC: %+v", a)
	}
}

func TestTemporaryFileGetsAName(t *testing.T) {
	k := newKit(t)
	f := k.open("/", abi.O_TMPFILE|abi.O_RDWR)
	fd, err := k.Files.Install(f, 100, false)
	k.ok(err)
	if f.Inode().Nlink() != 0 || len(k.ls("/")) != 0 {
		t.Error("the file has a name")
	}
	k.ok(k.Linkat(fd, nil, cwd, []byte("/named"), abi.AT_EMPTY_PATH))
	if a := k.stat("/named"); a.Nlink != 1 || a.Ino != f.Inode().Ino() {
		t.Errorf("%+v", a)
	}
}

func TestRename(t *testing.T) {
	k := newKit(t)
	mv := func(from, to string, flags uint32) error {
		return k.Renameat(cwd, []byte(from), cwd, []byte(to), flags)
	}
	k.mkdir("/a", "/a/b", "/c")
	k.write("/f", "1")
	k.write("/g", "2")
	k.want(abi.EINVAL, mv("/a", "/a/b/x", 0))
	k.want(abi.ENOTEMPTY, mv("/c", "/a", 0))
	k.want(abi.ENOTEMPTY, mv("/a/b", "/a", 0))
	k.want(abi.EISDIR, mv("/f", "/c", 0))
	k.want(abi.ENOTDIR, mv("/c", "/f", 0))
	k.want(abi.ENOENT, mv("/none", "/x", 0))
	k.want(abi.EEXIST, mv("/f", "/g", abi.RENAME_NOREPLACE))
	k.want(abi.ENOENT, mv("/f", "/none", abi.RENAME_EXCHANGE))
	k.want(abi.EBUSY, mv("/a/.", "/x", 0))
	k.want(abi.ENOTDIR, mv("/f/", "/x", 0))
	k.want(abi.ENOTDIR, mv("/f", "/x/", 0))
	k.ok(mv("/f", "/g", abi.RENAME_EXCHANGE))
	if k.read("/f") != "2" || k.read("/g") != "1" {
		t.Error("exchange did not exchange")
	}
	k.ok(mv("/f", "/g", 0))
	if k.read("/g") != "2" || k.exists("/f") {
		t.Error("rename did not replace")
	}
	k.ok(mv("/a/b", "/c", 0))
	if a := k.stat("/a"); a.Nlink != 2 || a.Size != 0 {
		t.Errorf("/a: %+v", a)
	}
	k.ok(mv("/g", "/c/h", 0))
	k.ok(mv("/c/h", "/c/h", 0))
	k.ok(mv("/c", "/a/c/", 0))
	if k.read("/a/c/h") != "2" {
		t.Error("the moved file is not where it should be")
	}
	k.ok(k.Linkat(cwd, []byte("/a/c/h"), cwd, []byte("/h2"), 0))
	k.ok(mv("/h2", "/a/c/h", 0)) // the same file: nothing happens
	if !k.exists("/h2") || k.stat("/h2").Nlink != 2 {
		t.Error("a rename to another link of the file removed something")
	}
}

func TestReadDirInPieces(t *testing.T) {
	k := newKit(t)
	k.mkdir("/d")
	want := []string{".", ".."}
	for i := range 100 {
		name := fmt.Sprintf("f%03d", i)
		want = append(want, name)
		k.write("/d/"+name, "")
	}
	f := k.open("/d", abi.O_RDONLY)
	var got []string
	for {
		n := names{room: 7}
		k.ok(k.ReadDir(f, &n))
		if len(n.list) == 0 {
			break
		}
		got = append(got, n.list...)
		if len(got) == 21 {
			k.ok(k.Unlinkat(cwd, []byte("/d/"+got[20]), 0)) // where the position is
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	_, err := f.Seek(0, abi.SEEK_SET)
	k.ok(err)
	n := names{room: -1}
	k.ok(k.ReadDir(f, &n))
	if len(n.list) != 101 {
		t.Errorf("after rewinding: %d entries", len(n.list))
	}
	f.Put()
}

func TestRemovedFileLivesWhileOpen(t *testing.T) {
	k := newKit(t)
	k.write("/f", strings.Repeat("x", 10000))
	f := k.open("/f", abi.O_RDONLY)
	k.ok(k.Unlinkat(cwd, []byte("/f"), 0))
	if got := readBack(k, f, 9000, 1000); string(got) != strings.Repeat("x", 1000) {
		t.Error("the content is gone")
	}
	root := k.FS.Root()
	if text := string(k.v.NamePath(nil, f.Path(), root)); text != "/f (deleted)" {
		t.Errorf("path %q", text)
	}
	root.Put()
	f.Put()
	if n := k.v.Pool.Stats().InUse(); n != 0 {
		t.Errorf("%d frames after the close", n)
	}
}
