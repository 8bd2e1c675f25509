//go:build cleave

package main

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"cleave/boot/x86"
	"cleave/mm/frame"
	"cleave/proc"
)

// The layout of the address space that tests use. What is not named is not mapped.
const (
	codeAddr  = 0x0040_0000 // a page that can be read and executed
	dataAddr  = 0x0080_0000 // two pages that can be written, not executed
	constAddr = 0x0080_2000 // a page that can be read
	holeAddr  = 0x0080_3000 // not mapped
	afterAddr = 0x0080_4000 // a page that can be written
	stackAddr = 0x00c0_0000 // the end of a page

	pageSize   = frame.Size
	directMap  = 0xffff_8000_0000_0000
	pteP       = 1 << 0
	pteW       = 1 << 1
	pteU       = 1 << 2
	pteLarge   = 1 << 7
	pteNX      = 1 << 63
	pteAddress = 0x000f_ffff_ffff_f000
)

// machine is a processor with one address space.
type machine struct {
	calls stopAtCall
	cpu   *x86.CPU
	root  frame.PFN
	code  []byte // what is at codeAddr
	data  []byte // at dataAddr, 2 pages, as the kernel sees them
	ro    []byte
	post  []byte // at afterAddr
	nx    uint64

	seed     uint64 // of the random programs
	programs int    // how many of them
	bochs    bool   // the machine is Bochs, which takes a single-step trap after SYSCALL though SFMASK has TF
}

func flags() uint64
func mxcsr() uint32
func readCR3() uint64
func window()
func tsc() uint64
func peek(addr uintptr) byte
func poke(addr uintptr)
func jump(addr uintptr)
func loseStack()

// physical returns the address of the memory behind a kernel pointer, by walking the kernel's page tables.
func physical(p unsafe.Pointer) uint64 {
	va := uint64(uintptr(p))
	e := readCR3() & pteAddress
	for level := 4; level > 0; level-- {
		shift := 3 + 9*level
		e = *(*uint64)(unsafe.Pointer(uintptr(directMap + e&pteAddress + va>>shift&511*8)))
		if e&pteP == 0 {
			panic("not mapped")
		}
		if e&pteLarge != 0 && level > 1 {
			mask := uint64(1)<<shift - 1
			return e&pteAddress&^mask | va&mask
		}
	}
	return e&pteAddress | va&(pageSize-1)
}

// pages returns n cleared pages, which need not adjoin in physical memory.
func pages(n int) []byte {
	b := make([]byte, (n+1)*pageSize)
	off := -uintptr(unsafe.Pointer(&b[0])) & (pageSize - 1)
	return b[off : off+uintptr(n*pageSize)]
}

func newMachine() *machine {
	m := &machine{cpu: x86.New(), code: pages(1), data: pages(2), ro: pages(1), post: pages(1), seed: 1, programs: 1500}
	if m.cpu.Features.NX {
		m.nx = pteNX
	}
	root := pages(1)
	keep = append(keep, root)
	kernel := unsafe.Slice((*byte)(unsafe.Pointer(uintptr(directMap+m.cpu.KernelRoot().Addr()))), pageSize)
	copy(root[pageSize/2:], kernel[pageSize/2:])
	m.root = frame.PFN(physical(unsafe.Pointer(&root[0])) >> frame.Shift)
	stack := pages(1)
	keep = append(keep, stack)
	m.mapPages(codeAddr, m.code, pteU)
	m.mapPages(dataAddr, m.data, pteU|pteW|m.nx)
	m.mapPages(constAddr, m.ro, pteU|m.nx)
	m.mapPages(afterAddr, m.post, pteU|pteW|m.nx)
	m.mapPages(stackAddr-pageSize, stack, pteU|pteW|m.nx)
	return m
}

// keep holds the pages that only page tables refer to.
var keep [][]byte

// cloneRoot returns another top table with the same mappings.
func (m *machine) cloneRoot() frame.PFN {
	root := pages(1)
	keep = append(keep, root)
	copy(root, unsafe.Slice((*byte)(unsafe.Pointer(uintptr(directMap+m.root.Addr()))), pageSize))
	return frame.PFN(physical(unsafe.Pointer(&root[0])) >> frame.Shift)
}

