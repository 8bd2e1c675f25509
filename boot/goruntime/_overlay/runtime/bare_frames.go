package runtime

import (
	"internal/bare"
	_ "unsafe" // for go:linkname
)

// Frames for everything else but the Go heap.

// bareHeld is how many frames only the Go heap may take, so that the kernel goes on when user memory has run out. Set at
// start.
var bareHeld uint64

// bareHeldMin is the least of it: the collector's pacer wants a MiB of room below the memory limit, or it runs all the
// time. bareHeldBack is how many of them are for page tables and for what is allocated while the collector works.
const (
	bareHeldMin  = 512
	bareHeldBack = 64
)

// bareSetLimit sets the runtime's memory limit (GOMEMLIMIT) to what it has mapped and could still map. As the heap
// grows, that stays the same, so it is called when frames are taken or given back for something else. The collector
// and the allocator read the limit anew each time, so it takes no stop of the world to change it. Of two CPUs that set it at
// once either may be the last: it is off by what the other took, until the next call.
//
//go:nosplit
func bareSetLimit() {
	free := int64(barePool.Available()) - bareHeldBack
	gcController.memoryLimit.Store(max(free, 0)*bare.PageSize + int64(gcController.mappedReady.Load()))
}

// bareTakeFrames fills dst with the numbers of frames of undefined content and returns how many there were. It leaves
// the frames that are held for the Go heap.
//
//go:linkname bareTakeFrames
func bareTakeFrames(dst []uint32) int {
	n := barePool.Take(dst, bareHeld)
	bareSetLimit()
	return n
}

// bareGiveFrames gives frames back.
//
//go:linkname bareGiveFrames
func bareGiveFrames(frames []uint32) {
	barePool.Give(frames)
	bareSetLimit()
}

// bareAddMemory gives the whole frames of [start, end), which nobody uses any more, to the pool.
//
//go:linkname bareAddMemory
func bareAddMemory(start, end uint64) {
	barePool.Add(bare.Region{Start: start, End: end})
	bareSetLimit()
}

// bareGarbage returns about how many bytes the Go heap could give back: what was allocated since the last collection,
// and what is free.
//
//go:linkname bareGarbage
func bareGarbage() uint64 {
	live, marked := gcController.heapLive.Load(), gcController.heapMarked
	return max(live, marked) - marked + gcController.heapFree.load()
}

// bareHeapRoom returns how many frames the Go heap could still take, and how many are held for it.
//
//go:linkname bareHeapRoom
//go:nosplit
func bareHeapRoom() (left, held uint64) { return barePool.Available(), bareHeld }

// bareFrames returns how many frames bareTakeFrames could still take, how many there are at all, and the address after
// the last one.
//
//go:linkname bareFrames
func bareFrames() (free, total, limit uint64) {
	n := bareInfo.Regions
	return max(barePool.Available(), bareHeld) - bareHeld, barePool.Total(), bareInfo.RAM[n-1].End
}

// bareAllocRange returns the address of n adjoining frames below limit, aligned to align bytes, or 0.
//
//go:linkname bareAllocRange
func bareAllocRange(n, align, limit uint64) uint64 { return barePool.AllocRange(n, align, limit) }
