package proc

import (
	"cleave/abi"
	"cleave/mm"
	"cleave/ns/user"
)

// This file has what a tracer may learn and change of the signals of a tracee that stands still. The functions that take
// no tracer are for use in AtStop.

// TracedMemory is the memory of o with one more user, for its tracer t, nil if there is none, or none for t to see: of a
// process that is not dumpable, only a tracer that had CAP_SYS_PTRACE when it attached sees any.
func (t *Task) TracedMemory(o *Task) *mm.AddressSpace {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if t.traceeLocked(o) != nil || o.mm == nil {
		return nil
	}
	if o.group.dumpable.Load() != 1 && !o.trace.cred.HasOverTask(user.CapSysPtrace, o.Caller.Cred.NS) || !o.mm.TryRef() {
		return nil
	}
	return o.mm
}

// StopInfo is PTRACE_GETSIGINFO, for reading and writing. EINVAL: the stop has none.
func (t *Task) StopInfo() (*SigInfo, error) {
	if t.trace.info == nil {
		return nil, abi.EINVAL
	}
	return t.trace.info, nil
}

// StopMessage is PTRACE_GETEVENTMSG.
func (t *Task) StopMessage() uint32 { return t.trace.message }

// StopMask is PTRACE_GETSIGMASK: the mask that the program has set, even if another one is in force in a call like ppoll.
func (t *Task) StopMask() SigSet {
	if t.restoring {
		return t.restoreMask
	}
	return t.blocked
}

// SetStopMask is PTRACE_SETSIGMASK.
func (t *Task) SetStopMask(m SigSet) {
	t.blocked = m &^ unblockable
	t.restoring = false
}

// QueuedSignal is one entry of PTRACE_PEEKSIGINFO: the n-th signal in the queue of t, or of its process. false: there is
// none.
func (t *Task) QueuedSignal(n uint64, shared bool) (SigInfo, bool) {
	p := &t.pending
	if shared {
		p = &t.group.pending
	}
	e := p.first
	for ; e != nil && n > 0; n-- {
		e = e.next
	}
	if e == nil {
		return SigInfo{}, false
	}
	return e.info, true
}

// CallState says which stop of a system call t is in: abi.PTRACE_SYSCALL_INFO_*, with the message of the stop.
func (t *Task) CallState() (op int, message uint32) {
	tr := t.trace
	if tr.info == nil {
		return abi.PTRACE_SYSCALL_INFO_NONE, 0
	}
	switch tr.info.Code {
	case abi.SIGTRAP | 0x80:
		switch tr.message {
		case abi.PTRACE_EVENTMSG_SYSCALL_ENTRY:
			return abi.PTRACE_SYSCALL_INFO_ENTRY, tr.message
		case abi.PTRACE_EVENTMSG_SYSCALL_EXIT:
			return abi.PTRACE_SYSCALL_INFO_EXIT, tr.message
		}
	case abi.SIGTRAP | abi.PTRACE_EVENT_SECCOMP<<8:
		return abi.PTRACE_SYSCALL_INFO_SECCOMP, tr.message
	}
	return abi.PTRACE_SYSCALL_INFO_NONE, 0
}
