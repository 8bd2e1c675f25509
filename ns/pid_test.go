package ns

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"cleave/abi"
	"cleave/ns/user"
)

func TestPIDNumbers(t *testing.T) {
	w := newWorld(t)
	var made []*PID
	alloc := func(n *PIDNamespace) *PID {
		p, err := n.Alloc(nil)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, p)
		return p
	}
	for range 10 {
		alloc(w.pid)
	}
	outer, err := w.pid.NewChild(w.root)
	wantErr(t, "outer", err, 0)
	inner, err := outer.NewChild(w.root)
	wantErr(t, "inner", err, 0)
	alloc(outer)
	alloc(outer)
	p := alloc(inner)
	if got := fmt.Sprint(p.Numbers(w.pid), p.Numbers(outer), p.Number(), p.Global()); got != "[13 3 1] [3 1] 1 13" {
		t.Error(got)
	}
	if p.In(w.pid) != 13 || p.In(outer) != 3 || p.In(inner) != 1 || made[0].In(inner) != 0 || made[0].In(outer) != 0 {
		t.Error("numbers as seen from each namespace")
	}
	sibling, err := outer.NewChild(w.root)
	wantErr(t, "sibling", err, 0)
	if p.In(sibling) != 0 || p.Namespace() != inner {
		t.Error("a sibling namespace sees it")
	}
	if w.pid.Find(13) != p || outer.Find(3) != p || inner.Find(1) != p || inner.Find(13) != nil || inner.Find(-1) != nil || inner.Find(1<<30) != nil {
		t.Error("Find")
	}
	var seen []int32
	for q, nr := outer.Next(0); q != nil; q, nr = outer.Next(nr + 1) {
		seen = append(seen, nr)
	}
	if !slices.Equal(seen, []int32{1, 2, 3}) {
		t.Error("Next", seen)
	}
	if !inner.Within(w.pid) || !inner.Within(inner) || inner.Within(sibling) || outer.Within(inner) {
		t.Error("Within")
	}
	sibling.Put()
	inner.Put()
	outer.Put()
	if w.root.NS.Live(user.KindPID) != 3 {
		t.Error("a pid keeps its namespaces")
	}
	for _, p := range made {
		p.Put()
	}
	if w.root.NS.Live(user.KindPID) != 1 || w.pid.Count() != 0 {
		t.Error("pid namespaces or numbers are left")
	}
}

func TestPIDNumbersGoRound(t *testing.T) {
	w := newWorld(t)
	n := w.pid
	wantErr(t, "too low", n.SetMax(300), abi.EINVAL)
	wantErr(t, "too high", n.SetMax(PIDMaxLimit+1), abi.EINVAL)
	wantErr(t, "max", n.SetMax(1000), 0)
	first, err := n.Alloc(nil)
	wantErr(t, "first", err, 0)
	for want := int32(2); want < 1000; want++ {
		p, err := n.Alloc(nil)
		if err != nil || p.Number() != want {
			t.Fatal(p, err, want)
		}
		p.Put()
	}
	p, err := n.Alloc(nil)
	wantErr(t, "second round", err, 0)
	if p.Number() != reservedPIDs || n.Last() != reservedPIDs {
		t.Errorf("the second round begins at %d", p.Number())
	}
	p.Put()
	n.SetLast(5)
	p, err = n.Alloc(nil)
	wantErr(t, "after ns_last_pid", err, 0)
	if p.Number() != 6 {
		t.Errorf("%d after ns_last_pid 5", p.Number())
	}
	p.Put()
	// All in use.
	var all []*PID
	for {
		p, err := n.Alloc(nil)
		if err != nil {
			wantErr(t, "none is free", err, abi.EAGAIN)
			break
		}
		all = append(all, p)
	}
	all[500].Put()
	free := all[500].Number()
	p, err = n.Alloc(nil)
	wantErr(t, "one is free", err, 0)
	if p.Number() != free {
		t.Errorf("%d, want %d", p.Number(), free)
	}
	first.Put()
}

