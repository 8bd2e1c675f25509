package proc

import "cleave/fs/cgroup"

// This file freezes the processes of control groups (cgroup.freeze). A frozen task stands still on its way to user mode:
// it takes no signals but those that kill it, and calls that it sleeps in are made again once it goes on.

// setFrozenLocked freezes the process, or lets it go on.
func (g *ThreadGroup) setFrozenLocked(on bool) {
	if g.frozen == on {
		return
	}
	g.frozen = on
	for _, t := range g.threads {
		if !t.exiting {
			t.interruptLocked()
		}
	}
}

// freezeLocked is t's own part: it sleeps until its process may go on, or there is something else to do. The lock is let
// go meanwhile.
func (t *Task) freezeLocked() {
	t.iced = true
	t.k.tellFrozenLocked(t.group.Cgroup())
	for t.group.frozen && !t.stopPending && !t.dyingLocked() && !t.trapsLocked() {
		t.k.mu.Unlock()
		t.park()
		t.k.mu.Lock()
	}
	t.iced = false
}

// stillLocked reports whether no thread of the process runs: each is frozen, stopped or at its end.
func (g *ThreadGroup) stillLocked() bool {
	for _, t := range g.threads {
		if !t.iced && !t.stopped && !t.exiting && !t.heldLocked() {
			return false
		}
	}
	return true
}

// tellFrozenLocked tells who watches the groups from c upwards, if all of their processes stand still now.
func (k *Kernel) tellFrozenLocked(c *cgroup.Group) {
	for ; c.Freezing() && k.frozenLocked(c); c = c.Parent() {
		c.Changed()
	}
}

// Frozen implements cgroup.Processes.
func (k *Kernel) Frozen(c *cgroup.Group) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.frozenLocked(c)
}

func (k *Kernel) frozenLocked(c *cgroup.Group) bool {
	still := true
	k.eachGroupLocked(k.pidNS, func(g *ThreadGroup) {
		still = still && (g.zombie.Load() || g.stillLocked() || !g.Cgroup().Within(c))
	})
	return still
}
