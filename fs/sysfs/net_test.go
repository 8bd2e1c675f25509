package sysfs

import (
	"testing"

	"cleave/abi"
	"cleave/fs/fstest"
	"cleave/fs/netdev"
	"cleave/fs/socket"
	"cleave/ns/user"
)

type namespace struct{ owner *user.Namespace }

func (n namespace) Owner() *user.Namespace { return n.owner }
func (namespace) Get()                     {}
func (namespace) Put()                     {}

// task is in a network namespace.
type task struct {
	socket.Task
	links *netdev.Table
}

func (t task) Links() *netdev.Table { return t.links }

func initialLinks(k *fstest.Kit) *netdev.Table {
	t := new(netdev.Table)
	t.InitFirst(namespace{k.Cred.NS}, nil, nil)
	return t
}

func (k kit) text(t *testing.T, path string) (string, error) {
	t.Helper()
	f, err := k.Try(path, abi.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer f.Put()
	return k.Get(f, 100)
}

type kit struct{ *fstest.Kit }

// TestNet looks at the interfaces of two namespaces by two mounts, changes them, and sees them come and go.
func TestNet(t *testing.T) {
	k := kit{fstest.New(t)}
	first, second := initialLinks(k.Kit), new(netdev.Table)
	second.Init(namespace{k.Cred.NS}, nil, first)
	k.V.Register(Type(first, qemu))
	for path, links := range map[string]*netdev.Table{"/a": first, "/b": second} {
		k.Task = task{links: links}
		if err := k.Mkdirat(abi.AT_FDCWD, []byte(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := k.As(1000).Mount([]byte("sysfs"), []byte(path), "sysfs", 0, ""); err != abi.EPERM {
			t.Errorf("an ordinary user's mount: %v", err)
		}
		if err := k.Mount([]byte("sysfs"), []byte(path), "sysfs", 0, ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		path, want string
		err        error
	}{
		{"/a/class/net/dummy0/mtu", "1500\n", nil}, {"/a/class/net/lo/mtu", "65536\n", nil}, {"/b/class/net/lo/mtu", "65536\n", nil},
		{"/b/class/net/dummy0/mtu", "", abi.ENOENT}, {"/a/class/net/lo/operstate", "down\n", nil}, {"/a/class/net/lo/carrier", "", abi.EINVAL},
		{"/a/class/net/dummy0/address", "02:00:00:00:00:00\n", nil}, {"/a/devices/virtual/net/dummy0/uevent", "INTERFACE=dummy0\nIFINDEX=2\n", nil},
		{"/a/class/net/lo/subsystem/lo/statistics/tx_dropped", "0\n", nil},
	} {
		if got, err := k.text(t, c.path); got != c.want || err != c.err {
			t.Errorf("%s: %q, %v", c.path, got, err)
		}
	}
	f := k.Open("/a/class/net/dummy0/mtu", abi.O_RDWR)
	defer f.Put()
	if _, err := k.Put(f, "1400\n"); err != nil {
		t.Error(err)
	}
	if _, err := k.As(1000).Put(f, "1400\n"); err != abi.EPERM {
		t.Errorf("by an ordinary user: %v", err)
	}
	if _, err := k.Put(f, "many"); err != abi.EINVAL {
		t.Errorf("no number: %v", err)
	}
	if s, err := first.Find(2, ""); s.MTU != 1400 || err != nil {
		t.Errorf("%+v, %v", s, err)
	}
	if err := first.Set(2, "", &netdev.Change{To: second, Name: "e0"}); err != nil {
		t.Fatal(err)
	}
	if got, err := k.text(t, "/b/class/net/e0/mtu"); got != "1400\n" || err != nil {
		t.Errorf("where it has moved to: %q, %v", got, err)
	}
	if _, err := k.text(t, "/a/class/net/dummy0/mtu"); err != abi.ENOENT {
		t.Errorf("where it was: %v", err)
	}
	if _, err := k.Put(f, "1400\n"); err != abi.ENODEV {
		t.Errorf("by an old descriptor: %v", err)
	}
}
