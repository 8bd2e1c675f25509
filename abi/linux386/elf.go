package linux386

// The structures of an ELF shared object, as far as the vDSO needs them (elf(5)). Package debug/elf has them as well,
// but would bring decompressors and DWARF into the kernel.

type elfHeader struct {
	Ident                    [16]byte
	Type, Machine            uint16
	Version                  uint32
	Entry, Phoff, Shoff      uint32
	Flags                    uint32
	Ehsize, Phentsize, Phnum uint16
	Shentsize, Shnum, Strndx uint16
}

type elfSegment struct {
	Type, Offset, Vaddr, Paddr uint32
	Filesz, Memsz              uint32
	Flags, Align               uint32
}

type elfSection struct {
	Name, Type, Flags, Addr, Offset, Size uint32
	Link, Info, Align, Entsize            uint32
}

type elfSymbol struct {
	Name, Value, Size uint32
	Info, Other       byte
	Section           uint16
}

type elfDyn struct{ Tag, Value uint32 }

const (
	elfIdent   = "\x7fELF\x01\x01\x01" // 32 bits, little-endian, version 1
	elfDynType = 3
	elf386     = 3

	elfSymbolSize = 16
	elfGlobalFunc = 1<<4 | 2

	segLoad    = 1
	segDynamic = 2
	segEhFrame = 0x6474e550
	segX       = 1
	segR       = 4

	secProgbits = 1
	secStrtab   = 3
	secHash     = 5
	secDynamic  = 6
	secDynsym   = 11
	secGNUHash  = 0x6ffffff6
	secVerdef   = 0x6ffffffd
	secVersym   = 0x6fffffff
	secAlloc    = 2
	secExec     = 4

	dynHash      = 4
	dynStrtab    = 5
	dynSymtab    = 6
	dynStrsz     = 10
	dynSyment    = 11
	dynSoname    = 14
	dynGNUHash   = 0x6ffffef5
	dynVersym    = 0x6ffffff0
	dynVerdef    = 0x6ffffffc
	dynVerdefnum = 0x6ffffffd
)
