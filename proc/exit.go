package proc

import (
	"cleave/abi"
	"cleave/fs/tty"
	"cleave/mm"
)

// Exit ends the calling thread once it is on the way back to user mode; the low byte of status is what wait(2) shows.
func (t *Task) Exit(status uint32) {
	t.exitCode = exitStatus(status)
	t.Ctx.Work.Or(WorkExit)
}

// ExitGroup ends the whole process. If it is ending already, the status of the first one counts.
func (t *Task) ExitGroup(status uint32) {
	k := t.k
	k.mu.Lock()
	if !t.group.exiting && t.group.execTask == nil {
		t.group.killLocked(exitStatus(status))
	}
	t.endLocked()
	k.mu.Unlock()
}

// finish is the end of a task, on its own goroutine: it lets go of all that it has, and tells whom it concerns.
func (t *Task) finish() {
	k, g := t.k, t.group
	t.charge()
	k.mu.Lock()
	t.exitEventLocked()
	t.exiting = true
	t.leaveTraceesLocked()
	if t.trace != nil {
		t.trace.settleLocked() // who attached waits for a stop that does not come
	}
	g.live--
	last := g.live == 0
	t.leaveStopLocked()
	t.handOverSignalsLocked()
	k.mu.Unlock()

	t.timersExit(last)
	t.releaseMM()
	if last {
		t.leaveTerminal()
	}
	t.releaseShared()
	if last && g.isInit {
		t.killNamespace()
	}
	if k.announced() {
		t.announceExit()
	}
	t.exitTell()
	k.cpu.Release(t.Ctx)
	k.running.Add(-1)
	k.tasks.Add(-1)
	if last && g.isGlobalInit() && k.initExited != nil {
		k.initExited(int(g.exitCode))
	}
}

// handOverSignalsLocked wakes other threads for signals of the process that t was to take.
func (t *Task) handOverSignalsLocked() {
	g := t.group
	if g.exiting {
		return
	}
	for set := g.pending.signals() &^ t.blocked; set != 0; {
		sig := set.first()
		set &^= sig.bit()
		if o := g.chooseLocked(sig); o != nil {
			o.interruptLocked()
		}
	}
}

// releaseMM gives up the address space, at exit; execve does the same with the old one.
func (t *Task) releaseMM() {
	t.leaveMemory()
	k := t.k
	k.mu.Lock()
	as := t.mm
	t.mm = nil
	t.Ctx.Root = 0
	k.mu.Unlock()
	if as != nil {
		t.group.noteRSS(as)
		as.Unref()
	}
}

// leaveMemory does what a thread owes to its address space before it leaves it: the id at clearTID is zeroed and a
// futex there woken (set_tid_address(2)), and a vfork parent goes on.
func (t *Task) leaveMemory() {
	t.robustExit()
	if t.clearTID != 0 && t.mm.Users() > 1 {
		if mm.Store(t.mm, t.clearTID, new(uint32)) == nil { // a bad address is the program's own affair
			_, _ = t.FutexWake(t.clearTID, false, 1, abi.FUTEX_BITSET_MATCH_ANY)
		}
	}
	t.clearTID = 0
	t.k.mu.Lock()
	if t.vfork != nil {
		t.vfork.completeLocked()
		t.vfork = nil
	}
	t.k.mu.Unlock()
}

// leaveTerminal takes the controlling terminal from the session if its leader exits.
func (t *Task) leaveTerminal() {
	if t.TTY() != nil && t.SessionLeader() {
		tty.Disassociate(t, true)
	}
	t.k.mu.Lock()
	if s := t.group.pgrp.session; s.leader == t.group {
		s.leader = nil
	}
	t.k.mu.Unlock()
	t.group.tty.Store(nil)
}

// releaseShared gives up what tasks share: descriptors, root and cwd, signal handlers, namespaces. The credentials stay
// until the task is reaped, for others ask whose it was.
func (t *Task) releaseShared() {
	t.leaveUndo()
	k := t.k
	k.mu.Lock()
	files, ctx, set := t.Caller.Files, t.Caller.FS, t.set
	t.Caller.Files, t.Caller.FS, t.Caller.Mounts, t.set = nil, nil, nil, nil
	k.mu.Unlock()
	files.Leave()
	ctx.Leave()
	set.Put()
	t.handlers.Unref()
}

