package runtime

import (
	"internal/bare"
	"unsafe"
)

// The memory of the runtime (see mem.go for the states that memory goes through). A frame stands behind an address only
// while the runtime uses it: reserving and mapping hand out addresses, sysUsed and sysAlloc map frames, sysUnused and
// sysFree give them back. No page fault is ever taken for the kernel's own memory.
//
// Two tables of the runtime rely on demand paging, for they are large, sparse, and "ready" from the start: the index of
// heap arenas (32 MiB, 8 bytes per 64 MiB of addresses) and that of page allocator chunks (1 MiB, 128 bytes per 4 MiB of
// addresses, one for each 32 GiB). The heap's addresses are contiguous and bounded, so it is known which part of such a
// table can be written; the rest shows a page of zeros that can only be read.

const (
	_EACCES = 13
	_EINVAL = 22
)

// The places of things in the upper half of the address space: a slot of the top page table (512 GiB) each.
const (
	bareDirectMap = 0xffff800000000000 // all physical memory (up to 64 TiB: 128 slots)
	bareHeapBase  = 0xffffc00000000000 // heap arenas
	bareHeapSlots = 4
	bareMetaBase  = 0xffffd00000000000 // the runtime's other memory
	bareImageBase = 0xffffffff80000000 // physical address 0, where the kernel's image is linked

	bareChunkTable = 32 << 30 // addresses that one table of page allocator chunks is for
)

var (
	barePool   bare.Pool
	bareTables bare.Tables
	bareNX     uint64 // bare.NoExecute, or 0 on a CPU without

	bareHeapLimit uintptr // set at start, as is bareZeroFrame
	bareZeroFrame uint64  // the page of zeros

	bareAddressLock bare.SpinLock // guards what follows
	bareHeapEnd     uintptr       // end of the heap's addresses so far
	bareMetaEnd     uintptr       // end of the other addresses handed out
	bareChunks      uintptr       // addresses of the heap that have a chunk table
)

func bareInvalidate(va uintptr)
func bareZero(p unsafe.Pointer)

//go:nosplit
func barePhys(pa uint64) unsafe.Pointer { return unsafe.Pointer(uintptr(bareDirectMap + pa)) }

// bareMap maps cleared frames at the pages of [va, va+n) that have none.
//
//go:nosplit
func bareMap(va, n uintptr) bool {
	end := (va + n + bare.PageSize - 1) &^ (bare.PageSize - 1)
	for va &^= bare.PageSize - 1; va < end; va += bare.PageSize {
		e := bareTables.Entry(va, 1)
		if e == nil {
			return false
		}
		if *e&bare.Present != 0 {
			continue
		}
		f := barePool.Alloc()
		if f == 0 {
			return false
		}
		bareZero(barePhys(f))
		*e = f | bare.Present | bare.Writable | bare.Global | bareNX
	}
	return true
}

// bareUnmap frees the frames of the pages of [va, va+n). Only this CPU forgets their translations: another would have to be
// told before the frames are free.
//
//go:nosplit
func bareUnmap(va, n uintptr) {
	end := va + n
	for va = (va + bare.PageSize - 1) &^ (bare.PageSize - 1); va+bare.PageSize <= end; {
		e := bareTables.Lookup(va)
		if e == nil { // no table: nothing in these 2 MiB
			va = (va + bare.Page2M) &^ (bare.Page2M - 1)
			continue
		}
		if *e&bare.Present != 0 {
			f := *e & bare.AddressMask
			*e = 0
			bareInvalidate(va)
			barePool.Free(f)
		}
		va += bare.PageSize
	}
}

// bareMapZeros shows the page of zeros, for reading, in [va, va+n). Both are multiples of 2 MiB, or the range is short.
// One page table serves for all whole 2 MiB.
//
//go:nosplit
func bareMapZeros(va, n uintptr) bool {
	leaf := bare.Present | bare.Global | bareNX
	shared := uint64(0)
	for end := va + n; va < end; {
		if va&(bare.Page2M-1) == 0 && end-va >= bare.Page2M {
			e := bareTables.Entry(va, 2)
			if e == nil {
				return false
			}
			if shared == 0 {
				if shared = barePool.Alloc(); shared == 0 {
					return false
				}
				for i, t := 0, (*[512]uint64)(barePhys(shared)); i < len(t); i++ {
					t[i] = bareZeroFrame | leaf
				}
			}
			*e = shared | bare.Present // without Writable for all pages below
			va += bare.Page2M
			continue
		}
		e := bareTables.Entry(va, 1)
		if e == nil {
			return false
		}
		if *e&bare.Present == 0 {
			*e = bareZeroFrame | leaf
		}
		va += bare.PageSize
	}
	return true
}

