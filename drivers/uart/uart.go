// Package uart drives the 16550 serial port that PCs have (National Semiconductor PC16550D data sheet) and that QEMU
// emulates. Characters come and go by interrupts, in batches of the chip's queue; Polled output needs none.
package uart

import (
	"sync"

	"cleave/abi"
)

// Registers is the port's register file, eight registers from the base address on.
type Registers interface {
	Read(reg uint8) uint8
	Write(reg, v uint8)
	// WriteAll writes every byte of p to one register (rep outsb).
	WriteAll(reg uint8, p []byte)
}

// Terminal is what is connected to the port: a terminal's line discipline. Its methods are called with no lock of the
// port held but for Output, under which the port's lock is held.
type Terminal interface {
	// Input brings characters that have been received.
	Input(p []byte)
	// BadInput brings one that was received with a parity or framing error, Break a break condition.
	BadInput(c byte)
	Break()
	// Output takes up to len(p) characters that are to be sent.
	Output(p []byte) int
	// Full reports whether no more input is wanted until UART.Resume is called.
	Full() bool
}

// Registers of a 16550 by offset; some have another meaning for reads, writes, or while LCR.DLAB is set.
const (
	regData = 0 // RBR, THR; DLL
	regIER  = 1 // DLM
	regIIR  = 2 // FCR
	regLCR  = 3
	regMCR  = 4
	regLSR  = 5
	regMSR  = 6
	regSCR  = 7
)

// Bits of the registers.
const (
	ierReceive  = 0x01
	ierTransmit = 0x02
	ierLine     = 0x04

	iirNone = 0x01 // no interrupt is pending

	fcrEnable  = 0x01
	fcrClear   = 0x06
	fcrTrigger = 0x80 // interrupt at 8 characters in the queue, or after a pause

	lcrDLAB = 0x80

	mcrDTR  = 0x01
	mcrRTS  = 0x02
	mcrOut2 = 0x08 // lets the interrupt through to the bus, on PCs

	lsrData    = 0x01
	lsrOverrun = 0x02
	lsrParity  = 0x04
	lsrFraming = 0x08
	lsrBreak   = 0x10
	lsrTHRE    = 0x20 // the queue is empty
	lsrTEMT    = 0x40 // and so is the shift register
)

const (
	queueSize = 16      // characters the chip can hold
	clock     = 115200  // bits per second for divisor 1
	spinLimit = 1 << 20 // reads of LSR before polled output gives up on a chip that does not answer
)

// UART is one serial port.
type UART struct {
	regs Registers

	mu   sync.Mutex // guards what follows and the chip
	term Terminal
	ier  uint8
	buf  [queueSize]byte

	in     [64]byte // belongs to Interrupt
	paused bool     // the terminal takes no more input; guarded by mu
}

// New finds the chip and sets it to baud bits per second, 8 bits, no parity; ENODEV if there is none. Interrupts stay
// off until Attach.
func New(regs Registers, baud int) (*UART, error) {
	for _, v := range [...]uint8{0x5a, 0xa5} {
		regs.Write(regSCR, v)
		if regs.Read(regSCR) != v {
			return nil, abi.ENODEV
		}
	}
	u := &UART{regs: regs}
	u.regs.Write(regIER, 0)
	u.regs.Write(regIIR, fcrEnable|fcrClear|fcrTrigger)
	u.regs.Write(regMCR, mcrDTR|mcrRTS|mcrOut2)
	u.setLine(baud, lineCS8)
	return u, nil
}

// lineCS8 is the LCR value for 8 bits, one stop bit, no parity.
const lineCS8 = 3

func (u *UART) setLine(baud int, lcr uint8) {
	divisor := min(max(clock/max(baud, 1), 1), 0xffff)
	u.regs.Write(regLCR, lcr|lcrDLAB)
	u.regs.Write(regData, uint8(divisor))
	u.regs.Write(regIER, uint8(divisor>>8))
	u.regs.Write(regLCR, lcr)
	u.regs.Write(regIER, u.ier)
}

// SetLine changes the speed in bits per second and, by the CSIZE, CSTOPB, PARENB and PARODD bits of a termios, the form
// of characters (termios(3)). A speed of 0 hangs up: DTR and RTS go off.
func (u *UART) SetLine(baud int, cflag uint32) {
	lcr := uint8(cflag >> 4 & 3) // CS5..CS8 are in the order of LCR's word lengths
	if cflag&abi.CSTOPB != 0 {
		lcr |= 0x04
	}
	if cflag&abi.PARENB != 0 {
		lcr |= 0x08
		if cflag&abi.PARODD == 0 {
			lcr |= 0x10
		}
	}
	u.mu.Lock()
	if baud == 0 {
		u.regs.Write(regMCR, mcrOut2)
	} else {
		u.regs.Write(regMCR, mcrDTR|mcrRTS|mcrOut2)
		u.setLine(baud, lcr)
	}
	u.mu.Unlock()
}

