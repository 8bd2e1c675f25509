package x86

import (
	"sync/atomic"
	"unsafe"
)

// KernelTrap is an exception in ring 0 that is not expected: a bug of the kernel or a failure of the machine.
type KernelTrap struct {
	RAX, RBX, RCX, RDX, RSI, RDI, RBP    uint64
	R8, R9, R10, R11, R12, R13, R14, R15 uint64
	Vector, Error                        uint64
	RIP, CS, RFLAGS, RSP, SS             uint64
	CR2, CR3, FSBase                     uint64
	StackLo, StackHi                     uint64 // bounds of the stack of the goroutine that ran
	Nested                               int    // exceptions since the first one, in reporting it
}

const (
	reportStackSize = 64 << 10
	stackGuard      = 928 // abi.StackGuard of the runtime: a function may use this much below its check
	maxNested       = 2
)

var (
	report    func(*KernelTrap)
	reporting atomic.Uintptr // the CPU that reports, 0 if none does
)

// SetReport has f called for every unexpected exception in ring 0. It runs on a stack of its own, with the g of the
// goroutine that was interrupted, whose stack bounds are in the KernelTrap, with interrupts off, and must not return
// to what was interrupted. Locks may be held by anyone: it must take none.
func SetReport(f func(*KernelTrap)) { report = f }

// makeReportStack is called before the tables are loaded, so that there is always a stack to report on.
func (c *CPU) makeReportStack() {
	stack := make([]byte, reportStackSize+32)
	p := unsafe.Pointer(unsafe.SliceData(stack))
	c.reportStack = unsafe.Add(p, reportStackSize+16-int(uintptr(p)&15))
}

// reportFault is called by kernelFault. Only the first CPU that has something to report does.
//
//lint:ignore U1000 in kernel_amd64.s
func reportFault(c *CPU) {
	self := uintptr(unsafe.Pointer(c))
	if !reporting.CompareAndSwap(0, self) && reporting.Load() != self {
		return
	}
	n := c.fault.Nested
	if n >= maxNested || report == nil {
		return
	}
	c.fault.Nested++
	c.faults[n] = c.fault
	report(&c.faults[n])
}

// UserAccessStart returns the address of an invalid instruction, in front of the routines that access user memory: for
// tests of the report.
func UserAccessStart() uintptr {
	start, _, _, _ := userAccessRange()
	return start
}
