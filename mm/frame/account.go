package frame

import (
	"sync/atomic"

	"cleave/abi"
)

// Account counts the frames of a group of processes and of the accounts below it: the memory controller of cgroups. A
// frame is charged to the account of who touched it first, from then until it is freed. An account never refuses a frame:
// who charges asks Over, stops what it can stop, and package proc makes room before the program goes on.
type Account struct {
	pool   *Pool
	parent *Account
	id     uint16

	// Guarded by Pool.mu.
	used     [NumUses]int // frames, those of accounts below included
	total    int
	peak     int
	limit    int
	high     int
	released bool

	over    atomic.Bool // total > limit
	pressed atomic.Bool // total > high
}

// NoLimit is the limit of an account without one, in frames.
const NoLimit = 1<<31 - 1

// maxAccounts is how many accounts there can be, with those that were released but still have frames.
const maxAccounts = 1<<16 - 1

// accounts is what a pool knows of accounts, guarded by Pool.mu.
type accounts struct {
	owners []uint16   // by PFN: the account that it is charged to, 0: none; nil until the first charge
	list   []*Account // by id; nil: free
	count  int        // accounts in list
}

// NewAccount makes an account below parent, which may be nil. ENOMEM: there are too many.
func (p *Pool) NewAccount(parent *Account) (*Account, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := 1
	for id < len(p.acct.list) && p.acct.list[id] != nil {
		id++
	}
	if id > maxAccounts {
		return nil, abi.ENOMEM
	}
	for id >= len(p.acct.list) {
		p.acct.list = append(p.acct.list, nil)
	}
	a := &Account{pool: p, parent: parent, id: uint16(id), limit: NoLimit, high: NoLimit}
	p.acct.list[id] = a
	p.acct.count++
	if p.acct.owners == nil {
		p.acct.owners = make([]uint16, len(p.refs))
	}
	return a, nil
}

// Accounts returns how many accounts there are, with those that were released but still have frames; for tests.
func (p *Pool) Accounts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.acct.count
}

// Charge charges frame f, which the caller has a reference to, to a, unless it is charged already. a nil is nobody; for an
// account that was released, the one above pays.
func (p *Pool) Charge(f PFN, a *Account) {
	if a == nil {
		return
	}
	p.mu.Lock()
	for a != nil && a.released {
		a = a.parent
	}
	if a != nil && p.acct.owners[f] == 0 {
		p.acct.owners[f] = a.id
		use := p.uses[f]
		for x := a; x != nil; x = x.parent {
			x.addLocked(use, 1)
		}
	}
	p.mu.Unlock()
}

// addLocked counts n frames more.
func (a *Account) addLocked(use Use, n int) {
	a.used[use] += n
	a.total += n
	a.peak = max(a.peak, a.total)
	a.compareLocked()
}

// compareLocked notes whether the limits are exceeded.
func (a *Account) compareLocked() {
	if over := a.total > a.limit; over != a.over.Load() {
		a.over.Store(over)
	}
	if pressed := a.total > a.high; pressed != a.pressed.Load() {
		a.pressed.Store(pressed)
	}
}

// unchargeLocked forgets who frame f, which is being freed, was charged to.
func (p *Pool) unchargeLocked(f PFN) {
	id := p.acct.owners[f]
	if id == 0 {
		return
	}
	p.acct.owners[f] = 0
	for x := p.acct.list[id]; x != nil; x = x.parent {
		x.addLocked(p.uses[f], -1)
		x.forgetLocked()
	}
}

// forgetLocked frees the number of an account that was released and is empty.
func (a *Account) forgetLocked() {
	if a.released && a.total == 0 {
		a.pool.acct.list[a.id] = nil
		a.pool.acct.count--
	}
}

// Release says that nobody charges a or makes accounts below it any more, and takes its limit away. Frames that are
// charged to it stay counted, there and above, until they are freed.
func (a *Account) Release() {
	a.pool.mu.Lock()
	a.released = true
	a.limit, a.high = NoLimit, NoLimit
	a.compareLocked()
	a.forgetLocked()
	a.pool.mu.Unlock()
}

// SetLimit changes the limit, in frames. What is above it stays for now.
func (a *Account) SetLimit(frames int) {
	a.pool.mu.Lock()
	a.limit = frames
	a.compareLocked()
	a.pool.mu.Unlock()
}

// SetHigh changes the number of frames above which High says so.
func (a *Account) SetHigh(frames int) {
	a.pool.mu.Lock()
	a.high = frames
	a.compareLocked()
	a.pool.mu.Unlock()
}

// High reports whether a, or an account above it, has more frames than SetHigh has said. a may be nil.
func (a *Account) High() bool {
	for ; a != nil; a = a.parent {
		if a.pressed.Load() {
			return true
		}
	}
	return false
}

// Over reports whether a, or an account above it, has more frames than its limit. a may be nil.
func (a *Account) Over() bool {
	for ; a != nil; a = a.parent {
		if a.over.Load() {
			return true
		}
	}
	return false
}

// OverHere is Over without the accounts above.
func (a *Account) OverHere() bool { return a.over.Load() }

// Usage is what an account, and those below it, have, in frames.
type Usage struct {
	Total, Peak, Limit int
	Used               [NumUses]int
}

// Usage returns the counts of this moment.
func (a *Account) Usage() Usage {
	a.pool.mu.Lock()
	defer a.pool.mu.Unlock()
	return Usage{Total: a.total, Peak: a.peak, Limit: a.limit, Used: a.used}
}
