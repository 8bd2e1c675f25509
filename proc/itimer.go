package proc

import (
	"sync/atomic"

	"cleave/abi"
)

// Itimer is an interval timer of setitimer(2) or timer_settime(2), in ns: the time until it fires, 0 if it is not
// running, and the time between firings, 0 if it fires once.
type Itimer struct{ Value, Interval int64 }

// timerSet are the timers of a process. Kernel.mu guards it.
type timerSet struct {
	real      Timer // made by the first setitimer
	realAt    int64 // monotonic time, 0: not running
	interval  int64
	cpu       [2]cpuTimer // ITIMER_VIRTUAL, ITIMER_PROF
	posix     map[int32]*PosixTimer
	nextID    int32
	cpuLimit  int64       // CPU time at which RLIMIT_CPU sends the next signal, 0: none
	cpuActive atomic.Bool // something here counts CPU time
}

// second is a second in ns.
const second = 1_000_000_000

// unheardPeriod is how long, in ns, a periodic timer rests at least after it fired in vain: its last signal is still pending, or
// is ignored. Otherwise one with a period of a nanosecond would leave no time to anybody.
const unheardPeriod = 4_000_000

// cpuTimer counts the CPU time of a process.
type cpuTimer struct {
	at, interval int64 // at: of the process's CPU time; 0: not running
}

// fired computes the next time for a timer that was due at at, and how many periods were missed. 0: it fires no more.
func nextTime(at, interval, now int64) (next, missed int64) {
	if interval == 0 {
		return 0, 0
	}
	missed = max(now-at, 0) / interval
	return at + (missed+1)*interval, missed
}

// Itimer is getitimer(2), and with new setitimer(2). Errors: EINVAL.
func (t *Task) Itimer(which int32, new *Itimer) (old Itimer, err error) {
	if which < abi.ITIMER_REAL || which > abi.ITIMER_PROF || new != nil && (new.Value < 0 || new.Interval < 0) {
		return old, abi.EINVAL
	}
	if which != abi.ITIMER_REAL {
		t.charge()
	}
	k, g := t.k, t.group
	k.mu.Lock()
	defer k.mu.Unlock()
	if which != abi.ITIMER_REAL {
		return g.cpuItimerLocked(which, new), nil
	}
	s := &g.timers
	now := k.Clock.Monotonic()
	old.Interval = s.interval
	if s.realAt != 0 {
		old.Value = max(s.realAt-now, 1)
	}
	if new == nil {
		return old, nil
	}
	s.interval, s.realAt = new.Interval, 0
	if s.real == nil {
		s.real = k.Clock.NewTimer(g.realItimer)
	}
	if new.Value == 0 {
		s.real.Stop()
		return old, nil
	}
	s.realAt = now + min(new.Value, maxTime)
	s.real.Set(s.realAt)
	return old, nil
}

// realItimer fires ITIMER_REAL.
func (g *ThreadGroup) realItimer() {
	k := g.k
	k.mu.Lock()
	defer k.mu.Unlock()
	s := &g.timers
	now := k.Clock.Monotonic()
	if s.realAt == 0 || now < s.realAt || g.live == 0 {
		return // it was changed while it was about to fire
	}
	slow := g.pending.signals().Has(abi.SIGALRM)
	g.sendKernelLocked(abi.SIGALRM)
	if slow || !g.pending.signals().Has(abi.SIGALRM) {
		now += unheardPeriod
	}
	if s.realAt, _ = nextTime(s.realAt, s.interval, now); s.realAt != 0 {
		s.real.Set(s.realAt)
	}
}

func (g *ThreadGroup) cpuItimerLocked(which int32, new *Itimer) (old Itimer) {
	c := &g.timers.cpu[which-abi.ITIMER_VIRTUAL]
	now := g.cpuItimerNowLocked(which)
	old.Interval = c.interval
	if c.at != 0 {
		old.Value = max(c.at-now, 1)
	}
	if new != nil {
		*c = cpuTimer{interval: new.Interval}
		if new.Value != 0 {
			c.at = now + min(new.Value, maxTime)
			g.timers.cpuActive.Store(true)
		}
	}
	return old
}

func (g *ThreadGroup) cpuItimerNowLocked(which int32) int64 {
	u := g.usageLocked()
	if which == abi.ITIMER_VIRTUAL {
		return u.UTime
	}
	return u.UTime + u.STime
}

// limitChanged sets when RLIMIT_CPU speaks, in seconds of CPU time.
func (s *timerSet) limitChanged(seconds uint64) {
	s.cpuLimit = 0
	if seconds < maxTime/second {
		s.cpuLimit = max(int64(seconds)*second, 1)
		s.cpuActive.Store(true)
	}
}

// cpuTick fires what counts CPU time; the timer's interrupt calls it.
func (t *Task) cpuTick() {
	g := t.group
	if !g.timers.cpuActive.Load() {
		return
	}
	g.k.mu.Lock()
	defer g.k.mu.Unlock()
	s := &g.timers
	active := false
	for i, sig := range [...]Signal{abi.SIGVTALRM, abi.SIGPROF} {
		c := &s.cpu[i]
		if now := g.cpuItimerNowLocked(int32(i) + abi.ITIMER_VIRTUAL); c.at != 0 && now >= c.at {
			g.sendKernelLocked(sig)
			c.at, _ = nextTime(c.at, c.interval, now)
		}
		active = active || c.at != 0
	}
	u := g.usageLocked()
	total := u.UTime + u.STime
	if s.cpuLimit != 0 {
		active = true
		if total >= s.cpuLimit {
			g.overCPULimitLocked(total)
		}
	}
	for _, p := range s.posix {
		active = p.cpuTickLocked(t, total) || active
	}
	s.cpuActive.Store(active)
}

// overCPULimitLocked sends SIGXCPU once a second above the soft limit, and SIGKILL at the hard one (setrlimit(2)).
func (g *ThreadGroup) overCPULimitLocked(total int64) {
	hard := g.limits.get(abi.RLIMIT_CPU).Max
	if hard < maxTime/second && total >= int64(hard)*second {
		g.sendKernelLocked(abi.SIGKILL)
		return
	}
	g.sendKernelLocked(abi.SIGXCPU)
	g.timers.cpuLimit += second
}

// timersExit stops the timers with the last thread.
func (t *Task) timersExit(last bool) {
	if !last {
		return
	}
	t.k.mu.Lock()
	s := &t.group.timers
	if s.real != nil {
		s.realAt = 0
		s.real.Stop()
	}
	t.k.mu.Unlock()
	t.timersExec()
}

// timersExec deletes the POSIX timers, as execve does; those of setitimer go on.
func (t *Task) timersExec() {
	t.k.mu.Lock()
	for id, p := range t.group.timers.posix {
		p.deleteLocked()
		delete(t.group.timers.posix, id)
	}
	t.k.mu.Unlock()
}
