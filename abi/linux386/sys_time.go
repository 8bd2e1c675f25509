package linux386

import (
	"cleave/abi"
	"cleave/proc"
)

// Clock is a clock of clock_gettime(2).
type Clock int32

func (Clock) show(p *printer, i int) {
	p.one(p.regs[i], []flag{{abi.CLOCK_REALTIME, "CLOCK_REALTIME"}, {abi.CLOCK_MONOTONIC, "CLOCK_MONOTONIC"},
		{abi.CLOCK_PROCESS_CPUTIME_ID, "CLOCK_PROCESS_CPUTIME_ID"}, {abi.CLOCK_THREAD_CPUTIME_ID, "CLOCK_THREAD_CPUTIME_ID"},
		{abi.CLOCK_MONOTONIC_RAW, "CLOCK_MONOTONIC_RAW"}, {abi.CLOCK_REALTIME_COARSE, "CLOCK_REALTIME_COARSE"},
		{abi.CLOCK_MONOTONIC_COARSE, "CLOCK_MONOTONIC_COARSE"}, {abi.CLOCK_BOOTTIME, "CLOCK_BOOTTIME"}})
}

func sysClockGettime[T spec[T]](t *proc.Task, clock Clock, p Ret[T]) error {
	ns, err := t.Now(int32(clock))
	if err != nil {
		return err
	}
	return storeTime(t, p, ns)
}

func sysClockSettime[T spec[T]](t *proc.Task, clock Clock, p Ptr[T]) error {
	ns, err := loadTime(t, p)
	if err != nil {
		return err
	}
	return setClock(t, int32(clock), ns)
}

// setClock also ends the waits of timerfds that want to know of it.
func setClock(t *proc.Task, clock int32, ns int64) error {
	err := t.SetClock(clock, ns)
	if err == nil {
		abiOf(t).timers.ClockWasSet()
	}
	return err
}

func sysClockGetres[T spec[T]](t *proc.Task, clock Clock, p Ret[T]) error {
	ns, err := t.ClockResolution(int32(clock))
	if err != nil || p == 0 {
		return err
	}
	return storeTime(t, p, ns)
}

func sysClockNanosleep[T spec[T]](t *proc.Task, clock Clock, flags Hex, req Ptr[T], rem Ret[T]) error {
	ns, err := loadTime(t, req)
	if err != nil {
		return err
	}
	if flags&abi.TIMER_ABSTIME != 0 || rem == 0 {
		return t.Nanosleep(int32(clock), flags&abi.TIMER_ABSTIME != 0, ns, nil)
	}
	return t.Nanosleep(int32(clock), false, ns, func(left int64) error { return storeTime(t, rem, left) })
}

func sysNanosleep(t *proc.Task, req Ptr[timespec32], rem Ret[timespec32]) error {
	return sysClockNanosleep(t, abi.CLOCK_MONOTONIC, 0, req, rem)
}

func sysTime(t *proc.Task, p Ret[int32]) (Int, error) {
	ns, err := t.Now(abi.CLOCK_REALTIME)
	if err != nil {
		return 0, err
	}
	sec := int32(ns / 1e9)
	return Int(sec), p.StoreIf(t, &sec)
}

func sysStime(t *proc.Task, p Ptr[int32]) error {
	sec, err := p.Load(t)
	if err != nil {
		return err
	}
	ns, err := toNs(int64(sec), 0)
	if err != nil {
		return err
	}
	return setClock(t, abi.CLOCK_REALTIME, ns)
}

// sysGettimeofday has no time zone to tell of: the kernel's is UTC, as it is on Linux until somebody sets it.
func sysGettimeofday(t *proc.Task, tv Ret[timeval32], tz Ret[timezone]) error {
	if tv != 0 {
		ns, err := t.Now(abi.CLOCK_REALTIME)
		if err != nil {
			return err
		}
		v := newTimeval(ns)
		if err := tv.Store(t, &v); err != nil {
			return err
		}
	}
	return tz.StoreIf(t, &timezone{})
}

// DIVERGES: the time zone is checked and dropped; Linux only keeps it for file systems that store local time.
func sysSettimeofday(t *proc.Task, tv Ptr[timeval32], tz Ptr[timezone]) error {
	if tz != 0 {
		if _, err := tz.Load(t); err != nil {
			return err
		}
	}
	if tv == 0 {
		return nil
	}
	v, err := tv.Load(t)
	if err != nil {
		return err
	}
	ns, err := v.ns()
	if err != nil {
		return err
	}
	return setClock(t, abi.CLOCK_REALTIME, ns)
}

