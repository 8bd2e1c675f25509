package fs_test

import (
	"strings"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
)

// unshare gives k a copy of its mount namespace, as unshare(CLONE_NEWNS) does, in the user namespace of cred.
func (k *kit) unshare(cred *user.Cred) *kit {
	k.t.Helper()
	ctx := k.FS.Copy()
	n, err := k.CopyMounts(cred, ctx, nil)
	if err != nil {
		k.t.Fatalf("copy of the mount namespace: %v", err)
	}
	caller := *k.Caller
	caller.Cred, caller.FS, caller.Mounts = cred, ctx, n
	c := *k
	c.Caller = &caller
	return &c
}

// leave ends what unshare has made.
func (k *kit) leave() {
	k.FS.Leave()
	k.Mounts.Put()
}

func (k *kit) info() string {
	root := k.FS.Root()
	defer root.Put()
	return string(k.Mounts.MountInfoText(nil, root, nil))
}

// line returns the mountinfo line of a mount point, "" if there is none; the last one if they are stacked.
func (k *kit) line(path string) string {
	found := ""
	for l := range strings.Lines(k.info()) {
		if strings.Fields(l)[4] == path {
			found = strings.TrimSpace(l)
		}
	}
	return found
}

// propagation returns the optional fields of a mount.
func (k *kit) propagation(path string) string {
	f := strings.Fields(k.line(path))
	if len(f) < 7 {
		return "no mount"
	}
	i := 6
	for f[i] != "-" {
		i++
	}
	return strings.Join(f[6:i], " ")
}

func TestMountAndUmount(t *testing.T) {
	k := newKit(t)
	k.mkdir("/m", "/n")
	k.write("/m/below", "x")
	k.mount("none", "/m", "tmpfs", abi.MS_NOSUID)
	if k.exists("/m/below") {
		t.Error("the mount does not cover")
	}
	k.write("/m/file", "in the mount")
	if got := k.line("/m"); !strings.Contains(got, " / /m rw,nosuid,relatime - tmpfs none rw") {
		t.Errorf("mountinfo %q", got)
	}
	k.want(abi.EBUSY, k.Unlinkat(cwd, []byte("/m"), abi.AT_REMOVEDIR))
	k.want(abi.EBUSY, k.Renameat(cwd, []byte("/m"), cwd, []byte("/x"), 0))
	f := k.open("/m/file", abi.O_RDONLY)
	k.want(abi.EBUSY, k.umount("/m", 0))
	k.want(abi.EINVAL, k.umount("/n", 0))
	k.want(abi.EINVAL, k.umount("/m", 16))
	k.want(abi.EINVAL, k.umount("/m", abi.MNT_EXPIRE|abi.MNT_DETACH))
	k.want(abi.ENOENT, k.umount("/none", 0))
	k.want(abi.EPERM, k.as(1000).umount("/m", 0))
	k.ok(k.umount("/m", abi.MNT_DETACH))
	if k.line("/m") != "" || !k.exists("/m/below") {
		t.Error("the mount is still there")
	}
	if string(readBack(k, f, 0, 12)) != "in the mount" {
		t.Error("the open file is lost")
	}
	f.Put()
	k.want(abi.ENODEV, k.Mount(nil, []byte("/m"), "nofs", 0, ""))
	k.want(abi.EINVAL, k.Mount(nil, []byte("/m"), "", 0, ""))
	k.want(abi.EINVAL, k.Mount(nil, []byte("/m"), "tmpfs", 0, "junk=1"))
	k.want(abi.ENOENT, k.Mount(nil, []byte("/n/x"), "tmpfs", 0, ""))
	k.want(abi.EPERM, k.as(1000).Mount(nil, []byte("/m"), "tmpfs", 0, ""))
}

func TestExpire(t *testing.T) {
	k := newKit(t)
	k.mkdir("/m")
	k.mount("none", "/m", "tmpfs", 0)
	k.want(abi.EAGAIN, k.umount("/m", abi.MNT_EXPIRE))
	k.write("/m/used", "")
	k.want(abi.EAGAIN, k.umount("/m", abi.MNT_EXPIRE))
	k.ok(k.umount("/m", abi.MNT_EXPIRE))
	k.want(abi.EINVAL, k.umount("/", abi.MNT_EXPIRE))
}