// Attach connects a terminal and turns receive interrupts on.
func (u *UART) Attach(t Terminal) {
	u.mu.Lock()
	u.term = t
	u.setIER(ierReceive | ierLine)
	u.mu.Unlock()
	u.Start()
}

func (u *UART) setIER(v uint8) {
	if u.ier != v {
		u.ier = v
		u.regs.Write(regIER, v)
	}
}

// Start sends what the terminal has, as far as the chip takes it at once; the rest goes by interrupts.
func (u *UART) Start() {
	u.mu.Lock()
	u.transmitLocked()
	u.mu.Unlock()
}

// transmitLocked fills the chip's queue while it is empty. A chip that takes characters faster than they come, as an
// emulated one does, never costs an interrupt. Turning the transmit interrupt on while the queue is empty raises it, so
// none is lost between the check and the enabling.
func (u *UART) transmitLocked() {
	if u.term == nil {
		return
	}
	for u.regs.Read(regLSR)&lsrTHRE != 0 {
		n := u.term.Output(u.buf[:])
		if n == 0 {
			u.setIER(u.ier &^ ierTransmit)
			return
		}
		u.regs.WriteAll(regData, u.buf[:n])
	}
	u.setIER(u.ier | ierTransmit)
}

// Interrupt serves the chip until it has no interrupt pending any more: the line of an ISA port is edge-triggered.
// It is to be called by one goroutine.
func (u *UART) Interrupt() {
	for u.regs.Read(regIIR)&iirNone == 0 {
		u.receive()
		u.regs.Read(regMSR) // which ends a modem status interrupt
		u.mu.Lock()
		if u.ier&ierTransmit != 0 {
			u.transmitLocked()
		}
		u.mu.Unlock()
	}
}

// Resume takes characters again after the terminal was full.
func (u *UART) Resume() {
	u.mu.Lock()
	u.paused = false
	u.setIER(u.ier | ierReceive | ierLine)
	u.mu.Unlock()
}

// pause leaves the characters that come in the chip, and with that at the sender, if the terminal is full. Resume may
// come before the interrupts are off: the flag tells.
func (u *UART) pause(t Terminal) bool {
	u.mu.Lock()
	u.paused = true
	u.mu.Unlock()
	full := t.Full()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.paused = u.paused && full
	if u.paused {
		u.setIER(u.ier &^ (ierReceive | ierLine))
	}
	return u.paused
}

// receive hands over all characters that have come, those without errors together.
func (u *UART) receive() {
	in := &u.in
	u.mu.Lock()
	t := u.term
	u.mu.Unlock()
	if t != nil && u.pause(t) {
		return
	}
	u.mu.Lock()
	n := 0
	for {
		lsr := u.regs.Read(regLSR)
		if lsr&lsrData == 0 {
			break
		}
		c := u.regs.Read(regData)
		bad := lsr&(lsrParity|lsrFraming|lsrBreak) != 0
		if !bad {
			in[n] = c
			n++
		}
		if t == nil || n < len(in) && !bad {
			n %= len(in)
			continue
		}
		u.mu.Unlock()
		t.Input(in[:n])
		n = 0
		switch {
		case lsr&lsrBreak != 0:
			t.Break()
		case bad:
			t.BadInput(c)
		}
		if u.pause(t) {
			return
		}
		u.mu.Lock()
	}
	u.mu.Unlock()
	if n > 0 {
		t.Input(in[:n])
	}
}

// Print sends p and waits until the chip has taken it, newlines as CR LF: for the kernel's log. It comes between the
// terminal's characters.
func (u *UART) Print(p []byte) {
	u.mu.Lock()
	u.polled(p)
	u.mu.Unlock()
}

// Panic is Print for a kernel that may have died with the port's lock held. Nothing else may run any more.
func (u *UART) Panic(p []byte) {
	u.polled(p)
	u.spin(lsrTEMT)
}

func (u *UART) polled(p []byte) {
	start := 0
	for i, c := range p {
		if c == '\n' {
			u.pollAll(p[start:i])
			u.pollAll([]byte("\r\n"))
			start = i + 1
		}
	}
	u.pollAll(p[start:])
}

func (u *UART) pollAll(p []byte) {
	for len(p) > 0 && u.spin(lsrTHRE) {
		n := min(len(p), queueSize)
		u.regs.WriteAll(regData, p[:n])
		p = p[n:]
	}
}

// spin waits for a bit of LSR; false if it does not come.
func (u *UART) spin(bit uint8) bool {
	for i := 0; i < spinLimit; i++ {
		if u.regs.Read(regLSR)&bit != 0 {
			return true
		}
	}
	return false
}

// Flush sends all that the terminal has and waits until the last bit is on the line: before power-off.
func (u *UART) Flush() {
	u.mu.Lock()
	for u.term != nil {
		n := u.term.Output(u.buf[:])
		if n == 0 {
			break
		}
		u.pollAll(u.buf[:n])
	}
	u.spin(lsrTEMT)
	u.mu.Unlock()
}
