package frame

import (
	"sync"
	"testing"

	"cleave/abi"
)

func alloc(t testing.TB, p *Pool) PFN {
	t.Helper()
	f, err := p.Alloc(Anonymous)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func wantInUse(t testing.TB, p *Pool, want int) {
	t.Helper()
	s := p.Stats()
	if s.InUse() != want || s.Free != s.Total-want-s.Reserved {
		t.Errorf("%d frames in use, want %d: %+v", s.InUse(), want, s)
	}
}

func TestLastUnrefFrees(t *testing.T) {
	p := NewArena(8)
	f := alloc(t, p)
	p.Ref(f)
	p.Unref(f)
	if p.Refs(f) != 1 {
		t.Errorf("%d references, want 1", p.Refs(f))
	}
	wantInUse(t, p, 1)
	p.Unref(f)
	wantInUse(t, p, 0)
}

func TestEveryFrameIsHandedOutOnce(t *testing.T) {
	const n = 300
	p := NewArena(n)
	seen := map[PFN]bool{}
	for range n {
		f := alloc(t, p)
		if f == 0 || seen[f] {
			t.Fatalf("frame %d was handed out twice", f)
		}
		seen[f] = true
		p.Page(f)[0] = byte(f)
	}
	if _, err := p.Alloc(Anonymous); err != abi.ENOMEM {
		t.Errorf("one more: %v, want ENOMEM", err)
	}
	for f := range seen {
		if p.Page(f)[0] != byte(f) {
			t.Errorf("frame %d overlaps another", f)
		}
		p.Unref(f)
	}
	wantInUse(t, p, 0)
	p.Trim()
	if s := p.Stats(); p.source.Free() != n || s.Free != n {
		t.Errorf("the source has %d frames after Trim, want %d", p.source.Free(), n)
	}
}

func TestAllocZeroed(t *testing.T) {
	p := NewArena(1)
	f := alloc(t, p)
	p.Page(f)[7] = 1
	p.Unref(f)
	f, err := p.AllocZeroed(PageTable)
	if err != nil || *p.Page(f) != (Page{}) {
		t.Errorf("page is not zero, or %v", err)
	}
	if s := p.Stats(); s.Used[PageTable] != 1 || p.Uses(f) != PageTable {
		t.Errorf("use is not counted: %+v", s)
	}
}

func TestMiscountPanics(t *testing.T) {
	for name, op := range map[string]func(*Pool, PFN){"Ref": (*Pool).Ref, "Unref": (*Pool).Unref,
		"UnrefAll": func(p *Pool, f PFN) { p.UnrefAll([]PFN{f}) }} {
		t.Run(name, func(t *testing.T) {
			p := NewArena(4)
			alloc(t, p)
			f := alloc(t, p)
			p.Unref(f)
			defer func() {
				if recover() == nil {
					t.Error("no panic for a free frame")
				}
			}()
			op(p, f)
		})
	}
}

func TestReserveIsLeftInSource(t *testing.T) {
	p := NewArena(16)
	p.low = 10
	for range 6 {
		alloc(t, p)
	}
	if _, err := p.Alloc(Anonymous); err != abi.ENOMEM {
		t.Errorf("a frame of the reserve: %v, want ENOMEM", err)
	}
}

func TestReservation(t *testing.T) {
	p := NewArena(10)
	var r Reservation
	if err := p.Reserve(&r, 11); err != abi.ENOMEM || r.Len() != 0 {
		t.Errorf("more than there is: %v, %d frames", err, r.Len())
	}
	if err := p.Reserve(&r, 6); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		alloc(t, p)
	}
	if _, err := p.Alloc(Anonymous); err != abi.ENOMEM {
		t.Errorf("a reserved frame was handed out: %v", err)
	}
	f := r.AllocZeroed(PageTable)
	if p.Refs(f) != 1 || r.Len() != 5 {
		t.Errorf("refs %d, %d left", p.Refs(f), r.Len())
	}
	r.Release()
	r.Release()
	wantInUse(t, p, 5)
}

func TestReclaimersAreAskedInTurn(t *testing.T) {
	p := NewArena(4)
	var cache []PFN
	for range 4 {
		cache = append(cache, alloc(t, p))
	}
	asked := ""
	p.AddReclaimer(func(int) int { asked += "a"; return 0 })
	p.AddReclaimer(func(int) int {
		asked += "b"
		p.Unref(cache[0])
		cache = cache[1:]
		return 1
	})
	cache = append(cache, alloc(t, p))
	if asked != "ab" || p.Reclaims() != 1 {
		t.Errorf("asked %q, %d times", asked, p.Reclaims())
	}
	p.reclaimers = p.reclaimers[:1]
	if _, err := p.Alloc(Anonymous); err != abi.ENOMEM {
		t.Errorf("nothing to reclaim: %v, want ENOMEM", err)
	}
}

func TestFailAt(t *testing.T) {
	p := NewArena(8)
	alloc(t, p)
	p.FailAt(2)
	alloc(t, p)
	if _, err := p.Alloc(Anonymous); err != abi.ENOMEM {
		t.Errorf("second allocation: %v, want ENOMEM", err)
	}
	alloc(t, p)
	if left := p.FailAt(0); left != 0 {
		t.Errorf("failure %d is still to come", left)
	}
}

func TestAdopt(t *testing.T) {
	p := NewArena(8)
	p.source.(*arena).free = p.source.(*arena).free[4:] // frames 5 to 8 belong to the boot loader
	p.source.(*arena).total = 4
	p.Adopt(5, 4, PageCache)
	if s := p.Stats(); s.Total != 8 || s.Used[PageCache] != 4 || s.Free != 4 {
		t.Errorf("after Adopt: %+v", s)
	}
	for f := PFN(5); f <= 8; f++ {
		p.Unref(f)
	}
	wantInUse(t, p, 0)
}

func TestConcurrentUse(t *testing.T) {
	p := NewArena(64)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				f, err := p.AllocZeroed(Anonymous)
				if err != nil {
					continue
				}
				p.Page(f)[0] = 1
				p.Ref(f)
				p.Unref(f)
				p.Unref(f)
			}
		})
	}
	wg.Wait()
	wantInUse(t, p, 0)
}

type recorder struct {
	calls int
	on    func()
	busy  bool
}

func (r *recorder) UnmapPages(_ Mapping, _, _ uint64, _, try bool) bool {
	r.calls++
	if r.on != nil {
		r.on()
		r.on = nil
	}
	return !(try && r.busy)
}

func TestUnmapVisitsMappersThatAreAddedMeanwhile(t *testing.T) {
	var s Mappers
	var parent, child recorder
	parent.on = func() { s.AddMapper(&child) }
	s.AddMapper(&parent)
	s.Unmap(nil, 0, 1, true)
	if child.calls == 0 {
		t.Error("the child that was forked during the pass was not visited")
	}
	child.busy = true
	if s.TryUnmap(nil, 0, 1) {
		t.Error("TryUnmap succeeded although an address space was locked")
	}
	s.RemoveMapper(&parent)
	s.RemoveMapper(&child)
	if s.Mapped() {
		t.Error("still mapped at the end")
	}
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	p := NewArena(64)
	if n := testing.AllocsPerRun(100, func() {
		f := alloc(t, p)
		p.Ref(f)
		p.Unref(f)
		p.Unref(f)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAllocUnref(b *testing.B) {
	p := NewArena(64)
	b.ReportAllocs()
	for b.Loop() {
		p.Unref(alloc(b, p))
	}
}
