package linux386

import (
	"encoding/binary"
)

// Call frame instructions and pointer encodings (DWARF 4, 7.23; Linux Standard Base, "DWARF Extensions").
const (
	cfaAdvanceLoc      = 0x40 // + delta
	cfaOffset          = 0x80 // + register
	cfaRestore         = 0xc0 // + register
	cfaAdvanceLoc1     = 0x02
	cfaRememberState   = 0x0a
	cfaRestoreState    = 0x0b
	cfaDefCFA          = 0x0c
	cfaDefCFAOffset    = 0x0e
	cfaDefCFAExpr      = 0x0f
	cfaExpression      = 0x10
	opBregESP          = 0x70 + byte(esp) // + offset
	opDeref            = 0x06
	pePcrelSdata4      = 0x1b
	peDatarelSdata4    = 0x3b
	peUdata4           = 0x03
	dwarfEIP           = 8
	wordSize           = 4
	frameHeaderVersion = 1
)

// contextRegs says where in a sigcontext the registers lie that DWARF numbers so; EIP is the last.
var contextRegs = [...]int{eax: 44, ecx: 40, edx: 36, ebx: 32, esp: contextESP, ebp: 24, esi: 20, edi: 16, dwarfEIP: 56}

const contextESP = 28

// unwind makes .eh_frame and .eh_frame_hdr, by which debuggers and exceptions find their way out of the code: a thread
// is cancelled while it is in __kernel_vsyscall, a debugger stops in a signal's handler.
func (b *imageBuilder) unwind(a *assembler) elfSegment {
	calls := b.commonEntry("zR", cfaDefCFA, byte(esp), wordSize, cfaOffset|dwarfEIP, 1)
	signals := b.commonEntry("zRS")
	type entry struct{ start, fde uint32 }
	var table []entry
	for _, f := range a.funcs {
		fde, cie, from := b.put(uint32(0)), calls, f.start
		if f.context != 0 {
			cie, from = signals, f.start-1 // the handler "returns" to the start: the call would be before it
		}
		b.put(fde + 4 - cie)
		at := uint32(len(b.file))
		start := uint32(vdsoText + from)
		b.put(start-at, uint32(f.end-from))
		b.file = append(b.file, 0) // no augmentation data
		b.frameSteps(f, from)
		b.closeEntry(fde)
		table = append(table, entry{start, fde})
	}
	b.put(uint32(0))
	b.section(".eh_frame", secProgbits, calls, 0)
	hdr := b.put([]byte{frameHeaderVersion, pePcrelSdata4, peUdata4, peDatarelSdata4})
	b.put(calls-(hdr+4), uint32(len(table)))
	for _, e := range table { // in the order of addresses
		b.put(e.start-hdr, e.fde-hdr)
	}
	b.section(".eh_frame_hdr", secProgbits, hdr, 0)
	return segment(segEhFrame, hdr, uint32(len(b.file))-hdr)
}

// commonEntry puts a common information entry: id 0, version 1, code alignment 1, data alignment -4. The augmentation "S"
// says signal frames.
func (b *imageBuilder) commonEntry(augmentation string, steps ...byte) uint32 {
	cie := b.put(uint32(0))
	b.file = append(b.file, "\x00\x00\x00\x00\x01"+augmentation+"\x00\x01\x7c"...)
	b.file = append(append(b.file, dwarfEIP, 1, pePcrelSdata4), steps...)
	b.closeEntry(cie)
	return cie
}

// closeEntry pads an entry with DW_CFA_nop to a multiple of four and stores its length.
func (b *imageBuilder) closeEntry(at uint32) {
	b.put()
	binary.LittleEndian.PutUint32(b.file[at:], uint32(len(b.file))-at-4)
}

func (b *imageBuilder) frameSteps(f function, pc int) {
	if f.context != 0 {
		b.contextRules(f.context)
	}
	for _, s := range f.steps {
		switch d := s.pc - pc; {
		case d == 0:
		case d < 0x40:
			b.file = append(b.file, cfaAdvanceLoc|byte(d))
		default:
			b.file = append(b.file, cfaAdvanceLoc1, byte(d))
		}
		pc = s.pc
		if f.context != 0 {
			b.contextRules(f.context + s.cfa - wordSize)
			continue
		}
		switch s.kind {
		case stepRemember:
			b.file = append(b.file, cfaRememberState)
			continue
		case stepRecall:
			b.file = append(b.file, cfaRestoreState)
			continue
		case stepSave:
			b.file = append(b.file, cfaOffset|byte(s.reg), byte(s.cfa/wordSize))
		case stepRestore:
			b.file = append(b.file, cfaRestore|byte(s.reg))
		}
		b.file = append(b.file, cfaDefCFAOffset, byte(s.cfa))
	}
}

// contextRules says that what was interrupted had its stack pointer and its registers in the sigcontext off bytes above ESP.
func (b *imageBuilder) contextRules(off int) {
	place := func(at int) []byte {
		if at < 0x40 {
			return []byte{opBregESP, byte(at)}
		}
		return []byte{opBregESP, byte(at)&0x7f | 0x80, byte(at >> 7)} // signed LEB128
	}
	top := append(place(off+contextESP), opDeref)
	b.file = append(append(b.file, cfaDefCFAExpr, byte(len(top))), top...)
	for r, at := range contextRegs {
		if r != int(esp) {
			e := place(off + at)
			b.file = append(append(b.file, cfaExpression, byte(r), byte(len(e))), e...)
		}
	}
}