// bareAddresses hands out n bytes of addresses outside the heap.
//
//go:nosplit
func bareAddresses(n, align uintptr) uintptr {
	bareAddressLock.Lock()
	va := (bareMetaEnd + align - 1) &^ (align - 1)
	bareMetaEnd = va + (n+bare.PageSize-1)&^(bare.PageSize-1)
	bareAddressLock.Unlock()
	return va
}

// bareAllocTable allocates a sparse table of n bytes, of which those of [from, to) can be written.
//
//go:nosplit
func bareAllocTable(n, from, to uintptr) unsafe.Pointer {
	va := bareAddresses(n, bare.Page2M)
	from &^= bare.Page2M - 1
	to = min(n, (to+bare.PageSize-1)&^(bare.PageSize-1))
	if !bareMap(va+from, to-from) {
		return nil
	}
	first := (to + bare.Page2M - 1) &^ (bare.Page2M - 1)
	if !bareMapZeros(va, from) || !bareMapZeros(va+to, min(first, n)-to) || first < n && !bareMapZeros(va+first, n-first) {
		return nil
	}
	return unsafe.Pointer(va)
}

// Don't split the stack: it may be invoked without a valid G, as sysFreeOS may.
//
//go:nosplit
func sysAllocOS(n uintptr, vmaName string) unsafe.Pointer {
	switch {
	case vmaName == "heap index":
		const entry = heapArenaBytes / 8 // addresses per byte of the table
		return bareAllocTable(n, (bareHeapBase-arenaBaseOffset)/entry, (bareHeapLimit-arenaBaseOffset)/entry+8)
	case vmaName == vmaNamePageAllocIndex:
		bareAddressLock.Lock()
		used := min(bareHeapLimit-bareHeapBase-bareChunks, bareChunkTable)
		bareChunks += bareChunkTable
		bareAddressLock.Unlock()
		return bareAllocTable(n, 0, n/(bareChunkTable/pallocChunkBytes)*(used/pallocChunkBytes))
	}
	va := bareAddresses(n, bare.PageSize)
	if !bareMap(va, n) {
		return nil
	}
	return unsafe.Pointer(va)
}

func sysUnusedOS(v unsafe.Pointer, n uintptr) {
	bareUnmap(uintptr(v), n)
}

func sysUsedOS(v unsafe.Pointer, n uintptr) {
	if !bareMap(uintptr(v), n) {
		throw("out of memory")
	}
}

func sysHugePageOS(v unsafe.Pointer, n uintptr) {}

func sysNoHugePageOS(v unsafe.Pointer, n uintptr) {}

func sysHugePageCollapseOS(v unsafe.Pointer, n uintptr) {}

//go:nosplit
func sysFreeOS(v unsafe.Pointer, n uintptr) {
	bareUnmap(uintptr(v), n)
	bareAddressLock.Lock()
	if uintptr(v)+n == bareHeapEnd { // the heap trims what it reserved to align it
		bareHeapEnd = uintptr(v)
	}
	bareAddressLock.Unlock()
}

func sysFaultOS(v unsafe.Pointer, n uintptr) {
	bareUnmap(uintptr(v), n)
}

// sysReserveOS hands out addresses: the heap's one after the other, for which the heap asks with a hint once it has its
// first, the others from another place.
func sysReserveOS(v unsafe.Pointer, n uintptr, vmaName string) unsafe.Pointer {
	if vmaName != "heap reservation" && vmaName != "heap" {
		return unsafe.Pointer(bareAddresses(n, bare.PageSize))
	}
	bareAddressLock.Lock()
	end := bareHeapEnd
	ok := (v == nil || uintptr(v) == end) && n <= bareHeapLimit-end
	if ok {
		bareHeapEnd += n
	}
	bareAddressLock.Unlock()
	if !ok {
		return nil
	}
	return unsafe.Pointer(end)
}

func sysMapOS(v unsafe.Pointer, n uintptr, vmaName string) {}

func needZeroAfterSysUnusedOS() bool { return false }
