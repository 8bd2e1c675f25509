package devpts

import (
	"encoding/binary"
	"slices"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/tty"
)

// shell is a session with a terminal: a shell in the foreground and a job in the background.
type shell struct {
	*world
	leader, job *process
	m, s        *fs.File // s is the leader's
}

func newShell(t *testing.T) *shell {
	w := newWorld(t)
	sh := &shell{world: w, leader: w.newSession(10)}
	sh.m = w.Open("/ptmx", abi.O_RDWR)
	sh.s = w.as(sh.leader).slave(sh.m, 0)
	sh.job = sh.leader.fork(20)
	t.Cleanup(func() {
		for _, f := range []*fs.File{sh.m, sh.s} {
			if f != nil {
				f.Put()
			}
		}
	})
	return sh
}

func signals(t *testing.T, g *group, want ...int) {
	t.Helper()
	if got := g.take(); !slices.Equal(got, want) {
		t.Errorf("signals %v, want %v", got, want)
	}
}

func TestKeysSignalTheForeground(t *testing.T) {
	sh := newShell(t)
	sh.Put(sh.m, "\x03\x1c\x1a")
	signals(t, sh.leader.group, abi.SIGINT, abi.SIGQUIT, abi.SIGTSTP)
	_, err := sh.as(sh.leader).ioctlInt(sh.s, abi.TIOCSPGRP, 20)
	sh.want(err, nil)
	sh.Put(sh.m, "\x03")
	signals(t, sh.leader.group)
	signals(t, sh.job.group, abi.SIGINT)
	if n, err := sh.as(sh.job).ioctlInt(sh.s, abi.TIOCGPGRP, 0); n != 20 || err != nil {
		t.Errorf("TIOCGPGRP: %d, %v", n, err)
	}
	if n, err := sh.ioctlInt(sh.m, abi.TIOCGPGRP, 0); err != abi.ENOTTY {
		t.Errorf("TIOCGPGRP of the kernel: %d, %v", n, err)
	}
	if n, err := sh.as(sh.job).ioctlInt(sh.m, abi.TIOCGPGRP, 0); n != 20 || err != nil {
		t.Errorf("TIOCGPGRP of the master: %d, %v", n, err)
	}
	if n, err := sh.as(sh.job).ioctlInt(sh.s, abi.TIOCGSID, 0); n != 10 || err != nil {
		t.Errorf("TIOCGSID: %d, %v", n, err)
	}
}

func TestBackgroundRead(t *testing.T) {
	sh := newShell(t)
	sh.Put(sh.m, "line\n")
	bg := sh.as(sh.job)
	bg.expectError(sh.s, abi.ERESTARTSYS)
	signals(t, sh.job.group, abi.SIGTTIN)
	sh.job.ignored = map[int]bool{abi.SIGTTIN: true}
	bg.expectError(sh.s, abi.EIO)
	sh.job.ignored = nil
	sh.job.orphaned = true
	bg.expectError(sh.s, abi.EIO)
	signals(t, sh.job.group)
	sh.as(sh.leader).expect(sh.s, 10, "line\n")
}

func TestBackgroundWrite(t *testing.T) {
	sh := newShell(t)
	bg := sh.as(sh.job)
	if _, err := bg.Put(sh.s, "x"); err != nil {
		t.Errorf("without TOSTOP: %v", err)
	}
	tt := sh.termios(sh.s)
	tt.Lflag |= abi.TOSTOP
	sh.want(sh.as(sh.leader).setTermios(sh.s, tt, abi.TCSETS), nil)
	_, err := bg.Put(sh.s, "y")
	sh.want(err, abi.ERESTARTSYS)
	signals(t, sh.job.group, abi.SIGTTOU)
	sh.job.ignored = map[int]bool{abi.SIGTTOU: true}
	_, err = bg.Put(sh.s, "z")
	sh.want(err, nil)
	sh.job.ignored = nil
	sh.job.orphaned = true
	_, err = bg.Put(sh.s, "w")
	sh.want(err, abi.EIO)
	sh.expect(sh.m, 10, "xz")
}

func TestBackgroundChanges(t *testing.T) {
	sh := newShell(t)
	bg := sh.as(sh.job)
	tt := sh.termios(sh.s)
	for _, cmd := range []uint32{abi.TCSETS, abi.TCSETSW, abi.TCSETSF} {
		sh.want(bg.setTermios(sh.s, tt, cmd), abi.ERESTARTSYS)
		signals(t, sh.job.group, abi.SIGTTOU)
	}
	_, err := bg.ioctlInt(sh.s, abi.TIOCSPGRP, 20)
	sh.want(err, abi.ERESTARTSYS)
	signals(t, sh.job.group, abi.SIGTTOU)
	sh.job.orphaned = true
	_, err = bg.ioctlInt(sh.s, abi.TIOCSPGRP, 20)
	sh.want(err, abi.ENOTTY)
	sh.job.ignored = map[int]bool{abi.SIGTTOU: true} // as a shell does that takes the terminal back
	_, err = bg.ioctlInt(sh.s, abi.TIOCSPGRP, 20)
	sh.want(err, nil)
}

