package proc

import (
	"cleave/abi"
	"cleave/fs/tty"
	"cleave/ns"
)

// ProcessGroup is a job: processes that a terminal's signals reach together (setpgid(2)).
type ProcessGroup struct {
	k       *Kernel
	pid     *ns.PID
	session *Session
	members map[*ThreadGroup]struct{} // guarded by Kernel.mu
}

// Session is a set of process groups with one controlling terminal (setsid(2)).
type Session struct {
	k      *Kernel
	pid    *ns.PID
	leader *ThreadGroup // nil once it is gone; guarded by Kernel.mu
	groups int          // guarded by Kernel.mu

	abandoned tty.Group // in the foreground when the terminal was hung up; guarded by Kernel.mu
}

var (
	_ tty.Session = (*Session)(nil)
	_ tty.Group   = (*ProcessGroup)(nil)
	_ tty.Caller  = (*Task)(nil)
)

// newSessionLocked makes a session and a process group for g, both with g's id, and moves g there.
func (k *Kernel) newSessionLocked(g *ThreadGroup) {
	pid := g.pidLocked()
	s := &Session{k: k, pid: pid, leader: g}
	pid.Get()
	pid.Session = s
	g.moveLocked(k.newGroupLocked(pid, s))
	g.tty.Store(nil)
}

// newGroupLocked makes an empty process group; the caller moves a process into it.
func (k *Kernel) newGroupLocked(pid *ns.PID, s *Session) *ProcessGroup {
	p := &ProcessGroup{k: k, pid: pid, session: s, members: map[*ThreadGroup]struct{}{}}
	pid.Get()
	pid.Group = p
	s.groups++
	return p
}

// moveLocked puts g into p, nil: into none, and forgets the group that it leaves empty, and that one's session.
func (g *ThreadGroup) moveLocked(p *ProcessGroup) {
	old := g.pgrp
	if old == p {
		return
	}
	g.pgrp = p
	if p != nil {
		p.members[g] = struct{}{}
	}
	if old == nil {
		return
	}
	delete(old.members, g)
	if len(old.members) > 0 {
		return
	}
	old.pid.Group = nil
	old.pid.Put()
	s := old.session
	s.groups--
	if s.groups == 0 {
		s.pid.Session = nil
		s.pid.Put()
	}
}

// orphanedLocked reports whether no member of p, but for ignored, has a parent in another group of the same session,
// who could continue it (POSIX, "orphaned process group").
//
// DIVERGES: Linux leaves out children of the first process of the machine, an init that does no job control. Here a shell
// may be the first process, and the terminal is its own.
func (p *ProcessGroup) orphanedLocked(ignored *ThreadGroup) bool {
	for g := range p.members {
		if g == ignored || g.zombie.Load() || g.parent == nil {
			continue
		}
		if up := g.parent.group; up.pgrp != p && up.pgrp != nil && up.pgrp.session == p.session {
			return false
		}
	}
	return true
}

func (p *ProcessGroup) hasStoppedLocked() bool {
	for g := range p.members {
		if g.stopped {
			return true
		}
	}
	return false
}

// hangUpIfOrphanedLocked sends SIGHUP and SIGCONT to the group of g if the loss of parent orphans it while a member is
// stopped. exiting: g itself goes, too.
func (g *ThreadGroup) hangUpIfOrphanedLocked(parent *ThreadGroup, exiting bool) {
	p := g.pgrp
	if p == nil || parent.pgrp == p || parent.pgrp == nil || parent.pgrp.session != p.session {
		return
	}
	var ignored *ThreadGroup
	if exiting {
		ignored = g
	}
	if p.orphanedLocked(ignored) && p.hasStoppedLocked() {
		p.signalLocked(abi.SIGHUP)
		p.signalLocked(abi.SIGCONT)
	}
}

// signalLocked sends a signal of the kernel to all members.
func (p *ProcessGroup) signalLocked(sig Signal) {
	for g := range p.members {
		g.sendKernelLocked(sig)
	}
}

// Signal implements tty.Group.
func (p *ProcessGroup) Signal(sig int) {
	p.k.mu.Lock()
	p.signalLocked(Signal(sig))
	p.k.mu.Unlock()
}

