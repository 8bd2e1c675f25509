package proc

import (
	"cleave/abi"
	"cleave/ns"
)

// This file has what tasks have to do with control groups (cgroups(7)).

// Cgroup is the cgroup that the task is in.
func (t *Task) Cgroup() *ns.Cgroup {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.cgroup
}

// MoveToCgroup moves a process with all its threads. ENODEV: the cgroup is removed; ESRCH: the process is gone.
func (g *ThreadGroup) MoveToCgroup(to *ns.Cgroup) error {
	g.k.mu.Lock()
	defer g.k.mu.Unlock()
	if g.gone.Load() {
		return abi.ESRCH
	}
	for _, t := range g.threads {
		exited := 0
		if t.exited.Load() {
			exited = 1
		}
		if err := t.cgroup.Move(to, 1, exited); err != nil {
			return err
		}
		t.cgroup = to
	}
	return nil
}

// CgroupMembers lists the ids of the tasks in c that have not exited, 0 for those that n does not see, by number in the
// initial pid namespace. processes: only those that lead a process.
func (k *Kernel) CgroupMembers(c *ns.Cgroup, n *ns.PIDNamespace, processes bool) []int32 {
	k.mu.Lock()
	defer k.mu.Unlock()
	var list []int32
	k.eachTaskLocked(k.pidNS, func(t *Task) {
		alive := !t.exited.Load() || processes && t.group.leader == t && !t.group.zombie.Load()
		if t.cgroup == c && alive && (!processes || t.group.leader == t) {
			list = append(list, t.pid.In(n))
		}
	})
	return list
}

// KillCgroup kills all processes in c and below (cgroup.kill).
func (k *Kernel) KillCgroup(c *ns.Cgroup) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.eachGroupLocked(k.pidNS, func(g *ThreadGroup) {
		if g.leader.cgroup.Within(c) {
			_ = g.leader.sendLocked(&SigInfo{Signo: abi.SIGKILL, Code: abi.SI_KERNEL}, true, true)
		}
	})
}