func TestSetForegroundErrors(t *testing.T) {
	sh := newShell(t)
	l := sh.as(sh.leader)
	other := sh.newSession(99)
	for _, c := range []struct {
		w    *world
		id   int
		want error
	}{
		{l, -1, abi.EINVAL},
		{l, 77, abi.ESRCH},
		{l, 99, abi.EPERM},
		{sh.as(other), 10, abi.ENOTTY},
	} {
		_, err := c.w.ioctlInt(sh.s, abi.TIOCSPGRP, c.id)
		sh.want(err, c.want)
	}
	_, err := sh.as(other).ioctlInt(sh.s, abi.TIOCGPGRP, 0)
	sh.want(err, abi.ENOTTY)
}

func TestControllingTerminal(t *testing.T) {
	sh := newShell(t)
	other := sh.newSession(99)
	o := sh.as(other)
	sh.want(o.ioctl(sh.s, abi.TIOCSCTTY, 0), abi.EPERM)
	sh.want(o.ioctl(sh.s, abi.TIOCSCTTY, 1), abi.EPERM)
	sh.want(sh.as(sh.job).ioctl(sh.s, abi.TIOCSCTTY, 0), abi.EPERM)
	sh.want(sh.as(sh.leader).ioctl(sh.s, abi.TIOCSCTTY, 0), nil) // it is already
	other.admin = true
	sh.want(o.ioctl(sh.s, abi.TIOCSCTTY, 1), nil)
	if sh.leader.tty != nil || sh.job.tty != nil || other.tty == nil {
		t.Error("the terminal was not taken over")
	}
	m2 := sh.Open("/ptmx", abi.O_RDWR)
	s2 := o.slave(m2, 0)
	if tty.Of(s2).Session() != nil {
		t.Error("a leader that has a terminal got a second one")
	}
	s2.Put()
	m2.Put()
}

func TestNoControllingTerminal(t *testing.T) {
	w := newWorld(t)
	leader := w.newSession(10)
	l := w.as(leader)
	m := l.Open("/ptmx", abi.O_RDWR)
	s := l.slave(m, abi.O_NOCTTY)
	if leader.tty != nil {
		t.Error("O_NOCTTY, but the terminal was acquired")
	}
	s.Put()
	_, err := l.ioctlInt(m, abi.TIOCSPTLCK, 0)
	w.want(err, nil)
	s = l.Open("/pts/0", abi.O_WRONLY)
	if leader.tty != nil {
		t.Error("the terminal was acquired by an open for writing")
	}
	w.want(l.ioctl(s, abi.TIOCNOTTY, 0), abi.ENOTTY)
	s.Put()
	m.Put()
}

func TestGiveUp(t *testing.T) {
	sh := newShell(t)
	sh.want(sh.as(sh.job).ioctl(sh.s, abi.TIOCNOTTY, 0), nil)
	if sh.job.tty != nil || sh.leader.tty == nil {
		t.Error("a member's TIOCNOTTY is its own")
	}
	sh.want(sh.as(sh.leader).ioctl(sh.s, abi.TIOCNOTTY, 0), nil)
	if sh.leader.tty != nil || tty.Of(sh.s).Session() != nil {
		t.Error("a leader's TIOCNOTTY is everyone's")
	}
	signals(t, sh.leader.group, abi.SIGHUP, abi.SIGCONT)
}

func TestLeaderExits(t *testing.T) {
	sh := newShell(t)
	_, err := sh.as(sh.leader).ioctlInt(sh.s, abi.TIOCSPGRP, 20)
	sh.want(err, nil)
	tty.Disassociate(sh.leader, true)
	signals(t, sh.job.group, abi.SIGHUP)
	if sh.job.tty != nil {
		t.Error("the terminal is still there")
	}
	sh.Put(sh.m, "x\n")
	sh.expect(sh.s, 10, "x\n") // a pseudo-terminal is not hung up by that
}

func TestLeaderExitsAfterHangup(t *testing.T) {
	sh := newShell(t)
	_, err := sh.as(sh.leader).ioctlInt(sh.s, abi.TIOCSPGRP, 20)
	sh.want(err, nil)
	sh.m.Put()
	sh.m = nil
	signals(t, sh.job.group)
	tty.Disassociate(sh.leader, true)
	signals(t, sh.job.group, abi.SIGHUP, abi.SIGCONT)
	tty.Disassociate(sh.leader, true)
	signals(t, sh.job.group)
}

func TestTypeForOthers(t *testing.T) {
	sh := newShell(t)
	sh.leader.admin = true
	binary.LittleEndian.PutUint32(sh.mem, '\n')
	sh.want(sh.as(sh.leader).ioctl(sh.s, abi.TIOCSTI, 0), nil)
	sh.as(sh.leader).expect(sh.s, 10, "\n")
}
