package proc

import (
	"fmt"

	"cleave/abi"
	"cleave/fs/cgroup"
)

// This file makes processes keep the memory limits of their control groups. The frames themselves are charged without
// ever failing; a task that has WorkLimited looks at the end of each system call and page fault whether its group has too
// much now. It may have by what one call takes at most: bulk work, such as a write to a file, stops at the limit.

// KeepLimits makes room if the group of t has more memory than it may: caches are emptied, then processes of the group
// are killed, until it is within memory.max. Above memory.high t has to wait.
func (t *Task) KeepLimits() {
	a := t.group.account.Load()
	if a.Over() {
		t.k.enforce(t, t.group.Cgroup())
	} else if a.High() {
		t.slowDown()
	}
}

// highPause is how long a task waits for each look at its limits while its group is above memory.high, in ns.
const highPause = 10e6

// slowDown lets t wait, so that others can give memory back.
func (t *Task) slowDown() {
	g, excess := t.group.Cgroup().OverHigh()
	if g == nil {
		return
	}
	g.MemoryEvent(cgroup.MemoryHigh)
	if t.k.Memory.Pool().Reclaim(excess) < excess {
		_ = t.Block(t.k.Clock.Monotonic() + highPause) // whatever ends it
	}
}

// Enforce implements cgroup.Processes.
func (k *Kernel) Enforce(writer any, g *cgroup.Group) {
	if t, ok := writer.(*Task); ok {
		k.enforce(t, g)
	}
}

// enforce makes g and the groups above keep memory.max, on behalf of t.
func (k *Kernel) enforce(t *Task, at *cgroup.Group) {
	for {
		g, excess := at.OverMax()
		if g == nil {
			return
		}
		g.MemoryEvent(cgroup.MemoryMax)
		if k.Memory.Pool().Reclaim(excess) >= excess {
			continue
		}
		if !t.killWithin(g) {
			return
		}
	}
}

// killWithin kills a process of a control group for its memory and waits until it is gone. false: t itself is to die, or
// there is nobody to kill.
func (t *Task) killWithin(c *cgroup.Group) bool {
	k := t.k
	if t.Killed() {
		return false
	}
	c.MemoryEvent(cgroup.MemoryOOM)
	victim := k.victim(c)
	if victim == nil {
		return false
	}
	k.Log(fmt.Sprintf("out of memory in cgroup %s: killed process %d (%s)", c.Path(k.cgroups.Root()), victim.pid.Global(),
		victim.comm))
	at := victim.group.Cgroup()
	at.MemoryEvent(cgroup.MemoryOOMKill)
	together := at.KillTogether(c)
	k.mu.Lock()
	victim.group.killLocked(abi.SIGKILL)
	k.mu.Unlock()
	if together != nil {
		together.MemoryEvent(cgroup.MemoryGroupKill)
		k.Kill(together)
	}
	if victim.group == t.group {
		return false
	}
	return t.awaitExit(victim.group)
}
