package bpf

import "cleave/abi"

// memWords is the number of memory words of a program (BPF_MEMWORDS).
const memWords = 16

// Program is a program that was checked.
type Program struct {
	code []step
}

// step is an instruction of a checked program.
type step struct {
	op     op
	jt, jf uint8
	k      uint32 // of loadAbs: the word of Data
}

// Compile checks a program and makes it ready to run. EINVAL: it has no instruction or more than MaxLen, one that
// seccomp does not know, a jump out of it, a load from beyond Data, a division by a constant zero, a shift by a constant
// of 32 or more, a load from memory that not every way to it has stored to, or an end that is no return.
func Compile(prog []Insn) (*Program, error) {
	if len(prog) == 0 || len(prog) > MaxLen {
		return nil, abi.EINVAL
	}
	p := &Program{code: make([]step, len(prog))}
	for i, in := range prog {
		if in.Code > 0xff {
			return nil, abi.EINVAL
		}
		s := step{op: ops[in.Code], jt: in.JT, jf: in.JF, k: in.K}
		if !s.valid(uint32(len(prog) - i - 1)) {
			return nil, abi.EINVAL
		}
		if s.op == loadAbs {
			s.k /= 4
		}
		p.code[i] = s
	}
	if last := p.code[len(prog)-1].op; last != retK && last != retA {
		return nil, abi.EINVAL
	}
	if !p.storesFirst() {
		return nil, abi.EINVAL
	}
	return p, nil
}

// valid checks one instruction, behind which there are rest more.
func (s *step) valid(rest uint32) bool {
	switch s.op {
	case invalid:
		return false
	case loadAbs:
		return s.k < DataSize && s.k%4 == 0
	case loadMem, loadXMem, store, storeX:
		return s.k < memWords
	case divK:
		return s.k != 0
	case lshK, rshK:
		return s.k < 32
	case jump:
		return s.k < rest
	case jumpEqK, jumpEqX, jumpGtK, jumpGtX, jumpGeK, jumpGeX, jumpSetK, jumpSetX:
		return uint32(s.jt) < rest && uint32(s.jf) < rest
	}
	return true
}

// storesFirst reports whether every load from memory comes after a store to the same word, whatever way the program
// takes. Jumps go forward only, so one pass is enough. Like Linux it counts an instruction behind a return as reached
// with what had been stored before that.
func (p *Program) storesFirst() bool {
	stored := make([]uint16, len(p.code)) // at a jump's target: the words that all jumps to it have stored
	for i := range stored {
		stored[i] = ^uint16(0)
	}
	var now uint16
	for i, s := range p.code {
		now &= stored[i]
		switch s.op {
		case store, storeX:
			now |= 1 << s.k
		case loadMem, loadXMem:
			if now>>s.k&1 == 0 {
				return false
			}
		case jump:
			stored[i+1+int(s.k)] &= now
			now = ^uint16(0)
		case jumpEqK, jumpEqX, jumpGtK, jumpGtX, jumpGeK, jumpGeX, jumpSetK, jumpSetX:
			stored[i+1+int(s.jt)] &= now
			stored[i+1+int(s.jf)] &= now
			now = ^uint16(0)
		}
	}
	return true
}

// Len is the number of instructions.
func (p *Program) Len() int { return len(p.code) }
