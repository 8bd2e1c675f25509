package bare

// Clock turns readings of a counter into nanoseconds and back.
type Clock struct {
	Since uint64 // a reading
	Base  int64  // and the time then, in ns
	Mult  uint64 // ns per tick are Mult / 2^Shift
	Shift uint
	ticks ratio // ticks per ns
}

// ratio is the number mult / 2^shift. mult is below 2^32 and shift at most maxShift.
type ratio struct {
	mult  uint64
	shift uint
}

// maxShift is at most 32, or of would shift by a negative number. The clock that programs read has one bit less.
const maxShift = 31

// makeRatio returns a/b, as exactly as a ratio can be. Both are below 2^32 times each other, and 2^63.
//
//go:nosplit
func makeRatio(a, b uint64) ratio {
	r := ratio{shift: maxShift}
	for a>>(64-r.shift) != 0 || a<<r.shift/b >= 1<<32 {
		r.shift--
	}
	r.mult = a << r.shift / b
	return r
}

// of returns n times r. The product has 96 bits before the shift.
//
//go:nosplit
func (r ratio) of(n uint64) uint64 {
	return n>>32*r.mult<<(32-r.shift) + n&0xffffffff*r.mult>>r.shift
}

// SetRate makes the clock run as a counter of hz ticks a second does.
//
//go:nosplit
func (c *Clock) SetRate(hz uint64) {
	r := makeRatio(1e9, hz)
	c.Mult, c.Shift = r.mult, r.shift
	c.ticks = makeRatio(hz, 1e9)
}

// Running reports whether the clock has a rate.
//
//go:nosplit
func (c *Clock) Running() bool { return c.Mult != 0 }

// Nanoseconds returns the time at the reading now. A reading before Since, which CPUs whose counters are not quite in
// step can have, gives the time at Since.
//
//go:nosplit
func (c *Clock) Nanoseconds(now uint64) int64 {
	d := now - c.Since
	if int64(d) < 0 {
		return c.Base
	}
	return c.Base + int64(ratio{c.Mult, c.Shift}.of(d))
}

// Ticks returns how many ticks of the counter ns nanoseconds have, 0 if ns is negative.
//
//go:nosplit
func (c *Clock) Ticks(ns int64) uint64 {
	if ns <= 0 {
		return 0
	}
	return c.ticks.of(uint64(ns))
}

// Rebase moves Since to the reading now, so that a new rate does not change the time before.
//
//go:nosplit
func (c *Clock) Rebase(now uint64) {
	c.Base = c.Nanoseconds(now)
	c.Since = now
}

// UnixTime returns the seconds since 1970 of a date and time of day of the Gregorian calendar in UTC; month and day
// count from 1.
//
//go:nosplit
func UnixTime(year, month, day, hour, minute, second int) int64 {
	// Years begin in March here, so that the leap day is the last of a year.
	if month <= 2 {
		month += 12
		year--
	}
	days := 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - 719468
	return int64(days)*86400 + int64(hour*3600+minute*60+second)
}
