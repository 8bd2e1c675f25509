package linux386

import (
	"encoding/binary"

	"cleave/abi"
	"cleave/mm"
	"cleave/proc"
)

// regset is a set of registers that PTRACE_GETREGSET knows, or a request of its own. Get and set are for use in AtStop; set
// gets the first bytes of the set.
type regset struct {
	note uint32
	unit uint32 // length must be a multiple of it
	size uint32
	get  func(a *ABI, o *proc.Task, b []byte) error
	set  func(a *ABI, o *proc.Task, b []byte) error
}

const (
	userRegsSize   = 4 * numUserRegs
	legacyFPUSize  = 108 // struct user_fpregs_struct
	userDescSize   = 16
	ioBitmapSize   = 8192
	fxMXCSR        = 24
	fxMXCSRMask    = 28
	xstateReserved = 520 // of an XSAVE image: what follows XSTATE_BV in its header
	xstateEnd      = 576
)

// findRegset returns the set of a note. nil: there is none.
func (a *ABI) findRegset(note uint32) *regset {
	switch note {
	case abi.NT_PRSTATUS:
		return &regset{note, 4, userRegsSize, getGeneral, setGeneral}
	case abi.NT_PRFPREG:
		return &regset{note, 4, legacyFPUSize, getLegacyFPU, setLegacy}
	case abi.NT_PRXFPREG:
		return &regset{note, 4, fxsaveSize, getFXSave, setFXSave}
	case abi.NT_X86_XSTATE:
		size := a.fpuSize
		if size == fxsaveSize {
			size = 0
		}
		return &regset{note, 8, size, getXState, setXState}
	case abi.NT_386_TLS:
		return &regset{note, userDescSize, 3 * userDescSize, getTLSSet, setTLSSet}
	case abi.NT_386_IOPERM:
		none := func(*ABI, *proc.Task, []byte) error { return abi.ENXIO }
		return &regset{note, 4, ioBitmapSize, none, nil}
	}
	return nil
}

// registers carries out the requests that read or write many registers.
func (r *ptraceCall) registers(req PtraceRequest) error {
	a := abiOf(r.t)
	switch req {
	case abi.PTRACE_GETREGSET, abi.PTRACE_SETREGSET:
		return r.registerSet(a, req == abi.PTRACE_SETREGSET)
	case abi.PTRACE_GET_THREAD_AREA, abi.PTRACE_SET_THREAD_AREA:
		return r.threadArea(req == abi.PTRACE_SET_THREAD_AREA)
	}
	note := uint32(abi.NT_PRSTATUS)
	switch req {
	case abi.PTRACE_GETFPREGS, abi.PTRACE_SETFPREGS:
		note = abi.NT_PRFPREG
	case abi.PTRACE_GETFPXREGS, abi.PTRACE_SETFPXREGS:
		note = abi.NT_PRXFPREG
	}
	write := req == abi.PTRACE_SETREGS || req == abi.PTRACE_SETFPREGS || req == abi.PTRACE_SETFPXREGS
	set := a.findRegset(note)
	return r.transfer(a, set, r.data, set.size, write)
}

// registerSet is PTRACE_GETREGSET and PTRACE_SETREGSET, whose data is a struct iovec. Its length becomes what was moved.
func (r *ptraceCall) registerSet(a *ABI, write bool) error {
	v, err := mm.Load[iovec](r.t.MM(), r.data)
	if err != nil {
		return err
	}
	set := a.findRegset(r.addr)
	if set == nil || v.Len%set.unit != 0 {
		return abi.EINVAL
	}
	v.Len = min(v.Len, set.size)
	if err := r.transfer(a, set, v.Base, v.Len, write); err != nil {
		return err
	}
	return mm.Store(r.t.MM(), r.data, &v)
}

// transfer moves n bytes of a set from or to the memory of the tracer.
func (r *ptraceCall) transfer(a *ABI, set *regset, addr, n uint32, write bool) error {
	b := make([]byte, set.size)
	if !write {
		if err := r.t.AtStop(r.o, func() error { return set.get(a, r.o, b) }); err != nil {
			return err
		}
		return r.t.MM().CopyOut(addr, b[:n])
	}
	if set.set == nil {
		return abi.EOPNOTSUPP
	}
	if err := r.t.MM().CopyIn(b[:n], addr); err != nil {
		return err
	}
	return r.t.AtStop(r.o, func() error { return set.set(a, r.o, b[:n]) })
}

func getGeneral(_ *ABI, o *proc.Task, b []byte) error {
	regs := getUserRegs(o)
	mm.Put(b, &regs)
	return nil
}

