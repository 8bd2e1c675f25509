package proc

import (
	"sync/atomic"

	"cleave/abi"
	"cleave/ns"
	"cleave/ns/user"
)

// This file has the calls that send signals to others (kill(2)).

// userInfo is what a signal tells that t sends by kill or tgkill, as the receiver sees it.
func (t *Task) userInfo(sig Signal, code int32) SigInfo {
	return SigInfo{Signo: sig, Code: code, UID: t.Caller.Cred.UID}
}

// maySignalLocked reports whether t may send sig to o: same user, CAP_KILL, or SIGCONT within the session.
func (t *Task) maySignalLocked(o *Task, sig Signal) bool {
	if o.group == t.group || t.Caller.Cred.MaySignal(o.Caller.Cred) {
		return true
	}
	return sig == abi.SIGCONT && o.group.pgrp != nil && o.group.pgrp.session == t.group.pgrp.session
}

// sendToLocked sends info, which t wrote, to o or to its process. EPERM, EAGAIN. Signal 0 only asks.
func (t *Task) sendToLocked(o *Task, info *SigInfo, process bool) error {
	if !t.maySignalLocked(o, info.Signo) {
		return abi.EPERM
	}
	if info.Signo == 0 {
		return nil
	}
	i := *info
	outside := t.pid.In(o.pidNS) == 0
	if i.Code == abi.SI_USER || i.Code == abi.SI_TKILL {
		i.PID = t.group.pidLocked().In(o.pidNS)
	}
	return o.sendLocked(&i, process, outside)
}

// Kill is kill(2): pid > 0 is a process, 0 the caller's process group, -1 every process but init and the caller, < -1
// a process group. Errors: EINVAL, EPERM, ESRCH.
func (t *Task) Kill(pid int32, sig Signal) error {
	if sig != 0 && !sig.Valid() {
		return abi.EINVAL
	}
	info := t.userInfo(sig, abi.SI_USER)
	t.k.mu.Lock()
	err := t.killLocked(pid, &info)
	t.k.mu.Unlock()
	return err
}

func (t *Task) killLocked(pid int32, info *SigInfo) error {
	k := t.k
	switch {
	case pid > 0:
		o := k.taskByIDLocked(t.pidNS, pid)
		if o == nil {
			return abi.ESRCH
		}
		return t.sendToLocked(o, info, true)
	case pid == -1:
		return t.killAllLocked(info)
	case pid == 0:
		return t.killGroupLocked(t.group.pgrp, info)
	case pid == -1<<31:
		return abi.ESRCH
	}
	return t.killGroupLocked(k.pgrpByIDLocked(t.pidNS, -pid), info)
}

// killGroupLocked succeeds if one member could be sent the signal.
func (t *Task) killGroupLocked(p *ProcessGroup, info *SigInfo) error {
	if p == nil {
		return abi.ESRCH
	}
	var err error = abi.ESRCH
	for g := range p.members {
		if e := t.sendToLocked(g.leader, info, true); e == nil {
			err = nil
		} else if err != nil {
			err = e
		}
	}
	return err
}

// killAllLocked is kill(-1).
func (t *Task) killAllLocked(info *SigInfo) error {
	var err error = abi.ESRCH
	t.k.eachGroupLocked(t.pidNS, func(g *ThreadGroup) {
		if g == t.group || g.isInit && g.leader.pidNS == t.pidNS {
			return
		}
		if e := t.sendToLocked(g.leader, info, true); e == nil {
			err = nil
		} else if err != nil {
			err = e
		}
	})
	return err
}

// threadLocked finds a thread; tgid 0 is any process. ESRCH.
func (t *Task) threadLocked(tgid, tid int32) (*Task, error) {
	o := t.k.taskByIDLocked(t.pidNS, tid)
	if o == nil || o.exited.Load() || tgid > 0 && o.group.pidLocked().In(t.pidNS) != tgid {
		return nil, abi.ESRCH
	}
	return o, nil
}

// Tgkill is tgkill(2), and tkill(2) with tgid 0. Errors: EINVAL, EPERM, ESRCH, EAGAIN.
func (t *Task) Tgkill(tgid, tid int32, sig Signal) error {
	if tid <= 0 || sig != 0 && !sig.Valid() {
		return abi.EINVAL
	}
	info := t.userInfo(sig, abi.SI_TKILL)
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	o, err := t.threadLocked(tgid, tid)
	if err != nil {
		return err
	}
	return t.sendToLocked(o, &info, false)
}

// checkQueued refuses information that pretends to come from the kernel or from kill, unless the caller sends it to
// itself. EPERM.
func (t *Task) checkQueued(tid int32, info *SigInfo) error {
	if info.Signo != 0 && !info.Signo.Valid() {
		return abi.EINVAL
	}
	if (info.Code >= 0 || info.Code == abi.SI_TKILL) && tid != t.tid && tid != t.tgid {
		return abi.EPERM
	}
	return nil
}

