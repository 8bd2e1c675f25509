package fs_test

import (
	"strings"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
)

// fd installs a file.
func (k *kit) fd(f *fs.File, err error) int {
	k.t.Helper()
	k.ok(err)
	n, err := k.Files.Install(f, 100, false)
	k.ok(err)
	return n
}

func TestFsopenFsmountMoveMount(t *testing.T) {
	k := newKit(t)
	k.mkdir("/m")
	_, err := k.Fsopen("nofs", 0)
	k.want(abi.ENODEV, err)
	_, err = k.as(1000).Fsopen("tmpfs", 0)
	k.want(abi.EPERM, err)
	ctx, err := k.Fsopen("tmpfs", 0)
	k.ok(err)
	_, err = k.Fsmount(ctx, 0, 0)
	k.want(abi.EINVAL, err)
	k.ok(k.Fsconfig(ctx, abi.FSCONFIG_SET_STRING, "source", "mem"))
	k.ok(k.Fsconfig(ctx, abi.FSCONFIG_SET_STRING, "size", "64k"))
	k.want(abi.EOPNOTSUPP, k.Fsconfig(ctx, 99, "x", ""))
	k.ok(k.Fsconfig(ctx, abi.FSCONFIG_CMD_CREATE, "", ""))
	k.want(abi.EBUSY, k.Fsconfig(ctx, abi.FSCONFIG_CMD_CREATE, "", ""))
	fd := k.fd(k.Fsmount(ctx, 0, abi.MOUNT_ATTR_NOEXEC))
	ctx.Put()
	k.ok(k.Mkdirat(fd, []byte("dir"), 0o700)) // a detached tree can be used
	k.ok(k.MoveMount(fd, nil, cwd, []byte("/m"), abi.MOVE_MOUNT_F_EMPTY_PATH))
	if got := k.line("/m"); !strings.Contains(got, "rw,noexec,relatime - tmpfs mem rw,size=64k") || !k.exists("/m/dir") {
		t.Errorf("mountinfo %q", got)
	}
	k.ok(k.Files.Close(fd)) // it does not take the mount with it now
	if !k.exists("/m/dir") {
		t.Error("closing the descriptor unmounted")
	}
	pick, err := k.Fspick(cwd, []byte("/m"), 0)
	k.ok(err)
	k.ok(k.Fsconfig(pick, abi.FSCONFIG_SET_FLAG, "ro", ""))
	k.ok(k.Fsconfig(pick, abi.FSCONFIG_CMD_RECONFIGURE, "", ""))
	pick.Put()
	k.want(abi.EROFS, k.tryOpen("/m/x", abi.O_CREAT))
	k.ok(k.umount("/m", 0))
}

func TestOpenTree(t *testing.T) {
	k := newKit(t)
	k.mkdir("/a", "/a/b", "/m")
	k.mount("none", "/a/b", "tmpfs", 0)
	k.write("/a/b/f", "1")
	_, err := k.OpenTree(cwd, []byte("/a"), abi.AT_RECURSIVE)
	k.want(abi.EINVAL, err)
	_, err = k.as(1000).OpenTree(cwd, []byte("/a"), abi.OPEN_TREE_CLONE)
	k.want(abi.EPERM, err)
	fd := k.fd(k.OpenTree(cwd, []byte("/a"), abi.OPEN_TREE_CLONE|abi.AT_RECURSIVE))
	if n := k.Mounts.Count(); n != 3 {
		t.Errorf("%d mounts in the namespace", n)
	}
	k.ok(k.MoveMount(fd, nil, cwd, []byte("/m"), abi.MOVE_MOUNT_F_EMPTY_PATH))
	if k.read("/m/b/f") != "1" {
		t.Error("the copied tree is wrong")
	}
	k.ok(k.Files.Close(fd))
	// A tree that is not moved anywhere goes with its descriptor.
	fd = k.fd(k.OpenTree(cwd, []byte("/a"), abi.OPEN_TREE_CLONE))
	var a fs.Attr
	k.ok(k.Stat(fd, []byte("b"), 0, &a))
	k.want(abi.ENOENT, k.Stat(fd, []byte("b/f"), 0, &a))
	k.ok(k.Files.Close(fd))
	k.ok(k.umount("/m", abi.MNT_DETACH))
	k.ok(k.umount("/a/b", 0))
}

