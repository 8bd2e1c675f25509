package proc

import (
	"cleave/abi"
	"cleave/ns/user"
)

// This file has the relation of tracer and tracee (ptrace(2)): a thread each.

// tracing is what a tracer does with a task. Kernel.mu guards it.
type tracing struct {
	tracer     *Task
	next, prev *Task      // in the list of the tracer's tracees
	cred       *user.Cred // of who began it; decides what execve may give
	seized     bool
	options    uint32 // PTRACE_O_*
	mode       traceMode

	trapStop   bool // stop once before user mode: PTRACE_INTERRUPT, or a part in a group-stop
	trapNotify bool // the same, because a group-stop began or ended; only PTRACE_EVENT_STOP settles it
	listening  bool // stopped, but told of what happens to the group (PTRACE_LISTEN)
	trapping   *completion

	// The stop. Between stopped and the moment when the task runs again, its registers are the tracer's.
	stopped bool
	news    bool     // and no wait(2) has told so yet
	code    int32    // bits 8 to 23 of what wait(2) shows
	info    *SigInfo // PTRACE_GETSIGINFO; nil: there is none
	message uint32   // PTRACE_GETEVENTMSG
	resumed bool     // the tracer lets the task go on
	signal  Signal   // and it gets this signal
}

// traceMode is how far a task may go on.
type traceMode uint8

const (
	traceCalls   traceMode = 1 << iota // to the next entry or end of a system call
	traceEmulate                       // to the next entry, which is no entry then
	traceStep                          // for one instruction
)

// TraceMe is PTRACE_TRACEME: the parent becomes the tracer. EPERM: there is a tracer, or the parent may not be one.
func (t *Task) TraceMe() error {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	p := t.group.parent
	if t.trace != nil || p == nil || !p.Caller.Cred.Covers(t.Caller.Cred) {
		return abi.EPERM
	}
	if !p.exiting { // else it would end the relation at once
		t.linkTracerLocked(p, t.Caller.Cred)
	}
	return nil
}

// Attach is PTRACE_ATTACH or, with seize, PTRACE_SEIZE: t becomes the tracer of o. A task that is attached to gets a
// SIGSTOP; one that is stopped already becomes a tracee that is. EPERM; abi.ERESTARTNOINTR: killed.
func (t *Task) Attach(o *Task, seize bool, options uint32) error {
	k := t.k
	k.mu.Lock()
	if o.group == t.group || o.exited.Load() || o.trace != nil || !t.mayAccessLocked(o, false) {
		k.mu.Unlock()
		return abi.EPERM
	}
	tr := o.linkTracerLocked(t, t.Caller.Cred)
	tr.seized, tr.options = seize, options
	if !seize {
		info := SigInfo{Signo: abi.SIGSTOP, Code: abi.SI_KERNEL}
		_ = o.sendLocked(&info, false, true) // SIGSTOP needs no queue
	}
	var trapping *completion
	if o.stopped {
		trapping = &completion{waiter: t}
		tr.trapping, tr.trapStop, o.stopped = trapping, true, false
		o.interruptLocked()
	}
	k.mu.Unlock()
	if trapping != nil {
		t.await(trapping) // nobody shall see the task run on its way from one stop to the other
	}
	return nil
}

// linkTracerLocked makes p the tracer of t.
func (t *Task) linkTracerLocked(p *Task, cred *user.Cred) *tracing {
	tr := &tracing{tracer: p, cred: cred, next: p.tracees}
	if tr.next != nil {
		tr.next.trace.prev = t
	}
	p.tracees, t.trace = t, tr
	return tr
}

// inheritTracerLocked makes the tracer of t that of its new child o, which stops at its first instruction. o has not run.
func (t *Task) inheritTracerLocked(o *Task) {
	old := t.trace
	tr := o.linkTracerLocked(old.tracer, old.cred)
	tr.seized, tr.options = old.seized, old.options
	if tr.seized {
		tr.trapStop = true
	} else {
		o.pending.setSignals(Signals(abi.SIGSTOP))
	}
	o.Ctx.Work.Or(WorkSignal)
}

