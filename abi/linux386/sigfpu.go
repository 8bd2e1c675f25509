package linux386

import (
	"encoding/binary"

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
	xcompBV     = 520
	bvX87SSE    = 3
)

// fpuFrameSize is the size of the extended state in a frame, without its alignment.
func (a *ABI) fpuFrameSize() uint32 {
	if a.fpuSize > fxsaveSize {
		return fpstateSize + a.fpuSize + magicSize
	}
	return fxsaveFrame
}

// pushFPU stores the extended state below sp and returns the stack pointer then, and the address for sigcontext.
func (a *ABI) pushFPU(t *proc.Task, sp uint32) (newSP, fp uint32, err error) {
	state := a.cpu.SaveFPU(t.Ctx)[:a.fpuSize]
	size := a.fpuFrameSize()
	image := (sp - (size - fpstateSize)) &^ (fpuAlign - 1)
	fp = image - fpstateSize
	head := legacyFPU(t.Ctx, state)
	if err := (Ret[fpstate](fp)).Store(t, &head); err != nil {
		return 0, 0, err
	}
	mem := t.MM()
	if err := mem.CopyOut(image, state); err != nil {
		return 0, 0, err
	}
	if len(state) == fxsaveSize {
		return fp, fp, nil
	}
	sw := fpxSW{Magic1: magic1, ExtendedSize: size, XstateSize: uint32(len(state)), Features: a.fpuFeatures}
	if err := (Ret[fpxSW](image + swOffset)).Store(t, &sw); err != nil {
		return 0, 0, err
	}
	return fp, fp, mem.Store32(image+uint32(len(state)), magic2)
}

// popFPU takes the extended state of a frame; address 0 stands for the initial state. Where the magic numbers are
// missing, the frame has x87 and SSE state only. EFAULT.
func (a *ABI) popFPU(t *proc.Task, fp uint32) error {
	if fp == 0 {
		a.cpu.InitFPU(t.Ctx)
		return nil
	}
	head, err := (Ptr[fpstate](fp)).Load(t)
	if err != nil {
		return err
	}
	image := fp + fpstateSize
	state := a.cpu.SaveFPU(t.Ctx)[:a.fpuSize]
	n := fxsaveSize
	if len(state) > fxsaveSize {
		sw, err := (Ptr[fpxSW](image + swOffset)).Load(t)
		if err != nil {
			return err
		}
		if sw.Magic1 == magic1 && sw.XstateSize == uint32(len(state)) {
			if end, err := (Ptr[Magic](image + sw.XstateSize)).Load(t); err == nil && end == magic2 {
				n = len(state)
			}
		}
	}
	if err := t.MM().CopyIn(state[:n], image); err != nil {
		// Part of the state may be overwritten: the task dies of this, but not with another's data.
		a.cpu.InitFPU(t.Ctx)
		return err
	}
	if n == fxsaveSize && len(state) > fxsaveSize {
		binary.LittleEndian.PutUint64(state[xstateBV:], bvX87SSE)
		binary.LittleEndian.PutUint64(state[xcompBV:], 0)
	}
	setLegacyFPU(&head, state)
	a.cpu.LoadFPU(t.Ctx)
	return nil
}

// Magic is the word after the extended state.
type Magic uint32

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

// legacyFPU makes of an FXSAVE image what FSAVE stores.
func legacyFPU(c *proc.Context, x []byte) fpstate {
	le := binary.LittleEndian
	f := fpstate{
		CW: uint32(le.Uint16(x[fxCW:])) | 0xffff0000, SW: uint32(le.Uint16(x[fxSW:])) | 0xffff0000,
		Tag: fullTags(x), IPOff: le.Uint32(x[fxIP:]), CSSel: c.CS | uint32(le.Uint16(x[fxOp:]))<<16,
		DataOff: le.Uint32(x[fxDP:]), DataSel: uint32(c.DS) | 0xffff0000,
		Status: le.Uint16(x[fxSW:]),
	}
	for i := range f.ST {
		copy(f.ST[i][:], x[fxST+16*i:])
	}
	return f
}

// fullTags expands the tag byte of FXSAVE, a bit for each register that is in use, to FSAVE's tag word, two bits for
// each: 0 valid, 1 zero, 2 special, 3 empty (SDM vol. 1, 8.1.7).
func fullTags(x []byte) uint32 {
	le := binary.LittleEndian
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
	x[fxTag] = 0
	for i := range 8 {
		if f.Tag>>(2*i)&3 != 3 {
			x[fxTag] |= 1 << i
		}
	}
	le.PutUint16(x[fxOp:], uint16(f.CSSel>>16))
	le.PutUint64(x[fxIP:], uint64(f.IPOff))
	le.PutUint64(x[fxDP:], uint64(f.DataOff))
	for i := range f.ST {
		copy(x[fxST+16*i:fxST+16*i+10], f.ST[i][:])
	}
}
