package runtime

import (
	"internal/bare"
	"internal/runtime/atomic"
	"unsafe"
)

// Interrupts and idling. Interrupts are off while the kernel's Go code runs, but for a moment in bareIdle and
// bareWindow, on a stack of their own: the entry of an interrupt in ring 0 does nothing but set the vector's bit in
// barePending, and returns. What an interrupt means is found out in Go: the timer's is handled here, the others wake
// the goroutine that boot has wait for them in the network poller. An interrupt in user mode is a trap like another.

// barePending has a bit for each vector that came in ring 0 and was not handled yet. It is in boot/x86's state of the
// CPU, once that has taken over.
var (
	barePending      = &bareEarlyPending
	bareEarlyPending [4]uint64

	bareFired      = &bareEarlyFired
	bareEarlyFired int64
)

// bareUseCPU has interrupts be looked for in pending, which their entries set bits of, and lets them come. Whenever the
// timer has fired, *fired becomes -1.
//
//go:linkname bareUseCPU
func bareUseCPU(pending *[4]uint64, fired *int64) {
	barePending, bareFired = pending, fired
	bareInterruptsOn = true
}

// bareInterruptsOn says that there is an interrupt descriptor table, and vectors to expect. Until then, idling is
// watching the time.
var bareInterruptsOn bool

// bareIdleSP is the stack pointer while an interrupt may come.
var bareIdleSP uintptr

// bareTimerVector is the timer's, of the highest priority class but one.
const bareTimerVector = 0xef

// The local APIC (SDM vol. 3, chapter 12).
const (
	bareLAPICBase    = 0xfee00000
	bareLAPICEOI     = 0x0b0
	bareLAPICSpur    = 0x0f0
	bareLAPICTimer   = 0x320
	bareLAPICInitial = 0x380
	bareLAPICCurrent = 0x390
	bareLAPICDivide  = 0x3e0

	bareSpurious    = 0xff    // vector
	bareSpurEnable  = 1 << 8  // of bareLAPICSpur
	bareTimerTSC    = 2 << 17 // of bareLAPICTimer: TSC deadline
	bareDivideBy1   = 0xb
	bareMSRDeadline = 0x6e0
)

var (
	bareTimerDeadline bool   // the timer compares itself with the time stamp counter
	bareTimerRate     uint64 // Hz, else
	bareTimerClock    bare.Clock
	bareTimerArmed    int64 // when the timer will interrupt, -1 if never
)

func bareHalt()
func bareWindow()

//go:nosplit
func bareLAPICRead(reg uint64) uint32 {
	return atomic.Load((*uint32)(barePhys(bareLAPICBase + reg)))
}

//go:nosplit
func bareLAPICWrite(reg uint64, v uint32) {
	atomic.Store((*uint32)(barePhys(bareLAPICBase+reg)), v)
}

// bareTimerInit enables the local APIC, with its timer off, and masks the old interrupt controllers (8259A), which
// firmware may have left on.
//
//go:nosplit
func bareTimerInit() {
	bareOutb(0x21, 0xff)
	bareOutb(0xa1, 0xff)
	bareLAPICWrite(bareLAPICSpur, bareSpurEnable|bareSpurious)
	bareTimerArmed = -1
	_, _, c, _ := bareCPUID(1, 0)
	if c>>24&1 != 0 && bareTSCRate != 0 {
		bareTimerDeadline = true
		bareLAPICWrite(bareLAPICTimer, bareTimerTSC|bareTimerVector)
		return
	}
	bareLAPICWrite(bareLAPICDivide, bareDivideBy1)
	bareLAPICWrite(bareLAPICTimer, bareTimerVector) // one shot
}

// bareArm has the timer interrupt at the time deadline, if it would come later or not at all. It may come earlier.
//
//go:linkname bareArm
//go:nosplit
func bareArm(deadline int64) {
	if bareTimerArmed >= 0 && bareTimerArmed <= deadline {
		return
	}
	bareTimerArmed = deadline
	if bareTimerDeadline {
		bareWriteMSR(bareMSRDeadline, bareClock.Since+bareClock.Ticks(deadline-bareClock.Base)+1)
		return
	}
	if !bareTimerClock.Running() {
		bareTimerClock.SetRate(max(bareTimerRate, 1))
	}
	ticks := bareTimerClock.Ticks(deadline - bareNanotime())
	bareLAPICWrite(bareLAPICInitial, uint32(min(max(ticks, 1), 1<<32-1)))
}

// bareTimerFired is called for each interrupt of the timer.
//
//go:linkname bareTimerFired
//go:nosplit
//go:nowritebarrier
func bareTimerFired() {
	bareTimerArmed = -1
	*bareFired = -1
	bareEOI()
}

// bareEOI ends the handling of the interrupt with the highest priority.
//
//go:linkname bareEOI
//go:nosplit
func bareEOI() { bareLAPICWrite(bareLAPICEOI, 0) }

// bareIdle halts the CPU until an interrupt or about the time deadline, -1 for none.
//
//go:nosplit
func bareIdle(deadline int64) {
	if !bareInterruptsOn {
		return // the caller watches the time
	}
	if deadline >= 0 {
		bareArm(deadline)
	}
	bareHalt()
	bareTakeTimer()
}

// bareTakeTimer handles the timer's interrupt, if there was one.
//
//go:nosplit
func bareTakeTimer() {
	const word, bit = bareTimerVector / 64, 1 << (bareTimerVector % 64)
	if barePending[word]&bit != 0 {
		barePending[word] &^= bit
		bareTimerFired()
	}
}

// barePendingAny reports whether an interrupt of a device waits to be handled.
//
//go:nosplit
func barePendingAny() bool {
	p := barePending
	return p[0]|p[1]|p[2]|p[3] != 0
}

// bareTakePending returns the vectors that wait to be handled, and forgets them.
//
//go:linkname bareTakePending
func bareTakePending() [4]uint64 {
	p := *barePending
	for i := range p {
		barePending[i] &^= p[i] // an NMI may set a bit meanwhile
	}
	return p
}

// bareNextTimer returns when the next of the runtime's timers of this P is due, 0 if there is none.
//
//go:linkname bareNextTimer
//go:nosplit
func bareNextTimer() int64 {
	return getg().m.p.ptr().timers.wakeTime()
}

// bareTimerWords returns the two words of which bareNextTimer is made. There is one P, so they are always the same.
//
//go:linkname bareTimerWords
func bareTimerWords() [2]*int64 {
	ts := &getg().m.p.ptr().timers
	return [2]*int64{(*int64)(unsafe.Pointer(&ts.minWhenHeap)), (*int64)(unsafe.Pointer(&ts.minWhenModified))}
}

// bareOthersReady reports whether another goroutine could run on this P now.
//
//go:linkname bareOthersReady
//go:nosplit
func bareOthersReady() bool {
	return !runqempty(getg().m.p.ptr()) || !sched.runq.empty()
}
