package tty

import (
	"time"

	"cleave/abi"
	"cleave/wait"
)

// limit is the time that VTIME sets, which counts tenths of a second.
func (t *TTY) limit() time.Duration {
	return time.Duration(t.d.T.Cc[abi.VTIME]) * (time.Second / 10)
}

// rawReadyLocked decides a raw read of up to want bytes by VMIN and VTIME (termios(3)): whether it returns now with what
// there is, which may be nothing.
func (t *TTY) rawReadyLocked(want int, nonblock bool) bool {
	have, least := t.d.in.len(), int(t.d.T.Cc[abi.VMIN])
	timed := t.d.T.Cc[abi.VTIME] != 0
	switch {
	case have >= want, have > 0 && (nonblock || have >= least):
	case least == 0 && !timed:
	case nonblock:
		return false
	case timed && t.timer.expired && (least == 0 || have > 0):
	case timed && (least == 0 || have > 0):
		if !t.timer.armed {
			t.timer.armed = true
			t.restartTimerLocked()
		}
		return false
	default:
		return false
	}
	t.stopTimerLocked()
	return true
}

// restartTimerLocked starts the time limit anew: at the first read, and after each byte if VMIN is set.
func (t *TTY) restartTimerLocked() {
	if t.timer.t == nil {
		t.timer.t = time.AfterFunc(t.limit(), t.timeout)
	} else {
		t.timer.t.Reset(t.limit())
	}
}

func (t *TTY) stopTimerLocked() {
	t.timer.expired = false
	if t.timer.armed {
		t.timer.armed = false
		t.timer.t.Stop()
	}
}

// timeout ends the wait of a raw read. If its reader has gone meanwhile (a signal), the next reader has a limit of its own.
func (t *TTY) timeout() {
	t.mu.Lock()
	if t.timer.armed {
		t.timer.armed = false
		t.timer.expired = !t.queue.Empty()
	}
	t.mu.Unlock()
	t.queue.Notify(wait.Readable)
}
