package proc

import (
	"cleave/abi"
	"cleave/ns/user"
)

// isRealtime reports whether a clock jumps when the time of day is set.
func isRealtime(clock int32) bool {
	switch clock {
	case abi.CLOCK_REALTIME, abi.CLOCK_REALTIME_COARSE, abi.CLOCK_REALTIME_ALARM, abi.CLOCK_TAI:
		return true
	}
	return false
}

// clockResolution is that of the clocks that timers can use, coarseResolution that of the coarse ones, in ns.
const (
	clockResolution  = 1
	coarseResolution = 4e6
)

// offset is what the task's time namespace adds to a clock.
func (t *Task) offset(clock int32) int64 {
	switch clock {
	case abi.CLOCK_MONOTONIC, abi.CLOCK_MONOTONIC_RAW, abi.CLOCK_MONOTONIC_COARSE:
		return int64(t.set.Time.Monotonic())
	case abi.CLOCK_BOOTTIME, abi.CLOCK_BOOTTIME_ALARM:
		return int64(t.set.Time.Boottime())
	}
	return 0
}

// Now is clock_gettime(2), in ns. EINVAL: no such clock.
func (t *Task) Now(clock int32) (int64, error) {
	switch clock {
	case abi.CLOCK_MONOTONIC, abi.CLOCK_MONOTONIC_RAW, abi.CLOCK_MONOTONIC_COARSE, abi.CLOCK_BOOTTIME,
		abi.CLOCK_BOOTTIME_ALARM:
		return t.k.Clock.Monotonic() + t.offset(clock), nil
	case abi.CLOCK_REALTIME, abi.CLOCK_REALTIME_COARSE, abi.CLOCK_REALTIME_ALARM, abi.CLOCK_TAI:
		return t.k.Clock.Realtime(), nil
	}
	g, o, err := t.cpuClock(clock)
	if err != nil {
		return 0, err
	}
	return t.cpuTime(g, o), nil
}

// SetClock is clock_settime(2). Errors: EINVAL, EPERM (no CAP_SYS_TIME).
func (t *Task) SetClock(clock int32, ns int64) error {
	if clock != abi.CLOCK_REALTIME || ns < 0 {
		return abi.EINVAL
	}
	if !t.Cred().Has(user.CapSysTime, t.k.UserNS) {
		return abi.EPERM
	}
	k := t.k
	k.Clock.SetRealtime(ns)
	if k.ClockSet != nil {
		k.ClockSet()
	}
	k.mu.Lock()
	// Sleeps until a time of day compute anew how long that is, and so do timers.
	k.eachTaskLocked(k.pidNS, func(o *Task) {
		o.kick()
		if o.group.leader == o {
			o.group.timers.clockSetLocked()
		}
	})
	k.mu.Unlock()
	return nil
}

// ClockResolution is clock_getres(2), in ns. EINVAL.
func (t *Task) ClockResolution(clock int32) (int64, error) {
	if _, err := t.Now(clock); err != nil {
		return 0, err
	}
	if clock == abi.CLOCK_REALTIME_COARSE || clock == abi.CLOCK_MONOTONIC_COARSE {
		return coarseResolution, nil
	}
	return clockResolution, nil
}

// The ids of CPU clocks of other processes and threads (clock_getcpuclockid(3)): the complement of the id above three
// bits, of which one says thread and two which clock.
const (
	cpuClockThread = 4
	cpuClockWhich  = 3
	cpuClockSched  = 2
)

// cpuClock finds the process or the thread whose time a clock counts. EINVAL.
func (t *Task) cpuClock(clock int32) (*ThreadGroup, *Task, error) {
	switch clock {
	case abi.CLOCK_PROCESS_CPUTIME_ID:
		return t.group, nil, nil
	case abi.CLOCK_THREAD_CPUTIME_ID:
		return nil, t, nil
	}
	if clock >= 0 || clock&cpuClockWhich > cpuClockSched {
		return nil, nil, abi.EINVAL
	}
	o := t
	if id := ^(clock >> 3); id != 0 {
		if o = t.FindTask(id); o == nil {
			return nil, nil, abi.EINVAL
		}
	}
	if clock&cpuClockThread == 0 {
		return o.group, nil, nil
	}
	if o.group != t.group {
		return nil, nil, abi.EINVAL
	}
	return nil, o, nil
}

