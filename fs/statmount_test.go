package fs_test

import (
	"slices"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
)

// list is ListMount of all that is below a mount of namespace ns (0: the task's own).
func (k *kit) list(id, ns uint64) []uint64 {
	k.t.Helper()
	ids, err := k.ListMount(fs.MountQuery{ID: id, NS: ns}, 0, false, 100)
	k.ok(err)
	return ids
}

func TestStatmountListmount(t *testing.T) {
	k := newKit(t)
	k.mkdir("/a")
	k.mount("src", "/a", "tmpfs", abi.MS_NODEV)
	k.mkdir("/a/b", "/a/sp ace")
	k.mount("none", "/a/b", "tmpfs", 0)
	k.mount("/a/sp ace", "/a/sp ace", "", abi.MS_BIND)
	ids := k.list(fs.ListRoot, 0)
	if len(ids) != 4 || !slices.IsSorted(ids) {
		t.Fatalf("mounts %v", ids)
	}
	s, err := k.StatMount(fs.MountQuery{ID: ids[1]})
	k.ok(err)
	if s.Point != "/a" || s.Source != "src" || s.Type != "tmpfs" || s.Attr != abi.MOUNT_ATTR_NODEV || s.Propagation != abi.MS_PRIVATE ||
		s.Root != "/" || s.ID != ids[1] || s.Parent != ids[0] || uint64(s.OldID)+fs.FirstUniqueID != s.ID || s.NS != k.Mounts.ID() {
		t.Errorf("%+v", s)
	}
	if s, err = k.StatMount(fs.MountQuery{ID: ids[3]}); err != nil || s.Root != "/sp ace" || s.Point != "/a/sp ace" {
		t.Errorf("%+v, %v", s, err)
	}
	if below := k.list(ids[1], 0); !slices.Equal(below, ids[2:]) {
		t.Errorf("below /a: %v of %v", below, ids)
	}
	_, err = k.StatMount(fs.MountQuery{ID: 99999})
	k.want(abi.ENOENT, err)
	for _, test := range []struct {
		last    uint64
		reverse bool
		most    int
		want    []uint64
	}{
		{0, false, 2, ids[:2]}, {ids[1], false, 9, ids[2:]}, {ids[3], false, 9, nil}, {0, true, 2, []uint64{ids[3], ids[2]}},
		{ids[2], true, 9, []uint64{ids[1], ids[0]}}, {ids[0], true, 9, nil}, {0, true, 0, nil},
	} {
		if got, err := k.ListMount(fs.MountQuery{ID: fs.ListRoot}, test.last, test.reverse, test.most); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%+v: %v, %v", test, got, err)
		}
	}
}

func TestStatmountOfAnotherNamespace(t *testing.T) {
	k := newKit(t)
	k.mkdir("/m")
	o := k.unshare(k.Cred)
	o.mount("none", "/m", "tmpfs", 0)
	id := o.Mounts.ID()
	ids := k.list(fs.ListRoot, id)
	if own := o.list(fs.ListRoot, 0); len(ids) != 2 || !slices.Equal(ids, own) {
		t.Fatalf("seen from outside %v, from inside %v", ids, own)
	}
	s, err := k.StatMount(fs.MountQuery{ID: ids[1], NS: id})
	if err != nil || s.Point != "/m" || s.NS != id {
		t.Errorf("%+v, %v", s, err)
	}
	_, err = k.StatMount(fs.MountQuery{ID: ids[1]})
	k.want(abi.ENOENT, err)
	_, err = k.StatMount(fs.MountQuery{ID: ids[1], NS: id + 1})
	k.want(abi.ENOENT, err)
	_, err = k.StatMount(fs.MountQuery{ID: ids[1], FD: 77})
	k.want(abi.EBADF, err)
	k.fd(k.open("/", 0), nil) // descriptor 0 means the task's own
	_, err = k.StatMount(fs.MountQuery{ID: ids[1], FD: k.fd(k.open("/", 0), nil)})
	k.want(abi.EINVAL, err)
	u := k.as(1000)
	_, err = u.StatMount(fs.MountQuery{ID: ids[1], NS: id})
	k.want(abi.EPERM, err)
	_, err = u.ListMount(fs.MountQuery{ID: fs.ListRoot, NS: id}, 0, false, 9)
	k.want(abi.ENOENT, err)
	if n, err := u.ListMount(fs.MountQuery{ID: fs.ListRoot, NS: k.Mounts.ID()}, 0, false, 9); err != nil || len(n) != 1 {
		t.Errorf("one's own, by its number: %v, %v", n, err)
	}
	o.leave()
	_, err = k.StatMount(fs.MountQuery{ID: ids[1], NS: id})
	k.want(abi.ENOENT, err)
}

func TestStatmountOutOfReach(t *testing.T) {
	k := newKit(t)
	k.mkdir("/jail", "/jail/in", "/m")
	k.mount("none", "/m", "tmpfs", 0)
	k.mount("none", "/jail/in", "tmpfs", 0)
	ids := k.list(fs.ListRoot, 0)
	k.ok(k.Chroot([]byte("/jail")))
	if s, err := k.StatMount(fs.MountQuery{ID: ids[1]}); err != nil || s.Point != "" {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := k.StatMount(fs.MountQuery{ID: ids[2]}); err != nil || s.Point != "/in" {
		t.Errorf("%+v, %v", s, err)
	}
	if in := k.list(fs.ListRoot, 0); !slices.Equal(in, ids[2:]) {
		t.Errorf("listed %v of %v", in, ids)
	}
	_, err := k.as(1000).StatMount(fs.MountQuery{ID: ids[1]})
	k.want(abi.EPERM, err)
	_, err = k.as(1000).ListMount(fs.MountQuery{ID: ids[0]}, 0, false, 9)
	k.want(abi.EPERM, err)
}

func TestNeighborNamespaces(t *testing.T) {
	k := newKit(t)
	a, b, c := k.unshare(k.Cred), k.unshare(k.Cred), k.unshare(k.Cred)
	next := func(n *fs.MountNamespace, back bool, want *fs.MountNamespace) {
		t.Helper()
		o, err := n.Neighbor(k.Caller, back)
		if want == nil {
			k.want(abi.ENOENT, err)
			return
		}
		k.ok(err)
		if o != want {
			t.Error("another namespace")
		}
		o.Put()
	}
	next(k.Mounts, true, nil)
	next(k.Mounts, false, a.Mounts)
	next(c.Mounts, true, b.Mounts)
	next(c.Mounts, false, nil)
	b.leave()
	next(c.Mounts, true, a.Mounts)
	next(a.Mounts, false, c.Mounts)
	if _, err := a.Mounts.Neighbor(k.as(1000).Caller, false); err != abi.ENOENT {
		t.Errorf("without power over any: %v", err)
	}
	a.leave()
	c.leave()
	if n := k.ns.Live(user.KindMount); n != 1 || k.v.Namespaces() != 1 {
		t.Errorf("%d namespaces, %d listed", n, k.v.Namespaces())
	}
}
