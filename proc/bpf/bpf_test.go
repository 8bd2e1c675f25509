package bpf

import (
	"testing"

	"cleave/abi"
)

const (
	allow   = 0x7fff0000
	errno   = 0x50000
	i386    = 0x40000003
	getppid = 64
)

func stmt(code uint16, k uint32) Insn { return Insn{Code: code, K: k} }

func branch(code uint16, k uint32, jt, jf uint8) Insn { return Insn{code, jt, jf, k} }

// pad puts n instructions that do nothing before a return.
func pad(n int) []Insn {
	p := make([]Insn, n, n+1)
	for i := range p {
		p[i] = stmt(MISC|TAX, 0)
	}
	return append(p, stmt(RET|K, allow))
}

// checks are programs, and whether seccomp takes them. TestOracle puts them to the host's Linux as well.
var checks = []struct {
	name string
	prog []Insn
	good bool
}{
	{"empty", nil, false},
	{"return of a constant", []Insn{stmt(RET|K, allow)}, true},
	{"return of A", []Insn{stmt(RET|A, 0)}, true},
	{"return of X", []Insn{stmt(RET|X, 0)}, false},
	{"no return", []Insn{stmt(LD|IMM, 0)}, false},
	{"return, then more", []Insn{stmt(RET|K, 0), stmt(LD|IMM, 0)}, false},
	{"4096 instructions", pad(4095), true},
	{"4097 instructions", pad(4096), false},
	{"load of the number", []Insn{stmt(LD|W|ABS, 0), stmt(RET|A, 0)}, true},
	{"load of the last word", []Insn{stmt(LD|W|ABS, 60), stmt(RET|A, 0)}, true},
	{"load beyond the data", []Insn{stmt(LD|W|ABS, 64), stmt(RET|A, 0)}, false},
	{"load of an odd place", []Insn{stmt(LD|W|ABS, 2), stmt(RET|A, 0)}, false},
	{"load of a negative place", []Insn{stmt(LD|W|ABS, 0xfffff000), stmt(RET|A, 0)}, false},
	{"load of a byte", []Insn{stmt(LD|0x10|ABS, 0), stmt(RET|A, 0)}, false},
	{"load of a half-word", []Insn{stmt(LD|0x08|ABS, 0), stmt(RET|A, 0)}, false},
	{"indirect load", []Insn{stmt(LD|W|0x40, 0), stmt(RET|A, 0)}, false},
	{"load of an IP header's length", []Insn{stmt(LDX|0x10|0xa0, 0), stmt(RET|A, 0)}, false},
	{"length", []Insn{stmt(LD|W|LEN, 0), stmt(LDX|W|LEN, 0), stmt(RET|A, 0)}, true},
	{"code above 255", []Insn{stmt(0x100|LD, 0), stmt(RET|A, 0)}, false},
	{"modulo", []Insn{stmt(ALU|0x90|K, 3), stmt(RET|A, 0)}, false},
	{"modulo X", []Insn{stmt(ALU|0x90|X, 3), stmt(RET|A, 0)}, false},
	{"division by 0", []Insn{stmt(ALU|DIV|K, 0), stmt(RET|A, 0)}, false},
	{"division by X", []Insn{stmt(ALU|DIV|X, 0), stmt(RET|A, 0)}, true},
	{"shift by 31", []Insn{stmt(ALU|LSH|K, 31), stmt(ALU|RSH|K, 31), stmt(RET|A, 0)}, true},
	{"shift left by 32", []Insn{stmt(ALU|LSH|K, 32), stmt(RET|A, 0)}, false},
	{"shift right by 32", []Insn{stmt(ALU|RSH|K, 32), stmt(RET|A, 0)}, false},
	{"negation of X", []Insn{stmt(ALU|NEG|X, 0), stmt(RET|A, 0)}, false},
	{"store and load", []Insn{stmt(ST, 15), stmt(LDX|MEM, 15), stmt(RET|A, 0)}, true},
	{"load of word 16", []Insn{stmt(ST, 15), stmt(LD|MEM, 16), stmt(RET|A, 0)}, false},
	{"store to word 16", []Insn{stmt(STX, 16), stmt(RET|A, 0)}, false},
	{"load without a store", []Insn{stmt(LD|MEM, 3), stmt(RET|A, 0)}, false},
	{"load that a jump reaches without the store", []Insn{
		branch(JMP|JEQ|K, 1, 0, 1), stmt(ST, 2), stmt(LD|MEM, 2), stmt(RET|A, 0)}, false},
	{"load with a store on both ways", []Insn{
		branch(JMP|JEQ|K, 1, 0, 2), stmt(ST, 2), stmt(JMP|JA, 1), stmt(STX, 2), stmt(LD|MEM, 2), stmt(RET|A, 0)}, true},
	{"load behind a jump over it", []Insn{stmt(JMP|JA, 1), stmt(LD|MEM, 2), stmt(RET|A, 0)}, true},
	{"load behind a return", []Insn{stmt(RET|K, 0), stmt(LD|MEM, 2), stmt(RET|A, 0)}, false},
	{"jump to the end", []Insn{stmt(JMP|JA, 1), stmt(RET|K, 0), stmt(RET|K, 0)}, true},
	{"jump behind the end", []Insn{stmt(JMP|JA, 2), stmt(RET|K, 0), stmt(RET|K, 0)}, false},
	{"jump backwards", []Insn{stmt(RET|K, 0), stmt(JMP|JA, 0xfffffffe), stmt(RET|K, 0)}, false},
	{"branch behind the end", []Insn{branch(JMP|JEQ|K, 0, 1, 0), stmt(RET|K, 0)}, false},
	{"other branch behind the end", []Insn{branch(JMP|JSET|X, 0, 0, 1), stmt(RET|K, 0)}, false},
	{"jump with a source", []Insn{stmt(JMP|JA|X, 0), stmt(RET|K, 0)}, false},
	{"ancillary load", []Insn{stmt(LD|W|ABS, 0xfffff000+36), stmt(RET|A, 0)}, false},
}

