package fs_test

import (
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
)

func (k *kit) chmod(path string, mode uint32) {
	k.t.Helper()
	k.ok(k.Fchmodat(cwd, []byte(path), mode, 0))
}

func (k *kit) chown(path string, uid user.KUID, gid user.KGID) {
	k.t.Helper()
	k.ok(k.Fchownat(cwd, []byte(path), uid, gid, abi.AT_SYMLINK_NOFOLLOW))
}

func TestModeBits(t *testing.T) {
	k := newKit(t)
	k.write("/f", "x")
	k.chown("/f", 1, 2)
	owner, group, other := k.as(1), k.as(3), k.as(4)
	group.Cred.Groups = []user.KGID{2}
	for _, c := range []struct {
		mode                uint32
		owner, group, other bool
	}{{0o400, true, false, false}, {0o040, false, true, false}, {0o004, false, false, true}, {0o777, true, true, true}, {0o077, false, true, true}} {
		k.chmod("/f", c.mode)
		for _, who := range []struct {
			k    *kit
			may  bool
			name string
		}{{owner, c.owner, "owner"}, {group, c.group, "group"}, {other, c.other, "other"}, {k, true, "root"}} {
			if err := who.k.tryOpen("/f", abi.O_RDONLY); (err == nil) != who.may || err != nil && err != abi.EACCES {
				t.Errorf("mode %o, %s: %v", c.mode, who.name, err)
			}
		}
	}
	k.want(abi.EPERM, other.Fchmodat(cwd, []byte("/f"), 0o777, 0))
	k.want(abi.EPERM, owner.Fchownat(cwd, []byte("/f"), 4, user.InvalidKGID, 0))
	k.want(abi.EPERM, owner.Fchownat(cwd, []byte("/f"), user.InvalidKUID, 9, 0))
	k.ok(owner.Fchownat(cwd, []byte("/f"), 1, 1, 0))
	k.mkdir("/d")
	k.write("/d/f", "")
	k.chmod("/d", 0o766)
	var a fs.Attr
	k.want(abi.EACCES, other.Stat(cwd, []byte("/d/f"), 0, &a))
	k.want(abi.EACCES, other.Mkdirat(cwd, []byte("/d/x"), 0))
	k.want(abi.EACCES, other.Chdir([]byte("/d")))
	other.Cred.Effective = user.Set(user.CapDacReadSearch)
	k.ok(other.Stat(cwd, []byte("/d/f"), 0, &a))
	k.want(abi.EACCES, other.Mkdirat(cwd, []byte("/d/x"), 0))
	other.Cred.Effective = user.Set(user.CapDacOverride)
	k.ok(other.Mkdirat(cwd, []byte("/d/x"), 0))
	// Root may do anything but execute what nobody may execute.
	k.chmod("/d/f", 0o666)
	k.want(abi.EACCES, k.Faccessat(cwd, []byte("/d/f"), abi.X_OK, 0))
}

func TestStickyDirectory(t *testing.T) {
	k := newKit(t)
	k.mkdir("/tmp")
	k.chmod("/tmp", 0o1777)
	one, two := k.as(1), k.as(2)
	one.write("/tmp/f", "")
	k.want(abi.EPERM, two.Unlinkat(cwd, []byte("/tmp/f"), 0))
	k.want(abi.EPERM, two.Renameat(cwd, []byte("/tmp/f"), cwd, []byte("/tmp/g"), 0))
	two.write("/tmp/mine", "")
	k.want(abi.EPERM, two.Renameat(cwd, []byte("/tmp/mine"), cwd, []byte("/tmp/f"), 0))
	k.ok(one.Unlinkat(cwd, []byte("/tmp/f"), 0))
	k.ok(k.Unlinkat(cwd, []byte("/tmp/mine"), 0))
}

func TestSetGroupIDDirectory(t *testing.T) {
	k := newKit(t)
	k.mkdir("/d")
	k.chown("/d", 0, 7)
	k.chmod("/d", 0o2777)
	u := k.as(1)
	u.write("/d/f", "")
	u.mkdir("/d/sub")
	if a := k.stat("/d/f"); a.GID != 7 || a.UID != 1 {
		t.Errorf("file: %+v", a)
	}
	if a := k.stat("/d/sub"); a.GID != 7 || a.Mode&abi.S_ISGID == 0 {
		t.Errorf("directory: %+v", a)
	}
}

