package fs_test

import (
	"strings"
	"testing"

	"cleave/abi"
	"cleave/ns/user"
)

// inside returns credentials of a new user namespace made by k, with all ids mapped.
func (k *kit) inside(t *testing.T) *user.Cred {
	t.Helper()
	cred, err := k.Cred.Create(false)
	if err != nil {
		t.Fatal(err)
	}
	if cred.NS.Model() == user.Mapped {
		for _, kind := range []user.MapKind{user.UIDMap, user.GIDMap} {
			if err := cred.NS.WriteMap(kind, k.Cred, k.Cred, 0, []byte("0 0 65536")); err != nil {
				t.Fatal(err)
			}
		}
	}
	return cred
}

func TestLockedMounts(t *testing.T) {
	k := newKit(t)
	k.mkdir("/a", "/a/b", "/mine", "/ro", "/shared")
	k.write("/a/b/hidden", "")
	k.mount("none", "/a", "tmpfs", 0)
	k.mkdir("/a/b")
	k.mount("none", "/a/b", "tmpfs", 0)
	k.mount("none", "/ro", "tmpfs", abi.MS_NOSUID|abi.MS_NOATIME)
	k.ok(k.Mount(nil, []byte("/ro"), "", abi.MS_REMOUNT|abi.MS_BIND|abi.MS_RDONLY|abi.MS_NOSUID|abi.MS_NOATIME, ""))
	k.mount("none", "/shared", "tmpfs", 0)
	k.mount("", "/shared", "", abi.MS_SHARED)
	cred := k.inside(t)
	o := k.unshare(cred)
	if p := o.propagation("/shared"); !strings.HasPrefix(p, "master:") {
		t.Errorf("a shared mount became %q", p)
	}
	o.want(abi.EINVAL, o.umount("/a", 0))
	o.want(abi.EINVAL, o.umount("/a/b", abi.MNT_DETACH))
	o.want(abi.EINVAL, o.Mount([]byte("/a"), []byte("/mine"), "", abi.MS_BIND, ""))
	o.ok(o.Mount([]byte("/a"), []byte("/mine"), "", abi.MS_BIND|abi.MS_REC, ""))
	o.want(abi.EINVAL, o.umount("/mine/b", 0))
	o.ok(o.umount("/mine", abi.MNT_DETACH))
	o.mount("none", "/a", "tmpfs", 0) // stacking is allowed
	o.ok(o.umount("/a", 0))
	remount := func(flags uint32) error {
		return o.Mount(nil, []byte("/ro"), "", abi.MS_REMOUNT|abi.MS_BIND|flags, "")
	}
	o.want(abi.EPERM, remount(abi.MS_NOSUID|abi.MS_NOATIME))
	o.want(abi.EPERM, remount(abi.MS_RDONLY|abi.MS_NOATIME))
	o.want(abi.EPERM, remount(abi.MS_RDONLY|abi.MS_NOSUID|abi.MS_STRICTATIME))
	o.ok(remount(abi.MS_RDONLY | abi.MS_NOSUID)) // noatime stays
	if !strings.Contains(o.line("/ro"), "noatime") {
		t.Errorf("mountinfo %q", o.line("/ro"))
	}
	o.ok(remount(abi.MS_RDONLY | abi.MS_NOSUID | abi.MS_NOATIME | abi.MS_NOEXEC))
	// What comes from outside later is locked as well.
	k.mkdir("/shared/late")
	k.mount("none", "/shared/late", "tmpfs", 0)
	if o.line("/shared/late") == "" {
		t.Error("the event did not come")
	}
	o.leave()
	cred.NS.Put()
}

// TestOwnedModel follows the steps of the program that came with the first user namespaces.
func TestOwnedModel(t *testing.T) {
	k := newKit(t)
	k.ns.SetNewModel(user.Owned)
	k.mkdir("/mnt", "/mnt1", "/mnt2", "/private")
	k.mount("/", "/mnt", "", abi.MS_BIND|abi.MS_SHARE_NS)
	k.mount("none", "/private", "tmpfs", 0)
	if !strings.Contains(k.line("/mnt"), ",share_userns") {
		t.Errorf("mountinfo %q", k.line("/mnt"))
	}
	k.ok(k.Chdir([]byte("/mnt")))
	k.ok(k.Chroot([]byte("/mnt")))
	one, two := *k, *k
	for _, c := range []*kit{&one, &two} {
		caller := *k.Caller
		caller.Cred = k.inside(t)
		c.Caller = &caller
	}
	one.mount("/", "/mnt1", "", abi.MS_BIND)
	one.write("/mnt1/testme", "a")
	two.write("/testme", "b")
	two.want(abi.EACCES, two.tryOpen("/mnt1/testme", abi.O_RDWR|abi.O_CREAT))
	two.want(abi.EPERM, two.Mount([]byte("/mnt1"), []byte("/mnt2"), "", abi.MS_BIND, ""))
	two.want(abi.EPERM, two.Mount([]byte("/"), []byte("/mnt2"), "", abi.MS_BIND|abi.MS_REC, ""))
	if two.line("/mnt2") != "" {
		t.Error("something of the copy stays")
	}
	if got := k.read("/testme"); got != "b" {
		t.Errorf("/testme holds %q", got)
	}
	if got := k.read("/mnt1/testme"); got != "b" {
		t.Errorf("the initial namespace sees %q", got)
	}
	two.mount("none", "/mnt2", "tmpfs", 0)
	two.write("/mnt2/x", "")
	one.want(abi.EACCES, one.tryOpen("/mnt2/x", 0))
	for _, c := range []*kit{&one, &two} {
		before := c.Mounts.Count()
		ctx := c.FS.Copy()
		if _, err := c.CopyMounts(c.Cred, ctx, nil); err != abi.EPERM {
			t.Errorf("copying the namespace: %v", err)
		}
		ctx.Leave()
		if c.Mounts.Count() != before || k.ns.Live(user.KindMount) != 1 {
			t.Error("the failed copy has left something")
		}
		c.Cred.NS.Put()
	}
}
