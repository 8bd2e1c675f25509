package proc

import (
	"cleave/abi"
)

// futexOp is the encoded operation of FUTEX_WAKE_OP: 4 bits operation, 4 comparison, 12 its operand, 12 comparison's.
type futexOp uint32

const (
	futexOpShift = 8 // the operand is a bit number
)

// apply gives the new value of the word.
func (o futexOp) apply(old uint32) (uint32, error) {
	arg := uint32(int32(o<<8) >> 20)
	if uint32(o>>28)&futexOpShift != 0 {
		arg = 1 << (arg & 31)
	}
	switch uint32(o>>28) & 7 {
	case 0:
		return arg, nil
	case 1:
		return old + arg, nil
	case 2:
		return old | arg, nil
	case 3:
		return old &^ arg, nil
	case 4:
		return old ^ arg, nil
	}
	return 0, abi.ENOSYS
}

// compare tells whether the old value asks for a wake-up at the second word.
func (o futexOp) compare(old uint32) (bool, error) {
	a, b := int32(old), int32(o<<20)>>20
	switch uint32(o>>24) & 15 {
	case 0:
		return a == b, nil
	case 1:
		return a != b, nil
	case 2:
		return a < b, nil
	case 3:
		return a <= b, nil
	case 4:
		return a > b, nil
	case 5:
		return a >= b, nil
	}
	return false, abi.ENOSYS
}

// FutexWakeOp is FUTEX_WAKE_OP: it changes the word at addr2, wakes up to n tasks at addr, and if the old value compares
// as op says up to n2 at addr2. It returns the number of both. Errors: EINVAL, EFAULT, ENOSYS.
func (t *Task) FutexWakeOp(addr, addr2 uint32, private bool, n, n2 int32, op uint32) (int32, error) {
	o := futexOp(op)
	k1, err := t.mm.FutexKey(addr, private)
	if err != nil {
		return 0, err
	}
	k2, err := t.mm.FutexKey(addr2, private)
	if err != nil {
		return 0, err
	}
	// The word changes before the locks are taken, so a waiter has either seen the new value or is in the queue.
	old, err := t.futexUpdate(addr2, o)
	if err != nil {
		return 0, err
	}
	both, err := o.compare(old)
	if err != nil {
		return 0, err
	}
	b1, b2 := t.k.futexes.lockTwo(k1, k2)
	woken := b1.wakeLocked(k1, max(n, 1), abi.FUTEX_BITSET_MATCH_ANY)
	if both {
		woken += b2.wakeLocked(k2, max(n2, 1), abi.FUTEX_BITSET_MATCH_ANY)
	}
	unlockTwo(b1, b2)
	return woken, nil
}

// futexUpdate applies o to the word at addr and returns what it was.
func (t *Task) futexUpdate(addr uint32, o futexOp) (uint32, error) {
	old, err := t.mm.Load32(addr)
	for err == nil {
		var v, seen uint32
		if v, err = o.apply(old); err != nil {
			return 0, err
		}
		if seen, err = t.mm.CompareAndSwap32(addr, old, v); err == nil && seen == old {
			return old, nil
		}
		old = seen
	}
	return 0, abi.EFAULT
}
