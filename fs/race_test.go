package fs_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"cleave/abi"
	"cleave/fs"
)

// crowd is tasks that work at the same time.
type crowd struct {
	k      *kit
	wg     sync.WaitGroup
	rounds int
}

// task starts a task that does f again and again.
func (w *crowd) task(f func(c *fs.Caller, i int)) {
	c := *w.k.Caller
	c.FS = w.k.FS.Copy()
	w.wg.Add(1)
	go func() {
		defer w.wg.Done()
		for i := range w.rounds {
			f(&c, i)
		}
		c.FS.Leave()
	}()
}

// must complains about errors that do not come from the others' work.
func (w *crowd) must(err error, allowed ...error) {
	if err != nil && !slices.Contains(allowed, err) {
		w.k.t.Errorf("unexpected %v", err)
	}
}

// TestManyTasks has tasks that do everything at once to the same few names. Nothing may be lost: the counts at the end
// of newKit tell.
func TestManyTasks(t *testing.T) {
	k := newKit(t)
	k.mkdir("/a", "/a/b", "/c", "/m")
	k.mount("none", "/m", "tmpfs", 0)
	k.mount("", "/m", "", abi.MS_SHARED)
	w := &crowd{k: k, rounds: 60}
	if testing.Short() {
		w.rounds = 20
	}
	for n := range 2 {
		w.task(w.files)
		w.task(func(c *fs.Caller, i int) {
			from, to := "/a/b", "/c/b"
			if i%2 == n {
				from, to = to, from
			}
			w.must(c.Renameat(cwd, []byte(from), cwd, []byte(to), 0), abi.ENOENT, abi.ENOTEMPTY)
			var a fs.Attr
			w.must(c.Stat(cwd, []byte("/a/b/../b/f1"), 0, &a), abi.ENOENT)
		})
		w.task(w.mounts)
		w.task(w.namespaces)
	}
	w.wg.Wait()
	for k.line("/m") != "" {
		k.ok(k.umount("/m", abi.MNT_DETACH))
	}
}

// A file that is unlinked as soon as it is made is there for who made it, and gone once.
func TestCreateAgainstUnlink(t *testing.T) {
	k := newKit(t)
	w := &crowd{k: k, rounds: 3000}
	if testing.Short() {
		w.rounds = 300
	}
	name := []byte("/f")
	for range 2 {
		w.task(func(c *fs.Caller, _ int) {
			f, err := c.Open(cwd, name, fs.OpenHow{Flags: abi.O_CREAT | abi.O_RDWR, Mode: 0o600})
			w.must(err)
			if err == nil {
				f.Put()
			}
		})
		w.task(func(c *fs.Caller, _ int) { w.must(c.Unlinkat(cwd, name, 0), abi.ENOENT) })
	}
	w.wg.Wait()
	w.must(k.Unlinkat(cwd, name, 0), abi.ENOENT)
}

// files makes, fills, cuts and removes a file.
func (w *crowd) files(c *fs.Caller, i int) {
	name := fmt.Appendf(nil, "/a/b/f%d", i%3)
	f, err := c.Open(cwd, name, fs.OpenHow{Flags: abi.O_CREAT | abi.O_RDWR, Mode: 0o600})
	w.must(err, abi.ENOENT)
	if err == nil {
		_, err = c.Write(f, &fs.Bytes{B: make([]byte, 5000)})
		w.must(err)
		w.must(c.Ftruncate(f, int64(i)))
		f.Put()
	}
	w.must(c.Unlinkat(cwd, name, 0), abi.ENOENT)
}

// mounts makes, covers, uncovers and removes a directory.
func (w *crowd) mounts(c *fs.Caller, i int) {
	dir := fmt.Appendf(nil, "/m/d%d", i%2)
	w.must(c.Mkdirat(cwd, dir, 0o755), abi.EEXIST)
	w.must(c.Mount(nil, dir, "tmpfs", 0, ""), abi.ENOENT, abi.EINVAL)
	w.must(c.Umount(dir, abi.MNT_DETACH), abi.ENOENT, abi.EINVAL)
	w.must(c.Unlinkat(cwd, dir, abi.AT_REMOVEDIR), abi.ENOENT, abi.EBUSY, abi.ENOTEMPTY)
}

// namespaces makes a mount namespace, mounts in it, and leaves it.
func (w *crowd) namespaces(c *fs.Caller, _ int) {
	ctx := c.FS.Copy()
	ns, err := c.CopyMounts(c.Cred, ctx, nil)
	w.must(err)
	other := *c
	other.FS, other.Mounts = ctx, ns
	w.must(other.Mount(nil, []byte("/m"), "tmpfs", 0, ""))
	root := ctx.Root()
	ns.MountInfoText(nil, root, nil)
	root.Put()
	ctx.Leave()
	ns.Put()
}

// FuzzPaths walks whatever path it is given: no panic, and what is left in use is nothing.
func FuzzPaths(f *testing.F) {
	for _, p := range []string{"/a/b/../l/x", "//./..///a/", "l/l/l", "/loop/..", "", "a\x00b", "m/../m/f/"} {
		f.Add([]byte(p), []byte("target/.."), uint32(0))
	}
	f.Fuzz(func(t *testing.T, path, target []byte, flags uint32) {
		k := newKit(t)
		k.mkdir("/a", "/a/b", "/m")
		k.mount("none", "/m", "tmpfs", 0)
		k.write("/m/f", "")
		if len(target) > 0 && len(target) < abi.PathMax {
			k.ok(k.Symlinkat(target, cwd, []byte("/l")))
		}
		var a fs.Attr
		_ = k.Stat(cwd, path, flags, &a)
		_ = k.Mkdirat(cwd, path, 0o700)
		if file, err := k.Open(cwd, path, fs.OpenHow{Flags: flags &^ abi.O_ASYNC, Mode: 0o600, Resolve: flags >> 20}); err == nil {
			file.Put()
		}
		_ = k.Renameat(cwd, path, cwd, []byte("/a/b/new"), flags&3)
		_ = k.Linkat(cwd, []byte("/m/f"), cwd, path, 0)
		_ = k.Unlinkat(cwd, path, flags&abi.AT_REMOVEDIR)
		for k.line("/m") != "" {
			k.ok(k.umount("/m", abi.MNT_DETACH))
		}
	})
}
