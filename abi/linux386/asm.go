package linux386

import "encoding/binary"

// reg is a general register, with its number in instructions and in DWARF (Intel SDM vol. 2, table 2-1; i386 psABI).
type reg byte

const (
	eax reg = iota
	ecx
	edx
	ebx
	esp
	ebp
	esi
	edi
)

// mem is the operand disp(base), with an 8-bit displacement.
type mem struct {
	base reg
	disp int8
}

// assembler makes the machine code of the vDSO. Each method appends one instruction; the manual is Intel's SDM vol. 2.
// It keeps account of the stack, so that the unwinder's tables come with the code.
type assembler struct {
	code   []byte
	labels map[string]int
	fixups []fixup
	funcs  []function
	cfa    int // how far the caller's frame is from ESP, in the function that is being assembled
}

// fixup is a displacement that waits for its label: the last four bytes of the instruction that ends at end.
type fixup struct {
	end   int
	label string
}

// function is a range of code and how its stack changes in it.
type function struct {
	name       string
	start, end int
	context    int // of a signal frame: how far its sigcontext is above ESP at the start; else 0
	steps      []step
}

// step is a change of the stack: from pc on the caller's frame is cfa bytes above ESP.
type step struct {
	pc, cfa int
	kind    stepKind
	reg     reg // of stepSave and stepRestore
}

// stepKind says what the step means for the caller's registers.
type stepKind int

const (
	stepMove     stepKind = iota // nothing
	stepSave                     // reg was pushed
	stepRestore                  // reg has its value again
	stepRemember                 // the state is noted ...
	stepRecall                   // ... and holds again
)

func newAssembler() *assembler { return &assembler{labels: map[string]int{}} }

func (a *assembler) emit(b ...byte) { a.code = append(a.code, b...) }

func (a *assembler) imm(v uint32) { a.code = binary.LittleEndian.AppendUint32(a.code, v) }

// label names the place that comes next.
func (a *assembler) label(name string) { a.labels[name] = len(a.code) }

// begin starts a function at a multiple of 16, after at least one byte of padding: an unwinder looks up the address
// before the one that a call returns to.
func (a *assembler) begin(name string) {
	a.emit(0x90)
	for len(a.code)%16 != 0 {
		a.emit(0x90)
	}
	a.label(name)
	a.cfa = 4
	a.funcs = append(a.funcs, function{name: name, start: len(a.code)})
}

func (a *assembler) end() { a.funcs[len(a.funcs)-1].end = len(a.code) }

// moved notes a change of the stack by n bytes.
func (a *assembler) moved(n int, kind stepKind, r reg) {
	a.cfa += n
	f := &a.funcs[len(a.funcs)-1]
	f.steps = append(f.steps, step{len(a.code), a.cfa, kind, r})
}

// save and restore are push and pop of a register that the caller expects back, push and pop of a passing value.
func (a *assembler) save(r reg)    { a.emit(0x50 + byte(r)); a.moved(4, stepSave, r) }
func (a *assembler) restore(r reg) { a.emit(0x58 + byte(r)); a.moved(-4, stepRestore, r) }
func (a *assembler) push(r reg)    { a.emit(0x50 + byte(r)); a.moved(4, stepMove, r) }
func (a *assembler) pop(r reg)     { a.emit(0x58 + byte(r)); a.moved(-4, stepMove, r) }
func (a *assembler) ret()          { a.emit(0xc3) }

// modrm appends the operand byte of reg (or opcode extension) r and a register or a memory operand.
func (a *assembler) modrm(r byte, rm reg) { a.emit(0xc0 | r<<3 | byte(rm)) }

func (a *assembler) modmem(r byte, m mem) {
	a.emit(0x40 | r<<3 | byte(m.base))
	if m.base == esp {
		a.emit(0x24)
	}
	a.emit(byte(m.disp))
}

// Moves.
func (a *assembler) mov(dst, src reg)         { a.emit(0x89); a.modrm(byte(src), dst) }
func (a *assembler) movImm(dst reg, v uint32) { a.emit(0xb8 + byte(dst)); a.imm(v) }
func (a *assembler) load(dst reg, m mem)      { a.emit(0x8b); a.modmem(byte(dst), m) }
func (a *assembler) store(m mem, src reg)     { a.emit(0x89); a.modmem(byte(src), m) }
func (a *assembler) storeImm(m mem, v uint32) { a.emit(0xc7); a.modmem(0, m); a.imm(v) }
func (a *assembler) lea(dst, base reg, d uint32) {
	a.emit(0x8d, 0x80|byte(dst)<<3|byte(base))
	a.imm(d)
}
func (a *assembler) leaScaled16(dst, i, base reg) { a.shlImm(i, 4); a.mov(dst, base); a.add(dst, i) }

