package bpf

// Run returns what the program says about d.
func (p *Program) Run(d *Data) uint32 {
	v, _ := p.run(d, uint32(len(d)))
	return v
}

// Decide returns what the program says about every call with number nr under architecture arch, if it does not look at
// anything else.
func (p *Program) Decide(nr, arch uint32) (v uint32, ok bool) {
	d := Data{WordNr: nr, WordArch: arch}
	return p.run(&d, WordIP)
}

// run is Run, unless the program loads from beyond the first words of d: then ok is false.
func (p *Program) run(d *Data, words uint32) (v uint32, ok bool) {
	var a, x uint32
	var mem [memWords]uint32
	code := p.code
	for pc := 0; ; pc++ {
		s := &code[pc]
		switch s.op {
		case loadImm:
			a = s.k
		case loadAbs:
			if s.k >= words {
				return 0, false
			}
			a = d[s.k%uint32(len(d))]
		case loadMem:
			a = mem[s.k%memWords]
		case loadLen:
			a = DataSize
		case loadXImm:
			x = s.k
		case loadXMem:
			x = mem[s.k%memWords]
		case loadXLen:
			x = DataSize
		case store:
			mem[s.k%memWords] = a
		case storeX:
			mem[s.k%memWords] = x
		case jump:
			pc += int(s.k)
		case jumpEqK, jumpEqX, jumpGtK, jumpGtX, jumpGeK, jumpGeX, jumpSetK, jumpSetX:
			pc += s.jump(a, x)
		case retK:
			return s.k, true
		case retA:
			return a, true
		case tax:
			x = a
		case txa:
			a = x
		case divX:
			if x == 0 {
				return 0, true // as Linux ends a program that divides by zero
			}
			a /= x
		default:
			a = s.compute(a, x)
		}
	}
}

// jump returns how many steps a conditional jump passes over.
func (s *step) jump(a, x uint32) int {
	yes := false
	switch s.op {
	case jumpEqK:
		yes = a == s.k
	case jumpEqX:
		yes = a == x
	case jumpGtK:
		yes = a > s.k
	case jumpGtX:
		yes = a > x
	case jumpGeK:
		yes = a >= s.k
	case jumpGeX:
		yes = a >= x
	case jumpSetK:
		yes = a&s.k != 0
	case jumpSetX:
		yes = a&x != 0
	}
	if yes {
		return int(s.jt)
	}
	return int(s.jf)
}

// compute is an arithmetic operation. Shifts count modulo 32, as the CPU's do.
func (s *step) compute(a, x uint32) uint32 {
	switch s.op {
	case addK:
		return a + s.k
	case addX:
		return a + x
	case subK:
		return a - s.k
	case subX:
		return a - x
	case mulK:
		return a * s.k
	case mulX:
		return a * x
	case divK:
		return a / s.k
	case orK:
		return a | s.k
	case orX:
		return a | x
	case andK:
		return a & s.k
	case andX:
		return a & x
	case lshK:
		return a << s.k
	case lshX:
		return a << (x & 31)
	case rshK:
		return a >> s.k
	case rshX:
		return a >> (x & 31)
	case xorK:
		return a ^ s.k
	case xorX:
		return a ^ x
	}
	return -a
}
