package proc

import (
	"cleave/abi"
	"cleave/ns/user"
)

// This file has the stops at what a tracee does: system calls, and the events of PTRACE_SETOPTIONS.

// wantsEventLocked reports whether t's tracer has asked for an event.
func (t *Task) wantsEventLocked(event uint32) bool {
	return t.trace != nil && t.trace.options&(1<<event) != 0
}

// eventLocked stops t for an event, if its tracer has asked for it. inside: in the midst of a system call.
func (t *Task) eventLocked(event, message uint32, inside bool) {
	if !t.wantsEventLocked(event) {
		return
	}
	code := int32(abi.SIGTRAP | event<<8)
	t.standLocked(&traceStop{code: code, why: abi.CLD_TRAPPED, info: t.traceInfoLocked(abi.SIGTRAP, code), message: message,
		inside: inside})
}

// birthEvent is the event that a call of clone is for a tracer; 0: none that it has asked for.
func (t *Task) birthEventLocked(a *CloneArgs) uint32 {
	event := uint32(abi.PTRACE_EVENT_FORK)
	switch {
	case a.Flags&abi.CLONE_UNTRACED != 0:
		return 0
	case a.Flags&abi.CLONE_VFORK != 0:
		event = abi.PTRACE_EVENT_VFORK
	case a.ExitSignal != abi.SIGCHLD:
		event = abi.PTRACE_EVENT_CLONE
	}
	if !t.wantsEventLocked(event) {
		return 0
	}
	return event
}

// birthEvents is called after the child has begun to run: the event of its birth, and with done the end of the wait of
// vfork, which it waits for.
func (t *Task) birthEvents(b *birth) {
	if b.event == 0 && b.done == nil {
		return
	}
	k := t.k
	if b.event != 0 {
		k.mu.Lock()
		t.eventLocked(b.event, b.numberLocked(), true)
		k.mu.Unlock()
	}
	if b.done != nil && t.await(b.done) {
		k.mu.Lock()
		t.eventLocked(abi.PTRACE_EVENT_VFORK_DONE, b.numberLocked(), true)
		k.mu.Unlock()
	}
}

// numberLocked is the id of the child in the pid namespace of the tracer.
func (b *birth) numberLocked() uint32 {
	if tr := b.parent.trace; tr != nil {
		return uint32(b.pid.In(tr.tracer.pidNS))
	}
	return uint32(b.nr)
}

// idForTracer is the id of t in the pid namespace of its tracer, 0 without one: execve may change it.
func (t *Task) idForTracer() int32 {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if t.trace == nil {
		return 0
	}
	return t.pid.In(t.trace.tracer.pidNS)
}

// tracedUnsafelyLocked reports whether t has a tracer that has no power over privileged programs, so that execve may not
// give t any privileges.
func (t *Task) tracedUnsafelyLocked() bool {
	return t.trace != nil && !t.trace.cred.HasOverTask(user.CapSysPtrace, t.Caller.Cred.NS)
}

// execEventLocked tells the tracer that t runs a new program; id was t's in the pid namespace of the tracer. Who has not
// asked for the event, and has not seized t, gets a SIGTRAP instead.
func (t *Task) execEventLocked(id int32) {
	switch {
	case t.trace == nil:
	case t.wantsEventLocked(abi.PTRACE_EVENT_EXEC):
		t.eventLocked(abi.PTRACE_EVENT_EXEC, uint32(id), false)
		if t.trace != nil && t.trace.mode != 0 {
			t.Ctx.Work.Or(WorkTraceEnd)
		}
	case !t.trace.seized:
		info := SigInfo{Signo: abi.SIGTRAP, Code: abi.SI_USER, PID: t.tgid, UID: t.Caller.Cred.UID}
		_ = t.sendLocked(&info, false, false) // a standard signal arrives even when the queue is full
	}
}

