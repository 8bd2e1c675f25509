package proc

import (
	"cleave/abi"
	"cleave/mm"
)

// This file has the futexes with an owner: PI mutexes, whose word holds the owner's thread id (FUTEX_LOCK_PI), and the
// robust list (get_robust_list(2)).
//
// DIVERGES: the owner inherits no priority from those who wait, because scheduling is fair among all tasks anyway. The
// hand-over is the same: the longest waiter becomes the owner.

// tryCAS changes the word at addr if that is old, without resolving a fault. ok: the word could be reached.
func (t *Task) tryCAS(addr, old, new uint32) (done, ok bool) {
	seen, ok := t.k.Memory.CPU().CompareAndSwap32(t.mm.Root(), addr, old, new)
	return ok && seen == old, ok
}

// FutexLockPI is FUTEX_LOCK_PI, or with try set FUTEX_TRYLOCK_PI. Errors: EDEADLK (the caller is the owner), ESRCH (the
// owner is gone), EAGAIN (try), ETIMEDOUT, EFAULT, EINVAL, abi.ERESTARTNOINTR.
func (t *Task) FutexLockPI(addr uint32, private bool, d Deadline, try bool) error {
	for {
		key, err := t.mm.FutexKey(addr, private)
		if err != nil {
			return err
		}
		b := t.k.futexes.bucketOf(key)
		b.mu.Lock()
		owned, queued, err := t.lockPILocked(b, key, addr, try)
		b.mu.Unlock()
		switch {
		case err == abi.EFAULT:
			// Bring the page in, for writing, and begin again.
			v, err := t.mm.Load32(addr)
			if err == nil {
				_, err = t.mm.CompareAndSwap32(addr, v, v)
			}
			if err != nil {
				return abi.EFAULT
			}
		case err != nil || owned:
			return err
		case queued:
			err := t.futexSleep(d)
			if err == abi.ERESTARTSYS {
				return abi.ERESTARTNOINTR
			}
			return err
		}
	}
}

// lockPILocked takes the mutex, or queues the task for it. Neither: the word has changed meanwhile. EFAULT: it has to be
// brought in.
func (t *Task) lockPILocked(b *futexBucket, key mm.FutexKey, addr uint32, try bool) (owned, queued bool, err error) {
	v, ok := t.mm.TryLoad32(addr)
	if !ok {
		return false, false, abi.EFAULT
	}
	tid := uint32(t.tid)
	owner := v & abi.FUTEX_TID_MASK
	switch {
	case owner == tid:
		return false, false, abi.EDEADLK
	case owner == 0:
		next := tid | v&abi.FUTEX_OWNER_DIED
		if b.hasLocked(key) {
			next |= abi.FUTEX_WAITERS
		}
		done, ok := t.tryCAS(addr, v, next)
		return done, false, faulted(ok)
	case try:
		return false, false, abi.EAGAIN
	case !t.k.taskExists(t, int32(owner)):
		return false, false, abi.ESRCH
	}
	if done, ok := t.tryCAS(addr, v, v|abi.FUTEX_WAITERS); !ok || !done {
		return false, false, faulted(ok)
	}
	t.futex.key, t.futex.bits, t.futex.pi = key, abi.FUTEX_BITSET_MATCH_ANY, true
	b.addLocked(&t.futex)
	return false, true, nil
}

func faulted(ok bool) error {
	if ok {
		return nil
	}
	return abi.EFAULT
}

// taskExists reports whether t's pid namespace has a task with the id.
func (k *Kernel) taskExists(t *Task, id int32) bool { return t.pidNS.Find(id) != nil }

func (b *futexBucket) hasLocked(key mm.FutexKey) bool { return b.firstPILocked(key) != nil }

func (b *futexBucket) firstPILocked(key mm.FutexKey) *futexWaiter {
	for w := b.first; w != nil; w = w.next {
		if w.key == key && w.pi {
			return w
		}
	}
	return nil
}

// FutexUnlockPI is FUTEX_UNLOCK_PI. Errors: EPERM (the caller is not the owner), EFAULT, EINVAL.
func (t *Task) FutexUnlockPI(addr uint32, private bool) error {
	v, err := t.mm.Load32(addr)
	for err == nil {
		if v&abi.FUTEX_TID_MASK != uint32(t.tid) {
			return abi.EPERM
		}
		var key mm.FutexKey
		if key, err = t.mm.FutexKey(addr, private); err != nil {
			return err
		}
		b := t.k.futexes.bucketOf(key)
		b.mu.Lock()
		done, ok := t.handOverLocked(b, key, addr, v, 0)
		b.mu.Unlock()
		if done {
			return nil
		}
		if !ok {
			if _, err = t.mm.CompareAndSwap32(addr, v, v); err != nil {
				break
			}
		}
		v, err = t.mm.Load32(addr)
	}
	return abi.EFAULT
}

// handOverLocked gives the mutex whose word is v to the longest waiter, or to nobody. extra is FUTEX_OWNER_DIED or 0.
func (t *Task) handOverLocked(b *futexBucket, key mm.FutexKey, addr, v, extra uint32) (done, ok bool) {
	w := b.firstPILocked(key)
	if w == nil {
		return t.tryCAS(addr, v, extra)
	}
	next := uint32(w.task.tid) | extra
	for o := w.next; o != nil; o = o.next {
		if o.key == key && o.pi {
			next |= abi.FUTEX_WAITERS
			break
		}
	}
	done, ok = t.tryCAS(addr, v, next)
	if done {
		b.removeLocked(w)
		w.task.kick()
	}
	return done, ok
}
