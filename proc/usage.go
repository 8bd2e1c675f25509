package proc

import (
	"cleave/abi"
	"cleave/mm"
)

// Usage is what getrusage(2) tells.
type Usage struct {
	UTime, STime           int64 // ns
	MaxRSS                 int64 // KiB
	MinorFaults            int64 // DIVERGES: those that read a file count here, too
	MajorFaults            int64
	Voluntary, Involuntary int64 // changes of task
}

func (u *Usage) add(o *Usage) {
	u.UTime += o.UTime
	u.STime += o.STime
	u.MaxRSS = max(u.MaxRSS, o.MaxRSS)
	u.MinorFaults += o.MinorFaults
	u.MajorFaults += o.MajorFaults
	u.Voluntary += o.Voluntary
	u.Involuntary += o.Involuntary
}

// snapshot is the usage of one task.
func (u *usage) snapshot() Usage {
	return Usage{
		UTime: u.user.Load(), STime: u.system.Load(), MinorFaults: u.faults.Load(),
		Voluntary: u.voluntary.Load(), Involuntary: u.involuntary.Load(),
	}
}

// addUsageLocked keeps the usage of a thread that is going.
func (g *ThreadGroup) addUsageLocked(t *Task) {
	u := t.usage.snapshot()
	g.deadUsage.add(&u)
}

// usageLocked is the usage of all threads, those that are gone included.
func (g *ThreadGroup) usageLocked() Usage {
	u := g.deadUsage
	for _, t := range g.threads {
		s := t.usage.snapshot()
		u.add(&s)
	}
	u.MaxRSS = g.maxRSS
	return u
}

// noteRSS keeps the greatest size of an address space that the process leaves.
func (g *ThreadGroup) noteRSS(as *mm.AddressSpace) {
	kib := int64(as.Stats().MaxResident) * (abi.PageSize / 1024)
	g.k.mu.Lock()
	g.maxRSS = max(g.maxRSS, kib)
	g.k.mu.Unlock()
}

// Usage is getrusage(2): who is RUSAGE_SELF, RUSAGE_CHILDREN or RUSAGE_THREAD. EINVAL.
func (t *Task) Usage(who int32) (Usage, error) {
	t.charge()
	k, g := t.k, t.group
	var u Usage
	k.mu.Lock()
	switch who {
	case abi.RUSAGE_SELF:
		u = g.usageLocked()
	case abi.RUSAGE_CHILDREN:
		u = g.childUsage
	case abi.RUSAGE_THREAD:
		u = t.usage.snapshot()
	default:
		k.mu.Unlock()
		return u, abi.EINVAL
	}
	k.mu.Unlock()
	if who != abi.RUSAGE_CHILDREN {
		u.MaxRSS = max(u.MaxRSS, int64(t.mm.Stats().MaxResident)*(abi.PageSize/1024))
	}
	return u, nil
}

// Times is times(2): what the process and its waited-for children have used, in ns.
func (t *Task) Times() (self, children Usage) {
	t.charge()
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.group.usageLocked(), t.group.childUsage
}

// UsageOf is the usage of a process and of its waited-for children, for /proc.
func (g *ThreadGroup) UsageOf() (self, children Usage) {
	g.k.mu.Lock()
	defer g.k.mu.Unlock()
	return g.usageLocked(), g.childUsage
}

// CPUTime is the time that a task has used, in ns, for /proc.
func (t *Task) CPUTime() (user, system int64) { return t.usage.user.Load(), t.usage.system.Load() }
