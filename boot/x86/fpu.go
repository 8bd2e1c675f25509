package x86

import (
	"encoding/binary"
	"unsafe"

	"cleave/proc"
)

// The extended state of a context is in two places. XMM0-7 and MXCSR are in Context.XMM and Context.MXCSR after every
// trap, since Go uses the registers. x87 and the upper halves of YMM, which the kernel never touches, stay in the
// processor until another context runs; Context.FPU has them then: an XSAVE area in the standard format (SDM vol. 1,
// 13.4) or, on processors without XSAVE, what FXSAVE stores. Both begin with the same 512 bytes.
const (
	fxFCW       = 0
	fxFTW       = 4 // the abridged tag word: 0 is all empty
	fxMXCSR     = 24
	fxMXCSRMask = 28
	fxXMM       = 160
	fxSize      = 512
	xsHeader    = 512 // XSTATE_BV, XCOMP_BV, 48 reserved bytes
	xsHeaderEnd = 576
	xsSize      = 832 // with AVX, whose 256 bytes follow the header on every processor

	imageMore = 64 // that Context.FPU has behind the area

	xcrX87 = 1 << 0
	xcrSSE = 1 << 1
	xcrAVX = 1 << 2

	initialFCW   = 0x37f
	initialMXCSR = 0x1f80 // all exceptions masked, round to nearest; the kernel's own
	allMXCSR     = 0xffc0 // control bits; below them are the sticky flags
)

// Set once by startFPU.
var (
	xsave     bool
	xstate    uint64          // components that XSAVE and XRSTOR handle: x87 and AVX; SSE has its own place
	mxcsrMask uint32 = 0xffbf // bits of MXCSR that the processor has (SDM vol. 1, 11.6.6)
)

// saveExtended stores x87 and AVX state to the area, which is aligned to 64 bytes.
//
//go:noescape
func saveExtended(area unsafe.Pointer)

// saveComplete is saveExtended, but it also stores components that are in their initial state.
//
//go:noescape
func saveComplete(area unsafe.Pointer)

// loadExtended loads x87 and AVX state. MXCSR is the kernel's afterwards.
//
//go:noescape
func loadExtended(area unsafe.Pointer)

// startFPU switches on what the processor has, x87, SSE and AVX, and reads the mask of MXCSR.
func (c *CPU) startFPU() {
	f := &c.Features
	xsave, xsaveopt, fxsaveLeak = f.XSAVE, f.XSAVEOPT, f.fxsaveLeak
	if f.XSAVE {
		xcr := uint64(xcrX87 | xcrSSE)
		xstate = xcrX87
		if f.AVX {
			xcr |= xcrAVX
			xstate |= xcrAVX
		}
		xsetbv(xcr)
		if _, size, _, _ := cpuid(0xd, 0); size > xsSize {
			panic("x86: the XSAVE area is larger than x87, SSE and AVX need")
		}
	}
	var buf [fxSize + 64]byte
	a := align64(unsafe.Pointer(&buf))
	fxsave(a)
	if m := *(*uint32)(unsafe.Add(a, fxMXCSRMask)); m != 0 {
		mxcsrMask = m
	}
}

// fxsave executes FXSAVE.
//
//go:noescape
func fxsave(area unsafe.Pointer)

//go:nosplit
func align64(p unsafe.Pointer) unsafe.Pointer { return unsafe.Add(p, -uintptr(p)&63) }

// area returns the XSAVE area of a context: the first 64-byte boundary in its room.
//
//go:nosplit
func area(ctx *proc.Context) unsafe.Pointer { return align64(unsafe.Pointer(&ctx.FPU)) }

// image returns the area as bytes. Behind them is room for more (proc.CPU.SaveFPU).
func image(ctx *proc.Context) []byte {
	return unsafe.Slice((*byte)(area(ctx)), xsSize+imageMore)[:xsSize]
}

// imageXMM returns the XMM registers in the area.
func imageXMM(ctx *proc.Context) *[8][16]byte { return (*[8][16]byte)(unsafe.Add(area(ctx), fxXMM)) }