func TestTimes(t *testing.T) {
	k := newKit(t)
	k.write("/f", "x")
	k.ok(k.Utimensat(cwd, []byte("/f"), fs.Times{Atime: 5, Mtime: 6}, 0))
	if a := k.stat("/f"); a.Atime != 5 || a.Mtime != 6 || a.Ctime < 1e18 {
		t.Errorf("%+v", a)
	}
	k.ok(k.Utimensat(cwd, []byte("/f"), fs.Times{OmitAtime: true, MtimeNow: true}, 0))
	if a := k.stat("/f"); a.Atime != 5 || a.Mtime < 1e18 {
		t.Errorf("%+v", a)
	}
	k.read("/f")
	if a := k.stat("/f"); a.Atime < 1e18 {
		t.Error("a read did not set the access time, older than the change")
	}
	before := k.stat("/f").Atime
	k.read("/f")
	if k.stat("/f").Atime != before {
		t.Error("relatime set the access time twice")
	}
	u := k.as(1)
	k.want(abi.EPERM, u.Utimensat(cwd, []byte("/f"), fs.Times{Atime: 1, Mtime: 1}, 0))
	k.want(abi.EACCES, u.Utimensat(cwd, []byte("/f"), fs.Times{AtimeNow: true, MtimeNow: true}, 0))
	k.chmod("/f", 0o666)
	k.ok(u.Utimensat(cwd, []byte("/f"), fs.Times{AtimeNow: true, MtimeNow: true}, 0))
}

func TestAccessUsesRealIDs(t *testing.T) {
	k := newKit(t)
	k.write("/f", "")
	k.chmod("/f", 0o600)
	u := k.as(1)
	u.Cred.EUID, u.Cred.FSUID, u.Cred.Effective, u.Cred.Permitted = 0, 0, user.AllCaps, user.AllCaps // a set-user-ID program
	k.want(abi.EACCES, u.Faccessat(cwd, []byte("/f"), abi.R_OK, 0))
	k.ok(u.Faccessat(cwd, []byte("/f"), abi.R_OK, abi.AT_EACCESS))
	k.want(abi.EINVAL, u.Faccessat(cwd, []byte("/f"), 8, 0))
}

func TestChroot(t *testing.T) {
	k := newKit(t)
	k.mkdir("/jail", "/jail/in", "/out")
	k.write("/secret", "")
	k.ok(k.Symlinkat([]byte("/in"), cwd, []byte("/jail/abs")))
	k.want(abi.EPERM, k.as(1).Chroot([]byte("/jail")))
	j := *k.Caller
	j.FS = k.FS.Copy()
	defer j.FS.Leave()
	in := *k
	in.Caller = &j
	k.ok(in.Chroot([]byte("/jail")))
	k.ok(in.Chdir([]byte("/")))
	for _, p := range []string{"/secret", "../secret", "/../../secret", "/abs/../../secret"} {
		if in.exists(p) {
			t.Errorf("%s is seen from the jail", p)
		}
	}
	k.ok(in.Chdir([]byte("/abs")))
	if got, _ := in.Getcwd(nil); string(got) != "/in" {
		t.Errorf("getcwd %q", got)
	}
	before := k.FS.Cwd()
	j.FS.SetCwd(before) // as if kept from before
	before.Put()
	if got, _ := in.Getcwd(nil); string(got) != "(unreachable)/" {
		t.Errorf("getcwd %q", got)
	}
}

// TestDotDotAcrossAMove: a directory below a bind mount's root is moved out of what the mount shows; ".." from it must
// not lead to the rest of the file system.
func TestDotDotAcrossAMove(t *testing.T) {
	k := newKit(t)
	k.mkdir("/vol", "/vol/shown", "/vol/shown/d", "/vol/hidden", "/jail")
	k.mount("/vol/shown", "/jail", "", abi.MS_BIND)
	k.ok(k.Chdir([]byte("/jail/d")))
	k.ok(k.Renameat(cwd, []byte("/vol/shown/d"), cwd, []byte("/vol/hidden/d"), 0))
	var a fs.Attr
	k.want(abi.ENOENT, k.Stat(cwd, []byte(".."), 0, &a))
	k.want(abi.ENOENT, k.Stat(cwd, []byte("../../hidden"), 0, &a))
	k.ok(k.Chdir([]byte("/")))
	k.ok(k.umount("/jail", 0))
}