// unlinkTracerLocked ends the relation. A stopped task goes on, but for the stop of its process.
func (t *Task) unlinkTracerLocked() {
	tr := t.trace
	if tr.prev != nil {
		tr.prev.trace.next = tr.next
	} else {
		tr.tracer.tracees = tr.next
	}
	if tr.next != nil {
		tr.next.trace.prev = tr.prev
	}
	t.trace = nil
	tr.settleLocked()
	t.Ctx.Work.And(^uint32(WorkTraceCall))
	if t.exiting {
		return
	}
	if g := t.group; g.stopped || g.stopCount > 0 {
		t.stopPending = true
	}
	t.interruptLocked()
}

// settleLocked tells who attached that the task stands in a stop of the tracer's, or never will.
func (tr *tracing) settleLocked() {
	if tr.trapping != nil {
		tr.trapping.completeLocked()
		tr.trapping = nil
	}
}

// Detach is PTRACE_DETACH: o goes on by itself, with sig if it is not 0. EIO: there is no such signal; ESRCH.
func (t *Task) Detach(o *Task, sig Signal) error {
	if sig != 0 && !sig.Valid() {
		return abi.EIO
	}
	return t.AtStop(o, func() error {
		o.stopStepping()
		o.trace.resumed, o.trace.signal = true, sig
		o.abandonLocked()
		return nil
	})
}

// abandonLocked ends the relation of t to its tracer. If t is dead, that is for its parent to see from now on.
func (t *Task) abandonLocked() {
	g, tracer := t.group, t.trace.tracer
	t.unlinkTracerLocked()
	switch {
	case !t.exited.Load():
	case g.leader != t:
		g.releaseThreadLocked(t)
	case !g.zombie.Load():
	case g.parent == nil || g.parent.group != tracer.group:
		if g.notifyExitLocked() {
			g.reapLocked()
		}
	case tracer.discardsChildrenLocked():
		g.reapLocked()
	}
}

// leaveTraceesLocked ends what the exiting t traces. PTRACE_O_EXITKILL ends the tracees, too.
func (t *Task) leaveTraceesLocked() {
	for t.tracees != nil {
		o := t.tracees
		if o.trace.options&abi.PTRACE_O_EXITKILL != 0 {
			_ = o.sendLocked(&SigInfo{Signo: abi.SIGKILL, Code: abi.SI_KERNEL}, true, true) // never fails
		}
		o.abandonLocked()
	}
}

// Tracee checks that o is a tracee of t. ESRCH.
func (t *Task) Tracee(o *Task) error {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.traceeLocked(o)
}

func (t *Task) traceeLocked(o *Task) error {
	if o.trace == nil || o.trace.tracer != t {
		return abi.ESRCH
	}
	return nil
}

// AtStop calls f if o is a tracee of t and stands still in one of its stops, with the task lock held, so that o stays
// there: f may use the context of o, but no user memory. ESRCH, or the error of f.
func (t *Task) AtStop(o *Task, f func() error) error {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if err := t.traceeLocked(o); err != nil {
		return err
	}
	if tr := o.trace; !tr.stopped || tr.listening || o.dyingLocked() {
		return abi.ESRCH
	}
	return f()
}

// SetTraceOptions is PTRACE_SETOPTIONS for a tracee of t. EINVAL, ESRCH, and EPERM as CheckTraceOptions.
func (t *Task) SetTraceOptions(o *Task, options uint32) error {
	if err := t.CheckTraceOptions(options); err != nil {
		return err
	}
	return t.AtStop(o, func() error {
		o.trace.options = options
		return nil
	})
}

// CheckTraceOptions returns EINVAL for options that there are not. EPERM: only who has CAP_SYS_ADMIN and no filters of
// its own may switch off those of others.
func (t *Task) CheckTraceOptions(options uint32) error {
	if options&^uint32(abi.PTRACE_O_MASK) != 0 {
		return abi.EINVAL
	}
	if options&abi.PTRACE_O_SUSPEND_SECCOMP == 0 {
		return nil
	}
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	suspended := t.trace != nil && t.trace.options&abi.PTRACE_O_SUSPEND_SECCOMP != 0
	if !t.Caller.Cred.Has(user.CapSysAdmin, t.k.UserNS) || t.seccomp.Load() != nil || suspended {
		return abi.EPERM
	}
	return nil
}