func setGeneral(_ *ABI, o *proc.Task, b []byte) error {
	var words [numUserRegs]uint32
	for i := range len(b) / 4 {
		words[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return setUserRegs(o, words[:len(b)/4])
}

// getLegacyFPU gives what FSAVE stores.
func getLegacyFPU(a *ABI, o *proc.Task, b []byte) error {
	var whole [fpstateSize]byte
	makeLegacyFPU(mm.View[fpstate](whole[:]), o.Ctx, a.cpu.SaveFPU(o.Ctx)[:a.fpuSize])
	copy(b, whole[:])
	return nil
}

func setLegacy(a *ABI, o *proc.Task, b []byte) error {
	state := a.cpu.SaveFPU(o.Ctx)[:a.fpuSize]
	var whole [fpstateSize]byte
	f := mm.View[fpstate](whole[:])
	makeLegacyFPU(f, o.Ctx, state)
	copy(whole[:], b)
	setLegacyFPU(f, state)
	a.useState(o, state, bvX87SSE)
	return nil
}

// useState makes an image that was changed the state of o; parts has the bits of what is not in its initial state any more.
func (a *ABI) useState(o *proc.Task, state []byte, parts byte) {
	if len(state) > fxsaveSize {
		state[xstateBV] |= parts
	}
	a.cpu.LoadFPU(o.Ctx)
}

func getFXSave(a *ABI, o *proc.Task, b []byte) error {
	copy(b, a.cpu.SaveFPU(o.Ctx))
	return nil
}

// setFXSave changes x87 and SSE state. EINVAL: not all of it, or bits of MXCSR that there are not.
func setFXSave(a *ABI, o *proc.Task, b []byte) error {
	state := a.cpu.SaveFPU(o.Ctx)[:a.fpuSize]
	if len(b) != fxsaveSize || badMXCSR(b, state) {
		return abi.EINVAL
	}
	mask := binary.LittleEndian.Uint32(state[fxMXCSRMask:])
	copy(state, b)
	binary.LittleEndian.PutUint32(state[fxMXCSRMask:], mask)
	a.useState(o, state, bvX87SSE)
	return nil
}

// badMXCSR reports whether an image has bits in MXCSR that the CPU, whose image state is, does not.
func badMXCSR(b, state []byte) bool {
	le := binary.LittleEndian
	mask := le.Uint32(state[fxMXCSRMask:])
	return mask != 0 && le.Uint32(b[fxMXCSR:])&^mask != 0
}

// getXState gives the XSAVE image. The bytes that the CPU leaves alone say which parts it can have. ENODEV: no XSAVE.
func getXState(a *ABI, o *proc.Task, b []byte) error {
	if len(b) == 0 {
		return abi.ENODEV
	}
	copy(b, a.cpu.SaveFPU(o.Ctx))
	clear(b[swOffset:fxsaveSize])
	binary.LittleEndian.PutUint64(b[swOffset:], a.fpuFeatures)
	return nil
}

// setXState changes it. EFAULT: not all of it; EINVAL: parts or bits that there are not; ENODEV.
func setXState(a *ABI, o *proc.Task, b []byte) error {
	le := binary.LittleEndian
	switch {
	case a.fpuSize == fxsaveSize:
		return abi.ENODEV
	case uint32(len(b)) != a.fpuSize:
		return abi.EFAULT
	}
	state := a.cpu.SaveFPU(o.Ctx)[:a.fpuSize]
	parts := le.Uint64(b[xstateBV:])
	if parts&^a.fpuFeatures != 0 || !zero(b[xstateReserved:xstateEnd]) || parts&^1 != 0 && badMXCSR(b, state) {
		return abi.EINVAL
	}
	if parts&^1 == 0 {
		copy(b[fxMXCSR:fxMXCSRMask], state[fxMXCSR:fxMXCSRMask])
	}
	initial(b, parts)
	mask := le.Uint32(state[fxMXCSRMask:])
	copy(state, b)
	le.PutUint32(state[fxMXCSRMask:], mask)
	a.useState(o, state, bvX87SSE)
	return nil
}

// initial puts x87 and SSE registers in their initial state whose bits parts has not (SDM vol. 1, 13.6): the image is to hold them.
func initial(b []byte, parts uint64) {
	if parts&1 == 0 {
		clear(b[:fxMXCSR])
		clear(b[fxST:fxXMM])
		binary.LittleEndian.PutUint16(b, 0x37f)
	}
	if parts&2 == 0 {
		clear(b[fxXMM:swOffset])
	}
}

const fxXMM = 160 // offset in an FXSAVE image

func zero(b []byte) bool {
	for _, v := range b {
		if v != 0 {
			return false
		}
	}
	return true
}

func getTLSSet(_ *ABI, o *proc.Task, b []byte) error {
	for i, v := range o.Ctx.TLS {
		d := describe(uint32(proc.TLSFirst+i), v)
		mm.Put(b[i*userDescSize:], &d)
	}
	return nil
}

func setTLSSet(_ *ABI, o *proc.Task, b []byte) error {
	tls := o.Ctx.TLS
	for i := range len(b) / userDescSize {
		d := mm.Get[userDesc](b[i*userDescSize:])
		v, err := d.descriptor()
		if err != nil {
			return err
		}
		tls[i] = v
	}
	o.Ctx.TLS = tls
	o.Kernel().CPU().Reload(o.Ctx)
	return nil
}

// threadArea is PTRACE_GET_THREAD_AREA and PTRACE_SET_THREAD_AREA: addr is the number of the entry. EIO, EINVAL.
func (r *ptraceCall) threadArea(write bool) error {
	if int32(r.addr) < 0 {
		return abi.EIO
	}
	i := r.addr - proc.TLSFirst
	if i >= uint32(len(r.o.Ctx.TLS)) {
		return abi.EINVAL
	}
	if write {
		d, err := Ptr[userDesc](r.data).Load(r.t)
		if err != nil {
			return err
		}
		v, err := d.descriptor()
		if err != nil {
			return err
		}
		return r.t.AtStop(r.o, func() error {
			r.o.Ctx.TLS[i] = v
			r.o.Kernel().CPU().Reload(r.o.Ctx)
			return nil
		})
	}
	var d userDesc
	if err := r.t.AtStop(r.o, func() error {
		d = describe(r.addr, r.o.Ctx.TLS[i])
		return nil
	}); err != nil {
		return err
	}
	return Ret[userDesc](r.data).Store(r.t, &d)
}
