package linux386

import (
	"cleave/abi"
	"cleave/mm"
	"cleave/proc"
)

// socketCalls has the calls of socketcall(2), by number, and how many arguments each has.
var socketCalls = [...]struct {
	n    int
	call func(t *proc.Task, a *[6]uint32) (uint32, error)
}{
	1: {3, func(t *proc.Task, a *[6]uint32) (uint32, error) {
		return as(sysSocket(t, Family(a[0]), SockType(a[1]), Int(a[2])))
	}},
	2: {3, func(t *proc.Task, a *[6]uint32) (uint32, error) {
		return 0, sysBind(t, FD(a[0]), Addr(a[1]), Int(a[2]))
	}},
	3: {3, func(t *proc.Task, a *[6]uint32) (uint32, error) {
		return 0, sysConnect(t, FD(a[0]), Addr(a[1]), Int(a[2]))
	}},
	4: {2, func(t *proc.Task, a *[6]uint32) (uint32, error) { return 0, sysListen(t, FD(a[0]), Int(a[1])) }},
	5: {3, func(t *proc.Task, a *[6]uint32) (uint32, error) {
		return as(sysAccept4(t, FD(a[0]), Addr(a[1]), InOut[int32](a[2]), 0))
	}},
	6: {3, func(t *proc.Task, a *[6]uint32) (uint32, error) {
		return 0, sysGetsockname(t, FD(a[0]), Addr(a[1]), InOut[int32](a[2]))
	}},
	7: {3, func(t *proc.Task, a *[6]uint32) (uint32, error) {
		return 0, sysGetpeername(t, FD(a[0]), Addr(a[1]), InOut[int32](a[2]))
	}},
	8: {4, func(t *proc.Task, a *[6]uint32) (uint32, error) {
		return 0, sysSocketpair(t, Family(a[0]), SockType(a[1]), Int(a[2]), Ret[[2]int32](a[3]))
	}},
	9: {4, func(t *proc.Task, a *[6]uint32) (uint32, error) {
		return as(sysSend(t, FD(a[0]), In(a[1]), Size(a[2]), MsgFlags(a[3])))
	}},
	10: {4, func(t *proc.Task, a *[6]uint32) (uint32, error) {
		return as(sysRecv(t, FD(a[0]), Out(a[1]), Size(a[2]), MsgFlags(a[3])))
	}},
	11: {6, func(t *proc.Task, a *[6]uint32) (uint32, error) {
		return as(sysSendto(t, FD(a[0]), In(a[1]), Size(a[2]), MsgFlags(a[3]), Addr(a[4]), Int(a[5])))
	}},
	12: {6, func(t *proc.Task, a *[6]uint32) (uint32, error) {
		return as(sysRecvfrom(t, FD(a[0]), Out(a[1]), Size(a[2]), MsgFlags(a[3]), Addr(a[4]), InOut[int32](a[5])))
	}},
	13: {2, func(t *proc.Task, a *[6]uint32) (uint32, error) { return 0, sysShutdown(t, FD(a[0]), Int(a[1])) }},
	14: {5, func(t *proc.Task, a *[6]uint32) (uint32, error) {
		return 0, sysSetsockopt(t, FD(a[0]), Int(a[1]), Int(a[2]), Addr(a[3]), Int(a[4]))
	}},
	15: {5, func(t *proc.Task, a *[6]uint32) (uint32, error) {
		return 0, sysGetsockopt(t, FD(a[0]), Int(a[1]), Int(a[2]), Addr(a[3]), InOut[int32](a[4]))
	}},
	16: {3, func(t *proc.Task, a *[6]uint32) (uint32, error) {
		return as(sysSendmsg(t, FD(a[0]), Ptr[msghdr](a[1]), MsgFlags(a[2])))
	}},
	17: {3, func(t *proc.Task, a *[6]uint32) (uint32, error) {
		return as(sysRecvmsg(t, FD(a[0]), InOut[msghdr](a[1]), MsgFlags(a[2])))
	}},
	18: {4, func(t *proc.Task, a *[6]uint32) (uint32, error) {
		return as(sysAccept4(t, FD(a[0]), Addr(a[1]), InOut[int32](a[2]), SockType(a[3])))
	}},
	19: {5, func(t *proc.Task, a *[6]uint32) (uint32, error) {
		return as(sysRecvmmsg(t, FD(a[0]), Addr(a[1]), Uint(a[2]), MsgFlags(a[3]), InOut[timespec32](a[4])))
	}},
	20: {4, func(t *proc.Task, a *[6]uint32) (uint32, error) {
		return as(sysSendmmsg(t, FD(a[0]), Addr(a[1]), Uint(a[2]), MsgFlags(a[3])))
	}},
}

// as makes a result of one type that of a row.
func as[R word](v R, err error) (uint32, error) { return uint32(v), err }

// sysSocketcall is all calls on sockets in one, with the arguments in memory.
func sysSocketcall(t *proc.Task, call Uint, args Addr) (Int, error) {
	if call == 0 || call >= Uint(len(socketCalls)) {
		return 0, abi.EINVAL
	}
	c := &socketCalls[call]
	var a [6]uint32
	if err := mm.LoadSlice(t.MM(), a[:c.n], uint32(args)); err != nil {
		return 0, err
	}
	v, err := c.call(t, &a)
	return Int(v), err
}
