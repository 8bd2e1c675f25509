package proc

import (
	"cleave/abi"
	"cleave/ns/user"
)

// SigEvent says how a timer of timer_create(2) tells of its expiry.
type SigEvent struct {
	Notify int32 // SIGEV_*
	Signo  Signal
	Value  uint64
	TID    int32 // for SIGEV_THREAD_ID
}

// PosixTimer is a timer of timer_create(2). Kernel.mu guards it.
type PosixTimer struct {
	group    *ThreadGroup
	id       int32
	clock    int32
	notify   int32
	target   *Task // of SIGEV_THREAD_ID
	cpuGroup *ThreadGroup
	cpuTask  *Task // a CPU clock of one or the other

	alarm    Timer
	at       int64 // when it fires, by its own clock: monotonic, realtime or CPU time; 0: not running
	interval int64
	abs      bool // set for a time of day: it moves when the clock is set
	entry    sigEntry
	overrun  int64 // of the signal that is pending
	told     int32 // overrun of the last one that was delivered
}

// maxTimers bounds the timers of a process.
const maxTimers = 1024

// delayTimerMax is the greatest overrun that is told (timer_getoverrun(2)).
const delayTimerMax = 1<<31 - 1

// TimerCreate is timer_create(2); ev nil means SIGALRM. Errors: EINVAL, EAGAIN (too many), EPERM.
func (t *Task) TimerCreate(clock int32, ev *SigEvent) (int32, error) {
	p := &PosixTimer{group: t.group, clock: clock}
	switch clock {
	case abi.CLOCK_REALTIME, abi.CLOCK_MONOTONIC, abi.CLOCK_BOOTTIME, abi.CLOCK_TAI:
	case abi.CLOCK_REALTIME_ALARM, abi.CLOCK_BOOTTIME_ALARM:
		if !t.Cred().Has(user.CapWakeAlarm, t.k.UserNS) {
			return 0, abi.EPERM
		}
	default:
		var err error
		if p.cpuGroup, p.cpuTask, err = t.cpuClock(clock); err != nil {
			return 0, err
		}
		if p.cpuGroup != nil && p.cpuGroup != t.group {
			return 0, abi.EINVAL // DIVERGES: Linux lets a timer run on the CPU clock of another process
		}
	}
	k := t.k
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := p.setEventLocked(t, ev); err != nil {
		return 0, err
	}
	s := &t.group.timers
	if len(s.posix) >= maxTimers {
		return 0, abi.EAGAIN
	}
	if s.posix == nil {
		s.posix = map[int32]*PosixTimer{}
	}
	for s.posix[s.nextID] != nil {
		s.nextID = (s.nextID + 1) & (1<<31 - 1)
	}
	p.id = s.nextID
	s.nextID = (s.nextID + 1) & (1<<31 - 1)
	if ev == nil {
		p.entry.info.Value = uint64(p.id)
	}
	p.entry.info.TimerID = p.id
	if p.cpuGroup == nil && p.cpuTask == nil {
		p.alarm = k.Clock.NewTimer(p.expire)
	}
	s.posix[p.id] = p
	return p.id, nil
}

func (p *PosixTimer) setEventLocked(t *Task, ev *SigEvent) error {
	info := SigInfo{Signo: abi.SIGALRM, Code: abi.SI_TIMER}
	p.notify = abi.SIGEV_SIGNAL
	if ev != nil {
		info.Signo, info.Value, p.notify = ev.Signo, ev.Value, ev.Notify
	}
	switch p.notify {
	case abi.SIGEV_NONE:
	case abi.SIGEV_SIGNAL, abi.SIGEV_THREAD, abi.SIGEV_SIGNAL | abi.SIGEV_THREAD_ID:
		if !info.Signo.Valid() {
			return abi.EINVAL
		}
	default:
		return abi.EINVAL
	}
	if p.notify&abi.SIGEV_THREAD_ID != 0 {
		p.target = t.k.taskByIDLocked(t.pidNS, ev.TID)
		if p.target == nil || p.target.group != t.group {
			return abi.EINVAL
		}
	}
	p.entry.info, p.entry.timer = info, p
	return nil
}

// nowLocked is the time of the timer's clock.
func (p *PosixTimer) nowLocked() int64 {
	switch {
	case p.cpuTask != nil:
		u := p.cpuTask.usage.snapshot()
		return u.UTime + u.STime
	case p.cpuGroup != nil:
		u := p.cpuGroup.usageLocked()
		return u.UTime + u.STime
	case p.abs && isRealtime(p.clock):
		return p.group.k.Clock.Realtime()
	}
	return p.group.k.Clock.Monotonic()
}

// armLocked starts the clock's timer for p.at.
func (p *PosixTimer) armLocked() {
	if p.alarm == nil {
		p.group.timers.cpuActive.Store(true)
		return
	}
	at := p.at
	if p.abs && isRealtime(p.clock) {
		c := p.group.k.Clock
		at -= c.Realtime() - c.Monotonic()
	}
	p.alarm.Set(at)
}

