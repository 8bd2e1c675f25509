package proc

import (
	"sync"
	"sync/atomic"

	"cleave/abi"
	"cleave/mm"
)

// This file has futexes (futex(2)).
//
// No wake-up is lost. A waiter holds the lock of its bucket from before it reads the word until it is in the queue. Who
// wakes has changed the word before it takes that lock. So either the waiter reads the new value and does not sleep, or
// it is in the queue when the waker looks there. The word is read without resolving a fault, which could block: if it
// faults, the lock is let go, the page is brought in, and all begins again.

const futexBuckets = 256 // what bucketIndex can give

type futexTable struct {
	buckets [futexBuckets]futexBucket
}

type futexBucket struct {
	mu          sync.Mutex
	first, last *futexWaiter // guarded by mu, in the order of arrival
}

// futexWaiter is a task's place in a queue. While bucket is not nil, the lock of that bucket guards it, and bucket
// changes only with that lock held; else it is the task's own.
type futexWaiter struct {
	task       *Task
	bucket     atomic.Pointer[futexBucket]
	key        mm.FutexKey
	bits       uint32
	pi         bool // waits in FutexLockPI
	next, prev *futexWaiter
}

// bucketOf is the queue of a key.
func (ft *futexTable) bucketOf(k mm.FutexKey) *futexBucket { return &ft.buckets[bucketIndex(k)] }

func bucketIndex(k mm.FutexKey) uint32 { return uint32(k.Offset>>2) * 0x9e3779b1 >> 24 }

func (b *futexBucket) addLocked(w *futexWaiter) {
	w.next, w.prev = nil, b.last
	if b.last != nil {
		b.last.next = w
	} else {
		b.first = w
	}
	b.last = w
	w.bucket.Store(b)
}

func (b *futexBucket) removeLocked(w *futexWaiter) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		b.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		b.last = w.prev
	}
	w.next, w.prev = nil, nil
	w.bucket.Store(nil)
}

// wakeLocked wakes up to n waiters for k that wait for any of bits.
func (b *futexBucket) wakeLocked(k mm.FutexKey, n int32, bits uint32) (woken int32) {
	for w := b.first; w != nil && woken < n; {
		next := w.next
		if w.key == k && w.bits&bits != 0 && !w.pi {
			b.removeLocked(w)
			w.task.kick()
			woken++
		}
		w = next
	}
	return woken
}

// leave takes w out of the queue that it is in now. It reports whether it was in one: if not, somebody has woken it.
func (w *futexWaiter) leave() bool {
	for {
		b := w.bucket.Load()
		if b == nil {
			return false
		}
		b.mu.Lock()
		if w.bucket.Load() == b { // else it was moved meanwhile
			b.removeLocked(w)
			b.mu.Unlock()
			return true
		}
		b.mu.Unlock()
	}
}

// Deadline is a time to give up at: Time ns of a clock, CLOCK_MONOTONIC or CLOCK_REALTIME. The zero value is never.
type Deadline struct {
	Set   bool
	Clock int32
	Time  int64
}

// monotonic is the deadline as Block wants it. It changes when somebody sets the clock.
func (t *Task) monotonic(d Deadline) int64 {
	if !d.Set {
		return 0
	}
	at := d.Time
	if isRealtime(d.Clock) {
		at -= t.k.Clock.Realtime() - t.k.Clock.Monotonic()
	}
	return max(at, 1) // 0 would be never
}

// FutexWait is FUTEX_WAIT_BITSET: it sleeps if the word is val. Errors: EAGAIN (the word is another), ETIMEDOUT, EFAULT,
// EINVAL, and for a signal abi.ERESTARTSYS or abi.ERESTART_RESTARTBLOCK.
func (t *Task) FutexWait(addr uint32, private bool, val, bits uint32, d Deadline) error {
	if bits == 0 {
		return abi.EINVAL
	}
	if err := t.futexQueue(addr, private, val, bits); err != nil {
		return err
	}
	err := t.futexSleep(d)
	if err == abi.ERESTARTSYS && d.Set {
		t.restartBlock = func(t *Task) (uint32, error) { return 0, t.FutexWait(addr, private, val, bits, d) }
		return abi.ERESTART_RESTARTBLOCK
	}
	return err
}

