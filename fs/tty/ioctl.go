package tty

import (
	"encoding/binary"

	"cleave/abi"
	"cleave/fs"
)

// load reads a structure of fixed-width fields from the caller's memory, store writes one.
func load[T any](m fs.UserMemory, addr uint32) (v T, err error) {
	var b [64]byte
	p := b[:binary.Size(&v)]
	if err = m.CopyIn(p, addr); err == nil {
		_, err = binary.Decode(p, binary.LittleEndian, &v)
	}
	return v, err
}

func store[T any](m fs.UserMemory, addr uint32, v T) error {
	p, err := binary.Append(nil, binary.LittleEndian, &v)
	if err != nil {
		return err
	}
	return m.CopyOut(addr, p)
}

// request is one ioctl on a terminal.
type request struct {
	t   *TTY
	f   *fs.File
	c   Caller
	cmd uint32
	arg uint32
	m   fs.UserMemory
}

// Ioctl carries out a request of ioctl_tty(2).
func (h *handle) Ioctl(f *fs.File, c *fs.Caller, cmd, arg uint32, m fs.UserMemory) (uint32, error) {
	h.t.mu.Lock()
	dead := h.deadLocked()
	h.t.mu.Unlock()
	if dead {
		if cmd == abi.TIOCSPGRP {
			return 0, abi.ENOTTY
		}
		return 0, abi.EIO
	}
	r := request{h.t, f, callerOf(c), cmd, arg, m}
	if changes(cmd) {
		if err := h.t.check(r.c, abi.SIGTTOU); err != nil {
			return 0, err
		}
	}
	return 0, r.do()
}

// changes reports whether cmd is one that a background process may not give.
func changes(cmd uint32) bool {
	switch cmd {
	case abi.TCSETS, abi.TCSETSW, abi.TCSETSF, abi.TCSETA, abi.TCSETAW, abi.TCSETAF, abi.TCSETS2, abi.TCSETSW2,
		abi.TCSETSF2, abi.TCSBRK, abi.TCSBRKP, abi.TCXONC, abi.TCFLSH, abi.TIOCSBRK, abi.TIOCCBRK:
		return true
	}
	return false
}

func (r *request) do() error {
	switch r.cmd {
	case abi.TCGETS, abi.TCGETA, abi.TCGETS2:
		return r.getTermios()
	case abi.TCSETS, abi.TCSETSW, abi.TCSETSF, abi.TCSETA, abi.TCSETAW, abi.TCSETAF, abi.TCSETS2, abi.TCSETSW2, abi.TCSETSF2:
		return r.setTermios()
	case abi.TCSBRK, abi.TCSBRKP:
		return r.drain()
	case abi.TIOCSBRK, abi.TIOCCBRK:
		return nil
	case abi.TCXONC:
		return r.flow()
	case abi.TCFLSH:
		return r.flush()
	case abi.TIOCSCTTY, abi.TIOCNOTTY, abi.TIOCGPGRP, abi.TIOCSPGRP, abi.TIOCGSID:
		return r.job()
	case abi.TIOCGWINSZ:
		r.t.mu.Lock()
		w := r.t.size
		r.t.mu.Unlock()
		return store(r.m, r.arg, w)
	case abi.TIOCSWINSZ:
		w, err := load[abi.Winsize](r.m, r.arg)
		if err == nil {
			r.t.SetSize(w)
		}
		return err
	case abi.FIONREAD, abi.TIOCOUTQ:
		return r.count()
	case abi.TIOCEXCL, abi.TIOCNXCL:
		r.t.mu.Lock()
		r.t.exclusive = r.cmd == abi.TIOCEXCL
		r.t.mu.Unlock()
		return nil
	}
	return r.more()
}