// exitTell finds new parents for the children and tells the parent. A thread other than the last is gone at once; a
// process stays as a zombie until its parent has waited for it, unless that does not want to.
func (t *Task) exitTell() {
	k, g := t.k, t.group
	k.mu.Lock()
	t.forgetChildrenLocked()
	t.exited.Store(true)
	g.exitQueue.Notify(childEvents)
	switch {
	case g.leader == t:
		g.endIfAloneLocked()
	case t.trace == nil:
		g.releaseThreadLocked(t)
	default:
		t.tellDeathLocked(abi.SIGCHLD, t.statusLocked())
	}
	if g.execTask != nil {
		g.execTask.kick()
	}
	k.mu.Unlock()
}

// releaseThreadLocked takes a dead thread out of the process. One with a tracer stays until that has waited for it.
func (g *ThreadGroup) releaseThreadLocked(t *Task) {
	g.addUsageLocked(t)
	g.removeThreadLocked(t)
	t.unhashLocked()
	g.endIfAloneLocked()
}

// endIfAloneLocked makes a process a zombie whose leader is dead and has no other threads.
func (g *ThreadGroup) endIfAloneLocked() {
	if g.execTask == nil && g.leader.exited.Load() && g.emptyLocked() {
		g.becomeZombieLocked()
	}
}

// becomeZombieLocked makes a process without threads a zombie and tells its parent, who may not want to wait for it.
func (g *ThreadGroup) becomeZombieLocked() {
	g.zombie.Store(true)
	g.Cgroup().Leave()
	g.exitCode = g.statusLocked()
	g.exiting = true
	if g.parent != nil {
		g.hangUpIfOrphanedLocked(g.parent.group, true)
	}
	g.exitQueue.Notify(childEvents)
	if tr := g.leader.trace; tr != nil {
		sig := Signal(abi.SIGCHLD)
		if g.parent != nil && g.parent.group == tr.tracer.group {
			sig = g.exitSignal
		}
		g.leader.tellDeathLocked(sig, g.exitCode) // the parent learns of it when the tracer has waited
		return
	}
	if g.notifyExitLocked() {
		g.reapLocked()
	}
}

// discardsChildrenLocked reports whether t's process does not want to wait for its children (sigaction(2), SA_NOCLDWAIT).
func (t *Task) discardsChildrenLocked() bool {
	a := &t.handlers.action[abi.SIGCHLD-1]
	return a.Handler == abi.SIG_IGN || a.Flags&abi.SA_NOCLDWAIT != 0
}

// notifyExitLocked tells the parent that g is a zombie, and reports whether nobody wants to wait for it: there is no
// parent, or it ignores SIGCHLD, or has SA_NOCLDWAIT.
func (g *ThreadGroup) notifyExitLocked() (discard bool) {
	p := g.parent
	if p == nil {
		return true
	}
	sig := g.exitSignal
	if sig == abi.SIGCHLD {
		discard = p.discardsChildrenLocked()
		if p.handlers.action[abi.SIGCHLD-1].Handler == abi.SIG_IGN {
			sig = 0
		}
	}
	if sig != 0 {
		code, status := childCode(g.exitCode)
		info := g.childInfoLocked(p, code, status)
		info.Signo = sig
		_ = p.group.leader.sendLocked(&info, true, true) // at worst the information is lost, and wait(2) has it
	}
	p.group.childQueue.Notify(childEvents)
	if p.group.mourner != nil {
		p.group.mourner.kick()
	}
	return discard
}

// isGlobalInit reports whether g is the first process.
func (g *ThreadGroup) isGlobalInit() bool { return g.isInit && g.leader.pidNS == g.k.pidNS }

// forgetChildrenLocked gives the children of t a new parent: another thread of the process, else the nearest
// subreaper, else the init of the pid namespace.
func (t *Task) forgetChildrenLocked() {
	g := t.group
	var next *ThreadGroup
	for c := g.children.first; c != nil; c = next {
		next = c.nextSib
		if c.parent != t {
			continue
		}
		for _, o := range c.threads {
			if o.pdeathSignal != 0 && !o.exiting {
				_ = o.sendLocked(&SigInfo{Signo: o.pdeathSignal, Code: abi.SI_USER}, true, false)
			}
		}
		if o := g.survivorLocked(); o != nil {
			c.setParentLocked(o)
			continue
		}
		t.orphanLocked(c)
	}
}

