package cgroup

import "cleave/abi"

// pids is the controller of tasks. They are always counted; the limit counts where the controller is there.
type pids struct {
	current int // tasks in the group and below
	peak    int
	max     int // noMax: no limit
	refused int // tasks that were not made because of max
	events  notifier
}

// ChargeTask counts a new task in g and all groups above. EAGAIN: one of them has as many as it may.
func (g *Group) ChargeTask() error {
	g.h.mu.Lock()
	defer g.h.mu.Unlock()
	for x := g; x != nil; x = x.parent {
		if x.pids.current >= x.pids.max {
			for y := x; y.parent != nil; y = y.parent {
				y.pids.refused++
				y.pids.events.notify()
			}
			return abi.EAGAIN
		}
	}
	g.addTasksLocked(1)
	return nil
}

// AddTasks counts n tasks more, whatever the limits.
func (g *Group) AddTasks(n int) {
	g.h.mu.Lock()
	g.addTasksLocked(n)
	g.h.mu.Unlock()
}

func (g *Group) addTasksLocked(n int) {
	for ; g != nil; g = g.parent {
		g.pids.current += n
		g.pids.peak = max(g.pids.peak, g.pids.current)
	}
}

// Tasks is how many tasks are charged to g and to the groups below.
func (g *Group) Tasks() int {
	g.h.mu.Lock()
	defer g.h.mu.Unlock()
	return g.pids.current
}
