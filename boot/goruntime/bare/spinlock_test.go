package bare

import (
	"sync"
	"testing"
)

// add counts under the lock. As in the kernel, nothing interrupts who holds a lock: Go's scheduler does not step in where
// there is no stack check. It would wait for ever for those that spin.
//
//go:nosplit
func add(l *SpinLock, n *int) {
	l.Lock()
	*n++
	l.Unlock()
}

func TestSpinLock(t *testing.T) {
	var l SpinLock
	var wg sync.WaitGroup
	n := 0
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				add(&l, &n)
			}
		})
	}
	wg.Wait()
	if n != 4000 {
		t.Errorf("%d, want 4000", n)
	}
	l.Lock()
	if l.TryLock(10) {
		t.Error("a lock that is held was taken")
	}
	l.Unlock()
	if !l.TryLock(1) {
		t.Error("a lock that is free was not taken")
	}
}

// TestPoolCPUs has several CPUs take and give frames: no frame is had by two at once, and none is lost.
func TestPoolCPUs(t *testing.T) {
	p := newPool(mib)
	free := p.Available()
	owned := make([]int, mib/PageSize) // what the race detector and the check below watch
	var wg sync.WaitGroup
	for cpu := range 4 {
		wg.Go(func() {
			var batch [7]uint32
			for i := range 500 {
				var frames []uint32
				if i%2 == 0 {
					frames = batch[:p.Take(batch[:], 20)]
				} else if f := p.Alloc(); f != 0 {
					frames = append(frames, uint32(f/PageSize))
				}
				for _, f := range frames {
					owned[f] = cpu + 1
				}
				for _, f := range frames {
					if owned[f] != cpu+1 {
						t.Errorf("frame %d is had by two", f)
					}
				}
				p.Give(frames)
			}
		})
	}
	wg.Wait()
	if p.Available() != free || len(drain(t, p, mib)) != int(free) {
		t.Errorf("%d frames, want %d", p.Available(), free)
	}
}

func TestPoolTakeKeeps(t *testing.T) {
	p := newPool(mib)
	dst := make([]uint32, 300)
	if n := p.Take(dst, 55); n != 200 || p.Available() != 55 {
		t.Errorf("took %d, left %d; want 200, 55", n, p.Available())
	}
	if n := p.Take(dst, 55); n != 0 {
		t.Errorf("took %d of those that are kept", n)
	}
}

// TestTablesCPUs has several CPUs map pages next to each other's, so that they make the same tables.
func TestTablesCPUs(t *testing.T) {
	const va = 0xffffc00000000000
	tables, p := newTables(t)
	before := p.Available()
	var wg sync.WaitGroup
	for cpu := range 4 {
		wg.Go(func() {
			for i := cpu; i < 2048; i += 4 {
				e := tables.Entry(va+uintptr(i)*PageSize, 1)
				if e == nil {
					t.Error("no frame")
					return
				}
				*e = uint64(i+1)*PageSize | Present
			}
		})
	}
	wg.Wait()
	for i := range uint64(2048) {
		if pa, _, ok := translate(tables, va+uintptr(i)*PageSize); !ok || pa != (i+1)*PageSize {
			t.Fatalf("page %d is mapped to %#x, %v", i, pa, ok)
		}
	}
	if n := before - p.Available(); n != 2+4 { // levels 3 and 2, and one of level 1 for each 2 MiB
		t.Errorf("%d tables, want 6", n)
	}
}