// mapPages maps memory at a user address.
func (m *machine) mapPages(va uint64, b []byte, bits uint64) {
	for ; len(b) > 0; b, va = b[pageSize:], va+pageSize {
		*m.entry(va) = physical(unsafe.Pointer(&b[0])) | pteP | bits
	}
}

// entry returns the page table entry of a user address.
func (m *machine) entry(va uint64) *uint64 {
	table := m.root.Addr()
	for level := 4; ; level-- {
		e := (*uint64)(unsafe.Pointer(uintptr(directMap + table + va>>(3+9*level)&511*8)))
		if level == 1 {
			return e
		}
		if *e&pteP == 0 {
			t := pages(1)
			keep = append(keep, t)
			*e = physical(unsafe.Pointer(&t[0])) | pteP | pteW | pteU
		}
		table = *e & pteAddress
	}
}

// load puts a program at codeAddr.
func (m *machine) load(program ...[]byte) {
	clear(m.code)
	at := 0
	for _, p := range program {
		at += copy(m.code[at:], p)
	}
}

// task returns a context that starts at codeAddr.
func (m *machine) task() *proc.Context {
	c := new(proc.Context)
	m.cpu.InitFPU(c)
	c.EIP, c.ESP, c.EFLAGS = codeAddr, stackAddr, proc.EFLAGSFixed|proc.EFLAGSIF
	c.CS, c.SS, c.DS, c.ES = proc.UserCS, proc.UserDS, proc.UserDS, proc.UserDS
	c.Root = m.root
	return c
}

// stopAtCall makes Run return after a system call.
type stopAtCall struct {
	c   *proc.Context
	met bool
}

// Syscall implements proc.Syscaller.
func (s *stopAtCall) Syscall(*proc.Task) {
	s.met = true
	s.c.Work.Or(proc.WorkYield)
}

// enter runs a task until a trap or a system call.
func (m *machine) enter(c *proc.Context) proc.Trap {
	m.calls = stopAtCall{c: c}
	t := m.cpu.Run(c, nil, &m.calls)
	if m.calls.met {
		c.Work.And(^uint32(proc.WorkYield))
		return proc.Trap{Vector: c.Vector, Error: c.Error}
	}
	return t
}

// resume runs a task until a trap of its own: interrupts of the runtime's timer do not count.
func (m *machine) resume(c *proc.Context) proc.Trap {
	for {
		t := m.enter(c)
		if t.Vector != timerVector {
			return t
		}
		bareTimerFired()
	}
}

// run runs a new task with the program until its first trap.
func (m *machine) run(program ...[]byte) (*proc.Context, proc.Trap) {
	m.load(program...)
	c := m.task()
	t := m.resume(c)
	return c, t
}

// word reads the i-th word of the data pages.
func (m *machine) word(i int) uint32 { return binary.LittleEndian.Uint32(m.data[4*i:]) }

func (m *machine) setWord(i int, v uint32) { binary.LittleEndian.PutUint32(m.data[4*i:], v) }

// code returns machine code: bytes as ints, and 32-bit operands as uint32.
func code(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch v := p.(type) {
		case int:
			b = append(b, byte(v))
		case uint32:
			b = binary.LittleEndian.AppendUint32(b, v)
		}
	}
	return b
}

// Pieces of programs.
var (
	int80 = code(0xcd, 0x80)
	spin  = code(0xeb, 0xfe) // jmp .
)

// loadEAX is mov eax, [addr], and storeEAX is mov [addr], eax.
func loadEAX(addr uint32) []byte  { return code(0xa1, addr) }
func storeEAX(addr uint32) []byte { return code(0xa3, addr) }

// movEAX is mov eax, v.
func movEAX(v uint32) []byte { return code(0xb8, v) }

// expect describes a difference, or returns nil.
func expect(what string, got, want any) error {
	if got != want {
		if _, ok := got.(string); ok {
			return fmt.Errorf("%s: got %v, want %v", what, got, want)
		}
		return fmt.Errorf("%s: got %#x, want %#x", what, got, want)
	}
	return nil
}

// expectTrap compares a trap and where it happened.
func expectTrap(c *proc.Context, t proc.Trap, vector, errorCode, eip uint32) error {
	if t.Vector != vector || t.Error != errorCode || c.EIP != eip {
		return fmt.Errorf("trap %#x error %#x at %#x (address %#x), want %#x error %#x at %#x", t.Vector, t.Error, c.EIP, t.Addr, vector, errorCode, eip)
	}
	return nil
}
