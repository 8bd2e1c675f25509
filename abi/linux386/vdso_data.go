package linux386

import (
	"encoding/binary"
	"math/bits"
)

// TimeSource is how programs read the clocks without a system call: a clock's time is what it was when the CPU's time
// stamp counter was TSC, plus (counter - TSC) * Mult >> Shift nanoseconds. The kernel's own clock must calculate the
// same, or time would seem to run backwards.
type TimeSource struct {
	TSC       uint64
	Mult      uint32 // 0: the counter is of no use, and programs make system calls
	Shift     uint32 // 1 to 31
	Monotonic int64  // ns at TSC; CLOCK_BOOTTIME is the same
	Realtime  int64  // ns since 1970 at TSC; CLOCK_TAI is the same, as long as nobody sets an offset
}

// MonotonicAt returns CLOCK_MONOTONIC when the counter is tsc, in ns.
func (s *TimeSource) MonotonicAt(tsc uint64) int64 {
	if tsc < s.TSC {
		tsc = s.TSC
	}
	hi, lo := bits.Mul64(tsc-s.TSC, uint64(s.Mult))
	return s.Monotonic + int64(hi<<(64-s.Shift)|lo>>s.Shift)
}

// ScaleFor returns Mult and Shift for a counter of hz ticks a second: as many digits as fit, or zeros for no counter.
func ScaleFor(hz uint64) (mult, shift uint32) {
	if hz == 0 {
		return 0, 0
	}
	for shift = 31; shift > 0; shift-- {
		if m := uint64(1e9) << shift / hz; m < 1<<32 {
			return uint32(m), shift
		}
	}
	return 0, 0
}

// timePage is the vDSO's data page. Seq is odd while the kernel changes the rest. Valid has a bit for each clock.
type timePage struct {
	Seq   uint32
	Valid uint32
	Mult  uint32
	Shift uint32
	TSC   uint64
	Base  [numClocks]timeBase
}

// timeBase is a clock's time at TSC.
type timeBase struct {
	Sec uint64
	Ns  uint32
	_   uint32
}

// set fills in a source, and leaves Seq as it is.
func (p *timePage) set(s TimeSource) {
	p.Valid, p.Mult, p.Shift, p.TSC = vdsoClocks, s.Mult, s.Shift, s.TSC
	if s.Mult == 0 {
		p.Valid = 0
	}
	for c := range p.Base {
		ns := s.Realtime
		if monotonicClocks>>c&1 != 0 {
			ns = s.Monotonic
		}
		p.Base[c] = timeBase{Sec: uint64(ns / 1e9), Ns: uint32(ns % 1e9)}
	}
}

// bytes returns the page as programs see it.
func (p *timePage) bytes() []byte {
	b, _ := binary.Append(nil, binary.LittleEndian, p)
	return b
}
