package tty

import "cleave/abi"

// control sends a control character to the other side, past the queue's order if that is possible (TCIOFF, TCION).
func (d *Discipline) control(i int) {
	if c := d.T.Cc[i]; c != 0 {
		d.emit(c)
	}
}

// getTermios is TCGETS and its relatives.
func (r *request) getTermios() error {
	r.t.mu.Lock()
	t := r.t.d.T
	r.t.mu.Unlock()
	switch r.cmd {
	case abi.TCGETA:
		o := abi.Termio{Iflag: uint16(t.Iflag), Oflag: uint16(t.Oflag), Cflag: uint16(t.Cflag), Lflag: uint16(t.Lflag),
			Line: t.Line}
		copy(o.Cc[:], t.Cc[:])
		return store(r.m, r.arg, o)
	case abi.TCGETS2:
		speed := uint32(Baud(t.Cflag))
		return store(r.m, r.arg, abi.Termios2{Termios: t, Ispeed: speed, Ospeed: speed})
	}
	return store(r.m, r.arg, t)
}

// setTermios is TCSETS and its relatives: those with W wait for the output to drain first, those with F throw the input
// away too.
func (r *request) setTermios() error {
	t, err := r.newTermios()
	if err != nil {
		return err
	}
	switch r.cmd {
	case abi.TCSETSW, abi.TCSETAW, abi.TCSETSW2, abi.TCSETSF, abi.TCSETAF, abi.TCSETSF2:
		if err := r.drain(); err != nil {
			return err
		}
	}
	switch r.cmd {
	case abi.TCSETSF, abi.TCSETAF, abi.TCSETSF2:
		r.t.mu.Lock()
		r.t.d.FlushInput()
		r.t.unlock()
	}
	r.t.mu.Lock()
	keepLocked(&t, &r.t.d.T, &r.t.locks)
	r.t.mu.Unlock()
	r.t.setTermios(&t)
	return nil
}

// lockTermios is TIOCSLCKTRMIOS. EPERM: it takes CAP_SYS_ADMIN.
func (r *request) lockTermios() error {
	if r.c == nil || !r.c.Admin() {
		return abi.EPERM
	}
	l, err := load[abi.Termios](r.m, r.arg)
	if err == nil {
		r.t.mu.Lock()
		r.t.locks = l
		r.t.mu.Unlock()
	}
	return err
}

// keepLocked gives n what old has of all that is locked: the bits that are set in locks, and the line discipline and
// characters that are not 0 there.
func keepLocked(n, old, locks *abi.Termios) {
	n.Iflag ^= (n.Iflag ^ old.Iflag) & locks.Iflag
	n.Oflag ^= (n.Oflag ^ old.Oflag) & locks.Oflag
	n.Cflag ^= (n.Cflag ^ old.Cflag) & locks.Cflag
	n.Lflag ^= (n.Lflag ^ old.Lflag) & locks.Lflag
	if locks.Line != 0 {
		n.Line = old.Line
	}
	for i, locked := range locks.Cc {
		if locked != 0 {
			n.Cc[i] = old.Cc[i]
		}
	}
}

func (r *request) newTermios() (abi.Termios, error) {
	switch r.cmd {
	case abi.TCSETA, abi.TCSETAW, abi.TCSETAF:
		o, err := load[abi.Termio](r.m, r.arg)
		r.t.mu.Lock()
		t := r.t.d.T
		r.t.mu.Unlock()
		t.Iflag = t.Iflag&^0xffff | uint32(o.Iflag)
		t.Oflag = t.Oflag&^0xffff | uint32(o.Oflag)
		t.Cflag = t.Cflag&^0xffff | uint32(o.Cflag)
		t.Lflag = t.Lflag&^0xffff | uint32(o.Lflag)
		copy(t.Cc[:], o.Cc[:])
		return t, err
	case abi.TCSETS2, abi.TCSETSW2, abi.TCSETSF2:
		o, err := load[abi.Termios2](r.m, r.arg)
		t := o.Termios
		if t.Cflag&abi.CBAUD == abi.BOTHER {
			t.Cflag = t.Cflag&^abi.CBAUD | baudFlags(int(o.Ospeed))
		}
		return t, err
	}
	return load[abi.Termios](r.m, r.arg)
}
