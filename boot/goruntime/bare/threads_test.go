package bare

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

// next is what a CPU that runs thread last does at a change: the thread that it runs then, with the lock given back.
//
//go:nosplit
func next(s *Threads, cpu, last int, now int64) (int, int64) {
	i, deadline := s.NextLocked(cpu, last, now)
	if i >= 0 && i != last {
		s.Switched(last)
	} else {
		s.Unlock()
	}
	return i, deadline
}

// yield has thread last give up the CPU.
//
//go:nosplit
func yield(s *Threads, cpu, last int) int {
	s.Lock()
	i, _ := next(s, cpu, last, 0)
	return i
}

// take takes a token or, as bareFutex does, waits for one: the check and the wait are one.
//
//go:nosplit
func take(s *Threads, cpu, last int, tokens *atomic.Int32, addr uintptr) int {
	s.Lock()
	if tokens.Load() > 0 {
		tokens.Add(-1)
	} else {
		s.WaitLocked(last, addr, -1, false)
	}
	i, _ := next(s, cpu, last, 0)
	return i
}

func TestThreads(t *testing.T) {
	s := new(Threads)
	a := s.Boot(0, 1)
	b, c := s.New(0x1000, 2), s.New(0x2000, 3)
	if i := yield(s, 0, a); i != b {
		t.Fatalf("after the first thread comes %d, want %d", i, b)
	}
	if i := yield(s, 0, b); i != c {
		t.Fatalf("after the second thread comes %d, want %d", i, c)
	}

	// c waits for a futex, a until the time 50, b for both.
	s.Lock()
	s.WaitLocked(c, 0x77, -1, false)
	if i, _ := next(s, 0, c, 10); i != a {
		t.Fatalf("%d runs, want %d", i, a)
	}
	s.Lock()
	s.WaitLocked(a, 0, 50, false)
	if i, _ := next(s, 0, a, 10); i != b {
		t.Fatalf("%d runs, want %d", i, b)
	}
	s.Lock()
	s.WaitLocked(b, 0x77, 90, false)
	if i, deadline := next(s, 0, b, 10); i != -1 || deadline != 50 {
		t.Fatalf("%d runs, the deadline is %d; want to idle until 50", i, deadline)
	}
	s.Lock()
	if i, _ := next(s, 0, b, 60); i != a {
		t.Fatalf("at 60 %d runs, want %d", i, a)
	}
	if n := s.Wake(0x78, 9); n != 0 {
		t.Errorf("%d threads woken that wait for something else", n)
	}
	if n := s.Wake(0x77, 1); n != 1 {
		t.Errorf("%d threads woken, want 1", n)
	}
	if n := s.Wake(0x77, 9); n != 1 {
		t.Errorf("%d threads woken, want the other one", n)
	}
}

// TestThreadsPoll wakes the thread in the poller, and only while it is there.
func TestThreadsPoll(t *testing.T) {
	s := new(Threads)
	a := s.Boot(0, 1)
	wake := func() int {
		s.Lock()
		s.WakePollersLocked()
		i, _ := next(s, 0, a, 0)
		return i
	}
	s.Lock()
	s.WaitLocked(a, 0, -1, true)
	if i, _ := next(s, 0, a, 0); i != -1 {
		t.Fatalf("%d runs, want none", i)
	}
	if i := wake(); i != a {
		t.Errorf("%d runs, want %d", i, a)
	}
	s.Lock()
	s.WaitLocked(a, 0x77, -1, false)
	s.Unlock()
	if i := wake(); i != -1 {
		t.Errorf("a thread that waits for a futex was woken by an interrupt")
	}
}

// TestThreadsExit keeps the slot of a thread that has ended until the CPU is off its stack.
func TestThreadsExit(t *testing.T) {
	s := new(Threads)
	a := s.Boot(0, 1)
	s.Lock()
	s.ExitLocked(a)
	if i, _ := next(s, 0, a, 0); i != -1 {
		t.Fatalf("%d runs, want none", i)
	}
	b := s.New(1, 2)
	if b == a {
		t.Fatal("the slot of the thread whose stack the CPU idles on was given to another")
	}
	s.Lock()
	if i, _ := next(s, 0, a, 0); i != b {
		t.Fatalf("%d runs, want %d", i, b)
	}
	if c := s.New(1, 2); c != a {
		t.Errorf("thread %d, want the free slot %d", c, a)
	}
	for s.New(1, 2) >= 0 {
	}
	if b := s.Boot(1, 2); b != -1 {
		t.Errorf("thread %d of a full table", b)
	}
}

// TestThreadsCPUs has several CPUs run more threads than there are CPUs, which wait for futexes and wake each other: no
// thread runs on two CPUs, and no wake-up is lost.
func TestThreadsCPUs(t *testing.T) {
	const cpus, threads, rounds = 3, 8, 400
	s := new(Threads)
	var work [threads]struct {
		running atomic.Bool
		rounds  int // what the race detector watches
		tokens  atomic.Int32
	}
	for i := range cpus {
		s.Boot(i, 1)
	}
	for range threads - cpus {
		s.New(1, 1)
	}
	for i := range work {
		work[i].tokens.Store(int32(i % 2))
	}
	addr := func(i int) uintptr { return uintptr(0x1000 + i) }
	var done atomic.Int32
	var wg sync.WaitGroup
	for cpu := range cpus {
		wg.Go(func() {
			last := cpu
			for done.Load() < rounds*threads {
				me := &work[last]
				if me.running.Swap(true) {
					t.Errorf("thread %d runs twice", last)
				}
				me.rounds++
				done.Add(1)
				to := rand.IntN(threads)
				work[to].tokens.Add(1)
				s.Wake(addr(to), 1)
				me.running.Store(false)

				i := take(s, cpu, last, &work[last].tokens, addr(last))
				for ; i < 0; i = yield(s, cpu, last) {
					if done.Load() >= rounds*threads {
						return
					}
				}
				last = i
			}
		})
	}
	wg.Wait()
}
