package bare

import (
	"testing"
	"unsafe"
)

// translate walks the tables as the CPU does and returns the physical address and the flags of the page.
func translate(t *Tables, va uintptr) (pa, flags uint64, ok bool) {
	table := t.Root
	for level := uint(4); level > 0; level-- {
		shift := 3 + 9*level
		e := *(*uint64)(unsafe.Add(t.window, table+uint64(va>>shift&511*8)))
		if e&Present == 0 {
			return 0, 0, false
		}
		if level == 1 || e&Large != 0 {
			size := uint64(1) << shift
			return e&AddressMask&^(size-1) | uint64(va)&(size-1), e &^ AddressMask, true
		}
		table = e & AddressMask
	}
	return 0, 0, false
}

func newTables(t *testing.T) (*Tables, *Pool) {
	p := newPool(4 * mib)
	tables := new(Tables)
	if !tables.Init(p) {
		t.Fatal("no frame for the root")
	}
	return tables, p
}

func TestMapRange(t *testing.T) {
	const va = 0xffff800000000000
	for _, largest := range []uint64{Page4K, Page2M, Page1G} {
		tables, _ := newTables(t)
		start, end := uint64(Page1G-Page2M-3*Page4K), uint64(2*Page1G+Page2M+5*Page4K)
		if largest == Page4K {
			end = Page1G + Page2M
		}
		if !tables.MapRange(va+uintptr(start), start, end-start, Writable|NoExecute, largest) {
			t.Fatal("no frames")
		}
		for _, pa := range []uint64{start, start + 3*Page4K, Page1G - 1, Page1G, Page1G + Page2M - 1, end - 1} {
			got, flags, ok := translate(tables, va+uintptr(pa))
			if !ok || got != pa || flags&(Writable|NoExecute|User) != Writable|NoExecute {
				t.Errorf("largest %#x: %#x is mapped to %#x, %#x, %v", largest, pa, got, flags, ok)
			}
		}
		for _, pa := range []uint64{start - 1, end} {
			if _, _, ok := translate(tables, va+uintptr(pa)); ok {
				t.Errorf("largest %#x: %#x is mapped", largest, pa)
			}
		}
	}
}

func TestMapRangeKeeps(t *testing.T) {
	const va = 0xffff800000000000
	tables, p := newTables(t)
	*tables.Entry(va+Page2M, 2) = *tables.Entry(va+Page4K, 1) | Present // a page table in the way of a large page
	tables.MapRange(va+Page2M, Page2M, Page2M, NoExecute, Page4K)
	if !tables.MapRange(va, 0, 4*Page2M, Writable, Page1G) {
		t.Fatal("no frames")
	}
	if _, flags, ok := translate(tables, va+Page2M+5*Page4K); !ok || flags&(Writable|NoExecute) != NoExecute {
		t.Errorf("a mapping was replaced: %#x, %v", flags, ok)
	}
	n := p.Available()
	if !tables.MapRange(va+Page2M*3+Page4K, Page2M*3+Page4K, Page2M/2, 0, Page4K) || p.Available() != n {
		t.Errorf("what a large page maps needs no table")
	}
	if !tables.MapRange(va+Page2M*3+Page4K, Page2M*3+Page4K, 2*Page2M, Writable, Page2M) {
		t.Fatal("no frames")
	}
	for _, pa := range []uint64{Page2M*4 - 1, Page2M * 4, Page2M*5 + Page4K - 1} {
		if got, _, ok := translate(tables, va+uintptr(pa)); !ok || got != pa {
			t.Errorf("behind a large page: %#x is mapped to %#x, %v", pa, got, ok)
		}
	}
	if _, _, ok := translate(tables, va+Page2M*5+Page4K); ok {
		t.Error("too much is mapped behind a large page")
	}
	if tables.Entry(va+Page2M*3, 1) != nil {
		t.Errorf("there is no entry below a large page")
	}
}

func TestEntryWithoutFrames(t *testing.T) {
	p := newPool(3 * PageSize) // frame 0 is none: two
	tables := new(Tables)
	if !tables.Init(p) {
		t.Fatal("no frame for the root")
	}
	if tables.Entry(0x1000, 1) != nil || tables.MapRange(0x1000, 0, PageSize, 0, Page4K) {
		t.Errorf("tables out of nothing")
	}
}

func TestLookup(t *testing.T) {
	tables, p := newTables(t)
	n := p.Available()
	if tables.Lookup(0x1234000) != nil || p.Available() != n {
		t.Errorf("Lookup made a table")
	}
	e := tables.Entry(0x1234000, 1)
	if got := tables.Lookup(0x1234000); got != e {
		t.Errorf("Lookup gave another entry than Entry")
	}
}