func TestResolveFlags(t *testing.T) {
	k := newKit(t)
	k.mkdir("/d", "/d/e", "/m")
	k.write("/d/e/f", "")
	k.write("/top", "")
	k.mount("none", "/m", "tmpfs", 0)
	k.write("/m/f", "")
	for link, to := range map[string]string{"/d/abs": "/e/f", "/d/up": "../top", "/d/rel": "e/f"} {
		k.ok(k.Symlinkat([]byte(to), cwd, []byte(link)))
	}
	fd := k.fd(k.Open(cwd, []byte("/d"), fs.OpenHow{Flags: abi.O_PATH}))
	rfd := k.fd(k.Open(cwd, []byte("/"), fs.OpenHow{Flags: abi.O_PATH}))
	for _, c := range []struct {
		fd      int
		path    string
		resolve uint32
		want    error
	}{
		{fd, "e/f", abi.RESOLVE_BENEATH, nil}, {fd, "rel", abi.RESOLVE_BENEATH, nil}, {fd, "../top", abi.RESOLVE_BENEATH, abi.EXDEV},
		{fd, "up", abi.RESOLVE_BENEATH, abi.EXDEV}, {fd, "abs", abi.RESOLVE_BENEATH, abi.EXDEV}, {fd, "/d/e/f", abi.RESOLVE_BENEATH, abi.EXDEV},
		{fd, "e/../e/f", abi.RESOLVE_BENEATH, nil},
		{fd, "abs", abi.RESOLVE_IN_ROOT, nil}, {fd, "/e/f", abi.RESOLVE_IN_ROOT, nil}, {fd, "../../e/f", abi.RESOLVE_IN_ROOT, nil},
		{fd, "up", abi.RESOLVE_IN_ROOT, abi.ENOENT}, {fd, "rel", abi.RESOLVE_NO_SYMLINKS, abi.ELOOP}, {fd, "e/f", abi.RESOLVE_NO_SYMLINKS, nil},
		{rfd, "m/f", abi.RESOLVE_NO_XDEV, abi.EXDEV}, {rfd, "top", abi.RESOLVE_NO_XDEV, nil}, {rfd, "m/f", 0, nil},
		{rfd, "d/e/f", abi.RESOLVE_CACHED, nil},
	} {
		f, err := k.Open(c.fd, []byte(c.path), fs.OpenHow{Resolve: c.resolve})
		if err != c.want {
			t.Errorf("%q with %#x: %v, want %v", c.path, c.resolve, err, c.want)
		}
		if err == nil {
			f.Put()
		}
	}
}

func TestNoSymFollowAndNoDev(t *testing.T) {
	k := newKit(t)
	k.mkdir("/m")
	k.mount("none", "/m", "tmpfs", abi.MS_NOSYMFOLLOW|abi.MS_NODEV)
	k.write("/m/f", "")
	k.ok(k.Symlinkat([]byte("f"), cwd, []byte("/m/l")))
	k.want(abi.ELOOP, k.tryOpen("/m/l", 0))
	k.ok(k.Mknodat(cwd, []byte("/m/null"), abi.S_IFCHR|0o666, fs.MakeDev(1, 3)))
	k.want(abi.EACCES, k.tryOpen("/m/null", 0))
	k.ok(k.Mknodat(cwd, []byte("/null"), abi.S_IFCHR|0o666, fs.MakeDev(1, 3)))
	k.want(abi.ENXIO, k.tryOpen("/null", 0))
	opened := false
	k.v.RegisterChar(1, fs.AnyMinor, func(f *fs.File, _ *fs.Caller, dev fs.Dev) error {
		opened = dev == fs.MakeDev(1, 3)
		f.Ops = fs.NoFile{}
		return nil
	})
	k.ok(k.tryOpen("/null", 0))
	if !opened {
		t.Error("the driver was not asked")
	}
	k.want(abi.EPERM, k.as(1).Mknodat(cwd, []byte("/x"), abi.S_IFCHR, 0))
	k.want(abi.EINVAL, k.Mknodat(cwd, []byte("/x"), abi.S_IFLNK, 0))
}

// TestMappedIDs: in a user namespace, capabilities count over files whose ids are mapped there.
func TestMappedIDs(t *testing.T) {
	k := newKit(t)
	k.mkdir("/d")
	k.write("/mapped", "")
	k.write("/foreign", "")
	k.chown("/mapped", 1000, 1000)
	k.chown("/foreign", 5, 5)
	for _, p := range []string{"/mapped", "/foreign"} {
		k.chmod(p, 0)
	}
	u := k.as(1000)
	cred, err := u.Cred.Create(false)
	k.ok(err)
	defer cred.NS.Put()
	k.ok(cred.NS.WriteMap(user.UIDMap, u.Cred, u.Cred, 0, []byte("0 1000 1")))
	k.ok(cred.NS.WriteSetGroups(0, []byte("deny")))
	k.ok(cred.NS.WriteMap(user.GIDMap, u.Cred, u.Cred, 0, []byte("0 1000 1")))
	u.Cred = cred
	k.ok(u.tryOpen("/mapped", abi.O_RDWR))
	k.want(abi.EACCES, u.tryOpen("/foreign", abi.O_RDWR))
	k.want(abi.EPERM, u.Fchmodat(cwd, []byte("/foreign"), 0o777, 0))
	k.want(abi.EPERM, u.Mount(nil, []byte("/d"), "tmpfs", 0, "")) // the mount namespace is not its own
}
