package tty

import "cleave/abi"

// speeds are the rates in bits per second of the codes of c_cflag (asm-generic/termbits.h), those with CBAUDEX after
// those without.
var speeds = [...]int{0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400}
var speedsEx = [...]int{0, 57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000,
	2500000, 3000000, 3500000, 4000000}

// Baud returns the output speed of a c_cflag in bits per second; 0 hangs up, and is also what BOTHER gives.
func Baud(cflag uint32) int {
	if cflag&abi.BOTHER != 0 {
		return speedsEx[cflag&0xf]
	}
	return speeds[cflag&0xf]
}

// baudFlags returns the code for a speed, or BOTHER.
func baudFlags(baud int) uint32 {
	for i, b := range speeds {
		if b == baud {
			return uint32(i)
		}
	}
	for i, b := range speedsEx {
		if b == baud && i > 0 {
			return abi.BOTHER | uint32(i)
		}
	}
	return abi.BOTHER
}
