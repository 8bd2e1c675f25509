package x86

import (
	"unsafe"

	"cleave/mm/frame"
)

// Model-specific registers (SDM vol. 4; APM vol. 2, appendix A).
const (
	msrSysenterCS   = 0x174
	msrSysenterESP  = 0x175
	msrSysenterEIP  = 0x176
	msrEFER         = 0xc0000080
	msrSTAR         = 0xc0000081
	msrLSTAR        = 0xc0000082
	msrCSTAR        = 0xc0000083
	msrSFMASK       = 0xc0000084
	msrFSBase       = 0xc0000100
	msrKernelGSBase = 0xc0000102
)

// Bits of control registers and of EFER (SDM vol. 3, 2.2.1 and 2.5).
const (
	cr0MP = 1 << 1
	cr0EM = 1 << 2
	cr0TS = 1 << 3
	cr0NE = 1 << 5
	cr0WP = 1 << 16
	cr0AM = 1 << 18

	cr4TSD        = 1 << 2
	cr4DE         = 1 << 3
	cr4PGE        = 1 << 7
	cr4PCE        = 1 << 8
	cr4OSFXSR     = 1 << 9
	cr4OSXMMEXCPT = 1 << 10
	cr4UMIP       = 1 << 11
	cr4FSGSBASE   = 1 << 16
	cr4OSXSAVE    = 1 << 18
	cr4SMEP       = 1 << 20
	cr4SMAP       = 1 << 21

	eferSCE = 1 << 0
	eferNXE = 1 << 11
)

// Machine access, in cpu_amd64.s.
func readCR0() uint64
func readCR2() uint64
func readCR3() uint64
func readCR4() uint64
func writeCR0(v uint64)
func writeCR3(v uint64)
func writeCR4(v uint64)
func clearDR7()
func rdmsr(msr uint32) uint64
func wrmsr(msr uint32, v uint64)
func xsetbv(v uint64)
func userAccessRange() (begin, first, last, end uintptr)

// New takes over the processor that it runs on: features, tables, entry points. The page table that is active becomes
// the kernel's own. The calling goroutine must not change processors.
func New() *CPU {
	if begin, first, last, end := userAccessRange(); !(begin < first && first < last && last < end) {
		panic("x86: the linker has reordered user_amd64.s")
	}
	c := new(CPU)
	c.makeReportStack()
	c.Features = detect()
	c.Timer.Words = [2]*int64{&c.Timer.Seen[0], &c.Timer.Seen[1]}
	c.kernelRoot = frame.PFN(readCR3() >> frame.Shift)
	c.root = c.kernelRoot
	c.enableFeatures()
	c.buildTables()
	c.loadTables()
	c.fastEntries()
	return c
}

// enableFeatures sets the control registers. RDTSC stays allowed in user mode (TSD clear), for the vDSO's clock; RDPMC
// does not. PAT and the debug registers are left as reset makes them, the latter switched off.
//
// DIVERGES: with UMIP, SGDT, SIDT, SLDT, STR and SMSW fault in user mode; Linux emulates them with made-up values.
func (c *CPU) enableFeatures() {
	f := &c.Features
	writeCR0(readCR0()&^(cr0EM|cr0TS) | cr0MP | cr0NE | cr0WP | cr0AM)
	cr4 := readCR4()&^(cr4TSD|cr4PCE) | cr4DE | cr4OSFXSR | cr4OSXMMEXCPT
	for _, b := range [...]struct {
		have bool
		bit  uint64
	}{{f.PGE, cr4PGE}, {f.UMIP, cr4UMIP}, {f.FSGSBASE, cr4FSGSBASE}, {f.XSAVE, cr4OSXSAVE}, {f.SMEP, cr4SMEP}, {f.SMAP, cr4SMAP}} {
		if b.have {
			cr4 |= b.bit
		}
	}
	writeCR4(cr4)
	clearDR7()
	efer := rdmsr(msrEFER) | eferSCE
	if f.NX {
		efer |= eferNXE
	}
	wrmsr(msrEFER, efer)
	c.startFPU()
	fastBase, smap = f.FSGSBASE, f.SMAP
	modern = fastBase && smap
}

// fastEntries points SYSENTER and SYSCALL to their entries.
//
// SYSENTER loads RSP from an MSR: the end of a small stack, right above which is the context that runs. SYSCALL leaves
// RSP alone, so its entry finds the context by the base of GS that SWAPGS brings. SYSCALL clears all flags that SFMASK
// has; SYSENTER clears only IF and VM, the entry the rest.
func (c *CPU) fastEntries() {
	p := entryPoints()
	if _, _, _, d := cpuid(1, 0); d>>11&1 != 0 {
		wrmsr(msrSysenterCS, kernelCS)
		wrmsr(msrSysenterESP, uint64(uintptr(unsafe.Pointer(&c.context))))
		wrmsr(msrSysenterEIP, uint64(p.sysenter))
	}
	wrmsr(msrKernelGSBase, uint64(uintptr(unsafe.Pointer(c))))
	// STAR: bits 47:32 the kernel's CS (SS is the next entry), 63:48 for SYSRET, which is not used.
	wrmsr(msrSTAR, kernelCS<<32|userCS<<48)
	wrmsr(msrLSTAR, uint64(p.syscall)) // unreachable: it takes a 64-bit user code segment
	wrmsr(msrCSTAR, uint64(p.syscall))
	wrmsr(msrSFMASK, flagsAll)
}
