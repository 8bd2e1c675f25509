package proc

import (
	"runtime"
	"sync/atomic"

	"cleave/abi"
	"cleave/mm"
)

// Interrupts is how the kernel's loop hands on interrupts that came while a task was in user mode.
type Interrupts interface {
	// Interrupt serves the device or timer at vector. tick says that the timer fired: the task's slice is over.
	Interrupt(vector uint32) (tick bool)
}

// run is the life of a task: user mode, until a trap; then what the trap asks for. It is the goroutine of the task.
func (t *Task) run() {
	ctx, cpu, calls := t.Ctx, t.k.cpu, Syscaller(t.k.ABI) // once: to find the methods costs as much as a call
	for {
		trap := cpu.Run(ctx, t, calls)
		if trap.Vector != VectorWork {
			t.trap(trap)
		} else if !t.work() {
			return
		}
	}
}

// work does what Context.Work asks for. It reports whether the task lives on.
func (t *Task) work() bool {
	w := t.Ctx.Work.Load()
	switch {
	case w&WorkExit != 0:
		t.finish()
		return false
	case w&WorkTraceEnd != 0:
		t.callEnd()
	case w&WorkYield != 0:
		t.Ctx.Work.And(^uint32(WorkYield))
		t.Yield()
	case w&(WorkSignal|WorkRestart) != 0:
		t.deliver()
	}
	return true
}

// trap handles everything but system calls.
func (t *Task) trap(trap Trap) {
	switch {
	case trap.Vector == VectorPageFault:
		t.pageFault(trap)
	case trap.Vector >= VectorInterrupts:
		t.interrupt(trap.Vector)
	default:
		if trap.Vector == VectorDebug {
			t.debugTrap(trap)
			return
		}
		t.exception(trap)
	}
}

func (t *Task) interrupt(vector uint32) {
	k := t.k
	if k.Interrupts == nil {
		return
	}
	t.charge()
	if k.Interrupts.Interrupt(vector) {
		t.tick()
		return
	}
	t.mark = k.Clock.Monotonic() // others may have run meanwhile
	t.cpuTick()
}

// usage is what a task has used. Only the task writes it.
type usage struct {
	user, system           atomic.Int64 // ns
	faults                 atomic.Int64 // that were resolved
	voluntary, involuntary atomic.Int64
}

// sysPerTrap is the time that charge counts as system time for each trap, in ns.
//
// DIVERGES: Linux reads the clock at every entry and exit or samples it at every tick. Here the time is measured only
// when the task begins and stops running, and at ticks; the part that is the kernel's is an estimate. The sum is exact.
const sysPerTrap = 1000

// charge counts the time since the task was charged last.
func (t *Task) charge() {
	now := t.k.Clock.Monotonic()
	d := now - t.mark
	t.mark = now
	sys := min(d, int64(t.Ctx.Traps)*sysPerTrap)
	t.Ctx.Traps = 0
	t.usage.system.Store(t.usage.system.Load() + sys)
	t.usage.user.Store(t.usage.user.Load() + d - sys)
}

// suspend is called before a task sleeps, resume after.
func (t *Task) suspend() {
	t.charge()
	t.usage.voluntary.Add(1)
	t.k.running.Add(-1)
	t.asleep.Store(true)
}

func (t *Task) resume() {
	k := t.k
	t.asleep.Store(false)
	t.mark = k.Clock.Monotonic()
	if k.running.Add(1) > 1 && t.mark-k.lastYield.Load() > maxTurn {
		t.Ctx.Work.Or(WorkYield)
	}
}

// maxTurn is how long tasks may hand the CPU to each other by waking and sleeping, in ns, before one of them gives those
// a turn that wait for it without ever sleeping. The timer does not see to that: such tasks hardly are in user mode.
const maxTurn = 8e6

// Sleeping reports whether the task sleeps in the kernel.
func (t *Task) Sleeping() bool { return t.asleep.Load() }

// tick is the timer's interrupt in user mode: accounts, limits, and the next one's turn.
func (t *Task) tick() {
	t.charge()
	t.cpuTick()
	t.k.load.sample(t.k)
	if t.slice--; t.slice > 0 {
		return
	}
	t.usage.involuntary.Add(1)
	for n := turnsPassed(t.nice.Load()); n > 0 && t.k.running.Load() > 1; n-- {
		runtime.Gosched()
	}
	t.Yield()
}

// Yield is sched_yield(2): all other tasks that can run have their turn first.
func (t *Task) Yield() {
	t.charge()
	t.slice = sliceTicks(t.nice.Load())
	runtime.Gosched()
	t.mark = t.k.Clock.Monotonic()
	t.k.lastYield.Store(t.mark)
}

// fault resolves a page fault, or raises the signal for it.
func (t *Task) pageFault(trap Trap) {
	for {
		err := t.mm.Fault(trap.Addr, mm.Access(trap.Error))
		if err == nil {
			t.usage.faults.Add(1)
			if t.Ctx.Work.Load()&WorkLimited != 0 {
				t.KeepLimits()
			}
			return
		}
		if err == abi.ENOMEM && t.makeRoom() {
			continue
		}
		t.fault = faultInfo{trap.Vector, trap.Error, trap.Addr}
		info := SigInfo{Signo: abi.SIGSEGV, Code: abi.SI_KERNEL, Addr: trap.Addr}
		if f, ok := err.(*mm.FaultError); ok {
			info.Signo, info.Code = Signal(f.Signal), f.Code
		}
		t.Force(&info)
		return
	}
}

// exceptions maps the CPU's exceptions to signals, as Linux does (arch/x86 traps; sigaction(2) for the codes). The debug
// exception has debugTrap.
var exceptions = [32]struct {
	sig  Signal
	code int32
}{
	VectorDivide:     {abi.SIGFPE, abi.FPE_INTDIV},
	VectorBreakpoint: {abi.SIGTRAP, abi.SI_KERNEL},
	VectorOverflow:   {abi.SIGSEGV, abi.SI_KERNEL},
	VectorBound:      {abi.SIGSEGV, abi.SI_KERNEL},
	VectorInvalidOp:  {abi.SIGILL, abi.ILL_ILLOPN},
	VectorNoFPU:      {abi.SIGSEGV, abi.SI_KERNEL},
	VectorInvalidTSS: {abi.SIGSEGV, abi.SI_KERNEL},
	VectorNotPresent: {abi.SIGBUS, abi.SI_KERNEL},
	VectorStack:      {abi.SIGBUS, abi.SI_KERNEL},
	VectorProtection: {abi.SIGSEGV, abi.SI_KERNEL},
	VectorFPU:        {abi.SIGFPE, abi.FPE_FLTINV},
	VectorAlignment:  {abi.SIGBUS, abi.BUS_ADRALN},
	VectorSIMD:       {abi.SIGFPE, abi.FPE_FLTINV},
}

// exception raises the signal for an exception.
func (t *Task) exception(trap Trap) {
	e := exceptions[trap.Vector&31]
	if e.sig == 0 {
		e.sig, e.code = abi.SIGSEGV, abi.SI_KERNEL
	}
	info := SigInfo{Signo: e.sig, Code: e.code}
	switch trap.Vector {
	case VectorDivide, VectorInvalidOp, VectorFPU, VectorSIMD:
		info.Addr = t.Ctx.EIP
	}
	switch trap.Vector {
	case VectorFPU, VectorSIMD:
		info.Code = fpuCode(t.k.cpu.SaveFPU(t.Ctx), trap.Vector == VectorSIMD)
	}
	t.fault = faultInfo{vector: trap.Vector, err: trap.Error}
	t.Force(&info)
}
