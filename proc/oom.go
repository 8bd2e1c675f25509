package proc

import (
	"fmt"
	"slices"

	"cleave/abi"
	"cleave/fs/cgroup"
	"cleave/mm"
	"cleave/ns"
	"cleave/wait"
)

// makeRoom is called when there is no memory for t, although the caches have given up theirs. It kills the process that
// has most and waits until that is gone. It reports whether trying again makes sense: not if t itself is to die, or if
// there is nobody to kill.
func (t *Task) makeRoom() bool {
	if t.Killed() {
		return false
	}
	victim := t.k.killLargest("out of memory")
	if victim == nil || victim.group == t.group {
		return false
	}
	return t.awaitExit(victim.group)
}

// worthReaping is how many pages a process must have to be killed in the midst of a system call. Where all are smaller the
// call fails: else a process that forks without end would be helped on until the kernel's own memory is gone.
const worthReaping = 128

// shortage is what to do when a system call finds no memory while it copies to or from as: it kills the process that has
// most, but does not wait for its end (mm.Memory.SetShortage). It takes that one's private memory at once instead.
func (k *Kernel) shortage(as *mm.AddressSpace) bool {
	if k.dying(as) {
		return false
	}
	victim := k.victim(nil)
	if victim == nil || victim.resident < worthReaping {
		return false
	}
	k.kill(victim, "out of memory")
	if victim.mm == as || !k.ownsAlone(victim) {
		return false
	}
	if !victim.mm.TryRef() {
		return true // it is gone already
	}
	defer victim.mm.Unref()
	return victim.mm.Reap() > 0
}

// KillLargest kills the process that makeRoom would, when the kernel's own memory runs out. It reports whether there was
// one.
func (k *Kernel) KillLargest() bool {
	return k.killLargest("out of kernel memory") != nil
}

// killLargest kills the process that has most, and logs why. It returns nil if there is none.
func (k *Kernel) killLargest(why string) *candidate {
	victim := k.victim(nil)
	if victim != nil {
		k.kill(victim, why)
	}
	return victim
}

func (k *Kernel) kill(victim *candidate, why string) {
	k.Log(fmt.Sprintf("%s: killed process %d (%s)", why, victim.pid.Global(), victim.comm))
	k.mu.Lock()
	victim.group.killLocked(abi.SIGKILL)
	k.mu.Unlock()
}

// dying reports whether a process with the address space as is being killed.
func (k *Kernel) dying(as *mm.AddressSpace) bool {
	found := false
	k.mu.Lock()
	k.eachGroupLocked(k.pidNS, func(g *ThreadGroup) {
		t := g.survivorLocked()
		found = found || t != nil && t.mm == as && t.Killed()
	})
	k.mu.Unlock()
	return found
}

// ownsAlone reports whether no other process has the victim's address space (vfork(2), CLONE_VM).
func (k *Kernel) ownsAlone(victim *candidate) bool {
	alone := true
	k.mu.Lock()
	k.eachGroupLocked(k.pidNS, func(g *ThreadGroup) {
		t := g.survivorLocked()
		alone = alone && (g == victim.group || t == nil || t.mm != victim.mm)
	})
	k.mu.Unlock()
	return alone
}

// candidate is a process that may be killed for its memory.
type candidate struct {
	group *ThreadGroup
	mm    *mm.AddressSpace
	pid   *ns.PID
	comm  string

	resident int64 // pages
}

// victim is the process with the most memory, moved by oom_score_adj (proc(5)); never the first process of all. within, if it
// is not nil, is the control group to look in.
func (k *Kernel) victim(within *cgroup.Group) *candidate {
	total := int64(k.Memory.Pool().Stats().Total)
	var victim *candidate
	most := int64(0)
	list := k.candidates(within)
	for i := range list {
		c := &list[i]
		s := c.mm.Stats()
		c.resident = int64(s.Resident)
		points := c.resident + int64(s.PageTables) + int64(c.group.oomScore.Load())*total/1000
		if victim == nil || points > most {
			victim, most = c, points
		}
		c.mm.Unref()
	}
	return victim
}

// candidates lists who may be killed, each with a reference to its address space.
func (k *Kernel) candidates(within *cgroup.Group) []candidate {
	k.mu.Lock()
	defer k.mu.Unlock()
	var list []candidate
	k.eachGroupLocked(k.pidNS, func(g *ThreadGroup) {
		t := g.survivorLocked()
		spared := g.isGlobalInit() || g.oomScore.Load() == minOOMScore
		outside := within != nil && !g.Cgroup().Within(within)
		if t == nil || spared || outside || t.mm == nil || !t.mm.TryRef() {
			return
		}
		list = append(list, candidate{group: g, mm: t.mm, pid: g.pidLocked(), comm: g.leader.Comm()})
	})
	return list
}

// minOOMScore protects a process from being killed for memory.
const minOOMScore = -1000

// OOMScore is /proc/PID/oom_score_adj.
func (g *ThreadGroup) OOMScore() int32 { return g.oomScore.Load() }

// SetOOMScore changes it. EINVAL outside of -1000 to 1000.
func (g *ThreadGroup) SetOOMScore(v int32) error {
	if v < minOOMScore || v > -minOOMScore {
		return abi.EINVAL
	}
	g.oomScore.Store(v)
	return nil
}

// awaitExit sleeps until g has let go of its memory. It need not be a zombie then: a dead thread stays in it until its
// tracer has waited, who may be asleep here. false: t was killed meanwhile.
func (t *Task) awaitExit(g *ThreadGroup) bool {
	var e wait.Entry
	e.L, e.Mask = t, childEvents
	g.exitQueue.Register(&e)
	defer g.exitQueue.Unregister(&e)
	for !g.dead() {
		if t.BlockKillable() != nil {
			return false
		}
	}
	return true
}

// dead reports whether all threads of g have come to their end.
func (g *ThreadGroup) dead() bool {
	k := g.leader.k
	k.mu.Lock()
	defer k.mu.Unlock()
	return !slices.ContainsFunc(g.threads, func(t *Task) bool { return !t.exited.Load() })
}
