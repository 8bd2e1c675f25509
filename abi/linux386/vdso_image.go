package linux386

import (
	"bytes"
	"encoding/binary"
	"slices"
)

const (
	vdsoText = 0x100 // where the code begins in the image, after the headers
	pageSize = 4096
)

// vdsoImage is the vDSO: an ELF shared object of one page, as vdso(7) describes it for i386.
type vdsoImage struct {
	page      [pageSize]byte
	vsyscall  uint32 // offsets in the page
	landing   uint32
	sigreturn uint32
	rtReturn  uint32
}

// The versions of the symbols, as libraries look them up (vdso(7)).
const (
	verBase    = 1
	verLinux26 = 2
	verLinux25 = 3
	vdsoSoname = "linux-gate.so.1"
)

var vdsoSymbols = []struct {
	name    string
	version uint16
}{
	{"__kernel_vsyscall", verLinux25},
	{"__kernel_sigreturn", verLinux25},
	{"__kernel_rt_sigreturn", verLinux25},
	{"__vdso_clock_gettime", verLinux26},
	{"__vdso_clock_gettime64", verLinux26},
	{"__vdso_gettimeofday", verLinux26},
	{"__vdso_time", verLinux26},
	{"__vdso_clock_getres", verLinux26},
}

// newVDSO builds the image. The data page comes right before it in memory.
func newVDSO(fast FastCall) *vdsoImage {
	a := vdsoFunctions(fast, vdsoText+pageSize)
	b := imageBuilder{file: make([]byte, vdsoText), names: []byte{0}}
	b.file = append(b.file, a.code...)
	b.section(".text", secProgbits, vdsoText, 0)
	b.symbols(a)
	b.versions()
	b.hashes()
	frames := b.unwind(a)
	dyn := b.dynamic()
	b.sectionHeaders()
	if len(b.file) > pageSize {
		panic("vDSO: more than a page")
	}
	b.headers(dyn, frames)
	v := &vdsoImage{
		vsyscall:  uint32(vdsoText + a.labels["__kernel_vsyscall"]),
		landing:   uint32(vdsoText + a.labels["landing"]),
		sigreturn: uint32(vdsoText + a.labels["__kernel_sigreturn"]),
		rtReturn:  uint32(vdsoText + a.labels["__kernel_rt_sigreturn"]),
	}
	copy(v.page[:], b.file)
	return v
}

// imageBuilder lays out the parts of the image one after the other. The structures are those of the ELF specification
// (elf(5)) and of the Linux Standard Base, "Symbol Versioning".
type imageBuilder struct {
	file     []byte
	sections []elfSection
	names    []byte // of the sections
	strings  []byte // .dynstr
	symOff   uint32
	strOff   uint32
	verOff   uint32
	defOff   uint32
	hashOff  uint32
	gnuOff   uint32
	shOff    uint32
}

// put appends fixed-size values at a multiple of four and returns where.
func (b *imageBuilder) put(values ...any) uint32 {
	for len(b.file)%4 != 0 {
		b.file = append(b.file, 0)
	}
	at := uint32(len(b.file))
	for _, v := range values {
		b.file, _ = binary.Append(b.file, binary.LittleEndian, v)
	}
	return at
}

// section notes that what lies from off to the end is a section.
func (b *imageBuilder) section(name string, typ uint32, off uint32, entry uint32) {
	s := elfSection{Name: uint32(len(b.names)), Type: typ, Flags: secAlloc, Addr: off, Offset: off,
		Size: uint32(len(b.file)) - off, Entsize: entry, Align: 4}
	switch typ {
	case secDynsym, secVerdef, secDynamic:
		s.Link = dynstrSection
	case secVersym, secHash, secGNUHash:
		s.Link = dynsymSection
	}
	switch typ {
	case secDynsym:
		s.Info = 1
	case secVerdef:
		s.Info = verLinux25
	}
	if name == ".text" {
		s.Flags |= secExec
		s.Align = 16
	}
	b.names = append(append(b.names, name...), 0)
	b.sections = append(b.sections, s)
}

// The numbers of sections, in the order in which newVDSO makes them; 0 is none.
const (
	textSection   = 1
	dynsymSection = 2
	dynstrSection = 3
)

func (b *imageBuilder) str(s string) uint32 {
	at := len(b.strings)
	b.strings = append(append(b.strings, s...), 0)
	return uint32(at)
}

func (b *imageBuilder) symbols(a *assembler) {
	b.strings = []byte{0}
	b.symOff = b.put(elfSymbol{})
	for _, s := range vdsoSymbols {
		i := slices.IndexFunc(a.funcs, func(f function) bool { return f.name == s.name })
		f := a.funcs[i]
		b.put(elfSymbol{Name: b.str(s.name), Value: uint32(vdsoText + f.start), Size: uint32(f.end - f.start),
			Info: elfGlobalFunc, Section: textSection})
	}
	b.section(".dynsym", secDynsym, b.symOff, elfSymbolSize)
}

