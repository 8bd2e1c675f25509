//go:build cleave

package main

import (
	"cleave/boot/acpi"
	"cleave/boot/klog"
)

// machine knows how to end.
type machine struct {
	acpi *acpi.Tables // nil if there is no ACPI
}

// readACPI reads the ACPI tables, or returns nil if there are none.
func readACPI() *acpi.Tables {
	_, _, limit := frameCounts()
	mem := func(address uint64, n int) []byte {
		if address >= 1<<32 && address+uint64(n) > limit || address+uint64(n) < address {
			return nil
		}
		if mapDevice(address, uint64(n)) == nil { // the memory map may not count it as RAM
			return nil
		}
		return physical(address, n)
	}
	rsdp := acpi.Find(mem, startInfo.RSDP)
	if rsdp == 0 {
		return nil
	}
	t, err := acpi.Read(mem, rsdp)
	if err != nil {
		kernelLog.Printf(klog.Warning, "%v", err)
	}

	return t
}

// powerOff ends the machine with the exit status of the first process.
func (m *machine) powerOff(status uint8) {
	reportExit(status)
	m.softOff()
	haltForever()
}

// softOff is ACPI's state S5. It returns if the machine doesn't have it.
func (m *machine) softOff() {
	t := m.acpi
	if t == nil || !t.HaveSleepType {
		return
	}
	const (
		reducedEnable = 1 << 5  // ACPI 4.8.3.7; the type is at bit 2
		legacyEnable  = 1 << 13 // ACPI 4.8.3.2.1; the type is at bit 10
	)
	if t.SleepControl.Address != 0 {
		writeRegister(t.SleepControl, t.SleepTypeA<<2|reducedEnable)
		return
	}
	if t.PM1a.Address != 0 {
		outw(uint16(t.PM1a.Address), uint16(t.SleepTypeA)<<10|legacyEnable)
	}
	if t.PM1b.Address != 0 {
		outw(uint16(t.PM1b.Address), uint16(t.SleepTypeB)<<10|legacyEnable)
	}
}

// reboot resets the machine.
func (m *machine) reboot() {
	if t := m.acpi; t != nil && t.Reset.Address != 0 {
		writeRegister(t.Reset, t.ResetValue)
	}
	resetMachine()
}

// writeRegister writes a register of one byte.
func writeRegister(r acpi.Register, v uint8) {
	if r.IO {
		outb(uint16(r.Address), v)
		return
	}
	if p := mapDevice(r.Address, 1); p != nil {
		*(*uint8)(p) = v
	}
}
