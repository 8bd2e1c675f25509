package linux386

import (
	"cleave/abi"
	"cleave/proc"
)

// FutexOp is the operation of futex(2), with its flags.
type FutexOp uint32

func (FutexOp) show(p *printer, i int) {
	v := p.regs[i]
	p.one(v&^(abi.FUTEX_PRIVATE_FLAG|abi.FUTEX_CLOCK_REALTIME), []flag{{abi.FUTEX_WAIT, "FUTEX_WAIT"}, {abi.FUTEX_WAKE, "FUTEX_WAKE"},
		{abi.FUTEX_REQUEUE, "FUTEX_REQUEUE"}, {abi.FUTEX_CMP_REQUEUE, "FUTEX_CMP_REQUEUE"}, {abi.FUTEX_WAKE_OP, "FUTEX_WAKE_OP"},
		{abi.FUTEX_LOCK_PI, "FUTEX_LOCK_PI"}, {abi.FUTEX_UNLOCK_PI, "FUTEX_UNLOCK_PI"}, {abi.FUTEX_TRYLOCK_PI, "FUTEX_TRYLOCK_PI"},
		{abi.FUTEX_WAIT_BITSET, "FUTEX_WAIT_BITSET"}, {abi.FUTEX_WAKE_BITSET, "FUTEX_WAKE_BITSET"}})
	if v&abi.FUTEX_PRIVATE_FLAG != 0 {
		p.text("|FUTEX_PRIVATE_FLAG")
	}
	if v&abi.FUTEX_CLOCK_REALTIME != 0 {
		p.text("|FUTEX_CLOCK_REALTIME")
	}
}

// futexDeadline reads the time-out of a waiting operation. FUTEX_WAIT's is a length of time, the others' a time of the
// clock that the flag chooses (futex(2)).
func futexDeadline[T spec[T]](t *proc.Task, cmd uint32, p Addr, realtime bool) (proc.Deadline, error) {
	if p == 0 {
		return proc.Deadline{}, nil
	}
	ns, err := loadTime(t, Ptr[T](p))
	switch {
	case err != nil:
		return proc.Deadline{}, err
	case cmd == abi.FUTEX_WAIT:
		return t.DeadlineIn(ns), nil
	case realtime:
		return t.DeadlineAt(abi.CLOCK_REALTIME, ns), nil
	}
	return t.DeadlineAt(abi.CLOCK_MONOTONIC, ns), nil
}

// sysFutex has the second count of wake and requeue in the register of the time-out.
func sysFutex[T spec[T]](t *proc.Task, addr Addr, op FutexOp, val Uint, timeout, addr2 Addr, val3 Hex) (Int, error) {
	private := op&abi.FUTEX_PRIVATE_FLAG != 0
	realtime := op&abi.FUTEX_CLOCK_REALTIME != 0
	cmd := uint32(op &^ (abi.FUTEX_PRIVATE_FLAG | abi.FUTEX_CLOCK_REALTIME))
	switch cmd {
	case abi.FUTEX_WAIT, abi.FUTEX_WAIT_BITSET, abi.FUTEX_LOCK_PI, abi.FUTEX_LOCK_PI2:
		// The older way to lock goes by the realtime clock always.
		d, err := futexDeadline[T](t, cmd, timeout, realtime || cmd == abi.FUTEX_LOCK_PI)
		switch {
		case err != nil:
			return 0, err
		case cmd == abi.FUTEX_WAIT:
			return 0, t.FutexWait(uint32(addr), private, uint32(val), abi.FUTEX_BITSET_MATCH_ANY, d)
		case cmd == abi.FUTEX_WAIT_BITSET:
			return 0, t.FutexWait(uint32(addr), private, uint32(val), uint32(val3), d)
		}
		return 0, t.FutexLockPI(uint32(addr), private, d, false)
	}
	if realtime {
		return 0, abi.ENOSYS
	}
	switch cmd {
	case abi.FUTEX_TRYLOCK_PI:
		return 0, t.FutexLockPI(uint32(addr), private, proc.Deadline{}, true)
	case abi.FUTEX_UNLOCK_PI:
		return 0, t.FutexUnlockPI(uint32(addr), private)
	}
	n, err := futexWake(t, cmd, private, uint32(addr), uint32(addr2), int32(val), int32(timeout), uint32(val3))
	return Int(n), err
}

func futexWake(t *proc.Task, cmd uint32, private bool, addr, addr2 uint32, n, n2 int32, val3 uint32) (int32, error) {
	switch cmd {
	case abi.FUTEX_WAKE:
		return t.FutexWake(addr, private, n, abi.FUTEX_BITSET_MATCH_ANY)
	case abi.FUTEX_WAKE_BITSET:
		return t.FutexWake(addr, private, n, val3)
	case abi.FUTEX_REQUEUE:
		return t.FutexRequeue(addr, addr2, private, n, n2, false, 0)
	case abi.FUTEX_CMP_REQUEUE:
		return t.FutexRequeue(addr, addr2, private, n, n2, true, val3)
	case abi.FUTEX_WAKE_OP:
		return t.FutexWakeOp(addr, addr2, private, n, n2, val3)
	}
	return 0, abi.ENOSYS
}

// robustHeadSize is the size of struct robust_list_head.
const robustHeadSize = 12

func sysSetRobustList(t *proc.Task, head Addr, size Size) error {
	if size != robustHeadSize {
		return abi.EINVAL
	}
	t.SetRobustList(uint32(head))
	return nil
}

func sysGetRobustList(t *proc.Task, pid PID, head, size Ret[uint32]) error {
	h, err := t.RobustList(int32(pid))
	if err != nil {
		return err
	}
	n := uint32(robustHeadSize)
	if err := size.Store(t, &n); err != nil {
		return err
	}
	return head.Store(t, &h)
}

// RobustList implements proc.ABI. Bit 0 of a pointer marks a mutex with priority inheritance; a list may be a loop, so
// it is walked for a while only.
func (a *ABI) RobustList(t *proc.Task, head uint32, visit func(addr uint32, pi, pending bool)) {
	h, err := Ptr[robustListHead](head).Load(t)
	if err != nil {
		return
	}
	next := h.Next
	for range abi.ROBUST_LIST_LIMIT {
		entry := next &^ 1
		if entry == head {
			break
		}
		pi := next&1 != 0
		// The next entry first: once the mutex is free, this one may change.
		next, err = Ptr[uint32](entry).Load(t)
		if entry != h.Pending&^1 {
			visit(entry+uint32(h.Offset), pi, false)
		}
		if err != nil {
			return
		}
	}
	if h.Pending != 0 {
		visit(h.Pending&^1+uint32(h.Offset), h.Pending&1 != 0, true)
	}
}
