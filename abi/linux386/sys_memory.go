package linux386

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/fs/dev"
	"cleave/mm"
	"cleave/ns/user"
	"cleave/proc"
)

// Prot is the protection of mmap(2).
type Prot uint32

func (Prot) show(p *printer, i int) {
	if p.regs[i] == 0 && p.values == nil {
		p.text("PROT_NONE")
		return
	}
	p.flags(p.regs[i], []flag{{abi.PROT_READ, "PROT_READ"}, {abi.PROT_WRITE, "PROT_WRITE"}, {abi.PROT_EXEC, "PROT_EXEC"},
		{abi.PROT_GROWSDOWN, "PROT_GROWSDOWN"}})
}

// MapFlags are flags of mmap(2).
type MapFlags uint32

func (MapFlags) show(p *printer, i int) {
	p.flags(p.regs[i], []flag{{abi.MAP_SHARED_VALIDATE, "MAP_SHARED_VALIDATE"}, {abi.MAP_SHARED, "MAP_SHARED"},
		{abi.MAP_PRIVATE, "MAP_PRIVATE"}, {abi.MAP_FIXED, "MAP_FIXED"}, {abi.MAP_ANONYMOUS, "MAP_ANONYMOUS"},
		{abi.MAP_GROWSDOWN, "MAP_GROWSDOWN"}, {abi.MAP_DENYWRITE, "MAP_DENYWRITE"}, {abi.MAP_LOCKED, "MAP_LOCKED"},
		{abi.MAP_NORESERVE, "MAP_NORESERVE"}, {abi.MAP_POPULATE, "MAP_POPULATE"}, {abi.MAP_STACK, "MAP_STACK"},
		{abi.MAP_FIXED_NOREPLACE, "MAP_FIXED_NOREPLACE"}})
}

func sysBrk(t *proc.Task, addr Addr) (Addr, error) { return Addr(t.MM().Break(uint32(addr))), nil }

// Pages is a file offset in pages.
type Pages uint32

func (Pages) show(p *printer, i int) { p.hex(uint64(p.regs[i]) * pageSize) }

func sysMmap2(t *proc.Task, addr Addr, n Size, prot Prot, flags MapFlags, fd FD, off Pages) (Addr, error) {
	const implied = abi.PROT_READ
	p := mm.Prot(prot) & mm.ProtAll
	if p&implied != 0 && t.Personality()&abi.READ_IMPLIES_EXEC != 0 {
		p |= mm.ProtExec
	}
	m := mm.Map{Addr: uint32(addr), Len: uint32(n), Prot: p, MaxProt: mm.ProtAll, Flags: uint32(flags), Page: uint64(off),
		Low: t.Cred().HasHere(user.CapSysRawio)}
	if flags&abi.MAP_ANONYMOUS != 0 {
		at, err := t.MM().Map(m)
		return Addr(at), err
	}
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return 0, err
	}
	var at uint32
	if dev.IsZero(f) {
		m.Flags |= abi.MAP_ANONYMOUS
		at, err = t.MM().Map(m)
	} else {
		at, err = mapFile(t, f, m)
	}
	f.Put()
	return Addr(at), err
}

// mapFile maps a file. EACCES: it is not open for what the mapping needs; EPERM: its mount forbids
// execution, or a seal writing; ENODEV.
func mapFile(t *proc.Task, f *fs.File, m mm.Map) (uint32, error) {
	shared := m.Flags&abi.MAP_TYPE != abi.MAP_PRIVATE
	if !f.Readable() || shared && m.Prot&mm.ProtWrite != 0 && !f.Writable() {
		return 0, abi.EACCES
	}
	sealed := false
	if shared {
		seals, err := f.Seals()
		sealed = err == nil && seals&(abi.F_SEAL_WRITE|abi.F_SEAL_FUTURE_WRITE) != 0
	}
	if sealed && m.Prot&mm.ProtWrite != 0 {
		return 0, abi.EPERM
	}
	if shared && (sealed || !f.Writable()) {
		m.MaxProt &^= mm.ProtWrite
	}
	if f.Path().Mount.Flags()&fs.MountNoExec != 0 {
		if m.Prot&mm.ProtExec != 0 {
			return 0, abi.EPERM
		}
		m.MaxProt &^= mm.ProtExec
	}
	pages, err := f.Ops.Mmap(f)
	if err != nil {
		return 0, err
	}
	m.File, m.Mapping = f, pages
	return t.MM().Map(m)
}

// mmapArgs is struct mmap_arg_struct, the only argument of the first mmap(2): its offset is in bytes.
type mmapArgs struct {
	Addr   uint32
	Len    uint32
	Prot   uint32
	Flags  uint32
	FD     int32
	Offset uint32
}

func sysOldMmap(t *proc.Task, p Ptr[mmapArgs]) (Addr, error) {
	a, err := p.Load(t)
	if err != nil {
		return 0, err
	}
	if a.Offset%pageSize != 0 {
		return 0, abi.EINVAL
	}
	return sysMmap2(t, Addr(a.Addr), Size(a.Len), Prot(a.Prot), MapFlags(a.Flags), FD(a.FD), Pages(a.Offset/pageSize))
}

