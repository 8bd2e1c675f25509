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
	pePcrelSdata4      = 0x1b
	peDatarelSdata4    = 0x3b
	peUdata4           = 0x03
	dwarfEIP           = 8
	wordSize           = 4
	frameHeaderVersion = 1
)

// unwind makes .eh_frame and .eh_frame_hdr, by which debuggers and exceptions find their way out of the code: a thread
// is cancelled while it is in __kernel_vsyscall. Signal frames need no entry; their code is recognised.
func (b *imageBuilder) unwind(a *assembler) elfSegment {
	cie := b.put(uint32(0))
	b.file = append(b.file, "\x00\x00\x00\x00\x01zR\x00\x01\x7c"...) // id 0, version 1, code alignment 1, data alignment -4
	b.file = append(b.file, dwarfEIP, 1, pePcrelSdata4,
		cfaDefCFA, byte(esp), wordSize, cfaOffset|dwarfEIP, 1)
	b.closeEntry(cie)
	type entry struct{ start, fde uint32 }
	var table []entry
	for _, f := range a.funcs {
		if f.signal {
			continue
		}
		fde := b.put(uint32(0))
		b.put(fde + 4 - cie)
		at := uint32(len(b.file))
		start := uint32(vdsoText + f.start)
		b.put(start-at, uint32(f.end-f.start))
		b.file = append(b.file, 0) // no augmentation data
		b.frameSteps(f)
		b.closeEntry(fde)
		table = append(table, entry{start, fde})
	}
	b.put(uint32(0))
	b.section(".eh_frame", secProgbits, cie, 0)
	hdr := b.put([]byte{frameHeaderVersion, pePcrelSdata4, peUdata4, peDatarelSdata4})
	b.put(cie-(hdr+4), uint32(len(table)))
	for _, e := range table { // in the order of addresses
		b.put(e.start-hdr, e.fde-hdr)
	}
	b.section(".eh_frame_hdr", secProgbits, hdr, 0)
	return segment(segEhFrame, hdr, uint32(len(b.file))-hdr)
}

// closeEntry pads an entry with DW_CFA_nop to a multiple of four and stores its length.
func (b *imageBuilder) closeEntry(at uint32) {
	b.put()
	binary.LittleEndian.PutUint32(b.file[at:], uint32(len(b.file))-at-4)
}

func (b *imageBuilder) frameSteps(f function) {
	pc := f.start
	for _, s := range f.steps {
		switch d := s.pc - pc; {
		case d == 0:
		case d < 0x40:
			b.file = append(b.file, cfaAdvanceLoc|byte(d))
		default:
			b.file = append(b.file, cfaAdvanceLoc1, byte(d))
		}
		pc = s.pc
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
