package proc

import (
	"cleave/ns"
)

// pidNSLocked is the pid namespace that t is in; it never changes.
func (t *Task) pidNSLocked() *ns.PIDNamespace { return t.pid.Namespace() }

// PIDNamespace is the pid namespace that t is in.
func (t *Task) PIDNamespace() *ns.PIDNamespace { return t.pidNS }

// taskByIDLocked finds the task with number nr in n.
func (k *Kernel) taskByIDLocked(n *ns.PIDNamespace, nr int32) *Task {
	if nr <= 0 {
		return nil
	}
	p := n.Find(nr)
	if p == nil {
		return nil
	}
	t, _ := p.Task.(*Task)
	return t
}

// pgrpByIDLocked finds the process group with number nr in n.
func (k *Kernel) pgrpByIDLocked(n *ns.PIDNamespace, nr int32) *ProcessGroup {
	if nr <= 0 {
		return nil
	}
	p := n.Find(nr)
	if p == nil {
		return nil
	}
	g, _ := p.Group.(*ProcessGroup)
	return g
}

// eachTaskLocked calls f for every task that n sees, by ascending number.
func (k *Kernel) eachTaskLocked(n *ns.PIDNamespace, f func(*Task)) {
	for p, nr := n.Next(1); p != nil; p, nr = n.Next(nr + 1) {
		if t, ok := p.Task.(*Task); ok {
			f(t)
		}
	}
}

// eachGroupLocked calls f for every process that n sees, by ascending number.
func (k *Kernel) eachGroupLocked(n *ns.PIDNamespace, f func(*ThreadGroup)) {
	k.eachTaskLocked(n, func(t *Task) {
		if t.group.leader == t {
			f(t.group)
		}
	})
}

// FindTask finds the task that has number nr in t's pid namespace, nil if there is none.
func (t *Task) FindTask(nr int32) *Task {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.k.taskByIDLocked(t.pidNS, nr)
}

// TaskIn finds the task that has number nr in n, nil if there is none.
func (k *Kernel) TaskIn(n *ns.PIDNamespace, nr int32) *Task {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.taskByIDLocked(n, nr)
}

// NextProcess finds the process with the lowest number of at least nr in n, for listing; nil at the end.
func (k *Kernel) NextProcess(n *ns.PIDNamespace, nr int32) (*ThreadGroup, int32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for p, nr := n.Next(nr); p != nil; p, nr = n.Next(nr + 1) {
		if t, ok := p.Task.(*Task); ok && t.group.leader == t {
			return t.group, nr
		}
	}
	return nil, 0
}

// TID is gettid(2).
func (t *Task) TID() int32 { return t.tid }

// TGID is getpid(2).
func (t *Task) TGID() int32 { return t.tgid }

// PPID is getppid(2): 0 if the parent is outside of the pid namespace.
func (t *Task) PPID() int32 { return t.group.ppid.Load() }

func (g *ThreadGroup) ppidLocked(n *ns.PIDNamespace) int32 {
	if g.parent == nil {
		return 0
	}
	return g.parent.group.pidLocked().In(n)
}

// PIDIn is the number of the task in n, 0 if n does not see it.
func (t *Task) PIDIn(n *ns.PIDNamespace) int32 {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.pid.In(n)
}

// NumberIn implements ns.Tasker.
func (t *Task) NumberIn(from, to *ns.PIDNamespace, nr int32, group bool) int32 {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	o := t.k.taskByIDLocked(from, nr)
	switch {
	case o == nil:
		return 0
	case group:
		return o.group.pidLocked().In(to)
	}
	return o.pid.In(to)
}

// SetTIDAddress is set_tid_address(2); it returns the thread id.
func (t *Task) SetTIDAddress(addr uint32) int32 {
	t.clearTID = addr
	return t.tid
}

// TIDAddress is what set_tid_address(2) or CLONE_CHILD_CLEARTID has set.
func (t *Task) TIDAddress() uint32 { return t.clearTID }
