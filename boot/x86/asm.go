package x86

import "cleave/proc"

//lint:file-ignore U1000 All this is used by assembly.

// Names for go_asm.h.
type (
	regs    proc.Regs
	context proc.Context
)

const (
	dr6None    = 0xffff0ff0 // what DR6 holds when no debug exception was (SDM vol. 3, 17.2.3)
	dr6Reasons = 0xe00f     // B0 to B3, BD, BS, BT

	vectorPageFault   = proc.VectorPageFault
	vectorDebug       = proc.VectorDebug
	vectorInterrupts  = proc.VectorInterrupts
	vectorSyscall     = proc.VectorSyscall
	vectorSysenter    = proc.VectorSysenter
	vectorSyscallInsn = proc.VectorSyscallInsn
)

// Notes in proc.Context.Machine, as byte offsets.
const (
	machineThread = 0 // base of FS of the thread that called Run
	machineStack  = 8 // SP and BP of the goroutine that called Run
	machineFrame  = 16
)

// Set once by New, before the first entry to user mode. All processors of a machine are alike.
var (
	fastBase   bool // RDFSBASE and WRFSBASE work
	smap       bool
	modern     bool // both of them
	xsaveopt   bool
	fxsaveLeak bool
)

var (
	kernelMXCSR uint32  = initialMXCSR
	zeroX87     float32 // what FLD loads to forget the address of another task's last operand
)