func TestBind(t *testing.T) {
	k := newKit(t)
	k.mkdir("/a", "/a/sub", "/b", "/c")
	k.write("/a/f", "text")
	k.write("/target", "")
	k.mount("none", "/a/sub", "tmpfs", 0)
	k.write("/a/sub/deep", "1")
	k.mount("/a", "/b", "", abi.MS_BIND)
	if k.read("/b/f") != "text" || k.exists("/b/sub/deep") {
		t.Error("a bind without MS_REC is wrong")
	}
	k.mount("/a", "/c", "", abi.MS_BIND|abi.MS_REC)
	if k.read("/c/sub/deep") != "1" {
		t.Error("a bind with MS_REC left the submount out")
	}
	k.mount("/a/f", "/target", "", abi.MS_BIND)
	if k.read("/target") != "text" {
		t.Error("a bound file")
	}
	k.want(abi.ENOTDIR, k.Mount([]byte("/a/f"), []byte("/b"), "", abi.MS_BIND, ""))
	k.want(abi.ENOTDIR, k.Mount([]byte("/a"), []byte("/target"), "", abi.MS_BIND, ""))
	k.want(abi.EINVAL, k.Mount(nil, []byte("/b"), "", abi.MS_BIND, ""))
	k.want(abi.EXDEV, k.Linkat(cwd, []byte("/a/f"), cwd, []byte("/b/g"), 0))
	k.want(abi.EXDEV, k.Renameat(cwd, []byte("/a/f"), cwd, []byte("/b/g"), 0))
	k.ok(k.Mount(nil, []byte("/b"), "", abi.MS_REMOUNT|abi.MS_BIND|abi.MS_RDONLY, ""))
	k.want(abi.EROFS, k.tryOpen("/b/new", abi.O_CREAT|abi.O_WRONLY))
	k.want(abi.EROFS, k.tryOpen("/b/f", abi.O_WRONLY))
	k.want(abi.EROFS, k.Unlinkat(cwd, []byte("/b/f"), 0))
	k.ok(k.tryOpen("/a/f", abi.O_WRONLY))
	if !strings.Contains(k.line("/b"), " /a /b ro,relatime") {
		t.Errorf("mountinfo %q", k.line("/b"))
	}
	f := k.open("/c/f", abi.O_WRONLY)
	k.want(abi.EBUSY, k.Mount(nil, []byte("/c"), "", abi.MS_REMOUNT|abi.MS_BIND|abi.MS_RDONLY, ""))
	f.Put()
	k.ok(k.umount("/target", 0))
	for _, m := range []string{"/b", "/c", "/a/sub"} {
		k.ok(k.umount(m, abi.MNT_DETACH))
	}
}

// TestBoundFileOutlivesItsName: what is mounted stays, even when its last name goes.
func TestBoundFileOutlivesItsName(t *testing.T) {
	k := newKit(t)
	k.write("/f", strings.Repeat("text", 3000))
	k.write("/at", "")
	k.mount("/f", "/at", "", abi.MS_BIND)
	o := k.unshare(k.Cred)
	k.ok(k.Unlinkat(cwd, []byte("/f"), 0))
	if !strings.Contains(k.line("/at"), " /f//deleted /at ") {
		t.Errorf("mountinfo %q", k.line("/at"))
	}
	k.ok(k.umount("/at", 0))
	if o.read("/at") != strings.Repeat("text", 3000) {
		t.Error("the content is gone")
	}
	o.leave()
	if n := k.v.Pool.Stats().InUse(); n != 0 {
		t.Errorf("%d frames after the last mount", n)
	}
}

