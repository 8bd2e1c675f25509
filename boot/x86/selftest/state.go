//go:build cleave

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"

	"cleave/proc"
)

var stateTests = []test{
	{"all registers go in and come out", registers},
	{"DF, AC and MXCSR of a user do not reach the kernel and come back", modes},
	{"flags that a user must not have are taken away", badFlags},
	{"CS and SS are forced", badCS},
	{"XMM registers of two tasks are apart", xmmApart},
	{"x87 registers of two tasks are apart", x87Apart},
	{"YMM registers of two tasks are apart", ymmApart},
	{"a program starts with a clean extended state", cleanState},
	{"the image of the extended state can be read and changed", fpuImage},
	{"a changed image with reserved bits does no harm", fpuBadImage},
	{"a copy has the extended state of the original", fpuCopy},
	{"the image has nothing of the kernel", fpuLeak},
	{"the garbage collector runs between two traps", collect},
}

func registers(m *machine) error {
	m.load(int80)
	c := m.task()
	want := proc.Regs{EAX: 0x80000001, EBX: 0xfffffff2, ECX: 3, EDX: 4, ESI: 5, EDI: 6, EBP: 7, ESP: stackAddr - 16,
		EIP: codeAddr + 2, EFLAGS: 0xad7, CS: proc.UserCS, SS: proc.UserDS, Vector: proc.VectorSyscall}
	c.Regs = want
	c.EIP = codeAddr
	m.resume(c)
	c.EFLAGS &^= 1 << 21 // an emulator may have ID set
	return expect("registers", c.Regs, want)
}

func modes(m *machine) error {
	const userMXCSR = 0x0000 // every exception unmasked
	// push MXCSR; ldmxcsr [esp]; pushf; or [esp], DF|AC|ID; popf; int 0x80; pushf; pop eax; stmxcsr [data]; int 0x80
	const user = proc.EFLAGSDF | proc.EFLAGSAC | 1<<21
	m.load(code(0x68, uint32(userMXCSR), 0x0f, 0xae, 0x14, 0x24, 0x9c, 0x81, 0x0c, 0x24, uint32(user), 0x9d), int80,
		code(0x9c, 0x58, 0x0f, 0xae, 0x1d, uint32(dataAddr)), int80)
	c := m.task()
	t := m.resume(c)
	f, x := flags(), mxcsr()
	third := 1.0 / float64(c.EIP|1) // inexact
	if err := expectTrap(c, t, proc.VectorSyscall, 0, codeAddr+20); err != nil {
		return err
	}
	bad := uint64(proc.EFLAGSDF | proc.EFLAGSTF | proc.EFLAGSIF)
	if m.cpu.Features.SMAP {
		bad |= proc.EFLAGSAC // it means nothing in ring 0 otherwise
	}
	if f&bad != 0 || x&0xffc0 != 0x1f80 {
		return fmt.Errorf("in the kernel: flags %#x, MXCSR %#x", f, x)
	}
	m.resume(c)
	if c.EAX&user != user || m.word(0) != userMXCSR {
		return fmt.Errorf("in the user: flags %#x, MXCSR %#x (%v)", c.EAX, m.word(0), third)
	}
	return nil
}

func badFlags(m *machine) error {
	m.load(code(0x9c, 0x58), int80) // pushf; pop eax
	c := m.task()
	c.EFLAGS = 0xffffffff &^ proc.EFLAGSTF
	if t := m.resume(c); t.Vector != proc.VectorSyscall {
		return expectTrap(c, t, proc.VectorSyscall, 0, codeAddr+4)
	}
	// IOPL, VM, VIF, VIP are clear; RF does not show.
	if err := expect("flags", c.EAX&^(1<<21), uint32(0x44ed7)); err != nil {
		return err
	}
	c = m.task()
	c.EFLAGS = 0
	m.resume(c)
	return expect("flags", c.EAX, uint32(0x202))
}

func badCS(m *machine) error {
	m.load(code(0x8c, 0xc8, 0x8c, 0xd3), int80) // mov eax, cs; mov ebx, ss
	for _, s := range []uint32{0, 0x10, 0x13, 0x18, 0x33, 0x40, 0xffff, 0xffffffff} {
		c := m.task()
		c.CS, c.SS = s, s
		if t := m.resume(c); t.Vector != proc.VectorSyscall || c.EAX != proc.UserCS || c.EBX != proc.UserDS {
			return fmt.Errorf("with selector %#x: trap %#x, CS %#x, SS %#x", s, t.Vector, c.EAX, c.EBX)
		}
	}
	return nil
}

