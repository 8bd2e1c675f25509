// Package tty has terminals: the line discipline, job control, and pairs of pseudo-terminals.
//
// A TTY is the side that programs use. Its other side is a Port, such as a serial line, or the Master of a
// pseudo-terminal, from which another program reads what is shown and writes what is typed.
//
// Locks: TTY.mu is held for as long as the Discipline is looked at or changed, never while user memory is copied, a
// signal is sent, a queue is notified or the port is called. A port calls Output with its own lock held: the port's
// lock comes before TTY.mu.
package tty

import (
	"sync"
	"time"

	"cleave/abi"
	"cleave/fs"
	"cleave/wait"
)

// Port is the hardware below a terminal.
type Port interface {
	// Start makes the port send what TTY.Output gives. It is called with no lock held.
	Start()
	// SetLine sets the speed in bits per second (0 hangs up) and the form of characters by a termios' c_cflag.
	SetLine(baud int, cflag uint32)
	// Resume lets characters come again after TTY.Full was true. It is called with no lock held.
	Resume()
}

// chunk is how much is copied between a terminal and its caller at once.
const chunk = 1024

// TTY is a terminal: the side that programs read lines from.
type TTY struct {
	name  string
	dev   fs.Dev
	port  Port    // nil for a pseudo-terminal
	ptm   *Master // nil for a port
	queue wait.Queue

	mu        sync.Mutex
	d         Discipline // guarded by mu, as is what follows
	initial   abi.Termios
	locks     abi.Termios // bits and characters that no request may change (TIOCSLCKTRMIOS)
	size      abi.Winsize
	held      ring   // input for which the discipline has no room yet
	full      bool   // the port has been told to wait
	unsent    []byte // written but not yet processed: the rest of a chunk whose output grew
	session   Session
	group     Group // in the foreground
	opens     int
	hangups   uint32 // a file that was opened at a lower count is dead
	exclusive bool
	timer     readTimer
	scratch   *[chunk]byte // nil while somebody uses it
}

// NewTTY returns a terminal on a port, to which it has still to be attached.
func NewTTY(name string, dev fs.Dev, port Port) *TTY {
	t := &TTY{name: name, dev: dev, port: port, initial: abi.DefaultTermios, held: ring{size: heldSize}}
	t.initial.Cflag = abi.B115200 | abi.CS8 | abi.CREAD | abi.HUPCL
	t.d.Init(&t.initial)
	return t
}

// Name returns the terminal's name under /dev.
func (t *TTY) Name() string { return t.name }

// SetInitial gives the terminal settings and makes them those that it has again after a hang-up.
func (t *TTY) SetInitial(n abi.Termios) {
	t.mu.Lock()
	t.initial = n
	t.mu.Unlock()
	t.setTermios(&n)
}

// Dev returns the terminal's device number.
func (t *TTY) Dev() fs.Dev { return t.dev }

// readTimer is the time limit VTIME of raw reads.
type readTimer struct {
	t       *time.Timer
	armed   bool
	expired bool
}

// unlock ends a change: it lets go of t.mu and does what the change called for.
func (t *TTY) unlock() {
	e := t.d.Take()
	if e == (Effects{}) {
		t.mu.Unlock()
		return
	}
	if e.Room {
		t.refillLocked()
		e.add(t.d.Take())
	}
	if e.Readable && t.timer.armed {
		t.restartTimerLocked()
	}
	group, writable := t.group, t.writableLocked()
	resume := t.full && t.held.len() == 0
	if resume {
		t.full = false
	}
	t.mu.Unlock()
	if resume {
		t.port.Resume()
	}
	if e.Signals != 0 && group != nil {
		for _, sig := range [...]int{abi.SIGINT, abi.SIGQUIT, abi.SIGTSTP, abi.SIGWINCH} {
			if e.Signals>>sig&1 != 0 {
				group.Signal(sig)
			}
		}
	}
	if e.Readable {
		t.queue.Notify(wait.Readable)
	}
	if e.Writable && writable {
		t.queue.Notify(wait.Writable)
	}
	switch {
	case t.ptm != nil:
		t.ptm.changed(e)
	case e.Output:
		t.port.Start()
	}
}

// heldReserve is the room for input below which the port is to wait: what a port may read before it asks again.
const heldReserve = 256

// Full reports whether the port is to leave further characters where they are, until Resume.
func (t *TTY) Full() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.full = t.held.room() < heldReserve
	return t.full
}