func TestMove(t *testing.T) {
	k := newKit(t)
	k.mkdir("/a", "/b", "/d")
	k.mount("none", "/a", "tmpfs", 0)
	k.mkdir("/a/in")
	k.write("/a/f", "1")
	move := func(from, to string) error { return k.Mount([]byte(from), []byte(to), "", abi.MS_MOVE, "") }
	k.want(abi.EINVAL, move("/b", "/d"))
	k.want(abi.ELOOP, move("/a", "/a/in"))
	k.want(abi.EINVAL, move("/a", "/a/f"))
	k.ok(move("/a", "/b"))
	if k.read("/b/f") != "1" || k.exists("/a/f") || len(k.ls("/a")) != 0 {
		t.Error("the mount has not moved")
	}
	k.mount("", "/", "", abi.MS_SHARED)
	k.want(abi.EINVAL, move("/b", "/d"))
	k.mount("", "/", "", abi.MS_PRIVATE)
	k.mount("/d", "/d", "", abi.MS_BIND)
	k.mkdir("/d/x")
	k.mount("", "/d", "", abi.MS_SHARED)
	k.mount("", "/b", "", abi.MS_UNBINDABLE)
	k.want(abi.EINVAL, move("/b", "/d/x"))
	k.want(abi.EINVAL, k.Mount([]byte("/b"), []byte("/d/x"), "", abi.MS_BIND, ""))
}

func TestChangeOfType(t *testing.T) {
	k := newKit(t)
	k.mkdir("/m")
	k.mount("none", "/m", "tmpfs", 0)
	change := func(flags uint32) error { return k.Mount(nil, []byte("/m"), "", flags, "") }
	k.want(abi.EINVAL, change(abi.MS_SHARED|abi.MS_SLAVE))
	k.want(abi.EINVAL, change(abi.MS_SHARED|abi.MS_RDONLY))
	k.mkdir("/m/sub")
	k.want(abi.EINVAL, k.Mount(nil, []byte("/m/sub"), "", abi.MS_SHARED, ""))
	k.ok(change(abi.MS_SHARED | abi.MS_REC | abi.MS_SILENT))
	if p := k.propagation("/m"); !strings.HasPrefix(p, "shared:") {
		t.Errorf("%q", p)
	}
	k.ok(change(abi.MS_SLAVE)) // no peers: private
	if p := k.propagation("/m"); p != "" {
		t.Errorf("%q", p)
	}
	k.ok(change(abi.MS_UNBINDABLE))
	if p := k.propagation("/m"); p != "unbindable" {
		t.Errorf("%q", p)
	}
	k.ok(change(abi.MS_SHARED))
	k.ok(change(abi.MS_PRIVATE))
	if p := k.propagation("/m"); p != "" {
		t.Errorf("%q", p)
	}
}

// TestPropagation is the example of a shared and a slave namespace of mount_namespaces(7).
func TestPropagation(t *testing.T) {
	k := newKit(t)
	k.mkdir("/x", "/y")
	k.mount("none", "/x", "tmpfs", 0)
	k.mount("none", "/y", "tmpfs", 0)
	k.mkdir("/x/a", "/y/b")
	k.mount("", "/x", "", abi.MS_SHARED)
	k.mount("", "/y", "", abi.MS_SHARED)
	o := k.unshare(k.Cred)
	o.mount("", "/y", "", abi.MS_SLAVE)
	k.mount("none", "/x/a", "tmpfs", 0)
	k.mount("none", "/y/b", "tmpfs", 0)
	if o.line("/x/a") == "" || o.line("/y/b") == "" {
		t.Errorf("the events did not come:\n%s", o.info())
	}
	if p := o.propagation("/x/a"); p != k.propagation("/x/a") || !strings.HasPrefix(p, "shared:") {
		t.Errorf("/x/a: %q and %q", p, k.propagation("/x/a"))
	}
	if p := o.propagation("/y/b"); !strings.HasPrefix(p, "master:") {
		t.Errorf("/y/b: %q", p)
	}
	o.mkdir("/x/c", "/y/d")
	o.mount("none", "/x/c", "tmpfs", 0)
	o.mount("none", "/y/d", "tmpfs", 0)
	if k.line("/x/c") == "" || k.line("/y/d") != "" {
		t.Errorf("from the slave:\n%s", k.info())
	}
	k.ok(k.umount("/x/a", 0))
	k.ok(k.umount("/y/b", 0))
	if o.line("/x/a") != "" || o.line("/y/b") != "" {
		t.Errorf("the unmounting did not come:\n%s", o.info())
	}
	o.ok(o.umount("/x/c", 0))
	if k.line("/x/c") != "" {
		t.Error("the unmounting did not go back")
	}
	o.leave()
}

