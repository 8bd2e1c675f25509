package proc

import (
	"sync/atomic"

	"cleave/mm/frame"
)

// Regs are the registers of user mode, in the order in which a trap entry stores them, lowest address first: it pushes
// the general registers below the vector and the error code, and the CPU has pushed the rest (Intel SDM vol. 3, 6.14.2).
// Every register has a slot of eight bytes, whose upper half is always zero for a 32-bit program.
type Regs struct {
	EDI uint32
	_   uint32
	ESI uint32
	_   uint32
	EBP uint32
	_   uint32
	EBX uint32
	_   uint32
	EDX uint32
	_   uint32
	ECX uint32
	_   uint32
	EAX uint32
	_   uint32

	Vector uint32 // of the last trap
	_      uint32
	Error  uint32 // the error code that the CPU pushed, or 0
	_      uint32

	EIP    uint32
	_      uint32
	CS     uint32
	_      uint32
	EFLAGS uint32
	_      uint32
	ESP    uint32
	_      uint32
	SS     uint32
	_      uint32
}

// FPUSize is the room for the extended state of a context in bytes: the XSAVE area of x87, SSE and AVX (832 bytes), its
// growth, and 64 bytes to align its start.
const FPUSize = 1024 + 64

// Context is what a CPU holds for one task in user mode. It has no pointers and is allocated by itself, so the Go heap
// aligns it to 16 bytes, as the CPU demands of the stack it pushes a trap frame on: the end of Regs lies at 112.
type Context struct {
	Regs
	XMM [8][16]byte // saved by every trap from user mode, for the kernel's Go code uses these registers

	MXCSR uint32 // the user's; the kernel runs with its own
	DS    uint16 // what they are since the last trap
	ES    uint16
	FS    uint16
	GS    uint16

	// Work says what the task has to do before it goes on in user mode. Other tasks set bits; Run tests WorkReturn with
	// interrupts off, so that none is overlooked.
	Work atomic.Uint32

	Root    frame.PFN // the page table that Run makes active: CR3 is Root.Addr()
	Landing uint32    // where a fast system call returns to: the end of the vDSO's __kernel_vsyscall
	TLS     [3]uint64 // descriptors of GDT entries 12, 13, 14 (SDM vol. 3, 3.4.5), 0 if unused

	DR  [4]uint32 // the debug registers of breakpoints, and DR7, 0 for none (SDM vol. 3, 17.2.4); see SetDebugRegister
	DR7 uint32

	Traps uint32 // how often user mode was left; the task takes note and sets it back

	Machine [3]uint64 // notes of the CPU while it runs the context; of no meaning to anyone else, never copied

	FPU [FPUSize]byte // the CPU's own format; use CPU.SaveFPU to read it
}

// Trap says why user mode was left.
type Trap struct {
	Vector uint32
	Error  uint32 // page fault: PF bits of SDM vol. 3, 4.7; general protection: the selector; debug: bits of DR6 that say why
	Addr   uint32 // page fault: the address that was touched (CR2)
}

// The vectors of traps. 0 to 31 are the CPU's exceptions (SDM vol. 3, 6.3.1); 32 and above, but for VectorSyscall, are
// interrupts of devices and of the timer.
const (
	VectorDivide      = 0  // #DE
	VectorDebug       = 1  // #DB
	VectorBreakpoint  = 3  // #BP
	VectorOverflow    = 4  // #OF
	VectorBound       = 5  // #BR
	VectorInvalidOp   = 6  // #UD
	VectorNoFPU       = 7  // #NM
	VectorInvalidTSS  = 10 // #TS
	VectorNotPresent  = 11 // #NP
	VectorStack       = 12 // #SS
	VectorProtection  = 13 // #GP
	VectorPageFault   = 14 // #PF
	VectorFPU         = 16 // #MF
	VectorAlignment   = 17 // #AC
	VectorSIMD        = 19 // #XM
	VectorInterrupts  = 32 // the first interrupt
	VectorSyscall     = 0x80
	VectorSysenter    = 0x100 // SYSENTER: EIP and ESP are those of the vDSO's landing pad
	VectorSyscallInsn = 0x101 // SYSCALL in compatibility mode, likewise
	VectorWork        = 0x1ff // no trap: there was work
)

// The bits of Context.Work.
const (
	WorkSignal    = 1 << iota // there may be a signal to deliver, or the thread group stops or exits
	WorkRestart               // the system call that has just ended asks for a restart
	WorkExit                  // the task exits
	WorkYield                 // its slice of the CPU is over
	WorkTrace                 // system calls are traced (kernel argument trace=)
	WorkSeccomp               // system calls are filtered
	WorkLimited               // memory is limited: look at its limits after system calls and page faults
	WorkTraceCall             // a tracer is to be told of the next system call
	WorkTraceEnd              // and of the end of the one that has just ended

	WorkReturn = WorkSignal | WorkRestart | WorkExit | WorkYield | WorkTraceEnd // keep the task out of user mode
	WorkEntry  = WorkTrace | WorkSeccomp | WorkLimited | WorkTraceCall          // concern system calls
)