// Input takes characters from the port. Those for which there is no room at all are lost: the port is to ask Full.
func (t *TTY) Input(p []byte) {
	t.mu.Lock()
	t.inputLocked(p)
	t.unlock()
}

// inputLocked takes up to inputRoomLocked bytes.
func (t *TTY) inputLocked(p []byte) {
	if t.held.len() == 0 {
		p = p[t.d.Receive(p):]
	}
	t.held.write(p)
}

func (t *TTY) inputRoomLocked() int { return t.held.room() }

// BadInput takes a character that came with a parity or framing error.
func (t *TTY) BadInput(c byte) {
	t.mu.Lock()
	t.d.BadByte(c)
	t.unlock()
}

// Break takes a break condition of the line.
func (t *TTY) Break() {
	t.mu.Lock()
	t.d.Break()
	t.unlock()
}

// refillLocked gives the discipline, which has been read from, the input that was held back.
func (t *TTY) refillLocked() {
	for t.held.len() > 0 {
		c := [1]byte{t.held.at(t.held.tail)}
		if t.d.Receive(c[:]) == 0 {
			return
		}
		t.held.tail++
	}
}

// Output gives the port up to len(p) characters to send.
func (t *TTY) Output(p []byte) int {
	t.mu.Lock()
	n := t.outputLocked(p)
	writable := n > 0 && t.writableLocked()
	t.mu.Unlock()
	if writable {
		t.queue.Notify(wait.Writable)
	}
	return n
}

func (t *TTY) outputLocked(p []byte) int {
	n := t.d.Output(p)
	if n > 0 && len(t.unsent) > 0 {
		k := t.d.Write(t.unsent)
		t.unsent = t.unsent[:copy(t.unsent, t.unsent[k:])]
		t.d.effects.Output = false // whoever takes output goes on by himself
	}
	return n
}

func (t *TTY) writableLocked() bool { return len(t.unsent) == 0 && t.d.Writable() }

// takeScratchLocked takes the buffer for a copy, which goes back into t.scratch.
func (t *TTY) takeScratchLocked() *[chunk]byte {
	s := t.scratch
	t.scratch = nil
	if s == nil {
		s = new([chunk]byte)
	}
	return s
}

// Hangup cuts the terminal off from all who have it open (vhangup(2), the end of a modem connection, a master's close):
// their reads give the end of file, their writes EIO. It is nobody's controlling terminal any more; the session's leader
// gets SIGHUP and SIGCONT, and the foreground group SIGHUP if signalGroup says so.
func (t *TTY) Hangup(signalGroup bool) {
	t.mu.Lock()
	session, group := t.session, t.group
	t.session, t.group = nil, nil
	t.hangups++
	t.exclusive = false
	t.d.Init(&t.initial)
	t.unsent = t.unsent[:0]
	t.held.clear()
	t.stopTimerLocked()
	t.mu.Unlock()
	if session != nil {
		session.Detach(t, group)
		session.SignalLeader(abi.SIGHUP)
		session.SignalLeader(abi.SIGCONT)
		if signalGroup && group != nil {
			group.Signal(abi.SIGHUP)
		}
	}
	t.queue.Notify(wait.All)
}

// Foreground returns the foreground process group, or nil.
func (t *TTY) Foreground() Group {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.group
}

// Session returns the session whose controlling terminal t is, or nil.
func (t *TTY) Session() Session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.session
}

// SetSize sets the size of the window and tells the foreground group (SIGWINCH) if that is a change.
func (t *TTY) SetSize(w abi.Winsize) {
	t.mu.Lock()
	old, group := t.size, t.group
	t.size = w
	t.mu.Unlock()
	if old != w && group != nil {
		group.Signal(abi.SIGWINCH)
	}
}

func (t *TTY) setTermios(n *abi.Termios) {
	t.mu.Lock()
	old := t.d.T
	t.d.SetTermios(n)
	t.stopTimerLocked()
	t.d.effects.Room = true
	if t.ptm != nil && old != *n && (old.Lflag^n.Lflag)&abi.EXTPROC != 0 {
		t.d.packet(abi.TIOCPKT_IOCTL, 0)
	}
	t.unlock()
	if t.port != nil && old.Cflag != n.Cflag {
		t.port.SetLine(Baud(n.Cflag), n.Cflag)
	}
}
