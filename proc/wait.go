package proc

import (
	"cleave/abi"
	"cleave/ns"
	"cleave/ns/user"
	"cleave/wait"
)

const childEvents = wait.Readable

// WaitArgs say which children wait4(2) and waitid(2) wait for, and for what.
type WaitArgs struct {
	Type    int32  // P_ALL, P_PID, P_PGID, P_PIDFD
	ID      int32  // of P_PGID 0: the caller's own group
	Options uint32 // WEXITED, WSTOPPED, WCONTINUED, WNOHANG, WNOWAIT, WALL, WCLONE, WNOTHREAD
}

// WaitResult is what was found. PID 0: nothing yet, under WNOHANG.
type WaitResult struct {
	PID    int32
	Status int32     // as wait4(2) stores it
	Code   int32     // CLD_*, with Value what waitid(2) stores
	Value  int32     // exit status or signal
	UID    user.KUID // of the child
	Usage  Usage     // of the child and what it has waited for
}

// waiting is one call of Wait.
type waiting struct {
	options uint32
	child   *ThreadGroup // P_PID, P_PIDFD
	group   *ns.PID      // P_PGID
	any     bool
}

// Wait is wait4(2) and waitid(2). Errors: ECHILD, EINVAL, EBADF, EAGAIN (a nonblocking pidfd), abi.ERESTARTSYS.
func (t *Task) Wait(a WaitArgs) (WaitResult, error) {
	var r WaitResult
	if a.Options&(abi.WEXITED|abi.WSTOPPED|abi.WCONTINUED) == 0 {
		return r, abi.EINVAL
	}
	w := waiting{options: a.Options}
	nonblock := false
	if a.Type == abi.P_PIDFD {
		p, flags, err := t.pidfdTarget(a.ID)
		if err != nil {
			return r, err
		}
		nonblock = flags&abi.O_NONBLOCK != 0
		w.child = p
	}
	if nonblock && a.Options&abi.WNOHANG == 0 {
		w.options |= abi.WNOHANG
	}
	q := &t.group.childQueue
	var e wait.Entry
	e.L, e.Mask = t, childEvents
	q.Register(&e)
	err := t.waitLoop(a, &w, &r)
	q.Unregister(&e)
	if nonblock && err == nil && r.PID == 0 && a.Options&abi.WNOHANG == 0 {
		err = abi.EAGAIN
	}
	return r, err
}

// waitLoop looks at the children until one fits. No news is missed: t is in the queue before it looks first.
func (t *Task) waitLoop(a WaitArgs, w *waiting, r *WaitResult) error {
	k := t.k
	for {
		k.mu.Lock()
		if err := t.waitTargetLocked(a, w); err != nil {
			k.mu.Unlock()
			return err
		}
		found, candidates := t.scanLocked(w, r)
		k.mu.Unlock()
		switch {
		case found:
			return nil
		case !candidates:
			return abi.ECHILD
		case w.options&abi.WNOHANG != 0:
			return nil
		}
		if err := t.Block(0); err != nil {
			return err
		}
	}
}

// waitTargetLocked finds what a.ID means now.
func (t *Task) waitTargetLocked(a WaitArgs, w *waiting) error {
	switch a.Type {
	case abi.P_ALL:
		w.any = true
	case abi.P_PID:
		if a.ID <= 0 {
			return abi.EINVAL
		}
		w.child = nil
		if o := t.k.taskByIDLocked(t.pidNS, a.ID); o != nil && o.group.leader == o {
			w.child = o.group
		}
	case abi.P_PGID:
		if a.ID < 0 {
			return abi.EINVAL
		}
		w.group = t.group.pgrp.pid
		if a.ID != 0 {
			w.group = t.pidNS.Find(a.ID)
		}
	case abi.P_PIDFD:
	default:
		return abi.EINVAL
	}
	return nil
}

// scanLocked looks for a child with news. candidates says that some child could have some later.
func (t *Task) scanLocked(w *waiting, r *WaitResult) (found, candidates bool) {
	for c := t.group.children.first; c != nil; c = c.nextSib {
		if c.parent != t && w.options&abi.WNOTHREAD != 0 || !w.matches(c) || c.zombie.Load() && w.options&abi.WEXITED == 0 {
			continue
		}
		candidates = true
		if w.newsLocked(t, c, r) {
			return true, true
		}
	}
	return false, candidates
}

// matches reports whether c is one of the children that are waited for.
func (w *waiting) matches(c *ThreadGroup) bool {
	switch {
	case w.any:
	case w.group != nil:
		if c.pgrp == nil || c.pgrp.pid != w.group {
			return false
		}
	case w.child != c:
		return false
	}
	if w.options&abi.WALL != 0 {
		return true
	}
	return (c.exitSignal != abi.SIGCHLD) == (w.options&abi.WCLONE != 0)
}

// newsLocked takes the news that c has, if it is of a kind that is waited for.
func (w *waiting) newsLocked(t *Task, c *ThreadGroup, r *WaitResult) bool {
	keep := w.options&abi.WNOWAIT != 0
	switch {
	case c.zombie.Load():
		r.Code, r.Value = childCode(c.exitCode)
		r.Status = c.exitCode
	case c.stopNews && c.stopped && w.options&abi.WSTOPPED != 0:
		r.Code, r.Value = abi.CLD_STOPPED, int32(c.stopSignal)
		r.Status = int32(c.stopSignal)<<8 | 0x7f
		c.stopNews = keep
	case c.contNews && w.options&abi.WCONTINUED != 0:
		r.Code, r.Value = abi.CLD_CONTINUED, abi.SIGCONT
		r.Status = 0xffff
		c.contNews = keep
	default:
		return false
	}
	r.PID = c.pidLocked().In(t.pidNS)
	r.UID = c.leader.Caller.Cred.UID
	r.Usage = c.usageLocked()
	r.Usage.add(&c.childUsage)
	if c.zombie.Load() && !keep {
		r.Usage.MaxRSS = max(c.maxRSS, c.childUsage.MaxRSS)
		t.group.childUsage.add(&r.Usage)
		c.reapLocked()
	}
	return true
}

// childInfoLocked is what SIGCHLD tells p about g.
func (g *ThreadGroup) childInfoLocked(p *Task, code, status int32) SigInfo {
	u := g.usageLocked()
	return SigInfo{
		Signo: abi.SIGCHLD, Code: code, Status: status, PID: g.pidLocked().In(p.pidNS), UID: g.leader.Caller.Cred.UID,
		UTime: u.UTime, STime: u.STime,
	}
}
