package irq

import "sync"

// Registers gives access to the registers of an I/O APIC, by their offset in bytes.
type Registers interface {
	Read(offset uint32) uint32
	Write(offset uint32, v uint32)
}

// The registers of an I/O APIC (Intel 82093AA data sheet, 3): an index and a window, behind which the others are.
const (
	ioSelect  = 0x00
	ioWindow  = 0x10
	ioVersion = 0x01
	ioTable   = 0x10 // two registers for each input
)

// The bits of the lower half of an input's entry; the upper half has the destination in its upper byte.
const (
	entryLow    = 1 << 13
	entryLevel  = 1 << 15
	entryMasked = 1 << 16
)

// IOAPIC is an I/O APIC.
type IOAPIC struct {
	mu   sync.Mutex
	regs Registers
	pins int
}

// NewIOAPIC returns the I/O APIC with all its inputs masked.
func NewIOAPIC(regs Registers) *IOAPIC {
	a := &IOAPIC{regs: regs}
	a.pins = int(a.read(ioVersion)>>16&0xff) + 1
	for pin := range a.pins {
		a.write(ioTable+2*uint32(pin), entryMasked)
	}
	return a
}

// Pins returns how many inputs there are.
func (a *IOAPIC) Pins() int { return a.pins }

// Route has the input raise the vector on the CPU whose local APIC has the number cpu, and reports whether there is such
// an input.
func (a *IOAPIC) Route(pin int, vector uint8, level, activeLow bool, cpu uint8) bool {
	if pin < 0 || pin >= a.pins {
		return false
	}
	v := uint32(vector)
	if level {
		v |= entryLevel
	}
	if activeLow {
		v |= entryLow
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.write(ioTable+2*uint32(pin)+1, uint32(cpu)<<24)
	a.write(ioTable+2*uint32(pin), v)
	return true
}

func (a *IOAPIC) read(reg uint32) uint32 {
	a.regs.Write(ioSelect, reg)
	return a.regs.Read(ioWindow)
}

func (a *IOAPIC) write(reg, v uint32) {
	a.regs.Write(ioSelect, reg)
	a.regs.Write(ioWindow, v)
}