// more has the requests that few programs make.
func (r *request) more() error {
	switch r.cmd {
	case abi.TIOCGEXCL:
		r.t.mu.Lock()
		on := r.t.exclusive
		r.t.mu.Unlock()
		return store(r.m, r.arg, flag(on))
	case abi.TIOCSTI:
		// DIVERGES: Linux lets a sysctl allow everyone to type for others; here it takes CAP_SYS_ADMIN.
		if r.c == nil || !r.c.Admin() {
			return abi.EIO
		}
		b, err := load[[1]byte](r.m, r.arg)
		if err == nil {
			r.t.mu.Lock()
			r.t.d.Receive(b[:])
			r.t.unlock()
		}
		return err
	case abi.TIOCGLCKTRMIOS:
		r.t.mu.Lock()
		l := r.t.locks
		r.t.mu.Unlock()
		return store(r.m, r.arg, l)
	case abi.TIOCSLCKTRMIOS:
		return r.lockTermios()
	case abi.TIOCGETD:
		return store(r.m, r.arg, uint32(0)) // N_TTY
	case abi.TIOCSETD:
		n, err := load[uint32](r.m, r.arg)
		if err == nil && n != 0 {
			err = abi.EINVAL
		}
		return err
	case abi.TIOCGDEV:
		return store(r.m, r.arg, uint32(r.t.dev.Encode()))
	case abi.TIOCVHANGUP:
		if r.c == nil || !r.c.Admin() {
			return abi.EPERM
		}
		r.t.Hangup(false)
		return nil
	case abi.TIOCGSOFTCAR:
		r.t.mu.Lock()
		on := r.t.d.T.Cflag&abi.CLOCAL != 0
		r.t.mu.Unlock()
		return store(r.m, r.arg, flag(on))
	case abi.TIOCMGET:
		if r.t.port != nil {
			return store(r.m, r.arg, uint32(modemOn))
		}
	}
	return abi.ENOTTY
}

// modemOn is what TIOCMGET shows of a serial line: TIOCM_DTR, RTS, CTS, CAR and DSR.
const modemOn = 0x002 | 0x004 | 0x020 | 0x040 | 0x100

func flag(on bool) uint32 {
	if on {
		return 1
	}
	return 0
}

// job has the requests of job control. The kernel itself has no session to act for.
func (r *request) job() error {
	if r.c == nil {
		return abi.ENOTTY
	}
	switch r.cmd {
	case abi.TIOCSCTTY:
		return r.t.setController(r.c, r.f.Readable(), r.arg == 1)
	case abi.TIOCNOTTY:
		return r.t.giveUp(r.c)
	case abi.TIOCSPGRP:
		id, err := load[int32](r.m, r.arg)
		if err != nil {
			return err
		}
		return r.t.setForeground(r.c, id)
	}
	if r.c.TTY() != r.t {
		return abi.ENOTTY
	}
	if r.cmd == abi.TIOCGPGRP {
		return store(r.m, r.arg, r.t.foregroundID(r.c))
	}
	id, err := r.t.sessionID(r.c)
	if err != nil {
		return err
	}
	return store(r.m, r.arg, id)
}

func (r *request) count() error {
	r.t.mu.Lock()
	n := r.t.d.Available()
	if r.cmd == abi.TIOCOUTQ {
		n = r.t.d.out.len() + len(r.t.unsent)
	}
	r.t.mu.Unlock()
	return store(r.m, r.arg, uint32(n))
}

func (r *request) flow() error {
	t := r.t
	t.mu.Lock()
	switch r.arg {
	case abi.TCOOFF:
		t.d.Stop()
	case abi.TCOON:
		t.d.Start()
	case abi.TCIOFF:
		t.d.control(abi.VSTOP)
	case abi.TCION:
		t.d.control(abi.VSTART)
	default:
		t.mu.Unlock()
		return abi.EINVAL
	}
	t.unlock()
	return nil
}

// flush is TCFLSH.
func (r *request) flush() error {
	if r.arg > abi.TCIOFLUSH {
		return abi.EINVAL
	}
	t := r.t
	t.mu.Lock()
	if r.arg != abi.TCOFLUSH {
		t.d.FlushInput()
		t.held.clear()
	}
	if r.arg != abi.TCIFLUSH {
		t.d.FlushOutput()
		t.unsent = t.unsent[:0]
	}
	t.unlock()
	return nil
}

// drain waits until all output has gone (tcdrain(3), and tcsendbreak(3), which sends no break here). A pseudo-terminal
// has nothing to wait for: its output has arrived when it is written.
func (r *request) drain() error {
	t := r.t
	t.mu.Lock()
	waiting := t.port != nil && t.d.out.len()+len(t.unsent) > 0
	t.mu.Unlock()
	if waiting {
		return abi.EAGAIN
	}
	return nil
}
