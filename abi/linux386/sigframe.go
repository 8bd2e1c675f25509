package linux386

import (
	"cleave/abi"
	"cleave/mm"
	"cleave/proc"
)

// sigframe is what sigaction(2)'s plain handlers find on their stack, from the address that they return to on.
type sigframe struct {
	Return  uint32
	Signo   int32
	Context sigcontext
	_       [624]byte // where the floating point state once was
	Mask    uint32    // of the signals from 33 on; the others are in Context
	Code    [8]byte
}

// rtSigframe is what handlers with SA_SIGINFO find.
type rtSigframe struct {
	Return   uint32
	Signo    int32
	Info     uint32 // addresses of the next two
	Ucontext uint32
	SigInfo  siginfo
	UC       ucontext
	Code     [8]byte
}

const (
	minSigStack    = 768 // more than the greater of the frames, with its alignment
	frameAlignment = 16
	ucFPXState     = 1 // ucontext.Flags: the extended state is there

	// The flags that a handler's frame restores, as on Linux: the arithmetic ones, TF, DF, OF, RF and AC.
	restoredFlags = 0x00050dd5
)

// The code in a frame is not executed: debuggers know the frame by it.
var (
	returnCode   = [8]byte{0x58, 0xb8, nrSigreturn, 0, 0, 0, 0xcd, 0x80}
	rtReturnCode = [8]byte{0xb8, nrRTSigreturn, 0, 0, 0, 0xcd, 0x80, 0}
)

// PushSignal implements proc.ABI.
func (a *ABI) PushSignal(t *proc.Task, info *proc.SigInfo, act *proc.SigAction, mask proc.SigSet) error {
	top, err := signalStack(t, act)
	if err != nil {
		return err
	}
	sp, fp, err := a.pushFPU(t, top)
	if err != nil {
		return err
	}
	restorer := act.Restorer
	if act.Flags&abi.SA_RESTORER == 0 {
		if base := a.vdsoBase(t); base != 0 {
			restorer = base + a.vdso.sigreturn
			if act.Flags&abi.SA_SIGINFO != 0 {
				restorer = base + a.vdso.rtReturn
			}
		}
	}
	c := t.Ctx
	var frame, infoAt, ucAt uint32
	if act.Flags&abi.SA_SIGINFO != 0 {
		frame, err = a.pushRT(t, sp, fp, info, mask, restorer)
		infoAt, ucAt = frame+rtInfoOffset, frame+rtUcontextOffset
	} else {
		frame, err = a.pushPlain(t, sp, fp, info, mask, restorer)
	}
	if err != nil {
		return err
	}
	if alt := t.AltStack(); alt.Flags&abi.SS_AUTODISARM != 0 {
		*alt = proc.AltStack{Flags: abi.SS_DISABLE}
	}
	c.ESP, c.EIP = frame, act.Handler
	c.EAX, c.EDX, c.ECX = uint32(info.Signo), infoAt, ucAt
	c.CS, c.SS, c.DS, c.ES = proc.UserCS, proc.UserDS, proc.UserDS, proc.UserDS
	c.EFLAGS &^= proc.EFLAGSTF | proc.EFLAGSDF | proc.EFLAGSRF
	a.cpu.Reload(c)
	return nil
}

// Offsets in rtSigframe of what its pointers name.
const (
	rtInfoOffset     = 16
	rtUcontextOffset = rtInfoOffset + 128
)

// signalStack returns the stack pointer below which the frame goes. An alternate stack that is in use and would overflow
// is an error, as is one that is too small for any frame.
func signalStack(t *proc.Task, act *proc.SigAction) (uint32, error) {
	alt, sp := t.AltStack(), t.Ctx.ESP
	if alt.Flags&abi.SS_AUTODISARM != 0 || !alt.Contains(sp) {
		if act.Flags&abi.SA_ONSTACK != 0 && alt.Flags&abi.SS_DISABLE == 0 && alt.Size != 0 {
			return alt.Base + alt.Size, nil
		}
		return sp, nil
	}
	if sp-alt.Base < minSigStack {
		return 0, abi.EFAULT
	}
	return sp, nil
}

// frameAddress returns where a frame of n bytes goes below sp: a handler begins as if it had been called, with the
// address above its return address at a multiple of 16.
func frameAddress(sp, n uint32) uint32 { return (sp-n+4)&^(frameAlignment-1) - 4 }

func (a *ABI) pushPlain(t *proc.Task, sp, fp uint32, info *proc.SigInfo, mask proc.SigSet, restorer uint32) (uint32, error) {
	f := sigframe{Return: restorer, Signo: int32(info.Signo), Mask: uint32(mask >> 32), Code: returnCode}
	saveContext(t, &f.Context, fp, mask)
	at := frameAddress(sp, sigframeSize)
	return at, mm.Store(t.MM(), at, &f)
}

