package runtime

import (
	"internal/bare"
	"internal/runtime/atomic"
	"unsafe"
)

// Ms as threads. A CPU runs one thread at a time and changes to another only where a thread waits: in futex, usleep,
// osyield, the network poller, or at its end. The table of threads is everybody's, and locked; what belongs to a CPU is in
// its bareCPUState, which bareThisCPU finds.

// bareMaxCPUs is how many CPUs can run the kernel. More need to be started, an interrupt that tells one to look at the table
// of threads or to forget translations, and a P each.
const bareMaxCPUs = 1

// bareCPUState is the state of a CPU. Nobody else looks at it, but for pending.
type bareCPUState struct {
	index  int
	thread int     // that runs
	last   int     // that ran before, until its stack is left
	exited uintptr // what to clear then, if that thread has ended: the address of an m's freeWait

	// interruptsOn says that there is an interrupt descriptor table, and vectors to expect. Until then, idling is watching
	// the time.
	interruptsOn bool
	armed        int64 // when the timer will interrupt, -1 if never
	fired        *int64

	// pending has a bit for each vector that came in ring 0 and was not handled yet. It is in boot/x86's state of the CPU,
	// once that has taken over. Bits are set by the entries of interrupts, and cleared by the interrupt goroutine, on whatever
	// CPU that runs, but for the timer's.
	pending *[4]uint64
}

var (
	bareThreads bare.Threads
	bareCPUs    = [bareMaxCPUs]bareCPUState{{pending: &bareEarlyPending, fired: &bareEarlyFired}}

	bareIdleStacks [bareMaxCPUs][512]uint64 // for interrupts in ring 0
)

// bareTLSCPU is the word of m.tls that has the address of the bareCPUState of the CPU that runs the thread. It is the one
// at FS:0, above that of g.
//
// bareTLSBase is the one that has the address of FS:0, for who wants the base of FS without a special instruction.
const (
	bareTLSCPU  = 1
	bareTLSBase = 2
)

func bareSwitch(old *uintptr, sp, tls uintptr)
func bareThreadStartPC() uintptr

// bareThisCPU returns the state of the CPU that this thread runs on.
//
//go:nosplit
func bareThisCPU() *bareCPUState {
	return (*bareCPUState)(unsafe.Pointer(getg().m.tls[bareTLSCPU]))
}

// bareCPUIndex returns the number of this CPU, from 0.
//
//go:linkname bareCPUIndex
//go:nosplit
func bareCPUIndex() int { return bareThisCPU().index }

// bareThreadsInit makes what runs the first thread.
//
//go:nosplit
func bareThreadsInit() {
	cpu := &bareCPUs[0]
	cpu.thread = bareThreads.Boot(0, uintptr(unsafe.Pointer(&m0.tls[bareTLSCPU])))
	m0.tls[bareTLSCPU] = uintptr(unsafe.Pointer(cpu))
}

// bareRescheduleLocked runs the next thread that may run, this one last of all, and idles until there is one. It returns
// when it is this one's turn, without the lock of the threads.
//
//go:nosplit
func bareRescheduleLocked() {
	cpu := bareThisCPU()
	for {
		if barePendingAny(cpu) {
			bareThreads.WakePollersLocked()
		}
		next, deadline := bareThreads.NextLocked(cpu.index, cpu.thread, bareNanotime())
		if next == cpu.thread {
			bareThreads.Unlock()
			return
		}
		if next >= 0 {
			last, t := bareThreads.At(cpu.thread), bareThreads.At(next)
			cpu.last, cpu.thread = cpu.thread, next
			*(*uintptr)(unsafe.Pointer(t.TLS)) = uintptr(unsafe.Pointer(cpu))
			bareSwitch(&last.SP, t.SP, t.TLS)
			bareSwitched() // this thread's turn has come, maybe on another CPU
			return
		}
		bareThreads.Unlock()
		bareIdle(cpu, deadline)
		bareThreads.Lock()
	}
}

// bareSwitched ends the change to this thread: the stack of the one before is left.
//
//go:nosplit
func bareSwitched() {
	cpu := bareThisCPU()
	if cpu.exited != 0 {
		(*atomic.Uint32)(unsafe.Pointer(cpu.exited)).Store(0)
		cpu.exited = 0
	}
	bareThreads.Switched(cpu.last)
}

// bareThreadBegin is the first thing that a new thread calls.
//
//go:nosplit
func bareThreadBegin() {
	bareSwitched()
	getg().m.procid = uint64(bareGettid())
}

// bareWakePollers wakes the thread in the network poller.
//
//go:nosplit
func bareWakePollers() {
	bareThreads.Lock()
	bareThreads.WakePollersLocked()
	bareThreads.Unlock()
}

// bareFutex is futex(2), of which the runtime uses FUTEX_WAIT and FUTEX_WAKE.
//
//go:nosplit
func bareFutex(addr unsafe.Pointer, op int32, val uint32, ts *timespec, addr2 unsafe.Pointer, val3 uint32) int32 {
	if op&1 != 0 {
		return int32(bareThreads.Wake(uintptr(addr), int(val)))
	}
	wake := int64(-1)
	if ts != nil {
		wake = bareDeadline(ts.tv_sec*1e9 + ts.tv_nsec)
	}
	bareThreads.Lock()
	if atomic.Load((*uint32)(addr)) != val {
		bareThreads.Unlock()
		return -_EAGAIN
	}
	bareThreads.WaitLocked(bareThisCPU().thread, uintptr(addr), wake, false)
	bareRescheduleLocked()
	return 0
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
func bareUsleep(us uint32) {
	wake := bareDeadline(int64(us) * 1000)
	bareThreads.Lock()
	bareThreads.WaitLocked(bareThisCPU().thread, 0, wake, false)
	bareRescheduleLocked()
}

//go:nosplit
func bareYield() {
	bareThreads.Lock()
	bareRescheduleLocked()
}

//go:nosplit
func bareGettid() uint32 { return uint32(bareThisCPU().thread) + 1 }

// bareClone is clone(2) as the runtime uses it: a thread that begins in fn on the stack below stk, with the M mp and the
// goroutine gp. The kernel needs no thread without them.
//
//go:nosplit
func bareClone(flags int32, stk, mp, gp, fn unsafe.Pointer) int32 {
	if mp == nil || gp == nil {
		return -_EINVAL
	}
	// What bareSwitch pops (BP and where to go on), then what bareThreadStart takes.
	s := (*[6]uintptr)(unsafe.Pointer((uintptr(stk) - 64) &^ 15))
	s[0], s[1] = 0, bareThreadStartPC()
	s[2], s[3], s[4] = uintptr(mp), uintptr(gp), uintptr(fn)
	words := &(*m)(mp).tls
	words[bareTLSBase] = uintptr(unsafe.Pointer(&words[bareTLSCPU]))
	i := bareThreads.New(uintptr(unsafe.Pointer(s)), words[bareTLSBase])
	if i < 0 {
		return -_EAGAIN
	}
	return int32(i) + 1
}

// bareExitThread ends this thread. Once *wait is 0 another may free its stack: after the change to the next thread.
//
//go:nosplit
func bareExitThread(wait *atomic.Uint32) {
	bareThreads.Lock()
	cpu := bareThisCPU()
	cpu.exited = uintptr(unsafe.Pointer(wait))
	bareThreads.ExitLocked(cpu.thread)
	bareRescheduleLocked()
}
