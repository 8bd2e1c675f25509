package mm

import (
	"testing"

	"cleave/abi"
	"cleave/mm/frame"
)

// TestFramesAreCharged touches memory of every kind and looks who was charged.
func TestFramesAreCharged(t *testing.T) {
	m := newMemory(t, 256)
	a, _ := m.pool.NewAccount(nil)
	b, _ := m.pool.NewAccount(nil)
	t.Cleanup(func() {
		for _, x := range []*frame.Account{a, b} {
			if n := x.Usage().Total; n != 0 {
				t.Errorf("%d frames are still charged", n)
			}
		}
	})
	f := newFile(t, m, 8)
	as := newSpace(t, m)
	want := func(what string, x *frame.Account, anon, cache int) {
		t.Helper()
		if u := x.Usage(); u.Used[frame.Anonymous] != anon || u.Used[frame.PageCache] != cache {
			t.Errorf("%s: %d anonymous and %d cached frames, want %d and %d", what, u.Used[frame.Anonymous], u.Used[frame.PageCache], anon, cache)
		}
	}
	mustMap(t, as, 0x20000000, 16, rw)
	mustStore(t, as, 0x20000000, 1) // nobody's
	as.SetAccount(a)
	wantWord(t, as, 0x20001000, 0) // the page of zeros
	want("reading zeros", a, 0, 0)
	mustStore(t, as, 0x20002000, 1)
	mustStore(t, as, 0x20001000, 1)
	want("writing", a, 2, 0)
	mapFile(t, as, f, 0, 8, rw, abi.MAP_PRIVATE)
	wantWord(t, as, testAddr, 0x01010101)
	want("reading a file", a, 2, 1)
	mustStore(t, as, testAddr, 5)
	want("a private copy", a, 3, 1)
	child, err := as.Fork()
	if err != nil {
		t.Fatal(err)
	}
	child.SetAccount(b)
	want("forking", b, 0, 0)
	mustStore(t, child, 0x20002000, 2)
	mustStore(t, child, 0x20003000, 2)
	want("the child's copies", b, 2, 0)
	want("the parent's", a, 3, 1)
	child.Unref()
	want("after the child", b, 0, 0)
	if _, err := as.Map(Map{Addr: 0x40000000, Len: 4 * PageSize, Prot: rw, Flags: shared | abi.MAP_FIXED}); err != nil {
		t.Fatal(err)
	}
	mustStore(t, as, 0x40000000, 1)
	want("shared memory", a, 4, 1)
}

// TestPopulateStopsAtTheLimit shows that memory that nobody needs yet does not go over the limit by more than a fault's.
func TestPopulateStopsAtTheLimit(t *testing.T) {
	m := newMemory(t, 256)
	a, _ := m.pool.NewAccount(nil)
	a.SetLimit(10)
	as := newSpace(t, m)
	as.SetAccount(a)
	if _, err := as.Map(Map{Len: 100 * PageSize, Prot: rw, Flags: private | abi.MAP_POPULATE}); err != nil {
		t.Fatal(err)
	}
	if n := a.Usage().Total; n <= 10 || n > 10+faultAhead {
		t.Errorf("%d frames", n)
	}
}
