package linux386

import (
	"encoding/binary"
	"math"

	"cleave/abi"
	"cleave/proc"
)

// rlim32 is a limit as 32-bit calls show it: what is above their range is none.
func rlim32(v uint64) uint32 {
	if v >= abi.RLIM32_INFINITY {
		return abi.RLIM32_INFINITY
	}
	return uint32(v)
}

func rlim64(v uint32) uint64 {
	if v == abi.RLIM32_INFINITY {
		return abi.RLIM_INFINITY
	}
	return uint64(v)
}

func sysUgetrlimit(t *proc.Task, resource Int, p Ret[rlimit]) error {
	l, err := t.Rlimit(0, int(resource), nil)
	if err != nil {
		return err
	}
	return p.Store(t, &rlimit{rlim32(l.Cur), rlim32(l.Max)})
}

// sysGetrlimit is the first one, whose limits are signed.
func sysGetrlimit(t *proc.Task, resource Int, p Ret[rlimit]) error {
	l, err := t.Rlimit(0, int(resource), nil)
	if err != nil {
		return err
	}
	return p.Store(t, &rlimit{min(rlim32(l.Cur), math.MaxInt32), min(rlim32(l.Max), math.MaxInt32)})
}

func sysSetrlimit(t *proc.Task, resource Int, p Ptr[rlimit]) error {
	l, err := p.Load(t)
	if err != nil {
		return err
	}
	_, err = t.Rlimit(0, int(resource), &proc.Rlimit{Cur: rlim64(l.Cur), Max: rlim64(l.Max)})
	return err
}

func sysPrlimit64(t *proc.Task, pid PID, resource Int, new Ptr[rlimit64], old Ret[rlimit64]) error {
	var n *proc.Rlimit
	if new != 0 {
		l, err := new.Load(t)
		if err != nil {
			return err
		}
		n = &proc.Rlimit{Cur: l.Cur, Max: l.Max}
	}
	o, err := t.Rlimit(int32(pid), int(resource), n)
	if err != nil {
		return err
	}
	return old.StoreIf(t, &rlimit64{o.Cur, o.Max})
}

// sysGetpriority returns 20 minus the nice value, which can't be mistaken for an error.
func sysGetpriority(t *proc.Task, which, who Int) (Int, error) {
	nice, err := t.Priority(int32(which), int32(who))
	return 20 - Int(nice), err
}

func sysSetpriority(t *proc.Task, which, who, nice Int) error {
	return t.SetPriority(int32(which), int32(who), int32(max(-20, min(nice, 19))))
}

func sysSchedYield(t *proc.Task) error {
	t.Yield()
	return nil
}

// sched returns the parameters of a task. EINVAL: a negative pid.
func sched(t *proc.Task, pid PID) (proc.SchedParams, error) {
	if pid < 0 {
		return proc.SchedParams{}, abi.EINVAL
	}
	return t.Sched(int32(pid), nil)
}

func setSched(t *proc.Task, pid PID, p proc.SchedParams) error {
	if pid < 0 {
		return abi.EINVAL
	}
	_, err := t.Sched(int32(pid), &p)
	return err
}

func sysSchedGetscheduler(t *proc.Task, pid PID) (Int, error) {
	p, err := sched(t, pid)
	if p.ResetOnFork {
		p.Policy |= abi.SCHED_RESET_ON_FORK
	}
	return Int(p.Policy), err
}

func sysSchedGetparam(t *proc.Task, pid PID, at Ret[schedParam]) error {
	if at == 0 {
		return abi.EINVAL
	}
	p, err := sched(t, pid)
	if err != nil {
		return err
	}
	return at.Store(t, &schedParam{p.Priority})
}

func sysSchedSetscheduler(t *proc.Task, pid PID, policy Int, at Ptr[schedParam]) error {
	if policy < 0 || at == 0 {
		return abi.EINVAL
	}
	v, err := at.Load(t)
	if err != nil {
		return err
	}
	p, err := sched(t, pid)
	if err != nil {
		return err
	}
	p.Policy, p.Priority = int32(policy&^abi.SCHED_RESET_ON_FORK), v.Priority
	p.ResetOnFork = policy&abi.SCHED_RESET_ON_FORK != 0
	return setSched(t, pid, p)
}

func sysSchedSetparam(t *proc.Task, pid PID, at Ptr[schedParam]) error {
	if at == 0 {
		return abi.EINVAL
	}
	v, err := at.Load(t)
	if err != nil {
		return err
	}
	p, err := sched(t, pid)
	if err != nil {
		return err
	}
	p.Priority = v.Priority
	return setSched(t, pid, p)
}

// Sizes of struct sched_attr: the first version, and the one that is known here.
const (
	schedAttrSize0 = 48
	schedAttrSize  = 56
	schedResetFlag = 1
	schedKeep      = 8 | 16 // keep the policy, keep the parameters
)

