package linux386

import (
	"cleave/abi"
	"cleave/mm"
	"cleave/proc"
)

// sigframe is what sigaction(2)'s plain handlers find on their stack, from the address that they return to on. Then
// follow plainGap bytes where the floating point state once was, and sigframeTail.
type sigframe struct {
	Return  uint32
	Signo   int32
	Context sigcontext
}

// sigframeTail is the end of a plain frame.
type sigframeTail struct {
	Mask uint32 // of the signals from 33 on; the others are in the context
	Code [8]byte
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

// Sizes of the frames and their parts.
const (
	sigcontextSize = 88
	plainHead      = 4 + 4 + sigcontextSize
	plainGap       = 624
	plainTail      = plainHead + plainGap
	sigframeSize   = plainTail + 4 + 8
	rtInfoOffset   = 16
	rtUCOffset     = rtInfoOffset + 128
	rtSigframeSize = rtUCOffset + 20 + sigcontextSize + 8 + 8
)

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

// PushSignal implements proc.ABI: the frame and what FSAVE stores are made in the kernel and copied at once. The image of the
// extended state, above them, is copied from where the CPU has put it.
func (a *ABI) PushSignal(t *proc.Task, info *proc.SigInfo, act *proc.SigAction, mask proc.SigSet) error {
	top, err := signalStack(t, act)
	if err != nil {
		return err
	}
	rt := act.Flags&abi.SA_SIGINFO != 0
	size := uint32(sigframeSize)
	if rt {
		size = rtSigframeSize
	}
	fp := a.fpuAddress(top)
	at := frameAddress(fp, size)
	buf := t.PathBuffer(0)[:fp+fpstateSize-at]
	clear(buf)
	restorer := a.restorer(t, act)
	if rt {
		a.makeRT(t, buf, at, fp, info, mask, restorer)
	} else {
		makePlain(t, buf, fp, info, mask, restorer)
	}
	image := a.makeFPU(t, mm.View[fpstate](buf[fp-at:]))
	if err := t.MM().CopyOut(at, buf); err != nil {
		return err
	}
	if err := t.MM().CopyOut(fp+fpstateSize, image); err != nil {
		return err
	}
	if alt := t.AltStack(); alt.Flags&abi.SS_AUTODISARM != 0 {
		*alt = proc.AltStack{Flags: abi.SS_DISABLE}
	}
	a.enterHandler(t.Ctx, act.Handler, at, info.Signo, rt)
	return nil
}

// enterHandler aims the registers at a handler, whose arguments are in registers as well as in the frame. It starts with
// the floating point state of a new program.
func (a *ABI) enterHandler(c *proc.Context, handler, frame uint32, sig proc.Signal, rt bool) {
	c.ESP, c.EIP = frame, handler
	c.EAX, c.EDX, c.ECX = uint32(sig), 0, 0
	if rt {
		c.EDX, c.ECX = frame+rtInfoOffset, frame+rtUCOffset
	}
	c.CS, c.SS = proc.UserCS, proc.UserDS
	c.EFLAGS &^= proc.EFLAGSTF | proc.EFLAGSDF | proc.EFLAGSRF
	if c.DS != proc.UserDS || c.ES != proc.UserDS {
		c.DS, c.ES = proc.UserDS, proc.UserDS
		a.cpu.Reload(c)
	}
	a.cpu.InitFPU(c)
}

// restorer is what a handler returns to: what the program says, or the vDSO's function.
func (a *ABI) restorer(t *proc.Task, act *proc.SigAction) uint32 {
	base := a.vdsoBase(t)
	switch {
	case act.Flags&abi.SA_RESTORER != 0 || base == 0:
		return act.Restorer
	case act.Flags&abi.SA_SIGINFO != 0:
		return base + a.vdso.rtReturn
	}
	return base + a.vdso.sigreturn
}

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

// makePlain makes a plain handler's frame in buf, which is clear.
func makePlain(t *proc.Task, buf []byte, fp uint32, info *proc.SigInfo, mask proc.SigSet, restorer uint32) {
	f, tail := mm.View[sigframe](buf), mm.View[sigframeTail](buf[plainTail:])
	f.Return, f.Signo = restorer, int32(info.Signo)
	saveContext(t, &f.Context, fp, mask)
	tail.Mask, tail.Code = uint32(mask>>32), returnCode
}

// makeRT makes the frame of a handler with SA_SIGINFO, which goes to address at.
func (a *ABI) makeRT(t *proc.Task, buf []byte, at, fp uint32, info *proc.SigInfo, mask proc.SigSet, restorer uint32) {
	f := rtSigframe{Return: restorer, Signo: int32(info.Signo), Info: at + rtInfoOffset, Ucontext: at + rtUCOffset,
		SigInfo: newSiginfo(t, info), Code: rtReturnCode}
	alt := t.AltStack()
	f.UC.Stack = stackT{SP: alt.Base, Flags: int32(alt.Flags), Size: alt.Size}
	if a.fpuSize > fxsaveSize {
		f.UC.Flags = ucFPXState
	}
	f.UC.Mask = split(uint64(mask))
	saveContext(t, &f.UC.Context, fp, mask)
	mm.Put(buf, &f)
}

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
	if s.DS != c.DS || s.ES != c.ES || s.FS != c.FS || s.GS != c.GS {
		c.DS, c.ES, c.FS, c.GS = userSelector(c, s.DS), userSelector(c, s.ES), userSelector(c, s.FS), userSelector(c, s.GS)
	}
	c.EDI, c.ESI, c.EBP, c.ESP = s.EDI, s.ESI, s.EBP, s.ESP
	c.EBX, c.EDX, c.ECX, c.EAX = s.EBX, s.EDX, s.ECX, s.EAX
	c.EIP = s.EIP
	c.EFLAGS = c.EFLAGS&^restoredFlags | s.EFLAGS&restoredFlags
	c.Sanitize()
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
	a, at, buf := abiOf(t), t.Ctx.ESP-8, t.PathBuffer(0)[:plainHead]
	if t.MM().CopyIn(buf, at) != nil {
		return a.badFrame(t)
	}
	f := mm.View[sigframe](buf)
	context := f.Context // popFPU uses the buffer, too
	high, err := load32(t, at+plainTail)
	if err != nil {
		return a.badFrame(t)
	}
	return a.sigreturn(t, &context, proc.SigSet(context.Oldmask)|proc.SigSet(high)<<32)
}

