//go:build cleave

package main

import (
	"fmt"

	"cleave/proc"
)

// exception is a program that ends in an exception of ring 3.
type exception struct {
	name    string
	program []byte
	vector  uint32
	code    uint32
	at      uint32 // EIP, from the start of the program
	addr    uint32 // page faults only
}

var exceptions = []exception{
	{"#DE: divide by zero", code(0x31, 0xc9, 0xf7, 0xf1), proc.VectorDivide, 0, 2, 0},
	// pushf; or dword [esp], 0x100; popf; nop; nop
	{"#DB: single step", code(0x9c, 0x81, 0x0c, 0x24, uint32(0x100), 0x9d, 0x90, 0x90), proc.VectorDebug, 1 << 14, 10, 0},
	{"#BP: INT3", code(0xcc), proc.VectorBreakpoint, 0, 1, 0},
	{"#OF: INTO", code(0xb0, 0x7f, 0x04, 1, 0xce), proc.VectorOverflow, 0, 5, 0},
	{"#BR: BOUND", code(0xb8, uint32(1000), 0x62, 0x05, uint32(constAddr)), proc.VectorBound, 0, 5, 0},
	{"#UD: UD2", code(0x0f, 0x0b), proc.VectorInvalidOp, 0, 0, 0},
	{"#GP: HLT", code(0xf4), proc.VectorProtection, 0, 0, 0},
	{"#GP: CLI", code(0xfa), proc.VectorProtection, 0, 0, 0},
	{"#GP: STI", code(0xfb), proc.VectorProtection, 0, 0, 0},
	{"#GP: IN", code(0xec), proc.VectorProtection, 0, 0, 0},
	{"#GP: OUT", code(0xe6, 0xf4), proc.VectorProtection, 0, 0, 0},
	{"#GP: MOV from CR0", code(0x0f, 0x20, 0xc0), proc.VectorProtection, 0, 0, 0},
	{"#GP: RDMSR", code(0x0f, 0x32), proc.VectorProtection, 0, 0, 0},
	{"#GP: WRMSR", code(0x0f, 0x30), proc.VectorProtection, 0, 0, 0},
	{"#GP: LGDT", code(0x0f, 0x01, 0x15, uint32(dataAddr)), proc.VectorProtection, 0, 0, 0},
	{"#GP: INVLPG", code(0x0f, 0x01, 0x3d, uint32(dataAddr)), proc.VectorProtection, 0, 0, 0},
	{"#GP: kernel's data segment", code(0xb8, uint32(0x18), 0x8e, 0xd8), proc.VectorProtection, 0x18, 5, 0},
	{"#GP: TSS as data segment", code(0xb8, uint32(0x40), 0x8e, 0xd8), proc.VectorProtection, 0x40, 5, 0},
	{"#GP: selector of the LDT", code(0xb8, uint32(0x0f), 0x8e, 0xd8), proc.VectorProtection, 0x0c, 5, 0},
	{"#GP: beyond the GDT", code(0xb8, uint32(0x7fb), 0x8e, 0xd8), proc.VectorProtection, 0x7f8, 5, 0},
	{"#GP: null stack segment", code(0x31, 0xc0, 0x8e, 0xd0), proc.VectorProtection, 0, 2, 0},
	{"#GP: far jump to ring 0", code(0xea, uint32(codeAddr), 0x10, 0), proc.VectorProtection, 0x10, 0, 0},
	{"#GP: far jump to Linux's 64-bit segment", code(0xea, uint32(codeAddr), 0x33, 0), proc.VectorProtection, 0x30, 0, 0},
	{"#GP: far jump to the TSS", code(0xea, uint32(0), 0x40, 0), proc.VectorProtection, 0x40, 0, 0},
	{"#PF: read", loadEAX(holeAddr), proc.VectorPageFault, proc.PFUser, 0, holeAddr},
	{"#PF: write", storeEAX(holeAddr + 8), proc.VectorPageFault, proc.PFUser | proc.PFWrite, 0, holeAddr + 8},
	{"#PF: write to what is read-only", storeEAX(constAddr), proc.VectorPageFault, proc.PFUser | proc.PFWrite | proc.PFPresent, 0, constAddr},
	{"#PF: across the end of a page", loadEAX(holeAddr - 2), proc.VectorPageFault, proc.PFUser, 0, holeAddr},
	// mov esp, after; push eax
	{"#PF: push", code(0xbc, uint32(afterAddr), 0x50), proc.VectorPageFault, proc.PFUser | proc.PFWrite, 5, afterAddr - 4},
	// fninit; push 0x33b (zero divide unmasked); fldcw [esp]; fld1; fldz; fdivp; fwait
	{"#MF: x87 divide by zero", code(0xdb, 0xe3, 0x68, uint32(0x33b), 0xd9, 0x2c, 0x24, 0xd9, 0xe8, 0xd9, 0xee, 0xde, 0xf9, 0x9b), proc.VectorFPU, 0, 16, 0},
}

