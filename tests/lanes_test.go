//go:build guest

package tests

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// processors are those of the host that no program of inRoot's is bound to now.
var processors = func() chan int {
	free := make(chan int, runtime.NumCPU())
	for n := range cap(free) {
		free <- n
	}
	return free
}()

// job is a piece of work that has a guest, or Linux, to itself.
type job struct {
	name  string
	units int // how many things it tests, for the board
	do    func(t *testing.T, at *board)
}

// inLanes does jobs as subtests of t, in their order, as many side by side as go test's -parallel says. With -conformance
// the board tells twice a minute what runs.
func inLanes(t *testing.T, part string, jobs []job) {
	t.Helper()
	b := &board{part: part, now: make(map[string]string)}
	queue := make(chan job, len(jobs))
	for _, j := range jobs {
		b.total += j.units
		queue <- j
	}
	close(queue)
	if *conformance {
		stop := b.every(30 * time.Second)
		defer stop()
	}
	var lanes sync.WaitGroup
	for range parallel() {
		lanes.Go(func() {
			for j := range queue {
				t.Run(j.name, func(t *testing.T) { j.do(t, b) })
			}
		})
	}
	lanes.Wait()
}

// parallel is go test's -parallel: the number of processors unless told otherwise.
func parallel() int {
	n, ok := flag.Lookup("test.parallel").Value.(flag.Getter).Get().(int)
	if !ok || n < 1 {
		return 1
	}
	return n
}

// board shows how far a part is.
type board struct {
	part  string
	mu    sync.Mutex
	total int
	done  int
	now   map[string]string // job -> what of it runs
}

// running notes what a job does now.
func (b *board) running(job, what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now[job] = what
}

// finished notes that n things of a job are done, and that nothing of it runs.
func (b *board) finished(job string, n int, verdict string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done += n
	delete(b.now, job)
	if *conformance && verdict != "" {
		b.print(verdict)
	}
}

// print writes a line, with the time since the tests began; b is locked.
func (b *board) print(text string) {
	fmt.Fprintf(os.Stderr, "%v  %s: %d of %d, %s\n", time.Since(begun).Round(time.Second), b.part, b.done, b.total, text)
}

// every prints what runs, again and again, until the function that it returns is called.
func (b *board) every(interval time.Duration) func() {
	tick := time.NewTicker(interval)
	over := make(chan struct{})
	var printer sync.WaitGroup
	printer.Go(func() {
		for {
			select {
			case <-tick.C:
				b.mu.Lock()
				b.print("now " + strings.Join(slices.Sorted(maps.Values(b.now)), "; "))
				b.mu.Unlock()
			case <-over:
				return
			}
		}
	})
	return func() {
		tick.Stop()
		close(over)
		printer.Wait()
	}
}
