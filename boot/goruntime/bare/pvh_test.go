package bare

import (
	"encoding/binary"
	"reflect"
	"testing"
	"unsafe"
)

// machine builds what a loader leaves in memory.
type machine struct {
	mem []byte
}

const (
	atInfo    = 0x1000
	atMap     = 0x2000
	atModules = 0x3000
	atCmdline = 0x4000
)

type mapEntry struct {
	start, size uint64
	kind        uint32
}

func newMachine(entries ...mapEntry) *machine {
	m := &machine{mem: unsafe.Slice((*byte)(memory(mib)), mib)}
	m.put32(atInfo, 0x336ec578)
	m.put32(atInfo+4, 1)
	m.put64(atInfo+40, atMap)
	m.put32(atInfo+48, uint32(len(entries)))
	for i, e := range entries {
		at := atMap + 24*i
		m.put64(at, e.start)
		m.put64(at+8, e.size)
		m.put32(at+16, e.kind)
	}
	return m
}

func (m *machine) put32(at int, v uint32) { binary.LittleEndian.PutUint32(m.mem[at:], v) }
func (m *machine) put64(at int, v uint64) { binary.LittleEndian.PutUint64(m.mem[at:], v) }

func (m *machine) module(start, size uint64) {
	m.put32(atInfo+12, 1)
	m.put64(atInfo+16, atModules)
	m.put64(atModules, start)
	m.put64(atModules+8, size)
}

func (m *machine) cmdline(s string) {
	m.put64(atInfo+24, atCmdline)
	copy(m.mem[atCmdline:], s+"\x00")
}

func (m *machine) parse(pa uint64) (*StartInfo, string) {
	s := new(StartInfo)
	return s, s.Parse(unsafe.Pointer(&m.mem[0]), pa)
}

func TestParse(t *testing.T) {
	m := newMachine(mapEntry{1 << 32, 1 << 30, 1}, mapEntry{0, 0x9fc00, 1}, mapEntry{0x9fc00, 0x400, 2},
		mapEntry{mib, 127 * mib, 1}, mapEntry{0xfffc0000, 0x40000, 2})
	m.cmdline("init=/x")
	m.module(64*mib, 12345)
	s, msg := m.parse(atInfo)
	if msg != "" {
		t.Fatal(msg)
	}
	want := []Region{{0, 0x9fc00}, {mib, 128 * mib}, {1 << 32, 5 << 30}}
	if got := s.RAM[:s.Regions]; !reflect.DeepEqual(got, want) {
		t.Errorf("memory %#x, want %#x", got, want)
	}
	if s.Initrd != (Region{64 * mib, 64*mib + 12345}) || s.Cmdline != atCmdline || s.CmdSize != 7 {
		t.Errorf("got %+v", s)
	}
	if s.Memory() != 0x9fc00+127*mib+1<<30 {
		t.Errorf("%d bytes of memory", s.Memory())
	}
}

func TestParseOverlap(t *testing.T) {
	m := newMachine(mapEntry{5 * mib, mib, 1}, mapEntry{mib, 2 * mib, 1}, mapEntry{2 * mib, 3 * mib, 1},
		mapEntry{8 * mib, 0, 1}, mapEntry{1 << 50, mib, 1}, mapEntry{1<<46 - mib, 1 << 63, 1}, mapEntry{^uint64(0) - 5, 100, 1})
	s, msg := m.parse(atInfo)
	want := []Region{{mib, 6 * mib}, {1<<46 - mib, 1 << 46}}
	if got := s.RAM[:s.Regions]; msg != "" || !reflect.DeepEqual(got, want) {
		t.Errorf("memory %#x, want %#x; %s", got, want, msg)
	}
}

func TestParseManyRegions(t *testing.T) {
	var e []mapEntry
	for i := range uint64(MaxRegions + 10) {
		e = append(e, mapEntry{(100 - i) * mib, mib / 2, 1})
	}
	s, msg := newMachine(e...).parse(atInfo)
	if msg != "" || s.Regions != MaxRegions || !s.Truncated {
		t.Errorf("%d regions, truncated %v; %s", s.Regions, s.Truncated, msg)
	}
}

func TestParseBad(t *testing.T) {
	ram := mapEntry{0, 128 * mib, 1}
	for name, c := range map[string]struct {
		change func(m *machine)
		at     uint64
		want   string
	}{
		"no pointer":      {nil, 0, errMagic},
		"odd pointer":     {nil, atInfo + 1, errMagic},
		"wild pointer":    {nil, 1 << 40, errMagic},
		"no magic":        {func(m *machine) { m.put32(atInfo, 0) }, atInfo, errMagic},
		"version 0":       {func(m *machine) { m.put32(atInfo+4, 0) }, atInfo, errVersion},
		"no map":          {func(m *machine) { m.put32(atInfo+48, 0) }, atInfo, errMap},
		"huge map":        {func(m *machine) { m.put32(atInfo+48, 1<<31) }, atInfo, errMap},
		"map far away":    {func(m *machine) { m.put64(atInfo+40, 1<<40) }, atInfo, errPlace},
		"no memory":       {func(m *machine) { m.put32(atMap+16, 2) }, atInfo, errNoRAM},
		"command line":    {func(m *machine) { m.put64(atInfo+24, 1<<40) }, atInfo, errPlace},
		"modules":         {func(m *machine) { m.module(mib, 1); m.put64(atInfo+16, 1<<40) }, atInfo, errPlace},
		"module outside":  {func(m *machine) { m.module(127*mib, 2*mib) }, atInfo, errModule},
		"module wraps":    {func(m *machine) { m.module(mib, ^uint64(0)) }, atInfo, errModule},
		"module of 0":     {func(m *machine) { m.module(1<<50, 0) }, atInfo, ""},
		"nothing special": {nil, atInfo, ""},
	} {
		m := newMachine(ram)
		if c.change != nil {
			c.change(m)
		}
		if _, msg := m.parse(c.at); msg != c.want {
			t.Errorf("%s: %q, want %q", name, msg, c.want)
		}
	}
}

func TestParseLongCmdline(t *testing.T) {
	m := newMachine(mapEntry{0, 128 * mib, 1})
	m.put64(atInfo+24, atCmdline)
	for i := range 2 * MaxCmdline {
		m.mem[atCmdline+i] = 'x'
	}
	if s, msg := m.parse(atInfo); msg != "" || s.CmdSize != MaxCmdline {
		t.Errorf("%d bytes; %s", s.CmdSize, msg)
	}
}

func FuzzAddEntry(f *testing.F) {
	f.Add(uint64(0), uint64(1), uint64(5), uint64(9), uint64(1), uint64(7))
	f.Fuzz(func(t *testing.T, a, an, b, bn, c, cn uint64) {
		s, _ := newMachine(mapEntry{a, an, 1}, mapEntry{b, bn, 1}, mapEntry{c, cn, 1}).parse(atInfo)
		for i := range s.Regions {
			r := s.RAM[i]
			if r.Start >= r.End || r.End > maxPhysical || i > 0 && s.RAM[i-1].End >= r.Start {
				t.Fatalf("regions %#x", s.RAM[:s.Regions])
			}
		}
	})
}
