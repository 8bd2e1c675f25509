package linux386

import (
	"math"

	"cleave/abi"
	"cleave/proc"
)

// The old and the new variant of a call with times differ in one structure: their handlers are one generic function.

// spec is a struct timespec, of 32 or 64 bits.
type spec[T any] interface {
	timespec32 | timespec64
	ns() (int64, error)
	of(ns int64) T
}

// maxSeconds is how many seconds 63 bits of nanoseconds hold.
const maxSeconds = math.MaxInt64 / 1_000_000_000

// toNs puts seconds and nanoseconds together. EINVAL: not a time; what is too long for 63 bits becomes the longest.
func toNs(sec, ns int64) (int64, error) {
	switch {
	case sec < 0 || uint64(ns) >= 1e9:
		return 0, abi.EINVAL
	case sec >= maxSeconds:
		return math.MaxInt64, nil
	}
	return sec*1e9 + ns, nil
}

func (s timespec32) ns() (int64, error) { return toNs(int64(s.Sec), int64(s.Ns)) }
func (s timespec64) ns() (int64, error) { return toNs(s.Sec, int64(uint32(s.Ns))) }

func (timespec32) of(ns int64) timespec32 {
	s, r := floor(ns, 1e9)
	return timespec32{int32(s), int32(r)}
}

func (timespec64) of(ns int64) timespec64 {
	s, r := floor(ns, 1e9)
	return timespec64{s, r}
}

// floor divides towards minus infinity, so that the rest is not negative.
func floor(v, by int64) (q, r int64) {
	q, r = v/by, v%by
	if r < 0 {
		q, r = q-1, r+by
	}
	return q, r
}

func newTimeval(ns int64) timeval32 {
	s, r := floor(ns, 1e9)
	return timeval32{int32(s), int32(r / 1000)}
}

// ns of a timeval: EINVAL if it is not a time.
func (v timeval32) ns() (int64, error) {
	if uint32(v.Us) >= 1e6 {
		return 0, abi.EINVAL
	}
	return toNs(int64(v.Sec), int64(v.Us)*1000)
}

// loadTime reads a time in ns. EFAULT, EINVAL.
func loadTime[T spec[T]](t *proc.Task, p Ptr[T]) (int64, error) {
	v, err := p.Load(t)
	if err != nil {
		return 0, err
	}
	return v.ns()
}

// storeTime writes a time in ns. EFAULT.
func storeTime[T spec[T]](t *proc.Task, p Ret[T], ns int64) error {
	var z T
	v := z.of(ns)
	return p.Store(t, &v)
}

// ispec is a struct itimerspec.
type ispec[T any] interface {
	itimerspec32 | itimerspec64
	timer() (proc.Itimer, error)
	of(proc.Itimer) T
}

func (s itimerspec32) timer() (proc.Itimer, error) { return newItimer(s.Value, s.Interval) }
func (s itimerspec64) timer() (proc.Itimer, error) { return newItimer(s.Value, s.Interval) }

func newItimer[T spec[T]](value, interval T) (i proc.Itimer, err error) {
	if i.Value, err = value.ns(); err != nil {
		return i, err
	}
	i.Interval, err = interval.ns()
	return i, err
}

func (itimerspec32) of(i proc.Itimer) itimerspec32 {
	var z timespec32
	return itimerspec32{z.of(i.Interval), z.of(i.Value)}
}

func (itimerspec64) of(i proc.Itimer) itimerspec64 {
	var z timespec64
	return itimerspec64{z.of(i.Interval), z.of(i.Value)}
}
