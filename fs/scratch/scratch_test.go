package scratch

import "testing"

func TestSlotKeepsOne(t *testing.T) {
	var s Slot[[64]byte]
	a := s.Take()
	if b := s.Take(); a == b {
		t.Error("two users have the same buffer")
	}
	s.Give(a)
	if s.Take() != a {
		t.Error("what was given back is not used again")
	}
}

func TestSlotAllocatesNothing(t *testing.T) {
	var s Slot[[64]byte]
	if n := testing.AllocsPerRun(100, func() { s.Give(s.Take()) }); n > 0.01 {
		t.Errorf("%v allocations for a use", n)
	}
}
