package linux386

import (
	"cleave/abi"
	"cleave/mm"
	"cleave/ns/user"
	"cleave/proc"
)

func sysGetpid(t *proc.Task) (uint32, error)  { return uint32(t.TGID()), nil }
func sysGettid(t *proc.Task) (uint32, error)  { return uint32(t.TID()), nil }
func sysGetppid(t *proc.Task) (uint32, error) { return uint32(t.PPID()), nil }

func sysGetpgid(t *proc.Task, pid PID) (PID, error) {
	id, err := t.PGID(int32(pid))
	return PID(id), err
}

func sysGetpgrp(t *proc.Task) (uint32, error) { return as(sysGetpgid(t, 0)) }

func sysGetsid(t *proc.Task, pid PID) (PID, error) {
	id, err := t.SID(int32(pid))
	return PID(id), err
}

func sysSetpgid(t *proc.Task, pid, pgid PID) error { return t.SetPGID(int32(pid), int32(pgid)) }

func sysSetsid(t *proc.Task) (uint32, error) {
	id, err := t.SetSID()
	return uint32(id), err
}

func sysSetTIDAddress(t *proc.Task, addr Addr) (PID, error) {
	return PID(t.SetTIDAddress(uint32(addr))), nil
}

// The calls of the first kernels have ids of 16 bits. -1 stays -1; an id that does not fit reads as the overflow id.
const overflow16 = user.DefaultOverflow

func (v ID16) uid() user.UID {
	if uint16(v) == 0xffff {
		return user.InvalidUID
	}
	return user.UID(uint16(v))
}

func (v ID16) gid() user.GID { return user.GID(v.uid()) }

func cut16(v uint32) uint16 {
	if v > 0xffff {
		return overflow16
	}
	return uint16(v)
}

func sysGetuid(t *proc.Task) (uint32, error) { c := t.Cred(); return uint32(c.NS.ShowKUID(c.UID)), nil }
func sysGeteuid(t *proc.Task) (uint32, error) {
	c := t.Cred()
	return uint32(c.NS.ShowKUID(c.EUID)), nil
}
func sysGetgid(t *proc.Task) (uint32, error) { c := t.Cred(); return uint32(c.NS.ShowKGID(c.GID)), nil }
func sysGetegid(t *proc.Task) (uint32, error) {
	c := t.Cred()
	return uint32(c.NS.ShowKGID(c.EGID)), nil
}

func sysGetuid16(t *proc.Task) (uint32, error) {
	v, err := sysGetuid(t)
	return uint32(cut16(uint32(v))), err
}

func sysGeteuid16(t *proc.Task) (uint32, error) {
	v, err := sysGeteuid(t)
	return uint32(cut16(uint32(v))), err
}

func sysGetgid16(t *proc.Task) (uint32, error) {
	v, err := sysGetgid(t)
	return uint32(cut16(uint32(v))), err
}

func sysGetegid16(t *proc.Task) (uint32, error) {
	v, err := sysGetegid(t)
	return uint32(cut16(uint32(v))), err
}

// The calls that change ids leave the check to package user.

func setUID(t *proc.Task, u user.UID) error {
	return t.ChangeCred(func(c *user.Cred) (*user.Cred, error) { return c.SetUID(u) })
}

func setGID(t *proc.Task, g user.GID) error {
	return t.ChangeCred(func(c *user.Cred) (*user.Cred, error) { return c.SetGID(g) })
}

func setREUID(t *proc.Task, r, e user.UID) error {
	return t.ChangeCred(func(c *user.Cred) (*user.Cred, error) { return c.SetREUID(r, e) })
}

func setREGID(t *proc.Task, r, e user.GID) error {
	return t.ChangeCred(func(c *user.Cred) (*user.Cred, error) { return c.SetREGID(r, e) })
}

func setRESUID(t *proc.Task, r, e, s user.UID) error {
	return t.ChangeCred(func(c *user.Cred) (*user.Cred, error) { return c.SetRESUID(r, e, s) })
}

