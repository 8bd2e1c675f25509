//go:build cleave

package main

import (
	"fmt"

	"cleave/proc"
)

var segmentTests = []test{
	{"TLS segments of two tasks are apart", tlsApart},
	{"a base in FS does not hurt the kernel, and stays", fsBase},
	{"a null FS does not hurt the kernel", fsNull},
	{"a TLS entry that changes is loaded", tlsReload},
	{"bad selectors are loaded as null", badSelectors},
	{"no TLS entry gives more rights than data of ring 3", badDescriptors},
	{"LAR and LSL of the kernel's segments tell nothing", lar},
}

// tls is a descriptor of 32-bit data at base (SDM vol. 3, 3.4.5), as set_thread_area makes it.
func tls(base uint64) uint64 {
	return 0x00cff2000000ffff | base&0xffffff<<16 | base>>24<<56
}

func tlsApart(m *machine) error {
	// mov ax, 0x63; mov gs, ax; int 0x80; mov eax, gs:[0]; int 0x80
	m.load(movEAX(0x63), code(0x8e, 0xe8), int80, code(0x65, 0xa1, uint32(0)), int80)
	var c [2]*proc.Context
	for round := range 2 {
		for i := range c {
			if round == 0 {
				c[i] = m.task()
				c[i].TLS[0] = tls(dataAddr + uint64(i)*4)
			}
			if t := m.resume(c[i]); t.Vector != proc.VectorSyscall || c[i].GS != 0x63 {
				return fmt.Errorf("round %d task %d: trap %#x at %#x, GS %#x", round, i, t.Vector, c[i].EIP, c[i].GS)
			}
		}
		m.setWord(0, 100)
		m.setWord(1, 101)
	}
	return expect("words", [2]uint32{c[0].EAX, c[1].EAX}, [2]uint32{100, 101})
}

func fsBase(m *machine) error {
	// mov ax, 0x6b; mov fs, ax; int 0x80; mov eax, fs:[0]; int 0x80; mov eax, fs:[0]; ud2
	m.load(movEAX(0x6b), code(0x8e, 0xe0), int80, code(0x64, 0xa1, uint32(0)), int80, code(0x64, 0xa1, uint32(0), 0x0f, 0x0b))
	c := m.task()
	c.TLS[1] = tls(dataAddr + 64)
	m.setWord(16, 4711)
	for i := range 3 {
		c.EAX = 0
		t := m.resume(c)
		useRegisters()
		if i > 0 && c.EAX != 4711 || c.FS != 0x6b {
			return fmt.Errorf("trap %d: vector %#x, EAX %d, FS %#x", i, t.Vector, c.EAX, c.FS)
		}
		if i == 1 {
			other := m.task()
			other.EIP = codeAddr + 7
			m.resume(other)
		}
	}
	return nil
}

func fsNull(m *machine) error {
	// xor eax, eax; mov fs, ax; mov gs, ax; int 0x80; the same with selector 3
	m.load(code(0x31, 0xc0, 0x8e, 0xe0, 0x8e, 0xe8), int80, movEAX(3), code(0x8e, 0xe0, 0x8e, 0xd8), int80)
	c := m.task()
	m.resume(c)
	useRegisters()
	t := m.resume(c)
	useRegisters()
	if t.Vector != proc.VectorSyscall || c.FS != 3 || c.DS != 3 || c.GS != 0 {
		return fmt.Errorf("trap %#x, FS %#x, DS %#x, GS %#x", t.Vector, c.FS, c.DS, c.GS)
	}
	return nil
}

func tlsReload(m *machine) error {
	// l: mov eax, gs:[0]; int 0x80; jmp l
	m.load(code(0x65, 0xa1, uint32(0)), int80, code(0xeb, 0xf6))
	m.setWord(0, 1)
	m.setWord(1, 2)
	c := m.task()
	for i := range uint32(2) {
		c.TLS[2] = tls(dataAddr + uint64(i)*4)
		c.GS = 0x73
		m.cpu.Reload(c)
		if t := m.resume(c); t.Vector != proc.VectorSyscall || c.EAX != i+1 {
			return fmt.Errorf("trap %#x error %#x, EAX %d, want %d", t.Vector, t.Error, c.EAX, i+1)
		}
	}
	return nil
}

func badSelectors(m *machine) error {
	m.load(int80)
	for _, s := range []uint16{4, 7, 8, 0x10, 0x13, 0x18, 0x1b, 0x33, 0x38, 0x40, 0x43, 0x48, 0x50, 0x60, 0x63, 0x6b, 0x73, 0x78, 0x7b, 0xfff8, 0xffff} {
		c := m.task()
		c.DS, c.ES, c.FS, c.GS = s, s, s, s
		if t := m.resume(c); t.Vector != proc.VectorSyscall || c.DS|c.ES|c.FS|c.GS != 0 {
			return fmt.Errorf("selector %#x: trap %#x, DS %#x ES %#x FS %#x GS %#x", s, t.Vector, c.DS, c.ES, c.FS, c.GS)
		}
	}
	for _, s := range []uint16{0, 1, 2, 3, 0x20, 0x23, 0x28, 0x2b} {
		c := m.task()
		c.DS, c.ES, c.FS, c.GS = s, s, s, s
		t := m.resume(c)
		if s < 4 { // IRET clears the RPL of some null selectors (SDM vol. 2, IRET)
			c.DS, c.ES, c.FS, c.GS = c.DS|s, c.ES|s, c.FS|s, c.GS|s
		}
		if t.Vector != proc.VectorSyscall || c.DS != s || c.ES != s || c.FS != s || c.GS != s {
			return fmt.Errorf("selector %#x: trap %#x, DS %#x ES %#x FS %#x GS %#x", s, t.Vector, c.DS, c.ES, c.FS, c.GS)
		}
	}
	return nil
}

func badDescriptors(m *machine) error {
	const flat = 0x00cf_0000_0000_ffff
	long := uint64(1 << 53)
	for _, d := range []uint64{
		flat | 0x9b<<40,        // code of ring 0
		flat | 0x93<<40,        // data of ring 0
		flat | 0xfb<<40 | long, // 64-bit code
		flat | 0xec<<40,        // a call gate
		flat | 0x89<<40,        // a TSS
	} {
		// A far jump through the entry must not leave ring 3 or compatibility mode: xor eax, eax; jmp 0x63:code+16; ud2;
		// ...; dec eax (in 64-bit mode a prefix); nop; int 0x80
		m.load(code(0x31, 0xc0, 0xea, uint32(codeAddr+16), 0x63, 0, 0x0f, 0x0b, 0x0f, 0x0b, 0x0f, 0x0b, 0x90, 0x48, 0x90, 0xcd, 0x80))
		c := m.task()
		c.TLS[0] = d
		t := m.resume(c)
		if t.Vector != proc.VectorProtection && (t.Vector != proc.VectorSyscall || c.CS&3 != 3 || c.EAX != 0xffffffff) {
			return fmt.Errorf("descriptor %#x: trap %#x error %#x at %#x:%#x, EAX %#x", d, t.Vector, t.Error, c.CS, c.EIP, c.EAX)
		}
	}
	return nil
}

func lar(m *machine) error {
	// mov ecx, 0x10; lar eax, ecx; setz bl; lsl eax, ecx; setz bh; int 0x80
	c, _ := m.run(code(0xb9, uint32(0x10), 0x0f, 0x02, 0xc1, 0x0f, 0x94, 0xc3, 0x0f, 0x03, 0xc1, 0x0f, 0x94, 0xc7), int80)
	return expect("LAR and LSL", c.EBX&0xffff, uint32(0))
}
