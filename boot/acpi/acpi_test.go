package acpi

import (
	"reflect"
	"testing"
)

// memory is physical memory from address 0 on.
type memory []byte

func (m memory) read(address uint64, n int) []byte {
	if address > uint64(len(m)) || n > len(m)-int(address) {
		return nil
	}
	return m[address:][:n]
}

// fix sets the byte at the offset so that the sum of b is 0.
func fix(b []byte, at int) {
	b[at] = 0
	b[at] = -sum(b)
}

// put writes a table with its header at the address.
func (m memory) put(address int, signature string, body []byte) {
	b := m[address:][:headerSize+len(body)]
	copy(b, signature)
	le.PutUint32(b[4:], uint32(len(b)))
	copy(b[headerSize:], body)
	fix(b, 9)
}

func word(v uint64, n int) []byte { return le.AppendUint64(nil, v)[:n] }

const (
	atRoot = 0xf1230
	atXSDT = 0xe1000
	atRSDT = 0xe1800
	atFADT = 0xe2000
	atMADT = 0xe3000
	atDSDT = 0xe4000
)

// newMemory has tables like those of QEMU's machines. reduced: of the microvm, else of the pc.
func newMemory(reduced bool) memory {
	m := make(memory, 1<<20)
	p := m[atRoot:][:36]
	copy(p, "RSD PTR ")
	p[15] = 2
	le.PutUint32(p[16:], atRSDT)
	le.PutUint64(p[24:], atXSDT)
	fix(p[:20], 8)

	m.put(atXSDT, "XSDT", append(word(atFADT, 8), word(atMADT, 8)...))
	m.put(atRSDT, "RSDT", append(word(atFADT, 4), word(atMADT, 4)...))
	f := make([]byte, 268-headerSize)
	set := func(at int, v uint64, n int) { copy(f[at-headerSize:], word(v, n)) }
	set(40, atDSDT, 4)
	if reduced {
		set(112, 1<<20|1<<10, 4)
		set(116, 0x0801<<8, 4) // memory
		set(120, 0xfea00202, 8)
		set(128, 0x42, 1)
		set(140, atDSDT, 8)
		set(248, 0xfea00200, 8)
	} else {
		set(64, 0x604, 4)
		set(112, 1<<10, 4)
		set(116, 1, 1) // I/O
		set(120, 0xcf9, 8)
		set(128, 0x0f, 1)
	}
	m.put(atFADT, "FACP", f)
	m.put(atDSDT, "DSDT", []byte("\x10\x05xxxx\x08_S5_\x12\x06\x04\x0a\x05\x01\x00\x00yyyy"))
	madt := append(word(0xfee00000, 4), 0, 0, 0, 0)
	madt = append(madt, 0, 8, 0, 0, 1, 0, 0, 0)                               // a local APIC
	madt = append(madt, 1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0)            // an I/O APIC
	madt = append(madt, 1, 12, 1, 0, 0, 0, 0xc1, 0xfe, 24, 0, 0, 0)           // another
	madt = append(madt, 2, 10, 0, 0, 2, 0, 0, 0, 0, 0)                        // ISA 0 at input 2
	madt = append(madt, 2, 10, 0, 9, 9, 0, 0, 0, 0xf, 0)                      // ISA 9 low, level
	madt = append(madt, 5, 12, 0, 0, 0, 0, 0xe1, 0xfe, 0, 0, 0, 0, 0xff, 200) // address; a damaged entry
	m.put(atMADT, "APIC", madt)
	return m
}

func TestRead(t *testing.T) {
	common := Tables{SleepTypeA: 5, SleepTypeB: 1, HaveSleepType: true, LocalAPIC: 0xfee10000,
		IOAPICs: []IOAPIC{{0xfec00000, 0}, {0xfec10000, 24}}, Overrides: []Override{{0, 2, false, false}, {9, 9, true, true}}}
	pc, microvm := common, common
	pc.PM1a, pc.PM1b, pc.Reset, pc.ResetValue = Register{true, 0x604}, Register{IO: true}, Register{true, 0xcf9}, 0x0f
	microvm.SleepControl, microvm.Reset, microvm.ResetValue = Register{false, 0xfea00200}, Register{false, 0xfea00202}, 0x42
	for want, m := range map[*Tables]memory{&pc: newMemory(false), &microvm: newMemory(true)} {
		rsdp := Find(m.read, 0)
		if rsdp != atRoot {
			t.Fatalf("root pointer at %#x, want %#x", rsdp, atRoot)
		}
		got, err := Read(m.read, rsdp)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
		m[atRoot+15] = 0 // version 1: the table of 32-bit addresses
		fix(m[atRoot:][:20], 8)
		if got, err = Read(m.read, rsdp); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("version 1: got %+v, %v, want %+v", got, err, want)
		}
	}
}

func TestReadDamaged(t *testing.T) {
	m := newMemory(false)
	m[atXSDT+headerSize]++
	if _, err := Read(m.read, atRoot); err == nil {
		t.Error("a root table with a wrong sum")
	}
	m = newMemory(false)
	m[atFADT+64]++
	m[atDSDT+20]++
	got, err := Read(m.read, atRoot)
	if err != nil || got.PM1a.Address != 0 || got.HaveSleepType || len(got.IOAPICs) != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err = Read(m.read, 12); err == nil {
		t.Error("a root pointer without a signature")
	}
	if _, err = Read(m.read, 1<<40); err == nil {
		t.Error("a root pointer outside memory")
	}
	clear(m[atRoot:][:8])
	if at := Find(m.read, 0); at != 0 {
		t.Errorf("a root pointer at %#x", at)
	}
}

// FuzzTables reads tables whose sums are right but whose contents are not.
func FuzzTables(f *testing.F) {
	m := newMemory(true)
	f.Add([]byte(m[atFADT+headerSize:][:268-headerSize]), []byte(m[atMADT+headerSize:][:100]), []byte("_S5_\x12\xff"))
	f.Fuzz(func(t *testing.T, fadt, madt, dsdt []byte) {
		const limit = 0x800
		m := newMemory(false)
		m.put(atFADT, "FACP", fadt[:min(len(fadt), limit)])
		m.put(atMADT, "APIC", madt[:min(len(madt), limit)])
		m.put(atDSDT, "DSDT", dsdt[:min(len(dsdt), limit)])
		if _, err := Read(m.read, atRoot); err != nil {
			t.Fatal(err)
		}
	})
}
