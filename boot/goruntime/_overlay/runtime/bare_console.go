package runtime

import (
	"internal/bare"
	"unsafe"
)

func bareOutb(port uint16, v uint8)
func bareInb(port uint16) uint8
func bareOutw(port, v uint16)
func bareInw(port uint16) uint16
func bareOutl(port uint16, v uint32)
func bareInl(port uint16) uint32
func bareOutsb(port uint16, p unsafe.Pointer, n int)
func bareHang()
func bareTripleFault()

// The ports of the console.
const (
	barePortDebug  = 0xe9  // QEMU's isa-debugcon: what is written appears on the host; reading gives 0xe9
	barePortSerial = 0x3f8 // COM1, a 16550A
	barePortExit   = 0xf4  // QEMU's isa-debug-exit
)

// bareDebugConsole says that the messages of the kernel and the runtime go to the debug console, not to the serial port.
var bareDebugConsole bool

// bareConsoleInit looks for the debug console and sets the serial port to 115200 baud, 8N1, with FIFOs.
//
//go:nosplit
func bareConsoleInit() {
	bareDebugConsole = bareInb(barePortDebug) == barePortDebug
	bareOutb(barePortSerial+1, 0)    // no interrupts
	bareOutb(barePortSerial+3, 0x80) // divisor latch
	bareOutb(barePortSerial+0, 1)
	bareOutb(barePortSerial+1, 0)
	bareOutb(barePortSerial+3, 3)
	bareOutb(barePortSerial+2, 7)
	bareOutb(barePortSerial+4, 3)
}

// bareSerialPut writes a byte to the serial port once it has room, or after a while if there is none.
//
//go:nosplit
func bareSerialPut(c byte) {
	for i := 0; i < 1<<16 && bareInb(barePortSerial+5)&0x20 == 0; i++ {
	}
	bareOutb(barePortSerial, c)
}

// bareSerialFlush waits until the last byte has left the serial port.
//
//go:nosplit
func bareSerialFlush() {
	for i := 0; i < 1<<16 && bareInb(barePortSerial+5)&0x40 == 0; i++ {
	}
}

// barePut writes a byte of a message.
//
//go:nosplit
func barePut(c byte) {
	if bareDebugConsole {
		bareOutb(barePortDebug, c)
		return
	}
	if c == '\n' {
		bareSerialPut('\r')
	}
	bareSerialPut(c)
}

// bareConsoleLock keeps messages whole. Who finds it taken for too long writes all the same: the CPU that has it may have
// died of an exception.
var bareConsoleLock bare.SpinLock

const bareConsoleLooks = 1 << 20

// bareWrite is write(2): whatever the descriptor, the bytes are a message.
//
//go:linkname bareWrite
//go:nosplit
func bareWrite(fd uintptr, p unsafe.Pointer, n int32) int32 {
	locked := bareConsoleLock.TryLock(bareConsoleLooks)
	if bareDebugConsole {
		bareOutsb(barePortDebug, p, int(n))
	} else {
		for i := int32(0); i < n; i++ {
			barePut(*(*byte)(add(p, uintptr(i))))
		}
	}
	if locked {
		bareConsoleLock.Unlock()
	}
	return n
}

//go:nosplit
func bareMessage(s string) {
	for i := 0; i < len(s); i++ {
		barePut(s[i])
	}
}

//go:nosplit
func bareMessageHex(v uint64) {
	for i := 60; i >= 0; i -= 4 {
		barePut("0123456789abcdef"[v>>uint(i)&15])
	}
}

// What the kernel does when it panics (kernel argument panic=).
const (
	barePanicExit = iota // tell the host, or power off; else halt
	barePanicHalt
	barePanicReboot
)

// barePanicStatus is the exit status of a kernel that panicked.
const barePanicStatus = 70

//go:linkname barePanicPolicy
var barePanicPolicy int32

// bareExit is exit(2). The kernel never calls it to power off, so it is the end of a panic: of throw, of a panic that
// nobody recovered, of a fatal signal.
//
//go:nosplit
func bareExit(code int32) {
	bareDie(barePanicStatus)
}

// bareDie ends the machine with an exit status, as the panic policy says.
//
//go:linkname bareDie
//go:nosplit
func bareDie(status uint8) {
	bareReportExit(status)
	if barePanicPolicy == barePanicReboot {
		bareReset()
	}
	bareHang()
}

// bareReportReady tells QEMU that the console takes input: a record on the debug console.
//
//go:linkname bareReportReady
//go:nosplit
func bareReportReady() {
	if bareDebugConsole {
		bareMessage("\x1eready\n")
	}
}

// bareReportExit tells QEMU the exit status: the debug console takes a record "exit N", after which a write to the exit
// device ends QEMU. It returns if there is no such device.
//
//go:linkname bareReportExit
//go:nosplit
func bareReportExit(status uint8) {
	bareSerialFlush()
	if bareDebugConsole {
		bareMessage("\x1eexit ")
		if status >= 100 {
			barePut('0' + status/100)
		}
		if status >= 10 {
			barePut('0' + status/10%10)
		}
		barePut('0' + status%10)
		barePut('\n')
	}
	if barePanicPolicy == barePanicExit || status != barePanicStatus {
		bareOutl(barePortExit, uint32(status&0x7f)) // QEMU's own status: status<<1 | 1
	}
}

// bareReset resets the machine: the reset register of the chipset, the keyboard controller, a triple fault.
//
//go:linkname bareReset
//go:nosplit
func bareReset() {
	bareOutb(0xcf9, 2)
	bareOutb(0xcf9, 6)
	for i := 0; i < 1<<16 && bareInb(0x64)&2 != 0; i++ {
	}
	bareOutb(0x64, 0xfe)
	bareTripleFault()
}
