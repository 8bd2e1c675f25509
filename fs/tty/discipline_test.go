package tty

import (
	"bytes"
	"strings"
	"testing"

	"cleave/abi"
)

// set is a change of the default settings.
type set func(*abi.Termios)

func lflags(on, off uint32) set {
	return func(t *abi.Termios) { t.Lflag = t.Lflag&^off | on }
}

func iflags(on, off uint32) set {
	return func(t *abi.Termios) { t.Iflag = t.Iflag&^off | on }
}

func oflags(on, off uint32) set {
	return func(t *abi.Termios) { t.Oflag = t.Oflag&^off | on }
}

func cc(i int, c byte) set {
	return func(t *abi.Termios) { t.Cc[i] = c }
}

// disciplineCase is one row of the table: what is typed, what reads return (each as a string, EOF as ""), what appears.
type disciplineCase struct {
	name  string
	set   []set
	typed string
	reads []string
	shown string
	sigs  uint32
}

func bit(sigs ...int) (m uint32) {
	for _, s := range sigs {
		m |= 1 << s
	}
	return m
}

var disciplineCases = []disciplineCase{
	{name: "a line", typed: "hello\n", reads: []string{"hello\n"}, shown: "hello\r\n"},
	{name: "an unfinished line is not read", typed: "hello", shown: "hello"},
	{name: "return is newline", typed: "a\rb\r", reads: []string{"a\n", "b\n"}, shown: "a\r\nb\r\n"},
	{name: "IGNCR", set: []set{iflags(abi.IGNCR, 0)}, typed: "a\rb\n", reads: []string{"ab\n"}, shown: "ab\r\n"},
	{name: "INLCR", set: []set{iflags(abi.INLCR, abi.ICRNL), cc(abi.VEOL, '\r')}, typed: "a\n",
		reads: []string{"a\r"}, shown: "a^M"},
	{name: "erase", typed: "abc\x7f\x7fx\n", reads: []string{"ax\n"}, shown: "abc\b \b\b \bx\r\n"},
	{name: "erase at the start does nothing", typed: "\x7f\x7fa\n", reads: []string{"a\n"}, shown: "a\r\n"},
	{name: "erase stops at the line before", typed: "ab\n\x7f\x7fc\n", reads: []string{"ab\n", "c\n"}, shown: "ab\r\nc\r\n"},
	{name: "erase of a control character takes two columns", typed: "a\x01\x7fb\n", reads: []string{"ab\n"},
		shown: "a^A\b \b\b \bb\r\n"},
	{name: "erase without ECHOE", set: []set{lflags(0, abi.ECHOE)}, typed: "ab\x7f\n", reads: []string{"a\n"}, shown: "ab^?\r\n"},
	{name: "kill", typed: "one two\x15x\n", reads: []string{"x\n"}, shown: "one two" + strings.Repeat("\b \b", 7) + "x\r\n"},
	{name: "kill without ECHOKE", set: []set{lflags(0, abi.ECHOKE)}, typed: "one\x15x\n", reads: []string{"x\n"},
		shown: "one^U\r\nx\r\n"},
	{name: "word erase", typed: "one two  \x17x\n", reads: []string{"one x\n"},
		shown: "one two  " + strings.Repeat("\b \b", 5) + "x\r\n"},
	{name: "UTF-8 erase", set: []set{iflags(abi.IUTF8, 0)}, typed: "aéü\x7fx\n", reads: []string{"aéx\n"}, shown: "aéü\b \bx\r\n"},
	{name: "byte erase", typed: "é\x7f\x7fx\n", reads: []string{"x\n"}, shown: "é\b \b\b \bx\r\n"},
	{name: "tab erase", typed: "ab\tc\x7f\x7fd\n", reads: []string{"abd\n"}, shown: "ab\tc\b \b\b\b\b\b\b\bd\r\n"},
	{name: "tab after a tab", typed: "\tabc\t\x7f\n", reads: []string{"\tabc\n"}, shown: "\tabc\t\b\b\b\b\b\r\n"},
	{name: "ECHOPRT", set: []set{lflags(abi.ECHOPRT, 0)}, typed: "abc\x7f\x7fx\n", reads: []string{"ax\n"}, shown: "abc\\cb/x\r\n"},
	{name: "reprint", typed: "abc\x12d\n", reads: []string{"abcd\n"}, shown: "abc^R\r\nabcd\r\n"},
	{name: "literal next", typed: "a\x16\x03b\n", reads: []string{"a\x03b\n"}, shown: "a^\b^Cb\r\n"},
	{name: "literal newline", typed: "a\x16\nb\n", reads: []string{"a\nb\n"}, shown: "a^\b^Jb\r\n"},
	{name: "end of file", typed: "\x04", reads: []string{""}},
	{name: "EOF after text pushes it", typed: "abc\x04", reads: []string{"abc"}, shown: "abc"},
	{name: "EOF twice", typed: "abc\x04\x04", reads: []string{"abc", ""}, shown: "abc"},
	{name: "EOL", set: []set{cc(abi.VEOL, ';')}, typed: "a;b\n", reads: []string{"a;", "b\n"}, shown: "a;b\r\n"},
	{name: "EOL2 needs IEXTEN", set: []set{cc(abi.VEOL2, ';'), lflags(0, abi.IEXTEN)}, typed: "a;b\n",
		reads: []string{"a;b\n"}, shown: "a;b\r\n"},
	{name: "no IEXTEN, no LNEXT", set: []set{lflags(0, abi.IEXTEN)}, typed: "a\x16b\n", reads: []string{"a\x16b\n"}, shown: "a^Vb\r\n"},
	{name: "interrupt throws the line away", typed: "abc\x03x\n", reads: []string{"x\n"}, shown: "^Cx\r\n", sigs: bit(abi.SIGINT)},
	{name: "NOFLSH", set: []set{lflags(abi.NOFLSH, 0)}, typed: "abc\x03x\n", reads: []string{"abcx\n"}, shown: "abc^Cx\r\n",
		sigs: bit(abi.SIGINT)},
	{name: "quit", typed: "\x1c", shown: "^\\", sigs: bit(abi.SIGQUIT)},
	{name: "suspend", typed: "\x1a", shown: "^Z", sigs: bit(abi.SIGTSTP)},
	{name: "no ISIG", set: []set{lflags(0, abi.ISIG)}, typed: "a\x03\n", reads: []string{"a\x03\n"}, shown: "a^C\r\n"},
	{name: "disabled characters", set: []set{cc(abi.VINTR, 0), cc(abi.VERASE, 0)}, typed: "a\x00\x03\x7f\n",
		reads: []string{"a\x00\x03\x7f\n"}, shown: "a^@^C^?\r\n"},
	{name: "no echo", set: []set{lflags(0, abi.ECHO)}, typed: "secret\x7f\n", reads: []string{"secre\n"}},
	{name: "ECHONL", set: []set{lflags(abi.ECHONL, abi.ECHO)}, typed: "secret\n", reads: []string{"secret\n"}, shown: "\r\n"},
	{name: "no ECHOCTL", set: []set{lflags(0, abi.ECHOCTL)}, typed: "a\x01\n", reads: []string{"a\x01\n"}, shown: "a\x01\r\n"},
	{name: "raw", set: []set{lflags(0, abi.ICANON|abi.ECHO|abi.ISIG), iflags(0, abi.ICRNL|abi.IXON)}, typed: "a\r\x03\x04\x7f\x13",
		reads: []string{"a\r\x03\x04\x7f\x13"}},
	{name: "raw with echo", set: []set{lflags(0, abi.ICANON)}, typed: "a\x04b\n", reads: []string{"a\x04b\n"}, shown: "a^Db^J"},
	{name: "ISTRIP", set: []set{iflags(abi.ISTRIP, 0)}, typed: "\xe1\n", reads: []string{"a\n"}, shown: "a\r\n"},
	{name: "IUCLC", set: []set{iflags(abi.IUCLC, 0)}, typed: "AbC\n", reads: []string{"abc\n"}, shown: "abc\r\n"},
	{name: "PARMRK doubles 0xff", set: []set{iflags(abi.PARMRK, 0)}, typed: "a\xff\n", reads: []string{"a\xff\xff\n"}, shown: "a\xff\r\n"},
	{name: "no OPOST", set: []set{oflags(0, abi.OPOST)}, typed: "a\tb\n", reads: []string{"a\tb\n"}, shown: "a\tb\n"},
	{name: "XTABS", set: []set{oflags(abi.XTABS, 0)}, typed: "a\tb\n", reads: []string{"a\tb\n"}, shown: "a       b\r\n"},
	{name: "stop and start are not data", typed: "a\x13\x11b\n", reads: []string{"ab\n"}, shown: "ab\r\n"},
	{name: "no IXON", set: []set{iflags(0, abi.IXON)}, typed: "a\x13\n", reads: []string{"a\x13\n"}, shown: "a^S\r\n"},
	{name: "EXTPROC", set: []set{lflags(abi.EXTPROC, abi.ICANON)}, typed: "a\x03\r", reads: []string{"a\x03\r"}},
}

