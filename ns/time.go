package ns

import (
	"sync"
	"sync/atomic"
	"time"

	"cleave/ns/user"
)

// TimeNamespace has offsets of the monotonic and the boot-time clock (time_namespaces(7)).
type TimeNamespace struct {
	user.Base
	monotonic atomic.Int64 // nanoseconds, added to the clock
	boottime  atomic.Int64

	mu     sync.Mutex
	frozen bool // a task is in it: the offsets stay; guarded by mu
}

// NewInitialTime makes the initial time namespace, whose offsets are 0.
func NewInitialTime(owner *user.Namespace) *TimeNamespace {
	n := &TimeNamespace{frozen: true}
	n.BeginFirst(user.KindTime, owner, nil)
	return n
}

// Copy makes a time namespace with the same offsets, which can be changed until a task is in it. ENOSPC: too many.
func (n *TimeNamespace) Copy(c *user.Cred) (*TimeNamespace, error) {
	m := &TimeNamespace{}
	if err := m.Begin(user.KindTime, c.NS, c.EUID, nil); err != nil {
		return nil, err
	}
	m.monotonic.Store(n.monotonic.Load())
	m.boottime.Store(n.boottime.Load())
	return m, nil
}

// Monotonic is what is added to CLOCK_MONOTONIC for tasks in n.
func (n *TimeNamespace) Monotonic() time.Duration { return time.Duration(n.monotonic.Load()) }

// Boottime is what is added to CLOCK_BOOTTIME for tasks in n.
func (n *TimeNamespace) Boottime() time.Duration { return time.Duration(n.boottime.Load()) }

// freeze fixes the offsets, because a task enters.
func (n *TimeNamespace) freeze() {
	n.mu.Lock()
	n.frozen = true
	n.mu.Unlock()
}
