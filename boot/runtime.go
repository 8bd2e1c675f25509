//go:build cleave

package main

import (
	"unsafe"

	"cleave/boot/goruntime/bare"
)

// What the overlay adds to package runtime; see the comments there. The type bare.StartInfo is compiled twice, into
// internal/bare and as a package of this module, from the same source.

//go:linkname startInfo runtime.bareInfo
var startInfo bare.StartInfo

// startingStackSize is the size in bytes of the stacks that new goroutines get, a power of two. A stack that has grown would
// be copied for each task, and is not kept for the next.
//
//go:linkname startingStackSize runtime.startingStackSize
var startingStackSize uint32

// taskStack is as much stack as most system calls need.
const taskStack = 16 << 10

//go:linkname startTSC runtime.bareStartTSC
var startTSC uint64

//go:linkname tscRate runtime.bareTSCRate
var tscRate uint64

//go:linkname runtimeClock runtime.bareClock
var runtimeClock *bare.Clock

//go:linkname runtimeWall runtime.bareWall
var runtimeWall int64

//go:linkname panicPolicy runtime.barePanicPolicy
var panicPolicy int32

//go:linkname readTSC runtime.bareTSC
func readTSC() uint64

//go:linkname readMSR runtime.bareReadMSR
func readMSR(msr uint32) uint64

//go:linkname randomWord runtime.bareRandom
func randomWord() (v uint64, ok bool)

//go:linkname cpuid runtime.bareCPUID
func cpuid(leaf, sub uint32) (a, b, c, d uint32)

//go:linkname outb runtime.bareOutb
func outb(port uint16, v uint8)

//go:linkname inb runtime.bareInb
func inb(port uint16) uint8

//go:linkname outw runtime.bareOutw
func outw(port, v uint16)

//go:linkname outsb runtime.bareOutsb
func outsb(port uint16, p unsafe.Pointer, n int)

//go:linkname consoleWrite runtime.bareWrite
func consoleWrite(fd uintptr, p unsafe.Pointer, n int32) int32

//go:linkname reportReady runtime.bareReportReady
func reportReady()

//go:linkname reportExit runtime.bareReportExit
func reportExit(status uint8)

//go:linkname die runtime.bareDie
func die(status uint8)

//go:linkname resetMachine runtime.bareReset
func resetMachine()

//go:linkname haltForever runtime.bareHang
func haltForever()

//go:linkname refineClock runtime.bareRefine
func refineClock() bool

//go:linkname setWall runtime.bareSetWall
func setWall(ns int64)

//go:linkname cpuIndex runtime.bareCPUIndex
func cpuIndex() int

//go:linkname useCPU runtime.bareUseCPU
func useCPU(pending *[4]uint64, fired *int64)

//go:linkname timerWords runtime.bareTimerWords
func timerWords() [2]*int64

//go:linkname takePending runtime.bareTakePending
func takePending() [4]uint64

//go:linkname timerFired runtime.bareTimerFired
func timerFired()

//go:linkname armTimer runtime.bareArm
func armTimer(deadline int64)

//go:linkname othersReady runtime.bareOthersReady
func othersReady() bool

//go:linkname nextTimer runtime.bareNextTimer
func nextTimer() int64

//go:linkname endOfInterrupt runtime.bareEOI
func endOfInterrupt()

//go:linkname monotonic runtime.nanotime
func monotonic() int64

//go:linkname mapDevice runtime.bareMapDevice
func mapDevice(address, n uint64) unsafe.Pointer

//go:linkname takeFrames runtime.bareTakeFrames
func takeFrames(dst []uint32) int

//go:linkname giveFrames runtime.bareGiveFrames
func giveFrames(frames []uint32)

//go:linkname addMemory runtime.bareAddMemory
func addMemory(start, end uint64)

//go:linkname garbage runtime.bareGarbage
func garbage() uint64

// gcMarking is not 0 while the garbage collector marks.
//
//go:linkname gcMarking runtime.gcBlackenEnabled
var gcMarking uint32

//go:linkname gcHeldTimes runtime.bareGCHeld
func gcHeldTimes() (assist, work, stopped int64)

//go:linkname heapRoom runtime.bareHeapRoom
func heapRoom() (left, held uint64)

//go:linkname frameCounts runtime.bareFrames
func frameCounts() (free, total, limit uint64)

// The runtime's network poller, which polls interrupts here.

//go:linkname pollInit internal/poll.runtime_pollServerInit
func pollInit()

//go:linkname pollOpen internal/poll.runtime_pollOpen
func pollOpen(fd uintptr) (desc uintptr, errno int)

//go:linkname pollReset internal/poll.runtime_pollReset
func pollReset(desc uintptr, mode int) int

//go:linkname pollWait internal/poll.runtime_pollWait
func pollWait(desc uintptr, mode int) int

// directMap is where physical address 0 is mapped.
const directMap = 0xffff800000000000

// atPhysical returns where a physical address is mapped, if it is: RAM is, and what mapDevice mapped.
func atPhysical(address uint64) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(nil), directMap+address)
}

// physical returns the n bytes of mapped memory at a physical address.
func physical(address uint64, n int) []byte {
	return unsafe.Slice((*byte)(atPhysical(address)), n)
}

//go:linkname textRange runtime.bareText
func textRange() (start, end uint64)