func newDiscipline(sets ...set) *Discipline {
	t := abi.DefaultTermios
	for _, s := range sets {
		s(&t)
	}
	d := new(Discipline)
	d.Init(&t)
	return d
}

func (d *Discipline) allOutput() string {
	var b [outputSize]byte
	return string(b[:d.Output(b[:])])
}

func TestDiscipline(t *testing.T) {
	for _, c := range disciplineCases {
		t.Run(c.name, func(t *testing.T) {
			d := newDiscipline(c.set...)
			if n := d.Receive([]byte(c.typed)); n != len(c.typed) {
				t.Fatalf("took %d bytes of %d", n, len(c.typed))
			}
			var reads []string
			for d.Ready(1) {
				var b [inputSize]byte
				n, more := d.Read(b[:])
				if more {
					t.Errorf("there is more after %q", b[:n])
				}
				reads = append(reads, string(b[:n]))
			}
			if strings.Join(reads, "|") != strings.Join(c.reads, "|") || len(reads) != len(c.reads) {
				t.Errorf("read %q, want %q", reads, c.reads)
			}
			if got := d.allOutput(); got != c.shown {
				t.Errorf("shown %q, want %q", got, c.shown)
			}
			if got := d.Take().Signals; got != c.sigs {
				t.Errorf("signals %#x, want %#x", got, c.sigs)
			}
		})
	}
}

