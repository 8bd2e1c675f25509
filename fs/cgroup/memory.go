package cgroup

import "cleave/mm/frame"

// memory is the controller of memory.
type memory struct {
	account *frame.Account // nil: the group does not have the controller
	max     int            // frames, as is high; noMax: no limit
	high    int
	group   bool // memory.oom.group: all processes of the group are killed together
	events  notifier
	counts  [numMemoryEvents]int
}

// MemoryEvent is what memory.events counts.
type MemoryEvent int

// The events, in the order of the file.
const (
	MemoryLow MemoryEvent = iota
	MemoryHigh
	MemoryMax
	MemoryOOM
	MemoryOOMKill
	MemoryGroupKill
	numMemoryEvents
)

var memoryEventNames = [numMemoryEvents]string{"low", "high", "max", "oom", "oom_kill", "oom_group_kill"}

func (m *memory) init() { m.max, m.high = noMax, noMax }

// openAccountLocked makes the account of g, which has got the controller.
func (g *Group) openAccountLocked() error {
	a, err := g.h.vfs.Pool.NewAccount(g.parent.accountLocked())
	if err != nil {
		return err
	}
	g.memory.account = a
	return nil
}

// closeAccountLocked ends the account of g and its limits.
func (g *Group) closeAccountLocked() {
	if g.memory.account != nil {
		g.memory.account.Release()
	}
	g.memory.account, g.memory.group = nil, false
	g.memory.init()
}

func (g *Group) accountLocked() *frame.Account {
	for ; g != nil; g = g.parent {
		if g.memory.account != nil {
			return g.memory.account
		}
	}
	return nil
}

// Limited reports whether g or a group above limits memory.
func (g *Group) Limited() bool {
	g.h.mu.Lock()
	defer g.h.mu.Unlock()
	for ; g != nil; g = g.parent {
		if g.memory.max != noMax || g.memory.high != noMax {
			return true
		}
	}
	return false
}

// OverMax finds the nearest group, from g upwards, that has more memory than its memory.max, and by how many frames. nil:
// there is none.
func (g *Group) OverMax() (*Group, int) {
	g.h.mu.Lock()
	defer g.h.mu.Unlock()
	for ; g != nil; g = g.parent {
		if a := g.memory.account; a != nil && a.OverHere() {
			return g, max(1, a.Usage().Total-g.memory.max)
		}
	}
	return nil, 0
}

// OverHigh is OverMax for memory.high.
func (g *Group) OverHigh() (*Group, int) {
	g.h.mu.Lock()
	defer g.h.mu.Unlock()
	for ; g != nil; g = g.parent {
		if g.memory.high == noMax {
			continue
		}
		if n := g.memory.account.Usage().Total - g.memory.high; n > 0 {
			return g, n
		}
	}
	return nil, 0
}

// MemoryEvent counts an event of g, for it and the groups above.
func (g *Group) MemoryEvent(e MemoryEvent) {
	g.h.mu.Lock()
	defer g.h.mu.Unlock()
	for ; g.parent != nil; g = g.parent {
		g.memory.counts[e]++
		g.memory.events.notify()
	}
}

// KillTogether finds the highest group from g up to top whose processes are to be killed together with any of them
// (memory.oom.group); nil: none.
func (g *Group) KillTogether(top *Group) *Group {
	g.h.mu.Lock()
	defer g.h.mu.Unlock()
	var found *Group
	for ; g != nil && g != top.parent; g = g.parent {
		if g.memory.group {
			found = g
		}
	}
	return found
}

// setMax changes memory.max, in frames.
func (g *Group) setMax(frames int) {
	g.h.mu.Lock()
	if g.memory.account != nil {
		g.memory.max = frames
		g.memory.account.SetLimit(frames)
	}
	g.h.mu.Unlock()
}
