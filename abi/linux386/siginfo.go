package linux386

import (
	"cleave/abi"
	"cleave/ns/user"
	"cleave/proc"
)

const nsPerTick = 1e9 / clockTicks

// newSiginfo lays out a signal's information as t sees it (sigaction(2); asm-generic/siginfo.h has the unions).
func newSiginfo(t *proc.Task, i *proc.SigInfo) siginfo {
	s := siginfo{Signo: int32(i.Signo), Errno: i.Errno, Code: i.Code}
	f := &s.Fields
	uid := uint32(t.Cred().NS.ShowKUID(i.UID))
	switch layoutOf(i) {
	case layoutTimer:
		f[0], f[1], f[2] = uint32(i.TimerID), uint32(i.Overrun), uint32(i.Value)
	case layoutQueue:
		f[0], f[1], f[2] = uint32(i.PID), uid, uint32(i.Value)
	case layoutChild:
		f[0], f[1], f[2] = uint32(i.PID), uid, uint32(i.Status)
		f[3], f[4] = uint32(i.UTime/nsPerTick), uint32(i.STime/nsPerTick)
	case layoutFault:
		f[0] = i.Addr
	case layoutPoll:
		f[0], f[1] = uint32(i.Band), uint32(i.FD)
	case layoutSyscall:
		f[0], f[1], f[2] = i.Addr, uint32(i.Syscall), i.Arch
	default:
		f[0], f[1] = uint32(i.PID), uid
	}
	return s
}

// layout is the member of siginfo_t's union that is in use.
type layout int

const (
	layoutKill layout = iota
	layoutQueue
	layoutTimer
	layoutChild
	layoutFault
	layoutPoll
	layoutSyscall
)

func layoutOf(i *proc.SigInfo) layout {
	switch {
	case i.Code == abi.SI_TIMER:
		return layoutTimer
	case i.Code == abi.SI_SIGIO:
		return layoutPoll
	case i.Code == abi.SI_TKILL:
		return layoutKill
	case i.Code < 0:
		return layoutQueue
	case i.Code == abi.SI_USER || i.Code >= abi.SI_KERNEL:
		return layoutKill
	}
	switch i.Signo {
	case abi.SIGILL, abi.SIGFPE, abi.SIGSEGV, abi.SIGBUS, abi.SIGTRAP:
		return layoutFault
	case abi.SIGCHLD:
		return layoutChild
	case abi.SIGSYS:
		return layoutSyscall
	}
	if i.Code <= abi.POLL_HUP { // SIGIO, or what F_SETSIG puts in its place
		return layoutPoll
	}
	return layoutKill
}

// fromSiginfo reads what a program sends with rt_sigqueueinfo(2): codes below 0 carry sender and value.
func fromSiginfo(t *proc.Task, sig proc.Signal, s *siginfo) proc.SigInfo {
	i := proc.SigInfo{Signo: sig, Errno: s.Errno, Code: s.Code, Value: uint64(s.Fields[2])}
	if layoutOf(&i) == layoutTimer {
		i.TimerID, i.Overrun = int32(s.Fields[0]), int32(s.Fields[1])
		return i
	}
	i.PID = int32(s.Fields[0])
	if i.UID = t.Cred().NS.ToKUID(user.UID(s.Fields[1])); !i.UID.Valid() {
		i.UID = user.DefaultOverflow
	}
	return i
}
