// Package epoll has epoll instances (epoll(7)): files that tell which of many files have events.
//
// Every file in the interest set has an item, which listens to the file's queue and, when told of an event, puts itself
// on the ready list. Collect asks the files on that list, and only those. A level-triggered item goes back to its end;
// an edge-triggered one waits to be told again.
//
// Locks: Epoll.mu comes before that of an instance in its set, and before the locks of any file and queue. Epoll.readyMu
// is taken under the lock of a file's queue; only the lock of the instance's own queue comes after.
package epoll

import (
	"sync"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/poll"
	"cleave/ns/user"
	"cleave/wait"
)

// Event is one event that has happened, or the interest in some: poll(2) events and EPOLL* flags, and what the program
// wants to be told with them.
type Event struct {
	Events uint32
	Data   uint64
}

// flags are the bits of Event.Events that are no events.
const flags = abi.EPOLLEXCLUSIVE | abi.EPOLLWAKEUP | abi.EPOLLONESHOT | abi.EPOLLET

// key names an item: the same file may be there under several descriptors.
type key struct {
	file *fs.File
	fd   int
}

// Epoll is an epoll instance.
type Epoll struct {
	fs.NoFile
	queue wait.Queue

	mu    sync.Mutex
	items map[key]*item // guarded by mu

	readyMu     sync.Mutex
	first, last *item // the ready list, guarded by readyMu
	nready      int   // its length

	parents map[*Epoll]int // instances that have this one in their sets; guarded by nesting

	account *user.Account // whom the items are charged to, and how many he may have
	limit   int64
}

// itemCost is about what an item takes in memory, in bytes; all items of a user may take a twenty-fifth of the memory
// (/proc/sys/fs/epoll/max_user_watches).
const itemCost = 512

// MaxWatches returns how many files a user may have in all his instances.
func MaxWatches(v *fs.VFS) int64 {
	return int64(v.Pool.Stats().Total) * abi.PageSize / 25 / itemCost
}

// item is one file in the interest set.
type item struct {
	ep *Epoll
	key
	queue *wait.Queue // of the file
	entry wait.Entry
	watch fs.Watch

	// Guarded by ep.readyMu.
	interest Event
	armed    bool // false after EPOLLONESHOT has told once
	queued   bool
	gone     bool
	prev     *item
	next     *item
}

// NewFile makes an epoll instance (epoll_create1(2)).
func NewFile(v *fs.VFS, cred *user.Cred) *fs.File {
	ep := &Epoll{items: map[key]*item{}, account: cred.Account, limit: MaxWatches(v)}
	return v.NewAnonFile(ep, "anon_inode:[eventpoll]", nil, abi.O_RDWR, cred)
}

// Of returns the instance behind a file, nil if it is none.
func Of(f *fs.File) *Epoll {
	ep, _ := f.Ops.(*Epoll)
	return ep
}

// Notify puts the item on the ready list. It is called with the lock of the file's queue held.
func (it *item) Notify(_ *wait.Entry, ev wait.Events) {
	ep := it.ep
	ep.readyMu.Lock()
	wake := it.armed && uint32(ev)&(it.interest.Events|uint32(wait.Always)) != 0 && ep.pushLocked(it)
	ep.readyMu.Unlock()
	if wake {
		ep.queue.Notify(wait.Readable)
	}
}

// pushLocked puts an item at the end of the ready list, unless it is there or has been removed.
func (ep *Epoll) pushLocked(it *item) bool {
	if it.queued || it.gone {
		return false
	}
	it.queued = true
	it.prev, it.next = ep.last, nil
	if ep.last != nil {
		ep.last.next = it
	} else {
		ep.first = it
	}
	ep.last = it
	ep.nready++
	return true
}

func (ep *Epoll) removeLocked(it *item) {
	if !it.queued {
		return
	}
	if it.prev != nil {
		it.prev.next = it.next
	} else {
		ep.first = it.next
	}
	if it.next != nil {
		it.next.prev = it.prev
	} else {
		ep.last = it.prev
	}
	it.queued, it.next, it.prev = false, nil, nil
	ep.nready--
}

// pop takes the first item off the ready list.
func (ep *Epoll) pop() (it *item, interest Event, armed bool) {
	ep.readyMu.Lock()
	if it = ep.first; it != nil {
		ep.removeLocked(it)
		interest, armed = it.interest, it.armed
	}
	ep.readyMu.Unlock()
	return it, interest, armed
}

func (it *item) poll(interest uint32) uint32 {
	return uint32(it.file.Ops.Poll(it.file)) & (interest&^uint32(flags) | uint32(wait.Always))
}

// Collect fills out with events that have happened and returns how many. It does not wait.
func (ep *Epoll) Collect(out []Event) int {
	ep.mu.Lock()
	ep.readyMu.Lock()
	left := ep.nready // items that come back to the end of the list are not asked twice
	ep.readyMu.Unlock()
	n := 0
	for ; left > 0 && n < len(out); left-- {
		it, interest, armed := ep.pop()
		if it == nil {
			break
		}
		if !armed {
			continue
		}
		ev := it.poll(interest.Events)
		if ev == 0 {
			continue
		}
		out[n] = Event{ev, interest.Data}
		n++
		ep.rearm(it, interest.Events)
	}
	ep.mu.Unlock()
	return n
}

// rearm does with an item that has told of an event what its flags say.
func (ep *Epoll) rearm(it *item, interest uint32) {
	if interest&abi.EPOLLET != 0 && interest&abi.EPOLLONESHOT == 0 {
		return
	}
	ep.readyMu.Lock()
	if interest&abi.EPOLLONESHOT != 0 {
		it.armed = false
	} else {
		ep.pushLocked(it)
	}
	ep.readyMu.Unlock()
}

// Wait is epoll_wait(2): it waits until there are events and fills out. 0: the deadline has passed, or there are none
// and nowait is set. Errors are those of t.Block.
func (ep *Epoll) Wait(t poll.Sleeper, e *wait.Entry, out []Event, deadline int64, nowait bool) (int, error) {
	if n := ep.Collect(out); n > 0 || nowait {
		return n, nil
	}
	*e = wait.Entry{L: t, Mask: wait.In}
	ep.queue.Register(e)
	n := ep.Collect(out)
	var err error
	for n == 0 && err == nil {
		err = t.Block(deadline)
		n = ep.Collect(out)
	}
	ep.queue.Unregister(e)
	if n > 0 || err == abi.ETIMEDOUT {
		err = nil
	}
	return n, err
}

// Poll says readable if a file on the ready list has events; those that have none leave the list.
func (ep *Epoll) Poll(*fs.File) wait.Events {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	for {
		it, interest, armed := ep.pop()
		if it == nil {
			return 0
		}
		if armed && it.poll(interest.Events) != 0 {
			ep.readyMu.Lock()
			ep.pushLocked(it)
			ep.readyMu.Unlock()
			return wait.Readable
		}
	}
}

// Queue is where the first event is notified.
func (ep *Epoll) Queue(*fs.File) *wait.Queue { return &ep.queue }
