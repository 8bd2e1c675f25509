//go:build cleave

package main

import (
	"fmt"
	"unsafe"

	"cleave/abi"
	"cleave/boot/klog"
	"cleave/drivers/uart"
	"cleave/fs"
	"cleave/fs/dev"
	"cleave/fs/tty"
	"cleave/proc"
)

// devTTYS0 is the device number of the first serial port (Linux's Documentation/admin-guide/devices.txt).
var devTTYS0 = fs.MakeDev(4, 64)

// rawTermios are the settings of a console for a program whose input and output are no terminal (console=ttyS0,raw): all
// characters pass through, but for the end of input and the one that takes away the meaning of the next.
var rawTermios = abi.Termios{
	Cflag: abi.B115200 | abi.CS8 | abi.CREAD | abi.HUPCL,
	Lflag: abi.ICANON | abi.IEXTEN,
	Cc:    [abi.CC]uint8{abi.VEOF: 4, abi.VMIN: 1, abi.VLNEXT: 22},
}

// serialPort is the registers of a serial port. It implements uart.Registers.
type serialPort uint16

// COM1, the first serial port of a PC.
const (
	com1          = serialPort(0x3f8)
	com1Interrupt = 4 // ISA
	serialBaud    = 115200
)

// Read implements uart.Registers.
func (p serialPort) Read(reg uint8) uint8 { return inb(uint16(p) + uint16(reg)) }

// Write implements uart.Registers.
func (p serialPort) Write(reg, v uint8) { outb(uint16(p)+uint16(reg), v) }

// WriteAll implements uart.Registers.
func (p serialPort) WriteAll(reg uint8, b []byte) {
	outsb(uint16(p)+uint16(reg), unsafe.Pointer(unsafe.SliceData(b)), len(b))
}

// makeConsole makes the terminal on the serial port, and the devices.
func (k *kernel) makeConsole() error {
	port, err := uart.New(com1, serialBaud)
	if err != nil {
		return fmt.Errorf("console: no serial port: %w", err)
	}
	k.port = port
	k.console = tty.NewTTY(k.args.Console, devTTYS0, port)
	if k.args.RawConsole {
		k.console.SetInitial(rawTermios)
	}
	port.Attach(k.console)
	if err := k.irq.HandleISA(k.console.Name(), com1Interrupt, port.Interrupt); err != nil {
		return err
	}
	_, err = dev.Register(k.vfs, k.users, dev.Config{
		Random: k.random.Read, Log: messages{kernelLog}, Console: k.console, Lines: []*tty.TTY{k.console},
	})
	return err
}

// messages is the kernel's log as /dev/kmsg shows it. It implements dev.Log.
type messages struct{ *klog.Log }

// Record implements dev.Log.
func (m messages) Record(seq uint64) (dev.Record, bool) {
	r, ok := m.Read(seq)
	return dev.Record(r), ok
}

// openConsole makes the console the descriptors 0, 1 and 2 of the first process, and its controlling terminal.
//
// DIVERGES: Linux opens /dev/console, which is nobody's controlling terminal, so that a shell as the first process has
// no job control. An init takes the terminal away for its sessions, as it does on Linux.
func (k *kernel) openConsole(init *proc.Task, files *fs.FDTable) error {
	f, err := init.Caller.Open(abi.AT_FDCWD, []byte("/dev/"+k.console.Name()), fs.OpenHow{Flags: abi.O_RDWR})
	if err != nil {
		kernelLog.Printf(klog.Warning, "console: %v", err)
		return nil
	}
	defer f.Put()
	for range 3 {
		if _, err := files.Install(f.Get(), 3, false); err != nil {
			return err
		}
	}
	return nil
}
