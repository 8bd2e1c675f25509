package frame

import "testing"

func TestAccount(t *testing.T) {
	p := NewArena(64)
	top, _ := p.NewAccount(nil)
	a, _ := p.NewAccount(top)
	b, _ := p.NewAccount(top)
	take := func(use Use, to *Account) PFN {
		f, err := p.Alloc(use)
		if err != nil {
			t.Fatal(err)
		}
		p.Charge(f, to)
		return f
	}
	want := func(what string, x *Account, total int) {
		t.Helper()
		if u := x.Usage(); u.Total != total {
			t.Errorf("%s: %d frames, want %d", what, u.Total, total)
		}
	}
	a.SetLimit(2)
	f := []PFN{take(Anonymous, a), take(PageCache, a), take(Anonymous, b), take(Anonymous, nil)}
	want("a", a, 2)
	want("b", b, 1)
	want("above", top, 3)
	if a.Over() {
		t.Error("over its limit by having just that")
	}
	p.Charge(f[0], b)
	p.Ref(f[0])
	p.Unref(f[0])
	want("a, whose frame another has charged and shared", a, 2)
	f = append(f, take(Anonymous, a))
	if !a.Over() || !a.OverHere() || b.Over() || top.OverHere() {
		t.Error("one frame too many is not seen, or seen elsewhere")
	}
	top.SetLimit(3)
	if !b.Over() || b.OverHere() {
		t.Error("the limit above is not seen")
	}
	if u := top.Usage(); u.Used[Anonymous] != 3 || u.Used[PageCache] != 1 || u.Peak != 4 {
		t.Errorf("%+v", u)
	}
	a.Release()
	want("above, after the release of one with frames", top, 4)
	if n := p.Accounts(); n != 3 {
		t.Errorf("%d accounts", n)
	}
	late := take(Anonymous, a)
	want("above, charged by way of a released one", top, 5)
	f = append(f, late)
	p.UnrefAll(f)
	want("above", top, 0)
	low, _ := p.NewAccount(b)
	g := take(Anonymous, low)
	b.Release()
	low.Release()
	p.Unref(g)
	b, _ = p.NewAccount(top)
	if n := p.Accounts(); n != 2 || top.Over() {
		t.Errorf("%d accounts; over: %v", n, top.Over())
	}
	c, _ := p.NewAccount(top)
	if c.id > 3 {
		t.Errorf("number %d is given, though lower ones are free", c.id)
	}
	for _, x := range []*Account{b, c, top} {
		x.Release()
	}
	if n := p.Accounts(); n != 0 {
		t.Errorf("%d accounts are left", n)
	}
}

func BenchmarkChargedFrame(b *testing.B) {
	p := NewArena(64)
	a, _ := p.NewAccount(nil)
	b.ReportAllocs()
	for b.Loop() {
		f, _ := p.Alloc(Anonymous)
		p.Charge(f, a)
		p.Unref(f)
	}
}
