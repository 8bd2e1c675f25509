package bare

import "unsafe"

// The PVH boot protocol (Xen's docs/misc/pvh.pandoc; struct hvm_start_info of xen/include/public/arch-x86/hvm/start_info.h).
//
// A loader leaves the physical address of this structure in EBX, all integers little-endian:
//
//	 0 u32 magic        4 u32 version    8 u32 flags     12 u32 number of modules
//	16 u64 modules     24 u64 cmdline   32 u64 rsdp      40 u64 memory map (version >= 1)
//	48 u32 entries of the memory map
//
// A module: u64 address, u64 size, u64 cmdline, u64 reserved. An entry of the map: u64 address, u64 size, u32 type,
// u32 reserved, with the types of E820.
const (
	startMagic    = 0x336ec578
	startSize     = 56
	moduleSize    = 32
	mapEntrySize  = 24
	mapTypeRAM    = 1
	maxMapEntries = 1024
	maxPhysical   = 1 << 46 // larger addresses are no memory that this kernel maps
	lowMemory     = 1 << 30 // the loader's structures lie below: that much is mapped when they are read
)

// MaxCmdline is how many bytes of a command line are looked at.
const MaxCmdline = 4096

// StartInfo is what the boot loader told.
type StartInfo struct {
	RAM       [MaxRegions]Region // sorted, neither overlapping nor touching
	Regions   int                // of RAM
	Self      [4]Region          // memory that the loader's structures occupy
	Cmdline   uint64             // physical address
	CmdSize   uint64             // bytes, without the final NUL
	Initrd    Region             // the first module; empty if there is none
	RSDP      uint64             // physical address of ACPI's root pointer, 0 if unknown
	Truncated bool               // the memory map had more regions than RAM holds
}

// The errors of Parse, as the text to print.
const (
	errMagic   = "no PVH start info (boot with QEMU's -kernel, or another loader of PVH kernels)"
	errPlace   = "the PVH start info points beyond the first GiB"
	errVersion = "the PVH start info has no memory map (version 0)"
	errMap     = "the PVH start info has an absurd memory map"
	errNoRAM   = "the memory map has no memory"
	errModule  = "the initial RAM disk lies outside memory"
)

// Parse reads the start info at the physical address pa and returns what is wrong with it, "" if nothing is.
//
//go:nosplit
func (s *StartInfo) Parse(window unsafe.Pointer, pa uint64) string {
	if pa == 0 || pa%4 != 0 || pa > lowMemory-startSize || load32(window, pa) != startMagic {
		return errMagic
	}
	if load32(window, pa+4) < 1 {
		return errVersion
	}
	modules, mods := uint64(load32(window, pa+12)), load64(window, pa+16)
	cmdline, rsdp := load64(window, pa+24), load64(window, pa+32)
	table, entries := load64(window, pa+40), uint64(load32(window, pa+48))
	if entries == 0 || entries > maxMapEntries {
		return errMap
	}
	if table > lowMemory-maxMapEntries*mapEntrySize || modules > 0 && mods > lowMemory-moduleSize || cmdline >= lowMemory {
		return errPlace
	}
	s.RSDP = rsdp
	s.Self[0] = Region{pa, pa + startSize}
	s.Self[1] = Region{table, table + entries*mapEntrySize}
	for i := uint64(0); i < entries; i++ {
		s.addEntry(window, table+i*mapEntrySize)
	}
	if s.Regions == 0 {
		return errNoRAM
	}
	if cmdline != 0 {
		s.Cmdline = cmdline
		for s.CmdSize < MaxCmdline && cmdline+s.CmdSize < lowMemory && load8(window, cmdline+s.CmdSize) != 0 {
			s.CmdSize++
		}
		s.Self[2] = Region{cmdline, cmdline + s.CmdSize + 1}
	}
	if modules == 0 {
		return ""
	}
	s.Self[3] = Region{mods, mods + moduleSize}
	start, size := load64(window, mods), load64(window, mods+8)
	if size == 0 {
		return ""
	}
	s.Initrd = Region{start, start + size}
	if !s.inRAM(s.Initrd) {
		s.Initrd = Region{}
		return errModule
	}
	return ""
}

// addEntry adds the entry of the memory map at pa to RAM, unless it is no memory.
//
//go:nosplit
func (s *StartInfo) addEntry(window unsafe.Pointer, pa uint64) {
	start, size, kind := load64(window, pa), load64(window, pa+8), load32(window, pa+16)
	if kind != mapTypeRAM || start >= maxPhysical {
		return
	}
	size = min(size, maxPhysical-start)
	if size == 0 {
		return
	}
	r := Region{start, start + size}
	// Take in all regions that touch r, then insert r where it belongs.
	k := 0
	for i := 0; i < s.Regions; i++ {
		q := s.RAM[i]
		if q.Start <= r.End && r.Start <= q.End {
			r = Region{min(q.Start, r.Start), max(q.End, r.End)}
			continue
		}
		s.RAM[k] = q
		k++
	}
	s.Regions = k
	if k == MaxRegions {
		s.Truncated = true
		return
	}
	for ; k > 0 && s.RAM[k-1].Start > r.Start; k-- {
		s.RAM[k] = s.RAM[k-1]
	}
	s.RAM[k] = r
	s.Regions++
}

// inRAM reports whether r lies within one region of RAM.
//
//go:nosplit
func (s *StartInfo) inRAM(r Region) bool {
	for i := 0; i < s.Regions; i++ {
		if s.RAM[i].Start <= r.Start && r.Start < r.End && r.End <= s.RAM[i].End {
			return true
		}
	}
	return false
}

// Memory returns how many bytes of RAM there are.
//
//go:nosplit
func (s *StartInfo) Memory() uint64 {
	n := uint64(0)
	for i := 0; i < s.Regions; i++ {
		n += s.RAM[i].End - s.RAM[i].Start
	}
	return n
}

//go:nosplit
func load8(window unsafe.Pointer, pa uint64) uint8 {
	return *(*uint8)(unsafe.Add(window, pa))
}

//go:nosplit
func load32(window unsafe.Pointer, pa uint64) uint32 {
	return *(*uint32)(unsafe.Add(window, pa))
}

//go:nosplit
func load64(window unsafe.Pointer, pa uint64) uint64 {
	return uint64(load32(window, pa)) | uint64(load32(window, pa+4))<<32
}
