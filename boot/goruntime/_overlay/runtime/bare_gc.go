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
