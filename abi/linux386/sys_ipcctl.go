package linux386

import (
	"cleave/abi"
	"cleave/mm"
	"cleave/ns"
	"cleave/ns/user"
	"cleave/proc"
)

// This file has the control calls of System V IPC. long says whether structures have 32-bit ids.

func sysSemctl(t *proc.Task, id, num, cmd Int, arg Addr) (Int, error) {
	return semctl(t, id, num, cmd, arg, true)
}

func sysMsgctl(t *proc.Task, id, cmd Int, buf Addr) (Int, error) {
	return msgctl(t, id, cmd, buf, true)
}

func sysShmctl(t *proc.Task, id, cmd Int, buf Addr) (Int, error) {
	return shmctl(t, id, cmd, buf, true)
}

// longPerm and shortPerm show who may use an object as the caller's user namespace has it.
func longPerm(t *proc.Task, p *ns.IPCPerm) ipc64Perm {
	n := t.Cred().NS
	return ipc64Perm{Key: p.Key, UID: uint32(n.ShowKUID(p.UID)), GID: uint32(n.ShowKGID(p.GID)), CUID: uint32(n.ShowKUID(p.CUID)),
		CGID: uint32(n.ShowKGID(p.CGID)), Mode: p.Mode, Seq: p.Seq}
}

func shortPerm(t *proc.Task, p *ns.IPCPerm) ipcPerm {
	l := longPerm(t, p)
	return ipcPerm{Key: l.Key, UID: cut16(l.UID), GID: cut16(l.GID), CUID: cut16(l.CUID), CGID: cut16(l.CGID), Mode: l.Mode, Seq: l.Seq}
}

// ipcChange is what IPC_SET changes.
type ipcChange struct {
	uid  user.UID
	gid  user.GID
	mode uint16
}

// loadChange reads the struct at buf, which begins with the permissions.
func loadChange(t *proc.Task, buf Addr, long bool) (c ipcChange, err error) {
	if long {
		p, err := Ptr[ipc64Perm](buf).Load(t)
		return ipcChange{user.UID(p.UID), user.GID(p.GID), p.Mode}, err
	}
	p, err := Ptr[ipcPerm](buf).Load(t)
	return ipcChange{user.UID(p.UID), user.GID(p.GID), p.Mode}, err
}

// number is the number of a process as the caller's pid namespace has it, 0 for none.
func number(t *proc.Task, p *ns.PID) int32 {
	if p == nil {
		return 0
	}
	return p.In(t.PIDNamespace())
}

// statResult is the result of a command that stats: the id, when the object was found by its index.
func statResult(cmd Int, id int32) Int {
	if cmd == abi.IPC_STAT {
		return 0
	}
	return Int(id)
}

func semctl(t *proc.Task, id, num, cmd Int, arg Addr, long bool) (Int, error) {
	n, c, pid := t.IPC(), t.Cred(), t.ProcessPID()
	if id < 0 {
		return 0, abi.EINVAL
	}
	switch cmd &^= ipc64; cmd {
	case abi.IPC_INFO, abi.SEM_INFO:
		return semInfo(t, cmd, arg)
	case abi.IPC_STAT, abi.SEM_STAT, abi.SEM_STAT_ANY:
		return semStat(t, id, cmd, arg, long)
	case abi.GETVAL, abi.GETPID, abi.GETNCNT, abi.GETZCNT:
		return semValue(t, id, num, cmd)
	case abi.GETALL:
		all, err := n.SemValues(c, int32(id))
		if err != nil {
			return 0, err
		}
		return 0, mm.StoreSlice(t.MM(), uint32(arg), all)
	case abi.SETVAL:
		return 0, n.SemSetValue(c, pid, int32(id), int(num), int32(arg))
	case abi.SETALL:
		count, err := n.SemCount(int32(id))
		if err != nil {
			return 0, err
		}
		all := make([]uint16, count)
		if err := mm.LoadSlice(t.MM(), all, uint32(arg)); err != nil {
			return 0, err
		}
		return 0, n.SemSetValues(c, pid, int32(id), all)
	case abi.IPC_SET:
		ch, err := loadChange(t, arg, long)
		if err != nil {
			return 0, err
		}
		return 0, n.SemSet(c, int32(id), ch.uid, ch.gid, ch.mode)
	case abi.IPC_RMID:
		return 0, n.SemRemove(c, int32(id))
	}
	return 0, abi.EINVAL
}

