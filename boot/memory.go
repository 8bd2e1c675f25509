//go:build cleave

package main

import (
	"runtime/debug"
	"sync"
	"time"
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
	collections.start()
	pool.AddReclaimer(collect)
	root := (*[512]uint64)(atPhysical(cpu.KernelRoot().Addr()))
	return mm.New(mm.Config{Pool: pool, CPU: cpu, KernelRoot: root, NX: cpu.Features.NX, Random: random.Uint32})
}

// worthwhile is how much garbage, in bytes, is worth a collection when memory is short.
const worthwhile = 256 << 10

// collector runs the garbage collections that are asked for because memory is short. They run on its goroutine, one at a
// time: on the many that may ask at once, each would have to grow its stack for it, at the very moment when there is no
// memory for that.
type collector struct {
	mu    sync.Mutex
	asked chan struct{}
	freed chan int
}

var collections = collector{asked: make(chan struct{}), freed: make(chan int)}

// start lets the collector serve.
func (c *collector) start() {
	go func() {
		for range c.asked {
			before, _, _ := frameCounts()
			debug.FreeOSMemory()
			after, _, _ := frameCounts()
			c.freed <- int(max(after, before) - before)
		}
	}()
}

// collect has the Go heap give back what it does not need. It is a frame.Reclaimer, the last of them.
func collect(int) int {
	c := &collections
	c.mu.Lock()
	n := 0
	if garbage() >= worthwhile { // still, after those who asked before
		c.asked <- struct{}{}
		n = <-c.freed
	}
	c.mu.Unlock()
	return n
}

// heapShort reports whether the Go heap has begun to use the frames that are held for it, so that nothing should be begun
// that needs more.
func heapShort() bool {
	left, held := heapRoom()
	if left >= held*3/4 {
		return false
	}
	collect(0)
	left, held = heapRoom()
	return left < held*3/4
}

// maxTasks is how many tasks there may be, which need up to 16 KiB of kernel memory each: one for each 64 KiB of memory,
// as on Linux.
func maxTasks() int {
	_, total, _ := frameCounts()
	return int(total / 16)
}

// guardian frees memory when the Go heap is about to run out of it, which no caller could be told: from caches, by a
// collection, and if that does not help by killing processes.
type guardian struct {
	kernel *kernel
	wake   chan struct{} // capacity 1
}

// startGuardian starts the guardian of k.
func startGuardian(k *kernel) *guardian {
	g := &guardian{kernel: k, wake: make(chan struct{}, 1)}
	go func() {
		for range g.wake {
			g.help()
		}
	}()
	return g
}

// look wakes the guardian if memory is short. It is called at every tick.
func (g *guardian) look() {
	if left, held := heapRoom(); left < held/2 {
		select {
		case g.wake <- struct{}{}:
		default:
		}
	}
}

// help frees memory until half of what is held is there again.
func (g *guardian) help() {
	enough := func() bool {
		left, held := heapRoom()
		return left >= held/2
	}
	pool := g.kernel.memory.Pool()
	for !enough() {
		pool.Trim()
		if enough() || collect(0) > 0 && enough() {
			return
		}
		if pool.Reclaim(reclaimed) > 0 {
			continue
		}
		if !g.kernel.proc.KillLargest() {
			return
		}
		time.Sleep(time.Millisecond) // the victim ends itself
	}
}

// reclaimed is how many frames the guardian asks caches for at once.
const reclaimed = 64
