package irq

import (
	"reflect"
	"testing"
)

// machine notes the order of what happens.
type machine struct {
	events []string
	table  *Table
}

func newMachine() *machine {
	m := new(machine)
	m.table = NewTable(func() { m.note("eoi") })
	return m
}

func (m *machine) note(s string) { m.events = append(m.events, s) }

func (m *machine) expect(t *testing.T, want ...string) {
	t.Helper()
	if !reflect.DeepEqual(m.events, want) {
		t.Errorf("got %q, want %q", m.events, want)
	}
	m.events = nil
}

func (m *machine) add(t *testing.T, name string, level bool) uint8 {
	t.Helper()
	v, err := m.table.Add(func() { m.note(name) }, level)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestDispatch(t *testing.T) {
	m := newMachine()
	edge, level := m.add(t, "edge", false), m.add(t, "level", true)
	m.table.Dispatch(edge)
	m.expect(t, "eoi", "edge")
	m.table.Dispatch(level)
	m.expect(t, "level", "eoi")
	m.table.Dispatch(200)
	m.expect(t, "eoi")
	m.table.DispatchAll([4]uint64{1 << edge, 1 << 5, 0, 1 << 7}) // edge and level are in word 0
	m.expect(t, "eoi", "eoi", "eoi", "edge")
	m.table.DispatchAll([4]uint64{1<<edge | 1<<level})
	m.expect(t, "level", "eoi", "eoi", "edge")
	if m.table.Count(edge) != 3 || m.table.Count(level) != 2 || m.table.Count(99) != 0 || m.table.Stray() != 3 {
		t.Errorf("counts %d %d %d %d", m.table.Count(edge), m.table.Count(level), m.table.Count(99), m.table.Stray())
	}
}

// TestAgain raises an interrupt while its handler runs: the handler is called once more, after it has returned.
func TestAgain(t *testing.T) {
	m := newMachine()
	var v uint8
	calls := 0
	v, err := m.table.Add(func() {
		m.note("in")
		if calls++; calls == 1 {
			m.table.Dispatch(v)
			m.table.Dispatch(v)
		}
		m.note("out")
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	m.table.Dispatch(v)
	m.expect(t, "eoi", "in", "eoi", "eoi", "out", "in", "out")
}

func TestAddTooMany(t *testing.T) {
	m := newMachine()
	for range Last - First + 1 {
		m.add(t, "", false)
	}
	if v, err := m.table.Add(func() {}, false); err == nil {
		t.Errorf("vector %#x", v)
	}
}

func TestDispatchNoAllocation(t *testing.T) {
	table := NewTable(func() {})
	v, err := table.Add(func() {}, false)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { table.Dispatch(v) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// chip is an I/O APIC with 24 inputs.
type chip struct {
	index uint32
	regs  [0x40]uint32
}

func (c *chip) Read(offset uint32) uint32 {
	if offset == ioWindow {
		return c.regs[c.index]
	}
	return c.index
}

func (c *chip) Write(offset, v uint32) {
	if offset == ioWindow {
		c.regs[c.index] = v
	} else {
		c.index = v
	}
}

func TestIOAPIC(t *testing.T) {
	c := new(chip)
	c.regs[ioVersion] = 23<<16 | 0x11
	a := NewIOAPIC(c)
	if a.Pins() != 24 {
		t.Errorf("%d inputs, want 24", a.Pins())
	}
	for pin := range 24 {
		if c.regs[ioTable+2*pin]&entryMasked == 0 {
			t.Errorf("input %d is not masked", pin)
		}
	}
	if !a.Route(4, 0x31, false, false, 0) || c.regs[ioTable+8] != 0x31 || c.regs[ioTable+9] != 0 {
		t.Errorf("input 4: %#x %#x", c.regs[ioTable+8], c.regs[ioTable+9])
	}
	if !a.Route(23, 0x40, true, true, 3) || c.regs[ioTable+46] != 0x40|entryLevel|entryLow || c.regs[ioTable+47] != 3<<24 {
		t.Errorf("input 23: %#x %#x", c.regs[ioTable+46], c.regs[ioTable+47])
	}
	if a.Route(24, 0x41, false, false, 0) || a.Route(-1, 0x41, false, false, 0) {
		t.Error("an input that does not exist")
	}
}
