package fs_test

import (
	"strings"
	"testing"

	"cleave/abi"
	"cleave/fs"
)

// beneath moves the mount at from under the topmost one at to.
func (k *kit) beneath(from, to string) error {
	return k.MoveMount(cwd, []byte(from), cwd, []byte(to), abi.MOVE_MOUNT_BENEATH)
}

// source returns what is mounted topmost at a place.
func (k *kit) source(path string) string {
	k.t.Helper()
	f := k.open(path, abi.O_PATH)
	defer f.Put()
	id := f.Path().Mount.UniqueID()
	s, err := k.StatMount(fs.MountQuery{ID: id})
	k.ok(err)
	return s.Source
}

func (k *kit) sources(want ...string) {
	k.t.Helper()
	for i := 0; i < len(want); i += 2 {
		if got := k.source(want[i]); got != want[i+1] {
			k.t.Errorf("on %s there is %s, want %s", want[i], got, want[i+1])
		}
	}
}

func TestMoveMountBeneath(t *testing.T) {
	k := newKit(t)
	k.mkdir("/a", "/b")
	k.mount("A", "/a", "tmpfs", 0)
	k.mount("A2", "/a", "tmpfs", 0)
	k.mount("B", "/b", "tmpfs", 0)
	k.ok(k.beneath("/b", "/a"))
	k.sources("/a", "A2")
	k.ok(k.umount("/a", 0))
	k.sources("/a", "B")
	k.ok(k.umount("/a", 0))
	k.sources("/a", "A")
	k.ok(k.umount("/a", 0))
}

// TestMoveMountBeneathPropagates: the copies go beneath what the receivers have there.
func TestMoveMountBeneathPropagates(t *testing.T) {
	k := newKit(t)
	k.mkdir("/s", "/m", "/n", "/c")
	k.mount("S", "/s", "tmpfs", 0)
	k.mkdir("/s/at")
	k.mount("", "/s", "", abi.MS_SHARED)
	k.mount("/s", "/m", "", abi.MS_BIND)
	k.mount("/s", "/n", "", abi.MS_BIND)
	k.mount("", "/n", "", abi.MS_SLAVE)
	k.mount("AT", "/s/at", "tmpfs", 0)
	k.mount("C", "/c", "tmpfs", 0)
	k.ok(k.beneath("/c", "/s/at"))
	k.sources("/s/at", "AT", "/m/at", "AT", "/n/at", "AT")
	k.ok(k.umount("/n/at", 0))
	k.sources("/s/at", "AT", "/m/at", "AT", "/n/at", "C")
	k.ok(k.umount("/s", abi.MNT_DETACH))
	k.ok(k.umount("/m", abi.MNT_DETACH))
	k.ok(k.umount("/n", abi.MNT_DETACH))
}

