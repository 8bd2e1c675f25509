package cgroup

import (
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm/frame"
)

// noTasks is a kernel without processes.
type noTasks struct{ Processes }

func (noTasks) Namespace(any) (*Group, Namespace) { return nil, nil }
func (noTasks) Regroup(*Group)                    {}

func newHierarchy() *Hierarchy {
	return New(fs.New(frame.NewArena(16), func() int64 { return 1e18 }), noTasks{})
}

func mustMake(t *testing.T, g *Group, name string) *Group {
	t.Helper()
	c, err := g.make(name, &fs.Node{Mode: abi.S_IFDIR | 0o755})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPath(t *testing.T) {
	h := newHierarchy()
	a := mustMake(t, h.root, "a")
	b := mustMake(t, a, "b")
	c := mustMake(t, h.root, "c")
	for _, x := range []struct {
		g, root *Group
		want    string
	}{
		{h.root, h.root, "/"}, {b, h.root, "/a/b"}, {b, a, "/b"}, {b, b, "/"}, {a, b, "/.."}, {h.root, b, "/../.."},
		{c, b, "/../../c"}, {b, c, "/../a/b"},
	} {
		if got := x.g.Path(x.root); got != x.want {
			t.Errorf("%s seen from %s is %s, want %s", x.g.Path(h.root), x.root.Path(h.root), got, x.want)
		}
	}
	if !b.Within(a) || a.Within(b) || c.Within(a) {
		t.Error("what is within what is wrong")
	}
}

func TestPopulation(t *testing.T) {
	h := newHierarchy()
	a := mustMake(t, h.root, "a")
	b := mustMake(t, a, "b")
	c := mustMake(t, a, "c")
	want := func(what string, groups ...bool) {
		t.Helper()
		h.mu.Lock()
		defer h.mu.Unlock()
		for i, g := range []*Group{a, b, c} {
			if got := g.populatedLocked(); got != groups[i] {
				t.Errorf("%s: %s is populated: %v", what, g.name, got)
			}
		}
	}
	enter := func(g *Group) {
		t.Helper()
		if err := g.ChargeTask(); err != nil {
			t.Fatal(err)
		}
		if err := g.Enter(); err != nil {
			t.Fatal(err)
		}
	}
	want("at first", false, false, false)
	enter(b)
	enter(b)
	want("two in b", true, true, false)
	if err := b.MoveTo(c, 1); err != nil {
		t.Fatal(err)
	}
	want("one in each", true, true, true)
	b.Leave()
	want("one in c", true, false, true)
	c.Leave()
	want("none", false, false, false)
	if a.Tasks() != 2 || b.Tasks() != 1 || c.Tasks() != 1 {
		t.Errorf("%d, %d and %d tasks are charged", a.Tasks(), b.Tasks(), c.Tasks())
	}
	if n := a.events.changes.Load(); n != 2 {
		t.Errorf("a told %d times of what has changed twice", n)
	}
	if _, err := b.remove(); err != nil {
		t.Fatal(err)
	}
	b.AddTasks(-1) // a zombie of a group that is gone
	if err := b.Enter(); err != abi.ENODEV || a.Tasks() != 1 {
		t.Errorf("entering a group that is gone: %v; %d tasks", err, a.Tasks())
	}
}

func TestAccountsComeAndGoWithTheController(t *testing.T) {
	h := newHierarchy()
	a := mustMake(t, h.root, "a")
	pool := h.vfs.Pool
	if a.Account() != nil || h.root.control(memoryController, 0) != nil || a.Account() == nil || pool.Accounts() != 1 {
		t.Fatal("the controller has not brought an account")
	}
	b := mustMake(t, a, "b")
	if b.Account() != a.Account() {
		t.Error("a group without the controller does not charge the one above")
	}
	if err := a.control(memoryController, 0); err != nil || b.Account() == a.Account() || pool.Accounts() != 2 {
		t.Error("a second level:", err)
	}
	b.setMax(1)
	f, err := pool.AllocZeroed(frame.Anonymous)
	if err != nil {
		t.Fatal(err)
	}
	pool.Charge(f, b.Account())
	if g, n := b.OverMax(); g != nil {
		t.Error("over the limit by", n)
	}
	a.setMax(0)
	if g, n := b.OverMax(); g != a || n != 1 {
		t.Errorf("over the limit of %v by %d", g, n)
	}
	if !b.Limited() {
		t.Error("not limited")
	}
	if err := h.root.control(0, memoryController); err != abi.EBUSY {
		t.Error("taking away what is given on:", err)
	}
	if a.control(0, memoryController) != nil || h.root.control(0, memoryController) != nil || b.Account() != nil || b.Limited() {
		t.Error("the controller is not gone")
	}
	pool.Unref(f)
	if n := pool.Accounts(); n != 0 {
		t.Errorf("%d accounts are left", n)
	}
}

func TestParseBytes(t *testing.T) {
	for _, x := range []struct {
		text string
		want int
		err  error
	}{
		{"max", noMax, nil}, {"0", 0, nil}, {"4096", 1, nil}, {"8191", 1, nil}, {"1K", 0, nil}, {"1m", 256, nil}, {"2G", 1 << 19, nil},
		{"0x2000", 2, nil}, {"9999999999999", noMax, nil}, {"1T", 1 << 28, nil}, {"", 0, abi.EINVAL}, {"K", 0, abi.EINVAL},
		{"-1", 0, abi.EINVAL}, {"1KK", 0, abi.EINVAL}, {"18446744073709551615T", noMax, nil},
	} {
		if got, err := parseBytes(x.text); got != x.want || err != x.err {
			t.Errorf("%q: %d, %v, want %d, %v", x.text, got, err, x.want, x.err)
		}
	}
}

func FuzzControlText(f *testing.F) {
	for _, s := range []string{"+pids -memory", "max", "1G", "nsdelegate,memory_localevents", "+", "-", "++pids", " "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := parseBytes(s); err == nil && (n < 0 || n > noMax) {
			t.Errorf("%q is %d frames", s, n)
		}
		if on, off, err := parseControllers(s); err == nil && (on&off != 0 || (on|off)&^allControllers != 0) {
			t.Errorf("%q enables %b and disables %b", s, on, off)
		}
		_, _ = parseOptions(s)
	})
}
