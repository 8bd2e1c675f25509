// Package wait has the queues on which one part of the kernel waits for another: a pipe for its reader, a terminal
// for a line, epoll for any of many files.
//
// No wake-up is lost if a waiter registers first and tests its condition second: whoever makes the condition true
// calls Notify after it did, so either the test sees the new state or the entry is in the queue when Notify runs.
package wait

import "sync"

// Events is a set of poll(2) events.
type Events uint32

// The events, with the numbers of poll(2) and epoll(7).
const (
	In     Events = 0x001
	Pri    Events = 0x002
	Out    Events = 0x004
	Err    Events = 0x008
	Hup    Events = 0x010
	Nval   Events = 0x020
	RdNorm Events = 0x040
	RdBand Events = 0x080
	WrNorm Events = 0x100
	WrBand Events = 0x200
	Msg    Events = 0x400 // in F_NOTIFY's signals only
	RdHup  Events = 0x2000

	Always          = Err | Hup // reported whether asked for or not
	Readable        = In | RdNorm
	Writable        = Out | WrNorm
	All      Events = In | Pri | Out | Err | Hup | RdNorm | RdBand | WrNorm | WrBand | RdHup
)

// Listener is told of events. It is called with the queue's lock held, so it must not block, nor use that queue.
type Listener interface {
	Notify(e *Entry, ev Events)
}

// Entry is one registration of a listener in one queue. The zero value is not registered. It is reusable after
// Unregister; the owner keeps it alive while it is registered.
type Entry struct {
	L    Listener
	Mask Events // what the listener wants
	Data uint64 // for the listener's own use

	queue      *Queue
	next, prev *Entry
}

// Queue is a list of entries to notify. The zero value is empty and ready for use.
type Queue struct {
	mu    sync.Mutex
	first *Entry // guarded by mu, as is the list
	last  *Entry
}

// Register adds e, which must be registered nowhere.
func (q *Queue) Register(e *Entry) {
	q.mu.Lock()
	e.queue = q
	e.next, e.prev = nil, q.last
	if q.last != nil {
		q.last.next = e
	} else {
		q.first = e
	}
	q.last = e
	q.mu.Unlock()
}

// Unregister removes e; it does nothing if e is not in q. After it returns, e's listener is not called for e any more.
func (q *Queue) Unregister(e *Entry) {
	q.mu.Lock()
	if e.queue == q {
		if e.prev != nil {
			e.prev.next = e.next
		} else {
			q.first = e.next
		}
		if e.next != nil {
			e.next.prev = e.prev
		} else {
			q.last = e.prev
		}
		e.queue, e.next, e.prev = nil, nil, nil
	}
	q.mu.Unlock()
}

// Notify tells every entry that wants any of ev, in the order of registration.
func (q *Queue) Notify(ev Events) {
	q.mu.Lock()
	for e := q.first; e != nil; {
		next := e.next
		if got := ev & (e.Mask | Always); got != 0 {
			e.L.Notify(e, got)
		}
		e = next
	}
	q.mu.Unlock()
}

// Empty reports whether nobody waits.
func (q *Queue) Empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.first == nil
}
