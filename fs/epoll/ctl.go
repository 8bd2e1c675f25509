package epoll

import (
	"sync"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
	"cleave/wait"
)

// maxNesting is how long a chain of instances, each in the set of the one before, may be.
const maxNesting = 5

// nesting guards the parents of all instances, so that two additions cannot close a circle together.
var nesting sync.Mutex

// exclusiveFlags is what EPOLLEXCLUSIVE may be combined with.
const exclusiveFlags = uint32(wait.In|wait.Out|wait.Err|wait.Hup) | abi.EPOLLWAKEUP | abi.EPOLLET | abi.EPOLLEXCLUSIVE

// Control is epoll_ctl(2) on instance ep, which file self is open on, for descriptor fd of f. EINVAL, EPERM (f cannot be
// waited for), EEXIST, ENOENT, ELOOP, ENOSPC (too many for one user).
func (ep *Epoll) Control(self *fs.File, op int, f *fs.File, fd int, e Event) error {
	q := f.Ops.Queue(f)
	if q == nil {
		return abi.EPERM
	}
	inner := Of(f)
	if f == self || inner == ep {
		return abi.EINVAL
	}
	if e.Events&abi.EPOLLEXCLUSIVE != 0 && op != abi.EPOLL_CTL_DEL {
		if op == abi.EPOLL_CTL_MOD || inner != nil || e.Events&^exclusiveFlags != 0 {
			return abi.EINVAL
		}
	}
	switch op {
	case abi.EPOLL_CTL_ADD:
		if inner != nil {
			return ep.addInstance(inner, key{f, fd}, q, e)
		}
		return ep.add(key{f, fd}, q, e)
	case abi.EPOLL_CTL_MOD:
		return ep.modify(key{f, fd}, e)
	case abi.EPOLL_CTL_DEL:
		return ep.remove(key{f, fd})
	}
	return abi.EINVAL
}

func (ep *Epoll) add(k key, q *wait.Queue, e Event) error {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if ep.items[k] != nil {
		return abi.EEXIST
	}
	if !ep.account.Charge(user.EpollWatches, 1, ep.limit) {
		return abi.ENOSPC
	}
	it := &item{ep: ep, key: k, queue: q, interest: e, armed: true}
	it.watch.Released = func(_ *fs.Watch, _ *fs.File) { ep.drop(it) }
	ep.items[k] = it
	k.file.Watch(&it.watch)
	it.listen()
	return nil
}

// listen registers the item with its file and looks whether there are events already.
func (it *item) listen() {
	it.entry = wait.Entry{L: it, Mask: wait.Events(it.interest.Events &^ uint32(flags))}
	it.queue.Register(&it.entry)
	if ev := it.poll(it.interest.Events); ev != 0 {
		it.Notify(&it.entry, wait.Events(ev))
	}
}

func (ep *Epoll) modify(k key, e Event) error {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	it := ep.items[k]
	if it == nil {
		return abi.ENOENT
	}
	if it.interest.Events&abi.EPOLLEXCLUSIVE != 0 {
		return abi.EINVAL
	}
	it.queue.Unregister(&it.entry)
	ep.readyMu.Lock()
	it.interest, it.armed = e, true
	ep.readyMu.Unlock()
	it.listen()
	return nil
}

func (ep *Epoll) remove(k key) error {
	ep.mu.Lock()
	it := ep.items[k]
	if it == nil {
		ep.mu.Unlock()
		return abi.ENOENT
	}
	delete(ep.items, k)
	ep.mu.Unlock()
	it.file.Unwatch(&it.watch)
	it.forget()
	return nil
}

// drop removes the item of a file that is closed for good.
func (ep *Epoll) drop(it *item) {
	ep.mu.Lock()
	mine := ep.items[it.key] == it
	if mine {
		delete(ep.items, it.key)
	}
	ep.mu.Unlock()
	if mine {
		it.forget()
	}
}

// forget ends the life of an item that is in no set any more.
func (it *item) forget() {
	it.queue.Unregister(&it.entry)
	ep := it.ep
	ep.account.Add(user.EpollWatches, -1)
	ep.readyMu.Lock()
	it.gone = true
	ep.removeLocked(it)
	ep.readyMu.Unlock()
	if inner := Of(it.file); inner != nil {
		nesting.Lock()
		if inner.parents[ep]--; inner.parents[ep] == 0 {
			delete(inner.parents, ep)
		}
		nesting.Unlock()
	}
}

// addInstance adds another instance. ELOOP: the chain would be a circle, or too long.
func (ep *Epoll) addInstance(inner *Epoll, k key, q *wait.Queue, e Event) error {
	nesting.Lock()
	below, ok := inner.below(ep, maxNesting)
	if !ok || below+ep.above(maxNesting) > maxNesting {
		nesting.Unlock()
		return abi.ELOOP
	}
	if inner.parents == nil {
		inner.parents = map[*Epoll]int{}
	}
	inner.parents[ep]++
	nesting.Unlock()
	err := ep.add(k, q, e)
	if err != nil {
		nesting.Lock()
		if inner.parents[ep]--; inner.parents[ep] == 0 {
			delete(inner.parents, ep)
		}
		nesting.Unlock()
	}
	return err
}

// below returns the length of the longest chain of instances that begins with ep; not ok: it is over limit, or comes to
// top. nesting is held.
func (ep *Epoll) below(top *Epoll, limit int) (n int, ok bool) {
	if ep == top || limit == 0 {
		return 0, false
	}
	ep.mu.Lock()
	var inner []*Epoll
	for k := range ep.items {
		if in := Of(k.file); in != nil {
			inner = append(inner, in)
		}
	}
	ep.mu.Unlock()
	for _, in := range inner {
		d, ok := in.below(top, limit-1)
		if !ok {
			return 0, false
		}
		n = max(n, d)
	}
	return n + 1, true
}

// above returns the length of the longest chain that ends with ep, at most limit+1. nesting is held.
func (ep *Epoll) above(limit int) int {
	n := 0
	if limit > 0 {
		for p := range ep.parents {
			n = max(n, p.above(limit-1))
		}
	}
	return n + 1
}

// Release closes the instance: its set is forgotten.
func (ep *Epoll) Release(*fs.File) {
	ep.mu.Lock()
	items := ep.items
	ep.items = map[key]*item{}
	ep.mu.Unlock()
	for _, it := range items {
		it.file.Unwatch(&it.watch)
		it.forget()
	}
}
