package proctest

import (
	"encoding/binary"
)

// The memory of the program that each test kernel starts with.
const (
	programBase = 0x08048000
	codeSize    = 0x1000
	// Scratch is memory that the program has for tests, ScratchSize bytes; all zero at first.
	Scratch     = 0x08049000
	ScratchSize = 0x20000
)

// Program is a static ELF program with one page of code, whose only instruction is int $0x80, and scratch memory.
func Program() []byte {
	b := make([]byte, codeSize)
	le := binary.LittleEndian
	copy(b, "\x7fELF\x01\x01\x01")
	le.PutUint16(b[16:], 2) // ET_EXEC
	le.PutUint16(b[18:], 3) // EM_386
	le.PutUint32(b[20:], 1)
	le.PutUint32(b[24:], codeEnd) // entry
	le.PutUint32(b[28:], 52)      // program headers
	le.PutUint16(b[40:], 52)
	le.PutUint16(b[42:], 32)
	le.PutUint16(b[44:], 3)
	phdr := func(i int, words ...uint32) {
		for j, w := range words {
			le.PutUint32(b[52+32*i+4*j:], w)
		}
	}
	phdr(0, 1, 0, programBase, programBase, codeSize, codeSize, 5, 0x1000)
	phdr(1, 1, 0, Scratch, Scratch, 0, ScratchSize, 6, 0x1000)
	phdr(2, 0x6474e551, 0, 0, 0, 0, 0, 6, 16) // PT_GNU_STACK
	b[codeAddr-programBase], b[codeAddr-programBase+1] = 0xcd, 0x80
	return b
}
