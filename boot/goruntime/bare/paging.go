package bare

import (
	"sync/atomic"
	"unsafe"
)

// The bits of a page table entry (Intel SDM vol. 3, 4.5.4).
const (
	Present      = 1 << 0
	Writable     = 1 << 1
	User         = 1 << 2
	WriteThrough = 1 << 3
	NoCache      = 1 << 4
	Accessed     = 1 << 5
	Dirty        = 1 << 6
	Large        = 1 << 7 // in a directory or a directory pointer table: a page of 2 MiB or 1 GiB
	Global       = 1 << 8
	NoExecute    = 1 << 63

	AddressMask = 0x000f_ffff_ffff_f000
)

// The sizes of pages that a table of level 1, 2 and 3 maps.
const (
	Page4K = 1 << 12
	Page2M = 1 << 21
	Page1G = 1 << 30
)

// Tables is a tree of four levels of page tables, whose frames come from a pool and never go back: kernel tables only
// grow. Entries of upper levels allow everything but execution where the leaf is to decide. Any CPU may use it, after Init;
// the entries for a range of addresses are for those to write whose range it is.
type Tables struct {
	pool   *Pool
	window unsafe.Pointer
	Root   uint64   // address of the table of level 4, for CR3
	lock   SpinLock // held while tables are made
}

// Init makes t a tree with an empty root, and reports whether there was a frame for it.
//
//go:nosplit
func (t *Tables) Init(pool *Pool) bool {
	t.pool, t.window = pool, pool.window
	t.Root = pool.Alloc()
	if t.Root == 0 {
		return false
	}
	t.clear(t.Root)
	return true
}

// Entry returns the entry for the virtual address va in the table of the level (1 to 4), and makes the tables above it.
// It returns nil if there is no frame for one, or if a large page is in the way.
//
//go:nosplit
func (t *Tables) Entry(va uintptr, level uint) *uint64 {
	t.lock.Lock()
	e := t.entryLocked(va, level)
	t.lock.Unlock()
	return e
}

//go:nosplit
func (t *Tables) entryLocked(va uintptr, level uint) *uint64 {
	table := t.Root
	for l := uint(4); ; l-- {
		e := (*uint64)(unsafe.Add(t.window, table|uint64(va>>(3+9*l)&511*8)))
		if l == level {
			return e
		}
		if *e&Large != 0 {
			return nil
		}
		if *e&Present == 0 {
			f := t.pool.Alloc()
			if f == 0 {
				return nil
			}
			t.clear(f)
			atomic.StoreUint64(e, f|Present|Writable) // Lookup takes no lock
		}
		table = *e & AddressMask
	}
}

// Lookup returns the entry for va in the lowest table, or nil if there is no such table or a large page instead. It needs
// no lock, for a table that is there stays.
//
//go:nosplit
func (t *Tables) Lookup(va uintptr) *uint64 {
	table := t.Root
	for l := uint(4); ; l-- {
		e := (*uint64)(unsafe.Add(t.window, table|uint64(va>>(3+9*l)&511*8)))
		if l == 1 {
			return e
		}
		v := atomic.LoadUint64(e)
		if v&(Present|Large) != Present {
			return nil
		}
		table = v & AddressMask
	}
}

// MapRange maps the n bytes of physical memory from pa on at va, all of them multiples of PageSize, with the largest
// pages, up to the size largest, that alignment allows, and the bits of flags. What is mapped already stays. It reports
// whether there were frames for the tables.
//
//go:nosplit
func (t *Tables) MapRange(va uintptr, pa, n, flags, largest uint64) bool {
	t.lock.Lock()
	ok := t.mapRangeLocked(va, pa, n, flags, largest)
	t.lock.Unlock()
	return ok
}

//go:nosplit
func (t *Tables) mapRangeLocked(va uintptr, pa, n, flags, largest uint64) bool {
	for end := pa + n; pa < end; {
		e, size := t.placeLocked(va, pa, end-pa, largest)
		if e == nil {
			return false
		}
		leaf := flags | Present
		if size > Page4K {
			leaf |= Large
			if *e != 0 { // the rest of a large page
				va += uintptr(size)
				pa += size
				continue
			}
		}
		// Go on in the same table as long as pages of that size fit and no page table comes.
		for {
			if *e == 0 {
				*e = pa | leaf
			}
			va += uintptr(size)
			pa += size
			e = (*uint64)(unsafe.Add(unsafe.Pointer(e), 8))
			if uintptr(unsafe.Pointer(e))&(PageSize-1) == 0 || pa >= end || end-pa < size || pa&(size-1) != 0 ||
				size > Page4K && *e != 0 {
				break
			}
		}
	}
	return true
}

// placeLocked returns the entry that is to map the first of n bytes from pa on at va, and for how many bytes it stands: that of
// the largest page that fits, unless there is a page table or a larger page already.
//
//go:nosplit
func (t *Tables) placeLocked(va uintptr, pa, n, largest uint64) (e *uint64, size uint64) {
	size = Page1G
	for level := uint(3); level > 1; level-- {
		if e = t.entryLocked(va, level); e == nil {
			return nil, 0
		}
		if *e&Large != 0 {
			return e, min(n, size-uint64(va)&(size-1))
		}
		if *e&Present == 0 && pa%size == 0 && n >= size && size <= largest {
			return e, size
		}
		size >>= 9
	}
	return t.entryLocked(va, 1), Page4K
}

//go:nosplit
func (t *Tables) clear(f uint64) {
	q := (*[512]uint64)(unsafe.Add(t.window, f))
	for i := range q {
		q[i] = 0
	}
}
