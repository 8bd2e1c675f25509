package linux386

import (
	"cleave/abi"
	"cleave/mm"
	"cleave/proc"
	"cleave/proc/bpf"
)

// strictCalls are the system calls that SECCOMP_MODE_STRICT allows: exit, read, write and sigreturn.
var strictCalls = []uint32{1, 3, 4, 119}

// askFilters asks the filters of t about the call that it is making; without run, v is its result. A tracer that they ask
// may make another call of it.
func askFilters(t *proc.Task) (v uint32, run bool) {
	for asked := false; ; asked = true {
		nr := t.SyscallNr
		switch {
		case asked && int32(nr) < 0:
			return t.Ctx.EAX, false
		case t.SeccompAllows(nr, abi.AUDIT_ARCH_I386):
			return 0, true
		}
		r := registers(t)
		d := bpf.Data{bpf.WordNr: nr, bpf.WordArch: abi.AUDIT_ARCH_I386, bpf.WordIP: t.Ctx.EIP}
		for i, v := range r[:inResult] {
			d[bpf.WordArgs+2*i] = v
		}
		if v, verdict := t.Seccomp(&d, asked); verdict != proc.SeccompAsked {
			return v, verdict == proc.SeccompRun
		}
	}
}

// SeccompOp is the operation of seccomp(2).
type SeccompOp uint32

func (SeccompOp) show(p *printer, i int) {
	p.one(p.regs[i], []flag{{abi.SECCOMP_SET_MODE_STRICT, "SECCOMP_SET_MODE_STRICT"},
		{abi.SECCOMP_SET_MODE_FILTER, "SECCOMP_SET_MODE_FILTER"}, {abi.SECCOMP_GET_ACTION_AVAIL, "SECCOMP_GET_ACTION_AVAIL"},
		{abi.SECCOMP_GET_NOTIF_SIZES, "SECCOMP_GET_NOTIF_SIZES"}})
}

// SeccompFlags are the flags of SECCOMP_SET_MODE_FILTER.
type SeccompFlags uint32

func (SeccompFlags) show(p *printer, i int) {
	p.flags(p.regs[i], []flag{{abi.SECCOMP_FILTER_FLAG_TSYNC, "SECCOMP_FILTER_FLAG_TSYNC"},
		{abi.SECCOMP_FILTER_FLAG_LOG, "SECCOMP_FILTER_FLAG_LOG"}, {abi.SECCOMP_FILTER_FLAG_SPEC_ALLOW, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"},
		{abi.SECCOMP_FILTER_FLAG_NEW_LISTENER, "SECCOMP_FILTER_FLAG_NEW_LISTENER"},
		{abi.SECCOMP_FILTER_FLAG_TSYNC_ESRCH, "SECCOMP_FILTER_FLAG_TSYNC_ESRCH"}})
}

func sysSeccomp(t *proc.Task, op SeccompOp, flags SeccompFlags, arg Addr) (Int, error) {
	switch op {
	case abi.SECCOMP_SET_MODE_FILTER:
		return setFilter(t, uint32(flags), arg)
	case abi.SECCOMP_SET_MODE_STRICT:
		if flags == 0 && arg == 0 {
			return 0, t.SetSeccompStrict(strictCalls)
		}
	case abi.SECCOMP_GET_ACTION_AVAIL:
		if flags == 0 {
			return 0, actionAvail(t, arg)
		}
	case abi.SECCOMP_GET_NOTIF_SIZES:
		if flags == 0 {
			return 0, mm.Store(t.MM(), uint32(arg), &notifSizes)
		}
	}
	return 0, abi.EINVAL
}

// prctlSeccomp is PR_SET_SECCOMP.
func prctlSeccomp(t *proc.Task, mode, arg uint32) error {
	switch mode {
	case abi.SECCOMP_MODE_STRICT:
		return t.SetSeccompStrict(strictCalls)
	case abi.SECCOMP_MODE_FILTER:
		_, err := setFilter(t, 0, Addr(arg))
		return err
	}
	return abi.EINVAL
}

// setFilter installs the filter program that the struct sock_fprog at addr names.
func setFilter(t *proc.Task, flags uint32, addr Addr) (Int, error) {
	if err := proc.CheckSeccomp(flags, 1); err != nil {
		return 0, err
	}
	prog, err := Ptr[sockFprog](addr).Load(t)
	if err != nil {
		return 0, err
	}
	if err := proc.CheckSeccomp(flags, int(prog.Len)); err != nil {
		return 0, err
	}
	if err := t.MaySetSeccomp(); err != nil {
		return 0, err
	}
	raw := make([]sockFilter, prog.Len)
	if err := mm.LoadSlice(t.MM(), raw, prog.Filter); err != nil {
		return 0, err
	}
	insns := make([]bpf.Insn, len(raw))
	for i, f := range raw {
		insns[i] = bpf.Insn{Code: f.Code, JT: f.Jt, JF: f.Jf, K: f.K}
	}
	other, err := t.SetSeccompFilter(insns, flags)
	return Int(other), err
}

// actionAvail is SECCOMP_GET_ACTION_AVAIL. EOPNOTSUPP: filters can't return the action.
func actionAvail(t *proc.Task, addr Addr) error {
	action, err := load32(t, uint32(addr))
	if err != nil {
		return err
	}
	if !proc.SeccompAction(action) {
		return abi.EOPNOTSUPP
	}
	return nil
}

// notifSizes is struct seccomp_notif_sizes with the sizes that Linux has: struct seccomp_notif, seccomp_notif_resp and
// seccomp_data.
var notifSizes = seccompNotifSizes{80, 24, bpf.DataSize}
