package bare

// MaxThreads bounds the number of the runtime's Ms. The kernel has a handful: few goroutines lock their thread.
const MaxThreads = 64

// The states of a thread.
const (
	threadFree     = iota // the slot is not in use
	threadRunnable        // it runs or may run
	threadWaiting         // for a futex, a time, or an interrupt
)

// Thread is what is left of a thread that does not run: the rest is on its stack.
type Thread struct {
	SP  uintptr // written without a lock: by who makes the thread, and by the CPU that changes to another
	TLS uintptr // base of FS

	state uint32
	cpu   int     // on which CPU it runs, or idles, plus 1; 0 if on none: its stack is whole
	poll  bool    // it waits in the network poller
	futex uintptr // address that it waits for, 0 if for none
	wake  int64   // when it stops to wait, in ns, -1 if never
}

// Threads is the table of all threads. A CPU runs one thread at a time, and changes to another where that one waits. The
// lock is held over the change: the thread that goes on gives it back (Switched).
//
// Threads are known by their index, not by pointers, which a collector would want to know of.
type Threads struct {
	lock SpinLock // guards all that follows
	n    int      // slots that were ever in use
	all  [MaxThreads]Thread
}

// Lock takes the table's lock.
//
//go:nosplit
func (s *Threads) Lock() { s.lock.Lock() }

// Unlock gives it back.
//
//go:nosplit
func (s *Threads) Unlock() { s.lock.Unlock() }

// At returns the thread i.
//
//go:nosplit
func (s *Threads) At(i int) *Thread { return &s.all[i] }

// Boot makes the thread that a CPU runs at its start, and returns it.
//
//go:nosplit
func (s *Threads) Boot(cpu int, tls uintptr) int {
	s.lock.Lock()
	i := s.claimLocked()
	if i >= 0 {
		s.all[i].TLS, s.all[i].state, s.all[i].cpu = tls, threadRunnable, cpu+1
	}
	s.lock.Unlock()
	return i
}

// New makes a thread that can run, with a stack pointer and a base of FS, and returns it, or -1 if there are too many.
//
//go:nosplit
func (s *Threads) New(sp, tls uintptr) int {
	s.lock.Lock()
	i := s.claimLocked()
	if i >= 0 {
		s.all[i].SP, s.all[i].TLS, s.all[i].state = sp, tls, threadRunnable
	}
	s.lock.Unlock()
	return i
}

// claimLocked returns a slot that is free, on whose thread's stack no CPU is any more, or -1.
//
//go:nosplit
func (s *Threads) claimLocked() int {
	for i := range s.all {
		if t := &s.all[i]; t.state == threadFree && t.cpu == 0 {
			s.n = max(s.n, i+1)
			return i
		}
	}
	return -1
}

// WaitLocked has thread i, which runs, wait for the futex at addr, if that is not 0, or until the time wake, if that is
// not -1, or (poll) for an interrupt. Next comes next.
//
//go:nosplit
func (s *Threads) WaitLocked(i int, addr uintptr, wake int64, poll bool) {
	t := &s.all[i]
	t.futex, t.wake, t.poll = addr, wake, poll
	t.state = threadWaiting
}

// ExitLocked ends thread i, which runs. Its stack is in use until Switched.
//
//go:nosplit
func (s *Threads) ExitLocked(i int) { s.all[i].state = threadFree }

// NextLocked returns the thread that the CPU shall run, its present one, last, if it is the only one; -1 if there is none
// and the CPU may idle, on the stack of last, until the time deadline, -1 if that is never. now is the time.
//
//go:nosplit
func (s *Threads) NextLocked(cpu, last int, now int64) (next int, deadline int64) {
	deadline = -1
	i := last
	for range s.n {
		if i++; i >= s.n {
			i = 0
		}
		t := &s.all[i]
		if t.state == threadWaiting && t.wake >= 0 {
			if now >= t.wake {
				t.state = threadRunnable
			} else if deadline < 0 || t.wake < deadline {
				deadline = t.wake
			}
		}
		if t.state == threadRunnable && (t.cpu == 0 || t.cpu == cpu+1) {
			t.cpu = cpu + 1
			t.poll = false
			return i, -1
		}
	}
	return -1, deadline
}

// Switched is called by a thread that goes on, after the CPU left the stack of thread last.
//
//go:nosplit
func (s *Threads) Switched(last int) {
	s.all[last].cpu = 0
	s.lock.Unlock()
}

// Wake wakes up to n threads that wait for the futex at addr, and returns how many there were.
//
//go:nosplit
func (s *Threads) Wake(addr uintptr, n int) int {
	s.lock.Lock()
	woken := 0
	for i := 0; i < s.n && woken < n; i++ {
		if t := &s.all[i]; t.state == threadWaiting && t.futex == addr {
			t.state = threadRunnable
			woken++
		}
	}
	s.lock.Unlock()
	return woken
}

// WakePollersLocked wakes the threads in the network poller.
//
//go:nosplit
func (s *Threads) WakePollersLocked() {
	for i := 0; i < s.n; i++ {
		if t := &s.all[i]; t.poll && t.state == threadWaiting {
			t.state = threadRunnable
		}
	}
}
