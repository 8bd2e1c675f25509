package proc

import (
	"sync"

	"cleave/abi"
	"cleave/ns/user"
)

// SchedParams is what the scheduling calls keep of a task (sched(7)).
//
// DIVERGES: all tasks share the CPU fairly, weighted by nice value; the real-time policies are kept and shown only.
type SchedParams struct {
	Policy      int32
	Priority    int32 // of SCHED_FIFO and SCHED_RR
	Nice        int32 // -20 to 19
	ResetOnFork bool
}

const (
	minNice      = -20
	maxNice      = 19
	maxPriority  = 99
	defaultSlack = 50000 // ns
)

// The share of a task falls by a fifth with each nice value, as on Linux: of two that never sleep, one of nice 0 and one of
// nice 10, the first gets nine times as much. A task of nice 0 has baseTicks in each turn, a nicer one has one and lets
// turns pass, one that is less nice has more, up to maxTicks.
const (
	baseTicks = 2
	maxTicks  = 25
)

// share is 100 times 1.25 to the power of n.
var share = [...]int{100, 125, 156, 195, 244, 305, 381, 477, 596, 745, 931, 1164, 1455, 1819, 2274, 2842, 3553, 4441, 5551, 6939, 8674}

// sliceTicks is how many ticks a task runs before others have their turn.
func sliceTicks(nice int32) int {
	if nice > 1 {
		return 1
	}
	return min(baseTicks*share[max(-nice, 0)]/100, maxTicks)
}

// turnsPassed is how many turns a task lets pass after each of its own.
func turnsPassed(nice int32) int {
	if nice <= 0 {
		return 0
	}
	return max((share[nice]/baseTicks+50)/100, 1) - 1
}

// inheritSchedLocked gives a new task the parameters of its parent.
func (t *Task) inheritSchedLocked(p *Task) {
	t.sched = p.sched
	t.nice.Store(p.nice.Load())
	if t.sched.ResetOnFork {
		n := t.nice.Load()
		t.sched = SchedParams{}
		t.nice.Store(max(n, 0))
	}
}

// schedTarget finds the task that a scheduling call is about; 0 is the caller. ESRCH.
func (t *Task) schedTarget(pid int32) (*Task, error) {
	if pid < 0 {
		return nil, abi.EINVAL
	}
	if pid == 0 {
		return t, nil
	}
	if o := t.FindTask(pid); o != nil {
		return o, nil
	}
	return nil, abi.ESRCH
}

// Sched is sched_getscheduler(2) and sched_getparam(2), and with new the calls that set. Errors: EINVAL, ESRCH, EPERM.
func (t *Task) Sched(pid int32, new *SchedParams) (old SchedParams, err error) {
	o, err := t.schedTarget(pid)
	if err != nil {
		return old, err
	}
	k := t.k
	k.mu.Lock()
	defer k.mu.Unlock()
	old = o.sched
	old.Nice = o.nice.Load()
	if new == nil {
		return old, nil
	}
	if err := new.check(); err != nil {
		return old, err
	}
	c, d := t.Caller.Cred, o.Caller.Cred
	if !c.Has(user.CapSysNice, k.UserNS) {
		if !c.MayRenice(d) || o.group.mayNotSched(&old, new) {
			return old, abi.EPERM
		}
	}
	o.sched = *new
	if new.Policy == abi.SCHED_OTHER || new.Policy == abi.SCHED_BATCH {
		o.nice.Store(new.Nice)
	}
	return old, nil
}

func (s *SchedParams) check() error {
	switch s.Policy {
	case abi.SCHED_OTHER, abi.SCHED_BATCH, abi.SCHED_IDLE:
		if s.Priority != 0 || s.Nice < minNice || s.Nice > maxNice {
			return abi.EINVAL
		}
	case abi.SCHED_FIFO, abi.SCHED_RR:
		if s.Priority < 1 || s.Priority > maxPriority {
			return abi.EINVAL
		}
	default:
		return abi.EINVAL
	}
	return nil
}

// mayNotSched reports whether a change needs CAP_SYS_NICE (sched(7), "Privileges and resource limits").
func (g *ThreadGroup) mayNotSched(old, new *SchedParams) bool {
	rt := new.Policy == abi.SCHED_FIFO || new.Policy == abi.SCHED_RR
	limit := g.limits.get(abi.RLIMIT_RTPRIO).Cur
	switch {
	case rt && new.Policy != old.Policy && limit == 0,
		rt && new.Priority > old.Priority && uint64(new.Priority) > limit,
		!rt && new.Nice < old.Nice && !g.mayNice(new.Nice),
		old.ResetOnFork && !new.ResetOnFork:
		return true
	}
	return false
}

// mayNice reports whether RLIMIT_NICE allows a nice value.
func (g *ThreadGroup) mayNice(nice int32) bool {
	return uint64(20-nice) <= g.limits.get(abi.RLIMIT_NICE).Cur
}

