package user

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cleave/abi"
)

// wantErr fails unless err is want (0: none).
func wantErr(t *testing.T, what string, err error, want abi.Errno) {
	t.Helper()
	var e abi.Errno
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("%s: %v is no Errno", what, err)
	}
	if e != want {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// child makes a user namespace as root of ns would, and gives the credentials in it.
func child(t *testing.T, c *Cred) *Cred {
	t.Helper()
	n, err := c.Create(false)
	if err != nil {
		t.Fatal(err)
	}
	n.Enter()
	n.NS.Put()
	return n
}

func show(n *Namespace, kind MapKind, reader *Namespace) string {
	var b strings.Builder
	n.ShowMap(&b, kind, reader)
	return strings.Join(strings.Fields(b.String()), " ")
}

// repeated gives n lines that map every second id to itself.
func repeated(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d %d 1\n", 2*i, 2*i)
	}
	return b.String()
}

// The answers are those of Linux 6.18 to root, who writes the map of a child process.
var mapTexts = []struct{ text, want string }{
	{"0 0 1", "0 0 1"},
	{"0 0 1\n", "0 0 1"},
	{"0 0 1\n\n", "EINVAL"},
	{"\n0 0 1", "EINVAL"},
	{"", "EINVAL"},
	{"\n", "EINVAL"},
	{"  \n", "EINVAL"},
	{"0 0 4294967296", "EINVAL"},
	{"0 0 4294967297", "0 0 1"},
	{"4294967296 5 1", "0 5 1"},
	{"18446744073709551617 0 1", "1 0 1"},
	{"99999999999999999999999 0 1", "4135583743 0 1"},
	{"0 0 1 x", "EINVAL"},
	{"0 0 1x", "EINVAL"},
	{"0 0", "EINVAL"},
	{"0 0 ", "EINVAL"},
	{"0", "EINVAL"},
	{"0 0 0", "EINVAL"},
	{"0 0 1 \t\n", "0 0 1"},
	{" \t0\t0\t1", "0 0 1"},
	{"0 0 1\r\n", "0 0 1"},
	{"\xa00\v0\f1", "0 0 1"},
	{"-1 0 1", "EINVAL"},
	{"+1 0 1", "EINVAL"},
	{"0x10 0 1", "EINVAL"},
	{"01 02 03", "1 2 3"},
	{"0 0 4294967295", "0 0 4294967295"},
	{"0 1 4294967295", "EINVAL"},
	{"4294967295 0 1", "EINVAL"},
	{"0 4294967295 1", "EINVAL"},
	{"4294967294 0 1", "4294967294 0 1"},
	{"4294967294 0 2", "EINVAL"},
	{"0 0 10\n5 20 1", "EINVAL"},
	{"0 0 10\n20 5 1", "EINVAL"},
	{"20 20 10\n0 0 21", "EINVAL"},
	{"0 0 10\n10 10 10\n", "0 0 10 10 10 10"},
	{"0 0 1\x00 junk", "0 0 1"},
	{"0 0 1\n\x00junk", "0 0 1"},
	{"5 0 1\n4 1 1\n3 2 1\n2 3 1\n1 4 1\n", "5 0 1 4 1 1 3 2 1 2 3 1 1 4 1"},
	{"5 0 1\n4 1 1\n3 2 1\n2 3 1\n1 4 1\n0 5 1\n", "0 5 1 1 4 1 2 3 1 3 2 1 4 1 1 5 0 1"},
	{repeated(340), strings.Join(strings.Fields(repeated(340)), " ")},
	{strings.TrimSuffix(repeated(340), "\n"), strings.Join(strings.Fields(repeated(340)), " ")},
	{repeated(340) + "\n", "EINVAL"},
	{repeated(341), "EINVAL"},
	{strings.Repeat(" ", 4090) + "0 0 1", "0 0 1"},
	{strings.Repeat(" ", 4091) + "0 0 1", "EINVAL"},
}

func TestMapText(t *testing.T) {
	root := NewRoot(NewInitial())
	for _, kind := range []MapKind{UIDMap, GIDMap, ProjIDMap} {
		for _, test := range mapTexts {
			c := child(t, root)
			got := ""
			if err := c.NS.WriteMap(kind, root, root, 0, []byte(test.text)); err != nil {
				got = err.Error()
			} else {
				got = show(c.NS, kind, root.NS)
			}
			if got != test.want {
				t.Errorf("%.40q: %.60s, want %.60s", test.text, got, test.want)
			}
			c.Leave()
		}
	}
	if n := root.NS.Live(KindUser); n != 1 {
		t.Errorf("%d user namespaces are left", n)
	}
}

// writer is who writes a map in TestMapPermission.
type writer int

