package irq

import "testing"

func TestTurn(t *testing.T) {
	var turn Turn
	const start = 1e9
	end := turn.Enter(start)
	if end != start+tick {
		t.Fatalf("the tick ends at %d", end)
	}
	if turn.Enter(start+tick/2) != end {
		t.Error("entering user mode again in a tick begins a new one")
	}
	if turn.Over(start + tick/2) {
		t.Error("another timer's interrupt ends the tick")
	}
	if !turn.Over(end - early) {
		t.Error("an interrupt that comes a little early does not end the tick")
	}
	if next := turn.Enter(end); next != end+tick {
		t.Errorf("the next tick ends at %d", next)
	}
}

// A task whose ticks all end in the kernel, where no timer interrupts it, has them nevertheless: it would keep the CPU.
func TestTurnEndsOutsideUserMode(t *testing.T) {
	var turn Turn
	now := int64(1e9)
	ticks := 0
	for range 100 {
		now = turn.Enter(now) + 1 // a system call goes on beyond the end of the tick
		turn.Enter(now)
		if turn.Over(now + tick/100) { // then a timer of the runtime interrupts user mode
			ticks++
		}
	}
	if ticks != 100 {
		t.Errorf("%d ticks of 100", ticks)
	}
}
