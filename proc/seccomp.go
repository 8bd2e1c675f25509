package proc

import (
	"slices"
	"sync/atomic"

	"cleave/abi"
	"cleave/ns/user"
	"cleave/proc/bpf"
)

// seccompFilter is one filter of system calls, and those that were installed before it. Tasks share it: but for the
// notes about calls it never changes.
type seccompFilter struct {
	prev   *seccompFilter
	prog   *bpf.Program // nil: strict mode
	insns  []bpf.Insn   // what it was made of
	strict []uint32     // the calls that strict mode allows
	log    bool         // SECCOMP_FILTER_FLAG_LOG
	count  int          // filters, this one included
	cost   int          // instructions of all filters, with a surcharge for each but this one

	// A bit for each of the first system calls of the last architecture that was asked for: whether it has been found out
	// that all filters allow the call, whatever its arguments; whether they do.
	arch    atomic.Uint32
	known   [maxNoted / 32]atomic.Uint32
	allowed [maxNoted / 32]atomic.Uint32
}

const (
	maxNoted          = 512
	maxFilterCost     = 32768 // instructions of all filters of a task (seccomp(2), MAX_INSNS_PER_PATH)
	filterSurcharge   = 4     // added to them for each earlier filter
	seccompFilterMask = abi.SECCOMP_FILTER_FLAG_TSYNC | abi.SECCOMP_FILTER_FLAG_LOG |
		abi.SECCOMP_FILTER_FLAG_SPEC_ALLOW | abi.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
)

// SeccompActions lists the actions of filters by name, the most restrictive first
// (/proc/sys/kernel/seccomp/actions_avail).
const SeccompActions = "kill_process kill_thread trap errno trace log allow"

// SeccompLogged lists those that are logged, the last always, the others for filters that ask for it.
const SeccompLogged = "kill_process kill_thread trap errno trace log"

// SeccompAction reports whether filters may return an action: SECCOMP_GET_ACTION_AVAIL.
func SeccompAction(action uint32) bool {
	switch action {
	case abi.SECCOMP_RET_KILL_PROCESS, abi.SECCOMP_RET_KILL_THREAD, abi.SECCOMP_RET_TRAP, abi.SECCOMP_RET_ERRNO,
		abi.SECCOMP_RET_TRACE, abi.SECCOMP_RET_LOG, abi.SECCOMP_RET_ALLOW:
		return true
	}
	return false
}

// SeccompMode is PR_GET_SECCOMP, and how many filters there are. Any task may ask.
func (t *Task) SeccompMode() (mode uint32, filters int) {
	f := t.seccomp.Load()
	switch {
	case f == nil:
		return abi.SECCOMP_MODE_DISABLED, 0
	case f.prog == nil:
		return abi.SECCOMP_MODE_STRICT, 0
	}
	return abi.SECCOMP_MODE_FILTER, f.count
}

// SetSeccompStrict leaves t only the system calls given (SECCOMP_SET_MODE_STRICT). EINVAL: it has filters.
func (t *Task) SetSeccompStrict(calls []uint32) error {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if f := t.seccomp.Load(); f != nil && f.prog != nil {
		return abi.EINVAL
	}
	t.setSeccompLocked(&seccompFilter{strict: calls})
	return nil
}

// CheckSeccomp checks flags of SECCOMP_SET_MODE_FILTER, and the number of instructions. EINVAL.
//
// DIVERGES: SECCOMP_FILTER_FLAG_NEW_LISTENER is EINVAL: no other program can decide about system calls.
func CheckSeccomp(flags uint32, insns int) error {
	if flags&^uint32(seccompFilterMask) != 0 || insns == 0 || insns > bpf.MaxLen {
		return abi.EINVAL
	}
	return nil
}

// MaySetSeccomp checks whether t may have filters: it needs CAP_SYS_ADMIN in its user namespace, or no_new_privs, lest a
// filter makes a set-user-id program misbehave. EACCES.
func (t *Task) MaySetSeccomp() error {
	if !t.NoNewPrivs() && !t.Caller.Cred.HasHere(user.CapSysAdmin) {
		return abi.EACCES
	}
	return nil
}