// expire is called by the clock.
func (p *PosixTimer) expire() {
	k := p.group.k
	k.mu.Lock()
	defer k.mu.Unlock()
	if p.at == 0 || p.group.live == 0 {
		return
	}
	if p.nowLocked() < p.at {
		p.armLocked() // the time of day was set back
		return
	}
	p.fireLocked()
}

// fireLocked sends the signal. A periodic timer goes on when that is delivered, so that a slow program is not flooded,
// or at once if nobody wants it.
func (p *PosixTimer) fireLocked() {
	t := p.target
	if t == nil {
		t = p.group.leader
	}
	queue := &p.group.pending
	if p.target != nil {
		queue = &t.pending
	}
	sig := p.entry.info.Signo
	if p.notify == abi.SIGEV_NONE || t.exited.Load() || t.discardsLocked(sig, false) || p.group.exiting {
		p.nextLocked(unheardPeriod)
		return
	}
	p.overrun = 0
	if !p.entry.queued {
		queue.addLocked(&p.entry)
	}
	queue.setSignals(queue.signals() | sig.bit())
	p.group.signalQueue.Notify(childEvents)
	p.group.wakeForLocked(t, sig, p.target == nil)
	if p.interval == 0 {
		p.at = 0
	}
}

// nextLocked goes on to the next period that begins when rest (ns) has passed, or later.
func (p *PosixTimer) nextLocked(rest int64) {
	at, missed := nextTime(p.at, p.interval, p.nowLocked()+rest)
	p.overrun += missed
	if p.at = at; at != 0 {
		p.armLocked()
	}
}

// deliveredLocked completes the information of the timer's signal, which the program gets now, and goes on.
func (p *PosixTimer) deliveredLocked(info *SigInfo) {
	if p.interval != 0 && p.at != 0 {
		p.nextLocked(0)
	}
	p.told = int32(min(p.overrun, delayTimerMax))
	info.Overrun = p.told
}

// cpuTickLocked fires a timer of a CPU clock. It reports whether the timer is running.
func (p *PosixTimer) cpuTickLocked(t *Task, total int64) bool {
	if p.alarm != nil || p.at == 0 {
		return false
	}
	now := total
	if p.cpuTask != nil {
		now = p.nowLocked()
	}
	if now >= p.at && !p.entry.queued {
		p.fireLocked()
	}
	return p.at != 0
}

// clockSetLocked moves the timers that were set for a time of day.
func (s *timerSet) clockSetLocked() {
	for _, p := range s.posix {
		if p.at != 0 && p.abs && isRealtime(p.clock) && !p.entry.queued {
			p.armLocked()
		}
	}
}

// timerLocked finds a timer of the process. EINVAL.
func (t *Task) timerLocked(id int32) (*PosixTimer, error) {
	p := t.group.timers.posix[id]
	if p == nil {
		return nil, abi.EINVAL
	}
	return p, nil
}

func (p *PosixTimer) leftLocked() Itimer {
	it := Itimer{Interval: p.interval}
	if p.at == 0 {
		return it
	}
	now, at := p.nowLocked(), p.at
	if at <= now && p.interval != 0 {
		at, _ = nextTime(at, p.interval, now)
	}
	if it.Value = at - now; it.Value <= 0 && p.notify != abi.SIGEV_NONE {
		it.Value = 1
	}
	it.Value = max(it.Value, 0)
	return it
}

// TimerSet is timer_settime(2). EINVAL.
func (t *Task) TimerSet(id int32, abs bool, new Itimer) (old Itimer, err error) {
	if new.Value < 0 || new.Interval < 0 {
		return old, abi.EINVAL
	}
	t.charge()
	k := t.k
	k.mu.Lock()
	defer k.mu.Unlock()
	p, err := t.timerLocked(id)
	if err != nil {
		return old, err
	}
	old = p.leftLocked()
	p.at, p.overrun, p.told = 0, 0, 0
	if p.alarm != nil {
		p.alarm.Stop()
	}
	p.interval, p.abs = new.Interval, abs
	if new.Value == 0 {
		return old, nil
	}
	if abs {
		p.at = max(new.Value-t.offset(p.clock), 1)
	} else {
		p.at = p.nowLocked() + min(new.Value, maxTime)
	}
	p.armLocked()
	return old, nil
}

// TimerGet is timer_gettime(2). EINVAL.
func (t *Task) TimerGet(id int32) (Itimer, error) {
	t.charge()
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	p, err := t.timerLocked(id)
	if err != nil {
		return Itimer{}, err
	}
	return p.leftLocked(), nil
}

// TimerOverrun is timer_getoverrun(2). EINVAL.
func (t *Task) TimerOverrun(id int32) (int32, error) {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	p, err := t.timerLocked(id)
	if err != nil {
		return 0, err
	}
	return p.told, nil
}

// TimerDelete is timer_delete(2). EINVAL.
func (t *Task) TimerDelete(id int32) error {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	p, err := t.timerLocked(id)
	if err != nil {
		return err
	}
	p.deleteLocked()
	delete(t.group.timers.posix, id)
	return nil
}

// deleteLocked stops a timer. A signal of it that is pending stays so.
func (p *PosixTimer) deleteLocked() {
	p.at = 0
	p.entry.timer = nil
	if p.alarm != nil {
		p.alarm.Stop()
	}
}