// TestSlaveOfSlave has a chain: shared, slave that is shared again, slave of that.
func TestSlaveOfSlave(t *testing.T) {
	k := newKit(t)
	k.mkdir("/a", "/b", "/c", "/d")
	k.mount("none", "/a", "tmpfs", 0)
	k.mkdir("/a/x")
	k.mount("", "/a", "", abi.MS_SHARED)
	k.mount("/a", "/b", "", abi.MS_BIND)
	k.mount("", "/b", "", abi.MS_SLAVE)
	k.mount("", "/b", "", abi.MS_SHARED)
	k.mount("/b", "/c", "", abi.MS_BIND)
	k.mount("/b", "/d", "", abi.MS_BIND)
	k.mount("", "/d", "", abi.MS_SLAVE)
	if p := k.propagation("/b"); !strings.HasPrefix(p, "shared:") || !strings.Contains(p, " master:") {
		t.Errorf("/b: %q", p)
	}
	k.mount("none", "/a/x", "tmpfs", 0)
	k.write("/a/x/f", "1")
	for _, m := range []string{"/b/x", "/c/x", "/d/x"} {
		if !k.exists(m + "/f") {
			t.Errorf("nothing at %s", m)
		}
	}
	if k.propagation("/b/x") != k.propagation("/c/x") || k.propagation("/b/x") == k.propagation("/a/x") {
		t.Errorf("groups:\n%s", k.info())
	}
	if p := k.propagation("/d/x"); strings.Contains(p, "shared") || !strings.HasPrefix(p, "master:") {
		t.Errorf("/d/x: %q", p)
	}
	f := k.open("/c/x/f", 0)
	k.want(abi.EBUSY, k.umount("/a/x", 0))
	f.Put()
	k.ok(k.umount("/a/x", 0))
	for _, m := range []string{"/a/x", "/b/x", "/c/x", "/d/x"} {
		if k.line(m) != "" {
			t.Errorf("%s is still mounted", m)
		}
	}
}

func TestRecursiveBindPrunesUnbindable(t *testing.T) {
	k := newKit(t)
	k.mkdir("/a", "/a/p", "/a/u", "/b")
	k.mount("none", "/a/p", "tmpfs", 0)
	k.mount("none", "/a/u", "tmpfs", 0)
	k.mount("", "/a/u", "", abi.MS_UNBINDABLE)
	k.mount("/a", "/b", "", abi.MS_BIND|abi.MS_REC)
	if k.line("/b/p") == "" || k.line("/b/u") != "" {
		t.Errorf("%s", k.info())
	}
	o := k.unshare(k.Cred)
	if o.line("/a/u") == "" {
		t.Error("a copied namespace lacks the unbindable mount")
	}
	o.leave()
}

func TestStackedMounts(t *testing.T) {
	k := newKit(t)
	k.mkdir("/m")
	for _, name := range []string{"one", "two"} {
		k.mount("none", "/m", "tmpfs", 0)
		k.write("/m/"+name, "")
	}
	if !k.exists("/m/two") || k.exists("/m/one") {
		t.Error("not the upper mount is seen")
	}
	k.ok(k.Chdir([]byte("/m")))
	if k.stat("..").Ino != k.stat("/").Ino {
		t.Error(".. of a stacked mount is not the parent")
	}
	k.ok(k.Chdir([]byte("/")))
	k.ok(k.umount("/m", 0))
	if !k.exists("/m/one") {
		t.Error("the lower mount is not seen")
	}
	k.ok(k.umount("/m", 0))
}

