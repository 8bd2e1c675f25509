// Package poll has what poll(2), ppoll(2), select(2) and pselect6(2) do once their arguments have been read: wait for
// events on any of several files.
package poll

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/wait"
)

// Events that make a descriptor ready in each of the sets of select(2).
const (
	SelectRead   = wait.In | wait.RdNorm | wait.RdBand | wait.Hup | wait.Err
	SelectWrite  = wait.Out | wait.WrNorm | wait.WrBand | wait.Err
	SelectExcept = wait.Pri
)

// Sleeper is the task that waits; proc's Task is one.
type Sleeper interface {
	wait.Listener
	// Block sleeps until a wake-up (nil), which may be spurious, a signal (any other error) or the deadline
	// (abi.ETIMEDOUT), in nanoseconds of the monotonic clock; 0 is never.
	Block(deadline int64) error
}

// item is one file and the events that are wanted of it.
type item struct {
	file *fs.File // nil: a descriptor that is passed over
	want wait.Events
	got  wait.Events
}

// Set is the files of one call. A task keeps one and uses it again, so that a call allocates nothing. The zero value is
// an empty set.
type Set struct {
	items   []item
	entries []wait.Entry // one for each item, while the task sleeps
}

// keep is how many items a Set holds on to between calls.
const keep = 64

// Add adds a file, with the caller's reference, and the events that are wanted of it. A nil file is passed over: it has
// a place in the set, but no events (poll(2), negative descriptors).
func (s *Set) Add(f *fs.File, want wait.Events) { s.items = append(s.items, item{file: f, want: want}) }

// AddInvalid adds a descriptor that is not open: its event is POLLNVAL.
func (s *Set) AddInvalid() { s.items = append(s.items, item{got: wait.Nval}) }

// Len returns how many have been added.
func (s *Set) Len() int { return len(s.items) }

// Got returns the events of the i-th file after Wait.
func (s *Set) Got(i int) wait.Events { return s.items[i].got }

// check asks every file and returns how many have events.
func (s *Set) check() int {
	n := 0
	for i := range s.items {
		it := &s.items[i]
		if it.file != nil {
			it.got = it.file.Ops.Poll(it.file) & (it.want | wait.Always)
		}
		if it.got != 0 {
			n++
		}
	}
	return n
}

// Wait waits until a file has events that are wanted of it, and returns how many have. 0: the deadline (as
// Sleeper.Block) has passed, or there is nothing and nowait is set. Errors: those of Block.
func (s *Set) Wait(t Sleeper, deadline int64, nowait bool) (int, error) {
	if n := s.check(); n > 0 || nowait {
		return n, nil
	}
	return s.Sleep(t, deadline)
}

// Sleep is Wait for who has just asked every file itself, in vain.
func (s *Set) Sleep(t Sleeper, deadline int64) (int, error) {
	s.register(t)
	n := s.check()
	var err error
	for n == 0 && err == nil {
		err = t.Block(deadline)
		n = s.check()
	}
	s.unregister()
	if n > 0 || err == abi.ETIMEDOUT {
		err = nil
	}
	return n, err
}

func (s *Set) register(t Sleeper) {
	if n := len(s.items); n > cap(s.entries) {
		s.entries = make([]wait.Entry, n)
	} else {
		s.entries = s.entries[:n]
	}
	for i := range s.items {
		it := &s.items[i]
		if it.file == nil {
			continue
		}
		if q := it.file.Ops.Queue(it.file); q != nil {
			e := &s.entries[i]
			e.L, e.Mask = t, it.want
			q.Register(e)
		}
	}
}

func (s *Set) unregister() {
	for i := range s.items {
		if e := &s.entries[i]; e.L != nil {
			f := s.items[i].file
			f.Ops.Queue(f).Unregister(e)
			e.L = nil
		}
	}
}

// Clear drops all files and their references.
func (s *Set) Clear() {
	for i := range s.items {
		if f := s.items[i].file; f != nil {
			f.Put()
		}
	}
	if cap(s.items) > keep {
		*s = Set{}
		return
	}
	clear(s.items)
	s.items = s.items[:0]
}
