package main

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// The start-up stub lies at physical address stubBase, below the kernel. The boot loader enters it at its first byte, in
// 32-bit protected mode without paging, with the physical address of the PVH start info in EBX. It checks the CPU, turns
// on paging and 64-bit mode, and jumps to the kernel's entry point with the start info still in RBX. It is a handful of
// instructions, written out here with their encoding, so that building the kernel needs no assembler but Go's; a test
// disassembles them and compares.
const (
	stubBase    = 0x100000
	stubGDT     = stubBase + 0x200
	stubGDTR    = stubBase + 0x220
	stubMessage = stubBase + 0x240
	stubTables  = stubBase + 0x1000 // PML4, PDPT of the lower and the direct map, PDPT of the image, PD
	stubSize    = 0x5000

	imageBase = 0xffffffff80000000 // the virtual address of physical address 0 in the kernel's image
)

// instruction is an instruction of the stub: what it does in Intel's syntax, as x86asm writes it, and its bytes in hex.
type instruction struct {
	text string
	code string
	note string
}

// code32 runs in 32-bit mode.
var code32 = []instruction{
	{"cli", "fa", ""},
	{"cld", "fc", ""},
	{"mov esi, ebx", "89de", "CPUID overwrites EBX"},
	{"mov eax, 0x80000000", "b800000080", ""},
	{"cpuid", "0fa2", ""},
	{"cmp eax, 0x80000001", "3d01000080", "is there the extended leaf?"},
	{"jb .+0x70", "7270", "bad"},
	{"mov eax, 0x80000001", "b801000080", ""},
	{"cpuid", "0fa2", ""},
	{"mov edi, edx", "89d7", ""},
	{"test edx, 0x20000000", "f7c200000020", "long mode"},
	{"jz .+0x5f", "745f", "bad"},
	{"mov eax, 0x1", "b801000000", ""},
	{"cpuid", "0fa2", ""},
	{"and edx, 0x700a371", "81e271a30007", "FPU TSC MSR PAE CX8 APIC PGE CMOV FXSR SSE SSE2"},
	{"cmp edx, 0x700a371", "81fa71a30007", ""},
	{"jnz .+0x4a", "754a", "bad"},
	{"mov eax, 0x101000", "b800101000", "stubTables"},
	{"mov cr3, eax", "0f22d8", ""},
	{"mov eax, cr4", "0f20e0", ""},
	{"or eax, 0x6a0", "0da0060000", "PAE, PGE, OSFXSR, OSXMMEXCPT"},
	{"mov cr4, eax", "0f22e0", ""},
	{"mov ecx, 0xc0000080", "b9800000c0", "IA32_EFER"},
	{"rdmsr", "0f32", ""},
	{"and edi, 0x100000", "81e700001000", "NX, if the CPU has it:"},
	{"shr edi, 0x9", "c1ef09", "NXE"},
	{"or eax, edi", "09f8", ""},
	{"or eax, 0x101", "0d01010000", "SCE, LME"},
	{"wrmsr", "0f30", ""},
	{"mov eax, cr0", "0f20c0", ""},
	{"and eax, 0x9ffffff3", "25f3ffff9f", "not CD, NW, TS, EM"},
	{"or eax, 0x80010023", "0d23000180", "PG, WP, NE, MP, PE"},
	{"mov cr0, eax", "0f22c0", ""},
	{"lgdt ptr [0x100220]", "0f011520021000", "stubGDTR"},
	{"jmp far 0x1000ab, 0x8", "eaab0010000800", "code64"},
	// bad: write the message to the debug console and the serial port, and end.
	{"mov esi, 0x100240", "be40021000", "stubMessage"},
	{"lodsb byte ptr [esi]", "ac", "next"},
	{"test al, al", "84c0", ""},
	{"jz .+0x18", "7418", "end"},
	{"out 0xe9, al", "e6e9", "QEMU's debug console"},
	{"mov ah, al", "88c4", ""},
	{"mov edx, 0x3fd", "bafd030000", "COM1, line status"},
	{"in al, dx", "ec", ""},
	{"test al, 0x20", "a820", "room for a byte?"},
	{"jz .-0x5", "74fb", ""},
	{"mov al, ah", "88e0", ""},
	{"mov edx, 0x3f8", "baf8030000", "COM1, data"},
	{"out dx, al", "ee", ""},
	{"jmp .-0x1d", "ebe3", "next"},
	{"mov al, 0x46", "b046", "end: status 70"},
	{"out 0xf4, al", "e6f4", "QEMU's exit device"},
	{"hlt", "f4", ""},
	{"jmp .-0x3", "ebfd", "the hlt"},
}

