package bare

import (
	"testing"
	"unsafe"
)

const mib = 1 << 20

// memory returns n bytes that stand for physical memory, and the window that they are seen through.
func memory(n int) unsafe.Pointer {
	words := make([]uint64, n/8)
	return unsafe.Pointer(unsafe.SliceData(words))
}

func newPool(size uint64) *Pool {
	p := new(Pool)
	p.Init(memory(int(size)))
	p.Add(Region{0, size})
	return p
}

// drain takes all frames and checks that no two are the same and that all are in memory.
func drain(t *testing.T, p *Pool, limit uint64) map[uint64]bool {
	t.Helper()
	seen := make(map[uint64]bool)
	for n := p.Available(); ; n-- {
		f := p.Alloc()
		if f == 0 {
			if n != 0 {
				t.Fatalf("no frame, but %d are said to be left", n)
			}
			return seen
		}
		if f%PageSize != 0 || f >= limit || seen[f] {
			t.Fatalf("frame %#x: seen before: %v", f, seen[f])
		}
		seen[f] = true
	}
}

func TestPool(t *testing.T) {
	p := newPool(mib)
	if p.Total() != 255 { // without frame 0
		t.Errorf("%d frames, want 255", p.Total())
	}
	frames := drain(t, p, mib)
	for f := range frames {
		p.Free(f)
	}
	if n := len(drain(t, p, mib)); n != 255 {
		t.Errorf("%d frames after all were freed, want 255", n)
	}
	p.Free(0x5000)
	p.Free(0x7000)
	if f := p.Alloc(); f != 0x7000 {
		t.Errorf("got frame %#x, want the one freed last", f)
	}
}

func TestPoolExclude(t *testing.T) {
	p := newPool(mib)
	p.Exclude(Region{0x10001, 0x11fff}) // touches two frames
	p.Exclude(Region{0x20000, 0x20000}) // empty
	p.Exclude(Region{0xff000, 2 * mib})
	p.Exclude(Region{0, 0x2000})
	p.Exclude(Region{0x12000, 0x13000})
	want := uint64(256 - 2 - 2 - 1 - 1)
	if p.Available() != want || p.Total() != want {
		t.Errorf("%d of %d frames, want %d", p.Available(), p.Total(), want)
	}
	for f := range drain(t, p, 0xff000) {
		if f < 0x2000 || f >= 0x10000 && f < 0x13000 {
			t.Errorf("frame %#x was excluded", f)
		}
	}
}

func TestPoolExcludeAll(t *testing.T) {
	p := newPool(mib)
	p.Exclude(Region{0, mib})
	if p.Available() != 0 || p.Alloc() != 0 {
		t.Errorf("%d frames are left", p.Available())
	}
}

func TestPoolSorted(t *testing.T) {
	p := new(Pool)
	p.Init(memory(mib))
	for _, r := range []Region{{0x40000, 0x42000}, {0x10800, 0x12800}, {0x80000, 0x80fff}, {0x20000, 0x21000}} {
		p.Add(r)
	}
	for _, want := range []uint64{0x11000, 0x20000, 0x40000, 0x41000, 0} {
		if f := p.Alloc(); f != want {
			t.Errorf("got frame %#x, want %#x: the lowest comes first", f, want)
		}
	}
}

func TestPoolRange(t *testing.T) {
	p := newPool(mib)
	total := p.Total()
	a := p.AllocRange(3, 0x4000, 0x90000)
	if a != 0x8c000 {
		t.Errorf("3 frames below 0x90000, aligned to 0x4000: at %#x, want 0x8c000", a)
	}
	if p.Available() != total-3 || p.Total() != total {
		t.Errorf("%d of %d frames are left, want %d of %d", p.Available(), p.Total(), total-3, total)
	}
	if b := p.AllocRange(300, PageSize, mib); b != 0 {
		t.Errorf("300 frames at %#x: there are not that many", b)
	}
	for f := range drain(t, p, mib) {
		if f >= a && f < a+3*PageSize {
			t.Errorf("frame %#x was handed out before", f)
		}
	}
	if b := p.AllocRange(1, PageSize, mib); b != 0 {
		t.Errorf("a frame at %#x of an empty pool", b)
	}
}

func TestPoolRegions(t *testing.T) {
	p := new(Pool)
	p.Init(memory(mib))
	for i := range uint64(MaxRegions + 5) {
		p.Add(Region{i * 0x3000, i*0x3000 + 0x2000})
	}
	want := uint64(2*MaxRegions - 1)
	if p.Total() != want {
		t.Errorf("%d frames, want %d: what finds no room is left out", p.Total(), want)
	}
	p.Exclude(Region{0x4000, 0x5000})
	drain(t, p, mib)
}

func TestPoolNoAllocation(t *testing.T) {
	p := newPool(mib)
	if n := testing.AllocsPerRun(100, func() { p.Free(p.Alloc()) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkPool(b *testing.B) {
	p := newPool(mib)
	b.ReportAllocs()
	for b.Loop() {
		p.Free(p.Alloc())
	}
}
