//go:build cleave

package main

import (
	"unsafe"

	"golang.org/x/arch/x86/x86asm"

	"cleave/boot/x86"
)

//go:linkname traceback runtime.bareTraceback
func traceback(pc, sp, lo, hi uintptr)

//go:linkname mayAllocate runtime.bareMayAllocate
func mayAllocate() bool

var exceptionNames = [32]string{
	"divide error", "debug", "non-maskable interrupt", "breakpoint", "overflow", "bound range", "invalid opcode",
	"no FPU", "double fault", "", "invalid TSS", "segment not present", "stack fault", "general protection",
	"page fault", "", "FPU error", "alignment check", "machine check", "SIMD error",
}

// reportTrap reports an exception in the kernel, and ends it. What it prints first needs neither memory nor locks.
func reportTrap(t *x86.KernelTrap) {
	name := ""
	if t.Vector < uint64(len(exceptionNames)) {
		name = exceptionNames[t.Vector]
	}
	println("kernel panic: exception", t.Vector, name)
	if t.Nested > 1 {
		println("while an exception was reported")
		die(panicStatus)
	}
	printRegisters(t)
	traceback(uintptr(t.RIP), uintptr(t.RSP), uintptr(t.StackLo), uintptr(t.StackHi))
	if mayAllocate() {
		printInstruction(t)
	}
	die(panicStatus)
}

// panicStatus is the exit status of a kernel that panicked.
const panicStatus = 70

func printRegisters(t *x86.KernelTrap) {
	line := func(n0 string, v0 uint64, n1 string, v1 uint64, n2 string, v2 uint64, n3 string, v3 uint64) {
		printHex(n0, v0)
		printHex(n1, v1)
		printHex(n2, v2)
		printHex(n3, v3)
		println()
	}
	line("rip", t.RIP, " rsp", t.RSP, " flg", t.RFLAGS, " err", t.Error)
	line("rax", t.RAX, " rbx", t.RBX, " rcx", t.RCX, " rdx", t.RDX)
	line("rsi", t.RSI, " rdi", t.RDI, " rbp", t.RBP, " r8 ", t.R8)
	line("r9 ", t.R9, " r10", t.R10, " r11", t.R11, " r12", t.R12)
	line("r13", t.R13, " r14", t.R14, " r15", t.R15, " cr2", t.CR2)
	line("cs ", t.CS, " ss ", t.SS, " cr3", t.CR3, " fsb", t.FSBase)
}

// printHex prints a name and a number of 16 digits.
func printHex(name string, v uint64) {
	var b [16]byte
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = "0123456789abcdef"[v&15]
		v >>= 4
	}
	print(name, " ", unsafe.String(&b[0], len(b)))
}

// maxInstruction is the length of the longest instruction (SDM vol. 2, 2.3.11).
const maxInstruction = 15

// printInstruction prints the instruction that RIP points at, if it is in the kernel's code.
func printInstruction(t *x86.KernelTrap) {
	start, end := textRange()
	if t.RIP < start || t.RIP >= end {
		println("the instruction pointer is outside the kernel's code")
		return
	}
	code := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), t.RIP)), min(maxInstruction, end-t.RIP))
	in, err := x86asm.Decode(code, 64)
	if err != nil {
		println("instruction:", err.Error())
		return
	}
	println("instruction:", x86asm.GoSyntax(in, t.RIP, nil))
}