func TestMountSetattr(t *testing.T) {
	k := newKit(t)
	k.mkdir("/a")
	k.mount("none", "/a", "tmpfs", 0)
	k.mkdir("/a/b")
	k.mount("none", "/a/b", "tmpfs", 0)
	set := func(flags uint32, a fs.MountAttr) error { return k.MountSetattr(cwd, []byte("/a"), flags, a) }
	k.want(abi.EINVAL, set(0, fs.MountAttr{Set: abi.MOUNT_ATTR_NOATIME}))
	k.want(abi.EINVAL, set(0, fs.MountAttr{Set: 1 << 40}))
	k.want(abi.EINVAL, set(0, fs.MountAttr{Propagation: abi.MS_SHARED | abi.MS_SLAVE}))
	k.want(abi.EINVAL, k.MountSetattr(cwd, []byte("/"+"a/.."), 0, fs.MountAttr{Set: abi.MOUNT_ATTR_IDMAP}))
	f := k.open("/a/b/open", abi.O_CREAT|abi.O_WRONLY)
	k.want(abi.EBUSY, set(abi.AT_RECURSIVE, fs.MountAttr{Set: abi.MOUNT_ATTR_RDONLY}))
	if strings.Contains(k.line("/a"), " ro,") {
		t.Error("a part of the tree has changed")
	}
	f.Put()
	k.ok(set(abi.AT_RECURSIVE, fs.MountAttr{Set: abi.MOUNT_ATTR_RDONLY | abi.MOUNT_ATTR_NOATIME, Clear: abi.MOUNT_ATTR__ATIME, Propagation: abi.MS_SHARED}))
	for _, m := range []string{"/a", "/a/b"} {
		if l := k.line(m); !strings.Contains(l, " ro,noatime shared:") {
			t.Errorf("%s: %q", m, l)
		}
	}
	k.ok(set(0, fs.MountAttr{Clear: abi.MOUNT_ATTR_RDONLY}))
	if strings.Contains(k.line("/a"), " ro") || !strings.Contains(k.line("/a/b"), " ro") {
		t.Error("without AT_RECURSIVE not one mount has changed")
	}
}

// TestFailureAtEveryStep lets every step of mount operations fail: nothing has changed then.
func TestFailureAtEveryStep(t *testing.T) {
	k := newKit(t)
	k.mkdir("/s", "/p", "/q", "/src")
	k.mount("none", "/s", "tmpfs", 0)
	k.mkdir("/s/x")
	k.mount("", "/s", "", abi.MS_SHARED)
	k.mount("/s", "/p", "", abi.MS_BIND)
	k.mount("/s", "/q", "", abi.MS_BIND)
	k.mount("", "/q", "", abi.MS_SLAVE)
	k.mount("none", "/src", "tmpfs", 0)
	k.mkdir("/src/in")
	k.mount("none", "/src/in", "tmpfs", 0)
	for name, op := range map[string]func() error{
		"bind":  func() error { return k.Mount([]byte("/src"), []byte("/s/x"), "", abi.MS_BIND|abi.MS_REC, "") },
		"mount": func() error { return k.Mount(nil, []byte("/s/x"), "tmpfs", 0, "") },
		"type":  func() error { return k.Mount(nil, []byte("/s"), "", abi.MS_PRIVATE, "") },
		"namespace": func() error {
			ctx := k.FS.Copy()
			n, err := k.CopyMounts(k.Cred, ctx, k.v.Steps)
			ctx.Leave()
			if err == nil {
				n.Put()
			}
			return err
		},
	} {
		before, frames := k.info(), k.v.Pool.Stats().InUse()
		steps := 0
		for ; ; steps++ {
			k.v.Steps = &user.Steps{Left: steps}
			err := op()
			failed := k.v.Steps.Failed
			k.v.Steps = nil
			if !failed {
				k.ok(err)
				break
			}
			k.want(abi.ENOMEM, err)
			if after := k.info(); after != before || k.v.Pool.Stats().InUse() != frames || k.ns.Live(user.KindMount) != 1 {
				t.Fatalf("%s, step %d: something has changed:\n%s\n%s", name, steps, before, after)
			}
		}
		if steps == 0 {
			t.Errorf("%s has no step that can fail", name)
		}
		for _, m := range []string{"/s/x"} {
			if k.line(m) != "" {
				k.ok(k.umount(m, abi.MNT_DETACH))
			}
		}
		if name == "type" {
			k.mount("", "/s", "", abi.MS_SHARED)
		}
	}
}

func TestThousandNamespacesLeaveNothing(t *testing.T) {
	k := newKit(t)
	manyMounts2(k, 20)
	mounts := k.Mounts.Count()
	for range 1000 {
		o := k.unshare(k.Cred)
		o.mount("none", "/mounts/3", "tmpfs", 0)
		o.leave()
	}
	if k.ns.Live(user.KindMount) != 1 || k.Mounts.Count() != mounts {
		t.Errorf("%d namespaces, %d mounts", k.ns.Live(user.KindMount), k.Mounts.Count())
	}
}

func manyMounts2(k *kit, n int) {
	k.mkdir("/usr")
	manyMounts(k, n)
}
