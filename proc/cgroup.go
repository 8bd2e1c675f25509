package proc

import (
	"cleave/abi"
	"cleave/fs/cgroup"
)

// This file has what control groups want of processes (cgroups(7)). A process is in one group; Kernel.mu guards which.

var _ cgroup.Processes = (*Kernel)(nil)

// Cgroups is the tree of all control groups.
func (k *Kernel) Cgroups() *cgroup.Hierarchy { return k.cgroups }

// Cgroup is the control group of the process; that of a zombie may be gone.
func (g *ThreadGroup) Cgroup() *cgroup.Group { return g.cgroup.Load() }

// CgroupPath is the group of t as the reader's cgroup namespace names it (/proc/PID/cgroup); reader nil is the kernel.
func (t *Task) CgroupPath(reader *Task) string {
	root := t.k.cgroups.Root()
	if reader != nil {
		root = reader.set.Cgroup.Root()
	}
	g := t.group.Cgroup()
	path := g.Path(root)
	if g.Gone() {
		path += " (deleted)"
	}
	return path
}

// Namespace implements cgroup.Processes.
func (k *Kernel) Namespace(task any) (*cgroup.Group, cgroup.Namespace) {
	t, ok := task.(*Task)
	if !ok {
		return k.cgroups.Root(), nil
	}
	return t.set.Cgroup.Root(), t.set.Cgroup
}

// List implements cgroup.Processes.
func (k *Kernel) List(reader any, g *cgroup.Group, threads bool) []int32 {
	n := k.pidNS
	if t, ok := reader.(*Task); ok {
		n = t.pidNS
	}
	var ids []int32
	k.mu.Lock()
	defer k.mu.Unlock()
	k.eachTaskLocked(k.pidNS, func(t *Task) {
		switch {
		case t.group.Cgroup() != g || t.group.zombie.Load():
		case threads && !t.exited.Load(), !threads && t.group.leader == t:
			ids = append(ids, t.pid.In(n))
		}
	})
	return ids
}

// Move implements cgroup.Processes.
func (k *Kernel) Move(mover any, id int32, thread bool, to *cgroup.Group, check func(from *cgroup.Group) error) error {
	t, ok := mover.(*Task)
	if !ok {
		return abi.ESRCH
	}
	g, err := t.processOf(id)
	for err == nil {
		from := g.Cgroup()
		if err = check(from); err != nil {
			break
		}
		if thread && from != to {
			return abi.EOPNOTSUPP
		}
		var again bool
		if again, err = g.moveGroup(from, to); !again {
			break
		}
	}
	return err
}

// processOf finds the process that a thread with number id, 0 for t itself, belongs to. ESRCH.
func (t *Task) processOf(id int32) (*ThreadGroup, error) {
	if id == 0 {
		return t.group, nil
	}
	o := t.FindTask(id)
	if o == nil {
		return nil, abi.ESRCH
	}
	return o.group, nil
}

// moveGroup moves g from one control group to another; again: it was no longer in the first. A zombie stays where it is.
func (g *ThreadGroup) moveGroup(from, to *cgroup.Group) (again bool, err error) {
	k := g.k
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case g.Cgroup() != from:
		return true, nil
	case from == to || g.zombie.Load() || g.gone.Load():
		return false, nil
	}
	if err := from.MoveTo(to, len(g.threads)); err != nil {
		return false, err
	}
	g.cgroup.Store(to)
	g.regroupLocked()
	return false, nil
}

// regroupLocked brings what the process keeps of its control group up to date.
func (g *ThreadGroup) regroupLocked() {
	account, limited := g.Cgroup().Account(), g.Cgroup().Limited()
	g.account.Store(account)
	g.setFrozenLocked(g.Cgroup().Freezing())
	for _, t := range g.threads {
		if t.mm != nil {
			t.mm.SetAccount(account)
		}
		if limited {
			t.Ctx.Work.Or(WorkLimited)
		} else {
			t.Ctx.Work.And(^uint32(WorkLimited))
		}
	}
}

// Regroup implements cgroup.Processes.
func (k *Kernel) Regroup(c *cgroup.Group) {
	k.eachIn(c, func(g *ThreadGroup) { g.regroupLocked() })
}

// Kill implements cgroup.Processes. The first process is spared, as by every signal it has no handler for.
func (k *Kernel) Kill(c *cgroup.Group) {
	k.eachIn(c, func(g *ThreadGroup) {
		if !g.isGlobalInit() {
			_ = g.leader.sendLocked(&SigInfo{Signo: abi.SIGKILL, Code: abi.SI_KERNEL}, true, true) // SIGKILL is never lost
		}
	})
}

// eachIn calls f, with the lock held, for every process in c and below that is no zombie.
func (k *Kernel) eachIn(c *cgroup.Group, f func(g *ThreadGroup)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.eachGroupLocked(k.pidNS, func(g *ThreadGroup) {
		if !g.zombie.Load() && g.Cgroup().Within(c) {
			f(g)
		}
	})
}

// charge charges the child to a control group: that of its parent, or the one that CLONE_INTO_CGROUP names. EAGAIN: that
// has as many tasks as it may; EOPNOTSUPP: another than its process's for a thread; errors of cgroup.Group.MayBear.
func (b *birth) charge() error {
	at := b.parent.group.Cgroup()
	if into := b.args.Cgroup; into != nil {
		if b.args.Flags&abi.CLONE_THREAD != 0 && into != at {
			return abi.EOPNOTSUPP
		}
		if err := into.MayBear(&b.parent.Caller, at); err != nil {
			return err
		}
		at = into
	}
	if err := at.ChargeTask(); err != nil {
		return err
	}
	b.cgroup = at
	return nil
}

// enterGroupLocked puts the child into its control group. The parent may have been moved to another meanwhile.
func (b *birth) enterGroupLocked() error {
	p, g := b.parent.group, b.group
	if at := p.Cgroup(); b.args.Cgroup == nil && at != b.cgroup {
		b.cgroup.AddTasks(-1)
		at.AddTasks(1)
		b.cgroup = at
	}
	c := b.child
	c.Ctx.Work.And(^uint32(WorkLimited))
	c.Ctx.Work.Or(b.parent.Ctx.Work.Load() & WorkLimited)
	if g == nil {
		return nil
	}
	if err := b.cgroup.Enter(); err != nil {
		return err
	}
	g.cgroup.Store(b.cgroup)
	if b.args.Cgroup != nil {
		g.regroupLocked()
		return nil
	}
	g.account.Store(p.account.Load())
	if b.args.Flags&abi.CLONE_VM == 0 {
		c.mm.SetAccount(p.account.Load())
	}
	return nil
}

// joinFirst puts the first process into the root of the control groups.
func (g *ThreadGroup) joinFirst() error {
	root := g.k.cgroups.Root()
	if err := root.ChargeTask(); err != nil {
		return err
	}
	g.cgroup.Store(root)
	return root.Enter()
}