// versions makes .dynstr, which is complete then, .gnu.version and .gnu.version_d.
func (b *imageBuilder) versions() {
	type verdef struct {
		Version, Flags, Ndx, Cnt uint16
		Hash, Aux, Next          uint32
		Name, NextAux            uint32
	}
	var defs []verdef
	for i, name := range []string{vdsoSoname, "LINUX_2.6", "LINUX_2.5"} {
		d := verdef{Version: 1, Ndx: uint16(i + verBase), Cnt: 1, Hash: sysvHash(name), Aux: 20, Next: 28, Name: b.str(name)}
		if i == 0 {
			d.Flags = 1 // VER_FLG_BASE
		}
		if i == 2 {
			d.Next = 0
		}
		defs = append(defs, d)
	}
	b.strOff = b.put(b.strings)
	b.section(".dynstr", secStrtab, b.strOff, 0)
	b.verOff = b.put(uint16(0))
	for _, s := range vdsoSymbols {
		b.file = binary.LittleEndian.AppendUint16(b.file, s.version)
	}
	b.section(".gnu.version", secVersym, b.verOff, 2)
	b.defOff = b.put(defs)
	b.section(".gnu.version_d", secVerdef, b.defOff, 0)
}

// hashes makes both hash tables, of one bucket each: there are few symbols.
func (b *imageBuilder) hashes() {
	n := uint32(len(vdsoSymbols))
	b.hashOff = b.put([]uint32{1, n + 1, 1, 0})
	for i := range n {
		b.put((i + 2) % (n + 1)) // the symbol after i+1; 0 ends the chain
	}
	b.section(".hash", secHash, b.hashOff, 4)
	const shift = 5
	var bloom uint32
	var chain []uint32
	for _, s := range vdsoSymbols {
		h := gnuHash(s.name)
		bloom |= 1<<(h%32) | 1<<(h>>shift%32)
		chain = append(chain, h&^1)
	}
	chain[n-1] |= 1
	b.gnuOff = b.put([]uint32{1, 1, 1, shift, bloom, 1}, chain)
	b.section(".gnu.hash", secGNUHash, b.gnuOff, 0)
}

func sysvHash(name string) uint32 {
	var h uint32
	for i := range len(name) {
		h = h<<4 + uint32(name[i])
		h ^= h >> 24 & 0xf0
		h &= 0x0fffffff
	}
	return h
}

func gnuHash(name string) uint32 {
	h := uint32(5381)
	for i := range len(name) {
		h = h*33 + uint32(name[i])
	}
	return h
}

func (b *imageBuilder) dynamic() elfSegment {
	off := b.put([]elfDyn{
		{Tag: dynSoname, Value: uint32(bytes.Index(b.strings, []byte(vdsoSoname)))},
		{Tag: dynHash, Value: b.hashOff},
		{Tag: dynGNUHash, Value: b.gnuOff},
		{Tag: dynStrtab, Value: b.strOff},
		{Tag: dynSymtab, Value: b.symOff},
		{Tag: dynStrsz, Value: uint32(len(b.strings))},
		{Tag: dynSyment, Value: elfSymbolSize},
		{Tag: dynVersym, Value: b.verOff},
		{Tag: dynVerdef, Value: b.defOff},
		{Tag: dynVerdefnum, Value: verLinux25},
		{},
	})
	b.section(".dynamic", secDynamic, off, 8)
	return segment(segDynamic, off, uint32(len(b.file))-off)
}

func segment(typ uint32, off, size uint32) elfSegment {
	return elfSegment{Type: typ, Offset: off, Vaddr: off, Paddr: off, Filesz: size, Memsz: size, Flags: segR, Align: 4}
}

func (b *imageBuilder) sectionHeaders() {
	b.names = append(b.names, ".shstrtab\x00"...)
	off := b.put(b.names)
	b.sections = append(b.sections, elfSection{Name: uint32(len(b.names) - len(".shstrtab\x00")), Type: uint32(secStrtab),
		Offset: off, Size: uint32(len(b.names)), Align: 1})
	b.shOff = b.put(elfSection{}, b.sections)
}

func (b *imageBuilder) headers(dyn, frames elfSegment) {
	load := segment(segLoad, 0, uint32(len(b.file)))
	load.Flags |= segX
	load.Align = pageSize
	progs := []elfSegment{load, dyn, frames}
	h := elfHeader{
		Type: elfDynType, Machine: elf386, Version: 1, Entry: vdsoText, Phoff: 52, Shoff: b.shOff, Ehsize: 52, Phentsize: 32,
		Phnum: uint16(len(progs)), Shentsize: 40, Shnum: uint16(len(b.sections) + 1), Strndx: uint16(len(b.sections)),
	}
	copy(h.Ident[:], elfIdent)
	out, _ := binary.Append(nil, binary.LittleEndian, h)
	out, _ = binary.Append(out, binary.LittleEndian, progs)
	copy(b.file[:vdsoText], out)
}
