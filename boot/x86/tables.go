package x86

import (
	"unsafe"

	"cleave/proc"
)

// The GDT, with the numbers that Linux x86-64 gives its entries, as far as a program can see them. There is no 64-bit
// user code segment and no LDT. SYSENTER and SYSCALL want kernel CS and SS next to each other.
const (
	gdtKernelCS = 2
	gdtKernelDS = 3
	gdtUserCS   = 4
	gdtUserDS   = 5
	gdtTSS      = 8 // and 9
	gdtTLS      = proc.TLSFirst
	gdtEntries  = gdtTLS + 3

	kernelCS = gdtKernelCS << 3
	kernelDS = gdtKernelDS << 3
	userCS   = proc.UserCS
	userDS   = proc.UserDS
	selTSS   = gdtTSS << 3
)

// Segment descriptors (SDM vol. 3, 3.4.5): flat, accessed, present.
const (
	descKernelCS = 0x00af9b000000ffff // 64-bit code
	descKernelDS = 0x00cf93000000ffff
	descUserCS   = 0x00cffb000000ffff // 32-bit code, DPL 3
	descUserDS   = 0x00cff3000000ffff
)

// Bits of a segment descriptor that a TLS entry must or must not have.
const (
	descAccessed = 1 << 40
	descWritable = 1 << 41 // of data; readable, of code
	descCode     = 1 << 43
	descSegment  = 1 << 44 // not a system descriptor
	descDPL      = 3 << 45
	descPresent  = 1 << 47
	descLong     = 1 << 53
)

const (
	flagIF   = proc.EFLAGSIF
	flagsAll = 0x3f7fd5 // every flag that exists, for SFMASK
)

// Interrupt stack table entries for exceptions that can come while there is no usable stack: in the first
// instructions of SYSCALL's entry (NMI, #MC, #DB), or because the goroutine's stack has overflowed (#DF). #DB comes there if
// the user sets a watchpoint off by MOV to SS, which holds it back for one instruction, and that enters the kernel.
const (
	istDoubleFault  = 1
	istNMI          = 2
	istMachineCheck = 3
	istDebug        = 4
	istCount        = 4
	istSize         = 2048

	vectorNMI          = 2
	vectorDoubleFault  = 8
	vectorMachineCheck = 18
)

// idt is the same for all processors. A gate is two words.
var idt [256][2]uint64

// entries are the addresses of the assembly's entry points.
type entries struct {
	stubs        uintptr // of vector v: stubs + v*stubSize
	int80        uintptr
	nmi          uintptr
	sysenter     uintptr
	syscall      uintptr
	doubleFault  uintptr
	machineCheck uintptr
	debug        uintptr
}

// stubSize is the distance of two entry stubs; PCALIGN in stubs_amd64.s sees to it.
const stubSize = 16

func entryPoints() entries
func loadGDT(pointer *[10]byte)
func loadIDT(pointer *[10]byte)

// buildTables fills GDT, TSS and IDT.
func (c *CPU) buildTables() {
	c.gdt[gdtKernelCS] = descKernelCS
	c.gdt[gdtKernelDS] = descKernelDS
	c.gdt[gdtUserCS] = descUserCS
	c.gdt[gdtUserDS] = descUserDS
	t := uint64(uintptr(unsafe.Pointer(&c.tss)))
	// An available 64-bit TSS (SDM vol. 3, 8.2.3). Its limit leaves no room for an I/O permission map: IN and OUT
	// fault in user mode.
	c.gdt[gdtTSS] = uint64(len(c.tss)*4-1) | t&0xffffff<<16 | 0x89<<40 | t>>24&0xff<<56
	c.gdt[gdtTSS+1] = t >> 32
	for i := range c.ist {
		stack := unsafe.Pointer(&c.ist[i])
		top := unsafe.Add(stack, istSize-(uintptr(stack)+istSize)&15)
		*(*uintptr)(top) = uintptr(unsafe.Pointer(c)) // above the stack: how the entries of NMI and #DB find c
		c.setTSS(tssIST1+2*i, uint64(uintptr(top)))
	}
	c.tss[tssIOMap] = uint32(len(c.tss)*4) << 16
	p := entryPoints()
	for v := range idt {
		setGate(v, p.stubs+uintptr(v)*stubSize, 0, 0)
	}
	// INT3 and INTO check the gate's DPL (SDM vol. 3, 6.12.1.1).
	setGate(proc.VectorBreakpoint, p.stubs+proc.VectorBreakpoint*stubSize, 3, 0)
	setGate(proc.VectorOverflow, p.stubs+proc.VectorOverflow*stubSize, 3, 0)
	setGate(proc.VectorSyscall, p.int80, 3, 0)
	setGate(vectorNMI, p.nmi, 0, istNMI)
	setGate(proc.VectorDebug, p.debug, 0, istDebug)
	setGate(vectorDoubleFault, p.doubleFault, 0, istDoubleFault)
	setGate(vectorMachineCheck, p.machineCheck, 0, istMachineCheck)
}

// setGate makes an interrupt gate (SDM vol. 3, 6.14.1): IF is cleared at the entry.
func setGate(vector int, handler uintptr, dpl, ist uint64) {
	h := uint64(handler)
	idt[vector][0] = h&0xffff | kernelCS<<16 | ist<<32 | (0x8e|dpl<<5)<<40 | h>>16&0xffff<<48
	idt[vector][1] = h >> 32
}

// The TSS in words of 4 bytes (SDM vol. 3, 8.7).
const (
	tssRSP0  = 1
	tssIST1  = 9
	tssIOMap = 25
	tssWords = 26
)

// setTSS stores an address at word i.
//
//go:nosplit
func (c *CPU) setTSS(i int, v uint64) {
	c.tss[i] = uint32(v)
	c.tss[i+1] = uint32(v >> 32)
}

// loadTables makes the processor use the tables.
func (c *CPU) loadTables() {
	gdtr := tablePointer(unsafe.Pointer(&c.gdt), unsafe.Sizeof(c.gdt))
	idtr := tablePointer(unsafe.Pointer(&idt), unsafe.Sizeof(idt))
	loadGDT(&gdtr)
	loadIDT(&idtr)
}

// tablePointer is the operand of LGDT and LIDT: limit and base.
func tablePointer(base unsafe.Pointer, size uintptr) (p [10]byte) {
	limit := size - 1
	p[0], p[1] = byte(limit), byte(limit>>8)
	for i := range 8 {
		p[2+i] = byte(uintptr(base) >> (8 * i))
	}
	return p
}
