//go:build cleave

package main

import (
	"fmt"
	"testing"

	"cleave/boot/x86"
	"cleave/proc"
)

// What things cost, for run.sh -i, where the time stamp counter counts instructions.
var costTests = []test{
	{"cost of int 0x80", func(m *machine) error { return cost(m, x86.FastNone) }},
	{"cost of the fastest entry", func(m *machine) error { return cost(m, m.cpu.Features.Fast) }},
	{"cost of a page fault", faultCost},
	{"cost of a change of tasks", switchCost},
	{"cost of copies", copyCost},
	{"traps do not allocate", noAllocation},
}

const rounds = 2000

// cost prints how long a system call takes with a loop that makes it through a function like __kernel_vsyscall.
func cost(m *machine, kind x86.FastCall) error {
	enter := code(0xcd, 0x80)
	switch kind {
	case x86.FastSysenter:
		enter = code(0x89, 0xe5, 0x0f, 0x34)
	case x86.FastSyscall:
		enter = code(0x89, 0xcd, 0x0f, 0x05)
	}
	// l: mov eax, 64; call vsyscall; jmp l; vsyscall: push ecx; push edx; push ebp; enter; landing: pop ebp; pop edx; pop ecx; ret
	head := code(0xb8, uint32(64), 0xe8, uint32(2), 0xeb, 0xf4, 0x51, 0x52, 0x55)
	m.load(head, enter, code(0x5d, 0x5a, 0x59, 0xc3))
	c := m.task()
	c.Landing = codeAddr + uint32(len(head)+len(enter))
	m.resume(c)
	start := tsc()
	for range rounds {
		if t := m.resume(c); t.Vector < proc.VectorSyscall || c.EAX != 64 {
			return fmt.Errorf("trap %#x at %#x", t.Vector, c.EIP)
		}
		c.EAX = 1
	}
	fmt.Printf("# system call, entry kind %d: %d ticks\n", kind, (tsc()-start)/rounds)
	return nil
}

func faultCost(m *machine) error {
	m.load(loadEAX(holeAddr))
	c := m.task()
	m.resume(c)
	start := tsc()
	for range rounds {
		if t := m.resume(c); t.Vector != proc.VectorPageFault {
			return fmt.Errorf("trap %#x", t.Vector)
		}
	}
	fmt.Printf("# page fault, without its cure: %d ticks\n", (tsc()-start)/rounds)
	return nil
}

// switchCost runs two tasks in turn, with address spaces of their own.
func switchCost(m *machine) error {
	m.load(code(0xcd, 0x80, 0xeb, 0xfc))
	a, b := m.task(), m.task()
	a.GS, a.TLS[0] = 0x63, tls(dataAddr)
	b.GS, b.TLS[0] = 0x63, tls(dataAddr)
	b.Root = m.cloneRoot()
	start := tsc()
	for range rounds {
		m.resume(a)
		m.resume(b)
	}
	fmt.Printf("# int 0x80 and a change of tasks: %d ticks\n", (tsc()-start)/(2*rounds))
	return nil
}

func copyCost(m *machine) error {
	for _, n := range []int{1, 4, 12, 16, 40, 64, 128, 400, 512, 1024, 4096} {
		b := make([]byte, n)
		start := tsc()
		for range rounds {
			m.cpu.CopyIn(m.root, b, dataAddr+8)
		}
		in := tsc()
		for range rounds {
			m.cpu.CopyOut(m.root, dataAddr+8, b)
		}
		out := tsc()
		for range rounds {
			m.cpu.Zero(m.root, dataAddr+8, n)
		}
		zero := tsc()
		fmt.Printf("# %d bytes: in %d, out %d, zero %d ticks\n", n, (in-start)/rounds, (out-in)/rounds, (zero-out)/rounds)
	}
	p := pages(2)
	start := tsc()
	for range rounds {
		x86.ZeroPage(page(p))
	}
	zero := tsc()
	for range rounds {
		x86.CopyPage(page(p), page(p[pageSize:]))
	}
	fmt.Printf("# page: clear %d, copy %d ticks\n", (zero-start)/rounds, (tsc()-zero)/rounds)
	return nil
}

func noAllocation(m *machine) error {
	m.load(code(0xcd, 0x80, 0xeb, 0xfc))
	a, b := m.task(), m.task()
	return expect("allocations", testing.AllocsPerRun(100, func() {
		m.resume(a)
		m.resume(b)
		m.resume(b)
	}), 0.0)
}
