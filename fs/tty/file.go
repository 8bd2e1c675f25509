package tty

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/wait"
)

// handle is a terminal as one open file sees it.
type handle struct {
	fs.NoFile
	t       *TTY
	hangups uint32 // of t when it was opened
	free    bool   // it is /dev/console, on which no job control stops a reader or writer
}

// callerOf returns the task behind c; nil: the kernel.
func callerOf(c *fs.Caller) Caller {
	if c == nil {
		return nil
	}
	task, _ := c.Task.(Caller)
	return task
}

// Open opens the terminal. It becomes the controlling terminal of a session leader that has none, unless O_NOCTTY is
// given. EBUSY: another has it for itself (TIOCEXCL).
func (t *TTY) Open(f *fs.File, c *fs.Caller) error {
	return t.open(f, callerOf(c), f.Flags()&abi.O_NOCTTY != 0, false)
}

// OpenConsole opens the terminal as /dev/console: it never becomes a controlling terminal by that.
func (t *TTY) OpenConsole(f *fs.File, c *fs.Caller) error {
	return t.open(f, callerOf(c), true, true)
}

func (t *TTY) open(f *fs.File, c Caller, noctty, console bool) error {
	t.mu.Lock()
	if t.exclusive && (c == nil || !c.Admin()) {
		t.mu.Unlock()
		return abi.EBUSY
	}
	t.opens++
	f.Ops = &handle{t: t, hangups: t.hangups, free: console}
	f.SetStream()
	t.mu.Unlock()
	if t.ptm != nil {
		t.ptm.slaveOpened()
	}
	if !noctty && c != nil && f.Readable() && c.SessionLeader() && c.TTY() == nil {
		t.acquire(c, c.Session(), c.Group())
	}
	return nil
}

// acquire makes t the controlling terminal of c's session if it is nobody's.
func (t *TTY) acquire(c Caller, s Session, g Group) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.session != nil {
		return false
	}
	t.session, t.group = s, g
	c.SetTTY(t)
	return true
}

// Release closes one open file of the terminal.
func (h *handle) Release(*fs.File) {
	t := h.t
	t.mu.Lock()
	t.opens--
	last := t.opens == 0
	if last {
		t.exclusive = false
	}
	t.mu.Unlock()
	if last && t.ptm != nil {
		t.ptm.slaveClosed()
	}
}

func (h *handle) deadLocked() bool { return h.hangups != h.t.hangups }

// Read reads a line, or in raw mode what there is. A hung-up terminal gives the end of the file.
func (h *handle) Read(f *fs.File, c *fs.Caller, b fs.Buffer, _ int64) (int, error) {
	t := h.t
	if !h.free {
		if err := t.check(callerOf(c), abi.SIGTTIN); err != nil {
			return 0, err
		}
	}
	want := b.Len()
	if want == 0 {
		return 0, nil
	}
	t.mu.Lock()
	if h.deadLocked() {
		t.mu.Unlock()
		return 0, nil
	}
	if !t.readReadyLocked(want, f.Nonblock()) {
		t.mu.Unlock()
		return 0, abi.EAGAIN
	}
	s := t.takeScratchLocked()
	total := 0
	for {
		n, more := t.d.Read(s[:min(want-total, chunk)])
		t.unlock()
		k, err := b.CopyOut(s[:n])
		total += k
		t.mu.Lock()
		if err != nil || !more || total == want {
			t.scratch = s
			t.mu.Unlock()
			if total > 0 {
				err = nil
			}
			return total, err
		}
	}
}

func (t *TTY) readReadyLocked(want int, nonblock bool) bool {
	if t.d.lflag(abi.ICANON) {
		return t.d.Ready(1)
	}
	return t.rawReadyLocked(want, nonblock)
}

// Write writes to the screen. It takes part of a large write if there is no room for more, with EAGAIN.
func (h *handle) Write(f *fs.File, c *fs.Caller, b fs.Buffer, _ int64) (int, error) {
	t := h.t
	if err := h.checkWrite(callerOf(c)); err != nil {
		return 0, err
	}
	t.mu.Lock()
	s := t.takeScratchLocked()
	total, err := 0, error(nil)
	for b.Len() > 0 {
		if h.deadLocked() || t.ptm != nil && t.ptm.gone() {
			err = abi.EIO
			break
		}
		if !t.writableLocked() {
			err = abi.EAGAIN
			break
		}
		t.mu.Unlock()
		var n int
		n, err = b.CopyIn(s[:min(b.Len(), chunk)])
		t.mu.Lock()
		if n > 0 {
			total += n
			t.writeLocked(s[:n])
			t.unlock()
			t.mu.Lock()
		}
		if err != nil {
			break
		}
	}
	t.scratch = s
	t.mu.Unlock()
	if total > 0 && err != abi.EAGAIN {
		err = nil
	}
	return total, err
}

// writeLocked processes p and keeps what has no room for Output to take up.
func (t *TTY) writeLocked(p []byte) {
	if len(t.unsent) == 0 {
		p = p[t.d.Write(p):]
	}
	t.unsent = append(t.unsent, p...)
}

// checkWrite is job control for writers, which TOSTOP asks for.
func (h *handle) checkWrite(c Caller) error {
	t := h.t
	t.mu.Lock()
	stop := !h.free && t.d.lflag(abi.TOSTOP)
	t.mu.Unlock()
	if stop {
		return t.check(c, abi.SIGTTOU)
	}
	return nil
}

// Poll returns what can be done now.
func (h *handle) Poll(*fs.File) wait.Events {
	t := h.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if h.deadLocked() {
		return wait.Readable | wait.Writable | wait.Err | wait.Hup
	}
	var ev wait.Events
	least := 1
	if t.d.T.Cc[abi.VTIME] == 0 {
		least = max(1, int(t.d.T.Cc[abi.VMIN]))
	}
	if t.d.Ready(least) {
		ev |= wait.Readable
	}
	if t.ptm != nil && t.ptm.gone() {
		ev |= wait.Hup
	}
	if t.writableLocked() {
		ev |= wait.Writable
	}
	return ev
}

// Queue is where changes are notified.
func (h *handle) Queue(*fs.File) *wait.Queue { return &h.t.queue }

// Of returns the terminal that f is a file of, for a master that of its slave; nil if f is no terminal.
func Of(f *fs.File) *TTY {
	switch o := f.Ops.(type) {
	case *handle:
		return o.t
	case *Master:
		return o.slave
	}
	return nil
}

// OpenControlling opens the caller's controlling terminal, as /dev/tty. ENXIO: it has none.
func OpenControlling(f *fs.File, c *fs.Caller) error {
	task := callerOf(c)
	if task == nil {
		return abi.ENXIO
	}
	t := task.TTY()
	if t == nil {
		return abi.ENXIO
	}
	return t.open(f, task, true, false)
}