func (a *ABI) pushRT(t *proc.Task, sp, fp uint32, info *proc.SigInfo, mask proc.SigSet, restorer uint32) (uint32, error) {
	at := frameAddress(sp, rtSigframeSize)
	f := rtSigframe{Return: restorer, Signo: int32(info.Signo), Info: at + rtInfoOffset, Ucontext: at + rtUcontextOffset,
		SigInfo: newSiginfo(t, info), Code: rtReturnCode}
	alt := t.AltStack()
	f.UC.Stack = stackT{SP: alt.Base, Flags: int32(alt.Flags), Size: alt.Size}
	if a.fpuFrameSize() > fxsaveFrame {
		f.UC.Flags = ucFPXState
	}
	f.UC.Mask = split(uint64(mask))
	saveContext(t, &f.UC.Context, fp, mask)
	return at, mm.Store(t.MM(), at, &f)
}

// Sizes of the frames.
const (
	sigframeSize   = 4 + 4 + sigcontextSize + 624 + 4 + 8
	rtSigframeSize = rtUcontextOffset + 20 + sigcontextSize + 8 + 8
	sigcontextSize = 88
)

func saveContext(t *proc.Task, s *sigcontext, fp uint32, mask proc.SigSet) {
	c := t.Ctx
	vector, code, addr := t.TrapInfo()
	*s = sigcontext{
		GS: c.GS, FS: c.FS, ES: c.ES, DS: c.DS,
		EDI: c.EDI, ESI: c.ESI, EBP: c.EBP, ESP: c.ESP, EBX: c.EBX, EDX: c.EDX, ECX: c.ECX, EAX: c.EAX,
		Trapno: vector, Err: code, CR2: addr,
		EIP: c.EIP, CS: uint16(c.CS), EFLAGS: c.EFLAGS, ESPSig: c.ESP, SS: uint16(c.SS),
		Fpstate: fp, Oldmask: uint32(mask),
	}
}

// restoreContext takes the registers of a frame, which the program may have changed. EFAULT: selectors that it can't have.
func restoreContext(c *proc.Context, s *sigcontext) error {
	if s.CS|3 != proc.UserCS || s.SS|3 != proc.UserDS {
		return abi.EFAULT
	}
	c.CS, c.SS = proc.UserCS, proc.UserDS
	c.DS, c.ES, c.FS, c.GS = userSelector(c, s.DS), userSelector(c, s.ES), userSelector(c, s.FS), userSelector(c, s.GS)
	c.EDI, c.ESI, c.EBP, c.ESP = s.EDI, s.ESI, s.EBP, s.ESP
	c.EBX, c.EDX, c.ECX, c.EAX = s.EBX, s.EDX, s.ECX, s.EAX
	c.EIP = s.EIP
	c.EFLAGS = c.EFLAGS&^restoredFlags | s.EFLAGS&restoredFlags
	return nil
}

// userSelector returns sel if a program may load it into a data segment register, else the null selector.
func userSelector(c *proc.Context, sel uint16) uint16 {
	sel |= 3
	switch sel {
	case proc.UserCS, proc.UserDS:
		return sel
	}
	if i := uint32(sel>>3) - proc.TLSFirst; sel&4 == 0 && i < uint32(len(c.TLS)) && c.TLS[i] != 0 {
		return sel
	}
	return 0
}

// sysSigreturn ends a plain handler: its frame begins two words below the stack pointer, which the return address and
// the signal's number were popped off. A bad frame is a SIGSEGV.
func sysSigreturn(t *proc.Task) (uint32, error) {
	a := abiOf(t)
	f, err := mm.Load[sigframe](t.MM(), t.Ctx.ESP-8)
	if err != nil {
		return a.badFrame(t)
	}
	mask := proc.SigSet(f.Context.Oldmask) | proc.SigSet(f.Mask)<<32
	return a.sigreturn(t, &f.Context, mask)
}

// sysRTSigreturn ends a handler with SA_SIGINFO.
func sysRTSigreturn(t *proc.Task) (uint32, error) {
	a := abiOf(t)
	f, err := mm.Load[rtSigframe](t.MM(), t.Ctx.ESP-4)
	if err != nil {
		return a.badFrame(t)
	}
	v, err := a.sigreturn(t, &f.UC.Context, proc.SigSet(f.UC.Mask.join()))
	if err == nil {
		// As on Linux, a stack that can't be set is left as it is.
		if s, ok := newAltStack(f.UC.Stack); ok && !t.AltStack().Contains(t.Ctx.ESP) {
			*t.AltStack() = s
		}
	}
	return v, err
}

func (a *ABI) sigreturn(t *proc.Task, s *sigcontext, mask proc.SigSet) (uint32, error) {
	t.SetMask(mask)
	if a.popFPU(t, s.Fpstate) != nil || restoreContext(t.Ctx, s) != nil {
		return a.badFrame(t)
	}
	a.cpu.Reload(t.Ctx)
	return t.Ctx.EAX, nil
}

func (a *ABI) badFrame(t *proc.Task) (uint32, error) {
	t.Force(&proc.SigInfo{Signo: abi.SIGSEGV, Code: abi.SI_KERNEL})
	return t.Ctx.EAX, nil
}
