package proc

import (
	"cleave/fs/tty"
	"cleave/ns/user"
)

// This file is what a terminal has to know of a task: Task implements tty.Caller.

// TTY implements tty.Caller.
func (t *Task) TTY() *tty.TTY { return t.group.tty.Load() }

// SetTTY implements tty.Caller.
func (t *Task) SetTTY(term *tty.TTY) { t.group.tty.Store(term) }

// Session implements tty.Caller.
func (t *Task) Session() tty.Session {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.group.pgrp.session
}

// Group implements tty.Caller.
func (t *Task) Group() tty.Group {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.group.pgrp
}

// SessionLeader implements tty.Caller.
func (t *Task) SessionLeader() bool {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.group.pgrp.session.leader == t.group
}

// Orphaned implements tty.Caller.
func (t *Task) Orphaned() bool {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.group.pgrp.orphanedLocked(nil)
}

// Ignores implements tty.Caller.
func (t *Task) Ignores(sig int) bool {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	s := Signal(sig)
	return t.blocked.Has(s) || t.handlers.ignoresLocked(s)
}

// FindGroup implements tty.Caller.
func (t *Task) FindGroup(pgid int32) (tty.Group, tty.Session, bool) {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	p := t.k.pgrpByIDLocked(t.pidNSLocked(), pgid)
	if p == nil {
		return nil, nil, false
	}
	return p, p.session, true
}

// GroupID implements tty.Caller.
func (t *Task) GroupID(g tty.Group) int32 {
	p, ok := g.(*ProcessGroup)
	if !ok || p == nil {
		return 0
	}
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if len(p.members) == 0 {
		return 0
	}
	return p.pid.In(t.pidNSLocked())
}

// SessionID implements tty.Caller.
func (t *Task) SessionID(s tty.Session) int32 {
	p, ok := s.(*Session)
	if !ok || p == nil {
		return 0
	}
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if p.groups == 0 {
		return 0
	}
	return p.pid.In(t.pidNSLocked())
}

// Admin implements tty.Caller.
func (t *Task) Admin() bool { return t.Cred().Has(user.CapSysAdmin, t.k.UserNS) }
