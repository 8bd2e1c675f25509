package runtime

import (
	"internal/runtime/atomic"
	"unsafe"
)

// Sleep and wake-up of tasks (boot's parker), by a word that is 0, a token that is not, or the goroutine that waits. They do
// what gopark and goready do, without what one P makes needless: a look for other Ps, and, if a goroutine was made ready just
// now, for what else could run: it inherits the rest of the time slice, as with runtime's own runnext, so the order is
// the same. Timers are not looked at then, for they interrupt user mode.

// barePark makes this goroutine wait until bareReady is called with it, unless the word is not 0: it sets it to the
// goroutine once that can be made ready.
//
//go:linkname barePark
func barePark(word *uintptr) {
	mp := acquirem()
	mp.waitlock = unsafe.Pointer(word)
	mp.curg.waitreason = waitReasonZero
	releasem(mp)
	mcall(bareParkOnG0)
}

// bareParkOnG0 is the part of barePark on the scheduler's stack, where gp does not run any more.
func bareParkOnG0(gp *g) {
	mp := getg().m
	word := (*uintptr)(mp.waitlock)
	mp.waitlock = nil
	casgstatus(gp, _Grunning, _Gwaiting)
	dropg()
	if !atomic.Casuintptr(word, 0, uintptr(unsafe.Pointer(gp))) {
		casgstatus(gp, _Gwaiting, _Grunnable)
		execute(gp, true)
	}
	pp := mp.p.ptr()
	next := pp.runnext
	if next != 0 && next.ptr().lockedm == 0 && mp.lockedg == 0 && gcBlackenEnabled == 0 && !sched.gcwaiting.Load() &&
		pp.runSafePointFn == 0 && !sched.disable.user && pp.runnext.cas(next, 0) {
		pp.preempt = false
		execute(next.ptr(), true)
	}
	schedule()
}

// bareReady makes the goroutine, which waits in barePark, the next one to run.
//
//go:linkname bareReady
func bareReady(waiting uintptr) {
	gp := (*g)(unsafe.Pointer(waiting))
	if gomaxprocs > 1 {
		goready(gp, 1)
		return
	}
	mp := acquirem()
	casgstatus(gp, _Gwaiting, _Grunnable)
	runqput(mp.p.ptr(), gp, true)
	releasem(mp)
}
