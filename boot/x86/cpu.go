package x86

import (
	_ "sync/atomic" // without it, the compiler does not inline Context.Work.Load
	"unsafe"

	"cleave/mm/frame"
	"cleave/proc"
)

// CPU is one processor. It implements proc.CPU and mm.CPU. All its methods run with interrupts off and without giving
// up the processor in between; on a machine with several, each has its own, and a goroutine that uses one is bound to it.
type CPU struct {
	Features Features

	Timer Timer

	owner      *proc.Context // whose segments, x87 and vector state the processor holds
	root       frame.PFN     // what CR3 has
	kernelRoot frame.PFN

	// pending has a bit for each vector that came in ring 0.
	pending [4]uint64

	// sysenterStack is where RSP points after SYSENTER, at its end. Its entry pushes one flags word; the rest is
	// for the frame of a single-step exception. context follows it: the entry pops it.
	sysenterStack [32]uint64
	context       uintptr // of owner

	gdt [gdtEntries]uint64
	tss [tssWords]uint32
	ist [istCount][istSize + 32]byte
}

// Timer is how Run knows that the timer's interrupt has to be set anew before user mode is entered: when one of two words,
// which whoever sets it chooses, differs from what it was then.
type Timer struct {
	Words [2]*int64
	Seen  [2]int64
	Set   func() // sets the timer, and Seen to the words
}

// Notes in proc.Context.Machine, as byte offsets.
const (
	machineThread = 0  // base of FS of the thread that called Run
	machineBase   = 8  // base of FS of the user
	machineStack  = 16 // SP and BP of the goroutine that called Run
	machineFrame  = 24
)

// enterUser goes to user mode and returns after the next trap. In entry_amd64.s.
//
//go:noescape
func enterUser(ctx *proc.Context)

// loadSegments loads the user's data segments and returns the base of FS that came with it. FS keeps the base of the
// thread.
func loadSegments(ds, es, fs, gs uint16) (base uint64)

// Run implements proc.CPU. From the test of Work on it has no preemption point: what it calls is nosplit.
func (c *CPU) Run(ctx *proc.Context) proc.Trap {
	if t := &c.Timer; *t.Words[0] != t.Seen[0] || *t.Words[1] != t.Seen[1] {
		t.Set()
	}
	if ctx.Work.Load()&proc.WorkReturn != 0 {
		return proc.Trap{Vector: proc.VectorWork}
	}
	if c.owner != ctx || c.root != ctx.Root {
		c.prepare(ctx)
	}
	enterUser(ctx)
	if ctx.Vector == proc.VectorPageFault {
		return proc.Trap{Vector: proc.VectorPageFault, Error: ctx.Error, Addr: uint32(readCR2())}
	}
	return proc.Trap{Vector: ctx.Vector, Error: ctx.Error}
}

// prepare makes the processor hold ctx and its page table.
//
//go:nosplit
func (c *CPU) prepare(ctx *proc.Context) {
	if c.owner != ctx {
		c.take(ctx)
	}
	if c.root != ctx.Root {
		c.setRoot(ctx.Root)
	}
}

// take makes the processor hold the state of ctx, after saving that of the last owner.
//
//go:nosplit
func (c *CPU) take(ctx *proc.Context) {
	if c.owner != nil {
		saveExtended(area(c.owner))
	}
	for i := range ctx.TLS {
		c.gdt[gdtTLS+i] = userDescriptor(ctx.TLS[i])
	}
	base := loadSegments(c.selector(ctx.DS), c.selector(ctx.ES), c.selector(ctx.FS), c.selector(ctx.GS))
	if ctx.FS&^3 == 0 {
		base = 0 // AMD leaves the old base with a null selector
	}
	ctx.Machine[machineBase/8] = base
	loadExtended(area(ctx))
	c.setTSS(tssRSP0, uint64(uintptr(unsafe.Pointer(ctx))+unsafe.Sizeof(proc.Regs{})))
	c.owner = ctx
	c.context = uintptr(unsafe.Pointer(ctx))
}

// userDescriptor returns d as it may stand in the GDT: a code or data segment of privilege 3, never 64-bit code.
// The accessed bit is set, so that the processor need not write it.
//
//go:nosplit
func userDescriptor(d uint64) uint64 {
	if d&descPresent == 0 {
		return 0
	}
	return d&^uint64(descLong) | descAccessed | descSegment | descDPL
}

// selector returns s if the processor can load it into a data segment register in user mode, else 0, as Linux does.
//
//go:nosplit
func (c *CPU) selector(s uint16) uint16 {
	switch s | 3 {
	case userDS, userCS, 3:
		return s
	case gdtTLS<<3 | 3, (gdtTLS+1)<<3 | 3, (gdtTLS+2)<<3 | 3:
		// Data, or code that can be read. Code is no use in a data register unless readable (SDM vol. 2, MOV).
		if d := c.gdt[s>>3]; d&descPresent != 0 && (d&descCode == 0 || d&descWritable != 0) {
			return s
		}
	}
	return 0
}

// Interrupt implements proc.CPU: there is one CPU, and it is here.
func (c *CPU) Interrupt(*proc.Context) {}

// Reload implements proc.CPU.
func (c *CPU) Reload(ctx *proc.Context) {
	if c.owner == ctx {
		saveExtended(area(ctx))
		c.owner = nil
	}
}

// Release implements proc.CPU.
func (c *CPU) Release(ctx *proc.Context) {
	if c.owner == ctx {
		c.owner = nil
	}
}
