package proc

import (
	"math/bits"
	"strconv"

	"cleave/abi"
	"cleave/ns/user"
)

// Signal is the number of a signal (signal(7)): 1 to 31 are the standard ones, 32 to 64 the real-time ones.
type Signal int32

// NumSignals is the greatest number of a signal.
const NumSignals = abi.SIGRTMAX

// Valid reports whether s is the number of a signal.
func (s Signal) Valid() bool { return s >= 1 && s <= NumSignals }

// RealTime reports whether every sending of s queues, instead of s being pending at most once.
func (s Signal) RealTime() bool { return s >= abi.SIGRTMIN && s <= abi.SIGRTMAX }

var signalNames = [...]string{"0", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV",
	"USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
	"VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS"}

// String returns the name, as strace prints it.
func (s Signal) String() string {
	switch {
	case s > 0 && int(s) < len(signalNames):
		return "SIG" + signalNames[s]
	case s.RealTime():
		return "SIGRT_" + strconv.Itoa(int(s-abi.SIGRTMIN))
	}
	return strconv.Itoa(int(s))
}

// SigSet is a set of signals: bit n-1 stands for signal n.
type SigSet uint64

// Signals returns the set of the signals given.
func Signals(sigs ...Signal) SigSet {
	var set SigSet
	for _, s := range sigs {
		set |= s.bit()
	}
	return set
}

func (s Signal) bit() SigSet { return 1 << (uint(s-1) & 63) }

// Has reports whether s is in the set.
func (set SigSet) Has(s Signal) bool { return set&s.bit() != 0 }

// first is the lowest signal of the set, which must not be empty.
func (set SigSet) first() Signal { return Signal(bits.TrailingZeros64(uint64(set)) + 1) }

// unblockable are the signals that no mask, handler or wait holds back.
const unblockable = SigSet(1<<(abi.SIGKILL-1) | 1<<(abi.SIGSTOP-1))

const (
	stopSignals = SigSet(1<<(abi.SIGSTOP-1) | 1<<(abi.SIGTSTP-1) | 1<<(abi.SIGTTIN-1) | 1<<(abi.SIGTTOU-1))
	contSignal  = SigSet(1 << (abi.SIGCONT - 1))
	// ignoredByDefault are the signals whose default is to do nothing.
	ignoredByDefault = SigSet(1<<(abi.SIGCHLD-1) | 1<<(abi.SIGCONT-1) | 1<<(abi.SIGURG-1) | 1<<(abi.SIGWINCH-1))
	// synchronous are the signals that the task's own instruction raised; they are delivered first.
	synchronous = SigSet(1<<(abi.SIGSEGV-1) | 1<<(abi.SIGBUS-1) | 1<<(abi.SIGILL-1) | 1<<(abi.SIGTRAP-1) |
		1<<(abi.SIGFPE-1) | 1<<(abi.SIGSYS-1))
)

// SigInfo is what siginfo_t tells about one signal. Which fields count depends on Signo and Code (sigaction(2)).
type SigInfo struct {
	Signo Signal
	Errno int32
	Code  int32

	PID    int32     // of the sender or child, as the receiver's pid namespace numbers it, 0 if it is not there
	UID    user.KUID // of the sender or child
	Status int32     // SIGCHLD: exit status or signal
	UTime  int64     // SIGCHLD: ns
	STime  int64
	Value  uint64 // the sigval of sigqueue, timers and message queues

	Addr    uint32 // SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP: the address; SIGSYS: the address of the call
	Band    int32  // SIGIO
	FD      int32
	TimerID int32
	Overrun int32
	Syscall int32 // SIGSYS
	Arch    uint32
}

// SigAction is what a task does about a signal. Handler is SIG_DFL, SIG_IGN or an address.
type SigAction struct {
	Handler  uint32
	Flags    uint32 // SA_ bits
	Restorer uint32
	Mask     SigSet
}

// AltStack is a signal stack (sigaltstack(2)).
type AltStack struct {
	Base  uint32
	Size  uint32 // bytes
	Flags uint32 // SS_DISABLE, SS_AUTODISARM
}

// Contains reports whether the stack pointer sp lies on the stack.
func (s *AltStack) Contains(sp uint32) bool {
	return s.Size != 0 && sp-s.Base-1 < s.Size
}