func exceptionTests() []test {
	var tests []test
	for _, e := range exceptions {
		tests = append(tests, test{e.name, func(m *machine) error {
			c, t := m.run(e.program)
			if err := expectTrap(c, t, e.vector, e.code, codeAddr+e.at); err != nil {
				return err
			}
			return expect("address", t.Addr, e.addr)
		}})
	}
	return append(tests,
		test{"#XM: SSE divide by zero", divideSSE},
		test{"#GP: INT n but for 3, 4 and 0x80", intN},
		test{"#PF: execution of data", execData},
		test{"#PF: jump to what is not mapped", jumpToHole},
		test{"#AC: misaligned access", misaligned},
		test{"UMIP: SGDT, SIDT, SLDT, STR, SMSW fault", umip},
		test{"a task goes on after an exception", goOn},
	)
}

func divideSSE(m *machine) error {
	// push 0x1d80 (zero divide unmasked); ldmxcsr [esp]; push 0x3f800000 (1.0); movss xmm0, [esp]; xorps xmm1, xmm1;
	// divss xmm0, xmm1; int 0x80
	c, t := m.run(code(0x68, uint32(0x1d80), 0x0f, 0xae, 0x14, 0x24, 0x68, uint32(0x3f800000), 0xf3, 0x0f, 0x10, 0x04, 0x24,
		0x0f, 0x57, 0xc9, 0xf3, 0x0f, 0x5e, 0xc1), int80)
	if t.Vector == proc.VectorSyscall {
		return skip("this emulator does not raise SSE exceptions")
	}
	return expectTrap(c, t, proc.VectorSIMD, 0, codeAddr+22)
}

func intN(m *machine) error {
	for v := range 256 {
		if v == proc.VectorBreakpoint || v == proc.VectorOverflow || v == proc.VectorSyscall {
			continue
		}
		c, t := m.run(code(0xcd, v))
		// SDM vol. 3, 6.13: index, IDT flag. QEMU 7.2 puts the index one bit higher.
		if t.Vector != proc.VectorProtection || t.Error != uint32(v*8+2) && t.Error != uint32(v*16+2) || c.EIP != codeAddr {
			return fmt.Errorf("INT %#x: trap %#x error %#x at %#x", v, t.Vector, t.Error, c.EIP)
		}
	}
	return nil
}

func execData(m *machine) error {
	if m.nx == 0 {
		return skip("no NX")
	}
	c, t := m.run(code(0xb8, uint32(dataAddr), 0xff, 0xe0)) // jmp eax
	if err := expectTrap(c, t, proc.VectorPageFault, proc.PFUser|proc.PFFetch|proc.PFPresent, dataAddr); err != nil {
		return err
	}
	return expect("address", t.Addr, uint32(dataAddr))
}

func jumpToHole(m *machine) error {
	c, t := m.run(code(0xb8, uint32(holeAddr), 0xff, 0xe0))
	fetch := uint32(0)
	if m.nx != 0 { // SDM vol. 3, 4.7: the I/D flag is set only with NXE or SMEP
		fetch = proc.PFFetch
	}
	return expectTrap(c, t, proc.VectorPageFault, proc.PFUser|fetch, holeAddr)
}

func misaligned(m *machine) error {
	// pushf; or dword [esp], AC; popf; mov eax, [data+1]; int 0x80
	c, t := m.run(code(0x9c, 0x81, 0x0c, 0x24, uint32(proc.EFLAGSAC), 0x9d), loadEAX(dataAddr+1), int80)
	if t.Vector == proc.VectorSyscall {
		return skip("this emulator does not check alignment")
	}
	return expectTrap(c, t, proc.VectorAlignment, 0, codeAddr+9)
}

func umip(m *machine) error {
	if !m.cpu.Features.UMIP {
		return skip("no UMIP")
	}
	for name, p := range map[string][]byte{
		"SGDT": code(0x0f, 0x01, 0x05, uint32(dataAddr)), "SIDT": code(0x0f, 0x01, 0x0d, uint32(dataAddr)),
		"SLDT": code(0x0f, 0x00, 0xc0), "STR": code(0x0f, 0x00, 0xc8), "SMSW": code(0x0f, 0x01, 0xe0),
	} {
		c, t := m.run(p)
		if err := expectTrap(c, t, proc.VectorProtection, 0, codeAddr); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// goOn takes every exception in turn in one task, which it moves behind each.
func goOn(m *machine) error {
	m.load(loadEAX(holeAddr), code(0x0f, 0x0b), movEAX(77), int80)
	c := m.task()
	c.EBX, c.ESI, c.EDI, c.EBP = 1, 2, 3, 4
	t := m.resume(c)
	if err := expectTrap(c, t, proc.VectorPageFault, proc.PFUser, codeAddr); err != nil {
		return err
	}
	c.EIP += 5
	t = m.resume(c)
	if err := expectTrap(c, t, proc.VectorInvalidOp, 0, codeAddr+5); err != nil {
		return err
	}
	c.EIP += 2
	t = m.resume(c)
	if err := expectTrap(c, t, proc.VectorSyscall, 0, codeAddr+14); err != nil {
		return err
	}
	return expect("registers", [5]uint32{c.EAX, c.EBX, c.ESI, c.EDI, c.EBP}, [5]uint32{77, 1, 2, 3, 4})
}
