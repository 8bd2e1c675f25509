package tty

import "cleave/abi"

// process puts one byte through output processing (OPOST, termios(3)) into the output; the caller has made sure of
// room for eight bytes, as many as a tab can take.
func (d *Discipline) process(c byte) {
	if !d.oflag(abi.OPOST) {
		d.out.put(c)
		return
	}
	switch c {
	case '\n':
		if d.oflag(abi.ONLRET) {
			d.echo.column = 0
		}
		if d.oflag(abi.ONLCR) {
			d.echo.column = 0
			d.out.put('\r')
		}
		d.echo.start = d.echo.column
	case '\r':
		if d.oflag(abi.ONOCR) && d.echo.column == 0 {
			return
		}
		if d.oflag(abi.OCRNL) {
			c = '\n'
			if !d.oflag(abi.ONLRET) {
				break
			}
		}
		d.echo.column, d.echo.start = 0, 0
	case '\t':
		d.tab()
		return
	case '\b':
		if d.echo.column > 0 {
			d.echo.column--
		}
	default:
		if isControl(c) {
			break
		}
		if d.oflag(abi.OLCUC) && isLower(c) && c < 0xff && c != 0xdf {
			c -= 'a' - 'A'
		}
		if !d.continues(c) {
			d.echo.column++
		}
	}
	d.out.put(c)
}

func (d *Discipline) tab() {
	n := 8 - d.echo.column%8
	d.echo.column += n
	if d.T.Oflag&abi.TABDLY != abi.XTABS {
		d.out.put('\t')
		return
	}
	for ; n > 0; n-- {
		d.out.put(' ')
	}
}

// Writable reports whether Write would take something.
func (d *Discipline) Writable() bool { return !d.stopped && d.out.room() > echoReserve }

// accepts reports whether Receive would take something.
func (d *Discipline) accepts() bool {
	return d.in.room() > d.slack() || d.lflag(abi.ICANON) && d.canon == d.in.tail
}

// Write takes bytes that a program wrote and returns how many: fewer when the output is full or stopped.
func (d *Discipline) Write(p []byte) int {
	if d.stopped {
		return 0
	}
	d.effects.Output = true
	if !d.oflag(abi.OPOST) {
		return d.out.write(p[:max(0, min(len(p), d.out.room()-echoReserve))])
	}
	n := 0
	for n < len(p) && d.out.room() > echoReserve {
		if k := d.plain(p[n:min(len(p), n+d.out.room()-echoReserve)]); k > 0 {
			n += d.out.write(p[n : n+k])
			continue
		}
		d.process(p[n])
		n++
	}
	return n
}

// plain returns how many bytes at the start of p output processing leaves as they are, and moves the column over them.
func (d *Discipline) plain(p []byte) int {
	if d.oflag(abi.OLCUC) {
		return 0
	}
	column := d.echo.column
	n := 0
	for ; n < len(p); n++ {
		c := p[n]
		if isControl(c) {
			break
		}
		if !d.continues(c) {
			column++
		}
	}
	d.echo.column = column
	return n
}

// Output takes up to len(p) bytes that are due on the port (or at the master's reader) into p.
func (d *Discipline) Output(p []byte) int {
	return d.out.read(p, d.OutputLen())
}

// OutputLen returns how many bytes Output could give now. While the output is stopped, those that were in the queue
// before still go.
func (d *Discipline) OutputLen() int {
	if d.stopped {
		return int(d.limit - d.out.tail)
	}
	return d.out.len()
}
