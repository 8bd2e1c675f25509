//go:build cleave

package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"cleave/boot/x86"
	"cleave/proc"
)

var randomTests = []test{
	{"random programs with random registers do not hurt the kernel", randomPrograms},
}

// randomPrograms runs random code in tasks with random registers, selectors, descriptors and extended state, cut by the
// timer, and checks after each trap that the kernel is as it should be.
func randomPrograms(m *machine) error {
	if m.bochs && m.cpu.Features.Fast == x86.FastSyscall {
		return skip("Bochs takes a single-step trap after SYSCALL")
	}
	r := rand.New(rand.NewPCG(m.seed, 0))
	for i := range m.programs {
		m.load()
		for j := range m.code[:256] {
			m.code[j] = randomByte(r, m.bochs)
		}
		for j := range m.data {
			m.data[j] = byte(r.Uint32())
		}
		c := m.randomTask(r)
		for range 1 + r.IntN(8) {
			bareArm(nanotime() + int64(50*time.Microsecond))
			start := c.EIP
			t := m.enter(c)
			f, x := flags(), mxcsr()
			useRegisters()
			if f&(proc.EFLAGSDF|proc.EFLAGSTF|proc.EFLAGSIF) != 0 || f&proc.EFLAGSAC != 0 && m.cpu.Features.SMAP || x&0xffc0 != 0x1f80 || c.SS&3 != 3 || c.CS&3 != 3 {
				return fmt.Errorf("program %d from %#x, % x: %+v: flags %#x, MXCSR %#x, registers %+v", i, start, m.code[:256], t, f, x, c.Regs)
			}
			if t.Vector >= proc.VectorInterrupts && t.Vector < 256 && t.Vector != proc.VectorSyscall {
				bareTimerFired()
			}
			c.EIP = codeAddr + r.Uint32N(256)
		}
		m.cpu.Release(c)
	}
	return nil
}

// randomByte prefers opcodes that touch segments, flags and modes. Unless all is set it leaves out what QEMU 7.2 gets
// wrong: its IRET enters virtual-8086 mode, with any flags, if the program says so, and its decoder of VEX prefixes (C4, C5)
// aborts.
func randomByte(r *rand.Rand, all bool) byte {
	special := []byte{0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x0f, 0x0f, 0x8e, 0x8c, 0x9c, 0x9d, 0xcd, 0x80, 0xea, 0x9a, 0xfd,
		0xd9, 0xdb, 0xae, 0x34, 0x05, 0xf4, 0xfa, 0xfb, 0xe0, 0xe8, 0xa1, 0xc8, 0xca, 0xcb, 0xcc, 0xce, 0x64, 0x65, 0x66}
	if r.IntN(2) == 0 {
		return special[r.IntN(len(special))]
	}
	if b := byte(r.Uint32()); all || b != 0xcf && b != 0xc4 && b != 0xc5 {
		return b
	}
	return 0x90
}

func (m *machine) randomTask(r *rand.Rand) *proc.Context {
	c := m.task()
	c.Landing = codeAddr + r.Uint32N(256)
	addr := func() uint32 { return dataAddr + r.Uint32N(2*pageSize) }
	c.EAX, c.EBX, c.ECX, c.EDX = r.Uint32(), r.Uint32(), addr(), addr()
	c.ESI, c.EDI, c.EBP, c.ESP = addr(), addr(), addr(), stackAddr-64
	if r.IntN(4) == 0 {
		c.ESP = r.Uint32()
	}
	if r.IntN(2) == 0 {
		c.CS, c.SS = r.Uint32(), r.Uint32()
		c.EFLAGS = r.Uint32()
	}
	for i := range c.TLS {
		c.TLS[i] = r.Uint64()
	}
	if r.IntN(2) == 0 {
		c.DS, c.ES, c.FS, c.GS = uint16(r.Uint32()&0x7f), uint16(r.Uint32()&0x7f), uint16(r.Uint32()&0x7f), uint16(r.Uint32())
	}
	if r.IntN(2) == 0 {
		b := m.cpu.SaveFPU(c)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		m.cpu.LoadFPU(c)
	}
	return c
}