// cpuTime is the time used by a process, or by a thread.
func (t *Task) cpuTime(g *ThreadGroup, o *Task) int64 {
	t.charge()
	if o != nil {
		u := o.usage.snapshot()
		return u.UTime + u.STime
	}
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	u := g.usageLocked()
	return u.UTime + u.STime
}

// maxTime bounds times, so that sums do not wrap.
const maxTime = 1 << 62

// Nanosleep is clock_nanosleep(2): ns is a length, or with abs set a time of the clock. For a signal it returns the time
// that is left and abi.ERESTART_RESTARTBLOCK, or with abs abi.ERESTARTNOHAND. Errors: EINVAL, EOPNOTSUPP.
//
// rem, if not nil, is told the time that is left after each interruption; it stores it where the program wants it.
func (t *Task) Nanosleep(clock int32, abs bool, ns int64, rem func(left int64) error) error {
	switch clock {
	case abi.CLOCK_REALTIME, abi.CLOCK_MONOTONIC, abi.CLOCK_BOOTTIME, abi.CLOCK_TAI:
	case abi.CLOCK_PROCESS_CPUTIME_ID:
		return abi.EOPNOTSUPP // DIVERGES: nothing sleeps on CPU time here
	case abi.CLOCK_REALTIME_ALARM, abi.CLOCK_BOOTTIME_ALARM:
		if !t.Cred().Has(user.CapWakeAlarm, t.k.UserNS) {
			return abi.EPERM
		}
	default:
		return abi.EINVAL
	}
	if ns < 0 {
		return abi.EINVAL
	}
	if abs {
		d := Deadline{Set: true, Clock: clock, Time: ns - t.offset(clock)}
		if err := t.sleepUntil(d); err != nil {
			return abi.ERESTARTNOHAND
		}
		return nil
	}
	at := t.k.Clock.Monotonic() + min(ns, maxTime)
	return t.sleepFor(at, rem)
}

// sleepUntil sleeps till the deadline. abi.ERESTARTSYS: a signal came.
func (t *Task) sleepUntil(d Deadline) error {
	for {
		switch err := t.Block(t.monotonic(d)); err {
		case nil:
		case abi.ETIMEDOUT:
			return nil
		default:
			return err
		}
	}
}

// sleepFor sleeps till a time of the monotonic clock; restart_syscall(2) goes on with it.
func (t *Task) sleepFor(at int64, rem func(left int64) error) error {
	if t.sleepUntil(Deadline{Set: true, Clock: abi.CLOCK_MONOTONIC, Time: at}) == nil {
		return nil
	}
	left := at - t.k.Clock.Monotonic()
	if left <= 0 {
		return nil
	}
	if rem != nil {
		if err := rem(left); err != nil {
			return err
		}
	}
	t.restartBlock = func(t *Task) (uint32, error) { return 0, t.sleepFor(at, rem) }
	return abi.ERESTART_RESTARTBLOCK
}

// DeadlineIn is the deadline in ns from now.
func (t *Task) DeadlineIn(ns int64) Deadline {
	return Deadline{Set: true, Clock: abi.CLOCK_MONOTONIC, Time: t.k.Clock.Monotonic() + min(max(ns, 0), maxTime)}
}

// DeadlineAt is the deadline at a time of a clock, as the task's time namespace shows it.
func (t *Task) DeadlineAt(clock int32, ns int64) Deadline {
	return Deadline{Set: true, Clock: clock, Time: ns - t.offset(clock)}
}
