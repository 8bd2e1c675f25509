package linux386

import (
	"encoding/binary"

	"cleave/mm"
	"cleave/proc"
)

// The extended state in a signal frame is, at ascending addresses, an fpstate (what FSAVE stores), then at a multiple of
// 64 the image that the CPU's XSAVE stores, whose first 512 bytes are those of FXSAVE, then a magic word. The last
// bytes of the FXSAVE part, which the CPU leaves alone, tell of the rest (Linux's asm/sigcontext.h).
const (
	fxsaveSize  = 512
	fxsaveFrame = fpstateSize + fxsaveSize // without XSAVE
	fpstateSize = 112
	swOffset    = 464
	magic1      = 0x46505853
	magic2      = 0x46505845
	magicSize   = 4
	fpuAlign    = 64
	xstateBV    = 512 // of the XSAVE image: which parts are not in their initial state
	bvX87SSE    = 3
)

// fpuFrameSize is the size of the extended state in a frame, without its alignment.
func (a *ABI) fpuFrameSize() uint32 {
	if a.fpuSize > fxsaveSize {
		return fpstateSize + a.fpuSize + magicSize
	}
	return fxsaveFrame
}

// fpuAddress returns where the extended state goes below sp.
func (a *ABI) fpuAddress(sp uint32) uint32 {
	image := (sp - (a.fpuFrameSize() - fpstateSize)) &^ (fpuAlign - 1)
	return image - fpstateSize
}

// makeFPU makes the extended state of a frame: head, which is clear, and the image with the magic word behind it, which is
// returned.
func (a *ABI) makeFPU(t *proc.Task, head *fpstate) []byte {
	image := a.cpu.SaveFPU(t.Ctx)[:a.fpuSize]
	makeLegacyFPU(head, t.Ctx, image)
	if len(image) == fxsaveSize {
		return image
	}
	sw := mm.View[fpxSW](image[swOffset:])
	*sw = fpxSW{Magic1: magic1, ExtendedSize: a.fpuFrameSize(), XstateSize: a.fpuSize, Features: a.fpuFeatures}
	image = image[:len(image)+magicSize]
	binary.LittleEndian.PutUint32(image[a.fpuSize:], magic2)
	return image
}

// popFPU takes the extended state of a frame; address 0 stands for the initial state. Where the magic numbers are
// missing, the frame has x87 and SSE state only. EFAULT: some of the state may be another one then, but the program's own.
func (a *ABI) popFPU(t *proc.Task, fp uint32) error {
	if fp == 0 {
		a.cpu.InitFPU(t.Ctx)
		return nil
	}
	buf := t.PathBuffer(0)[:fpstateSize]
	if err := t.MM().CopyIn(buf, fp); err != nil {
		return err
	}
	image := a.cpu.FPUBuffer(t.Ctx)[:a.fpuSize]
	if a.fpuSize == fxsaveSize || !a.popWhole(t, image, fp+fpstateSize) {
		if err := t.MM().CopyIn(image[:fxsaveSize], fp+fpstateSize); err != nil {
			return err
		}
		clear(image[fxsaveSize:])
		if a.fpuSize > fxsaveSize {
			binary.LittleEndian.PutUint64(image[xstateBV:], bvX87SSE)
		}
	}
	setLegacyFPU(mm.View[fpstate](buf), image)
	a.cpu.LoadFPU(t.Ctx)
	return nil
}

// popWhole takes an image that has all of the state, with the magic word behind it, from addr. It reports whether that
// is there.
func (a *ABI) popWhole(t *proc.Task, image []byte, addr uint32) bool {
	image = image[:len(image)+magicSize]
	if t.MM().CopyIn(image, addr) != nil {
		return false
	}
	sw := mm.View[fpxSW](image[swOffset:])
	return sw.Magic1 == magic1 && sw.XstateSize == a.fpuSize && binary.LittleEndian.Uint32(image[a.fpuSize:]) == magic2
}

// Offsets in an FXSAVE image (SDM vol. 1, 10.5.1).
const (
	fxCW  = 0
	fxSW  = 2
	fxTag = 4
	fxOp  = 6
	fxIP  = 8
	fxDP  = 16
	fxST  = 32 // eight registers of ten bytes, 16 apart
)

// makeLegacyFPU makes of an FXSAVE image what FSAVE stores, in f, which is clear.
func makeLegacyFPU(f *fpstate, c *proc.Context, x []byte) {
	le := binary.LittleEndian
	f.CW, f.SW = uint32(le.Uint16(x[fxCW:]))|0xffff0000, uint32(le.Uint16(x[fxSW:]))|0xffff0000
	f.Tag, f.IPOff, f.CSSel = fullTags(x), le.Uint32(x[fxIP:]), c.CS|uint32(le.Uint16(x[fxOp:]))<<16
	f.DataOff, f.DataSel = le.Uint32(x[fxDP:]), uint32(c.DS)|0xffff0000
	f.Status = le.Uint16(x[fxSW:])
	if x[fxTag] == 0 {
		return // no register is in use
	}
	for i := range f.ST {
		copy(f.ST[i][:], x[fxST+16*i:])
	}
}

// allEmpty is the tag word when no register is in use.
const allEmpty = 0xffffffff

// fullTags expands the tag byte of FXSAVE, a bit for each register that is in use, to FSAVE's tag word, two bits for
// each: 0 valid, 1 zero, 2 special, 3 empty (SDM vol. 1, 8.1.7).
func fullTags(x []byte) uint32 {
	le := binary.LittleEndian
	if x[fxTag] == 0 {
		return allEmpty
	}
	tags := uint32(0xffff0000)
	top := le.Uint16(x[fxSW:]) >> 11 & 7
	for i := range uint16(8) {
		tag := uint32(3)
		if x[fxTag]>>i&1 != 0 {
			st := x[fxST+16*int((i-top)&7):]
			exp, man := le.Uint16(st[8:])&0x7fff, le.Uint64(st)
			switch {
			case exp == 0x7fff:
				tag = 2
			case exp == 0 && man == 0:
				tag = 1
			case exp == 0 || man>>63 == 0:
				tag = 2
			default:
				tag = 0
			}
		}
		tags |= tag << (2 * i)
	}
	return tags
}

// setLegacyFPU puts what FSAVE knows back into an FXSAVE image: a handler may have changed it.
func setLegacyFPU(f *fpstate, x []byte) {
	le := binary.LittleEndian
	le.PutUint16(x[fxCW:], uint16(f.CW))
	le.PutUint16(x[fxSW:], uint16(f.SW))
	le.PutUint16(x[fxOp:], uint16(f.CSSel>>16))
	le.PutUint64(x[fxIP:], uint64(f.IPOff))
	le.PutUint64(x[fxDP:], uint64(f.DataOff))
	x[fxTag] = 0
	if f.Tag|0xffff0000 == allEmpty {
		return
	}
	for i := range 8 {
		if f.Tag>>(2*i)&3 != 3 {
			x[fxTag] |= 1 << i
		}
	}
	for i := range f.ST {
		copy(x[fxST+16*i:fxST+16*i+10], f.ST[i][:])
	}
}