func TestReadInPieces(t *testing.T) {
	d := newDiscipline()
	d.Receive([]byte("abcdef\nxy\x04z\n"))
	var got []string
	for d.Ready(1) {
		b := make([]byte, 3)
		n, _ := d.Read(b)
		got = append(got, string(b[:n]))
	}
	if want := "abc|def|\n|xy|z\n"; strings.Join(got, "|") != want {
		t.Errorf("read %q, want %s", got, want)
	}
	// An EOF right after a full buffer is taken along: the next read is no end of file.
	d.Receive([]byte("abc\x04d\n"))
	b := make([]byte, 3)
	if n, more := d.Read(b); n != 3 || more {
		t.Errorf("read %d, %v; want all 3 bytes and the EOF", n, more)
	}
	if n, _ := d.Read(b); string(b[:n]) != "d\n" {
		t.Errorf("read %q, want the next line", b[:n])
	}
}

func TestLineLimit(t *testing.T) {
	d := newDiscipline(lflags(0, abi.ECHO))
	long := bytes.Repeat([]byte("x"), 5000)
	if n := d.Receive(append(long, '\n')); n != 5001 {
		t.Fatalf("a long line must lose bytes, not stop: took %d", n)
	}
	b := make([]byte, 2*inputSize)
	n, _ := d.Read(b)
	if n != inputSize || b[n-1] != '\n' {
		t.Errorf("line of %d bytes ends in %q, want %d and a newline", n, b[n-1], inputSize)
	}
}

func TestFullBufferOfLinesHoldsInput(t *testing.T) {
	d := newDiscipline(lflags(0, abi.ECHO))
	lines := bytes.Repeat([]byte("0123456\n"), 600)
	n := d.Receive(lines)
	if n != inputSize-1 {
		t.Fatalf("took %d, want %d", n, inputSize-1)
	}
	b := make([]byte, 100)
	var got []byte
	for d.Ready(1) {
		k, _ := d.Read(b)
		got = append(got, b[:k]...)
		n += d.Receive(lines[n:])
	}
	if !bytes.Equal(got, lines) {
		t.Errorf("lines were damaged: %d bytes of %d", len(got), len(lines))
	}
}

