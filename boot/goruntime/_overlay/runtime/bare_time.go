package runtime

import (
	"internal/bare"
	"internal/runtime/atomic"
	"unsafe"
)

// Time is counted by the time stamp counter, whose rate is found at start: from CPUID where that has it, from KVM's
// clock, or by comparison with the interval timer (PIT). Times are in ns since the start.

var (
	// bareClock is one of bareClocks: that of the start, or a more exact one (bareRefine). Neither changes once it is in use,
	// so that reading it takes no lock.
	bareClock   = &bareClocks[0]
	bareClocks  [2]bare.Clock
	bareTSCRate uint64 // Hz

	// bareReference is a reading of both counters, by which the rate can be found more exactly later on, if
	// it was measured at all.
	bareReference struct {
		pit   uint16
		tsc   uint64
		valid bool
	}

	// bareWall is the wall clock's time in ns since 1970 at time 0. boot sets it. Read and written atomically.
	bareWall int64
)

// bareClockFields gives the assembler the offsets.
type bareClockFields bare.Clock

func bareTSC() uint64
func bareReadMSR(msr uint32) uint64
func bareWriteMSR(msr uint32, v uint64)
func bareRandom() (v uint64, ok bool)

//go:nosplit
func bareNanotime() int64 { return nanotime1() }

// bareNow is time.now.
//
//go:nosplit
func bareNow() (sec int64, nsec int32, mono int64) {
	mono = bareNanotime()
	wall := atomic.Loadint64(&bareWall) + mono
	return wall / 1e9, int32(wall % 1e9), mono
}

// bareSetWall sets the wall clock to ns since 1970.
//
//go:linkname bareSetWall
func bareSetWall(ns int64) { atomic.Storeint64(&bareWall, ns-bareNanotime()) }

// bareClockInit finds the rates of the time stamp counter and of the local APIC's timer.
//
//go:nosplit
func bareClockInit() {
	bareTSCRate = bareRateCPUID()
	bareTimerInit()
	if bareTSCRate == 0 || !bareTimerDeadline {
		bareCalibrate()
	}
	if !bareTimerDeadline {
		bareTimerClock.SetRate(max(bareTimerRate, 1))
	}
	bareClock.Since = bareStartTSC
	bareClock.SetRate(bareTSCRate)
}

// bareRateCPUID returns the rate of the time stamp counter in Hz as CPUID tells it, or 0: the leaf 0x15 of the CPU (SDM
// vol. 3, 20.7.3), the leaf 0x40000010 that VMware began and KVM has as well (kHz).
//
//go:nosplit
func bareRateCPUID() uint64 {
	if _, _, c, _ := bareCPUID(1, 0); c>>31 != 0 {
		if top, _, _, _ := bareCPUID(0x40000000, 0); top >= 0x40000010 && top < 0x40010000 {
			if khz, _, _, _ := bareCPUID(0x40000010, 0); khz != 0 {
				return uint64(khz) * 1000
			}
		}
		if hz := bareRateKVM(); hz != 0 {
			return hz
		}
	}
	if top, _, _, _ := bareCPUID(0, 0); top >= 0x15 {
		if den, num, crystal, _ := bareCPUID(0x15, 0); den != 0 && num != 0 && crystal != 0 {
			return uint64(crystal) * uint64(num) / uint64(den)
		}
	}
	return 0
}

// bareRateKVM returns the rate that KVM's clock tells (Linux's Documentation/virt/kvm/x86/msr.rst, MSR_KVM_SYSTEM_TIME_NEW),
// or 0. The host has filled the structure in memory when the write to the register returns.
//
//go:nosplit
func bareRateKVM() uint64 {
	const (
		msrSystemTime = 0x4b564d01
		signature     = 0x4b4d564b // "KVMK"
		enable        = 1
	)
	_, b, _, _ := bareCPUID(0x40000000, 0)
	features, _, _, _ := bareCPUID(0x40000001, 0)
	if b != signature || features>>3&1 == 0 {
		return 0
	}
	f := barePool.Alloc()
	if f == 0 {
		return 0
	}
	p := barePhys(f)
	bareZero(p)
	bareWriteMSR(msrSystemTime, f|enable)
	hz := (*bare.KVMTime)(p).Rate()
	bareWriteMSR(msrSystemTime, 0)
	barePool.Free(f)
	return hz
}

// The interval timer (Intel 8254), of which channel 2 is free: it drives the loudspeaker, which stays off.
const (
	barePITRate    = 1193182 // Hz
	barePITChannel = 0x42
	barePITControl = 0x43
	barePITGate    = 0x61 // bit 0: channel 2 counts; bit 1: loudspeaker
)