// Arithmetic.
func (a *assembler) add(dst, src reg)        { a.emit(0x01); a.modrm(byte(src), dst) }
func (a *assembler) adc(dst, src reg)        { a.emit(0x11); a.modrm(byte(src), dst) }
func (a *assembler) addMem(dst reg, m mem)   { a.emit(0x03); a.modmem(byte(dst), m) }
func (a *assembler) adcMem(dst reg, m mem)   { a.emit(0x13); a.modmem(byte(dst), m) }
func (a *assembler) adcImm(dst reg, v byte)  { a.emit(0x83); a.modrm(2, dst); a.emit(v) }
func (a *assembler) subMem(dst reg, m mem)   { a.emit(0x2b); a.modmem(byte(dst), m) }
func (a *assembler) sbbMem(dst reg, m mem)   { a.emit(0x1b); a.modmem(byte(dst), m) }
func (a *assembler) zero(r reg)              { a.emit(0x31); a.modrm(byte(r), r) }
func (a *assembler) neg(r reg)               { a.emit(0xf7); a.modrm(3, r) }
func (a *assembler) mulMem(m mem)            { a.emit(0xf7); a.modmem(4, m) } // EDX:EAX = EAX * m
func (a *assembler) div(r reg)               { a.emit(0xf7); a.modrm(6, r) }  // EAX, EDX = EDX:EAX / r
func (a *assembler) shlImm(r reg, n byte)    { a.emit(0xc1); a.modrm(4, r); a.emit(n) }
func (a *assembler) shlCL(r reg)             { a.emit(0xd3); a.modrm(4, r) }
func (a *assembler) shrCL(r reg)             { a.emit(0xd3); a.modrm(5, r) }
func (a *assembler) shrdCL(dst, src reg)     { a.emit(0x0f, 0xad); a.modrm(byte(src), dst) }
func (a *assembler) shldCL(dst, src reg)     { a.emit(0x0f, 0xa5); a.modrm(byte(src), dst) }
func (a *assembler) cmpImm(r reg, v byte)    { a.emit(0x83); a.modrm(7, r); a.emit(v) }
func (a *assembler) cmpMem(r reg, m mem)     { a.emit(0x3b); a.modmem(byte(r), m) }
func (a *assembler) test(r, s reg)           { a.emit(0x85); a.modrm(byte(s), r) }
func (a *assembler) testImm(r reg, v uint32) { a.emit(0xf7); a.modrm(0, r); a.imm(v) }
func (a *assembler) btMem(m mem, r reg)      { a.emit(0x0f, 0xa3); a.modmem(byte(r), m) }
func (a *assembler) stc()                    { a.emit(0xf9) }
func (a *assembler) clc()                    { a.emit(0xf8) }
func (a *assembler) pause()                  { a.emit(0xf3, 0x90) }
func (a *assembler) lfence()                 { a.emit(0x0f, 0xae, 0xe8) }
func (a *assembler) rdtsc()                  { a.emit(0x0f, 0x31) }
func (a *assembler) sysenter()               { a.emit(0x0f, 0x34) }
func (a *assembler) syscall()                { a.emit(0x0f, 0x05) }
func (a *assembler) int80()                  { a.emit(0xcd, 0x80) }

// cond is the condition of a jump: the low four bits of its opcode.
type cond byte

const (
	below    cond = 0x2 // unsigned, or carry
	notBelow cond = 0x3
	equal    cond = 0x4
	notEqual cond = 0x5
	above    cond = 0x7
)

// Jumps; a label may come later.
func (a *assembler) jcc(c cond, label string) { a.branch(label, 0x0f, 0x80|byte(c)) }
func (a *assembler) jmp(label string)         { a.branch(label, 0xe9) }
func (a *assembler) call(label string)        { a.branch(label, 0xe8) }

func (a *assembler) branch(label string, op ...byte) {
	a.emit(op...)
	a.imm(0)
	a.fixups = append(a.fixups, fixup{len(a.code), label})
}

// here loads the address of a place delta bytes before the start of the code: i386 has no addressing relative to EIP.
func (a *assembler) here(dst reg, delta int) {
	a.emit(0xe8, 0, 0, 0, 0)
	a.moved(4, stepMove, dst)
	pc := len(a.code)
	a.pop(dst)
	a.lea(dst, dst, uint32(-pc-delta))
}

// link fills in the displacements.
func (a *assembler) link() {
	for _, f := range a.fixups {
		target, ok := a.labels[f.label]
		if !ok {
			panic("vDSO: no label " + f.label)
		}
		binary.LittleEndian.PutUint32(a.code[f.end-4:], uint32(target-f.end))
	}
}
