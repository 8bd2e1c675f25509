package proc

import (
	"cleave/abi"
)

// This file stops and continues processes (signal(7), "Stop"; waitpid(2), WUNTRACED and WCONTINUED).

// stopLocked begins the stop of t's process by sig; every thread takes part before it goes back to user mode.
func (t *Task) stopLocked(sig Signal) {
	g := t.group
	if !g.stopped {
		g.stopSignal = sig
	}
	for _, o := range g.threads {
		if o.exiting || o.stopped || o.stopCounted {
			continue
		}
		o.stopPending, o.stopCounted = true, true
		g.stopCount++
		switch {
		case o == t:
		case o.trace != nil && o.trace.seized:
			o.notifyTrapLocked()
		default:
			o.interruptLocked()
		}
	}
}

// joinStopLocked is t's own part in a stop: it sleeps until it is continued or killed. The lock is let go meanwhile.
func (t *Task) joinStopLocked() {
	t.stopped = true
	if t.takePartLocked() {
		t.group.tellParentLocked(abi.CLD_STOPPED, int32(t.group.stopSignal))
	}
	for t.stopped && !t.dyingLocked() {
		t.k.mu.Unlock()
		t.park()
		t.k.mu.Lock()
	}
	t.stopped = false
}

// takePartLocked counts t's part in a stop. It reports whether that was the last one of a stop that is news to the parent.
func (t *Task) takePartLocked() (complete bool) {
	g := t.group
	t.stopPending = false
	if !t.stopCounted {
		return false
	}
	t.stopCounted = false
	g.stopCount--
	if g.stopCount > 0 || g.stopped {
		return false
	}
	g.stopped, g.stopNews, g.contNews = true, true, false
	return true
}

// dyingLocked reports whether t was killed.
func (t *Task) dyingLocked() bool { return t.pending.signals().Has(abi.SIGKILL) }

// continueLocked undoes a stop, also one that is not complete, when SIGCONT is sent.
func (g *ThreadGroup) continueLocked() {
	g.dropLocked(stopSignals)
	was, begun := g.stopped, g.stopCount > 0
	g.stopped, g.stopCount, g.stopNews = false, 0, false
	for _, t := range g.threads {
		t.stopPending, t.stopCounted, t.stopDequeued, t.stopped = false, false, false, false
		switch {
		case t.trace != nil && t.trace.seized && !t.exited.Load():
			t.notifyTrapLocked()
		case was || begun:
			t.kick()
		}
	}
	if !was && !begun {
		return
	}
	if l := g.leader; l.trace != nil && g.parent != nil && l.trace.tracer.group != g.parent.group {
		l.tellTracerLocked(abi.CLD_CONTINUED, abi.SIGCONT)
	}
	if was {
		g.contNews = true
		g.tellParentLocked(abi.CLD_CONTINUED, abi.SIGCONT)
	} else {
		g.tellParentLocked(abi.CLD_STOPPED, int32(g.stopSignal))
	}
}

// leaveStopLocked takes an exiting thread out of a stop that is going on; it may have been the last one to wait for.
func (t *Task) leaveStopLocked() {
	g := t.group
	if !t.stopCounted || g.exiting || g.live == 0 {
		t.stopPending, t.stopCounted = false, false
		return
	}
	if t.takePartLocked() {
		g.tellParentLocked(abi.CLD_STOPPED, int32(g.stopSignal))
	}
}

// tellParentLocked tells the parent that g has stopped or continued: SIGCHLD, unless SA_NOCLDSTOP, and wait(2).
func (g *ThreadGroup) tellParentLocked(code, status int32) {
	if g.parent == nil {
		return
	}
	p := g.parent
	a := &p.handlers.action[abi.SIGCHLD-1]
	if a.Handler != abi.SIG_IGN && a.Flags&abi.SA_NOCLDSTOP == 0 {
		info := g.childInfoLocked(p, code, status)
		_ = p.group.leader.sendLocked(&info, true, true) // SIGCHLD never fails: it may only lose its information
	}
	p.group.childQueue.Notify(childEvents)
}
