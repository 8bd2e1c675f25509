package ring

import (
	"bytes"
	"math/rand"
	"sync"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm/frame"
)

func (r *Ring) put(b []byte) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(b), r.Free())
	r.StartWrite(n)
	if _, err := r.CopyIn(&fs.Bytes{B: b}, n); err != nil {
		n = 0
	}
	r.EndWrite(n)
	return n
}

func (r *Ring) get(off, n, drop int) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := make([]byte, n)
	r.StartRead()
	n, _ = r.CopyOut(&fs.Bytes{B: b}, off, n)
	r.EndRead(drop)
	return b[:n]
}

func newRing(t *testing.T, size int) (*Ring, *frame.Pool) {
	pool := frame.NewArena(100)
	r := &Ring{}
	r.Init(pool, new(sync.Mutex), size)
	t.Cleanup(func() {
		r.Clear()
		if n := pool.Stats().InUse(); n != 0 {
			t.Errorf("%d frames are lost", n)
		}
	})
	return r, pool
}

func pattern(n, seed int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8 + seed)
	}
	return b
}

func TestPositionsWrapAround(t *testing.T) {
	r, _ := newRing(t, 16384)
	r.head, r.tail, r.claim = 1<<32-5000, 1<<32-5000, 1<<32-5000
	in := pattern(9000, 3)
	r.put(in)
	if out := r.get(0, 9000, 9000); !bytes.Equal(in, out) {
		t.Error("bytes are damaged where positions wrap around")
	}
}

// TestAgainstSlice does random operations on a ring and on a slice, and compares.
func TestAgainstSlice(t *testing.T) {
	r, pool := newRing(t, 16384)
	rnd := rand.New(rand.NewSource(1))
	var model []byte
	for i := range 20000 {
		switch rnd.Intn(10) {
		case 0:
			size := 4096 << rnd.Intn(4)
			r.mu.Lock()
			err := r.Resize(size)
			r.mu.Unlock()
			if (err == abi.EBUSY) != (len(model) > size) {
				t.Fatalf("Resize(%d) of %d bytes: %v", size, len(model), err)
			}
		case 1, 2, 3, 4:
			b := pattern(rnd.Intn(6000), i)
			model = append(model, b[:r.put(b)]...)
		default:
			if len(model) == 0 {
				continue
			}
			off := rnd.Intn(len(model))
			n := rnd.Intn(len(model) - off + 1)
			drop := rnd.Intn(off + n + 1)
			if got := r.get(off, n, drop); !bytes.Equal(got, model[off:off+n]) {
				t.Fatalf("step %d: %d bytes at %d differ", i, n, off)
			}
			model = model[drop:]
		}
		if r.Len() != len(model) {
			t.Fatalf("step %d: %d bytes, want %d", i, r.Len(), len(model))
		}
		if n := pool.Stats().InUse(); n > len(model)/frame.Size+2+4 {
			t.Fatalf("step %d: %d frames for %d bytes", i, n, len(model))
		}
	}
}
