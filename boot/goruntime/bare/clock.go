package bare

// Clock turns readings of a counter into nanoseconds: Base + (reading-Since)*Mult>>Shift. Mult is below 2^32, so that
// the product of 96 bits is easy to have.
type Clock struct {
	Since uint64 // counter
	Base  int64  // ns at Since
	Mult  uint64
	Shift uint
}

// SetRate makes the clock run as a counter of hz ticks a second does.
//
//go:nosplit
func (c *Clock) SetRate(hz uint64) {
	// The largest shift for which 10^9<<shift fits 64 bits is 34; Mult must fit 32 bits as well.
	c.Shift = 34
	for c.Shift > 0 && (1e9<<c.Shift)/hz >= 1<<32 {
		c.Shift--
	}
	c.Mult = (1e9<<c.Shift + hz/2) / hz
}

// Nanoseconds returns the time at the reading now. A reading before Since, which CPUs whose counters are not quite in
// step can have, gives the time at Since.
//
//go:nosplit
func (c *Clock) Nanoseconds(now uint64) int64 {
	d := now - c.Since
	if int64(d) < 0 {
		return c.Base
	}
	return c.Base + int64((d>>32*c.Mult)<<(32-c.Shift)+(d&0xffffffff*c.Mult)>>c.Shift)
}

// Ticks returns how many ticks of the counter ns nanoseconds have, rounded up a little.
//
//go:nosplit
func (c *Clock) Ticks(ns int64) uint64 {
	if ns <= 0 {
		return 0
	}
	n := uint64(ns)
	if n < 1<<(64-34) {
		return n<<c.Shift/c.Mult + 1
	}
	// Beyond a second precision matters less than overflow.
	return n/c.Mult<<c.Shift + n%c.Mult<<c.Shift/c.Mult + 1
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
