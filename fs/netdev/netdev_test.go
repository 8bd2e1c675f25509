package netdev

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"cleave/abi"
	"cleave/ns/user"
)

type namespace struct {
	owner *user.Namespace
	refs  atomic.Int64
}

func (n *namespace) Owner() *user.Namespace { return n.owner }
func (n *namespace) Get()                   { n.refs.Add(1) }
func (n *namespace) Put()                   { n.refs.Add(-1) }

// tables makes the tables of two namespaces, and notes what is told of each.
func tables() (a, b *Table, told *[]string) {
	owner := user.NewInitial()
	a, b, told = &Table{}, &Table{}, new([]string)
	note := func(where string) func(*Event) {
		return func(e *Event) {
			what := [...]string{"changed", "gone", "address", "address gone"}[e.Type]
			*told = append(*told, fmt.Sprintf("%s: %s %d %s", where, what, e.Link.Index, e.Link.Name))
		}
	}
	a.InitFirst(&namespace{owner: owner}, note("a"), func(p []byte) { p[0] = 0xff })
	b.Init(&namespace{owner: owner}, note("b"), a)
	return a, b, told
}

func names(t *Table) (list []string) {
	for _, s := range t.Links() {
		list = append(list, fmt.Sprintf("%d %s", s.Index, s.Name))
	}
	return list
}

func (t *Table) want(test *testing.T, want ...string) {
	test.Helper()
	if got := names(t); fmt.Sprint(got) != fmt.Sprint(want) {
		test.Errorf("interfaces %v, want %v", got, want)
	}
}

func TestNames(t *testing.T) {
	a, b, _ := tables()
	a.want(t, "1 lo", "2 dummy0")
	b.want(t, "1 lo")
	if s, _ := a.Find(2, ""); s.Address[0] != 0xfe || s.Flags != abi.IFF_BROADCAST|abi.IFF_NOARP {
		t.Errorf("%+v", s)
	}
	for _, c := range []struct {
		name  string
		index int32
		want  error
	}{
		{"d", 0, nil}, {"d", 0, abi.EEXIST}, {"lo", 0, abi.EEXIST}, {"", 0, abi.EINVAL}, {".", 0, abi.EINVAL}, {"a/b", 0, abi.EINVAL},
		{"a\tb", 0, abi.EINVAL}, {"a:b", 0, abi.EINVAL}, {"%", 0, abi.EINVAL}, {"%d%d", 0, abi.EINVAL}, {"%x", 0, abi.EINVAL},
		{"x%dy", 0, nil}, {"x%dy", 0, nil}, {"sixteen-letters-", 0, abi.EINVAL}, {"fifteen-letters", 0, nil},
		{"fifteen-letter%d", 0, abi.EINVAL}, {"fourteen-let%d", 0, nil}, {"e", 3, abi.EBUSY}, {"e", 1, abi.EBUSY}, {"e", 5, abi.EBUSY}, {"e", 50, nil}, {"f", 0, nil},
	} {
		if err := a.Create(&dummy, c.index, &Change{Name: c.name}); err != c.want {
			t.Errorf("%q: %v, want %v", c.name, err, c.want)
		}
	}
	a.want(t, "1 lo", "2 dummy0", "3 d", "4 x0y", "5 x1y", "6 fifteen-letters", "7 fourteen-let0", "8 f", "50 e")
	if err := a.Delete(0, "x0y"); err != nil {
		t.Error(err)
	}
	if err := a.Set(0, "f", &Change{Name: "x%dy"}); err != nil {
		t.Error(err)
	}
	a.want(t, "1 lo", "2 dummy0", "3 d", "5 x1y", "6 fifteen-letters", "7 fourteen-let0", "8 x0y", "50 e")
}