func TestCompile(t *testing.T) {
	for _, c := range checks {
		_, err := Compile(c.prog)
		if good := err == nil; good != c.good || !good && err != error(abi.EINVAL) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func compile(t testing.TB, prog ...Insn) *Program {
	t.Helper()
	p, err := Compile(prog)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// policy allows calls below 100 but 17, gives EPERM for call 17 with a first argument of 5, and kills other programs.
func policy(t testing.TB) *Program {
	return compile(t,
		stmt(LD|W|ABS, 4), branch(JMP|JEQ|K, i386, 1, 0), stmt(RET|K, 0),
		stmt(LD|W|ABS, 0), branch(JMP|JEQ|K, 17, 2, 0), branch(JMP|JGE|K, 100, 4, 0), stmt(RET|K, allow),
		stmt(LD|W|ABS, 16), branch(JMP|JEQ|K, 5, 1, 0), stmt(RET|K, allow), stmt(RET|K, errno|1))
}

func TestRun(t *testing.T) {
	p := policy(t)
	for _, c := range []struct {
		data Data
		want uint32
	}{
		{Data{WordNr: 3, WordArch: i386}, allow},
		{Data{WordNr: 3, WordArch: 1}, 0},
		{Data{WordNr: 17, WordArch: i386, WordArgs: 5}, errno | 1},
		{Data{WordNr: 17, WordArch: i386, WordArgs: 6}, allow},
		{Data{WordNr: 100, WordArch: i386}, errno | 1},
	} {
		if got := p.Run(&c.data); got != c.want {
			t.Errorf("%v: %#x, want %#x", c.data, got, c.want)
		}
	}
}

func TestDecide(t *testing.T) {
	p := policy(t)
	for _, c := range []struct {
		nr   uint32
		want uint32
		ok   bool
	}{{3, allow, true}, {17, 0, false}, {100, errno | 1, true}} {
		if v, ok := p.Decide(c.nr, i386); v != c.want || ok != c.ok {
			t.Errorf("call %d: %#x, %v", c.nr, v, ok)
		}
	}
}

func TestArithmetic(t *testing.T) {
	d := Data{WordArgs: 0x12345678, WordArgs + 2: 7}
	for _, c := range []struct {
		prog []Insn
		want uint32
	}{
		{[]Insn{stmt(ALU|ADD|K, 0xf0000000)}, 0x02345678},
		{[]Insn{stmt(ALU|SUB|X, 0)}, 0x12345671},
		{[]Insn{stmt(ALU|MUL|K, 16)}, 0x23456780},
		{[]Insn{stmt(ALU|DIV|X, 0)}, 0x12345678 / 7},
		{[]Insn{stmt(LDX|IMM, 0), stmt(ALU|DIV|X, 0), stmt(ALU|OR|K, 1)}, 0},
		{[]Insn{stmt(ALU|OR|K, 7), stmt(ALU|AND|K, 0xff), stmt(ALU|XOR|X, 0)}, 0x78},
		{[]Insn{stmt(LDX|IMM, 36), stmt(ALU|LSH|X, 0)}, 0x23456780},
		{[]Insn{stmt(ALU|RSH|K, 24), stmt(ALU|NEG, 0)}, 0xffffffee},
		{[]Insn{stmt(ST, 1), stmt(STX, 2), stmt(LD|MEM, 2), stmt(LDX|MEM, 1), stmt(ALU|ADD|X, 0)}, 0x1234567f},
		{[]Insn{stmt(LD|LEN, 0), stmt(MISC|TAX, 0), stmt(LD|IMM, 1), stmt(MISC|TXA, 0)}, 64},
		{[]Insn{branch(JMP|JGT|X, 0, 0, 1), stmt(LD|IMM, 1), branch(JMP|JSET|K, 1, 0, 1), stmt(LD|IMM, 9)}, 9},
	} {
		prog := append([]Insn{stmt(LD|W|ABS, 24), stmt(MISC|TAX, 0), stmt(LD|W|ABS, 16)}, c.prog...)
		if got := compile(t, append(prog, stmt(RET|A, 0))...).Run(&d); got != c.want {
			t.Errorf("%v: %#x, want %#x", c.prog, got, c.want)
		}
	}
}

// textbook is the instruction set once more, as bpf(4) describes it, without translation.
func textbook(prog []Insn, d *Data) uint32 {
	var a, x uint32
	var mem [16]uint32
	for pc := 0; ; pc++ {
		in := prog[pc]
		v := in.K
		if in.Code&X != 0 {
			v = x
		}
		load := func() uint32 {
			switch in.Code & 0xe0 {
			case ABS:
				return d[in.K/4]
			case MEM:
				return mem[in.K]
			case LEN:
				return 64
			}
			return in.K
		}
		switch in.Code & 7 {
		case LD:
			a = load()
		case LDX:
			x = load()
		case ST:
			mem[in.K] = a
		case STX:
			mem[in.K] = x
		case ALU:
			if in.Code&0xf0 == DIV && v == 0 {
				return 0
			}
			a = map[uint16]func() uint32{ADD: func() uint32 { return a + v }, SUB: func() uint32 { return a - v },
				MUL: func() uint32 { return a * v }, DIV: func() uint32 { return a / v }, OR: func() uint32 { return a | v },
				AND: func() uint32 { return a & v }, LSH: func() uint32 { return a << (v % 32) },
				RSH: func() uint32 { return a >> (v % 32) }, NEG: func() uint32 { return -a },
				XOR: func() uint32 { return a ^ v }}[in.Code&0xf0]()
		case JMP:
			yes := map[uint16]bool{JEQ: a == v, JGT: a > v, JGE: a >= v, JSET: a&v != 0}[in.Code&0xf0]
			switch {
			case in.Code&0xf0 == JA:
				pc += int(in.K)
			case yes:
				pc += int(in.JT)
			default:
				pc += int(in.JF)
			}
		case RET:
			if in.Code&A != 0 {
				return a
			}
			return in.K
		case MISC:
			if in.Code&TXA != 0 {
				a = x
			} else {
				x = a
			}
		}
	}
}

func decode(raw []byte) []Insn {
	var prog []Insn
	for ; len(raw) >= 8; raw = raw[8:] {
		prog = append(prog, Insn{uint16(raw[0]) | uint16(raw[1])<<8, raw[2], raw[3],
			uint32(raw[4]) | uint32(raw[5])<<8 | uint32(raw[6])<<16 | uint32(raw[7])<<24})
	}
	return prog
}

func encode(prog []Insn) []byte {
	var raw []byte
	for _, in := range prog {
		raw = append(raw, byte(in.Code), byte(in.Code>>8), in.JT, in.JF,
			byte(in.K), byte(in.K>>8), byte(in.K>>16), byte(in.K>>24))
	}
	return raw
}

// FuzzProgram runs whatever the check lets through, and compares with the textbook.
func FuzzProgram(f *testing.F) {
	for _, c := range checks {
		f.Add(encode(c.prog), uint32(getppid), uint32(i386), uint32(1), uint32(0))
	}
	f.Fuzz(func(t *testing.T, raw []byte, nr, arch, arg, high uint32) {
		prog := decode(raw)
		p, err := Compile(prog)
		if err != nil {
			return
		}
		d := Data{WordNr: nr, WordArch: arch, WordArgs: arg, WordArgs + 1: high}
		got := p.Run(&d)
		if want := textbook(prog, &d); got != want {
			t.Errorf("%v: %#x, want %#x", prog, got, want)
		}
		if v, ok := p.Decide(nr, arch); ok && v != got {
			t.Errorf("%v: decided for %#x, but it is %#x", prog, v, got)
		}
	})
}

func TestRunDoesNotAllocate(t *testing.T) {
	p, d := policy(t), Data{WordNr: 17, WordArch: i386}
	if n := testing.AllocsPerRun(100, func() { p.Run(&d) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRun(b *testing.B) {
	p, d := policy(b), Data{WordNr: 17, WordArch: i386}
	b.ReportAllocs()
	for b.Loop() {
		p.Run(&d)
	}
}
