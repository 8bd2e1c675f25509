//go:build cleave

package main

import (
	"runtime/debug"
	"unsafe"

	"cleave/boot/x86"
	"cleave/mm"
	"cleave/mm/frame"
)

// frameSource gives the frames that the Go heap does not use. It implements frame.Source.
type frameSource struct{}

// Take implements frame.Source.
func (frameSource) Take(dst []frame.PFN) int {
	return takeFrames(unsafe.Slice((*uint32)(unsafe.SliceData(dst)), len(dst)))
}

// Give implements frame.Source.
func (frameSource) Give(frames []frame.PFN) {
	giveFrames(unsafe.Slice((*uint32)(unsafe.SliceData(frames)), len(frames)))
}

// Free implements frame.Source.
func (frameSource) Free() int {
	free, _, _ := frameCounts()
	return int(free)
}

// Total implements frame.Source.
func (frameSource) Total() int {
	_, total, _ := frameCounts()
	return int(total)
}

// newMemory makes the pool of frames and what address spaces share. The pool leaves the Go heap what it needs by itself:
// frameSource never gives those frames.
func newMemory(cpu *x86.CPU, random *entropy) (*mm.Memory, error) {
	_, _, limit := frameCounts()
	pool := frame.New(frame.Config{
		Base:   atPhysical(0),
		Limit:  frame.PFN(limit >> frame.Shift),
		Source: frameSource{}, Zero: x86.ZeroPage, Copy: x86.CopyPage,
	})
	pool.AddReclaimer(collect)
	root := (*[512]uint64)(atPhysical(cpu.KernelRoot().Addr()))
	return mm.New(mm.Config{Pool: pool, CPU: cpu, KernelRoot: root, NX: cpu.Features.NX, Random: random.Uint32})
}

// worthwhile is how much garbage, in bytes, is worth a collection when memory is short.
const worthwhile = 256 << 10

// collect has the Go heap give back what it does not need. It is a frame.Reclaimer, the last of them.
func collect(int) int {
	if garbage() < worthwhile {
		return 0
	}
	before, _, _ := frameCounts()
	debug.FreeOSMemory()
	after, _, _ := frameCounts()
	return int(max(after, before) - before)
}
