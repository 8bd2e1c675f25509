//go:build cleave

package main

import (
	"fmt"

	"cleave/proc"
)

var debugTests = []test{
	{"a breakpoint stops before its instruction", breakpoint},
	{"watchpoints stop after what they watch", watchpoint},
	{"a watchpoint of one task is none of another's", otherTask},
	{"a watchpoint in the kernel's copies is passed over", watchedCopy},
	{"a watchpoint held back by MOV to SS up to an entry", movSS},
}

// Of DR7: breakpoint 0 is on, for execution, writes of 4 bytes, and accesses of 4 bytes.
const (
	onExecute = 1<<0 | 1<<10
	onWrite   = onExecute | 0b1101<<16
	onAccess  = onExecute | 0b1111<<16
)

func (m *machine) watch(control, addr uint32, program ...[]byte) *proc.Context {
	m.load(program...)
	c := m.task()
	c.DR[0], c.DR7 = addr, control
	return c
}

func breakpoint(m *machine) error {
	c := m.watch(onExecute, codeAddr+1, code(0x90, 0x40), int80) // nop; inc eax
	c.EAX = 5
	if err := expectTrap(c, m.resume(c), proc.VectorDebug, 1, codeAddr+1); err != nil {
		return err
	}
	c.EFLAGS |= proc.EFLAGSRF
	if err := expectTrap(c, m.resume(c), proc.VectorSyscall, 0, codeAddr+4); err != nil {
		return err
	}
	return expect("EAX", c.EAX, uint32(6))
}

func watchpoint(m *machine) error {
	p := [][]byte{loadEAX(dataAddr), storeEAX(dataAddr), int80}
	load, store := uint32(len(p[0])), uint32(len(p[0])+len(p[1]))
	c := m.watch(onWrite, dataAddr, p...)
	if err := expectTrap(c, m.resume(c), proc.VectorDebug, 1, codeAddr+store); err != nil {
		return err
	}
	c = m.watch(onAccess, dataAddr, p...)
	if err := expectTrap(c, m.resume(c), proc.VectorDebug, 1, codeAddr+load); err != nil {
		return err
	}
	if err := expectTrap(c, m.resume(c), proc.VectorDebug, 1, codeAddr+store); err != nil {
		return err
	}
	c.DR7 = 0
	m.cpu.Reload(c)
	c.EIP = codeAddr
	return expectTrap(c, m.resume(c), proc.VectorSyscall, 0, codeAddr+store+2)
}

func otherTask(m *machine) error {
	c := m.watch(onWrite, dataAddr, storeEAX(dataAddr), int80)
	end := uint32(codeAddr + len(storeEAX(dataAddr)))
	other := m.task()
	for range 3 {
		c.EIP, other.EIP = codeAddr, codeAddr
		if err := expectTrap(c, m.resume(c), proc.VectorDebug, 1, end); err != nil {
			return err
		}
		if err := expectTrap(other, m.resume(other), proc.VectorSyscall, 0, end+2); err != nil {
			return err
		}
	}
	return nil
}

func watchedCopy(m *machine) error {
	c := m.watch(onAccess, dataAddr+8, int80)
	if err := expectTrap(c, m.resume(c), proc.VectorSyscall, 0, codeAddr+2); err != nil {
		return err
	}
	for _, n := range []int{1, 4, 16, 40, 600} {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i + n)
		}
		got := make([]byte, n)
		if m.cpu.CopyOut(m.root, dataAddr+8, b) != n || m.cpu.CopyIn(m.root, got, dataAddr+8) != n || string(got) != string(b) {
			return fmt.Errorf("a copy of %d bytes", n)
		}
	}
	c.EIP = codeAddr
	return expectTrap(c, m.resume(c), proc.VectorSyscall, 0, codeAddr+2) // the kernel's copies are not reported to the user
}

// movSS has the processor take the debug exception in the first instruction of the kernel (CVE-2018-8897), or, where the
// emulator does not hold it back, in user mode.
func movSS(m *machine) error {
	load := code(0xb8, uint32(dataAddr), 0x8e, 0x10) // mov eax, data; mov ss, [eax]
	m.data[0], m.data[1] = proc.UserDS, 0
	for _, enter := range [][]byte{int80, code(0xcc), code(0x0f, 0x34), code(0x0f, 0x05)} {
		c := m.watch(onAccess, dataAddr, load, enter)
		c.Landing = codeAddr + 0x100
		sp := c.ESP
		t := m.resume(c)
		useRegisters()
		if t.Vector == proc.VectorDebug {
			if err := expect("EIP", c.EIP, codeAddr+uint32(len(load))); err != nil {
				return err
			}
			t = m.resume(c)
		}
		if invalid(t) || t.Vector == proc.VectorSysenter {
			continue
		}
		if err := expect("ESP", c.ESP, sp); err != nil {
			return err
		}
	}
	return nil
}
