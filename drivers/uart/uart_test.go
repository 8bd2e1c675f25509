package uart

import (
	"bytes"
	"strings"
	"testing"

	"cleave/abi"
)

// chip is a 16550 whose line is as fast as the test wants.
type chip struct {
	reg     [8]uint8
	dll     uint16
	in      []uint16 // received: character, and LSR error bits << 8
	out     []byte   // on the line
	queue   []byte
	instant bool // the queue drains at once
	thri    bool // a transmit interrupt is pending
	writes  int
}

func (c *chip) dlab() bool { return c.reg[regLCR]&lcrDLAB != 0 }

func (c *chip) Read(r uint8) uint8 {
	switch r {
	case regData:
		if len(c.in) == 0 {
			return 0
		}
		v := uint8(c.in[0])
		c.in = c.in[1:]
		return v
	case regIIR:
		switch {
		case len(c.in) > 0 && c.reg[regIER]&ierReceive != 0:
			return 0x04
		case c.thri && c.reg[regIER]&ierTransmit != 0:
			c.thri = false
			return 0x02
		}
		return iirNone
	case regLSR:
		v := uint8(0)
		if len(c.in) > 0 {
			v |= lsrData | uint8(c.in[0]>>8)
		}
		if len(c.queue) == 0 {
			v |= lsrTHRE | lsrTEMT
		}
		return v
	}
	return c.reg[r]
}

func (c *chip) Write(r, v uint8) {
	switch {
	case r == regData && c.dlab():
		c.dll = c.dll&0xff00 | uint16(v)
	case r == regIER && c.dlab():
		c.dll = c.dll&0xff | uint16(v)<<8
	case r == regData:
		if len(c.queue) == queueSize {
			panic("the chip's queue overflows")
		}
		c.writes++
		c.queue = append(c.queue, v)
		if c.instant {
			c.drain()
		}
	case r == regIER:
		if v&ierTransmit != 0 && c.reg[regIER]&ierTransmit == 0 && len(c.queue) == 0 {
			c.thri = true
		}
		c.reg[r] = v
	default:
		c.reg[r] = v
	}
}

func (c *chip) WriteAll(r uint8, p []byte) {
	for _, v := range p {
		c.Write(r, v)
	}
}

func (c *chip) drain() {
	c.out = append(c.out, c.queue...)
	c.queue = c.queue[:0]
	c.thri = true
}

type terminal struct {
	out   []byte
	got   []byte
	note  []string
	limit int // how much it takes before it is full; 0: no end
}

func (t *terminal) Full() bool { return t.limit > 0 && len(t.got) >= t.limit }

func (t *terminal) Input(p []byte)  { t.got = append(t.got, p...) }
func (t *terminal) BadInput(c byte) { t.note = append(t.note, "bad "+string(rune(c))) }
func (t *terminal) Break()          { t.note = append(t.note, "break") }
func (t *terminal) Output(p []byte) int {
	n := copy(p, t.out)
	t.out = t.out[n:]
	return n
}

func start(t *testing.T, instant bool) (*chip, *terminal, *UART) {
	t.Helper()
	c, term := &chip{instant: instant}, &terminal{}
	u, err := New(c, 115200)
	if err != nil {
		t.Fatal(err)
	}
	u.Attach(term)
	return c, term, u
}

type noChip struct{}

func (noChip) Read(uint8) uint8       { return 0xff }
func (noChip) Write(uint8, uint8)     {}
func (noChip) WriteAll(uint8, []byte) {}

func TestNoChip(t *testing.T) {
	if _, err := New(noChip{}, 115200); err != abi.ENODEV {
		t.Errorf("no chip: %v, want ENODEV", err)
	}
}

func TestReceive(t *testing.T) {
	c, term, u := start(t, true)
	want := strings.Repeat("0123456789", 20)
	for _, b := range []byte(want) {
		c.in = append(c.in, uint16(b))
	}
	u.Interrupt()
	if string(term.got) != want {
		t.Errorf("received %q", term.got)
	}
	c.in = []uint16{'a', 'b' | lsrParity<<8, 'c' | lsrFraming<<8, 0 | lsrBreak<<8, 'd'}
	term.got = nil
	u.Interrupt()
	if string(term.got) != "ad" || strings.Join(term.note, ",") != "bad b,bad c,break" {
		t.Errorf("received %q and %q", term.got, term.note)
	}
}