// futexQueue puts the task into the queue of the word at addr, if that is val.
func (t *Task) futexQueue(addr uint32, private bool, val, bits uint32) error {
	for {
		key, err := t.mm.FutexKey(addr, private)
		if err != nil {
			return err
		}
		b := t.k.futexes.bucketOf(key)
		b.mu.Lock()
		v, ok := t.mm.TryLoad32(addr)
		if ok && v == val {
			t.futex.key, t.futex.bits, t.futex.pi = key, bits, false
			b.addLocked(&t.futex)
		}
		b.mu.Unlock()
		if ok {
			if v != val {
				return abi.EAGAIN
			}
			return nil
		}
		if _, err := t.mm.Load32(addr); err != nil {
			return abi.EFAULT
		}
	}
}

// futexSleep sleeps until somebody has taken the task out of its queue.
func (t *Task) futexSleep(d Deadline) error {
	for {
		if t.futex.bucket.Load() == nil {
			return nil
		}
		if err := t.Block(t.monotonic(d)); err != nil {
			if t.futex.leave() {
				return err
			}
			return nil // the wake-up came first, and must not be lost on others
		}
	}
}

// FutexWake is FUTEX_WAKE_BITSET: it wakes up to n tasks and returns how many. Errors: EINVAL, EFAULT.
func (t *Task) FutexWake(addr uint32, private bool, n int32, bits uint32) (int32, error) {
	if bits == 0 {
		return 0, abi.EINVAL
	}
	key, err := t.mm.FutexKey(addr, private)
	if err != nil {
		return 0, err
	}
	b := t.k.futexes.bucketOf(key)
	b.mu.Lock()
	woken := b.wakeLocked(key, max(n, 1), bits)
	b.mu.Unlock()
	return woken, nil
}

// lockTwo locks the buckets of two keys, which may be one, in the order of the table.
func (ft *futexTable) lockTwo(k1, k2 mm.FutexKey) (b1, b2 *futexBucket) {
	i, j := bucketIndex(k1), bucketIndex(k2)
	b1, b2 = &ft.buckets[i], &ft.buckets[j]
	switch {
	case i < j:
		b1.mu.Lock()
		b2.mu.Lock()
	case i > j:
		b2.mu.Lock()
		b1.mu.Lock()
	default:
		b1.mu.Lock()
	}
	return b1, b2
}

func unlockTwo(a, b *futexBucket) {
	a.mu.Unlock()
	if a != b {
		b.mu.Unlock()
	}
}

// FutexRequeue is FUTEX_REQUEUE, and with cmp set FUTEX_CMP_REQUEUE: it wakes up to n tasks at addr and moves up to move
// others to addr2. It returns the number of both. Errors: EAGAIN (the word at addr is not val), EINVAL, EFAULT.
func (t *Task) FutexRequeue(addr, addr2 uint32, private bool, n, move int32, cmp bool, val uint32) (int32, error) {
	if n < 0 || move < 0 {
		return 0, abi.EINVAL
	}
	ft := &t.k.futexes
	for {
		k1, err := t.mm.FutexKey(addr, private)
		if err != nil {
			return 0, err
		}
		k2, err := t.mm.FutexKey(addr2, private)
		if err != nil {
			return 0, err
		}
		b1, b2 := ft.lockTwo(k1, k2)
		v, ok := val, true
		if cmp {
			v, ok = t.mm.TryLoad32(addr)
		}
		count := int32(0)
		if ok && v == val {
			count = b1.wakeLocked(k1, n, abi.FUTEX_BITSET_MATCH_ANY)
			count += requeueLocked(b1, b2, k1, k2, move)
		}
		unlockTwo(b1, b2)
		if ok {
			if v != val {
				return 0, abi.EAGAIN
			}
			return count, nil
		}
		if _, err := t.mm.Load32(addr); err != nil {
			return 0, abi.EFAULT
		}
	}
}

// requeueLocked moves up to n waiters for k1 in b1 to k2 in b2.
func requeueLocked(b1, b2 *futexBucket, k1, k2 mm.FutexKey, n int32) (moved int32) {
	if k1 == k2 {
		return 0
	}
	for w := b1.first; w != nil && moved < n; {
		next := w.next
		if w.key == k1 && !w.pi {
			b1.removeLocked(w)
			w.key = k2
			b2.addLocked(w)
			moved++
		}
		w = next
	}
	return moved
}