// twice runs two tasks in turn: each executes set, traps, executes get, traps. Both programs may use EBX, which is the
// number of the task, 1 or 2. check looks at the data pages.
func twice(m *machine, set, get []byte, check func(task uint32) error) error {
	m.load(set, int80, get, int80)
	var c [2]*proc.Context
	for round := range 2 {
		for i := range c {
			if round == 0 {
				c[i] = m.task()
				c[i].EBX = uint32(i + 1)
			}
			clear(m.data)
			m.setWord(4, uint32(i+1))
			if t := m.resume(c[i]); t.Vector != proc.VectorSyscall {
				return fmt.Errorf("task %d: trap %#x error %#x at %#x", i, t.Vector, t.Error, c[i].EIP)
			}
			useRegisters()
			if round == 1 {
				if err := check(uint32(i + 1)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// useRegisters is Go code that uses vector registers.
func useRegisters() {
	var a, b [256]byte
	for i := range a {
		a[i] = byte(i)
	}
	b = a
	sink = math.Sqrt(float64(b[17])) + float64(len(fmt.Sprint(b[3])))
}

//lint:ignore U1000 written only, so that the compiler computes it
var sink float64

func xmmApart(m *machine) error {
	// movd xmm0, ebx; movd xmm7, ebx; pshufd xmm7, xmm7, 0  |  movups [data], xmm7; movss [data+32], xmm0
	set := code(0x66, 0x0f, 0x6e, 0xc3, 0x66, 0x0f, 0x6e, 0xfb, 0x66, 0x0f, 0x70, 0xff, 0)
	get := code(0x0f, 0x11, 0x3d, uint32(dataAddr), 0xf3, 0x0f, 0x11, 0x05, uint32(dataAddr+32))
	return twice(m, set, get, func(n uint32) error {
		return expect("XMM7 and XMM0", [5]uint32{m.word(0), m.word(1), m.word(2), m.word(3), m.word(8)}, [5]uint32{n, n, n, n, n})
	})
}

func x87Apart(m *machine) error {
	// fninit; fild dword [data+16]  |  fistp dword [data]
	set := code(0xdb, 0xe3, 0xdb, 0x05, uint32(dataAddr+16))
	get := code(0xdb, 0x1d, uint32(dataAddr))
	return twice(m, set, get, func(n uint32) error { return expect("ST(0)", m.word(0), n) })
}

func ymmApart(m *machine) error {
	if !m.cpu.Features.AVX {
		return skip("no AVX")
	}
	// vbroadcastss ymm5, [data+16]  |  vmovups [data], ymm5
	set := code(0xc4, 0xe2, 0x7d, 0x18, 0x2d, uint32(dataAddr+16))
	get := code(0xc5, 0xfc, 0x11, 0x2d, uint32(dataAddr))
	return twice(m, set, get, func(n uint32) error {
		for i := range 8 {
			if err := expect(fmt.Sprint("word ", i, " of YMM5"), m.word(i), n); err != nil {
				return err
			}
		}
		return nil
	})
}

func cleanState(m *machine) error {
	// Leave a mess behind: fld1 four times, all of XMM0 set, another rounding mode.
	m.run(code(0xd9, 0xe8, 0xd9, 0xe8, 0xd9, 0xe8, 0xd9, 0xe8, 0x66, 0x0f, 0x76, 0xc0, 0x68, uint32(0xf7f),
		0xd9, 0x2c, 0x24, 0x68, uint32(0x7f80), 0x0f, 0xae, 0x14, 0x24), int80)
	// fnstenv [data]; movups [data+32], xmm0; stmxcsr [data+48]
	m.run(code(0xd9, 0x35, uint32(dataAddr), 0x0f, 0x11, 0x05, uint32(dataAddr+32), 0x0f, 0xae, 0x1d, uint32(dataAddr+48)), int80)
	got := [5]uint32{m.word(0) & 0xffff, m.word(1) & 0xffff, m.word(2) & 0xffff, m.word(8), m.word(12)}
	return expect("FCW, FSW, FTW, XMM0, MXCSR", got, [5]uint32{0x37f, 0, 0xffff, 0, 0x1f80})
}

func fpuImage(m *machine) error {
	for _, other := range []bool{false, true} { // whether another task has run meanwhile
		// fninit; fld1; movd xmm3, ebx; int 0x80; fistp dword [data]; movss [data+4], xmm3; stmxcsr [data+8]; int 0x80
		program := [][]byte{code(0xdb, 0xe3, 0xd9, 0xe8, 0x66, 0x0f, 0x6e, 0xdb), int80,
			code(0xdb, 0x1d, uint32(dataAddr), 0xf3, 0x0f, 0x11, 0x1d, uint32(dataAddr+4), 0x0f, 0xae, 0x1d, uint32(dataAddr+8)), int80}
		m.load(program...)
		c := m.task()
		c.EBX = 55
		m.resume(c)
		if other {
			m.run(int80)
			m.load(program...)
		}
		b := m.cpu.SaveFPU(c)
		// 1.0 is 3fff 8000000000000000; the top of the stack is register 7.
		if binary.LittleEndian.Uint16(b) != 0x37f || b[4] != 0x80 || binary.LittleEndian.Uint16(b[40:]) != 0x3fff ||
			binary.LittleEndian.Uint32(b[160+3*16:]) != 55 || binary.LittleEndian.Uint32(b[24:]) != 0x1f80 {
			return fmt.Errorf("image: % x", b[:224])
		}
		m.run(int80) // does not write to the image
		m.load(program...)
		binary.LittleEndian.PutUint16(b[40:], 0x4000) // 2.0
		binary.LittleEndian.PutUint32(b[160+3*16:], 66)
		binary.LittleEndian.PutUint32(b[24:], 0x1fa0)
		m.cpu.LoadFPU(c)
		m.resume(c)
		if err := expect("ST(0), XMM3, MXCSR", [3]uint32{m.word(0), m.word(1), m.word(2)}, [3]uint32{2, 66, 0x1fa0}); err != nil {
			return err
		}
	}
	return nil
}

func fpuBadImage(m *machine) error {
	for _, load := range []bool{true, false} { // also if LoadFPU is left out, after a fault in copying
		m.load(int80)
		c := m.task()
		m.resume(c)
		b := m.cpu.FPUBuffer(c)
		for i := range b {
			b[i] = 0xff
		}
		if load {
			m.cpu.LoadFPU(c)
		}
		c.EIP = codeAddr
		if err := expectTrap(c, m.resume(c), proc.VectorSyscall, 0, codeAddr+2); err != nil {
			return err
		}
	}
	return nil
}

func fpuCopy(m *machine) error {
	// fldpi; movd xmm2, ebx; int 0x80; fstp dword [data]; movss [data+4], xmm2; int 0x80
	m.load(code(0xd9, 0xeb, 0x66, 0x0f, 0x6e, 0xd3), int80, code(0xd9, 0x1d, uint32(dataAddr), 0xf3, 0x0f, 0x11, 0x15, uint32(dataAddr+4)), int80)
	parent, child := m.task(), m.task()
	parent.EBX = 99
	m.resume(parent)
	m.cpu.CopyFPU(child, parent)
	child.Regs = parent.Regs
	for _, c := range []*proc.Context{child, parent} {
		clear(m.data)
		m.resume(c)
		if err := expect("pi and XMM2", [2]uint32{m.word(0), m.word(1)}, [2]uint32{math.Float32bits(math.Pi), 99}); err != nil {
			return err
		}
	}
	return nil
}

func fpuLeak(m *machine) error {
	for _, other := range []bool{false, true} {
		c, _ := m.run(int80)
		useRegisters()
		if other {
			m.run(int80)
		}
		b := m.cpu.SaveFPU(c)
		for i, v := range b[160:512] {
			if v != 0 {
				return fmt.Errorf("byte %d of the image: %#x", 160+i, v)
			}
		}
	}
	return nil
}

func collect(m *machine) error {
	// l: inc ecx; int 0x80; jmp l
	m.load(code(0x41, 0xcd, 0x80, 0xeb, 0xfb))
	c := m.task()
	for i := range uint32(20) {
		if t := m.resume(c); t.Vector != proc.VectorSyscall || c.ECX != i+1 {
			return errors.New("the task is out of step")
		}
		runtime.GC()
	}
	return nil
}