// exitEventLocked is the stop of a task that has begun to die. A kill makes a thread go on that ends by itself. When the
// whole process ends, it takes no more signals, as on Linux.
func (t *Task) exitEventLocked() {
	if !t.wantsEventLocked(abi.PTRACE_EVENT_EXIT) {
		return
	}
	kill := Signal(abi.SIGKILL).bit()
	t.pending.setSignals(t.pending.signals() &^ kill)
	t.group.pending.setSignals(t.group.pending.signals() &^ kill)
	t.eventLocked(abi.PTRACE_EVENT_EXIT, uint32(t.statusLocked()), false)
}

// CallEntry is called before a system call of a task that has WorkTraceCall is carried out, for its tracer, who may change
// its number (SyscallNr) and arguments. It reports whether the call is to be carried out; if not, its result is what EAX holds.
func (t *Task) CallEntry() (run bool) {
	k := t.k
	k.mu.Lock()
	defer k.mu.Unlock()
	if t.trace == nil {
		return true
	}
	mode := t.trace.mode
	if mode != 0 {
		t.Ctx.Work.Or(WorkTraceEnd)
	}
	if mode&(traceCalls|traceEmulate) != 0 {
		t.callStopLocked(abi.PTRACE_EVENTMSG_SYSCALL_ENTRY)
	}
	return mode&traceEmulate == 0 && !t.dyingLocked()
}

// callEnd is called when a system call has ended that had a tracer to tell of it: by a stop, or as the end of a step.
func (t *Task) callEnd() {
	k := t.k
	t.Ctx.Work.And(^uint32(WorkTraceEnd))
	k.mu.Lock()
	defer k.mu.Unlock()
	if t.trace == nil {
		return
	}
	switch mode := t.trace.mode; {
	case mode&traceStep != 0 && mode&traceEmulate == 0:
		t.fault = faultInfo{vector: VectorDebug}
		t.forceLocked(&SigInfo{Signo: abi.SIGTRAP, Code: abi.TRAP_BRKPT, Addr: t.Ctx.EIP})
	case mode&traceCalls != 0:
		t.callStopLocked(abi.PTRACE_EVENTMSG_SYSCALL_EXIT)
	}
}

// callStopLocked is the stop at the entry or end of a system call. A signal that the tracer gives is sent to the task.
func (t *Task) callStopLocked(message uint32) {
	code := int32(abi.SIGTRAP)
	if t.trace.options&abi.PTRACE_O_TRACESYSGOOD != 0 {
		code |= 0x80
	}
	sig := t.standLocked(&traceStop{code: code, why: abi.CLD_TRAPPED, info: t.traceInfoLocked(abi.SIGTRAP, code), message: message,
		inside: message == abi.PTRACE_EVENTMSG_SYSCALL_ENTRY})
	if sig != 0 {
		_ = t.sendLocked(&SigInfo{Signo: sig, Code: abi.SI_KERNEL}, false, true) // at worst its information is lost
	}
}

// handlerStopLocked is the stop of a task that was stepping and comes to the first instruction of a signal handler.
func (t *Task) handlerStopLocked() {
	if t.trace == nil {
		return
	}
	t.standLocked(&traceStop{code: abi.SIGTRAP, why: abi.CLD_TRAPPED, info: t.traceInfoLocked(abi.SIGTRAP, abi.SIGTRAP)})
}

// seccompEvent asks the tracer about a system call that a filter has given the answer data for. It reports whether there
// is one to ask.
func (t *Task) seccompEvent(data uint32) bool {
	k := t.k
	k.mu.Lock()
	defer k.mu.Unlock()
	if !t.wantsEventLocked(abi.PTRACE_EVENT_SECCOMP) {
		return false
	}
	t.eventLocked(abi.PTRACE_EVENT_SECCOMP, data, true)
	if t.dyingLocked() {
		t.SyscallNr = NoSyscall // nobody has looked at it
	}
	return true
}

// seccompSuspended reports whether t's tracer has switched its filters off (PTRACE_O_SUSPEND_SECCOMP).
func (t *Task) seccompSuspended() bool {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.trace != nil && t.trace.options&abi.PTRACE_O_SUSPEND_SECCOMP != 0
}
