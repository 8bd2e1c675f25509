package linux386

import (
	"cleave/abi"
	"cleave/mm"
	"cleave/ns/user"
	"cleave/proc"
	"cleave/proc/bpf"
)

// signals carries out the requests about the stop and the mask of a tracee.
func (r *ptraceCall) signals(req PtraceRequest) error {
	t, o := r.t, r.o
	switch req {
	case abi.PTRACE_GETEVENTMSG:
		var v uint32
		if err := t.AtStop(o, func() error { v = o.StopMessage(); return nil }); err != nil {
			return err
		}
		return store32(t, r.data, v)
	case abi.PTRACE_GETSIGINFO:
		return r.getSiginfo()
	case abi.PTRACE_SETSIGINFO:
		return r.setSiginfo()
	}
	if r.addr != sigsetSize {
		return abi.EINVAL
	}
	if req == abi.PTRACE_SETSIGMASK {
		v, err := mm.Load[long64](t.MM(), r.data)
		if err != nil {
			return err
		}
		return t.AtStop(o, func() error { o.SetStopMask(proc.SigSet(v.join())); return nil })
	}
	var m proc.SigSet
	if err := t.AtStop(o, func() error { m = o.StopMask(); return nil }); err != nil {
		return err
	}
	v := split(uint64(m))
	return mm.Store(t.MM(), r.data, &v)
}

func (r *ptraceCall) getSiginfo() error {
	var info proc.SigInfo
	err := r.t.AtStop(r.o, func() error {
		p, err := r.o.StopInfo()
		if err == nil {
			info = *p
		}
		return err
	})
	if err != nil {
		return err
	}
	v := newSiginfo(r.t, &info)
	return mm.Store(r.t.MM(), r.data, &v)
}

func (r *ptraceCall) setSiginfo() error {
	v, err := mm.Load[siginfo](r.t.MM(), r.data)
	if err != nil {
		return err
	}
	info := anySiginfo(r.t, &v)
	return r.t.AtStop(r.o, func() error {
		p, err := r.o.StopInfo()
		if err == nil {
			*p = info
		}
		return err
	})
}

// anySiginfo reads what newSiginfo makes.
func anySiginfo(t *proc.Task, s *siginfo) proc.SigInfo {
	i := proc.SigInfo{Signo: proc.Signal(s.Signo), Errno: s.Errno, Code: s.Code}
	f := &s.Fields
	switch layoutOf(&i) {
	case layoutTimer:
		i.TimerID, i.Overrun, i.Value = int32(f[0]), int32(f[1]), uint64(f[2])
		return i
	case layoutFault:
		i.Addr = f[0]
		return i
	case layoutPoll:
		i.Band, i.FD = int32(f[0]), int32(f[1])
		return i
	case layoutSyscall:
		i.Addr, i.Syscall, i.Arch = f[0], int32(f[1]), f[2]
		return i
	case layoutChild:
		i.Status, i.UTime, i.STime = int32(f[2]), int64(f[3])*nsPerTick, int64(f[4])*nsPerTick
	case layoutQueue:
		i.Value = uint64(f[2])
	}
	i.PID = int32(f[0])
	if i.UID = t.Cred().NS.ToKUID(user.UID(f[1])); !i.UID.Valid() {
		i.UID = user.DefaultOverflow
	}
	return i
}

// peekSiginfo is PTRACE_PEEKSIGINFO: it gives how many signals it has stored. An error counts if there was none.
func (r *ptraceCall) peekSiginfo() (Int, error) {
	args, err := mm.Load[peekSiginfoArgs](r.t.MM(), r.addr)
	if err != nil {
		return 0, err
	}
	if args.Flags&^abi.PTRACE_PEEKSIGINFO_SHARED != 0 || args.Nr < 0 {
		return 0, abi.EINVAL
	}
	for n := range args.Nr {
		var info proc.SigInfo
		found := false
		err := r.t.AtStop(r.o, func() error {
			info, found = r.o.QueuedSignal(args.Off.join()+uint64(n), args.Flags&abi.PTRACE_PEEKSIGINFO_SHARED != 0)
			return nil
		})
		if err == nil && found {
			v := newSiginfo(r.t, &info)
			err = mm.Store(r.t.MM(), r.data+uint32(n)*siginfoSize, &v)
		}
		if !found || err != nil {
			if n > 0 {
				err = nil
			}
			return Int(n), err
		}
	}
	return Int(args.Nr), nil
}

const siginfoSize = 128

// Sizes of the parts of struct ptrace_syscall_info that count.
const (
	infoNone    = 24
	infoEntry   = 80
	infoExit    = 33
	infoSeccomp = 84
)

// syscallInfo is PTRACE_GET_SYSCALL_INFO: addr is the room at data. It returns the size of what there is to tell.
func (r *ptraceCall) syscallInfo() (Int, error) {
	var v syscallInfo
	size := infoNone
	if err := r.t.AtStop(r.o, func() error { size = fillSyscallInfo(r.o, &v); return nil }); err != nil {
		return 0, err
	}
	var b [infoSeccomp]byte
	mm.Put(b[:], &v)
	if v.Op == abi.PTRACE_SYSCALL_INFO_EXIT {
		b[infoExit-1] = byte(v.Words[1].Lo)
	}
	return Int(size), r.t.MM().CopyOut(r.data, b[:min(uint32(size), r.addr)])
}

// fillSyscallInfo is for use in AtStop.
func fillSyscallInfo(o *proc.Task, v *syscallInfo) int {
	c := o.Ctx
	op, message := o.CallState()
	*v = syscallInfo{Op: uint8(op), Arch: abi.AUDIT_ARCH_I386, EIP: split(uint64(c.EIP)), ESP: split(uint64(c.ESP))}
	switch op {
	case abi.PTRACE_SYSCALL_INFO_ENTRY, abi.PTRACE_SYSCALL_INFO_SECCOMP:
		v.Words = [7]long64{split(uint64(o.SyscallNr)), split(uint64(c.EBX)), split(uint64(c.ECX)), split(uint64(c.EDX)),
			split(uint64(c.ESI)), split(uint64(c.EDI)), split(uint64(c.EBP))}
		if op == abi.PTRACE_SYSCALL_INFO_ENTRY {
			return infoEntry
		}
		v.Data = message
		return infoSeccomp
	case abi.PTRACE_SYSCALL_INFO_EXIT:
		v.Words[0] = split(uint64(c.EAX))
		if c.EAX > maxResult {
			v.Words[0], v.Words[1] = split(uint64(int64(int32(c.EAX)))), long64{Lo: 1}
		}
		return infoExit
	}
	return infoNone
}

// seccompFilter is PTRACE_SECCOMP_GET_FILTER: addr is the number of the filter, in the order of their installation. It
// returns the length of the program, and stores that if there is an address.
func (r *ptraceCall) seccompFilter() (Int, error) {
	var insns []bpf.Insn
	err := r.t.AtStop(r.o, func() (err error) {
		insns, err = r.t.SeccompProgram(r.o, r.addr)
		return err
	})
	if err != nil || r.data == 0 {
		return Int(len(insns)), err
	}
	raw := make([]sockFilter, len(insns))
	for i, n := range insns {
		raw[i] = sockFilter{Code: n.Code, Jt: n.JT, Jf: n.JF, K: n.K}
	}
	return Int(len(insns)), mm.StoreSlice(r.t.MM(), r.data, raw)
}
