package tty

import "cleave/abi"

// Receive takes bytes from the keyboard (or the master) and returns how many. It takes fewer only while whole lines
// that nobody has read fill the buffer; the rest must be offered again after a Read. A line that is too long loses
// bytes at its end instead, so that its end can still be typed.
func (d *Discipline) Receive(p []byte) int {
	for i, c := range p {
		if d.in.room() <= d.slack() {
			if !d.accepts() {
				return i
			}
			for d.in.room() < d.slack() {
				d.in.head--
			}
		}
		d.receive(c)
	}
	return len(p)
}

// slack is how much room one byte of input may need: PARMRK doubles 0xff, and a byte stays free for the end of line.
func (d *Discipline) slack() int {
	if d.iflag(abi.PARMRK) {
		return 3
	}
	return 1
}

func (d *Discipline) receive(c byte) {
	c = d.strip(c)
	if d.literal {
		d.literal = false
		d.data(c)
		return
	}
	if d.lflag(abi.EXTPROC) {
		d.store(c)
		return
	}
	if d.stopped && d.iflag(abi.IXON) && d.iflag(abi.IXANY) && !d.is(c, abi.VSTART) && d.signal(c) == 0 {
		d.Start()
	}
	if d.flow(c) {
		return
	}
	if d.lflag(abi.ISIG) {
		if sig := d.signal(c); sig != 0 {
			d.interrupt(c, sig)
			return
		}
	}
	switch {
	case c == '\r' && d.iflag(abi.IGNCR):
		return
	case c == '\r' && d.iflag(abi.ICRNL):
		d.newline()
		return
	case c == '\n' && d.iflag(abi.INLCR):
		c = '\r'
	}
	if d.lflag(abi.ICANON) && d.edit(c) {
		return
	}
	d.data(c)
}

// strip makes a byte seven bits wide and a letter, Latin-1's included, a small one, if the settings say so.
func (d *Discipline) strip(c byte) byte {
	if d.iflag(abi.ISTRIP) {
		c &= 0x7f
	}
	if d.iflag(abi.IUCLC) && d.lflag(abi.IEXTEN) && isUpper(c) {
		c += 'a' - 'A'
	}
	return c
}

// newline is a return that became a newline. Unlike a newline that was typed, it is not shown as ^J outside canonical
// mode.
func (d *Discipline) newline() {
	if d.lflag(abi.ICANON) {
		d.edit('\n')
		return
	}
	if d.lflag(abi.ECHO) {
		d.finishErasing()
		d.echoRaw('\n')
	}
	d.store('\n')
}

// flow handles VSTOP and VSTART and reports whether c was one.
func (d *Discipline) flow(c byte) bool {
	if !d.iflag(abi.IXON) {
		return false
	}
	switch {
	case d.is(c, abi.VSTART):
		d.Start()
	case d.is(c, abi.VSTOP):
		d.Stop()
	default:
		return false
	}
	return true
}

// signal returns the signal that the control character c stands for, or 0.
func (d *Discipline) signal(c byte) uint32 {
	switch {
	case d.is(c, abi.VINTR):
		return abi.SIGINT
	case d.is(c, abi.VQUIT):
		return abi.SIGQUIT
	case d.is(c, abi.VSUSP):
		return abi.SIGTSTP
	}
	return 0
}

func (d *Discipline) interrupt(c byte, sig uint32) {
	d.effects.Signals |= 1 << sig
	if !d.lflag(abi.NOFLSH) {
		d.FlushInput()
		d.FlushOutput()
	}
	if d.iflag(abi.IXON) {
		d.Start()
	}
	if d.lflag(abi.ECHO) {
		d.echoChar(c)
	}
}

// Break is a break condition of the line (termios(3)).
func (d *Discipline) Break() {
	switch {
	case d.iflag(abi.IGNBRK):
	case d.iflag(abi.BRKINT):
		d.effects.Signals |= 1 << abi.SIGINT
		if !d.lflag(abi.NOFLSH) {
			d.FlushInput()
			d.FlushOutput()
		}
	case d.iflag(abi.PARMRK):
		d.storeAll(0xff, 0, 0)
	default:
		d.storeAll(0)
	}
}

// BadByte is a byte that came with a parity or framing error.
func (d *Discipline) BadByte(c byte) {
	switch {
	case !d.iflag(abi.INPCK):
		d.Receive([]byte{c})
	case d.iflag(abi.IGNPAR):
	case d.iflag(abi.PARMRK):
		d.storeAll(0xff, 0, c)
	default:
		d.storeAll(0)
	}
}

func (d *Discipline) storeAll(p ...byte) {
	if d.in.room() > len(p) {
		for _, c := range p {
			d.in.put(c)
		}
		d.arrived()
	}
}

// data takes c as a byte of input and echoes it.
func (d *Discipline) data(c byte) {
	if d.lflag(abi.ECHO) {
		d.finishErasing()
		d.lineStart()
		d.echoChar(c)
	}
	if c == 0xff && d.iflag(abi.PARMRK) && !d.iflag(abi.ISTRIP) {
		d.in.put(c)
	}
	d.store(c)
}

func (d *Discipline) store(c byte) {
	d.in.put(c)
	d.arrived()
}

func (d *Discipline) arrived() {
	if !d.lflag(abi.ICANON) {
		d.effects.Readable = true
	}
}

// edit handles what has a meaning in canonical mode only, and reports whether c was such.
func (d *Discipline) edit(c byte) bool {
	ext := d.lflag(abi.IEXTEN)
	switch {
	case d.is(c, abi.VERASE):
		d.erase(eraseChar)
	case d.is(c, abi.VKILL):
		d.erase(eraseLine)
	case ext && d.is(c, abi.VWERASE):
		d.erase(eraseWord)
	case ext && d.is(c, abi.VLNEXT):
		d.literal = true
		if d.lflag(abi.ECHO) && d.lflag(abi.ECHOCTL) {
			d.finishErasing()
			d.lineStart()
			d.emit('^')
			d.emit('\b')
		}
	case ext && d.lflag(abi.ECHO) && d.is(c, abi.VREPRINT):
		d.reprint(c)
	case c == '\n':
		if d.lflag(abi.ECHO | abi.ECHONL) {
			d.echoRaw('\n')
		}
		d.endLine(c)
	case d.is(c, abi.VEOF):
		d.endLine(0)
	case d.is(c, abi.VEOL), ext && d.is(c, abi.VEOL2):
		if d.lflag(abi.ECHO) {
			d.lineStart()
			d.echoChar(c)
		}
		d.endLine(c)
	default:
		return false
	}
	return true
}

func (d *Discipline) endLine(c byte) {
	d.markEnd(d.in.head)
	d.in.put(c)
	d.canon = d.in.head
	d.effects.Readable = true
}

func (d *Discipline) reprint(c byte) {
	d.finishErasing()
	d.echoChar(c)
	d.echoRaw('\n')
	d.echo.start = d.echo.column
	for i := d.canon; i != d.in.head; i++ {
		d.echoChar(d.in.at(i))
	}
}