func sysGetitimer(t *proc.Task, which Int, old Ret[itimerval]) error {
	i, err := t.Itimer(int32(which), nil)
	if err != nil {
		return err
	}
	v := itimerval{newTimeval(i.Interval), newTimeval(i.Value)}
	return old.Store(t, &v)
}

func sysSetitimer(t *proc.Task, which Int, new Ptr[itimerval], old Ret[itimerval]) error {
	var i proc.Itimer // a null pointer stops the timer, as on Linux
	if new != 0 {
		v, err := new.Load(t)
		if err != nil {
			return err
		}
		if i.Value, err = v.Value.ns(); err != nil {
			return err
		}
		if i.Interval, err = v.Interval.ns(); err != nil {
			return err
		}
	}
	o, err := t.Itimer(int32(which), &i)
	if err != nil {
		return err
	}
	v := itimerval{newTimeval(o.Interval), newTimeval(o.Value)}
	return old.StoreIf(t, &v)
}

// sysAlarm rounds what was left to whole seconds, but not to 0.
func sysAlarm(t *proc.Task, sec Uint) (Uint, error) {
	old, err := t.Itimer(abi.ITIMER_REAL, &proc.Itimer{Value: int64(sec) * 1e9})
	if err != nil || old.Value == 0 {
		return 0, err
	}
	return Uint(max(1, (old.Value+5e8)/1e9)), nil
}

func sysTimerCreate(t *proc.Task, clock Clock, ev Ptr[sigevent], id Ret[int32]) error {
	var e *proc.SigEvent
	if ev != 0 {
		v, err := ev.Load(t)
		if err != nil {
			return err
		}
		e = &proc.SigEvent{Notify: v.Notify, Signo: proc.Signal(v.Signo), Value: uint64(v.Value), TID: v.TID}
	}
	n, err := t.TimerCreate(int32(clock), e)
	if err != nil {
		return err
	}
	if err := id.Store(t, &n); err != nil {
		_ = t.TimerDelete(n) // it was made a moment ago; EFAULT is what counts
		return err
	}
	return nil
}

func sysTimerSettime[T ispec[T]](t *proc.Task, id Int, flags Hex, new Ptr[T], old Ret[T]) error {
	if new == 0 {
		return abi.EINVAL
	}
	v, err := new.Load(t)
	if err != nil {
		return err
	}
	i, err := v.timer()
	if err != nil {
		return err
	}
	o, err := t.TimerSet(int32(id), flags&abi.TIMER_ABSTIME != 0, i)
	if err != nil {
		return err
	}
	ov := v.of(o)
	return old.StoreIf(t, &ov)
}

func sysTimerGettime[T ispec[T]](t *proc.Task, id Int, p Ret[T]) error {
	i, err := t.TimerGet(int32(id))
	if err != nil {
		return err
	}
	var z T
	v := z.of(i)
	return p.Store(t, &v)
}

func sysTimerGetoverrun(t *proc.Task, id Int) (Int, error) {
	n, err := t.TimerOverrun(int32(id))
	return Int(n), err
}

func sysTimerDelete(t *proc.Task, id Int) error { return t.TimerDelete(int32(id)) }

func sysTimes(t *proc.Task, p Ret[tms]) (Int, error) {
	self, children := t.Times()
	v := tms{uint32(self.UTime / nsPerTick), uint32(self.STime / nsPerTick), uint32(children.UTime / nsPerTick),
		uint32(children.STime / nsPerTick)}
	if err := p.StoreIf(t, &v); err != nil {
		return 0, err
	}
	ns, err := t.Now(abi.CLOCK_MONOTONIC)
	return Int(ns / nsPerTick & 0x7fffffff), err
}

func newRusage(u *proc.Usage) rusage {
	return rusage{Utime: newTimeval(u.UTime), Stime: newTimeval(u.STime), Maxrss: uint32(u.MaxRSS), Minflt: uint32(u.MinorFaults),
		Majflt: uint32(u.MajorFaults), Nvcsw: uint32(u.Voluntary),
		Nivcsw: uint32(u.Involuntary)}
}

func sysGetrusage(t *proc.Task, who Int, p Ret[rusage]) error {
	u, err := t.Usage(int32(who))
	if err != nil {
		return err
	}
	v := newRusage(&u)
	return p.Store(t, &v)
}