// A full terminal gets nothing more, and nothing is lost: it comes after Resume.
func TestReceiveWaitsForRoom(t *testing.T) {
	c, term, u := start(t, true)
	want := strings.Repeat("0123456789", 30)
	for _, b := range []byte(want) {
		c.in = append(c.in, uint16(b))
	}
	term.limit = 100
	u.Interrupt()
	if n := len(term.got); n < 100 || n > 100+64 || c.reg[regIER]&ierReceive != 0 {
		t.Errorf("a full terminal got %d characters, IER %#x", n, c.reg[regIER])
	}
	term.limit = 0
	u.Resume()
	u.Interrupt()
	if string(term.got) != want || c.reg[regIER]&ierReceive == 0 {
		t.Errorf("received %d characters of %d, IER %#x", len(term.got), len(want), c.reg[regIER])
	}
}

func TestTransmitAtOnce(t *testing.T) {
	c, term, u := start(t, true)
	term.out = bytes.Repeat([]byte("x"), 1000)
	u.Start()
	if len(c.out) != 1000 || c.reg[regIER]&ierTransmit != 0 {
		t.Errorf("%d characters sent, IER %#x: a fast chip needs no interrupt", len(c.out), c.reg[regIER])
	}
}

func TestTransmitByInterrupts(t *testing.T) {
	c, term, u := start(t, false)
	want := strings.Repeat("0123456789", 10)
	term.out = []byte(want)
	u.Start()
	for i := 0; len(c.queue) > 0; i++ {
		if i > 20 {
			t.Fatal("it never ends")
		}
		c.drain()
		u.Interrupt()
	}
	if string(c.out) != want {
		t.Errorf("sent %q", c.out)
	}
	if c.reg[regIER]&ierTransmit != 0 {
		t.Error("the transmit interrupt stays on with nothing to send")
	}
	// A new start after the chip became idle must send again.
	term.out = []byte("more")
	u.Start()
	c.drain()
	if string(c.out) != want+"more" {
		t.Error("nothing goes after a pause")
	}
}

func TestSetLine(t *testing.T) {
	c, _, u := start(t, true)
	u.SetLine(9600, abi.CS7|abi.PARENB|abi.CSTOPB)
	if c.dll != 12 || c.reg[regLCR] != 0x1e {
		t.Errorf("divisor %d, LCR %#x; want 12, 0x1e", c.dll, c.reg[regLCR])
	}
	if c.reg[regIER] != ierReceive|ierLine {
		t.Errorf("IER %#x after a change of speed", c.reg[regIER])
	}
	u.SetLine(0, abi.CS8)
	if c.reg[regMCR]&(mcrDTR|mcrRTS) != 0 {
		t.Error("B0 must hang up")
	}
}

func TestPolledAndFlush(t *testing.T) {
	c, term, u := start(t, true)
	term.out = []byte("last words\r\n")
	u.Print([]byte("log\nline"))
	u.Flush()
	u.mu.Lock() // a kernel that died while it held the lock
	u.Panic([]byte("oops\n"))
	if got, want := string(c.out), "log\r\nlinelast words\r\noops\r\n"; got != want {
		t.Errorf("on the line: %q, want %q", got, want)
	}
}

func TestDeadChipDoesNotHang(t *testing.T) {
	c, _, u := start(t, false)
	c.queue = append(c.queue, 0) // and nobody drains it
	u.Print([]byte("hello"))
	u.Flush()
}

func TestTransmitAllocatesNothing(t *testing.T) {
	c, term, u := start(t, true)
	p := []byte("0123456789abcdef0123456789abcdef")
	if n := testing.AllocsPerRun(100, func() {
		term.out = p
		c.out = c.out[:0]
		u.Start()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