const (
	byRoot      writer = iota // root of the parent
	byMaker                   // uid 1000 of the parent, the maker, without capabilities there
	byStranger                // uid 2000 of the parent
	byInside                  // the maker's other self, in the new namespace
	byRootInner               // root, who made a namespace and is in it
	byFar                     // root of the grandparent
)

func TestMapPermission(t *testing.T) {
	for _, test := range []struct {
		name     string
		by       writer
		kind     MapKind
		deny     bool // setgroups first
		text     string
		want     abi.Errno
		dropCaps Caps
	}{
		{"root", byRoot, UIDMap, false, "0 0 100000", 0, 0},
		{"root gid", byRoot, GIDMap, false, "0 0 100000", 0, 0},
		{"root without SETUID", byRoot, UIDMap, false, "0 5 9", abi.EPERM, Set(CapSetuid)},
		{"root without SETGID", byRoot, GIDMap, false, "0 5 9", abi.EPERM, Set(CapSetgid)},
		{"root without SETFCAP", byRoot, UIDMap, false, "7 0 1", abi.EPERM, Set(CapSetfcap)},
		{"root without SETFCAP, others' ids", byRoot, UIDMap, false, "7 1 1", 0, Set(CapSetfcap)},
		{"root without SETFCAP, groups", byRoot, GIDMap, false, "7 0 1", 0, Set(CapSetfcap)},
		{"root without SYS_ADMIN", byRoot, UIDMap, false, "0 5 9", abi.EPERM, Set(CapSysAdmin)},
		{"maker, own id", byMaker, UIDMap, false, "0 1000 1", 0, 0},
		{"maker, another id", byMaker, UIDMap, false, "0 1001 1", abi.EPERM, 0},
		{"maker, two ids", byMaker, UIDMap, false, "0 1000 2", abi.EPERM, 0},
		{"maker, two lines", byMaker, UIDMap, false, "0 1000 1\n1 1001 1", abi.EPERM, 0},
		{"maker, gid", byMaker, GIDMap, false, "0 1000 1", abi.EPERM, 0},
		{"maker, gid, denied", byMaker, GIDMap, true, "0 1000 1", 0, 0},
		{"maker, gid, denied, another", byMaker, GIDMap, true, "0 1001 1", abi.EPERM, 0},
		{"stranger", byStranger, UIDMap, false, "0 2000 1", abi.EPERM, 0},
		{"stranger, project", byStranger, ProjIDMap, false, "0 0 5", 0, 0},
		{"inside, own id", byInside, UIDMap, false, "0 1000 1", 0, 0},
		{"inside, gid", byInside, GIDMap, false, "0 1000 1", abi.EPERM, 0},
		{"inside, gid, denied", byInside, GIDMap, true, "0 1000 1", 0, 0},
		{"inside, range", byInside, UIDMap, false, "0 1000 9", abi.EPERM, 0},
		{"root inside, user 0", byRootInner, UIDMap, false, "0 0 1", 0, 0},
		{"root inside, others", byRootInner, UIDMap, false, "0 0 2", abi.EPERM, 0},
		{"root inside, made without SETFCAP", byRootInner, UIDMap, false, "0 0 1", abi.EPERM, Set(CapSetfcap)},
		{"grandparent", byFar, UIDMap, false, "0 0 1", abi.EPERM, 0},
		{"grandparent, nonsense", byFar, UIDMap, false, "x", abi.EPERM, 0},
	} {
		root := NewRoot(NewInitial())
		root = drop(root, test.dropCaps)
		ordinary := as(t, root, 1000)
		maker := ordinary
		if test.by == byRootInner {
			maker = root
		}
		target := child(t, maker)
		ns := target.NS
		w := map[writer]*Cred{byRoot: root, byMaker: maker, byStranger: as(t, root, 2000), byInside: target,
			byRootInner: target, byFar: root}[test.by]
		if test.by == byFar {
			wantErr(t, "outer map", ns.WriteMap(UIDMap, root, root, 0, []byte("0 0 100")), 0)
			wantErr(t, "outer map", ns.WriteMap(GIDMap, root, root, 0, []byte("0 0 100000")), 0)
			c := target.Copy()
			c.EUID = 5
			ns = child(t, c).NS
		}
		if test.deny {
			wantErr(t, "deny", ns.WriteSetGroups(0, []byte("deny")), 0)
		}
		wantErr(t, test.name, ns.WriteMap(test.kind, w, w, 0, []byte(test.text)), test.want)
	}
}

// drop gives credentials without some capabilities.
func drop(c *Cred, caps Caps) *Cred {
	n := c.Copy()
	n.Effective &^= caps
	n.Permitted &^= caps
	return n
}

