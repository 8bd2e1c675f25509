//go:build cleave

package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"cleave/boot/acpi"
	"cleave/boot/irq"
	"cleave/boot/klog"
	"cleave/boot/x86"
)

// Vectors that are nobody's handler's.
const (
	vectorTimer    = 0xef
	vectorSpurious = 0xff
)

// markTurn is how long a task may run in user mode while the garbage collector marks, in ns, before the collector has its
// turn: a turn takes about three quarters of the time since the last one to come to its share of a quarter.
const markTurn = 350e3

// interrupts is the machine's interrupt controllers, and what to do at an interrupt.
type interrupts struct {
	table   *irq.Table
	ioapics []*ioapic
	isa     [16]acpi.Override // where ISA interrupts go

	guardian *guardian // nil until there are tasks

	mu    sync.Mutex
	names map[uint8]irqName // guarded by mu; by vector

	cpus [1]processor // by the number of the CPU
}

// processor is what the interrupts of one CPU need.
type processor struct {
	cpu   *x86.CPU
	ticks atomic.Uint64 // interrupts of the timer in user mode
	turn  irq.Turn
}

// here returns the processor that this runs on.
func (ic *interrupts) here() *processor { return &ic.cpus[cpuIndex()] }

// irqName is an interrupt as people know it.
type irqName struct {
	gsi  uint32
	name string
}

// ioapic is an I/O APIC in memory.
type ioapic struct {
	*irq.IOAPIC
	gsi  uint32 // of its first input
	regs unsafe.Pointer
}

// Read implements irq.Registers.
func (a *ioapic) Read(offset uint32) uint32 {
	return atomic.LoadUint32((*uint32)(unsafe.Add(a.regs, offset)))
}

// Write implements irq.Registers.
func (a *ioapic) Write(offset, v uint32) {
	atomic.StoreUint32((*uint32)(unsafe.Add(a.regs, offset)), v)
}

// defaultIOAPIC is where PCs have their I/O APIC, for machines without ACPI tables.
const defaultIOAPIC = 0xfec00000

// newInterrupts sets up the I/O APICs that t tells of; t is nil on a machine without ACPI.
func newInterrupts(t *acpi.Tables) *interrupts {
	ic := &interrupts{table: irq.NewTable(endOfInterrupt), names: make(map[uint8]irqName)}
	list := []acpi.IOAPIC{{Address: defaultIOAPIC}}
	if t != nil && len(t.IOAPICs) > 0 {
		list = t.IOAPICs
	}
	for _, d := range list {
		regs := mapDevice(d.Address, 0x20)
		if regs == nil {
			kernelLog.Printf(klog.Error, "interrupts: the I/O APIC at %#x is out of reach", d.Address)
			continue
		}
		a := &ioapic{gsi: d.GSI, regs: regs}
		a.IOAPIC = irq.NewIOAPIC(a)
		ic.ioapics = append(ic.ioapics, a)
	}
	for i := range ic.isa {
		ic.isa[i].GSI = uint32(i)
	}
	if t != nil {
		for _, o := range t.Overrides {
			if int(o.Source) < len(ic.isa) {
				ic.isa[o.Source] = o
			}
		}
	}
	return ic
}

// Handle has fn called for the interrupts of a global system interrupt, an input of the I/O APICs. The name is that of
// the device.
func (ic *interrupts) Handle(name string, gsi uint32, level, activeLow bool, fn irq.Handler) error {
	vector, err := ic.table.Add(fn, level)
	if err != nil {
		return err
	}
	for _, a := range ic.ioapics {
		if gsi >= a.gsi && a.Route(int(gsi-a.gsi), vector, level, activeLow, 0) {
			ic.mu.Lock()
			ic.names[vector] = irqName{gsi, name}
			ic.mu.Unlock()
			return nil
		}
	}
	return fmt.Errorf("interrupts: no I/O APIC has input %d", gsi)
}

// HandleISA has fn called for an ISA interrupt, 0 to 15.
func (ic *interrupts) HandleISA(name string, n int, fn irq.Handler) error {
	o := ic.isa[n]
	return ic.Handle(name, o.GSI, o.Level, o.ActiveLow, fn)
}

// start lets interrupts come and starts the goroutine that handles those of idle times.
func (ic *interrupts) start(cpu *x86.CPU) {
	ic.here().cpu = cpu
	cpu.Timer.Words = timerWords()
	cpu.Timer.Set = ic.setTimer
	pollInit()
	desc, errno := pollOpen(0)
	if errno != 0 {
		panic(fmt.Sprintf("interrupts: poller: error %d", errno))
	}
	useCPU(cpu.Pending(), &cpu.Timer.Seen[0])
	go func() {
		for {
			pollReset(desc, 'r')
			if set := takePending(); set != [4]uint64{} {
				ic.handle(set)
				continue
			}
			pollWait(desc, 'r')
		}
	}()
}

// handle handles the vectors that have a bit in set.
func (ic *interrupts) handle(set [4]uint64) {
	if set[0]&(1<<32-1) != 0 { // exceptions; only an NMI can be meant
		set[0] &^= 1<<32 - 1
		kernelLog.Printf(klog.Error, "interrupts: a non-maskable interrupt; the hardware may have failed")
	}
	set[vectorSpurious/64] &^= 1 << (vectorSpurious % 64)
	ic.table.DispatchAll(set)
}

// Interrupt handles an interrupt that came in user mode. It implements proc.Interrupts: it reports whether the task has
// had its tick. Whom the interrupt has woken runs before the task goes on.
func (ic *interrupts) Interrupt(vector uint32) bool {
	switch vector {
	case vectorTimer:
		timerFired()
		p := ic.here()
		p.ticks.Add(1)
		if ic.guardian != nil {
			ic.guardian.look()
		}
		if p.turn.Over(monotonic()) {
			return true
		}
		runtime.Gosched() // a timer of the runtime is due, or the collector's turn, which its scheduler sees to
	case vectorSpurious:
	default:
		ic.table.Dispatch(uint8(vector))
		if othersReady() {
			runtime.Gosched()
		}
	}
	return false
}

// setTimer sets the timer to the next timer of the runtime, or the end of the tick, before user mode is entered.
func (ic *interrupts) setTimer() {
	p := ic.here()
	t := &p.cpu.Timer
	t.Seen = [2]int64{*t.Words[0], *t.Words[1]}
	if at := nextTimer(); at != 0 {
		armTimer(at)
	}
	armTimer(p.turn.Enter(monotonic()))
	if atomic.LoadUint32(&gcMarking) != 0 {
		armTimer(monotonic() + markTurn)
	}
}
