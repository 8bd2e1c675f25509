package proc

import "cleave/abi"

// This file has the stops of a tracee: how it comes to stand still, who is told, and how it goes on.

// traceStop is what a tracee says when it stops.
type traceStop struct {
	code    int32    // see tracing
	why     int32    // CLD_TRAPPED; CLD_STOPPED for a group-stop and what looks like one
	info    *SigInfo //
	message uint32
	inside  bool   // a system call is going on; its result is not there yet
	signal  Signal // what t gets if no tracer has seen the stop
}

// standLocked stops t until its tracer lets it go on or ends, or t is killed. It returns the signal that t is to get, 0
// for none. The lock is let go meanwhile.
func (t *Task) standLocked(s *traceStop) Signal {
	k := t.k
	k.mu.Unlock()
	t.showCall(s.inside)
	k.mu.Lock()
	tr, sig := t.trace, s.signal
	if tr != nil && !t.dyingLocked() {
		t.beginStopLocked(tr, s)
		for t.trace == tr && tr.stopped && !t.dyingLocked() {
			k.mu.Unlock()
			t.park()
			k.mu.Lock()
		}
		switch {
		case tr.resumed:
			sig = tr.signal
		case !tr.news: // the tracer has seen it, and ended without a decision
			sig = 0
		}
		tr.stopped, tr.news, tr.listening, tr.resumed = false, false, false, false
		tr.info, tr.message, tr.signal = nil, 0, 0
	}
	t.takeCallLocked()
	if s.inside && t.trace != nil && t.trace.mode != 0 {
		t.Ctx.Work.Or(WorkTraceEnd)
	}
	t.recalcLocked()
	return sig
}

// beginStopLocked makes the stop known: to the tracer, and, if it completes the stop of the process, to the parent.
func (t *Task) beginStopLocked(tr *tracing, s *traceStop) {
	g := t.group
	tr.stopped, tr.news, tr.code, tr.info, tr.message = true, true, s.code, s.info, s.message
	tr.resumed, tr.signal = false, 0
	complete := s.why == abi.CLD_STOPPED && t.stopPending && t.takePartLocked()
	tr.trapStop = false
	if s.code>>8 == abi.PTRACE_EVENT_STOP {
		tr.trapNotify = false
	}
	tr.settleLocked()
	k := t.k
	if g.frozen {
		k.tellFrozenLocked(g.Cgroup())
	}
	status := s.code & 0x7f
	if s.why == abi.CLD_STOPPED && g.stopSignal != 0 {
		status = int32(g.stopSignal)
	}
	t.tellTracerLocked(s.why, status)
	if complete && g.parent != nil && g.parent.group != tr.tracer.group {
		g.tellParentLocked(abi.CLD_STOPPED, int32(g.stopSignal))
	}
}

// showCall makes the registers of t those that a tracer expects: a system call has all of its arguments in registers, and
// as its result the one that asks for a restart, if it does, or ENOSYS while it goes on.
func (t *Task) showCall(inside bool) {
	c := t.Ctx
	switch c.Vector {
	case VectorSyscall, VectorSysenter, VectorSyscallInsn:
	default:
		t.SyscallNr = NoSyscall
	}
	if t.SyscallNr == NoSyscall {
		return
	}
	t.k.ABI.SettleCall(t)
	switch {
	case inside:
		c.EAX = noCall
	case t.restart != 0:
		c.EAX = -uint32(t.restart)
		t.restart = 0
		c.Work.And(^uint32(WorkRestart))
	}
}

// takeCallLocked takes the registers back, which the tracer may have changed. A call whose result asks for it is made again.
func (t *Task) takeCallLocked() {
	c := t.Ctx
	if c.CS != UserCS || c.SS != UserDS && !c.dataSegment(c.SS) {
		t.forceLocked(&SigInfo{Signo: abi.SIGSEGV, Code: abi.SI_KERNEL}) // IRET would refuse them
	}
	c.Sanitize()
	if e := -c.EAX; t.SyscallNr != NoSyscall && e <= maxErrno && abi.Errno(e).AsksRestart() {
		c.EAX = ^uint32(abi.EINTR) + 1
		c.Vector = VectorSyscall
		t.SetRestart(abi.Errno(e))
	}
}

