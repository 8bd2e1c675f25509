// Package acpi reads the few ACPI tables that the kernel needs: how to power off and reset the machine (FADT, DSDT), and
// where the interrupt controllers are (MADT). It does not interpret AML. Sections are those of the ACPI Specification 6.5.
package acpi

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// Memory reads physical memory: it returns the n bytes at address, or nil if there is no such memory.
type Memory func(address uint64, n int) []byte

// Register is a register of the machine (Generic Address Structure, 5.2.3.2).
type Register struct {
	IO      bool // an I/O port, else memory
	Address uint64
}

// Override says that the ISA interrupt Source goes to another input of the interrupt controllers (5.2.12.5).
type Override struct {
	Source    uint8
	GSI       uint32 // global system interrupt: the number of the input
	ActiveLow bool
	Level     bool
}

// IOAPIC is an interrupt controller, whose inputs count from GSI on (5.2.12.3).
type IOAPIC struct {
	Address uint64
	GSI     uint32
}

// Tables is what the tables tell. A register with address 0 does not exist.
type Tables struct {
	PM1a, PM1b    Register // power management control (4.8.3.2)
	SleepControl  Register // of a machine of reduced hardware (4.8.3.7), which has no PM1
	Reset         Register
	ResetValue    uint8
	SleepTypeA    uint8 // what to write for S5, soft off
	SleepTypeB    uint8
	HaveSleepType bool

	LocalAPIC uint64
	IOAPICs   []IOAPIC
	Overrides []Override
}

// maxTable is how many bytes of a table are looked at, maxTables how many tables.
const (
	maxTable   = 1 << 20
	maxTables  = 256
	headerSize = 36
)

var le = binary.LittleEndian

// Find returns the address of the root pointer (5.2.5.1): at hint, or if that is 0 in the firmware's part of memory. It
// returns 0 if there is none.
func Find(mem Memory, hint uint64) uint64 {
	if hint != 0 {
		return hint
	}
	const start, end = 0xe0000, 0x100000
	area := mem(start, end-start)
	for i := 0; i+20 <= len(area); i += 16 {
		if bytes.HasPrefix(area[i:], []byte("RSD PTR ")) && sum(area[i:i+20]) == 0 {
			return start + uint64(i)
		}
	}
	return 0
}

// Read reads the tables, beginning with the root pointer at rsdp.
func Read(mem Memory, rsdp uint64) (*Tables, error) {
	p := mem(rsdp, 36)
	if len(p) < 36 || string(p[:8]) != "RSD PTR " || sum(p[:20]) != 0 {
		return nil, errors.New("acpi: no root pointer")
	}
	root, width := uint64(le.Uint32(p[16:])), 4
	if xsdt := le.Uint64(p[24:]); p[15] >= 2 && xsdt != 0 {
		root, width = xsdt, 8
	}
	list := table(mem, root)
	if list == nil {
		return nil, errors.New("acpi: the root table is damaged")
	}
	t := new(Tables)
	list = list[headerSize:]
	for i := 0; i < maxTables && len(list) >= width; i++ {
		address := uint64(le.Uint32(list))
		if width == 8 {
			address = le.Uint64(list)
		}
		list = list[width:]
		body := table(mem, address)
		if body == nil {
			continue
		}
		switch string(body[:4]) {
		case "FACP":
			t.fadt(mem, body)
		case "APIC":
			t.madt(body)
		}
	}
	return t, nil
}

// table returns the table at address with its header, or nil if its length or checksum is wrong.
func table(mem Memory, address uint64) []byte {
	h := mem(address, headerSize)
	if address == 0 || len(h) < headerSize {
		return nil
	}
	n := le.Uint32(h[4:])
	if n < headerSize || n > maxTable {
		return nil
	}
	b := mem(address, int(n))
	if len(b) != int(n) || sum(b) != 0 {
		return nil
	}
	return b
}

func sum(b []byte) (s uint8) {
	for _, c := range b {
		s += c
	}
	return s
}

// fadt reads the Fixed ACPI Description Table (5.2.9).
func (t *Tables) fadt(mem Memory, b []byte) {
	if len(b) < 116 {
		return
	}
	const reduced, resettable = 1 << 20, 1 << 10
	flags := le.Uint32(b[112:])
	dsdt := uint64(le.Uint32(b[40:]))
	if len(b) >= 148 {
		if x := le.Uint64(b[140:]); x != 0 {
			dsdt = x
		}
	}
	if flags&resettable != 0 && len(b) >= 129 {
		t.Reset, t.ResetValue = register(b[116:]), b[128]
	}
	if flags&reduced != 0 {
		if len(b) >= 256 {
			t.SleepControl = register(b[244:])
		}
	} else {
		t.PM1a = Register{true, uint64(le.Uint32(b[64:]))}
		t.PM1b = Register{true, uint64(le.Uint32(b[68:]))}
	}
	if d := table(mem, dsdt); d != nil {
		t.sleepType(d)
	}
}

// register reads a Generic Address Structure. Of its address spaces, only memory (0) and I/O ports (1) are known.
func register(b []byte) Register {
	if b[0] > 1 {
		return Register{}
	}
	return Register{IO: b[0] == 1, Address: le.Uint64(b[4:])}
}

// sleepType finds the package \_S5 in the AML of the DSDT (7.4.2): a name, a package operator (0x12), its length in one
// to four bytes, the number of elements, and the elements, each a byte with a prefix (0x0a) or the constants 0 and 1.
func (t *Tables) sleepType(aml []byte) {
	i := bytes.Index(aml, []byte("_S5_\x12"))
	if i < 0 || i+6 >= len(aml) {
		return
	}
	b := aml[i+5:]
	b = b[min(1+int(b[0]>>6)+1, len(b)):]
	if t.SleepTypeA, b, t.HaveSleepType = amlByte(b); t.HaveSleepType {
		t.SleepTypeB, _, _ = amlByte(b)
	}
}

func amlByte(b []byte) (v uint8, rest []byte, ok bool) {
	switch {
	case len(b) >= 2 && b[0] == 0x0a:
		return b[1], b[2:], true
	case len(b) >= 1 && b[0] <= 1:
		return b[0], b[1:], true
	}
	return 0, nil, false
}

// madt reads the Multiple APIC Description Table (5.2.12).
func (t *Tables) madt(b []byte) {
	if len(b) < 44 {
		return
	}
	t.LocalAPIC = uint64(le.Uint32(b[36:]))
	for b = b[44:]; len(b) >= 2; {
		n := int(b[1])
		if n < 2 || n > len(b) {
			return
		}
		e := b[:n]
		b = b[n:]
		switch {
		case e[0] == 1 && n >= 12:
			t.IOAPICs = append(t.IOAPICs, IOAPIC{uint64(le.Uint32(e[4:])), le.Uint32(e[8:])})
		case e[0] == 2 && n >= 10:
			flags := le.Uint16(e[8:]) // 2 bits each: 0 as the bus has it, 1 high or edge, 3 low or level
			t.Overrides = append(t.Overrides, Override{e[3], le.Uint32(e[4:]), flags&3 == 3, flags>>2&3 == 3})
		case e[0] == 5 && n >= 12:
			t.LocalAPIC = le.Uint64(e[4:])
		}
	}
}
