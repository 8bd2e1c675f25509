package runtime

import _ "unsafe" // for go:linkname

// bareGCHeld returns for how many ns the collector has held this CPU, while goroutines could have run: in mark assists, in
// slices of its workers but those that ran for want of other work, both since its present or last cycle began, and in stops
// of the world since the start.
//
//go:linkname bareGCHeld
//go:nosplit
func bareGCHeld() (assist, work, stopped int64) {
	c := &gcController
	assist = c.assistTime.Load() + getg().m.p.ptr().gcAssistTime
	return assist, c.dedicatedMarkTime.Load() + c.fractionalMarkTime.Load(), int64(memstats.pause_total_ns)
}

// How long a mark worker works at once, at most, and how long others run after that, at least, in ns.
const (
	bareWorkerTurn = 100e3
	bareWorkerRest = 300e3
)

// bareWorkerExit reports whether a mark worker's turn is over, which lasts for turn ns so far: when it has had its share of
// the time, self of the delta ns since marking began, or has worked for long enough. The latter is when others ran for long:
// to make up for that in one go would stop tasks for as long as it takes. That time is forgotten, by having marking begin
// later, so that the scheduler lets others run first. Of the scheduler's own rule only the slack is missing, with which turns
// would grow with the time that the collection has taken.
func bareWorkerExit(turn, self, delta int64) bool {
	due := int64(float64(self) / gcController.fractionalUtilizationGoal)
	if due > delta {
		return true
	}
	if turn < bareWorkerTurn {
		return false
	}
	gcController.markStartTime += delta - max(due-bareWorkerRest, 1)
	return true
}
