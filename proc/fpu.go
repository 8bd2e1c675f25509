package proc

import (
	"encoding/binary"

	"cleave/abi"
)

// Exception bits of the x87 status word and of MXCSR, which are at the same places (SDM vol. 1, 8.1.3.3 and 10.2.3).
const (
	fpuInvalid   = 1 << 0
	fpuDenormal  = 1 << 1
	fpuDivide    = 1 << 2
	fpuOverflow  = 1 << 3
	fpuUnderflow = 1 << 4
	fpuInexact   = 1 << 5

	fxControl = 0 // offsets in what FXSAVE stores (SDM vol. 1, 10.5.1)
	fxStatus  = 2
	fxMXCSR   = 24
)

// fpuCode finds the si_code of a floating-point exception: what is raised and not masked. image is an FXSAVE image.
func fpuCode(image []byte, simd bool) int32 {
	var raised uint32
	if simd {
		m := binary.LittleEndian.Uint32(image[fxMXCSR:])
		raised = m &^ (m >> 7)
	} else {
		raised = uint32(binary.LittleEndian.Uint16(image[fxStatus:]) &^ binary.LittleEndian.Uint16(image[fxControl:]))
	}
	switch {
	case raised&fpuInvalid != 0:
		return abi.FPE_FLTINV
	case raised&fpuDivide != 0:
		return abi.FPE_FLTDIV
	case raised&fpuOverflow != 0:
		return abi.FPE_FLTOVF
	case raised&(fpuUnderflow|fpuDenormal) != 0:
		return abi.FPE_FLTUND
	case raised&fpuInexact != 0:
		return abi.FPE_FLTRES
	}
	return 0
}