// For how many ticks of the interval timer the counters are compared, about 100 µs. It is a compromise: time is
// instructions at start, and one reading of the timer takes a microsecond or so. A much shorter comparison before brings
// the code into the caches (and has QEMU translate it).
const (
	bareCalibration = 120
	bareWarmUp      = 8
)

// bareMeasurement is how far counters went between two readings.
type bareMeasurement struct {
	pit, tsc, apic uint64
}

// barePITRead returns what channel 2 counts down.
//
//go:nosplit
func barePITRead() uint16 {
	bareOutb(barePITControl, 0x80) // latch channel 2
	lo := bareInb(barePITChannel)
	return uint16(lo) | uint16(bareInb(barePITChannel))<<8
}

// barePITEdge waits until the count changes, and returns the new count and the other counters then.
//
//go:nosplit
func barePITEdge() (pit uint16, tsc uint64, apic uint32) {
	c := barePITRead()
	for i := 0; i < 1000; i++ {
		pit = barePITRead()
		tsc = bareTSC()
		if pit != c {
			break
		}
	}
	return pit, tsc, bareLAPICRead(bareLAPICCurrent)
}

// bareMeasure reads the counters twice, at least n ticks of the interval timer apart, or a while if there is none.
//
//go:nosplit
func bareMeasure(n uint16) bareMeasurement {
	p0, t0, a0 := barePITEdge()
	for i := 0; p0-barePITRead() < n && i < 1<<16; i++ {
	}
	p1, t1, a1 := barePITEdge()
	return bareMeasurement{uint64(p0 - p1), t1 - t0, uint64(a0 - a1)}
}

// bareCalibrate compares the time stamp counter and the local APIC's timer with the interval timer. Without one the
// machine is taken to be QEMU's, whose APIC timer has 1 GHz.
//
//go:nosplit
func bareCalibrate() {
	bareOutb(barePITGate, bareInb(barePITGate)&^2|1)
	bareOutb(barePITControl, 0xb4) // channel 2, both bytes, mode 2
	bareOutb(barePITChannel, 0)    // 2^16 ticks
	bareOutb(barePITChannel, 0)
	bareLAPICWrite(bareLAPICInitial, 1<<32-1)
	bareMeasure(bareWarmUp)
	m := bareMeasure(bareCalibration)
	bareLAPICWrite(bareLAPICInitial, 0)
	if m.pit < bareCalibration {
		bareTimerRate = 1e9
		if bareTSCRate == 0 {
			bareTSCRate = m.tsc * 1e9 / max(m.apic, 1)
		}
		return
	}
	if bareTSCRate == 0 {
		bareTSCRate = m.tsc * barePITRate / m.pit
		bareReference.pit, bareReference.tsc, _ = barePITEdge()
		bareReference.valid = true
	}
	bareTimerRate = m.apic * barePITRate / m.pit
}

// bareRefine finds the rate of the time stamp counter more exactly than at start, the more so the later it is called, up
// to some ten seconds after, and reports whether it changed the clock. The interval timer has wrapped around since: how
// often follows from the rate as known so far. It changes the clock once.
//
//go:linkname bareRefine
//go:nosplit
func bareRefine() bool {
	if !bareReference.valid {
		return false
	}
	pit, tsc, _ := barePITEdge()
	elapsed := tsc - bareReference.tsc
	about := elapsed / (bareTSCRate / barePITRate)
	ticks := uint64(bareReference.pit - pit)
	ticks += (about - ticks + 1<<15) &^ (1<<16 - 1)
	if ticks == 0 || elapsed > 1<<63/barePITRate {
		return false
	}
	bareReference.valid = false
	bareTSCRate = elapsed * barePITRate / ticks
	c := &bareClocks[1]
	*c = bareClocks[0]
	c.Rebase(bareTSC())
	c.SetRate(bareTSCRate)
	atomic.Storeuintptr((*uintptr)(unsafe.Pointer(&bareClock)), uintptr(unsafe.Pointer(c))) // not on the heap
	return true
}

// bareSeedInit makes the runtime's random seed out of RDRAND, where the CPU has it, and of what the counters' low bits
// tell about the time that reading a port takes.
//
//go:nosplit
func bareSeedInit() {
	_, _, c, _ := bareCPUID(1, 0)
	s := (*[2]uint64)(unsafe.Pointer(&bareSeed))
	s[0], s[1] = bareStartTSC, bareTSC()
	for i := 0; i < 16; i++ {
		w := &s[i&1]
		bareInb(barePITChannel)
		*w = (*w ^ bareTSC()) * 0x9e3779b97f4a7c15
		*w ^= *w >> 29
	}
	if c>>30&1 != 0 {
		for i := range s {
			if v, ok := bareRandom(); ok {
				s[i] ^= v
			}
		}
	}
}