// InitFPU implements proc.CPU.
func (c *CPU) InitFPU(ctx *proc.Context) {
	// The end of Regs is where the processor pushes, and it aligns its stack to 16 bytes (SDM vol. 3, 6.14.2).
	if uintptr(unsafe.Pointer(ctx))&15 != 0 {
		panic("x86: a context is not aligned")
	}
	c.detach(ctx)
	ctx.XMM = [8][16]byte{}
	ctx.MXCSR = initialMXCSR
	b := image(ctx)
	if xsave {
		clear(b[xsHeader:xsHeaderEnd]) // says that all is in its initial state
	} else {
		initialX87(b)
	}
	binary.LittleEndian.PutUint32(b[fxMXCSR:], initialMXCSR)
}

// initialX87 puts the initial state of x87 in an image (SDM vol. 1, 8.1.5 and 13.6).
func initialX87(b []byte) {
	clear(b[:fxMXCSR])
	clear(b[fxMXCSRMask+4 : fxXMM])
	binary.LittleEndian.PutUint16(b[fxFCW:], initialFCW)
}

// SaveFPU implements proc.CPU.
func (c *CPU) SaveFPU(ctx *proc.Context) []byte {
	b := image(ctx)
	if c.extendedOf == ctx {
		saveComplete(area(ctx))
		c.detach(ctx) // else the next change of tasks would write to the image
	} else if xsave {
		// XSAVEOPT does not store what is in its initial state (SDM vol. 1, 13.9).
		if b[xsHeader]&xcrX87 == 0 {
			initialX87(b)
		}
		if b[xsHeader]&xcrAVX == 0 {
			clear(b[xsHeaderEnd:])
		}
	}
	binary.LittleEndian.PutUint32(b[fxMXCSR:], ctx.MXCSR)
	binary.LittleEndian.PutUint32(b[fxMXCSRMask:], mxcsrMask)
	*imageXMM(ctx) = ctx.XMM
	if xsave {
		b[xsHeader] |= xcrX87 | xcrSSE
	} else {
		clear(b[fxXMM+16*len(ctx.XMM) : fxSize]) // FXSAVE stored the kernel's XMM8-15 there
	}
	return b[:c.imageSize()]
}

// FPUBuffer implements proc.CPU.
func (c *CPU) FPUBuffer(ctx *proc.Context) []byte {
	c.detach(ctx)
	return image(ctx)[:c.imageSize()]
}

// imageSize returns the bytes that an image has on this processor.
func (c *CPU) imageSize() int {
	switch {
	case c.Features.AVX:
		return xsSize
	case c.Features.XSAVE:
		return xsHeaderEnd
	}
	return fxSize
}

// LoadFPU implements proc.CPU.
func (c *CPU) LoadFPU(ctx *proc.Context) {
	c.detach(ctx)
	b := image(ctx)
	ctx.MXCSR = binary.LittleEndian.Uint32(b[fxMXCSR:]) & mxcsrMask
	ctx.XMM = *imageXMM(ctx)
}

// restoreExtended loads the x87 and AVX state of ctx. What XRSTOR would refuse with #GP is masked first, whoever wrote it:
// bits of MXCSR and of the header (SDM vol. 1, 13.8.1).
//
//go:nosplit
func restoreExtended(ctx *proc.Context) {
	p := area(ctx)
	*(*uint32)(unsafe.Add(p, fxMXCSR)) &= mxcsrMask
	header := (*[8]uint64)(unsafe.Add(p, xsHeader))
	*header = [8]uint64{header[0] & (xstate | xcrSSE)}
	loadExtended(p)
}

// CopyFPU implements proc.CPU.
func (c *CPU) CopyFPU(dst, src *proc.Context) {
	c.detach(dst)
	c.SaveFPU(src)
	copy(image(dst), image(src))
	dst.XMM = src.XMM
	dst.MXCSR = src.MXCSR
}
