package linux386

import (
	"cleave/abi"
	"cleave/mm"
	"cleave/proc"
)

// sigsetSize is the size of a signal set that the rt_ calls must be told.
const sigsetSize = 8

// SigSet is the address of a 64-bit signal set; a Size follows it.
type SigSet uint32

func (SigSet) show(p *printer, i int) { structure[long64](p, p.regs[i]) }

// load reads a set. EINVAL: size is not that of a set; EFAULT.
func (s SigSet) load(t *proc.Task, size Size) (proc.SigSet, error) {
	if size != sigsetSize {
		return 0, abi.EINVAL
	}
	v, err := mm.Load[long64](t.MM(), uint32(s))
	return proc.SigSet(v.join()), err
}

// How is the way of sigprocmask(2).
type How uint32

func (How) show(p *printer, i int) {
	p.one(p.regs[i], []flag{{abi.SIG_BLOCK, "SIG_BLOCK"}, {abi.SIG_UNBLOCK, "SIG_UNBLOCK"}, {abi.SIG_SETMASK, "SIG_SETMASK"}})
}

// apply changes a mask by set.
func (h How) apply(mask, set proc.SigSet) (proc.SigSet, error) {
	switch h {
	case abi.SIG_BLOCK:
		return mask | set, nil
	case abi.SIG_UNBLOCK:
		return mask &^ set, nil
	case abi.SIG_SETMASK:
		return set, nil
	}
	return 0, abi.EINVAL
}

const low32 = 1<<32 - 1

func sysRTSigprocmask(t *proc.Task, how How, set SigSet, old Ret[long64], size Size) error {
	if size != sigsetSize {
		return abi.EINVAL
	}
	mask := t.Mask()
	if set != 0 {
		s, err := set.load(t, size)
		if err != nil {
			return err
		}
		new, err := how.apply(mask, s)
		if err != nil {
			return err
		}
		t.SetMask(new)
	}
	v := split(uint64(mask))
	return old.StoreIf(t, &v)
}

// sysSigprocmask changes the first 32 signals only.
func sysSigprocmask(t *proc.Task, how How, set Ptr[uint32], old Ret[uint32]) error {
	mask := t.Mask()
	if set != 0 {
		s, err := set.Load(t)
		if err != nil {
			return err
		}
		new, err := how.apply(mask&low32, proc.SigSet(s))
		if err != nil {
			return err
		}
		t.SetMask(mask&^low32 | new&low32)
	}
	v := uint32(mask)
	return old.StoreIf(t, &v)
}

func sysSgetmask(t *proc.Task) (uint32, error) { return uint32(t.Mask()), nil }

func sysSsetmask(t *proc.Task, set Hex) (Hex, error) {
	old := t.Mask()
	t.SetMask(old&^low32 | proc.SigSet(set))
	return Hex(old), nil
}

func sysRTSigaction(t *proc.Task, sig Signal, new Ptr[sigaction], old Ret[sigaction], size Size) error {
	if size != sigsetSize {
		return abi.EINVAL
	}
	var act *proc.SigAction
	if new != 0 {
		s, err := new.Load(t)
		if err != nil {
			return err
		}
		act = &proc.SigAction{Handler: s.Handler, Flags: s.Flags, Restorer: s.Restorer, Mask: proc.SigSet(s.Mask.join())}
	}
	o, err := t.Action(proc.Signal(sig), act)
	if err != nil {
		return err
	}
	s := sigaction{Handler: o.Handler, Flags: o.Flags, Restorer: o.Restorer, Mask: split(uint64(o.Mask))}
	return old.StoreIf(t, &s)
}

func sysSigaction(t *proc.Task, sig Signal, new Ptr[oldSigaction], old Ret[oldSigaction]) error {
	var act *proc.SigAction
	if new != 0 {
		s, err := new.Load(t)
		if err != nil {
			return err
		}
		act = &proc.SigAction{Handler: s.Handler, Flags: s.Flags, Restorer: s.Restorer, Mask: proc.SigSet(s.Mask)}
	}
	o, err := t.Action(proc.Signal(sig), act)
	if err != nil {
		return err
	}
	s := oldSigaction{Handler: o.Handler, Mask: uint32(o.Mask), Flags: o.Flags, Restorer: o.Restorer}
	return old.StoreIf(t, &s)
}

// sysSignal is the first signal(2): one delivery, not held back in the handler.
func sysSignal(t *proc.Task, sig Signal, handler Addr) (Addr, error) {
	old, err := t.Action(proc.Signal(sig), &proc.SigAction{Handler: uint32(handler), Flags: abi.SA_RESETHAND | abi.SA_NODEFER})
	return Addr(old.Handler), err
}

func sysRTSigpending(t *proc.Task, set Ret[long64], size Size) error {
	if size > sigsetSize {
		return abi.EINVAL
	}
	v := split(uint64(t.SigPending()))
	if size < sigsetSize {
		return t.MM().CopyOut(uint32(set), []byte{byte(v.Lo), byte(v.Lo >> 8), byte(v.Lo >> 16), byte(v.Lo >> 24),
			byte(v.Hi), byte(v.Hi >> 8), byte(v.Hi >> 16)}[:size])
	}
	return set.Store(t, &v)
}

