package linux386

import (
	"cleave/abi"
	"cleave/ns/user"
	"cleave/proc"
)

// PrctlOp is the operation of prctl(2).
type PrctlOp uint32

func (PrctlOp) show(p *printer, i int) {
	p.one(p.regs[i], []flag{{abi.PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG"}, {abi.PR_GET_DUMPABLE, "PR_GET_DUMPABLE"},
		{abi.PR_SET_DUMPABLE, "PR_SET_DUMPABLE"}, {abi.PR_SET_KEEPCAPS, "PR_SET_KEEPCAPS"}, {abi.PR_SET_NAME, "PR_SET_NAME"},
		{abi.PR_GET_NAME, "PR_GET_NAME"}, {abi.PR_SET_SECCOMP, "PR_SET_SECCOMP"}, {abi.PR_CAPBSET_READ, "PR_CAPBSET_READ"},
		{abi.PR_CAPBSET_DROP, "PR_CAPBSET_DROP"}, {abi.PR_SET_SECUREBITS, "PR_SET_SECUREBITS"},
		{abi.PR_SET_CHILD_SUBREAPER, "PR_SET_CHILD_SUBREAPER"}, {abi.PR_SET_NO_NEW_PRIVS, "PR_SET_NO_NEW_PRIVS"},
		{abi.PR_GET_NO_NEW_PRIVS, "PR_GET_NO_NEW_PRIVS"}, {abi.PR_CAP_AMBIENT, "PR_CAP_AMBIENT"}, {abi.PR_SET_VMA, "PR_SET_VMA"}})
}

func storeInt(t *proc.Task, at, v uint32) error { return Ret[uint32](at).Store(t, &v) }

func asInt(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

func sysPrctl(t *proc.Task, op PrctlOp, a, b, c, d Hex) (Int, error) {
	v, err := prctl(t, uint32(op), uint32(a), uint32(b), uint32(c), uint32(d))
	return Int(v), err
}

// prctl does the operations about the process itself; those about credentials and memory are apart.
func prctl(t *proc.Task, op, a, b, c, d uint32) (uint32, error) {
	switch op {
	case abi.PR_SET_PDEATHSIG:
		return 0, t.SetParentDeathSignal(proc.Signal(a))
	case abi.PR_GET_PDEATHSIG:
		return 0, storeInt(t, a, uint32(t.ParentDeathSignal()))
	case abi.PR_GET_DUMPABLE:
		return uint32(t.Dumpable()), nil
	case abi.PR_SET_DUMPABLE:
		return 0, t.SetDumpable(a)
	case abi.PR_SET_NAME:
		var name [16]byte
		s, err := t.MM().CopyInString(name[:], a)
		if err == abi.ENAMETOOLONG {
			s, err = name[:15], t.MM().CopyIn(name[:], a)
		}
		if err == nil {
			t.SetComm(string(s))
		}
		return 0, err
	case abi.PR_GET_NAME:
		var name [16]byte
		copy(name[:15], t.Comm())
		return 0, t.MM().CopyOut(a, name[:])
	case abi.PR_SET_CHILD_SUBREAPER:
		t.SetSubreaper(a != 0)
		return 0, nil
	case abi.PR_GET_CHILD_SUBREAPER:
		return 0, storeInt(t, a, asInt(t.Subreaper()))
	case abi.PR_SET_NO_NEW_PRIVS:
		if a != 1 || b|c|d != 0 {
			return 0, abi.EINVAL
		}
		t.SetNoNewPrivs()
		return 0, nil
	case abi.PR_GET_NO_NEW_PRIVS:
		if a|b|c|d != 0 {
			return 0, abi.EINVAL
		}
		return asInt(t.NoNewPrivs()), nil
	case abi.PR_SET_TIMERSLACK:
		t.SetTimerSlack(int64(int32(a)))
		return 0, nil
	case abi.PR_GET_TIMERSLACK:
		return uint32(t.TimerSlack()), nil
	case abi.PR_GET_TID_ADDRESS:
		return 0, storeInt(t, a, t.TIDAddress())
	case abi.PR_GET_SECCOMP:
		mode, _ := t.SeccompMode()
		return mode, nil
	case abi.PR_SET_SECCOMP:
		return 0, prctlSeccomp(t, a, b)
	}
	return prctlFixed(t, op, a, b, c, d)
}

// The state of PR_GET_TSC: reading the time stamp counter is allowed; and of PR_MCE_KILL_GET: as the system does.
const (
	tscEnabled     = 1
	mceKillDefault = 2
)

// prctlFixed does the operations whose answer never changes here.
func prctlFixed(t *proc.Task, op, a, b, c, d uint32) (uint32, error) {
	switch op {
	case abi.PR_GET_TIMING, abi.PR_GET_THP_DISABLE, abi.PR_GET_IO_FLUSHER:
		return 0, nil
	case abi.PR_SET_TIMING:
		if a != 0 {
			return 0, abi.EINVAL
		}
		return 0, nil
	case abi.PR_GET_TSC:
		return 0, storeInt(t, a, tscEnabled)
	case abi.PR_SET_TSC:
		if a != tscEnabled {
			return 0, abi.EINVAL
		}
		return 0, nil
	case abi.PR_MCE_KILL_GET:
		return mceKillDefault, nil
	case abi.PR_SET_THP_DISABLE:
		if b|c|d != 0 {
			return 0, abi.EINVAL
		}
		return 0, nil
	case abi.PR_SET_PTRACER:
		return 0, nil
	case abi.PR_SET_VMA:
		if a != abi.PR_SET_VMA_ANON_NAME {
			return 0, abi.EINVAL
		}
		return 0, nil // DIVERGES: names of anonymous memory are taken and not shown
	}
	return prctlCred(t, op, a, b, c, d)
}

// prctlCred does the operations on credentials (capabilities(7)).
func prctlCred(t *proc.Task, op, a, b, c, d uint32) (uint32, error) {
	cred := t.Cred()
	switch op {
	case abi.PR_CAPBSET_READ:
		in, err := cred.InBounding(a)
		return asInt(in), err
	case abi.PR_CAPBSET_DROP:
		return 0, t.ChangeCred(func(c *user.Cred) (*user.Cred, error) { return c.DropBounding(a) })
	case abi.PR_GET_SECUREBITS:
		return uint32(cred.Securebits), nil
	case abi.PR_SET_SECUREBITS:
		return 0, t.ChangeCred(func(c *user.Cred) (*user.Cred, error) { return c.SetSecurebits(user.Securebits(a)) })
	case abi.PR_GET_KEEPCAPS:
		return asInt(cred.Securebits&abi.SECBIT_KEEP_CAPS != 0), nil
	case abi.PR_SET_KEEPCAPS:
		return 0, t.ChangeCred(func(c *user.Cred) (*user.Cred, error) { return c.SetKeepCaps(a) })
	case abi.PR_CAP_AMBIENT:
		return prctlAmbient(t, a, b, c, d)
	}
	return 0, abi.EINVAL
}

func prctlAmbient(t *proc.Task, what, cp, c, d uint32) (uint32, error) {
	if c|d != 0 || what == abi.PR_CAP_AMBIENT_CLEAR_ALL && cp != 0 {
		return 0, abi.EINVAL
	}
	switch what {
	case abi.PR_CAP_AMBIENT_IS_SET:
		in, err := t.Cred().InAmbient(cp)
		return asInt(in), err
	case abi.PR_CAP_AMBIENT_RAISE:
		return 0, t.ChangeCred(func(c *user.Cred) (*user.Cred, error) { return c.RaiseAmbient(cp) })
	case abi.PR_CAP_AMBIENT_LOWER:
		return 0, t.ChangeCred(func(c *user.Cred) (*user.Cred, error) { return c.LowerAmbient(cp) })
	case abi.PR_CAP_AMBIENT_CLEAR_ALL:
		return 0, t.ChangeCred(func(c *user.Cred) (*user.Cred, error) { return c.ClearAmbient(), nil })
	}
	return 0, abi.EINVAL
}
