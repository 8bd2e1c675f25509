package mm

import (
	"sync"
	"testing"

	"cleave/abi"
)

// Threads of one address space fault, map, unmap, fork and lose pages at the same time. Each has words of its own, whose
// values must survive whatever the others do.
func TestThreads(t *testing.T) {
	m := newMemory(t, 4096)
	f := newFile(t, m, 16)
	for i := range uint64(16) {
		if err := f.ReadPage(i); err != nil {
			t.Fatal(err)
		}
	}
	as := newSpace(t, m)
	mustMap(t, as, testAddr, 64, rw)
	var wg sync.WaitGroup
	for id := range uint32(3) {
		wg.Go(func() { threadWords(t, as, testAddr+id*4, 300) })
	}
	wg.Go(func() {
		for range 100 {
			c, err := as.Fork()
			if err != nil {
				t.Error(err)
				return
			}
			threadWords(t, c, testAddr+12, 10)
			c.Unref()
		}
	})
	wg.Go(func() { threadMaps(t, as, f) })
	wg.Go(func() {
		for range 200 {
			f.TryUnmap(f, 0, 16)
			f.Unmap(f, 3, 2, false)
		}
	})
	wg.Wait()
}

// threadWords writes and reads back a word in each of 64 pages.
func threadWords(t *testing.T, as *AddressSpace, addr uint32, rounds uint32) {
	for i := range rounds {
		at := addr + i%64*PageSize
		if err := as.Store32(at, i); err != nil {
			t.Error(err)
			return
		}
		if v, err := as.Load32(at); err != nil || v != i {
			t.Errorf("word at %#x: %d, %v, want %d", at, v, err, i)
			return
		}
	}
}

// threadMaps maps, reads and unmaps a file.
func threadMaps(t *testing.T, as *AddressSpace, f *testFile) {
	var b [2 * PageSize]byte
	for range 200 {
		a, err := as.Map(Map{Len: 16 * PageSize, Prot: rw, MaxProt: rw, Flags: abi.MAP_PRIVATE, Mapping: f})
		if err != nil {
			t.Error(err)
			return
		}
		if err := as.CopyIn(b[:], a+3*PageSize); err != nil || b[0] != 4 || b[PageSize] != 5 {
			t.Errorf("file pages: %d, %d, %v", b[0], b[PageSize], err)
		}
		if err := as.CopyOut(a+3*PageSize, []byte{9}); err != nil {
			t.Error(err)
		}
		if err := as.Unmap(a, 16*PageSize); err != nil {
			t.Error(err)
		}
	}
}