// sysRTSigreturn ends a handler with SA_SIGINFO.
func sysRTSigreturn(t *proc.Task) (uint32, error) {
	a, buf := abiOf(t), t.PathBuffer(0)[:rtSigframeSize-rtUCOffset-8]
	if t.MM().CopyIn(buf, t.Ctx.ESP-4+rtUCOffset) != nil {
		return a.badFrame(t)
	}
	uc := mm.Get[ucontext](buf)
	v, err := a.sigreturn(t, &uc.Context, proc.SigSet(uc.Mask.join()))
	// As on Linux, a stack that can't be set is left as it is.
	if s, ok := newAltStack(uc.Stack); ok && !t.AltStack().Contains(t.Ctx.ESP) {
		*t.AltStack() = s
	}
	return v, err
}

func (a *ABI) sigreturn(t *proc.Task, s *sigcontext, mask proc.SigSet) (uint32, error) {
	t.SetMask(mask)
	c := t.Ctx
	old := [4]uint16{c.DS, c.ES, c.FS, c.GS}
	if a.popFPU(t, s.Fpstate) != nil || restoreContext(c, s) != nil {
		return a.badFrame(t)
	}
	if old != [4]uint16{c.DS, c.ES, c.FS, c.GS} {
		a.cpu.Reload(c)
	}
	t.SyscallNr = proc.NoSyscall // nobody shall take what EAX holds for its result
	return c.EAX, nil
}

func (a *ABI) badFrame(t *proc.Task) (uint32, error) {
	t.Force(&proc.SigInfo{Signo: abi.SIGSEGV, Code: abi.SI_KERNEL})
	return t.Ctx.EAX, nil
}
