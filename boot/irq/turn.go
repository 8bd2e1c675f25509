package irq

// tick is how long a task may run in user mode, in ns, before it is interrupted to see whether another's turn has come.
const tick = 4e6

// early is how much of a tick the timer may come too early, for its clock is not the time stamp counter, in ns.
const early = tick / 16

// Turn measures the ticks of one CPU. Only that CPU uses it.
type Turn struct {
	end int64 // when the task in user mode will have had its tick, 0: it had it
	due bool  // the tick ended outside user mode: the next interrupt of the timer counts as its end
}

// Enter is called before user mode is entered at the time now. It returns when the timer is to end the tick. A tick that
// ended meanwhile is remembered: else whom other timers interrupt all the time would never have one.
func (t *Turn) Enter(now int64) int64 {
	if now >= t.end {
		t.due = t.due || t.end != 0
		t.end = now + tick
	}
	return t.end
}

// Over is called when the timer has interrupted user mode at the time now, and reports whether the task has had its tick.
func (t *Turn) Over(now int64) bool {
	if !t.due && now < t.end-early {
		return false
	}
	*t = Turn{}
	return true
}