// Detach implements tty.Session.
func (s *Session) Detach(t *tty.TTY, foreground tty.Group) {
	s.k.mu.Lock()
	s.abandoned = foreground
	s.k.eachGroupLocked(s.k.pidNS, func(g *ThreadGroup) {
		if g.pgrp != nil && g.pgrp.session == s {
			g.tty.CompareAndSwap(t, nil)
		}
	})
	s.k.mu.Unlock()
}

// Abandoned implements tty.Session.
func (s *Session) Abandoned() tty.Group {
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	g := s.abandoned
	s.abandoned = nil
	return g
}

// SignalLeader implements tty.Session.
func (s *Session) SignalLeader(sig int) {
	s.k.mu.Lock()
	if s.leader != nil {
		s.leader.sendKernelLocked(Signal(sig))
	}
	s.k.mu.Unlock()
}

// SetSID is setsid(2). EPERM: the caller leads a process group, or its id is that of one.
func (t *Task) SetSID() (int32, error) {
	nr, err := t.leadSession()
	if err == nil && t.k.announced() {
		t.announce(abi.PROC_EVENT_SID)
	}
	return nr, err
}

func (t *Task) leadSession() (int32, error) {
	k, g := t.k, t.group
	k.mu.Lock()
	defer k.mu.Unlock()
	pid := g.pidLocked()
	if pid.Group != nil || pid.Session != nil {
		return 0, abi.EPERM
	}
	k.newSessionLocked(g)
	return pid.In(t.pidNSLocked()), nil
}

// SetPGID is setpgid(2). Errors: ESRCH (not the caller nor a child), EACCES (the child has called execve), EPERM
// (another session, a session leader, no such group), EINVAL.
func (t *Task) SetPGID(pid, pgid int32) error {
	if pgid < 0 {
		return abi.EINVAL
	}
	k := t.k
	k.mu.Lock()
	defer k.mu.Unlock()
	n := t.pidNSLocked()
	g := t.group
	if pid != 0 {
		other := k.taskByIDLocked(n, pid)
		if other == nil {
			return abi.ESRCH
		}
		g = other.group
		if g.leader != other {
			return abi.EINVAL
		}
	}
	switch {
	case g.parent != nil && g.parent.group == t.group:
		if g.pgrp.session != t.group.pgrp.session {
			return abi.EPERM
		}
		if g.execed {
			return abi.EACCES
		}
	case g != t.group:
		return abi.ESRCH
	}
	if g.pgrp.session.leader == g {
		return abi.EPERM
	}
	own := g.pidLocked()
	if pgid == 0 || pgid == own.In(n) {
		if own.Group == nil {
			g.moveLocked(k.newGroupLocked(own, g.pgrp.session))
		} else {
			g.moveLocked(own.Group.(*ProcessGroup))
		}
		return nil
	}
	p := k.pgrpByIDLocked(n, pgid)
	if p == nil || p.session != t.group.pgrp.session {
		return abi.EPERM
	}
	g.moveLocked(p)
	return nil
}

// PGID is getpgid(2); pid 0 is the caller. ESRCH.
func (t *Task) PGID(pid int32) (int32, error) {
	return t.idOf(pid, func(g *ThreadGroup) *ns.PID { return g.pgrp.pid })
}

// SID is getsid(2); pid 0 is the caller. ESRCH.
func (t *Task) SID(pid int32) (int32, error) {
	return t.idOf(pid, func(g *ThreadGroup) *ns.PID { return g.pgrp.session.pid })
}

func (t *Task) idOf(pid int32, id func(*ThreadGroup) *ns.PID) (int32, error) {
	k := t.k
	k.mu.Lock()
	defer k.mu.Unlock()
	n := t.pidNSLocked()
	g := t.group
	if pid != 0 {
		other := k.taskByIDLocked(n, pid)
		if other == nil {
			return 0, abi.ESRCH
		}
		g = other.group
	}
	if g.pgrp == nil {
		return 0, abi.ESRCH
	}
	return id(g).In(n), nil
}
