package linux386

import (
	"cleave/abi"
	"cleave/proc"
)

func (Int) show(p *printer, i int)  { p.signed(i) }
func (Uint) show(p *printer, i int) { p.dec(int64(p.regs[i])) }
func (Hex) show(p *printer, i int)  { p.hexOrZero(p.regs[i]) }
func (Addr) show(p *printer, i int) { p.addr(i) }
func (Size) show(p *printer, i int) { p.dec(int64(p.regs[i])) }
func (FD) show(p *printer, i int)   { p.signed(i) }
func (PID) show(p *printer, i int)  { p.signed(i) }
func (UID) show(p *printer, i int)  { p.signed(i) }
func (GID) show(p *printer, i int)  { p.signed(i) }
func (ID16) show(p *printer, i int) { p.dec(int64(int16(p.regs[i]))) }
func (Dev) show(p *printer, i int)  { p.hexOrZero(p.regs[i]) }

func (DirFD) show(p *printer, i int) {
	if int32(p.regs[i]) == abi.AT_FDCWD {
		p.text("AT_FDCWD")
		return
	}
	p.signed(i)
}

func (Mode) show(p *printer, i int) {
	const digits = "01234567"
	v := p.regs[i]
	s := []byte{}
	for ; v != 0; v >>= 3 {
		s = append([]byte{digits[v&7]}, s...)
	}
	p.text("0" + string(s))
}

func (Signal) show(p *printer, i int) { p.text(proc.Signal(p.regs[i]).String()) }

func (OffLo) show(p *printer, i int) {
	if i+1 < inResult {
		p.dec(off(OffLo(p.regs[i]), OffHi(p.regs[i+1])))
	}
}

// show of OffHi prints nothing, for OffLo has.
func (OffHi) show(*printer, int) {}

func (Path) show(p *printer, i int) { p.str(p.regs[i], abi.PathMax) }
func (Str) show(p *printer, i int)  { p.str(p.regs[i], maxShown) }

func (In) show(p *printer, i int) {
	if i+1 < inResult {
		p.quote(p.regs[i], p.regs[i+1])
	}
}

func (Out) late() {}

func (Out) show(p *printer, i int) {
	if !p.done {
		p.addr(i)
		return
	}
	p.quote(p.regs[i], p.regs[inResult])
}

func (StrList) show(p *printer, i int) {
	const maxStrings = 32
	sep := "["
	for n, at := 0, p.regs[i]; at != 0; n, at = n+1, at+4 {
		s, err := load32(p.t, at)
		if err != nil || s == 0 {
			break
		}
		p.text(sep)
		if n == maxStrings {
			p.text("...")
			break
		}
		p.str(s, maxShown)
		sep = ", "
	}
	if sep == "[" {
		p.text("[")
	}
	p.text("]")
}

func (Ptr[T]) show(p *printer, i int) { structure[T](p, p.regs[i]) }

func (Ret[T]) late() {}

func (Ret[T]) show(p *printer, i int) {
	if !p.done {
		p.addr(i)
		return
	}
	structure[T](p, p.regs[i])
}

func (InOut[T]) show(p *printer, i int) { structure[T](p, p.regs[i]) }
