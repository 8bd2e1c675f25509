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

// bareEarlyPending and bareEarlyFired are the first CPU's until boot/x86 has taken over.
var (
	bareEarlyPending [4]uint64
	bareEarlyFired   int64
)

// bareUseCPU has interrupts of this CPU be looked for in pending, which their entries set bits of, and lets them come.
// Whenever its timer has fired, *fired becomes -1.
//
//go:linkname bareUseCPU
func bareUseCPU(pending *[4]uint64, fired *int64) {
	cpu := bareThisCPU()
	cpu.pending, cpu.fired = pending, fired
	cpu.interruptsOn = true
}

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

// What all timers have in common. Set at start.
var (
	bareTimerDeadline bool   // the timer compares itself with the time stamp counter
	bareTimerRate     uint64 // Hz, else
	bareTimerClock    bare.Clock
)

func bareHalt(stack uintptr)
func bareWindow(stack uintptr)

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
	bareCPUs[0].armed = -1
	_, _, c, _ := bareCPUID(1, 0)
	if c>>24&1 != 0 && bareTSCRate != 0 {
		bareTimerDeadline = true
		bareLAPICWrite(bareLAPICTimer, bareTimerTSC|bareTimerVector)
		return
	}
	bareLAPICWrite(bareLAPICDivide, bareDivideBy1)
	bareLAPICWrite(bareLAPICTimer, bareTimerVector) // one shot
}

// bareArm has this CPU's timer interrupt at the time deadline, if it would come later or not at all. It may come earlier.
//
//go:linkname bareArm
//go:nosplit
func bareArm(deadline int64) {
	cpu := bareThisCPU()
	if cpu.armed >= 0 && cpu.armed <= deadline {
		return
	}
	cpu.armed = deadline
	if bareTimerDeadline {
		c := bareClock
		bareWriteMSR(bareMSRDeadline, c.Since+c.Ticks(deadline-c.Base)+1)
		return
	}
	ticks := bareTimerClock.Ticks(deadline - bareNanotime())
	bareLAPICWrite(bareLAPICInitial, uint32(min(max(ticks, 1), 1<<32-1)))
}

// bareTimerFired is called for each interrupt of this CPU's timer.
//
//go:linkname bareTimerFired
//go:nosplit
//go:nowritebarrier
func bareTimerFired() {
	cpu := bareThisCPU()
	cpu.armed = -1
	*cpu.fired = -1
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
func bareIdle(cpu *bareCPUState, deadline int64) {
	if !cpu.interruptsOn {
		return // the caller watches the time
	}
	if deadline >= 0 {
		bareArm(deadline)
	}
	bareHalt(cpu.idleStack())
	bareTakeTimer(cpu)
}

// idleStack returns where the stack for interrupts in ring 0 ends.
//
//go:nosplit
func (cpu *bareCPUState) idleStack() uintptr {
	s := &bareIdleStacks[cpu.index]
	return uintptr(unsafe.Pointer(s)) + unsafe.Sizeof(*s)
}

// bareTakeTimer handles the timer's interrupt, if there was one.
//
//go:nosplit
func bareTakeTimer(cpu *bareCPUState) {
	const word, bit = bareTimerVector / 64, uint64(1) << (bareTimerVector % 64)
	if atomic.Load64(&cpu.pending[word])&bit != 0 {
		atomic.And64(&cpu.pending[word], ^bit)
		bareTimerFired()
	}
}

// barePendingAny reports whether an interrupt of a device, which came on the CPU, waits to be handled.
//
//go:nosplit
func barePendingAny(cpu *bareCPUState) bool {
	p := cpu.pending
	return atomic.Load64(&p[0])|atomic.Load64(&p[1])|atomic.Load64(&p[2])|atomic.Load64(&p[3]) != 0
}

// bareTakePending returns the vectors that wait to be handled, and forgets them. The timer's is that of its CPU alone.
//
//go:linkname bareTakePending
func bareTakePending() [4]uint64 {
	const word, timer = bareTimerVector / 64, uint64(1) << (bareTimerVector % 64)
	var all [4]uint64
	for i := range bareCPUs {
		for w := range all {
			set := &bareCPUs[i].pending[w]
			v := atomic.Load64(set)
			if w == word {
				v &^= timer
			}
			if v != 0 {
				atomic.And64(set, ^v) // an entry may set a bit meanwhile
				all[w] |= v
			}
		}
	}
	return all
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
