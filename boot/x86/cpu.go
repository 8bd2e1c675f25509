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

	// What the processor holds. ready is set if user mode can be entered at once with that context: the other two are
	// the same one, and root is its page table.
	ready      *proc.Context
	segmentsOf *proc.Context // whose data segments and TLS descriptors are loaded
	extendedOf *proc.Context // whose x87 and AVX state is in the registers, and not in its memory
	root       frame.PFN     // what CR3 has
	control    uint32        // what DR7 has: 0 without breakpoints
	kernelRoot frame.PFN

	// pending has a bit for each vector that came in ring 0.
	pending [4]uint64

	// sysenterStack is where RSP points after SYSENTER, at its end. Its entry pushes one flags word; the rest is
	// for the frame of a single-step exception. context follows it: the entry pops it.
	sysenterStack [32]uint64
	context       uintptr // ready, or the last one that was

	fault       KernelTrap            // the exception that is reported
	faults      [maxNested]KernelTrap // copies for the report
	reportStack unsafe.Pointer        // the end of the stack that it runs on

	gdt [gdtEntries]uint64 // by whose address an exception's entry finds the CPU
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

// enterUser goes to user mode and returns after the next trap. In entry_amd64.s.
//
//go:noescape
func enterUser(ctx *proc.Context)

// loadSegments loads the user's data segments. FS keeps the base of the thread.
func loadSegments(ds, es, fs, gs uint16)

// readSegments returns DS, ES, FS and GS.
func readSegments() [4]uint16

// writeBreakpoints loads DR0 to DR3 and DR7.
//
//go:noescape
func writeBreakpoints(addr *[4]uint32, control uint32)

// takeDR6 returns the bits of DR6 that say what the last debug exception was (SDM vol. 3, 17.2.3), and clears them: the
// processor only sets them.
func takeDR6() uint32

// Run implements proc.CPU. From the test of Work on, up to the trap, it has no preemption point: what it calls is nosplit.
func (c *CPU) Run(ctx *proc.Context, t *proc.Task, calls proc.Syscaller) proc.Trap {
	ctx.Sanitize()
	for {
		if m := &c.Timer; *m.Words[0] != m.Seen[0] || *m.Words[1] != m.Seen[1] {
			m.Set()
		}
		if ctx.Work.Load()&proc.WorkReturn != 0 {
			return proc.Trap{Vector: proc.VectorWork}
		}
		if c.ready != ctx {
			c.prepare(ctx)
		}
		enterUser(ctx)
		if v := ctx.Vector; v < proc.VectorSysenter && v != proc.VectorSyscall {
			return trapOf(ctx)
		}
		ctx.Traps++
		calls.Syscall(t)
	}
}

// trapOf returns the trap that ctx has just had.
func trapOf(ctx *proc.Context) proc.Trap {
	ctx.Traps++
	t := proc.Trap{Vector: ctx.Vector, Error: ctx.Error}
	switch t.Vector {
	case proc.VectorPageFault:
		t.Addr = uint32(readCR2())
	case proc.VectorDebug:
		t.Error = takeDR6()
	}
	return t
}

// prepare makes the processor hold ctx and its page table.
//
//go:nosplit
func (c *CPU) prepare(ctx *proc.Context) {
	if c.root != ctx.Root {
		c.setRoot(ctx.Root)
	}
	if c.extendedOf != ctx {
		if c.extendedOf != nil {
			saveExtended(area(c.extendedOf))
		}
		restoreExtended(ctx)
		c.extendedOf = ctx
	}
	if o := c.segmentsOf; o != ctx {
		if o == nil || !sameSegments(o, ctx) {
			c.loadSegments(ctx)
		}
		c.segmentsOf = ctx
	}
	if p := uintptr(unsafe.Pointer(ctx)); c.context != p {
		c.setTSS(tssRSP0, uint64(p+unsafe.Sizeof(proc.Regs{})))
		c.context = p
	}
	if c.control|ctx.DR7 != 0 {
		writeBreakpoints(&ctx.DR, ctx.DR7)
		c.control = ctx.DR7
	}
	c.ready = ctx
}

// sameSegments reports whether what is loaded of o will do for ctx: so for threads and forks of a program without TLS of
// their own. FS is null.
//
//go:nosplit
func sameSegments(o, ctx *proc.Context) bool {
	return o.TLS == ctx.TLS && o.GS == ctx.GS && o.DS == ctx.DS && o.ES == ctx.ES && o.FS == 0 && ctx.FS == 0
}

// loadSegments loads the TLS descriptors and data segments of ctx.
//
//go:nosplit
func (c *CPU) loadSegments(ctx *proc.Context) {
	c.gdt[gdtTLS] = userDescriptor(ctx.TLS[0])
	c.gdt[gdtTLS+1] = userDescriptor(ctx.TLS[1])
	c.gdt[gdtTLS+2] = userDescriptor(ctx.TLS[2])
	ds, es, fs := ctx.DS, ctx.ES, ctx.FS
	if ds != userDS || es != userDS || fs != 0 { // hardly ever
		ds, es, fs = c.selector(ds), c.selector(es), c.selector(fs)
	}
	ctx.FS = fs // enterUser loads it again, for its base
	loadSegments(ds, es, fs, c.selector(ctx.GS))
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
	if s == userDS || s|3 == 3 || s|3 == userDS || s|3 == userCS {
		return s
	}
	if i := s >> 3; i >= gdtTLS && i < gdtEntries && s&4 == 0 {
		// Data, or code that can be read. Code is no use in a data register unless readable (SDM vol. 2, MOV).
		if d := c.gdt[i]; d&descPresent != 0 && (d&descCode == 0 || d&descWritable != 0) {
			return s
		}
	}
	return 0
}

// Interrupt implements proc.CPU: there is one CPU, and it is here.
func (c *CPU) Interrupt(*proc.Context) {}

// Reload implements proc.CPU.
func (c *CPU) Reload(ctx *proc.Context) {
	if c.root != ctx.Root || c.control|ctx.DR7 != 0 {
		c.ready = nil
	}
	if c.segmentsOf != ctx {
		return
	}
	same := readSegments() == [4]uint16{ctx.DS, ctx.ES, ctx.FS, ctx.GS}
	for i, d := range ctx.TLS {
		same = same && c.gdt[gdtTLS+i] == userDescriptor(d)
	}
	if !same {
		c.segmentsOf, c.ready = nil, nil
	}
}

// Release implements proc.CPU.
func (c *CPU) Release(ctx *proc.Context) {
	if c.segmentsOf == ctx {
		c.segmentsOf, c.ready = nil, nil
	}
	c.detach(ctx)
}

// detach forgets the extended state of ctx that is in the registers: what is in its memory holds.
func (c *CPU) detach(ctx *proc.Context) {
	if c.extendedOf == ctx {
		c.extendedOf, c.ready = nil, nil
	}
}