// SetSeccompFilter adds a filter to those of t (SECCOMP_SET_MODE_FILTER), whose flags were checked. With
// SECCOMP_FILTER_FLAG_TSYNC all threads get the same filters; other is then the id of a thread that has filters of its
// own, so that nothing was done (or with TSYNC_ESRCH the error is ESRCH). EINVAL: a bad program, or strict mode; EACCES;
// ENOMEM: too many instructions.
func (t *Task) SetSeccompFilter(insns []bpf.Insn, flags uint32) (other int32, err error) {
	if err := t.MaySetSeccomp(); err != nil {
		return 0, err
	}
	prog, err := bpf.Compile(insns)
	if err != nil {
		return 0, err
	}
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	prev := t.seccomp.Load()
	if prev != nil && prev.prog == nil {
		return 0, abi.EINVAL
	}
	f := &seccompFilter{prev: prev, prog: prog, insns: insns, log: flags&abi.SECCOMP_FILTER_FLAG_LOG != 0, count: 1, cost: prog.Len()}
	if prev != nil {
		f.count += prev.count
		f.cost += prev.cost + filterSurcharge
	}
	if f.cost > maxFilterCost {
		return 0, abi.ENOMEM
	}
	if flags&abi.SECCOMP_FILTER_FLAG_TSYNC != 0 {
		if o := t.unlikeLocked(prev); o != nil {
			if flags&abi.SECCOMP_FILTER_FLAG_TSYNC_ESRCH != 0 {
				return 0, abi.ESRCH
			}
			return o.pid.In(t.pidNS), nil
		}
		t.syncSeccompLocked(f)
	}
	t.setSeccompLocked(f)
	return 0, nil
}

// setSeccompLocked gives t the filters f.
func (t *Task) setSeccompLocked(f *seccompFilter) {
	t.seccomp.Store(f)
	t.Ctx.Work.Or(WorkSeccomp)
}

// inheritSeccompLocked gives a new task the filters of its parent.
func (t *Task) inheritSeccompLocked(parent *Task) {
	if f := parent.seccomp.Load(); f != nil {
		t.setSeccompLocked(f)
	}
}

// unlikeLocked finds a thread whose filters are not among f and those before it, nil if there is none.
func (t *Task) unlikeLocked(f *seccompFilter) *Task {
	for _, o := range t.group.threads {
		if o == t || o.exiting {
			continue
		}
		theirs := o.seccomp.Load()
		at := f
		for theirs != nil && at != nil && at != theirs {
			at = at.prev
		}
		if theirs != nil && at == nil {
			return o
		}
	}
	return nil
}

// syncSeccompLocked gives the other threads the filters f, and no_new_privs if t has it.
func (t *Task) syncSeccompLocked(f *seccompFilter) {
	for _, o := range t.group.threads {
		if o != t && !o.exiting {
			o.noNewPriv = o.noNewPriv || t.noNewPriv
			o.setSeccompLocked(f)
		}
	}
}

// SeccompAllows reports whether it is known that the filters of t allow system call nr of an architecture, whatever its
// arguments are.
func (t *Task) SeccompAllows(nr, arch uint32) bool {
	f := t.seccomp.Load()
	return nr < maxNoted && f.arch.Load() == arch && f.allowed[nr/32].Load()>>(nr%32)&1 != 0
}

// note finds out whether the filters allow call nr whatever its arguments, and remembers it.
func (f *seccompFilter) note(nr, arch uint32) {
	if nr >= maxNoted || arch == 0 || f.prog == nil {
		return
	}
	if f.arch.CompareAndSwap(0, arch); f.arch.Load() != arch {
		return
	}
	bit := uint32(1) << (nr % 32)
	if f.known[nr/32].Load()&bit != 0 {
		return
	}
	for p := f; p != nil; p = p.prev {
		if v, ok := p.prog.Decide(nr, arch); !ok || v&abi.SECCOMP_RET_ACTION_FULL != abi.SECCOMP_RET_ALLOW {
			f.known[nr/32].Or(bit)
			return
		}
	}
	f.allowed[nr/32].Or(bit)
	f.known[nr/32].Or(bit)
}

// strictAllows reports whether strict mode allows call nr.
func (f *seccompFilter) strictAllows(nr uint32) bool { return slices.Contains(f.strict, nr) }

// decide asks all filters, and returns the most restrictive answer, with the filter that gave it; of several such, the
// one that was installed last.
func (f *seccompFilter) decide(d *bpf.Data) (uint32, *seccompFilter) {
	answer, from := uint32(abi.SECCOMP_RET_ALLOW), f
	for p := f; p != nil; p = p.prev {
		v := p.prog.Run(d)
		// The actions are ordered as signed numbers: KILL_PROCESS is the lowest.
		if int32(v&abi.SECCOMP_RET_ACTION_FULL) < int32(answer&abi.SECCOMP_RET_ACTION_FULL) {
			answer, from = v, p
		}
	}
	return answer, from
}

// SeccompProgram is the n-th filter of o, in the order of their installation, for its tracer t in AtStop. EACCES: t has no
// CAP_SYS_ADMIN, or filters of its own; EINVAL: o has none; ENOENT: not so many.
func (t *Task) SeccompProgram(o *Task, n uint32) ([]bpf.Insn, error) {
	if !t.Caller.Cred.Has(user.CapSysAdmin, t.k.UserNS) || t.seccomp.Load() != nil {
		return nil, abi.EACCES
	}
	f := o.seccomp.Load()
	switch {
	case f == nil || f.prog == nil:
		return nil, abi.EINVAL
	case n >= uint32(f.count):
		return nil, abi.ENOENT
	}
	for f.count != int(n)+1 {
		f = f.prev
	}
	return f.insns, nil
}
