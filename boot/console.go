//go:build cleave

package main

import "unsafe"

// serialPort is the registers of a serial port. It implements uart.Registers.
type serialPort uint16

// COM1, the first serial port of a PC.
const (
	com1          serialPort = 0x3f8
	com1Interrupt            = 4 // ISA
	serialBaud               = 115200
)

// Read implements uart.Registers.
func (p serialPort) Read(reg uint8) uint8 { return inb(uint16(p) + uint16(reg)) }

// Write implements uart.Registers.
func (p serialPort) Write(reg, v uint8) { outb(uint16(p)+uint16(reg), v) }

// WriteAll implements uart.Registers.
func (p serialPort) WriteAll(reg uint8, b []byte) {
	outsb(uint16(p)+uint16(reg), unsafe.Pointer(unsafe.SliceData(b)), len(b))
}