// tellTracerLocked tells the tracer of a stop: SIGCHLD, unless SA_NOCLDSTOP, and wait(2).
func (t *Task) tellTracerLocked(code, status int32) {
	p := t.trace.tracer
	a := &p.handlers.action[abi.SIGCHLD-1]
	if a.Handler != abi.SIG_IGN && a.Flags&abi.SA_NOCLDSTOP == 0 {
		t.signalTracerLocked(abi.SIGCHLD, code, status)
	}
	p.group.childQueue.Notify(childEvents)
}

// tellDeathLocked tells the tracer that t is dead.
func (t *Task) tellDeathLocked(sig Signal, status int32) {
	if sig != 0 {
		code, value := childCode(status)
		t.signalTracerLocked(sig, code, value)
	}
	t.trace.tracer.group.childQueue.Notify(childEvents)
}

func (t *Task) signalTracerLocked(sig Signal, code, status int32) {
	p := t.trace.tracer
	u := t.usage.snapshot()
	info := SigInfo{
		Signo: sig, Code: code, Status: status, PID: t.pid.In(p.pidNS), UID: t.Caller.Cred.UID, UTime: u.UTime, STime: u.STime,
	}
	_ = p.group.leader.sendLocked(&info, true, true) // at worst the information is lost, and wait(2) has it
}

// heldLocked reports whether t stands in a stop of its tracer's.
func (t *Task) heldLocked() bool { return t.trace != nil && t.trace.stopped }

// trapsLocked reports whether t has to stop for its tracer without any signal.
func (t *Task) trapsLocked() bool {
	tr := t.trace
	if tr == nil {
		return false
	}
	tr.trapStop = tr.trapStop || t.stopPending
	return tr.trapStop || tr.trapNotify
}

// trapLocked is that stop: the group-stop of a tracee. The signal that the tracer gives is of no use here.
func (t *Task) trapLocked() {
	g := t.group
	s := traceStop{code: int32(g.stopSignal), why: abi.CLD_STOPPED}
	if t.trace.seized {
		if g.stopCount == 0 && !g.stopped {
			s.code = abi.SIGTRAP
		}
		s.info = t.traceInfoLocked(Signal(s.code), s.code|abi.PTRACE_EVENT_STOP<<8)
		s.code = s.info.Code
	}
	t.standLocked(&s)
}

// traceInfoLocked is the information of a stop that no signal has caused.
func (t *Task) traceInfoLocked(sig Signal, code int32) *SigInfo {
	return &SigInfo{Signo: sig, Code: code, PID: t.tid, UID: t.Caller.Cred.UID}
}

// notifyTrapLocked has a seized task tell its tracer that a group-stop has begun or ended.
func (t *Task) notifyTrapLocked() {
	t.trace.trapNotify = true
	t.wakeListenerLocked()
}

// wakeListenerLocked makes t look at what it has to stop for, also in the midst of PTRACE_LISTEN.
func (t *Task) wakeListenerLocked() {
	if t.trace.listening {
		t.trace.stopped = false
	}
	t.interruptLocked()
}

// showSignalLocked is the signal-delivery-stop: it shows t's tracer a signal and returns the one to deliver, with its
// information in info, or 0.
func (t *Task) showSignalLocked(sig Signal, info *SigInfo) Signal {
	tracer := t.trace.tracer
	s := traceStop{code: int32(sig), why: abi.CLD_TRAPPED, info: info, signal: sig}
	got := t.standLocked(&s)
	if got == 0 {
		return 0
	}
	if got != info.Signo {
		*info = SigInfo{Signo: got, Code: abi.SI_USER, PID: tracer.tgid, UID: tracer.Caller.Cred.UID}
		if tracer.pidNS != t.pidNS {
			info.PID = 0
			if tracer.pid != nil {
				info.PID = tracer.group.pidLocked().In(t.pidNS)
			}
		}
	}
	if t.blocked.Has(got) || t.dyingLocked() {
		_ = t.sendLocked(info, false, false) // a full queue loses it, as any signal of a user
		return 0
	}
	return got
}
