package proc

import (
	"fmt"

	"cleave/abi"
	"cleave/wait"
)

// makeRoom is called when there is no memory for t, although the caches have given up theirs. It kills the process that
// has most and waits until that is gone. It reports whether trying again makes sense: not if t itself is to die.
func (t *Task) makeRoom() bool {
	k := t.k
	k.mu.Lock()
	if t.dyingLocked() {
		k.mu.Unlock()
		return false
	}
	victim := k.victimLocked()
	if victim == nil {
		k.mu.Unlock()
		return false
	}
	k.Log(fmt.Sprintf("out of memory: killed process %d (%s)", victim.pidLocked().Global(), victim.leader.Comm()))
	victim.killLocked(abi.SIGKILL)
	k.mu.Unlock()
	if victim == t.group {
		return false
	}
	return t.awaitExit(victim)
}

// victimLocked is the process with the most memory, moved by oom_score_adj (proc(5)): not an init, not one that dies
// already unless it is the only one, as its memory will be free soon.
func (k *Kernel) victimLocked() *ThreadGroup {
	var victim *ThreadGroup
	most := int64(0)
	total := int64(k.Memory.Pool().Stats().Total)
	k.eachGroupLocked(k.pidNS, func(g *ThreadGroup) {
		t := g.survivorLocked()
		if t == nil || t.mm == nil || g.isInit {
			return
		}
		adj := int64(g.oomScore.Load())
		if adj == minOOMScore {
			return
		}
		s := t.mm.Stats()
		points := int64(s.Resident) + int64(s.PageTables) + adj*total/1000
		if victim == nil || points > most {
			victim, most = g, points
		}
	})
	return victim
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

// awaitExit sleeps until g has let go of its memory. false: t was killed meanwhile.
func (t *Task) awaitExit(g *ThreadGroup) bool {
	var e wait.Entry
	e.L, e.Mask = t, childEvents
	g.exitQueue.Register(&e)
	defer g.exitQueue.Unregister(&e)
	for {
		t.k.mu.Lock()
		done := g.zombie
		t.k.mu.Unlock()
		if done {
			return true
		}
		if t.BlockKillable() != nil {
			return false
		}
	}
}