func TestModeSwitchKeepsInput(t *testing.T) {
	d := newDiscipline()
	d.Receive([]byte("ab\ncd"))
	raw := d.T
	raw.Lflag &^= abi.ICANON
	d.SetTermios(&raw)
	if d.Available() != 5 {
		t.Errorf("raw: %d bytes, want 5", d.Available())
	}
	cooked := abi.DefaultTermios
	d.SetTermios(&cooked)
	b := make([]byte, 100)
	if n, more := d.Read(b); string(b[:n]) != "ab\ncd" || more {
		t.Errorf("cooked again: %q, want all as one line", b[:n])
	}
}

// TestModeSwitchKeepsEOF: as on Linux, an EOF that nobody has read outlives raw mode, in which it is a NUL byte; one that was
// typed in raw mode is a byte like others.
func TestModeSwitchKeepsEOF(t *testing.T) {
	d := newDiscipline()
	raw, cooked := d.T, d.T
	raw.Lflag &^= abi.ICANON
	b := make([]byte, 100)
	d.Receive([]byte{4})
	d.SetTermios(&raw)
	d.SetTermios(&cooked)
	if n, more := d.Read(b); n != 0 || more || d.in.len() != 0 {
		t.Errorf("typed in cooked mode: read %q, %d bytes are left", b[:n], d.in.len())
	}
	d.Receive([]byte{4})
	d.SetTermios(&raw)
	if n, _ := d.Read(b); string(b[:n]) != "\x00" {
		t.Errorf("read in raw mode: %q", b[:n])
	}
	d.Receive([]byte("x\x04"))
	d.SetTermios(&cooked)
	if n, more := d.Read(b); string(b[:n]) != "x\x04" || more {
		t.Errorf("typed in raw mode: %q", b[:n])
	}
	if d.Ready(1) {
		t.Error("an empty buffer is no line")
	}
}

func TestStopHoldsOutput(t *testing.T) {
	d := newDiscipline()
	d.Write([]byte("before"))
	d.Receive([]byte("\x13typed"))
	if n := d.Write([]byte("after")); n != 0 {
		t.Errorf("wrote %d bytes while stopped", n)
	}
	if got := d.allOutput(); got != "before" {
		t.Errorf("stopped: %q came out, want what was there before", got)
	}
	d.Receive([]byte{0x11})
	if got := d.allOutput(); got != "typed" {
		t.Errorf("started: %q, want the echo", got)
	}
	d.Receive([]byte{0x13})
	d.T.Iflag |= abi.IXANY
	d.Receive([]byte("x"))
	if !d.Writable() {
		t.Error("IXANY: any byte starts the output")
	}
}

func TestWrite(t *testing.T) {
	for _, c := range []struct {
		name, in, out string
		set           set
	}{
		{"plain", "a\tb\nc\r\n", "a\tb\r\nc\r\r\n", nil},
		{"OLCUC", "abC\n", "ABC\r\n", oflags(abi.OLCUC, 0)},
		{"OCRNL", "a\rb", "a\nb", oflags(abi.OCRNL, 0)},
		{"ONOCR", "\ra\r", "a\r", oflags(abi.ONOCR, 0)},
		{"XTABS after backspace", "abc\b\b\tx", "abc\b\b       x", oflags(abi.XTABS, 0)},
		{"XTABS after UTF-8", "éü\tx", "éü      x", func(t *abi.Termios) { t.Oflag |= abi.XTABS; t.Iflag |= abi.IUTF8 }},
		{"raw", "a\nb", "a\nb", oflags(0, abi.OPOST)},
	} {
		sets := []set{}
		if c.set != nil {
			sets = append(sets, c.set)
		}
		d := newDiscipline(sets...)
		if n := d.Write([]byte(c.in)); n != len(c.in) {
			t.Errorf("%s: wrote %d of %d", c.name, n, len(c.in))
		}
		if got := d.allOutput(); got != c.out {
			t.Errorf("%s: %q became %q, want %q", c.name, c.in, got, c.out)
		}
	}
}