func TestMoveMountBeneathRefused(t *testing.T) {
	k := newKit(t)
	k.mkdir("/a", "/b", "/d", "/c", "/s")
	k.mount("A", "/a", "tmpfs", 0)
	k.mount("B", "/b", "tmpfs", 0)
	k.mkdir("/b/d", "/a/in", "/a/d")
	k.mount("IN", "/a/in", "tmpfs", 0)
	k.mount("", "/a/in", "", abi.MS_UNBINDABLE)
	k.mount("S", "/s", "tmpfs", 0)
	k.mkdir("/s/d", "/s/e")
	k.mount("", "/s", "", abi.MS_SHARED)
	k.mount("D", "/s/d", "tmpfs", 0)
	k.mount("/s/e", "/s/e", "", abi.MS_BIND) // a peer of /s, on which a copy would come
	for _, test := range []struct {
		name, from, to string
		want           abi.Errno
	}{
		{"no mount there", "/b", "/a/d", abi.EINVAL},
		{"no mount to move", "/d", "/a", abi.EINVAL},
		{"a directory of the mount", "/b/d", "/a", abi.EINVAL},
		{"the root", "/b", "/", abi.EINVAL},
		{"itself", "/b", "/b", abi.EINVAL},
		{"what it is on", "/a/in", "/a", abi.EINVAL},
		{"what is on it", "/a", "/a/in", abi.ELOOP},
		{"nothing there", "/b", "/nothing", abi.ENOENT},
		{"a copy would come on top", "/b", "/s/e", abi.EINVAL},
		{"something unbindable, beneath a child of a shared mount", "/a", "/s/d", abi.EINVAL},
	} {
		before := k.info()
		if err := k.beneath(test.from, test.to); err != test.want {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		if after := k.info(); after != before {
			t.Errorf("%s: something has changed:\n%s", test.name, after)
		}
	}
	k.mount("", "/s/e", "", abi.MS_PRIVATE)
	k.ok(k.beneath("/b", "/s/e"))
}

// TestMoveMountBeneathOntoPeer: what is moved is itself a place where propagation would put a copy.
func TestMoveMountBeneathOntoPeer(t *testing.T) {
	k := newKit(t)
	k.mkdir("/s", "/x")
	k.mount("S", "/s", "tmpfs", 0)
	k.mkdir("/s/d")
	k.mount("", "/s", "", abi.MS_SHARED)
	k.mount("/s/d", "/x", "", abi.MS_BIND)
	k.mount("", "/x", "", abi.MS_PRIVATE)
	k.mount("D", "/s/d", "tmpfs", 0)
	join := func(flags uint32) error {
		return k.MoveMount(cwd, []byte("/s"), cwd, []byte("/x"), abi.MOVE_MOUNT_SET_GROUP|flags)
	}
	k.want(abi.EINVAL, join(abi.MOVE_MOUNT_BENEATH))
	k.ok(join(0))
	k.want(abi.EINVAL, k.beneath("/x", "/s/d"))
	k.mount("", "/x", "", abi.MS_PRIVATE)
	k.ok(k.beneath("/x", "/s/d"))
}

// TestMoveMountBeneathRoots: nothing goes beneath the caller's root, nor beneath that of the namespace; and what is
// covered itself does not move.
func TestMoveMountBeneathRoots(t *testing.T) {
	k := newKit(t)
	k.mkdir("/a", "/b", "/c")
	k.mount("A", "/a", "tmpfs", 0)
	k.mount("B", "/b", "tmpfs", 0)
	k.mount("C", "/c", "tmpfs", 0)
	root, a, b, c := k.fd(k.open("/", 0), nil), k.fd(k.open("/a", 0), nil), k.fd(k.open("/b", 0), nil), k.fd(k.open("/c", 0), nil)
	beneath := func(from, to int) error {
		return k.MoveMount(from, nil, to, nil, abi.MOVE_MOUNT_BENEATH|abi.MOVE_MOUNT_F_EMPTY_PATH|abi.MOVE_MOUNT_T_EMPTY_PATH)
	}
	tree := k.fd(k.OpenTree(cwd, []byte("/b"), abi.OPEN_TREE_CLONE))
	k.mount("C2", "/c", "tmpfs", 0)
	k.want(abi.EINVAL, beneath(c, a))
	k.ok(k.Chroot([]byte("/a")))
	k.want(abi.EINVAL, beneath(b, a))
	k.want(abi.EINVAL, beneath(tree, root))
	k.ok(beneath(b, c))
}

// TestCoveredTreeGoesBeneath: a stack of mounts that propagation brings goes as a whole beneath what is there.
func TestCoveredTreeGoesBeneath(t *testing.T) {
	k := newKit(t)
	k.mkdir("/s", "/n", "/b")
	k.mount("S", "/s", "tmpfs", 0)
	k.mkdir("/s/at")
	k.mount("", "/s", "", abi.MS_SHARED)
	k.mount("/s", "/n", "", abi.MS_BIND)
	k.mount("", "/n", "", abi.MS_SLAVE)
	k.mount("U", "/n/at", "tmpfs", 0)
	k.mount("B", "/b", "tmpfs", 0)
	b := k.fd(k.open("/b", 0), nil)
	k.mount("B2", "/b", "tmpfs", 0)
	k.ok(k.MoveMount(b, nil, cwd, []byte("/s/at"), abi.MOVE_MOUNT_F_EMPTY_PATH))
	k.sources("/s/at", "B2", "/n/at", "U")
	u := k.open("/n/at", abi.O_PATH)
	s, err := k.StatMount(fs.MountQuery{ID: u.Path().Mount.UniqueID()})
	k.ok(err)
	u.Put()
	if s, err = k.StatMount(fs.MountQuery{ID: s.Parent}); err != nil || s.Source != "B2" {
		t.Errorf("U is on %s, %v", s.Source, err)
	}
	k.ok(k.umount("/n/at", 0))
	k.sources("/n/at", "B2")
}

// TestMoveMountBeneathLocked: what a more privileged namespace has mounted can't be lifted off its place.
func TestMoveMountBeneathLocked(t *testing.T) {
	k := newKit(t)
	k.mkdir("/a", "/x")
	k.mount("A", "/a", "tmpfs", 0)
	o := k.unshare(k.inside(t))
	defer o.leave()
	o.mount("X", "/x", "tmpfs", 0)
	o.want(abi.EINVAL, o.beneath("/x", "/a"))
	o.mount("TOP", "/a", "tmpfs", 0)
	o.ok(o.beneath("/x", "/a"))
	o.ok(o.umount("/a", 0))
	o.sources("/a", "X")
	o.Cred.NS.Put()
}

// TestMoveIntoDetachedTree: a detached tree can be put together before it is shown.
func TestMoveIntoDetachedTree(t *testing.T) {
	k := newKit(t)
	k.mkdir("/a", "/b", "/x")
	k.mount("A", "/a", "tmpfs", 0)
	k.mkdir("/a/in")
	k.mount("B", "/b", "tmpfs", 0)
	outer := k.fd(k.OpenTree(cwd, []byte("/a"), abi.OPEN_TREE_CLONE))
	inner := k.fd(k.OpenTree(cwd, []byte("/b"), abi.OPEN_TREE_CLONE))
	k.want(abi.EINVAL, k.MoveMount(cwd, []byte("/b"), outer, []byte("in"), 0)) // an attached one
	k.want(abi.EINVAL, k.MoveMount(outer, nil, outer, []byte("in"), abi.MOVE_MOUNT_F_EMPTY_PATH))
	k.ok(k.MoveMount(inner, nil, outer, []byte("in"), abi.MOVE_MOUNT_F_EMPTY_PATH))
	k.want(abi.EINVAL, k.MoveMount(cwd, []byte("/b"), outer, nil, abi.MOVE_MOUNT_T_EMPTY_PATH|abi.MOVE_MOUNT_BENEATH))
	k.ok(k.MoveMount(outer, nil, cwd, []byte("/x"), abi.MOVE_MOUNT_F_EMPTY_PATH))
	k.sources("/x", "A", "/x/in", "B")
	if n := strings.Count(k.info(), "\n"); n != k.Mounts.Count()-1 {
		t.Errorf("%d mounts are shown, %d counted", n, k.Mounts.Count())
	}
	k.ok(k.Files.Close(outer))
	k.ok(k.Files.Close(inner))
	k.sources("/x/in", "B")
	for _, m := range []string{"/a", "/b", "/x"} {
		k.ok(k.umount(m, abi.MNT_DETACH))
	}
}