// The bits of a page fault's error code (SDM vol. 3, 4.7).
const (
	PFPresent = 1 << 0 // the page is mapped, its rights forbid the access
	PFWrite   = 1 << 1
	PFUser    = 1 << 2
	PFFetch   = 1 << 4
)

// The selectors of user mode, as a 64-bit Linux kernel shows them to an i386 program, and the TLS entries of the GDT.
const (
	UserCS      = 0x23
	UserDS      = 0x2b
	TLSFirst    = 12 // GDT entries TLSFirst to TLSFirst+len(Context.TLS)-1
	EFLAGSFixed = 1 << 1
	EFLAGSTF    = 1 << 8
	EFLAGSIF    = 1 << 9
	EFLAGSDF    = 1 << 10
	EFLAGSRF    = 1 << 16
	EFLAGSAC    = 1 << 18

	// EFLAGSUser are the flags that a user may have: CF PF AF ZF SF TF DF OF NT RF AC ID (SDM vol. 1, 3.4.3). IF is always
	// set; IOPL, VM, VIF and VIP never are. NT does no harm: all entries clear it.
	EFLAGSUser = 0x4dd5 | EFLAGSRF | EFLAGSAC | 1<<21
)

// Sanitize makes the segments of code and stack and the flags what user mode may have. Whoever takes them from a program
// or a tracer calls it; Run does so once, and not between two system calls.
func (r *Regs) Sanitize() {
	r.CS, r.SS = UserCS, UserDS
	r.EFLAGS = r.EFLAGS&EFLAGSUser | EFLAGSFixed | EFLAGSIF
}

// dataSegment reports whether a selector names a TLS entry with a segment of privilege 3 that can be written (SDM vol. 3,
// 3.4.5), as SS has to be.
func (c *Context) dataSegment(sel uint32) bool {
	i := sel>>3 - TLSFirst
	const writable, code, present = 1 << 41, 1 << 43, 1 << 47
	return sel&7 == 3 && i < uint32(len(c.TLS)) && c.TLS[i]&(writable|code|present) == writable|present
}

// Syscaller carries out the system calls that Run meets.
type Syscaller interface {
	// Syscall carries out the system call in t.Ctx. It sets t.SyscallNr before and t.Ctx.EAX after, honours WorkEntry,
	// and for a result of abi.ERESTART* calls t.SetRestart.
	Syscall(t *Task)
}

// CPU is what the kernel needs of a processor. boot/x86 implements it; host tests script it. Its methods are called on
// the goroutine of the task that owns the context, or by its tracer while the task stands still.
type CPU interface {
	// Run goes to user mode with the registers of c, the context of t, and comes back at a trap, with the registers in c.
	// System calls it hands to calls, and goes on. It loads the TLS descriptors and the extended state first if c was not
	// the last context to run on this CPU. If any of WorkReturn is set in c.Work before it would enter user mode, it
	// returns VectorWork.
	Run(c *Context, t *Task, calls Syscaller) Trap

	// Interrupt makes a CPU that runs c leave user mode soon, because another task has set bits of c.Work. With one CPU
	// there is nothing to do: who sets them keeps c from running. Any goroutine may call it, with any lock held.
	Interrupt(c *Context)

	// InitFPU gives c the state in which a program starts: x87 control word 0x37f, MXCSR 0x1f80, the rest zero.
	InitFPU(c *Context)

	// CopyFPU makes the extended state of dst (which has never run) that of src, XMM and MXCSR included.
	CopyFPU(dst, src *Context)

	// SaveFPU brings the extended state to memory and returns it: an XSAVE image in the standard format, of which
	// the first 512 bytes are what FXSAVE stores (SDM vol. 1, 13.4). It stays valid until the next Run. Its capacity has
	// a word more, which is the caller's.
	SaveFPU(c *Context) []byte

	// FPUBuffer returns the room of that image, of undefined content, so that a new state can be put there; the old one
	// is lost. To change a part, take SaveFPU's.
	FPUBuffer(c *Context) []byte

	// LoadFPU takes the image that SaveFPU or FPUBuffer returned, after it was changed. It masks bits that the CPU
	// would refuse.
	LoadFPU(c *Context)

	// Reload says that TLS, a segment selector, a debug register or Root of c was changed.
	Reload(c *Context)

	// Release says that c never runs again.
	Release(c *Context)
}