func TestNamespacesAreSeparate(t *testing.T) {
	k := newKit(t)
	k.mkdir("/m", "/desk")
	k.ok(k.Chdir([]byte("/desk")))
	o := k.unshare(k.Cred)
	o.mount("none", "/m", "tmpfs", 0)
	o.write("/m/f", "")
	if k.exists("/m/f") || k.line("/m") != "" {
		t.Error("a mount in the copy is seen in the original")
	}
	// root and cwd of the copy are in its own mounts: a mount over cwd's parent is seen by relative names.
	o.mkdir("here")
	o.mount("none", "here", "tmpfs", 0)
	o.write("here/g", "")
	if k.exists("/desk/here/g") || !o.exists("/desk/here/g") {
		t.Error("the working directory of the copy is in the old mounts")
	}
	// A mount point of another namespace can be removed; the mount goes with it.
	k.ok(k.Unlinkat(cwd, []byte("/m"), abi.AT_REMOVEDIR))
	if o.exists("/m") || o.line("/m") != "" {
		t.Error("the mount on the removed directory stays")
	}
	o.want(abi.EBUSY, o.Unlinkat(cwd, []byte("/desk/here"), abi.AT_REMOVEDIR))
	o.leave()
}

func TestPivotRoot(t *testing.T) {
	k := newKit(t)
	k.mkdir("/new", "/other", "/other/old")
	o := k.unshare(k.Cred)
	o.want(abi.EBUSY, o.PivotRoot([]byte("/new"), []byte("/new")))
	o.mount("none", "/new", "tmpfs", 0)
	o.mkdir("/new/old")
	o.write("/new/here", "")
	o.write("/new/file", "")
	o.want(abi.EBUSY, o.PivotRoot([]byte("/"), []byte("/new/old")))
	o.want(abi.EBUSY, o.PivotRoot([]byte("/new"), []byte("/other")))
	o.want(abi.ENOTDIR, o.PivotRoot([]byte("/new/file"), []byte("/new/old")))
	o.want(abi.ENOENT, o.PivotRoot([]byte("/new"), []byte("/new/none")))
	o.want(abi.EPERM, o.as(1000).PivotRoot([]byte("/new"), []byte("/new/old")))
	o.mount("", "/new", "", abi.MS_SHARED)
	o.want(abi.EINVAL, o.PivotRoot([]byte("/new"), []byte("/new/old")))
	o.mount("", "/new", "", abi.MS_PRIVATE)
	// Another task of the namespace, with its root there and its working directory elsewhere.
	other := *o.Caller
	other.FS = o.FS.Copy()
	o.ok(o.PivotRoot([]byte("/new"), []byte("/new/old")))
	if !o.exists("/here") || !o.exists("/old/new") {
		t.Errorf("after pivot_root:\n%s", o.info())
	}
	var a fs.Attr
	if err := other.Stat(cwd, []byte("/here"), 0, &a); err != nil {
		t.Errorf("the other task's root did not move: %v", err)
	}
	if k.exists("/here") {
		t.Error("the first namespace has changed")
	}
	other.FS.Leave()
	o.ok(o.umount("/old", abi.MNT_DETACH))
	o.leave()
}

func TestPivotRootDotDot(t *testing.T) {
	k := newKit(t)
	k.mkdir("/new")
	k.write("/marker", "")
	o := k.unshare(k.Cred)
	o.mount("none", "/new", "tmpfs", 0)
	o.write("/new/here", "")
	o.ok(o.Chdir([]byte("/new")))
	o.ok(o.PivotRoot([]byte("."), []byte(".")))
	o.ok(o.umount(".", abi.MNT_DETACH))
	if !o.exists("/here") || o.exists("/marker") {
		t.Errorf("after pivot_root(., .):\n%s", o.info())
	}
	if n := o.Mounts.Count(); n != 2 { // the invisible bottom, and the new root
		t.Errorf("%d mounts are left:\n%s", n, o.info())
	}
	o.leave()
}
