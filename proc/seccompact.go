package proc

import (
	"fmt"
	"sync"

	"cleave/abi"
	"cleave/proc/bpf"
)

// SeccompVerdict is what filters have decided about a system call.
type SeccompVerdict int

const (
	SeccompSkip  SeccompVerdict = iota // it is not carried out
	SeccompRun                         // it is
	SeccompAsked                       // the tracer was asked, and may have changed the call
)

// Seccomp asks the filters of t about the system call that it is making. If it is not to be carried out, ret is its
// result, or what its number's register is to keep, and what else is to happen is under way. asked: the tracer has agreed
// to the call already.
func (t *Task) Seccomp(d *bpf.Data, asked bool) (ret uint32, v SeccompVerdict) {
	f := t.seccomp.Load()
	nr := d[bpf.WordNr]
	if t.seccompSuspended() {
		return 0, SeccompRun
	}
	if f.prog == nil {
		if f.strictAllows(nr) {
			return 0, SeccompRun
		}
		t.logSeccomp(d, abi.SIGKILL, abi.SECCOMP_RET_KILL_THREAD)
		t.exitBySeccomp(abi.SIGKILL)
		return nr, SeccompSkip
	}
	f.note(nr, d[bpf.WordArch])
	answer, by := f.decide(d)
	action, data := answer&abi.SECCOMP_RET_ACTION_FULL, answer&abi.SECCOMP_RET_DATA
	switch action {
	case abi.SECCOMP_RET_ALLOW:
		return 0, SeccompRun
	case abi.SECCOMP_RET_LOG:
		t.logSeccomp(d, 0, action)
		return 0, SeccompRun
	case abi.SECCOMP_RET_ERRNO:
		ret = -min(data, maxErrno)
	case abi.SECCOMP_RET_TRACE:
		switch {
		case asked:
			return 0, SeccompRun
		case t.seccompEvent(data):
			return 0, SeccompAsked
		}
		ret = noCall
	case abi.SECCOMP_RET_USER_NOTIF: // there is nobody to ask
		ret = noCall
	case abi.SECCOMP_RET_TRAP:
		ret = nr
		t.Force(t.seccompInfo(d, int32(data)))
	default:
		t.logSeccomp(d, abi.SIGSYS, action)
		t.killBySeccomp(action != abi.SECCOMP_RET_KILL_THREAD)
		return nr, SeccompSkip
	}
	if by.log {
		t.logSeccomp(d, 0, action)
	}
	return ret, SeccompSkip
}

const (
	maxErrno = 4095                    // the greatest error number that a system call can give
	noCall   = ^uint32(abi.ENOSYS) + 1 // the result that says ENOSYS
)

// seccompInfo is the information of the SIGSYS of SECCOMP_RET_TRAP.
func (t *Task) seccompInfo(d *bpf.Data, data int32) *SigInfo {
	return &SigInfo{Signo: abi.SIGSYS, Code: abi.SYS_SECCOMP, Errno: data, Addr: d[bpf.WordIP],
		Syscall: int32(d[bpf.WordNr]), Arch: d[bpf.WordArch]}
}

// killBySeccomp ends the process, or only t if there are other threads and whole does not say otherwise, as by a SIGSYS
// that nothing handles.
func (t *Task) killBySeccomp(whole bool) {
	t.k.mu.Lock()
	if whole = whole || t.group.live == 1; whole {
		t.group.killLocked(abi.SIGSYS)
		t.endLocked()
	}
	t.k.mu.Unlock()
	if !whole {
		t.exitBySeccomp(abi.SIGSYS)
	}
}

// exitBySeccomp ends t with status, as wait(2) gives it.
func (t *Task) exitBySeccomp(status int32) {
	t.exitCode = status
	t.Ctx.Work.Or(WorkExit)
}

// seccompLog limits how much of the kernel's log programs can fill.
type seccompLog struct {
	mu    sync.Mutex
	since int64 // guarded by mu, as is lines
	lines int
}

const (
	seccompLogLines = 10
	seccompLogTime  = 5e9 // ns, in which there may be that many
)

// mayLog reports whether there may be a line at time now, of the monotonic clock.
func (l *seccompLog) mayLog(now int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lines == 0 || now-l.since >= seccompLogTime {
		l.since, l.lines = now, 0
	}
	l.lines++
	return l.lines <= seccompLogLines
}

// logSeccomp tells the kernel's log what became of a system call.
func (t *Task) logSeccomp(d *bpf.Data, sig Signal, action uint32) {
	if !t.k.seccompLog.mayLog(t.k.Clock.Monotonic()) {
		return
	}
	t.k.Log(fmt.Sprintf("seccomp: pid=%d comm=%q sig=%d arch=%x syscall=%d ip=%#x code=%#x",
		t.PID().Global(), t.Comm(), sig, d[bpf.WordArch], d[bpf.WordNr], d[bpf.WordIP], action))
}
