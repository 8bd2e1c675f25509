//go:build cleave

package main

import (
	"fmt"

	"cleave/boot/x86"
	"cleave/proc"
)

var entryTests = []test{
	{"SYSENTER enters, or is invalid", sysenter},
	{"SYSCALL enters, or is invalid", syscallInsn},
	{"the fastest entry works", fastest},
	{"a single step over SYSENTER, SYSCALL and INT 0x80", stepOver},
	{"SYSENTER and SYSCALL with all flags set", entryFlags},
	{"SYSENTER with a wild stack pointer", wildStack},
	{"work keeps a task out of user mode", work},
}

const landing = codeAddr + 0x100

// fast is the program of __kernel_vsyscall, with the landing pad at landing.
func fast(m *machine, kind x86.FastCall) []byte {
	enter := code(0xcd, 0x80)
	switch kind {
	case x86.FastSysenter:
		enter = code(0x89, 0xe5, 0x0f, 0x34) // mov ebp, esp; sysenter
	case x86.FastSyscall:
		enter = code(0x89, 0xcd, 0x0f, 0x05) // mov ebp, ecx; syscall
	}
	p := append(code(0x51, 0x52, 0x55), enter...) // push ecx; push edx; push ebp
	for len(p) < landing-codeAddr {
		p = append(p, 0x90)
	}
	p = append(p, 0x5d, 0x5a, 0x59) // pop ebp; pop edx; pop ecx
	return append(p, int80...)
}

func fastTask(m *machine, kind x86.FastCall) *proc.Context {
	m.load(fast(m, kind))
	c := m.task()
	c.Landing = landing
	c.EAX, c.EBX, c.ECX, c.EDX, c.ESI, c.EDI, c.EBP = 20, 1, 2, 3, 4, 5, 6
	return c
}

// checkFast runs a fast call, looks at what the kernel sees of it, and whether the program goes on after it.
func checkFast(m *machine, kind x86.FastCall, vector uint32) error {
	c := fastTask(m, kind)
	t := m.resume(c)
	useRegisters()
	if invalid(t) {
		if m.cpu.Features.Fast == kind {
			return fmt.Errorf("invalid, but the best entry of this processor")
		}
		return skip("this processor does not have it")
	}
	got := [10]uint32{t.Vector, c.EAX, c.EBX, c.ECX, c.EDX, c.ESI, c.EDI, c.ESP, c.EIP, c.EFLAGS & proc.EFLAGSIF}
	if err := expect("trap", got, [10]uint32{vector, 20, 1, 2, 3, 4, 5, stackAddr - 12, landing, proc.EFLAGSIF}); err != nil {
		return err
	}
	c.EAX = 42
	t = m.resume(c)
	got = [10]uint32{t.Vector, c.EAX, c.EBX, c.ECX, c.EDX, c.ESI, c.EDI, c.EBP, c.ESP, c.EIP}
	return expect("after the call", got, [10]uint32{proc.VectorSyscall, 42, 1, 2, 3, 4, 5, 6, stackAddr, landing + 5})
}

// invalid reports whether an entry instruction was refused: QEMU knows SYSENTER even without the feature, and faults as its
// MSRs are not set up.
func invalid(t proc.Trap) bool {
	return t.Vector == proc.VectorInvalidOp || t.Vector == proc.VectorProtection
}

func sysenter(m *machine) error {
	return checkFast(m, x86.FastSysenter, proc.VectorSysenter)
}

func syscallInsn(m *machine) error {
	return checkFast(m, x86.FastSyscall, proc.VectorSyscallInsn)
}

func fastest(m *machine) error {
	if m.cpu.Features.Fast == x86.FastNone {
		return skip("this processor has neither")
	}
	return checkFast(m, m.cpu.Features.Fast, proc.VectorSysenter+uint32(m.cpu.Features.Fast-x86.FastSysenter))
}

func stepOver(m *machine) error {
	for _, kind := range []x86.FastCall{x86.FastNone, x86.FastSysenter, x86.FastSyscall} {
		if kind == x86.FastSyscall && m.bochs {
			continue
		}
		c := fastTask(m, kind)
		c.EFLAGS |= proc.EFLAGSTF
		entered := false
		for range 1000 {
			t := m.resume(c)
			if invalid(t) {
				break
			}
			if t.Vector == proc.VectorDebug && !entered {
				continue
			}
			if t.Vector != proc.VectorDebug && !entered {
				entered = true
				if c.EFLAGS&proc.EFLAGSTF == 0 {
					return fmt.Errorf("kind %d: TF is lost in the call", kind)
				}
				continue
			}
			// The first step behind the call, of one instruction at most.
			if err := expect(fmt.Sprintf("kind %d: vector", kind), t.Vector, uint32(proc.VectorDebug)); err != nil {
				return err
			}
			if kind != x86.FastNone && c.EIP != landing+1 && c.EIP != landing {
				return fmt.Errorf("kind %d: stepped to %#x", kind, c.EIP)
			}
			break
		}
		if !entered && (kind == x86.FastNone || m.cpu.Features.Fast == kind) {
			return fmt.Errorf("kind %d: no entry", kind)
		}
	}
	return nil
}

func entryFlags(m *machine) error {
	for _, kind := range []x86.FastCall{x86.FastSysenter, x86.FastSyscall} {
		c := fastTask(m, kind)
		const user = 0xcd5 | proc.EFLAGSAC | 1<<21
		c.EFLAGS = user
		t := m.resume(c)
		f := flags()
		useRegisters()
		if invalid(t) {
			continue
		}
		if f&(proc.EFLAGSDF|proc.EFLAGSAC|proc.EFLAGSTF|proc.EFLAGSIF|0x7000) != 0 {
			return fmt.Errorf("kind %d: flags of the kernel: %#x", kind, f)
		}
		if c.EFLAGS|1<<21 != user|proc.EFLAGSIF|2 {
			return fmt.Errorf("kind %d: flags of the user: %#x", kind, c.EFLAGS)
		}
	}
	return nil
}

func wildStack(m *machine) error {
	for _, enter := range [][]byte{code(0x0f, 0x34), code(0x0f, 0x05)} {
		for _, sp := range []uint32{0, 1, 0x1000, holeAddr, 0xfffffff0, 0xffffffff} {
			m.load(enter)
			c := m.task()
			c.Landing, c.ESP, c.EBP = landing, sp, sp
			t := m.resume(c)
			useRegisters()
			if invalid(t) {
				break
			}
			if t.Vector != proc.VectorSysenter && t.Vector != proc.VectorSyscallInsn || c.ESP != sp || c.EIP != landing {
				return fmt.Errorf("trap %#x, ESP %#x, EIP %#x; want %#x, %#x", t.Vector, c.ESP, c.EIP, sp, landing)
			}
		}
	}
	return nil
}

func work(m *machine) error {
	m.load(int80)
	c := m.task()
	c.Work.Store(proc.WorkSignal | proc.WorkTrace)
	if t := m.resume(c); t.Vector != proc.VectorWork {
		return expectTrap(c, t, proc.VectorWork, 0, codeAddr)
	}
	c.Work.Store(proc.WorkTrace)
	t := m.resume(c)
	return expectTrap(c, t, proc.VectorSyscall, 0, codeAddr+2)
}
