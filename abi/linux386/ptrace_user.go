package linux386

import (
	"cleave/abi"
	"cleave/proc"
)

// The registers of a tracee, as PTRACE_GETREGS, NT_PRSTATUS and struct user have them. The functions are for use in AtStop.

const (
	numUserRegs  = 17
	userAreaSize = 284
	debugOffset  = 252 // of u_debugreg in struct user
	nullRPL      = 3   // privilege level of a selector that user mode may have
)

// getUserRegs gives the registers of o.
func getUserRegs(o *proc.Task) userRegs {
	c := o.Ctx
	return userRegs{
		EBX: c.EBX, ECX: c.ECX, EDX: c.EDX, ESI: c.ESI, EDI: c.EDI, EBP: c.EBP, EAX: c.EAX,
		DS: uint32(c.DS), ES: uint32(c.ES), FS: uint32(c.FS), GS: uint32(c.GS), OrigEAX: o.SyscallNr,
		EIP: c.EIP, CS: c.CS & 0xffff, EFLAGS: o.UserFlags(), ESP: c.ESP, SS: c.SS & 0xffff,
	}
}

// word gives the i-th register.
func (r *userRegs) word(i uint32) *uint32 {
	return [numUserRegs]*uint32{&r.EBX, &r.ECX, &r.EDX, &r.ESI, &r.EDI, &r.EBP, &r.EAX, &r.DS, &r.ES, &r.FS, &r.GS, &r.OrigEAX,
		&r.EIP, &r.CS, &r.EFLAGS, &r.ESP, &r.SS}[i]
}

// setUserReg changes the i-th register of o. EIO: a selector that user mode can't have.
//
// DIVERGES: what the code and stack segments are set to is shown until the task runs, but they are always the flat ones.
func setUserReg(o *proc.Task, i, v uint32) error {
	c := o.Ctx
	plain := [numUserRegs]*uint32{0: &c.EBX, 1: &c.ECX, 2: &c.EDX, 3: &c.ESI, 4: &c.EDI, 5: &c.EBP, 6: &c.EAX,
		11: &o.SyscallNr, 12: &c.EIP, 15: &c.ESP}
	selectors := [numUserRegs]*uint16{7: &c.DS, 8: &c.ES, 9: &c.FS, 10: &c.GS}
	switch {
	case plain[i] != nil:
		*plain[i] = v
	case selectors[i] != nil:
		sel := uint16(v)
		if sel != 0 && sel&nullRPL != nullRPL {
			return abi.EIO
		}
		*selectors[i] = userSelector(c, sel)
		o.Kernel().CPU().Reload(c)
	case i == 14:
		o.SetUserFlags(v)
	default: // CS, SS
		if v&nullRPL != nullRPL {
			return abi.EIO
		}
		if i == 13 {
			c.CS = v & 0xffff
		} else {
			c.SS = v & 0xffff
		}
	}
	return nil
}

// setUserRegs changes the first of o's registers, in their order, until one can't be.
func setUserRegs(o *proc.Task, words []uint32) error {
	for i, v := range words {
		if err := setUserReg(o, uint32(i), v); err != nil {
			return err
		}
	}
	return nil
}

// peekUser is PTRACE_PEEKUSR: what is no register is 0. EIO: beyond the end, or not a multiple of 4.
func (r *ptraceCall) peekUser() error {
	if r.addr > userAreaSize || r.addr&3 != 0 {
		return abi.EIO
	}
	v := uint32(0)
	err := r.t.AtStop(r.o, func() error {
		switch i := r.addr / 4; {
		case i < numUserRegs:
			regs := getUserRegs(r.o)
			v = *regs.word(i)
		case r.addr >= debugOffset && r.addr < userAreaSize:
			v = r.o.DebugRegister(int(r.addr-debugOffset) / 4)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return store32(r.t, r.data, v)
}

// pokeUser is PTRACE_POKEUSR: what is no register stays as it is.
func (r *ptraceCall) pokeUser() error {
	if r.addr > userAreaSize || r.addr&3 != 0 {
		return abi.EIO
	}
	return r.t.AtStop(r.o, func() error {
		switch i := r.addr / 4; {
		case i < numUserRegs:
			return setUserReg(r.o, i, r.data)
		case r.addr >= debugOffset && r.addr < userAreaSize:
			return r.o.SetDebugRegister(int(r.addr-debugOffset)/4, r.data)
		}
		return nil
	})
}