// eachByPriorityLocked calls f for the tasks that getpriority(2) means. EINVAL, ESRCH.
func (t *Task) eachByPriorityLocked(which, who int32, f func(*Task)) error {
	k := t.k
	found := false
	see := func(o *Task) { found = true; f(o) }
	switch which {
	case abi.PRIO_PROCESS:
		o := t
		if who != 0 {
			o = k.taskByIDLocked(t.pidNS, who)
		}
		if o != nil {
			see(o)
		}
	case abi.PRIO_PGRP:
		p := t.group.pgrp
		if who != 0 {
			p = k.pgrpByIDLocked(t.pidNS, who)
		}
		if p != nil {
			for g := range p.members {
				for _, o := range g.threads {
					see(o)
				}
			}
		}
	case abi.PRIO_USER:
		c := t.Caller.Cred
		uid := c.UID
		if who != 0 {
			if uid = c.NS.ToKUID(user.UID(who)); !uid.Valid() {
				return abi.EINVAL
			}
		}
		k.eachTaskLocked(t.pidNS, func(o *Task) {
			if d := o.Caller.Cred; user.SameUser(c.NS, uid, d.NS, d.UID) {
				see(o)
			}
		})
	default:
		return abi.EINVAL
	}
	if !found {
		return abi.ESRCH
	}
	return nil
}

// Priority is getpriority(2): the lowest nice value of those meant. Errors: EINVAL, ESRCH.
func (t *Task) Priority(which, who int32) (int32, error) {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	lowest := int32(maxNice)
	err := t.eachByPriorityLocked(which, who, func(o *Task) { lowest = min(lowest, o.nice.Load()) })
	return lowest, err
}

// SetPriority is setpriority(2). Errors: EINVAL, ESRCH, EPERM (another's), EACCES (lower than before).
func (t *Task) SetPriority(which, who, nice int32) error {
	nice = min(max(nice, minNice), maxNice)
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	var failed error
	err := t.eachByPriorityLocked(which, who, func(o *Task) {
		c := t.Caller.Cred
		switch {
		case !c.MayRenice(o.Caller.Cred):
			failed = abi.EPERM
		case nice < o.nice.Load() && !o.group.mayNice(nice) && !c.Has(user.CapSysNice, t.k.UserNS):
			failed = abi.EACCES
		default:
			o.nice.Store(nice)
			o.sched.Nice = nice
		}
	})
	if err == nil {
		err = failed
	}
	return err
}

// Affinity is sched_getaffinity(2): a bit for each CPU. ESRCH.
func (t *Task) Affinity(pid int32) (uint64, error) {
	o, err := t.schedTarget(pid)
	if err != nil {
		return 0, err
	}
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return o.cpuMask, nil
}

// SetAffinity is sched_setaffinity(2). Errors: EINVAL (no CPU that exists), EPERM, ESRCH.
func (t *Task) SetAffinity(pid int32, mask uint64) error {
	o, err := t.schedTarget(pid)
	if err != nil {
		return err
	}
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if o != t && !t.Caller.Cred.MayRenice(o.Caller.Cred) {
		return abi.EPERM
	}
	if mask &= 1<<NumCPU - 1; mask == 0 {
		return abi.EINVAL
	}
	o.cpuMask = mask
	return nil
}

// NumCPU is the number of processors.
const NumCPU = 1

// loadAverage is /proc/loadavg: the number of tasks that could run, smoothed over 1, 5 and 15 minutes.
type loadAverage struct {
	mu   sync.Mutex // a leaf
	last int64      // monotonic time of the last sample
	avg  [3]uint64  // fixed point, guarded by mu
}

const (
	loadShift    = 11
	loadInterval = 5e9 // ns between samples
)

// loadDecay is e^(-5 s/1 min) and so on, in fixed point.
var loadDecay = [3]uint64{1884, 2014, 2037}

// sample takes the samples that are due. While all tasks sleep nobody calls it: the samples missed count as 0.
func (l *loadAverage) sample(k *Kernel) {
	now := k.Clock.Monotonic()
	l.mu.Lock()
	for missed := 0; now-l.last >= loadInterval; l.last += loadInterval {
		active := uint64(0)
		if now-l.last < 2*loadInterval {
			active = uint64(max(k.running.Load(), 0)) << loadShift
		}
		for i := range l.avg {
			l.avg[i] = (l.avg[i]*loadDecay[i] + active*(1<<loadShift-loadDecay[i])) >> loadShift
		}
		if missed++; missed > 1000 {
			l.last = now
		}
	}
	l.mu.Unlock()
}

// LoadAverage is the load of the last 1, 5 and 15 minutes, in units of 1/65536 as sysinfo(2) has it.
func (k *Kernel) LoadAverage() [3]uint64 {
	k.load.sample(k)
	k.load.mu.Lock()
	defer k.load.mu.Unlock()
	var r [3]uint64
	for i, a := range k.load.avg {
		r[i] = a << (16 - loadShift)
	}
	return r
}