// TestAllOrNothing checks that a change that fails changes nothing, whatever else it asks for.
func TestAllOrNothing(t *testing.T) {
	a, b, told := tables()
	if err := b.Create(&dummy, 0, &Change{Name: "taken"}); err != nil {
		t.Fatal(err)
	}
	before, _ := a.Find(2, "")
	mtu, bad := uint32(9000), ^uint32(0)
	*told = nil
	for _, c := range []struct {
		change Change
		want   error
	}{
		{Change{Name: "lo", MTU: &mtu}, abi.EEXIST},
		{Change{Name: "new", MTU: &bad}, abi.EINVAL},
		{Change{Name: "new", MTU: &mtu, Address: []byte{1, 0, 0, 0, 0, 0}}, abi.EADDRNOTAVAIL},
		{Change{Name: "taken", To: b, Flags: abi.IFF_UP, Mask: abi.IFF_UP}, abi.EEXIST},
		{Change{To: b, NewIndex: 2}, abi.EBUSY},
		{Change{To: b, NewIndex: -2}, abi.EINVAL},
	} {
		if err := a.Set(2, "", &c.change); err != c.want {
			t.Errorf("%+v: %v, want %v", c.change, err, c.want)
		}
	}
	if after, _ := a.Find(2, ""); after != before || len(*told) != 0 {
		t.Errorf("it was %+v, is %+v, told %v", before, after, *told)
	}
}

func TestMove(t *testing.T) {
	a, b, told := tables()
	up := Change{Flags: abi.IFF_UP, Mask: abi.IFF_UP}
	if err := a.Set(2, "", &up); err != nil {
		t.Fatal(err)
	}
	if err := a.AddAddress(2, Address{IP: [4]byte{10, 0, 0, 1}, Prefix: 8}, false); err != nil {
		t.Fatal(err)
	}
	if err := a.Set(2, "", &Change{To: b, Name: "moved"}); err != nil {
		t.Fatal(err)
	}
	want := "[a: changed 2 dummy0 a: address 2 dummy0 a: changed 2 dummy0 a: address gone 2 dummy0 a: gone 2 dummy0 b: changed 2 moved]"
	if fmt.Sprint(*told) != want {
		t.Errorf("told %v,\nwant %v", *told, want)
	}
	a.want(t, "1 lo")
	b.want(t, "1 lo", "2 moved")
	if s, _ := b.Find(2, ""); s.Flags&abi.IFF_UP != 0 || s.Activated {
		t.Errorf("%+v", s)
	}
	if list, _ := b.Addresses(2); len(list) != 0 {
		t.Errorf("addresses %v", list)
	}
	for range 2 {
		if err := a.Create(&dummy, 0, &Change{Name: "d%d"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Set(2, "", &Change{To: a, Name: "back"}); err != nil { // 2 is free, as numbers go up
		t.Fatal(err)
	}
	if err := a.Set(3, "", &Change{To: b, NewIndex: 77}); err != nil {
		t.Fatal(err)
	}
	a.want(t, "1 lo", "2 back", "4 d1")
	b.want(t, "1 lo", "77 d0")
	b.Close()
	b.want(t)
}

// TestRace moves interfaces to and fro while others look.
func TestRace(t *testing.T) {
	owner := user.NewInitial()
	a, b := &Table{}, &Table{}
	a.InitFirst(&namespace{owner: owner}, nil, nil)
	b.Init(&namespace{owner: owner}, nil, a)
	var wg sync.WaitGroup
	for _, from := range [...]struct{ t, to *Table }{{a, b}, {b, a}} {
		for range 2 {
			wg.Go(func() {
				for range 500 {
					_ = from.t.Set(2, "", &Change{To: from.to, Flags: abi.IFF_UP, Mask: abi.IFF_UP})
					_ = from.t.AddAddress(2, Address{Prefix: 8}, false)
					from.t.AppendText(nil)
				}
			})
		}
	}
	wg.Wait()
	if n := len(a.Links()) + len(b.Links()); n != 3 {
		t.Errorf("%d interfaces", n)
	}
}

func TestLimits(t *testing.T) {
	a, b, _ := tables()
	for i := len(a.Links()); i < maxLinks; i++ {
		if err := a.Create(&dummy, 0, &Change{Name: fmt.Sprint("n", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Create(&dummy, 0, &Change{Name: "more"}); err != abi.ENOMEM {
		t.Errorf("one more: %v", err)
	}
	if err := b.Create(&dummy, 0, &Change{Name: "more"}); err != nil {
		t.Fatal(err)
	}
	if err := b.Set(0, "more", &Change{To: a}); err != abi.ENOMEM {
		t.Errorf("one more moves in: %v", err)
	}
}
