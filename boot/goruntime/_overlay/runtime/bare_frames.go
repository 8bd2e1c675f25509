package runtime

import (
	"internal/bare"
	_ "unsafe" // for go:linkname
)

// Frames for everything else but the Go heap. With one CPU the nosplit functions of the pool need no lock: nothing
// else runs before they return.

// bareHeld is how many frames only the Go heap may take, so that the kernel goes on when user memory has run out.
var bareHeld uint64

// bareTakeFrames fills dst with the numbers of frames of undefined content and returns how many there were. It leaves
// the frames that are held for the Go heap.
//
//go:linkname bareTakeFrames
func bareTakeFrames(dst []uint32) int {
	for i := range dst {
		if barePool.Available() <= bareHeld {
			return i
		}
		dst[i] = uint32(barePool.Alloc() / bare.PageSize)
	}
	return len(dst)
}

// bareGiveFrames gives frames back.
//
//go:linkname bareGiveFrames
func bareGiveFrames(frames []uint32) {
	for _, f := range frames {
		barePool.Free(uint64(f) * bare.PageSize)
	}
}

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