func semValue(t *proc.Task, id, num, cmd Int) (Int, error) {
	v, last, more, zero, err := t.IPC().SemValue(t.Cred(), int32(id), int(num))
	switch cmd {
	case abi.GETPID:
		return Int(number(t, last)), err
	case abi.GETNCNT:
		return Int(more), err
	case abi.GETZCNT:
		return Int(zero), err
	}
	return Int(v), err
}

func semInfo(t *proc.Task, cmd Int, arg Addr) (Int, error) {
	const maxAdjust = 32767
	u := t.IPC().SemUsage()
	l := &u.Limits
	v := seminfo{Map: int32(l.SemMNS), Mni: int32(l.SemMNI), Mns: int32(l.SemMNS), Mnu: int32(l.SemMNS), Msl: int32(l.SemMSL),
		Opm: int32(l.SemOPM), Ume: int32(l.SemOPM), Usz: 20, Vmx: maxAdjust, Aem: maxAdjust}
	if cmd == abi.SEM_INFO {
		v.Usz, v.Aem = int32(u.Objects), int32(u.Items)
	}
	return Int(u.MaxIndex), Ret[seminfo](arg).Store(t, &v)
}

func semStat(t *proc.Task, id, cmd Int, arg Addr, long bool) (Int, error) {
	s, err := t.IPC().SemStat(t.Cred(), int32(id), int32(cmd))
	if err != nil {
		return 0, err
	}
	if long {
		v := semid64DS{Perm: longPerm(t, &s.IPCPerm), Otime: uint32(s.Otime), OtimeHigh: uint32(s.Otime >> 32), Ctime: uint32(s.Ctime),
			CtimeHigh: uint32(s.Ctime >> 32), Nsems: uint32(s.Count)}
		err = Ret[semid64DS](arg).Store(t, &v)
	} else {
		v := semidDS{Perm: shortPerm(t, &s.IPCPerm), Otime: uint32(s.Otime), Ctime: uint32(s.Ctime), Nsems: uint16(s.Count)}
		err = Ret[semidDS](arg).Store(t, &v)
	}
	return statResult(cmd, s.ID), err
}

func msgctl(t *proc.Task, id, cmd Int, buf Addr, long bool) (Int, error) {
	n, c := t.IPC(), t.Cred()
	if id < 0 || cmd < 0 {
		return 0, abi.EINVAL
	}
	switch cmd &^= ipc64; cmd {
	case abi.IPC_INFO, abi.MSG_INFO:
		return msgInfo(t, cmd, buf)
	case abi.IPC_STAT, abi.MSG_STAT, abi.MSG_STAT_ANY:
		return msgStat(t, id, cmd, buf, long)
	case abi.IPC_SET:
		ch, err := loadChange(t, buf, long)
		if err != nil {
			return 0, err
		}
		limit, err := loadQueueLimit(t, buf, long)
		if err != nil {
			return 0, err
		}
		return 0, n.MsgSet(c, int32(id), ch.uid, ch.gid, ch.mode, limit)
	case abi.IPC_RMID:
		return 0, n.MsgRemove(c, int32(id))
	}
	return 0, abi.EINVAL
}

func loadQueueLimit(t *proc.Task, buf Addr, long bool) (uint32, error) {
	if long {
		v, err := Ptr[msqid64DS](buf).Load(t)
		return v.Qbytes, err
	}
	v, err := Ptr[msqidDS](buf).Load(t)
	return uint32(v.Qbytes), err
}

func msgInfo(t *proc.Task, cmd Int, buf Addr) (Int, error) {
	const segmentSize = 16
	u := t.IPC().MsgUsage()
	l := &u.Limits
	pool := int32(uint64(l.MsgMNI) * uint64(l.MsgMNB) / 1024)
	v := msginfo{Pool: pool, Map: int32(l.MsgMNB), Max: int32(l.MsgMax), Mnb: int32(l.MsgMNB), Mni: int32(l.MsgMNI), Ssz: segmentSize,
		Tql: int32(l.MsgMNB), Seg: 0xffff}
	if cmd == abi.MSG_INFO {
		v.Pool, v.Map, v.Tql = int32(u.Objects), int32(u.Items), int32(u.Bytes)
	}
	return Int(u.MaxIndex), Ret[msginfo](buf).Store(t, &v)
}

