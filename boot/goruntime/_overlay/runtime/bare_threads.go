package runtime

import (
	"internal/runtime/atomic"
	"internal/runtime/sys"
	"unsafe"
)

// Ms as threads. A CPU runs one thread at a time and changes to another only where a thread waits: in futex, usleep,
// osyield, the network poller, or at its end. The kernel has one CPU yet; what belongs to a CPU is in bareCPU, the table
// of threads is everybody's.

// The states of a thread.
const (
	bareFree     = iota // the slot is not in use
	bareRunnable        // it runs or may run
	bareWaiting         // for a futex, a time, or an interrupt
)

// bareThread is what is left of a thread that does not run: the rest is on its stack. Pointers to threads need no write
// barriers, for the threads are not on the heap.
type bareThread struct {
	_     sys.NotInHeap
	next  *bareThread // all threads that ever were form a ring
	id    uint32      // from 1
	state uint32
	sp    uintptr
	tls   uintptr // base of FS
	poll  bool    // it waits in the network poller
	futex uintptr // address that it waits for, 0 if for none
	wake  int64   // when it stops to wait, in ns, -1 if never
}

// bareMaxThreads bounds the number of Ms. The kernel has a handful: few goroutines lock their thread.
const bareMaxThreads = 64

var bareThreads [bareMaxThreads]bareThread

// bareCPUState is the state of a CPU.
type bareCPUState struct {
	tls    uintptr // base of FS of the thread that runs: what a trap from user mode has to bring back
	thread *bareThread
}

var bareCPU bareCPUState

func bareSwitch(old *uintptr, sp, tls uintptr)
func bareThreadStartPC() uintptr

// bareThreadsInit makes what runs the first thread.
//
//go:nosplit
func bareThreadsInit() {
	t := &bareThreads[0]
	t.next, t.id, t.state = t, 1, bareRunnable
	t.tls = uintptr(unsafe.Pointer(&m0.tls)) + 8
	bareCPU.thread, bareCPU.tls = t, t.tls
}

// bareReschedule runs the next thread that may run, this one last of all, and idles until there is one.
//
//go:nosplit
func bareReschedule() {
	for {
		if barePendingAny() {
			bareWakePollers()
		}
		now, deadline := int64(-1), int64(-1)
		last := bareCPU.thread
		for t := last.next; ; t = t.next {
			if t.state == bareWaiting && t.wake >= 0 {
				if now < 0 {
					now = bareNanotime()
				}
				if now >= t.wake {
					t.state = bareRunnable
				} else if deadline < 0 || t.wake < deadline {
					deadline = t.wake
				}
			}
			if t.state == bareRunnable {
				if t != last {
					bareCPU.thread, bareCPU.tls = t, t.tls
					bareSwitch(&last.sp, t.sp, t.tls)
				}
				return
			}
			if t == last {
				break
			}
		}
		bareIdle(deadline)
	}
}

// bareWakePollers wakes the thread in the network poller.
//
//go:nosplit
func bareWakePollers() {
	me := bareCPU.thread
	for t := me.next; ; t = t.next {
		if t.poll && t.state == bareWaiting {
			t.state = bareRunnable
		}
		if t == me {
			return
		}
	}
}

// bareWait makes this thread wait for the futex at addr, if that is not 0, or until the time wake, if that is not -1.
//
//go:nosplit
func bareWait(addr uintptr, wake int64, poll bool) {
	t := bareCPU.thread
	t.futex, t.wake, t.poll = addr, wake, poll
	t.state = bareWaiting
	bareReschedule()
	t.poll = false
}

// bareFutex is futex(2), of which the runtime uses FUTEX_WAIT and FUTEX_WAKE.
//
//go:nosplit
func bareFutex(addr unsafe.Pointer, op int32, val uint32, ts *timespec, addr2 unsafe.Pointer, val3 uint32) int32 {
	if op&1 == 0 {
		if atomic.Load((*uint32)(addr)) != val {
			return -_EAGAIN
		}
		wake := int64(-1)
		if ts != nil {
			wake = bareDeadline(ts.tv_sec*1e9 + ts.tv_nsec)
		}
		bareWait(uintptr(addr), wake, false)
		return 0
	}
	n := int32(0)
	me := bareCPU.thread
	for t := me.next; t != me && n < int32(val); t = t.next {
		if t.state == bareWaiting && t.futex == uintptr(addr) {
			t.state = bareRunnable
			n++
		}
	}
	return n
}

// bareDeadline returns the time ns from now, at most the end of time.
//
//go:nosplit
func bareDeadline(ns int64) int64 {
	if d := bareNanotime() + ns; d >= 0 {
		return d
	}
	return 1<<63 - 1
}

//go:nosplit
func bareUsleep(us uint32) { bareWait(0, bareDeadline(int64(us)*1000), false) }

//go:nosplit
func bareYield() { bareReschedule() }

//go:nosplit
func bareGettid() uint32 { return bareCPU.thread.id }

// bareClone is clone(2) as the runtime uses it: a thread that begins in fn on the stack below stk, with the M mp and the
// goroutine gp, both of which may be nil.
//
//go:nosplit
func bareClone(flags int32, stk, mp, gp, fn unsafe.Pointer) int32 {
	for i := range bareThreads {
		t := &bareThreads[i]
		if t.state != bareFree {
			continue
		}
		if t.next == nil {
			t.id = uint32(i) + 1
			t.next, bareCPU.thread.next = bareCPU.thread.next, t
		}
		t.state, t.tls = bareRunnable, 0
		if mp != nil {
			t.tls = uintptr(unsafe.Pointer(&(*m)(mp).tls)) + 8
		}
		// What bareSwitch pops (BP and where to go on), then what bareThreadStart pops.
		s := (*[6]uintptr)(unsafe.Pointer((uintptr(stk) - 64) &^ 15))
		s[0], s[1] = 0, bareThreadStartPC()
		s[2], s[3], s[4], s[5] = uintptr(mp), uintptr(gp), uintptr(fn), uintptr(t.id)
		t.sp = uintptr(unsafe.Pointer(s))
		return int32(t.id)
	}
	return -_EAGAIN
}

// bareExitThread ends this thread. Once *wait is 0 another may free its stack, but none runs before the last use of it:
// the change to the next thread.
//
//go:nosplit
func bareExitThread(wait *atomic.Uint32) {
	bareCPU.thread.state = bareFree
	wait.Store(0)
	bareReschedule()
}
