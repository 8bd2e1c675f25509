// Package bpf has the classic Berkeley Packet Filter as seccomp uses it: programs that look at the number and the
// arguments of a system call and say what becomes of it (seccomp(2)). A program is checked when it is installed; running
// it cannot fail, ends after at most as many steps as it has instructions, and allocates nothing.
package bpf

// Insn is one instruction: struct sock_filter.
type Insn struct {
	Code   uint16
	JT, JF uint8 // how far a conditional jump goes, from the next instruction on
	K      uint32
}

// MaxLen is the greatest number of instructions of a program (BPF_MAXINSNS).
const MaxLen = 4096

// The parts that instruction codes are made of (linux/bpf_common.h). A code is a class and, for loads, a size and a mode;
// for arithmetic and jumps, an operation and a source.
const (
	LD   = 0x00 // classes
	LDX  = 0x01
	ST   = 0x02
	STX  = 0x03
	ALU  = 0x04
	JMP  = 0x05
	RET  = 0x06
	MISC = 0x07

	W   = 0x00 // size: 32 bits; seccomp has no others
	IMM = 0x00 // modes of loads
	ABS = 0x20
	MEM = 0x60
	LEN = 0x80

	ADD = 0x00 // operations of ALU
	SUB = 0x10
	MUL = 0x20
	DIV = 0x30
	OR  = 0x40
	AND = 0x50
	LSH = 0x60
	RSH = 0x70
	NEG = 0x80
	XOR = 0xa0

	JA   = 0x00 // operations of JMP
	JEQ  = 0x10
	JGT  = 0x20
	JGE  = 0x30
	JSET = 0x40

	K = 0x00 // sources
	X = 0x08
	A = 0x10 // of RET

	TAX = 0x00 // operations of MISC
	TXA = 0x80
)

// Data is what a program sees of a system call, struct seccomp_data as 32-bit words: the number, the architecture, then
// the address behind the call's instruction and six arguments of 64 bits each, the low word first.
type Data [DataSize / 4]uint32

// DataSize is the size of Data in bytes: what a load of BPF_LEN gives.
const DataSize = 64

// The words of Data.
const (
	WordNr   = 0
	WordArch = 1
	WordIP   = 2
	WordArgs = 4 // two words for each
)

// op is an operation of the interpreter; invalid is that of codes that seccomp does not allow.
type op uint8

const (
	invalid op = iota
	loadImm
	loadAbs
	loadMem
	loadLen
	loadXImm
	loadXMem
	loadXLen
	store
	storeX
	addK
	addX
	subK
	subX
	mulK
	mulX
	divK
	divX
	orK
	orX
	andK
	andX
	lshK
	lshX
	rshK
	rshX
	xorK
	xorX
	neg
	jump
	jumpEqK
	jumpEqX
	jumpGtK
	jumpGtX
	jumpGeK
	jumpGeX
	jumpSetK
	jumpSetX
	retK
	retA
	tax
	txa
)

// ops maps instruction codes to operations. BPF_MOD, loads of bytes and half-words and indirect loads are for sockets
// only.
var ops = [256]op{
	LD | W | IMM: loadImm, LD | W | ABS: loadAbs, LD | W | MEM: loadMem, LD | W | LEN: loadLen,
	LDX | W | IMM: loadXImm, LDX | W | MEM: loadXMem, LDX | W | LEN: loadXLen, ST: store, STX: storeX,
	ALU | ADD | K: addK, ALU | ADD | X: addX, ALU | SUB | K: subK, ALU | SUB | X: subX,
	ALU | MUL | K: mulK, ALU | MUL | X: mulX, ALU | DIV | K: divK, ALU | DIV | X: divX,
	ALU | OR | K: orK, ALU | OR | X: orX, ALU | AND | K: andK, ALU | AND | X: andX,
	ALU | LSH | K: lshK, ALU | LSH | X: lshX, ALU | RSH | K: rshK, ALU | RSH | X: rshX,
	ALU | XOR | K: xorK, ALU | XOR | X: xorX, ALU | NEG: neg,
	JMP | JA: jump, JMP | JEQ | K: jumpEqK, JMP | JEQ | X: jumpEqX, JMP | JGT | K: jumpGtK, JMP | JGT | X: jumpGtX,
	JMP | JGE | K: jumpGeK, JMP | JGE | X: jumpGeX, JMP | JSET | K: jumpSetK, JMP | JSET | X: jumpSetX,
	RET | K: retK, RET | A: retA, MISC | TAX: tax, MISC | TXA: txa,
}