func TestWriteLeavesRoomForEcho(t *testing.T) {
	d := newDiscipline()
	p := bytes.Repeat([]byte("0123456789abcde\n"), 2000)
	n := d.Write(p)
	if n == 0 || n == len(p) || d.Writable() {
		t.Fatalf("wrote %d of %d", n, len(p))
	}
	d.Receive([]byte("echo"))
	var out []byte
	for n < len(p) {
		out = append(out, d.allOutput()...)
		n += d.Write(p[n:])
	}
	out = append(out, d.allOutput()...)
	want := strings.ReplaceAll(string(p), "\n", "\r\n")
	if strings.Replace(string(out), "echo", "", 1) != want {
		t.Error("the echo is missing or the output is damaged")
	}
}

func TestBreakAndBadBytes(t *testing.T) {
	raw := lflags(0, abi.ICANON|abi.ECHO)
	read := func(d *Discipline) string {
		var b [16]byte
		n, _ := d.Read(b[:])
		return string(b[:n])
	}
	d := newDiscipline(raw, iflags(abi.BRKINT, 0))
	d.Break()
	if d.Take().Signals != bit(abi.SIGINT) {
		t.Error("BRKINT: no SIGINT")
	}
	d = newDiscipline(raw, iflags(abi.PARMRK|abi.INPCK, 0))
	d.Break()
	d.BadByte('x')
	if got := read(d); got != "\xff\x00\x00\xff\x00x" {
		t.Errorf("PARMRK: %q", got)
	}
	d = newDiscipline(raw, iflags(abi.INPCK|abi.IGNPAR, 0))
	d.BadByte('x')
	d.Break()
	if got := read(d); got != "\x00" {
		t.Errorf("IGNPAR: %q, want the break alone", got)
	}
}

func TestDisciplineAllocatesNothing(t *testing.T) {
	d := newDiscipline()
	in, b := []byte("hello, world\x7f\x7f\x17x\n"), make([]byte, 256)
	if n := testing.AllocsPerRun(100, func() {
		d.Receive(in)
		d.Read(b)
		d.Write(in)
		d.Output(b)
		d.Take()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzDiscipline feeds settings and bytes, and checks that places stay in order, that reads give no more than was put
// in, and that a full input never blocks a line from being ended.
func FuzzDiscipline(f *testing.F) {
	f.Add(uint32(abi.DefaultTermios.Iflag), uint32(abi.DefaultTermios.Lflag), uint32(5), []byte("hello\x7f\x15\n\x04\x03"))
	f.Add(uint32(abi.PARMRK|abi.IUTF8), uint32(abi.ICANON|abi.ECHO|abi.ECHOPRT), uint32(0x1801), []byte("\xff\xffé\t\x7f\x7f"))
	f.Fuzz(func(t *testing.T, iflag, lflag, oflag uint32, p []byte) {
		d := newDiscipline(func(tt *abi.Termios) { tt.Iflag, tt.Lflag, tt.Oflag = iflag, lflag, oflag })
		var b [300]byte
		for i := 0; i < 40; i++ {
			n := d.Receive(p)
			if n < len(p) && !d.Ready(1) {
				t.Fatalf("%d of %d bytes taken, yet nothing to read", n, len(p))
			}
			if d.in.len() > inputSize || d.out.len() > outputSize || d.lflag(abi.ICANON) && d.canon-d.in.tail > uint32(d.in.len()) {
				t.Fatalf("in %d, canon %d, out %d", d.in.len(), d.canon-d.in.tail, d.out.len())
			}
			switch i % 4 {
			case 1:
				d.Read(b[:])
			case 2:
				d.Output(b[:])
				d.Write(p)
			case 3:
				tt := d.T
				tt.Lflag ^= abi.ICANON
				d.SetTermios(&tt)
			}
		}
	})
}

func BenchmarkWrite4K(b *testing.B) {
	d := newDiscipline()
	p := bytes.Repeat([]byte("a line of text that has the usual length of lines, more or less\n"), 50)
	out := make([]byte, outputSize)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		d.Write(p)
		d.Output(out)
	}
}
