package runtime

import "internal/runtime/atomic"

// The network poller (see netpoll.go for what it must do) polls the machine's interrupts: it is where the runtime
// idles. It has one descriptor, for which the goroutine that handles interrupts waits.

var (
	barePollDesc   *pollDesc     // of the goroutine that handles interrupts
	netpollWakeSig atomic.Uint32 // netpollBreak was called, and nobody took notice yet
)

func netpollinit() {}

func netpollIsPollDescriptor(fd uintptr) bool { return false }

func netpollopen(fd uintptr, pd *pollDesc) uintptr {
	barePollDesc = pd
	return 0
}

func netpollclose(fd uintptr) uintptr { return 0 }

func netpollarm(pd *pollDesc, mode int) {
	throw("runtime: unused")
}

// netpollBreak interrupts a netpoll that blocks.
func netpollBreak() {
	netpollWakeSig.Store(1)
	bareWakePollers()
}

// netpoll returns the goroutines that interrupts have made ready, and a delta to add to netpollWaiters.
//
// delay < 0: blocks indefinitely
// delay == 0: does not block, just polls
// delay > 0: block for up to that many nanoseconds
func netpoll(delay int64) (gList, int32) {
	cpu := bareThisCPU()
	if delay == 0 {
		if cpu.interruptsOn {
			bareWindow(cpu.idleStack())
			bareTakeTimer(cpu)
		}
		// The world is polled when it starts again: a collection may have begun, at which the timer is set anew.
		if gcBlackenEnabled != 0 {
			*cpu.fired = -1
		}
	} else {
		wake := int64(-1)
		if delay > 0 {
			wake = bareDeadline(delay)
		}
		bareThreads.Lock()
		if netpollWakeSig.Load() == 0 && !barePendingAny(cpu) {
			bareThreads.WaitLocked(cpu.thread, 0, wake, true)
			bareRescheduleLocked()
			cpu = bareThisCPU()
		} else {
			bareThreads.Unlock()
		}
		netpollWakeSig.Store(0)
	}
	var toRun gList
	delta := int32(0)
	if pd := barePollDesc; pd != nil && barePendingAny(cpu) {
		delta = netpollready(&toRun, pd, 'r')
	}
	return toRun, delta
}