func setRESGID(t *proc.Task, r, e, s user.GID) error {
	return t.ChangeCred(func(c *user.Cred) (*user.Cred, error) { return c.SetRESGID(r, e, s) })
}

func sysSetuid(t *proc.Task, u UID) error      { return setUID(t, user.UID(u)) }
func sysSetgid(t *proc.Task, g GID) error      { return setGID(t, user.GID(g)) }
func sysSetreuid(t *proc.Task, r, e UID) error { return setREUID(t, user.UID(r), user.UID(e)) }
func sysSetregid(t *proc.Task, r, e GID) error { return setREGID(t, user.GID(r), user.GID(e)) }
func sysSetresuid(t *proc.Task, r, e, s UID) error {
	return setRESUID(t, user.UID(r), user.UID(e), user.UID(s))
}
func sysSetresgid(t *proc.Task, r, e, s GID) error {
	return setRESGID(t, user.GID(r), user.GID(e), user.GID(s))
}
func sysSetuid16(t *proc.Task, u ID16) error          { return setUID(t, u.uid()) }
func sysSetgid16(t *proc.Task, g ID16) error          { return setGID(t, g.gid()) }
func sysSetreuid16(t *proc.Task, r, e ID16) error     { return setREUID(t, r.uid(), e.uid()) }
func sysSetregid16(t *proc.Task, r, e ID16) error     { return setREGID(t, r.gid(), e.gid()) }
func sysSetresuid16(t *proc.Task, r, e, s ID16) error { return setRESUID(t, r.uid(), e.uid(), s.uid()) }
func sysSetresgid16(t *proc.Task, r, e, s ID16) error { return setRESGID(t, r.gid(), e.gid(), s.gid()) }

// sysSetfsuid returns the id that was, whether or not it could be changed.
func sysSetfsuid(t *proc.Task, u UID) (UID, error) {
	old := t.Cred()
	t.SetCred(old.SetFSUID(user.UID(u)))
	return UID(old.NS.ShowKUID(old.FSUID)), nil
}

func sysSetfsgid(t *proc.Task, g GID) (GID, error) {
	old := t.Cred()
	t.SetCred(old.SetFSGID(user.GID(g)))
	return GID(old.NS.ShowKGID(old.FSGID)), nil
}

func sysSetfsuid16(t *proc.Task, u ID16) (ID16, error) {
	v, err := sysSetfsuid(t, UID(u.uid()))
	return ID16(cut16(uint32(v))), err
}

func sysSetfsgid16(t *proc.Task, g ID16) (ID16, error) {
	v, err := sysSetfsgid(t, GID(g.gid()))
	return ID16(cut16(uint32(v))), err
}

// id is the size of an id in memory.
type id interface{ uint16 | uint32 }

// shown converts an id for a program: what does not fit 16 bits is the overflow id.
func shown[T id](v uint32) T {
	if v > uint32(^T(0)) {
		return overflow16
	}
	return T(v)
}

func storeIDs[T id](t *proc.Task, a, b, c uint32, pa, pb, pc Ret[T]) error {
	va, vb, vc := shown[T](a), shown[T](b), shown[T](c)
	if err := pa.Store(t, &va); err != nil {
		return err
	}
	if err := pb.Store(t, &vb); err != nil {
		return err
	}
	return pc.Store(t, &vc)
}

func sysGetresuid[T id](t *proc.Task, r, e, s Ret[T]) error {
	c := t.Cred()
	return storeIDs(t, uint32(c.NS.ShowKUID(c.UID)), uint32(c.NS.ShowKUID(c.EUID)), uint32(c.NS.ShowKUID(c.SUID)), r, e, s)
}