func msgStat(t *proc.Task, id, cmd Int, buf Addr, long bool) (Int, error) {
	s, err := t.IPC().MsgStat(t.Cred(), int32(id), int32(cmd))
	if err != nil {
		return 0, err
	}
	if long {
		v := msqid64DS{Perm: longPerm(t, &s.IPCPerm), Stime: uint32(s.Stime), StimeHigh: uint32(s.Stime >> 32), Rtime: uint32(s.Rtime),
			RtimeHigh: uint32(s.Rtime >> 32), Ctime: uint32(s.Ctime), CtimeHigh: uint32(s.Ctime >> 32), Cbytes: s.Bytes,
			Qnum: uint32(s.Messages), Qbytes: s.Limit, LSPID: number(t, s.LSPID), LRPID: number(t, s.LRPID)}
		err = Ret[msqid64DS](buf).Store(t, &v)
	} else {
		v := msqidDS{Perm: shortPerm(t, &s.IPCPerm), Stime: uint32(s.Stime), Rtime: uint32(s.Rtime), Ctime: uint32(s.Ctime),
			Cbytes: short(s.Bytes), Qnum: short(uint32(s.Messages)), Qbytes: short(s.Limit), LSPID: uint16(number(t, s.LSPID)),
			LRPID: uint16(number(t, s.LRPID))}
		err = Ret[msqidDS](buf).Store(t, &v)
	}
	return statResult(cmd, s.ID), err
}

// short cuts a number to what 16 bits hold.
func short(v uint32) uint16 { return uint16(min(v, 0xffff)) }

func shmctl(t *proc.Task, id, cmd Int, buf Addr, long bool) (Int, error) {
	n, c := t.IPC(), t.Cred()
	if id < 0 || cmd < 0 {
		return 0, abi.EINVAL
	}
	switch cmd &^= ipc64; cmd {
	case abi.IPC_INFO:
		u := n.ShmUsage()
		const one = 1 // the smallest segment
		v := shminfo64{Max: clamp(u.Limits.ShmMax), Min: one, Mni: uint32(u.Limits.ShmMNI), Seg: uint32(u.Limits.ShmMNI), All: clamp(u.Limits.ShmAll)}
		if long {
			return Int(u.MaxIndex), Ret[shminfo64](buf).Store(t, &v)
		}
		return Int(u.MaxIndex), mm.StoreSlice(t.MM(), uint32(buf), []uint32{v.Max, v.Min, v.Mni, v.Seg, v.All})
	case abi.SHM_INFO:
		u := n.ShmUsage()
		v := shmInfo{UsedIDs: int32(u.Objects), Total: clamp(u.Items), RSS: clamp(u.Resident)}
		return Int(u.MaxIndex), Ret[shmInfo](buf).Store(t, &v)
	case abi.IPC_STAT, abi.SHM_STAT, abi.SHM_STAT_ANY:
		return shmStat(t, id, cmd, buf, long)
	case abi.IPC_SET:
		ch, err := loadChange(t, buf, long)
		if err != nil {
			return 0, err
		}
		return 0, n.ShmSet(c, int32(id), ch.uid, ch.gid, ch.mode)
	case abi.IPC_RMID:
		return 0, n.ShmRemove(c, int32(id))
	case abi.SHM_LOCK, abi.SHM_UNLOCK:
		return 0, n.ShmLock(c, int32(id), cmd == abi.SHM_LOCK)
	}
	return 0, abi.EINVAL
}

// clamp cuts a number to what a signed word holds, as Linux does with limits.
func clamp(v uint64) uint32 { return uint32(min(v, 1<<31-1)) }

func shmStat(t *proc.Task, id, cmd Int, buf Addr, long bool) (Int, error) {
	s, err := t.IPC().ShmStat(t.Cred(), int32(id), int32(cmd))
	if err != nil {
		return 0, err
	}
	if long {
		v := shmid64DS{Perm: longPerm(t, &s.IPCPerm), Segsz: s.Size, Atime: uint32(s.Atime), AtimeHigh: uint32(s.Atime >> 32),
			Dtime: uint32(s.Dtime), DtimeHigh: uint32(s.Dtime >> 32), Ctime: uint32(s.Ctime), CtimeHigh: uint32(s.Ctime >> 32),
			CPID: number(t, s.CPID), LPID: number(t, s.LPID), Nattch: uint32(s.Attached)}
		err = Ret[shmid64DS](buf).Store(t, &v)
	} else {
		v := shmidDS{Perm: shortPerm(t, &s.IPCPerm), Segsz: s.Size, Atime: uint32(s.Atime), Dtime: uint32(s.Dtime), Ctime: uint32(s.Ctime),
			CPID: uint16(number(t, s.CPID)), LPID: uint16(number(t, s.LPID)), Nattch: short(uint32(s.Attached))}
		err = Ret[shmidDS](buf).Store(t, &v)
	}
	return statResult(cmd, s.ID), err
}