// as gives the credentials of an ordinary user and group.
func as(t *testing.T, root *Cred, id uint32) *Cred {
	t.Helper()
	n := root.Copy()
	n.Effective, n.Permitted = AllCaps, AllCaps
	n, err := n.SetRESGID(GID(id), GID(id), GID(id))
	if err != nil {
		t.Fatal(err)
	}
	if n, err = n.SetRESUID(UID(id), UID(id), UID(id)); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMapWriterAndOpener(t *testing.T) {
	root := NewRoot(NewInitial())
	ordinary := as(t, root, 1000)
	ns := child(t, ordinary).NS
	text := []byte("0 5 100")
	// A file that an ordinary user opened is written by a set-user-ID program, or the other way round.
	wantErr(t, "opened by the maker", ns.WriteMap(UIDMap, ordinary, root, 0, text), abi.EPERM)
	wantErr(t, "written by the maker", ns.WriteMap(UIDMap, root, ordinary, 0, text), abi.EPERM)
	wantErr(t, "offset", ns.WriteMap(UIDMap, root, root, 1, text), abi.EINVAL)
	wantErr(t, "root", ns.WriteMap(UIDMap, root, root, 0, text), 0)
	wantErr(t, "twice", ns.WriteMap(UIDMap, root, root, 0, text), abi.EPERM)
	wantErr(t, "the initial one", root.NS.WriteMap(UIDMap, root, root, 0, text), abi.EPERM)
}

func TestMapNested(t *testing.T) {
	root := NewRoot(NewInitial())
	outer := child(t, root)
	for _, k := range []MapKind{UIDMap, GIDMap} {
		wantErr(t, "outer", outer.NS.WriteMap(k, root, root, 0, []byte("0 100000 65536")), 0)
	}
	// Its user 0 makes another one.
	c := outer.Copy()
	c.UID, c.EUID, c.GID, c.EGID = 100000, 100000, 100000, 100000
	inner := child(t, c)
	wantErr(t, "beyond the parent's", inner.NS.WriteMap(UIDMap, c, c, 0, []byte("0 65000 1000")), abi.EPERM)
	wantErr(t, "inner", inner.NS.WriteMap(UIDMap, c, c, 0, []byte("0 1000 10")), 0)
	ns := inner.NS
	for _, test := range []struct {
		what      string
		got, want string
	}{
		{"parent", show(ns, UIDMap, outer.NS), "0 1000 10"},
		{"itself", show(ns, UIDMap, ns), "0 1000 10"},
		{"initial", show(ns, UIDMap, root.NS), "0 101000 10"},
		{"outer from inner", show(outer.NS, UIDMap, ns), "0 4294967295 65536"},
		{"initial from inner", show(root.NS, UIDMap, ns), "0 4294967295 4294967295"},
		{"initial", show(root.NS, UIDMap, root.NS), "0 0 4294967295"},
		{"unset", show(ns, GIDMap, root.NS), ""},
	} {
		if test.got != test.want {
			t.Errorf("map seen from %s: %q, want %q", test.what, test.got, test.want)
		}
	}
	for _, test := range []struct {
		k KUID
		u UID
	}{{101000, 0}, {101009, 9}, {101010, DefaultOverflow}, {0, DefaultOverflow}, {InvalidKUID, DefaultOverflow}} {
		if got := ns.ShowKUID(test.k); got != test.u {
			t.Errorf("%d is shown as %d, want %d", test.k, got, test.u)
		}
	}
	if ns.ToKGID(0).Valid() || ns.ShowKGID(0) != DefaultOverflow || ns.HasKGID(100000) {
		t.Error("groups are mapped though the map is not set")
	}
	wantErr(t, "overflow id", root.NS.SetOverflow(65536, 0), abi.EINVAL)
	wantErr(t, "overflow id", root.NS.SetOverflow(7, 8), 0)
	if ns.ShowKUID(0) != 7 || ns.ShowKGID(0) != 8 {
		t.Error("the overflow ids that were set are not shown")
	}
}

func TestSetGroupsFile(t *testing.T) {
	root := NewRoot(NewInitial())
	for _, test := range []struct {
		text string
		want abi.Errno
		then string
	}{
		{"allow", 0, "allow"}, {"deny", 0, "deny"}, {"allow\n", 0, "allow"}, {"deny  \n", 0, "deny"},
		{"deny   ", 0, "deny"}, {"deny    ", abi.EINVAL, "allow"}, {" deny", abi.EINVAL, "allow"}, {"", abi.EINVAL, "allow"},
		{"den", abi.EINVAL, "allow"}, {"denyx", abi.EINVAL, "allow"}, {"deny\x00x", 0, "deny"}, {"allow x", abi.EINVAL, "allow"},
	} {
		ns := child(t, root).NS
		wantErr(t, test.text, ns.WriteSetGroups(0, []byte(test.text)), test.want)
		if got := ns.SetGroupsState(); got != test.then {
			t.Errorf("after %q: %s", test.text, got)
		}
	}
	c := child(t, root)
	wantErr(t, "offset", c.NS.WriteSetGroups(3, []byte("deny")), abi.EINVAL)
	wantErr(t, "deny", c.NS.WriteSetGroups(0, []byte("deny")), 0)
	wantErr(t, "allow after deny", c.NS.WriteSetGroups(0, []byte("allow")), abi.EPERM)
	if s := child(t, c.Copy().mapAll(t, root)).NS.SetGroupsState(); s != "deny" {
		t.Errorf("a child has %s", s)
	}
	wantErr(t, "deny again", c.NS.WriteSetGroups(0, []byte("deny")), abi.EPERM)
	_, err := c.SetGroups(nil)
	wantErr(t, "setgroups when denied", err, abi.EPERM)
	d := child(t, root)
	_, err = d.SetGroups(nil)
	wantErr(t, "setgroups without a map", err, abi.EPERM)
	d.mapAll(t, root)
	wantErr(t, "deny after the map", d.NS.WriteSetGroups(0, []byte("deny")), abi.EPERM)
	_, err = d.SetGroups([]GID{3, 1})
	wantErr(t, "setgroups", err, 0)
	wantErr(t, "the initial one", root.NS.WriteSetGroups(0, []byte("deny")), abi.EPERM)
}

// mapAll sets the identity maps of c's namespace, by root of its parent.
func (c *Cred) mapAll(t *testing.T, root *Cred) *Cred {
	t.Helper()
	for _, k := range []MapKind{UIDMap, GIDMap} {
		wantErr(t, "map", c.NS.WriteMap(k, root, root, 0, []byte("0 0 4294967295")), 0)
	}
	return c
}

// TestMapSearch holds the binary search of large maps against a plain one.
func TestMapSearch(t *testing.T) {
	var ext []Extent
	for i := range uint32(MaxExtents) {
		ext = append(ext, Extent{Inside: i*7 + 3, Kernel: (MaxExtents - i) * 11, Count: 1 + i%5})
	}
	m := newIDMap(slices.Clone(ext))
	for id := range uint32(MaxExtents*11 + 20) {
		up, down := invalidID, invalidID
		for _, e := range ext {
			if id >= e.Inside && id < e.Inside+e.Count {
				up = e.Kernel + id - e.Inside
			}
			if id >= e.Kernel && id < e.Kernel+e.Count {
				down = e.Inside + id - e.Kernel
			}
		}
		if got := m.toKernel(id, 1); got != up {
			t.Fatalf("toKernel(%d) = %d, want %d", id, got, up)
		}
		if got := m.fromKernel(id); got != down {
			t.Fatalf("fromKernel(%d) = %d, want %d", id, got, down)
		}
	}
	if m.toKernel(3, 2) != invalidID || m.toKernel(3+7, 2) != (MaxExtents-1)*11 {
		t.Error("a range is mapped only if it is in one extent")
	}
}

func FuzzWriteMap(f *testing.F) {
	for _, test := range mapTexts {
		f.Add([]byte(test.text))
	}
	root := NewRoot(NewInitial())
	f.Fuzz(func(t *testing.T, text []byte) {
		c := child(t, root)
		defer c.Leave()
		if c.NS.WriteMap(UIDMap, root, root, 0, text) != nil {
			if c.NS.maps[UIDMap].Load() != nil {
				t.Fatal("an error, and yet a map")
			}
			return
		}
		m := c.NS.maps[UIDMap].Load()
		for _, e := range m.inside {
			for _, id := range []uint32{e.Inside, e.Inside + e.Count - 1} {
				if k := m.toKernel(id, 1); k == invalidID || m.fromKernel(k) != id {
					t.Fatalf("%q: %d goes to %d and back to %d", text, id, k, m.fromKernel(k))
				}
			}
		}
		// What is shown is a map again.
		var b strings.Builder
		c.NS.ShowMap(&b, UIDMap, root.NS)
		d := child(t, root)
		defer d.Leave()
		if b.Len() < abi.PageSize {
			wantErr(t, b.String(), d.NS.WriteMap(UIDMap, root, root, 0, []byte(b.String())), 0)
		}
	})
}

func BenchmarkShowKUID(b *testing.B) {
	ns := NewInitial()
	b.ReportAllocs()
	for b.Loop() {
		ns.ShowKUID(1000)
	}
}