func sysGetresgid[T id](t *proc.Task, r, e, s Ret[T]) error {
	c := t.Cred()
	return storeIDs(t, uint32(c.NS.ShowKGID(c.GID)), uint32(c.NS.ShowKGID(c.EGID)), uint32(c.NS.ShowKGID(c.SGID)), r, e, s)
}

const maxGroups = 65536 // NGROUPS_MAX

func sysGetgroups[T id](t *proc.Task, n Int, list Ret[T]) (Int, error) {
	c := t.Cred()
	have := len(c.Groups)
	switch {
	case n < 0 || n != 0 && int(n) < have:
		return 0, abi.EINVAL
	case n == 0:
		return Int(have), nil
	}
	out := make([]T, have)
	for i, g := range c.Groups {
		out[i] = shown[T](uint32(c.NS.ShowKGID(g)))
	}
	return Int(have), mm.StoreSlice(t.MM(), uint32(list), out)
}

func sysSetgroups[T id](t *proc.Task, n Int, list Ptr[T]) error {
	c := t.Cred()
	if !c.MaySetGroups() {
		return abi.EPERM
	}
	if uint32(n) > maxGroups {
		return abi.EINVAL
	}
	raw := make([]T, n)
	if err := mm.LoadSlice(t.MM(), raw, uint32(list)); err != nil {
		return err
	}
	groups := make([]user.GID, n)
	for i, g := range raw {
		groups[i] = user.GID(g)
	}
	return t.ChangeCred(func(c *user.Cred) (*user.Cred, error) { return c.SetGroups(groups) })
}

func sysCapget(t *proc.Task, hdr InOut[capHeader], data Ret[capData]) error {
	words, h, err := capVersion(t, hdr)
	if err != nil {
		if err == abi.EINVAL && data == 0 {
			return nil // asked only for the version
		}
		return err
	}
	if data == 0 {
		return nil
	}
	if h.PID < 0 {
		return abi.EINVAL
	}
	o := t
	if h.PID != 0 {
		if o = t.FindTask(h.PID); o == nil {
			return abi.ESRCH
		}
	}
	c := o.CredOf()
	var out [2]capData
	for i := range words {
		s := 32 * i
		out[i] = capData{uint32(c.Effective >> s), uint32(c.Permitted >> s), uint32(c.Inheritable >> s)}
	}
	return mm.StoreSlice(t.MM(), uint32(data), out[:words])
}

func sysCapset(t *proc.Task, hdr InOut[capHeader], data Ptr[capData]) error {
	words, h, err := capVersion(t, hdr)
	if err != nil {
		return err
	}
	if h.PID != 0 && h.PID != t.TID() {
		return abi.EPERM
	}
	var in [2]capData
	if err := mm.LoadSlice(t.MM(), in[:words], uint32(data)); err != nil {
		return err
	}
	caps := func(f func(capData) uint32) user.Caps { return user.Caps(f(in[0])) | user.Caps(f(in[1]))<<32 }
	return t.ChangeCred(func(c *user.Cred) (*user.Cred, error) {
		return c.SetCaps(caps(func(d capData) uint32 { return d.Effective }), caps(func(d capData) uint32 { return d.Permitted }),
			caps(func(d capData) uint32 { return d.Inheritable }))
	})
}

// capVersion returns how many capData a version of the header stands for. EINVAL, after the kernel's version has been
// stored in the header: another version.
func capVersion(t *proc.Task, hdr InOut[capHeader]) (words int, h capHeader, err error) {
	if h, err = hdr.Load(t); err != nil {
		return 0, h, err
	}
	switch h.Version {
	case abi.LINUX_CAPABILITY_VERSION_1:
		return 1, h, nil
	case abi.LINUX_CAPABILITY_VERSION_2, abi.LINUX_CAPABILITY_VERSION_3:
		return 2, h, nil
	}
	h.Version = abi.LINUX_CAPABILITY_VERSION_3
	if err := hdr.Store(t, &h); err != nil {
		return 0, h, err
	}
	return 0, h, abi.EINVAL
}