func TestPIDErrors(t *testing.T) {
	w := newWorld(t)
	n, err := w.pid.NewChild(w.root)
	wantErr(t, "child", err, 0)
	_, err = n.Alloc([]int32{5})
	wantErr(t, "the first one is not 1", err, abi.EINVAL)
	_, err = n.Alloc([]int32{1, 1, 1})
	wantErr(t, "more numbers than levels", err, abi.EINVAL)
	_, err = n.Alloc([]int32{1, 77})
	wantErr(t, "wanted numbers", err, abi.EINVAL)
	root, err := w.pid.Alloc(nil)
	wantErr(t, "init", err, 0)
	one, err := n.Alloc([]int32{1, 77})
	wantErr(t, "wanted numbers", err, 0)
	if one.In(n) != 1 || one.In(w.pid) != 77 {
		t.Error(one.Numbers(w.pid))
	}
	count := w.pid.Count()
	_, err = n.Alloc([]int32{2, 77})
	wantErr(t, "taken", err, abi.EEXIST)
	_, err = n.Alloc([]int32{0})
	wantErr(t, "zero", err, abi.EINVAL)
	if n.Max() != PIDMaxLimit {
		t.Error("pid_max of a new namespace")
	}
	_, err = n.Alloc([]int32{5, DefaultPIDMax})
	wantErr(t, "pid_max", err, abi.EINVAL)
	if w.pid.Count() != count || n.Count() != 1 {
		t.Error("numbers are left after an error")
	}
	n.Close()
	_, err = n.Alloc(nil)
	wantErr(t, "init is dead", err, abi.ENOMEM)
	root.Put()

	inner, err := w.root.Create(false)
	wantErr(t, "user namespace", err, 0)
	deep, err := w.pid.NewChild(inner)
	wantErr(t, "of an inner user namespace", err, 0)
	_, err = deep.NewChild(w.root)
	wantErr(t, "below one that an inner user namespace owns", err, abi.EINVAL)

	at := w.pid
	for level := 1; level <= MaxPIDLevel; level++ {
		if at, err = at.NewChild(w.root); err != nil {
			t.Fatal(level, err)
		}
	}
	_, err = at.NewChild(w.root)
	wantErr(t, "too deep", err, abi.ENOSPC)
	if p, err := at.Alloc(nil); err != nil || len(p.Numbers(w.pid)) != MaxPIDLevel+1 {
		t.Error("a process at the deepest level", err)
	}
}

// TestPIDRandom holds the tables against a plain map.
func TestPIDRandom(t *testing.T) {
	w := newWorld(t)
	r := rand.New(rand.NewSource(1))
	wantErr(t, "max", w.pid.SetMax(3000), 0)
	have := map[int32]*PID{}
	for range 200000 {
		if r.Intn(2) == 0 || len(have) == 0 {
			p, err := w.pid.Alloc(nil)
			if err != nil {
				if len(have) < 3000-reservedPIDs {
					t.Fatal(err, len(have))
				}
				continue
			}
			if have[p.Number()] != nil {
				t.Fatal("a number is given out twice")
			}
			have[p.Number()] = p
			continue
		}
		for nr, p := range have {
			if w.pid.Find(nr) != p {
				t.Fatal("not found")
			}
			p.Put()
			if w.pid.Find(nr) != nil {
				t.Fatal("found after the last reference")
			}
			delete(have, nr)
			break
		}
	}
	if w.pid.Count() != len(have) {
		t.Error("count")
	}
}

func BenchmarkPIDAlloc(b *testing.B) {
	n := NewInitialPID(user.NewInitial())
	b.ReportAllocs()
	for b.Loop() {
		p, err := n.Alloc(nil)
		if err != nil {
			b.Fatal(err)
		}
		p.Put()
	}
}