// survivorLocked is a thread of g that does not exit, nil if there is none.
func (g *ThreadGroup) survivorLocked() *Task {
	for _, o := range g.threads {
		if !o.exiting {
			return o
		}
	}
	return nil
}

// orphanLocked moves c, a child of the exiting t, to the process that takes orphans.
func (t *Task) orphanLocked(c *ThreadGroup) {
	t.group.children.remove(c)
	c.setParentLocked(t.reaperLocked())
	if c.parent != nil {
		c.parent.group.children.add(c)
	}
	c.exitSignal = abi.SIGCHLD
	c.hangUpIfOrphanedLocked(t.group, false)
	if c.zombie.Load() && c.leader.trace == nil && c.notifyExitLocked() {
		c.reapLocked()
	}
}

// reaperLocked is the task that gets the orphans of t (PR_SET_CHILD_SUBREAPER, pid_namespaces(7)), nil for the first
// process's own.
func (t *Task) reaperLocked() *Task {
	init, _ := t.pidNS.Init().(*ThreadGroup)
	if t.group.underSubreaper {
		for p := t.group.parent; p != nil && p.group != init && p.pidNS == t.pidNS; p = p.group.parent {
			if p.group.subreaper {
				if o := p.group.survivorLocked(); o != nil {
					return o
				}
			}
		}
	}
	if init == nil || init == t.group {
		return nil
	}
	return init.survivorLocked()
}

// reapLocked takes a zombie out of the tree.
func (g *ThreadGroup) reapLocked() {
	g.gone.Store(true)
	if g.leader.trace != nil {
		g.leader.unlinkTracerLocked()
	}
	if p := g.parent; p != nil {
		p.group.children.remove(g)
	}
	g.addUsageLocked(g.leader)
	g.pending.dropLocked(^SigSet(0))
	g.moveLocked(nil)
	g.threads = nil
	g.leader.unhashLocked()
	if g.isInit {
		g.leader.pidNS.SetInit(nil)
	}
}

// unhashLocked ends what others know of a task: its id, and its part in the count of its user's processes.
func (t *Task) unhashLocked() {
	t.pending.dropLocked(^SigSet(0))
	t.pid.Task = nil
	for n := t.pidNS; n != nil; n = n.Parent() {
		if init, ok := n.Init().(*ThreadGroup); ok && init.mourner != nil {
			init.mourner.kick()
		}
	}
	t.Caller.Cred.Leave()
	t.group.Cgroup().AddTasks(-1)
	t.pid.Put()
}

// EndPIDNamespace kills the init of t's pid namespace, which ends that; wait(2) shows sig as the cause. The caller exits.
func (t *Task) EndPIDNamespace(sig Signal) {
	k := t.k
	k.mu.Lock()
	if init, ok := t.pidNS.Init().(*ThreadGroup); ok {
		init.killLocked(int32(sig))
	}
	k.mu.Unlock()
	t.Exit(0)
}

// killNamespace is the end of a pid namespace whose init exits: every process in it is killed, and init waits until all
// are gone (pid_namespaces(7)).
func (t *Task) killNamespace() {
	k, g := t.k, t.group
	t.pidNS.Close()
	k.mu.Lock()
	g.mourner, g.closing = t, true
	k.eachGroupLocked(t.pidNS, func(o *ThreadGroup) {
		if o != g {
			_ = o.leader.sendLocked(&SigInfo{Signo: abi.SIGKILL, Code: abi.SI_KERNEL}, true, true)
		}
	})
	for {
		var next *ThreadGroup
		for c := g.children.first; c != nil; c = next {
			next = c.nextSib
			if c.zombie.Load() && c.leader.trace == nil {
				c.reapLocked()
			}
		}
		alone := true
		k.eachTaskLocked(t.pidNS, func(o *Task) { alone = alone && o.group == g })
		if alone {
			break
		}
		k.mu.Unlock()
		t.park()
		k.mu.Lock()
	}
	g.mourner = nil
	k.mu.Unlock()
}
