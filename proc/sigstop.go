package proc

import (
	"cleave/abi"
)

// This file stops and continues processes (signal(7), "Stop"; waitpid(2), WUNTRACED and WCONTINUED).

// stopLocked begins the stop of t's process by sig; every thread takes part before it goes back to user mode.
func (t *Task) stopLocked(sig Signal) {
	g := t.group
	g.stopSignal = sig
	for _, o := range g.threads {
		if o.exiting || o.stopPending {
			continue
		}
		o.stopPending = true
		g.stopCount++
		if o != t {
			o.interruptLocked()
		}
	}
}

// joinStopLocked is t's own part in a stop: it sleeps until it is continued or killed. The lock is let go meanwhile.
func (t *Task) joinStopLocked() {
	g := t.group
	t.stopPending, t.stopped = false, true
	g.stopCount--
	if g.stopCount == 0 && !g.stopped {
		g.stopped, g.stopNews, g.contNews = true, true, false
		g.tellParentLocked(abi.CLD_STOPPED, int32(g.stopSignal))
	}
	for t.stopped && !t.dyingLocked() {
		t.k.mu.Unlock()
		t.park()
		t.k.mu.Lock()
	}
	t.stopped = false
}

// dyingLocked reports whether t was killed.
func (t *Task) dyingLocked() bool { return t.pending.signals().Has(abi.SIGKILL) }

// continueLocked undoes a stop, also one that is not complete, when SIGCONT is sent.
func (g *ThreadGroup) continueLocked() {
	g.dropLocked(stopSignals)
	if g.stopCount == 0 && !g.stopped {
		return
	}
	was := g.stopped
	g.stopped, g.stopCount, g.stopNews = false, 0, false
	for _, t := range g.threads {
		t.stopPending, t.stopped = false, false
		t.kick()
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
	if !t.stopPending {
		return
	}
	t.stopPending = false
	g.stopCount--
	if g.stopCount == 0 && !g.stopped && !g.exiting && g.live > 0 {
		g.stopped, g.stopNews, g.contNews = true, true, false
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