func sysSchedSetattr(t *proc.Task, pid PID, at Ptr[schedAttr], flags Hex) error {
	if at == 0 || pid < 0 || flags != 0 {
		return abi.EINVAL
	}
	size, err := Ptr[uint32](at).Load(t)
	if err != nil {
		return err
	}
	if size == 0 {
		size = schedAttrSize0
	}
	var w [schedAttrSize / 8]uint64
	if err := loadWords(t, uint32(at), size, schedAttrSize0, w[:]); err != nil {
		return err
	}
	p, err := sched(t, pid)
	if err != nil {
		return err
	}
	if w[1]&^(schedResetFlag|schedKeep) != 0 {
		return abi.EINVAL
	}
	if policy := int32(w[0] >> 32); w[1]&8 == 0 {
		if policy < 0 {
			return abi.EINVAL
		}
		p.Policy = policy
	}
	if w[1]&16 == 0 {
		p.Nice, p.Priority = int32(w[2]), int32(w[2]>>32)
	}
	p.ResetOnFork = w[1]&schedResetFlag != 0
	return setSched(t, pid, p)
}

func sysSchedGetattr(t *proc.Task, pid PID, at Addr, size Size, flags Hex) error {
	if at == 0 || size < schedAttrSize0 || size > pageSize || flags != 0 {
		return abi.EINVAL
	}
	p, err := sched(t, pid)
	if err != nil {
		return err
	}
	v := schedAttr{Size: min(uint32(size), schedAttrSize), Policy: uint32(p.Policy), Nice: p.Nice, Priority: uint32(p.Priority)}
	if p.ResetOnFork {
		v.Flags = schedResetFlag
	}
	b, _ := binary.Append(nil, binary.LittleEndian, &v) // fails for types without a fixed size only
	return t.MM().CopyOut(uint32(at), b[:v.Size])
}

func sysSchedGetPriorityMax(_ *proc.Task, policy Int) (Int, error) {
	switch policy {
	case abi.SCHED_FIFO, abi.SCHED_RR:
		return 99, nil
	case abi.SCHED_OTHER, abi.SCHED_BATCH, abi.SCHED_IDLE, abi.SCHED_DEADLINE:
		return 0, nil
	}
	return 0, abi.EINVAL
}

func sysSchedGetPriorityMin(t *proc.Task, policy Int) (Int, error) {
	v, err := sysSchedGetPriorityMax(t, policy)
	return min(v, 1), err
}

// slice is what sched_rr_get_interval(2) tells: the length of a time slice, 0 under SCHED_FIFO.
const slice = 10e6

func sysSchedRRGetInterval[T spec[T]](t *proc.Task, pid PID, at Ret[T]) error {
	p, err := sched(t, pid)
	if err != nil {
		return err
	}
	ns := int64(slice)
	if p.Policy == abi.SCHED_FIFO {
		ns = 0
	}
	return storeTime(t, at, ns)
}

// maskSize is the size of a CPU mask in bytes.
const maskSize = 8

func sysSchedGetaffinity(t *proc.Task, pid PID, size Size, at Ret[long64]) (Size, error) {
	if size < 4 || size%4 != 0 {
		return 0, abi.EINVAL
	}
	m, err := t.Affinity(int32(pid))
	if err != nil {
		return 0, err
	}
	v := split(m)
	if size < maskSize {
		return 4, Ret[uint32](at).Store(t, &v.Lo)
	}
	return maskSize, at.Store(t, &v)
}

func sysSchedSetaffinity(t *proc.Task, pid PID, size Size, at Addr) error {
	var b [maskSize]byte
	if err := t.MM().CopyIn(b[:min(size, maskSize)], uint32(at)); err != nil {
		return err
	}
	return t.SetAffinity(int32(pid), binary.LittleEndian.Uint64(b[:]))
}

// Classes of ioprio_set(2), in the high bits of a priority.
const (
	ioprioShift = 13
	ioprioBE    = 2
	ioprioNorm  = 4
)

// sysIoprioGet: every process has the priority that follows from a nice value of 0; no device schedules by it.
func sysIoprioGet(t *proc.Task, which, who Int) (Int, error) {
	if which < 1 || which > 3 {
		return 0, abi.EINVAL
	}
	if which == 1 && who != 0 && t.FindTask(int32(who)) == nil {
		return 0, abi.ESRCH
	}
	return ioprioBE<<ioprioShift | ioprioNorm, nil
}

func sysIoprioSet(t *proc.Task, which, who, prio Int) error {
	if prio>>ioprioShift > 3 || prio < 0 {
		return abi.EINVAL
	}
	_, err := sysIoprioGet(t, which, who)
	return err
}