func sysMunmap(t *proc.Task, addr Addr, n Size) error { return t.MM().Unmap(uint32(addr), uint32(n)) }

func sysMprotect(t *proc.Task, addr Addr, n Size, prot Prot) error {
	const grows = abi.PROT_GROWSDOWN | abi.PROT_GROWSUP
	if prot&^(abi.PROT_READ|abi.PROT_WRITE|abi.PROT_EXEC|abi.PROT_SEM|grows) != 0 || prot&grows == grows {
		return abi.EINVAL
	}
	p := mm.Prot(prot) & mm.ProtAll
	if p&mm.ProtRead != 0 && t.Personality()&abi.READ_IMPLIES_EXEC != 0 {
		p |= mm.ProtExec
	}
	return t.MM().Protect(uint32(addr), uint32(n), p, uint32(prot)&grows)
}

func sysMremap(t *proc.Task, old Addr, oldLen, newLen Size, flags Hex, new Addr) (Addr, error) {
	at, err := t.MM().Remap(uint32(old), uint32(oldLen), uint32(newLen), uint32(flags), uint32(new))
	return Addr(at), err
}

func sysMadvise(t *proc.Task, addr Addr, n Size, advice Int) error {
	return t.MM().Advise(uint32(addr), uint32(n), int32(advice))
}

func sysMsync(t *proc.Task, addr Addr, n Size, flags Hex) error {
	return t.MM().Sync(uint32(addr), uint32(n), uint32(flags), func(f *fs.File, _, _ uint64) error { return f.Ops.Sync(f, false) })
}

func sysMincore(t *proc.Task, addr Addr, n Size, vec Addr) error {
	if addr%pageSize != 0 {
		return abi.EINVAL
	}
	pages := (uint64(n) + pageSize - 1) / pageSize
	if uint64(addr)+pages*pageSize > mm.UserLimit {
		return abi.ENOMEM
	}
	buf := make([]byte, min(pages, pageSize))
	for pages > 0 {
		k := min(pages, uint64(len(buf)))
		if err := t.MM().InCore(uint32(addr), buf[:k]); err != nil {
			return err
		}
		if err := t.MM().CopyOut(uint32(vec), buf[:k]); err != nil {
			return err
		}
		addr, vec, pages = addr+Addr(k*pageSize), vec+Addr(k), pages-k
	}
	return nil
}

func sysMlock(t *proc.Task, addr Addr, n Size) error { return t.MM().Lock(uint32(addr), uint32(n), 0) }

func sysMlock2(t *proc.Task, addr Addr, n Size, flags Hex) error {
	if flags&^abi.MLOCK_ONFAULT != 0 {
		return abi.EINVAL
	}
	return t.MM().Lock(uint32(addr), uint32(n), uint32(flags))
}

func sysMunlock(t *proc.Task, addr Addr, n Size) error {
	return t.MM().Unlock(uint32(addr), uint32(n))
}

func sysMlockall(t *proc.Task, flags Hex) error {
	const known = abi.MCL_CURRENT | abi.MCL_FUTURE | abi.MCL_ONFAULT
	if flags == 0 || flags&^known != 0 || flags == abi.MCL_ONFAULT {
		return abi.EINVAL
	}
	return t.MM().LockAll(uint32(flags))
}

func sysMunlockall(t *proc.Task) error { t.MM().UnlockAll(); return nil }

// Without protection keys the calls about them are what Linux makes of them on such a CPU.
func sysPkeyMprotect(t *proc.Task, addr Addr, n Size, prot Prot, key Int) error {
	if key != -1 {
		return abi.EINVAL
	}
	return sysMprotect(t, addr, n, prot)
}

func sysPkeyAlloc(_ *proc.Task, flags, rights Hex) (Int, error) {
	if flags != 0 || rights&^3 != 0 {
		return 0, abi.EINVAL
	}
	return 0, abi.ENOSPC
}

func sysPkeyFree(_ *proc.Task, _ Int) error { return abi.EINVAL }

// sysMembarrier: with one CPU, every change of task is a barrier; a program must register for the private ones first,
// which costs nothing and is not checked later. DIVERGES: it may go without.
func sysMembarrier(_ *proc.Task, cmd Int, flags, _ Hex) (Int, error) {
	const all = abi.MEMBARRIER_CMD_GLOBAL | abi.MEMBARRIER_CMD_GLOBAL_EXPEDITED | abi.MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED |
		abi.MEMBARRIER_CMD_PRIVATE_EXPEDITED | abi.MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |
		abi.MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE | abi.MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE
	switch {
	case flags != 0:
		return 0, abi.EINVAL
	case cmd == abi.MEMBARRIER_CMD_QUERY:
		return all, nil
	case cmd&all == 0 || cmd&(cmd-1) != 0:
		return 0, abi.EINVAL
	}
	return 0, nil
}
