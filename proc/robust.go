package proc

import (
	"cleave/abi"
	"cleave/ns/user"
)

// SetRobustList is set_robust_list(2); the ABI has checked the size of the head.
func (t *Task) SetRobustList(head uint32) { t.robustHead = head }

// RobustList is get_robust_list(2); tid 0 is the caller. Errors: ESRCH, EPERM.
func (t *Task) RobustList(tid int32) (head uint32, err error) {
	o := t
	if tid != 0 {
		if o = t.FindTask(tid); o == nil {
			return 0, abi.ESRCH
		}
	}
	if o != t && !t.MayAccess(o, false) && !t.Cred().HasHere(user.CapSysPtrace) {
		return 0, abi.EPERM
	}
	return o.robustHead, nil
}

// robustExit marks the robust mutexes that t holds, and lets one waiter of each have it.
func (t *Task) robustExit() {
	head := t.robustHead
	t.robustHead = 0
	if head != 0 {
		t.k.ABI.RobustList(t, head, t.ownerDied)
	}
}

// ownerDied is told of each futex on the robust list of the dying t. A word that t does not own is left alone, but for
// one that t was just about to give up: its waiters may have been missed.
func (t *Task) ownerDied(addr uint32, pi, pending bool) {
	for {
		v, err := t.mm.Load32(addr)
		if err != nil {
			return
		}
		if v&abi.FUTEX_TID_MASK != uint32(t.tid) {
			if pending && !pi && v == 0 {
				t.wakeShared(addr)
			}
			return
		}
		if pi {
			if t.diePI(addr, v) {
				return
			}
			continue
		}
		seen, err := t.mm.CompareAndSwap32(addr, v, v&abi.FUTEX_WAITERS|abi.FUTEX_OWNER_DIED)
		if err != nil {
			return
		}
		if seen == v {
			if v&abi.FUTEX_WAITERS != 0 {
				t.wakeShared(addr)
			}
			return
		}
	}
}

// wakeShared wakes one waiter, whether it waits privately or not: for the kernel both have the same key unless the
// mapping is shared.
func (t *Task) wakeShared(addr uint32) {
	_, _ = t.FutexWake(addr, false, 1, abi.FUTEX_BITSET_MATCH_ANY) // nobody is there to be told of a bad address
}

// diePI hands a PI mutex on. It reports whether it is done with it.
func (t *Task) diePI(addr, v uint32) bool {
	key, err := t.mm.FutexKey(addr, false)
	if err != nil {
		return true
	}
	b := t.k.futexes.bucketOf(key)
	b.mu.Lock()
	done, ok := t.handOverLocked(b, key, addr, v, abi.FUTEX_OWNER_DIED)
	b.mu.Unlock()
	if !ok {
		_, err = t.mm.CompareAndSwap32(addr, v, v)
		return err != nil
	}
	return done
}
