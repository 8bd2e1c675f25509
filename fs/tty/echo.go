package tty

import "cleave/abi"

func isControl(c byte) bool { return c < ' ' || c == 0x7f }

// continues reports whether c is a byte of a UTF-8 sequence after its first.
func (d *Discipline) continues(c byte) bool { return d.iflag(abi.IUTF8) && c&0xc0 == 0x80 }

// The letters of Latin-1 count as such, as in Linux; the first byte of a UTF-8 sequence is one of them.
func isLower(c byte) bool { return c >= 'a' && c <= 'z' || c >= 0xdf && c != 0xf7 }
func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' || c >= 0xc0 && c <= 0xde && c != 0xd7 }
func isWord(c byte) bool  { return isLower(c) || isUpper(c) || c >= '0' && c <= '9' || c == '_' }

// emit puts one byte into the output as it is. Echo is dropped if there is no room for it.
func (d *Discipline) emit(c byte) {
	if d.out.room() > 0 {
		d.out.put(c)
		d.effects.Output = true
	}
}

// echoRaw echoes c through output processing alone, echoChar shows a control character as ^X.
func (d *Discipline) echoRaw(c byte) {
	if d.out.room() >= 8 { // as many as a tab can take
		d.process(c)
		d.effects.Output = true
	}
}

func (d *Discipline) echoChar(c byte) {
	if d.lflag(abi.ECHOCTL) && isControl(c) && c != '\t' {
		d.emit('^')
		d.emit(c ^ 0x40)
		d.echo.column += 2
		return
	}
	d.echoRaw(c)
}

// lineStart notes the column in which an input line begins.
func (d *Discipline) lineStart() {
	if d.in.head == d.canon {
		d.echo.start = d.echo.column
	}
}

func (d *Discipline) finishErasing() {
	if d.erasing {
		d.erasing = false
		d.echoRaw('/')
	}
}

type eraseKind int

const (
	eraseChar eraseKind = iota
	eraseWord
	eraseLine
)

// erase takes back a character, a word or the line, from the buffer and from the screen.
func (d *Discipline) erase(kind eraseKind) {
	if d.in.head == d.canon {
		return
	}
	if kind == eraseLine && d.killWhole() {
		return
	}
	word := false
	for d.in.head != d.canon {
		start := d.in.head - 1
		for start != d.canon && d.continues(d.in.at(start)) {
			start--
		}
		c := d.in.at(start)
		if d.continues(c) {
			break // the rest of a character whose first byte has been read already
		}
		if kind == eraseWord {
			if isWord(c) {
				word = true
			} else if word {
				break
			}
		}
		end := d.in.head
		d.in.head = start
		if d.lflag(abi.ECHO) {
			d.eraseEcho(start, end, kind)
		}
		if kind == eraseChar {
			break
		}
	}
	if d.in.head == d.canon && d.lflag(abi.ECHO) {
		d.finishErasing()
	}
}

// killWhole erases the line without taking each character off the screen, if the settings say so.
func (d *Discipline) killWhole() bool {
	if d.lflag(abi.ECHO) && d.lflag(abi.ECHOK) && d.lflag(abi.ECHOKE) && d.lflag(abi.ECHOE) {
		return false
	}
	d.in.head = d.canon
	if d.lflag(abi.ECHO) {
		d.finishErasing()
		d.echoChar(d.T.Cc[abi.VKILL])
		if d.lflag(abi.ECHOK) {
			d.echoRaw('\n')
		}
	}
	return true
}

// eraseEcho shows that the character in [start, end) of the input, which is its end, has been erased.
func (d *Discipline) eraseEcho(start, end uint32, kind eraseKind) {
	c := d.in.at(start)
	switch {
	case d.lflag(abi.ECHOPRT):
		if !d.erasing {
			d.erasing = true
			d.echoRaw('\\')
		}
		d.echoChar(c)
		for i := start + 1; i != end; i++ {
			d.emit(d.in.at(i))
		}
	case kind == eraseChar && !d.lflag(abi.ECHOE):
		d.echoChar(d.T.Cc[abi.VERASE])
	case c == '\t':
		d.eraseTab(start)
	case isControl(c) && d.lflag(abi.ECHOCTL):
		d.rubOut()
		d.rubOut()
	case !isControl(c):
		d.rubOut()
	}
}

func (d *Discipline) rubOut() {
	d.echoRaw('\b')
	d.echoRaw(' ')
	d.echoRaw('\b')
}

// eraseTab moves the cursor back to where it was before the tab at place i of the input. Columns are counted from the
// tab before it, which ended at a multiple of eight, or from where the line began.
func (d *Discipline) eraseTab(i uint32) {
	width, base := uint32(0), d.echo.start
	for i != d.canon {
		i--
		c := d.in.at(i)
		if c == '\t' {
			base = 0
			break
		}
		switch {
		case isControl(c):
			if d.lflag(abi.ECHOCTL) {
				width += 2
			}
		case !d.continues(c):
			width++
		}
	}
	for n := 8 - (base+width)%8; n > 0; n-- {
		d.emit('\b')
		if d.echo.column > 0 {
			d.echo.column--
		}
	}
}