// QueueInfo is rt_sigqueueinfo(2). Errors: EINVAL, EPERM, ESRCH, EAGAIN.
func (t *Task) QueueInfo(pid int32, info *SigInfo) error {
	if err := t.checkQueued(pid, info); err != nil {
		return err
	}
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	o := t.k.taskByIDLocked(t.pidNS, pid)
	if o == nil {
		return abi.ESRCH
	}
	return t.sendQueuedLocked(o, info, true)
}

// TgQueueInfo is rt_tgsigqueueinfo(2). Errors: EINVAL, EPERM, ESRCH, EAGAIN.
func (t *Task) TgQueueInfo(tgid, tid int32, info *SigInfo) error {
	if tgid <= 0 || tid <= 0 {
		return abi.EINVAL
	}
	if err := t.checkQueued(tid, info); err != nil {
		return err
	}
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	o, err := t.threadLocked(tgid, tid)
	if err != nil {
		return err
	}
	return t.sendQueuedLocked(o, info, false)
}

// sendQueuedLocked sends information that the program wrote itself; ids in it stay as they are.
func (t *Task) sendQueuedLocked(o *Task, info *SigInfo, process bool) error {
	if !t.maySignalLocked(o, info.Signo) {
		return abi.EPERM
	}
	if info.Signo == 0 {
		return nil
	}
	return o.sendLocked(info, process, t.pid.In(o.pidNS) == 0)
}

// FileOwner is who gets SIGIO and SIGURG of a file (fcntl(2), F_SETOWN). It remembers who set it: that one's ids decide
// whether the signal may be sent.
type FileOwner struct {
	pid    *ns.PID // keeps the number; nil: nobody is told yet
	kind   OwnerKind
	cred   *user.Cred
	kernel *Kernel
	signal atomic.Int32 // F_SETSIG, 0: SIGIO without information
}

// Signal is what is sent instead of SIGIO (fcntl(2), F_SETSIG), 0: nothing.
func (o *FileOwner) Signal() Signal { return Signal(o.signal.Load()) }

// SetSignal changes it.
func (o *FileOwner) SetSignal(s Signal) { o.signal.Store(int32(s)) }

// OwnerKind says what a FileOwner names.
type OwnerKind uint8

// The kinds of F_SETOWN_EX.
const (
	OwnerThread OwnerKind = iota
	OwnerProcess
	OwnerGroup
)

// Nobody returns an owner that gets no signals: it keeps which one is wanted.
func (t *Task) Nobody() *FileOwner { return &FileOwner{kind: OwnerProcess, kernel: t.k} }

// IsNobody reports whether the owner gets no signals.
func (o *FileOwner) IsNobody() bool { return o.pid == nil }

// NewFileOwner makes the owner that id names for t. ESRCH.
func (t *Task) NewFileOwner(kind OwnerKind, id int32) (*FileOwner, error) {
	p := t.pidNS.FindGet(id)
	if p == nil {
		return nil, abi.ESRCH
	}
	return &FileOwner{pid: p, kind: kind, cred: t.Caller.Cred, kernel: t.k}, nil
}

// ID is the kind of the owner and its number as t sees it.
func (o *FileOwner) ID(t *Task) (OwnerKind, int32) {
	if o.IsNobody() {
		return o.kind, 0
	}
	return o.kind, o.pid.In(t.pidNS)
}

// Drop lets go of the owner.
func (o *FileOwner) Drop() {
	if o.pid != nil {
		o.pid.Put()
	}
}

// Notify sends sig, SIGIO or SIGURG; code and band are si_code and si_band of a signal that F_SETSIG asked for.
func (o *FileOwner) Notify(sig Signal, fd, code, band int32) {
	if o.IsNobody() {
		return
	}
	info := SigInfo{Signo: sig, Code: abi.SI_KERNEL}
	if s := o.Signal(); s != 0 && sig == abi.SIGIO {
		info = SigInfo{Signo: s, Code: code, FD: fd, Band: band}
	}
	k := o.kernel
	k.mu.Lock()
	defer k.mu.Unlock()
	switch o.kind {
	case OwnerGroup:
		if p, ok := o.pid.Group.(*ProcessGroup); ok {
			for g := range p.members {
				o.sendLocked(g.leader, &info, true)
			}
		}
	default:
		if t, ok := o.pid.Task.(*Task); ok {
			o.sendLocked(t, &info, o.kind == OwnerProcess)
		}
	}
}

// sendLocked sends if who set the owner could: the ids must match (fcntl(2)), and in the owned model of user namespaces
// the setter must have been in the initial one or in the target's.
func (o *FileOwner) sendLocked(t *Task, info *SigInfo, process bool) {
	c, d := o.cred, t.Caller.Cred
	if !c.NS.IsInitial() && c.NS != d.NS && (c.NS.Model() == user.Owned || d.NS.Model() == user.Owned) {
		return
	}
	if c.EUID != user.RootKUID && c.EUID != d.SUID && c.EUID != d.UID && c.UID != d.SUID && c.UID != d.UID {
		return
	}
	_ = t.sendLocked(info, process, false) // a full queue loses SIGIO, as signal(7) says of real-time signals
}
