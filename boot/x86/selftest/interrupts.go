//go:build cleave

package main

import (
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"cleave/boot/x86"
	"cleave/proc"
)

var interruptTests = []test{
	{"the timer ends a user's endless loop", timerCuts},
	{"every interrupt vector ends user mode", allVectors},
	{"every interrupt vector is marked in ring 0", allPending},
	{"an NMI in ring 0 is marked", nmi},
	{"time passes while the kernel sleeps", sleep},
}

// The runtime's timer: a one-shot interrupt at a time of nanotime, and what its interrupt calls.
//
//go:linkname bareArm runtime.bareArm
func bareArm(deadline int64)

//go:linkname bareTimerFired runtime.bareTimerFired
func bareTimerFired()

//go:linkname bareEOI runtime.bareEOI
func bareEOI()

//go:linkname nanotime runtime.nanotime
func nanotime() int64

// Registers of the local APIC (SDM vol. 3, 12.4.1).
const (
	lapic       = directMap + 0xfee0_0000
	lapicID     = lapic + 0x20
	lapicICR    = lapic + 0x300
	lapicICRTo  = lapic + 0x310
	icrAssert   = 1 << 14
	icrNMI      = 4 << 8
	timerVector = 0xef

	spuriousVector = 0xff // takes no EOI, so it is not sent
)

// interruptSelf sends an interrupt to this processor. It names itself by number, as the shorthand for "self" is valid for
// fixed interrupts only (SDM vol. 3, table 12-3).
func interruptSelf(command uint32) {
	id := atomic.LoadUint32((*uint32)(unsafe.Pointer(uintptr(lapicID))))
	atomic.StoreUint32((*uint32)(unsafe.Pointer(uintptr(lapicICRTo))), id)
	atomic.StoreUint32((*uint32)(unsafe.Pointer(uintptr(lapicICR))), command|icrAssert)
}

func timerCuts(m *machine) error {
	m.load(spin)
	c := m.task()
	c.EAX = 0xabcd
	for range 3 {
		start := nanotime()
		bareArm(start + int64(5*time.Millisecond))
		t := m.enter(c)
		bareTimerFired()
		took := time.Duration(nanotime() - start)
		if t.Vector != timerVector || c.EIP != codeAddr || c.EAX != 0xabcd || took < 4*time.Millisecond || took > time.Second {
			return fmt.Errorf("trap %#x at %#x after %v", t.Vector, c.EIP, took)
		}
	}
	return nil
}

func allVectors(m *machine) error {
	m.load(spin)
	c := m.task()
	for v := uint32(proc.VectorInterrupts); v < spuriousVector; v++ {
		interruptSelf(v)
		t := m.enter(c)
		bareEOI()
		if err := expectTrap(c, t, v, 0, codeAddr); err != nil {
			return fmt.Errorf("vector %#x: %w", v, err)
		}
	}
	return nil
}

func allPending(m *machine) error {
	p := m.cpu.Pending()
	for v := uint32(proc.VectorInterrupts); v < spuriousVector; v++ {
		if v == proc.VectorSyscall {
			continue // its entry takes it for granted that it is INT 0x80: no device may have it
		}
		*p = [4]uint64{}
		interruptSelf(v)
		window()
		bareEOI()
		var want [4]uint64
		want[v/64] = 1 << (v % 64)
		if *p != want {
			return fmt.Errorf("vector %#x: pending %x", v, *p)
		}
	}
	*p = [4]uint64{}
	return nil
}

func nmi(m *machine) error {
	p := m.cpu.Pending()
	*p = [4]uint64{}
	interruptSelf(icrNMI)
	for range 1000 {
		if p[0] != 0 {
			break
		}
	}
	got := *p
	*p = [4]uint64{}
	return expect("pending", got, [4]uint64{1 << 2})
}

func sleep(m *machine) error {
	start := nanotime()
	time.Sleep(20 * time.Millisecond)
	if took := time.Duration(nanotime() - start); took < 20*time.Millisecond || took > 5*time.Second {
		return fmt.Errorf("slept %v", took)
	}
	return nil
}

// kernelFault is an exception in ring 0 that must be reported.
type kernelFault struct {
	vector uint64
	addr   func(m *machine) uint64 // CR2, if it matters
	cause  func(m *machine) (skipped string)
}

func at(addr uint64) func(*machine) uint64 { return func(*machine) uint64 { return addr } }

var faults = map[string]kernelFault{
	"nil": {proc.VectorPageFault, at(0), func(*machine) string { peek(0); return "" }},
	"smap": {proc.VectorPageFault, at(dataAddr), func(m *machine) string {
		if !m.cpu.Features.SMAP {
			return "no SMAP"
		}
		m.cpu.Activate(m.root)
		m.data[0] = 1
		peek(dataAddr)
		return ""
	}},
	"smep": {proc.VectorPageFault, at(codeAddr), func(m *machine) string {
		if !m.cpu.Features.SMEP {
			return "no SMEP"
		}
		m.load(code(0xc3))
		m.cpu.Activate(m.root)
		jump(codeAddr)
		return ""
	}},
	"text":  {proc.VectorPageFault, textAddr, func(m *machine) string { poke(uintptr(textAddr(m))); return "" }},
	"stack": {8, nil, func(*machine) string { loseStack(); return "" }},
	"after": {proc.VectorPageFault, at(0), func(m *machine) string { m.run(int80); m.run(spin[:0]); peek(0); return "" }},
	"entry": {proc.VectorInvalidOp, nil, func(*machine) string { jump(uintptr(textAddr(nil))); return "" }},
}

// textAddr is an address in the kernel's code: that of user_amd64.s's first instruction, which is invalid.
func textAddr(*machine) uint64 { return uint64(x86.UserAccessStart()) }
