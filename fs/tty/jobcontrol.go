package tty

import "cleave/abi"

// check stops a caller that is not in the foreground of its controlling terminal, as sig says: SIGTTIN for reads,
// SIGTTOU for writes and changes (termios(3), ioctl_tty(2)).
func (t *TTY) check(c Caller, sig int) error {
	if c == nil || c.TTY() != t {
		return nil
	}
	g := c.Group()
	if fg := t.Foreground(); fg == nil || fg == g {
		return nil
	}
	if c.Ignores(sig) {
		if sig == abi.SIGTTIN {
			return abi.EIO
		}
		return nil
	}
	if c.Orphaned() {
		return abi.EIO
	}
	g.Signal(sig)
	return abi.ERESTARTSYS
}

// setController is TIOCSCTTY: it makes t the controlling terminal of the caller, which leads a session and has none.
// steal takes it from another session, which CAP_SYS_ADMIN allows.
func (t *TTY) setController(c Caller, readable, steal bool) error {
	s := c.Session()
	owner := t.Session()
	if c.SessionLeader() && owner == s {
		return nil
	}
	if !c.SessionLeader() || c.TTY() != nil || !readable && !c.Admin() {
		return abi.EPERM
	}
	if owner != nil {
		if !steal || !c.Admin() {
			return abi.EPERM
		}
		t.mu.Lock()
		t.session, t.group = nil, nil
		t.mu.Unlock()
		owner.Detach(t, nil)
	}
	if !t.acquire(c, s, c.Group()) {
		return abi.EPERM
	}
	return nil
}

// giveUp is TIOCNOTTY: the caller's process has no controlling terminal any more; if it leads the session, nobody in it.
func (t *TTY) giveUp(c Caller) error {
	if c.TTY() != t {
		return abi.ENOTTY
	}
	if c.SessionLeader() {
		Disassociate(c, false)
		return nil
	}
	c.SetTTY(nil)
	return nil
}

// Disassociate ends the connection of a session with its controlling terminal, for the session's leader c, which gives
// it up or exits: the foreground group gets SIGHUP and SIGCONT; at an exit a terminal on a port is hung up. It is to be
// called with no lock held.
func Disassociate(c Caller, exit bool) {
	s, t := c.Session(), c.TTY()
	if t == nil {
		if g := s.Abandoned(); exit && g != nil {
			g.Signal(abi.SIGHUP)
			g.Signal(abi.SIGCONT)
		}
		return
	}
	if exit && t.port != nil {
		t.Hangup(true)
		return
	}
	t.mu.Lock()
	group := t.group
	if t.session == s {
		t.session, t.group = nil, nil
	}
	t.mu.Unlock()
	s.Detach(t, nil)
	if group != nil {
		group.Signal(abi.SIGHUP)
		if !exit {
			group.Signal(abi.SIGCONT)
		}
	}
}

// foregroundID is TIOCGPGRP: the id of the foreground group, 0 if there is none.
func (t *TTY) foregroundID(c Caller) int32 {
	if g := t.Foreground(); g != nil {
		return c.GroupID(g)
	}
	return 0
}

// setForeground is TIOCSPGRP: a group of the caller's session comes to the foreground.
func (t *TTY) setForeground(c Caller, pgid int32) error {
	if err := t.check(c, abi.SIGTTOU); err != nil {
		if err == abi.EIO {
			return abi.ENOTTY
		}
		return err
	}
	s := c.Session()
	if c.TTY() != t || t.Session() != s {
		return abi.ENOTTY
	}
	if pgid < 0 {
		return abi.EINVAL
	}
	g, of, ok := c.FindGroup(pgid)
	if !ok {
		return abi.ESRCH
	}
	if of != s {
		return abi.EPERM
	}
	t.mu.Lock()
	t.group = g
	t.mu.Unlock()
	return nil
}

// sessionID is TIOCGSID.
func (t *TTY) sessionID(c Caller) (int32, error) {
	s := t.Session()
	if s == nil {
		return 0, abi.ENOTTY
	}
	return c.SessionID(s), nil
}
