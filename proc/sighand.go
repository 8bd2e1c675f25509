package proc

import (
	"sync/atomic"

	"cleave/abi"
)

// SigHandlers is a table of signal actions. Threads of a group share one; so may processes (CLONE_SIGHAND).
type SigHandlers struct {
	users  atomic.Int32
	action [NumSignals]SigAction // guarded by Kernel.mu
}

func newSigHandlers() *SigHandlers {
	h := &SigHandlers{}
	h.users.Store(1)
	return h
}

// Ref counts one more user.
func (h *SigHandlers) Ref() { h.users.Add(1) }

// Unref counts one less.
func (h *SigHandlers) Unref() { h.users.Add(-1) }

// Users is the number of tasks that have this table.
func (h *SigHandlers) Users() int { return int(h.users.Load()) }

// copyLocked makes a table of its own with the same actions.
func (h *SigHandlers) copyLocked() *SigHandlers {
	c := newSigHandlers()
	c.action = h.action
	return c
}

// ignoresLocked reports whether the action of sig is to do nothing.
func (h *SigHandlers) ignoresLocked(sig Signal) bool {
	switch h.action[sig-1].Handler {
	case abi.SIG_IGN:
		return true
	case abi.SIG_DFL:
		return ignoredByDefault.Has(sig)
	}
	return false
}

// resetLocked lets caught signals return to their default, as execve and clone3's CLONE_CLEAR_SIGHAND do. Ignored ones
// stay ignored.
func (h *SigHandlers) resetLocked() {
	for i := range h.action {
		a := &h.action[i]
		if a.Handler != abi.SIG_IGN {
			a.Handler = abi.SIG_DFL
		}
		a.Flags, a.Mask, a.Restorer = 0, 0, 0
	}
}
