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
	target  *Task   // P_PID, P_PIDFD: the leader of a child, or a tracee
	group   *ns.PID // P_PGID
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
		t.k.mu.Lock()
		w.target = p.leader
		t.k.mu.Unlock()
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
		w.target = t.k.taskByIDLocked(t.pidNS, a.ID)
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

// scanLocked looks for a child, or a tracee, with news. candidates says that some could have some later.
func (t *Task) scanLocked(w *waiting, r *WaitResult) (found, candidates bool) {
	for c := t.group.children.first; c != nil; c = c.nextSib {
		if c.parent != t && w.options&abi.WNOTHREAD != 0 || !w.matches(c.leader) || !w.wantsKind(c) {
			continue
		}
		found, candidate := w.childLocked(t, c, r)
		if candidates = candidates || candidate; found {
			return true, true
		}
	}
	for _, p := range t.group.threads {
		if p != t && w.options&abi.WNOTHREAD != 0 {
			continue
		}
		for o := p.tracees; o != nil; o = o.trace.next {
			if !w.matches(o) {
				continue
			}
			found, candidate := w.traceeLocked(t, o, r)
			if candidates = candidates || candidate; found {
				return true, true
			}
		}
	}
	return false, candidates
}

// matches reports whether o is one of those that are waited for.
func (w *waiting) matches(o *Task) bool {
	switch {
	case w.any:
		return true
	case w.group != nil:
		return o.group.pgrp != nil && o.group.pgrp.pid == w.group
	}
	return w.target == o
}

// wantsKind reports whether a child is waited for by what it says when it ends (wait(2), __WALL and __WCLONE).
func (w *waiting) wantsKind(c *ThreadGroup) bool {
	return w.options&abi.WALL != 0 || (c.exitSignal != abi.SIGCHLD) == (w.options&abi.WCLONE != 0)
}

// childLocked looks for news of a child. One with a tracer in the same process has no other news than a tracee.
func (w *waiting) childLocked(t *Task, c *ThreadGroup, r *WaitResult) (found, candidate bool) {
	tr := c.leader.trace
	switch {
	case tr != nil && tr.tracer.group == t.group:
		return w.traceeLocked(t, c.leader, r)
	case !c.zombie.Load():
		return w.stopLocked(t, c, r) || w.continueLocked(t, c.leader, r), true
	case tr != nil:
		return false, true // the tracer sees it first
	case w.options&abi.WEXITED == 0:
		return false, false
	}
	w.deathLocked(t, c.leader, c.exitCode, r)
	if w.options&abi.WNOWAIT == 0 {
		t.group.childUsage.add(&r.Usage)
		c.reapLocked()
	}
	return true, true
}

// traceeLocked looks for news of a tracee.
func (w *waiting) traceeLocked(t *Task, o *Task, r *WaitResult) (found, candidate bool) {
	g, tr := o.group, o.trace
	dead := o.exited.Load() && (g.leader != o || g.zombie.Load())
	switch {
	case dead && w.options&abi.WEXITED != 0:
		w.deathLocked(t, o, o.statusLocked(), r)
		if w.options&abi.WNOWAIT == 0 {
			w.buryLocked(t, o, r)
		}
		return true, true
	case dead:
		return false, w.options&abi.WCONTINUED != 0
	case tr.stopped && tr.news && !tr.listening:
		r.Code, r.Value, r.Status = abi.CLD_TRAPPED, tr.code, tr.code<<8|0x7f
		tr.news = w.options&abi.WNOWAIT != 0
		w.fillLocked(t, o, r)
		return true, true
	}
	return w.continueLocked(t, o, r), true
}

// buryLocked is the end of a tracee whose death its tracer has seen: of a thread for good, of a process for the tracer if
// that is not its parent.
func (w *waiting) buryLocked(t *Task, o *Task, r *WaitResult) {
	g := o.group
	switch {
	case g.leader == o && g.parent != nil && g.parent.group == t.group:
		t.group.childUsage.add(&r.Usage)
		g.reapLocked()
	default:
		o.abandonLocked()
	}
}

// stopLocked takes the news that a child has stopped.
func (w *waiting) stopLocked(t *Task, c *ThreadGroup, r *WaitResult) bool {
	if !c.stopNews || !c.stopped || w.options&abi.WSTOPPED == 0 {
		return false
	}
	r.Code, r.Value = abi.CLD_STOPPED, int32(c.stopSignal)
	r.Status = int32(c.stopSignal)<<8 | 0x7f
	c.stopNews = w.options&abi.WNOWAIT != 0
	w.fillLocked(t, c.leader, r)
	return true
}

// continueLocked takes the news that the process of o goes on.
func (w *waiting) continueLocked(t *Task, o *Task, r *WaitResult) bool {
	g := o.group
	if !g.contNews || w.options&abi.WCONTINUED == 0 {
		return false
	}
	r.Code, r.Value, r.Status = abi.CLD_CONTINUED, abi.SIGCONT, 0xffff
	g.contNews = w.options&abi.WNOWAIT != 0
	w.fillLocked(t, o, r)
	return true
}

// deathLocked tells how o has ended.
func (w *waiting) deathLocked(t *Task, o *Task, status int32, r *WaitResult) {
	g := o.group
	r.Code, r.Value = childCode(status)
	r.Status = status
	w.fillLocked(t, o, r)
	if g.leader == o {
		r.Usage.MaxRSS = max(g.maxRSS, g.childUsage.MaxRSS)
	}
}

// fillLocked tells who has news.
func (w *waiting) fillLocked(t *Task, o *Task, r *WaitResult) {
	g := o.group
	r.PID = o.pid.In(t.pidNS)
	r.UID = o.Caller.Cred.UID
	if g.leader == o {
		r.Usage = g.usageLocked()
		r.Usage.add(&g.childUsage)
	} else {
		r.Usage = o.usage.snapshot()
	}
}

// childInfoLocked is what SIGCHLD tells p about g.
func (g *ThreadGroup) childInfoLocked(p *Task, code, status int32) SigInfo {
	u := g.usageLocked()
	return SigInfo{
		Signo: abi.SIGCHLD, Code: code, Status: status, PID: g.pidLocked().In(p.pidNS), UID: g.leader.Caller.Cred.UID,
		UTime: u.UTime, STime: u.STime,
	}
}