func sysSigpending(t *proc.Task, set Ret[uint32]) error {
	v := uint32(t.SigPending())
	return set.Store(t, &v)
}

func sysRTSigsuspend(t *proc.Task, set SigSet, size Size) error {
	s, err := set.load(t, size)
	if err != nil {
		return err
	}
	return t.SigSuspend(s)
}

// sysSigsuspend has its mask in the third register; the others were for a restart that never came.
func sysSigsuspend(t *proc.Task, _, _ Hex, mask Hex) error { return t.SigSuspend(proc.SigSet(mask)) }

func sysPause(t *proc.Task) error { return t.Pause() }

func sysRTSigtimedwait[T spec[T]](t *proc.Task, set SigSet, info Ret[siginfo], timeout Ptr[T], size Size) (Signal, error) {
	s, err := set.load(t, size)
	if err != nil {
		return 0, err
	}
	var d proc.Deadline
	if timeout != 0 {
		ns, err := loadTime(t, timeout)
		if err != nil {
			return 0, err
		}
		d = t.DeadlineIn(ns)
	}
	got, err := t.SigTimedWait(s, d)
	if err != nil {
		return 0, err
	}
	v := newSiginfo(t, &got)
	return Signal(got.Signo), info.StoreIf(t, &v)
}

func sysKill(t *proc.Task, pid PID, sig Signal) error { return t.Kill(int32(pid), proc.Signal(sig)) }

func sysTkill(t *proc.Task, tid PID, sig Signal) error {
	if tid <= 0 {
		return abi.EINVAL
	}
	return t.Tgkill(0, int32(tid), proc.Signal(sig))
}

func sysTgkill(t *proc.Task, tgid, tid PID, sig Signal) error {
	if tgid <= 0 || tid <= 0 {
		return abi.EINVAL
	}
	return t.Tgkill(int32(tgid), int32(tid), proc.Signal(sig))
}

func sysRTSigqueueinfo(t *proc.Task, pid PID, sig Signal, info Ptr[siginfo]) error {
	s, err := info.Load(t)
	if err != nil {
		return err
	}
	i := fromSiginfo(t, proc.Signal(sig), &s)
	return t.QueueInfo(int32(pid), &i)
}

func sysRTTgsigqueueinfo(t *proc.Task, tgid, tid PID, sig Signal, info Ptr[siginfo]) error {
	s, err := info.Load(t)
	if err != nil {
		return err
	}
	if tgid <= 0 || tid <= 0 {
		return abi.EINVAL
	}
	i := fromSiginfo(t, proc.Signal(sig), &s)
	return t.TgQueueInfo(int32(tgid), int32(tid), &i)
}

func sysPidfdSendSignal(t *proc.Task, fd FD, sig Signal, info Ptr[siginfo], flags Hex) error {
	if flags != 0 {
		return abi.EINVAL
	}
	if info == 0 {
		return t.PidfdSend(int32(fd), proc.Signal(sig), nil)
	}
	s, err := info.Load(t)
	if err != nil {
		return err
	}
	if s.Signo != int32(sig) {
		return abi.EINVAL
	}
	i := fromSiginfo(t, proc.Signal(sig), &s)
	return t.PidfdSend(int32(fd), proc.Signal(sig), &i)
}

// newAltStack reads a stack_t; ok is false for one that sigaltstack(2) refuses.
func newAltStack(s stackT) (alt proc.AltStack, ok bool) {
	mode := uint32(s.Flags) &^ abi.SS_AUTODISARM
	switch {
	case mode == abi.SS_DISABLE:
		return proc.AltStack{Flags: uint32(s.Flags)}, true
	case mode != 0 && mode != abi.SS_ONSTACK:
		return alt, false
	}
	return proc.AltStack{Base: s.SP, Size: s.Size, Flags: uint32(s.Flags) & abi.SS_AUTODISARM}, true
}

func sysSigaltstack(t *proc.Task, new Ptr[stackT], old Ret[stackT]) error {
	alt := *t.AltStack()
	onStack := alt.Flags&abi.SS_AUTODISARM == 0 && alt.Contains(t.Ctx.ESP)
	if new != 0 {
		s, err := new.Load(t)
		if err != nil {
			return err
		}
		n, ok := newAltStack(s)
		switch {
		case onStack:
			return abi.EPERM
		case !ok:
			return abi.EINVAL
		case n.Flags&abi.SS_DISABLE == 0 && n.Size < abi.MINSIGSTKSZ:
			return abi.ENOMEM
		}
		*t.AltStack() = n
	}
	s := stackT{SP: alt.Base, Size: alt.Size, Flags: int32(alt.Flags)}
	switch {
	case alt.Size == 0:
		s.Flags |= abi.SS_DISABLE
	case onStack:
		s.Flags |= abi.SS_ONSTACK
	}
	return old.StoreIf(t, &s)
}
