package linux386

import (
	"cleave/abi"
	"cleave/mm"
	"cleave/ns"
	"cleave/proc"
)

// The calls of ipc(2), sysvipc(7). Each also has a number of its own, where structures have 32-bit ids always.
const (
	callSemop      = 1
	callSemget     = 2
	callSemctl     = 3
	callSemtimedop = 4
	callMsgsnd     = 11
	callMsgrcv     = 12
	callMsgget     = 13
	callMsgctl     = 14
	callShmat      = 21
	callShmdt      = 22
	callShmget     = 23
	callShmctl     = 24
)

// ipcKludge is struct ipc_kludge: what msgrcv's pointer leads to in the first form of ipc(2).
type ipcKludge struct {
	Msg  uint32
	Type int32
}

// ipc64 is the bit of a command that asks for structures with 32-bit ids (IPC_64).
const ipc64 = 0x100

func sysIPC(t *proc.Task, call, first, second, third Int, ptr Addr, fifth Int) (Int, error) {
	version := uint32(call) >> 16
	switch call & 0xffff {
	case callSemop:
		return 0, sysSemop(t, first, ptr, Size(second))
	case callSemtimedop:
		return 0, sysSemtimedop(t, first, ptr, Size(second), Ptr[timespec32](fifth))
	case callSemget:
		return sysSemget(t, first, second, Hex(third))
	case callSemctl:
		if ptr == 0 {
			return 0, abi.EINVAL
		}
		arg, err := load32(t, uint32(ptr))
		if err != nil {
			return 0, err
		}
		return semctl(t, first, second, third, Addr(arg), third&ipc64 != 0)
	case callMsgsnd:
		return 0, sysMsgsnd(t, first, ptr, Size(second), Hex(third))
	case callMsgrcv:
		if version != 0 {
			return sysMsgrcv(t, first, ptr, Size(second), fifth, Hex(third))
		}
		k, err := Ptr[ipcKludge](ptr).Load(t)
		if err != nil {
			return 0, err
		}
		return sysMsgrcv(t, first, Addr(k.Msg), Size(second), Int(k.Type), Hex(third))
	case callMsgget:
		return sysMsgget(t, first, Hex(second))
	case callMsgctl:
		return msgctl(t, first, second, ptr, second&ipc64 != 0)
	case callShmat:
		if version == 1 {
			return 0, abi.EINVAL
		}
		at, err := sysShmat(t, first, ptr, Hex(second))
		if err != nil {
			return 0, err
		}
		return 0, store32(t, uint32(third), uint32(at))
	case callShmdt:
		return 0, sysShmdt(t, ptr)
	case callShmget:
		return sysShmget(t, first, Size(second), Hex(third))
	case callShmctl:
		return shmctl(t, first, second, ptr, second&ipc64 != 0)
	}
	return 0, abi.ENOSYS
}

func sysSemget(t *proc.Task, key, count Int, flags Hex) (Int, error) {
	id, err := t.IPC().Semget(t.Cred(), int32(key), int(count), int32(flags))
	return Int(id), err
}

func sysSemop(t *proc.Task, id Int, ops Addr, n Size) error { return semop(t, id, ops, n, 0) }

func sysSemtimedop[T spec[T]](t *proc.Task, id Int, ops Addr, n Size, timeout Ptr[T]) error {
	if timeout == 0 {
		return semop(t, id, ops, n, 0)
	}
	ns, err := loadTime(t, timeout)
	if err != nil {
		return err
	}
	return semop(t, id, ops, n, max(t.Kernel().Clock.Monotonic()+ns, 1))
}

func semop(t *proc.Task, id Int, at Addr, n Size, deadline int64) error {
	if n < 1 || id < 0 {
		return abi.EINVAL
	}
	if int(n) > t.IPC().Limits().SemOPM {
		return abi.E2BIG
	}
	bufs := make([]sembuf, n)
	if err := mm.LoadSlice(t.MM(), bufs, uint32(at)); err != nil {
		return err
	}
	ops := make([]ns.SemOp, n)
	for i, b := range bufs {
		ops[i] = ns.SemOp{Num: b.Num, Op: b.Op, Flag: b.Flg}
	}
	return t.Semop(int32(id), ops, deadline)
}

func sysMsgget(t *proc.Task, key Int, flags Hex) (Int, error) {
	id, err := t.IPC().Msgget(t.Cred(), int32(key), int32(flags))
	return Int(id), err
}

func sysMsgsnd(t *proc.Task, id Int, msg Addr, n Size, flags Hex) error {
	typ, err := load32(t, uint32(msg))
	if err != nil {
		return err
	}
	if n > Size(t.IPC().Limits().MsgMax) || id < 0 {
		return abi.EINVAL
	}
	data := make([]byte, n)
	if err := t.MM().CopyIn(data, uint32(msg)+4); err != nil {
		return err
	}
	return t.SendMessage(int32(id), int32(typ), data, int32(flags))
}

func sysMsgrcv(t *proc.Task, id Int, msg Addr, n Size, typ Int, flags Hex) (Int, error) {
	if int32(n) < 0 || id < 0 {
		return 0, abi.EINVAL
	}
	got, data, err := t.ReceiveMessage(int32(id), uint32(n), int32(typ), int32(flags))
	if err != nil {
		return 0, err
	}
	if err := store32(t, uint32(msg), uint32(got)); err != nil {
		return 0, err
	}
	return Int(len(data)), t.MM().CopyOut(uint32(msg)+4, data)
}

func sysShmget(t *proc.Task, key Int, size Size, flags Hex) (Int, error) {
	id, err := t.IPC().Shmget(t.Cred(), t.ProcessPID(), int32(key), uint32(size), int32(flags))
	return Int(id), err
}

func sysShmat(t *proc.Task, id Int, addr Addr, flags Hex) (Addr, error) {
	at, err := t.AttachShm(int32(id), uint32(addr), int32(flags))
	return Addr(at), err
}

func sysShmdt(t *proc.Task, addr Addr) error {
	if addr%pageSize != 0 {
		return abi.EINVAL
	}
	return t.DetachShm(uint32(addr))
}