// code64 runs in 64-bit mode. It ends with the kernel's entry point and a jump to it, which stub adds.
var code64 = []instruction{
	{"mov eax, 0x10", "b810000000", "data segment"},
	{"mov ds, ax", "8ed8", ""},
	{"mov es, ax", "8ec0", ""},
	{"mov ss, ax", "8ed0", ""},
	{"xor eax, eax", "31c0", ""},
	{"mov fs, ax", "8ee0", ""},
	{"mov gs, ax", "8ee8", ""},
	{"mov ebx, esi", "89f3", "the start info"},
}

const message = "cleave: this CPU lacks something that the kernel needs: 64-bit mode, APIC, PGE, SSE2\n\x00"

// code returns the bytes of the instructions.
func code(list []instruction) []byte {
	var b []byte
	for _, in := range list {
		bytes, err := hex.DecodeString(in.code)
		if err != nil {
			panic(fmt.Sprintf("%s: %v", in.text, err)) // a typing error in the tables above; every test finds it
		}
		b = append(b, bytes...)
	}
	return b
}

// stub returns the stub for a kernel that is entered at entry.
func stub(entry uint64) []byte {
	b := make([]byte, stubSize)
	le := binary.LittleEndian
	text := append(code(code32), code(code64)...)
	text = append(text, 0x48, 0xb8) // mov rax, entry
	text = le.AppendUint64(text, entry)
	text = append(text, 0xff, 0xe0) // jmp rax
	copy(b, text)

	// Flat segments (SDM vol. 3, 3.4.5): null, code of 64 bits at 8, data at 0x10.
	for i, d := range []uint64{0, 0x00af9b000000ffff, 0x00cf93000000ffff} {
		le.PutUint64(b[stubGDT-stubBase+8*i:], d)
	}
	le.PutUint16(b[stubGDTR-stubBase:], 3*8-1)
	le.PutUint32(b[stubGDTR-stubBase+2:], stubGDT)
	copy(b[stubMessage-stubBase:], message)

	// One page directory maps the first GiB with pages of 2 MiB, and appears at address 0, where the stub runs, in the
	// direct map, and where the image is linked.
	const (
		flags = 3    // present, writable
		large = 0x83 // and large
		pml4  = stubTables
		low   = stubTables + 0x1000
		high  = stubTables + 0x2000
		pd    = stubTables + 0x3000
	)
	put := func(table, index int, entry uint64) { le.PutUint64(b[table-stubBase+8*index:], entry) }
	put(pml4, 0, low|flags)
	put(pml4, 256, low|flags)
	put(pml4, 511, high|flags)
	put(low, 0, pd|flags)
	put(high, 510, pd|flags)
	for i := range 512 {
		put(pd, i, uint64(i)<<21|large)
	}
	return b
}

// listing returns the stub's instructions with their addresses, for people.
func listing() string {
	var s strings.Builder
	addr := stubBase
	for _, in := range append(append([]instruction{}, code32...), code64...) {
		fmt.Fprintf(&s, "%06x  %-16s %-28s %s\n", addr, in.code, in.text, in.note)
		addr += len(in.code) / 2
	}
	return s.String()
}
