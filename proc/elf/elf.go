// Package elf reads the headers of ELF programs (elf(5)) and says what to map where. It is pure: it reads a file and
// touches nothing. A malformed file gives the error number that Linux gives.
package elf

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"cleave/abi"
)

// Target says which programs can run.
type Target struct {
	Class    byte     // of e_ident
	Machines []uint16 // values of e_machine
	Limit    uint32   // the first address that a program cannot have
}

// I386 is the target of 32-bit x86 programs, whose addresses end below limit. Like Linux it takes the 486's number too.
func I386(limit uint32) Target {
	return Target{Class: class32, Machines: []uint16{machine386, machine486}, Limit: limit}
}

// Flags of a segment.
const (
	FlagExec  = 1
	FlagWrite = 2
	FlagRead  = 4
)

// Segment is one PT_LOAD entry. Addr and Offset are equal modulo the page size.
type Segment struct {
	Addr     uint32 // before the load bias
	MemSize  uint32 // bytes, not 0; Addr+MemSize does not wrap
	Offset   uint32 // in the file
	FileSize uint32 // bytes, at most MemSize; the rest is zero
	Flags    uint32
}

// End is the first address after the segment.
func (s *Segment) End() uint32 { return s.Addr + s.MemSize }

// Stack says what PT_GNU_STACK wants.
type Stack uint8

// An image without the entry has an executable stack, and what is readable is executable as well (READ_IMPLIES_EXEC).
const (
	StackDefault Stack = iota // no PT_GNU_STACK
	StackNoExec
	StackExec
)

// Image is a program or an interpreter, ready to be mapped.
type Image struct {
	Relocatable bool      // ET_DYN: all addresses are relative to a load bias
	Entry       uint32    // first instruction
	Segments    []Segment // in the order of the file; they may overlap, and a later one covers an earlier one
	Low, High   uint32    // page-aligned bounds of all segments
	Align       uint32    // greatest alignment of a segment, a power of two of at least a page
	Interp      string    // path of the interpreter, "" if there is none
	Phdr        uint32    // address of the program headers in memory, 0 if no segment has them
	Phnum       int
	Phentsize   int
	Stack       Stack
}

const (
	class32    = 1
	machine386 = 3
	machine486 = 6

	ehdrSize      = 52
	phdrSize      = 32
	maxPhdrsBytes = 65536 // Linux's bound on the whole table
	pageMask      = abi.PageSize - 1

	typeExec = 2
	typeDyn  = 3

	ptLoad     = 1
	ptInterp   = 3
	ptGNUStack = 0x6474e551
)

type phdr struct {
	typ, offset, vaddr, filesz, memsz, flags, align uint32
}

// IsELF reports whether a file that begins with head is ELF.
func IsELF(head []byte) bool {
	return len(head) >= 4 && head[0] == 0x7f && head[1] == 'E' && head[2] == 'L' && head[3] == 'F'
}

// Parse reads a program. Errors: ENOEXEC (no ELF, another machine or type, bad program headers), EINVAL (absurd
// segments or entry point), EIO (the interpreter's path is cut off).
func Parse(r io.ReaderAt, t Target) (*Image, error) {
	img, phdrs, err := headers(r, t, abi.ENOEXEC)
	if err != nil {
		return nil, err
	}
	interp := false
	for i := range phdrs {
		switch p := &phdrs[i]; {
		case p.typ == ptInterp && !interp:
			interp = true
			if img.Interp, err = interpPath(r, p); err != nil {
				return nil, err
			}
		case p.typ == ptGNUStack && p.flags&FlagExec != 0:
			img.Stack = StackExec
		case p.typ == ptGNUStack:
			img.Stack = StackNoExec
		}
	}
	if err := img.layout(phdrs, t); err != nil {
		return nil, err
	}
	return img, nil
}

// ParseInterp reads an interpreter, such as ld-linux.so.2; its own PT_INTERP and PT_GNU_STACK do not count. Errors:
// EIO (too short), ELIBBAD (not a usable ELF file), EINVAL as Parse.
func ParseInterp(r io.ReaderAt, t Target) (*Image, error) {
	img, phdrs, err := headers(r, t, abi.ELIBBAD)
	if err != nil {
		return nil, err
	}
	if err := img.layout(phdrs, t); err != nil {
		return nil, err
	}
	return img, nil
}

// headers reads the ELF header and the program headers. bad is the error for what is no program for this machine.
func headers(r io.ReaderAt, t Target, bad abi.Errno) (*Image, []phdr, error) {
	var h [ehdrSize]byte
	if err := readFull(r, h[:], 0); err != nil {
		if err == abi.EIO {
			// Linux reads a program's head into a zeroed buffer, where a short one is just no ELF file.
			if bad == abi.ENOEXEC {
				err = bad
			}
		}
		return nil, nil, err
	}
	le := binary.LittleEndian
	typ, machine := le.Uint16(h[16:]), le.Uint16(h[18:])
	if !IsELF(h[:]) || h[4] != t.Class || typ != typeExec && typ != typeDyn || !slices.Contains(t.Machines, machine) {
		return nil, nil, bad
	}
	img := &Image{
		Relocatable: typ == typeDyn,
		Entry:       le.Uint32(h[24:]),
		Phnum:       int(le.Uint16(h[44:])),
		Phentsize:   int(le.Uint16(h[42:])),
	}
	phoff := le.Uint32(h[28:])
	size := img.Phnum * phdrSize
	if img.Phentsize != phdrSize || size == 0 || size > maxPhdrsBytes {
		return nil, nil, bad
	}
	raw := make([]byte, size)
	if err := readFull(r, raw, int64(phoff)); err != nil {
		return nil, nil, bad
	}
	phdrs := make([]phdr, img.Phnum)
	for i := range phdrs {
		b := raw[i*phdrSize:]
		phdrs[i] = phdr{
			typ: le.Uint32(b), offset: le.Uint32(b[4:]), vaddr: le.Uint32(b[8:]), filesz: le.Uint32(b[16:]),
			memsz: le.Uint32(b[20:]), flags: le.Uint32(b[24:]), align: le.Uint32(b[28:]),
		}
	}
	img.findPhdr(phdrs, phoff)
	return img, phdrs, nil
}

// findPhdr finds where the program headers are in memory: in the segment that has their file offset.
func (img *Image) findPhdr(phdrs []phdr, phoff uint32) {
	for i := range phdrs {
		p := &phdrs[i]
		if p.typ == ptLoad && p.offset <= phoff && phoff-p.offset < p.filesz {
			img.Phdr = phoff - p.offset + p.vaddr
			return
		}
	}
}

func interpPath(r io.ReaderAt, p *phdr) (string, error) {
	if p.filesz < 2 || p.filesz > abi.PathMax {
		return "", abi.ENOEXEC
	}
	path := make([]byte, p.filesz)
	if err := readFull(r, path, int64(p.offset)); err != nil {
		return "", err
	}
	if path[len(path)-1] != 0 {
		return "", abi.ENOEXEC
	}
	return string(path[:slices.Index(path, 0)]), nil
}

// layout checks the segments and sets what depends on them.
//
// DIVERGES: Linux finds bad segments while it maps them, when the old program is gone, and kills the task. Here execve
// fails with the error that stopped the mapping.
func (img *Image) layout(phdrs []phdr, t Target) error {
	img.Align = abi.PageSize
	for i := range phdrs {
		p := &phdrs[i]
		if p.typ != ptLoad {
			continue
		}
		if p.align > img.Align && p.align&(p.align-1) == 0 {
			img.Align = p.align
		}
		if p.memsz == 0 && p.filesz == 0 {
			continue
		}
		if p.filesz > p.memsz || p.memsz > t.Limit || p.vaddr > t.Limit-p.memsz {
			return abi.EINVAL
		}
		if (p.vaddr-p.offset)&pageMask != 0 || p.filesz > ^uint32(0)-p.offset {
			return abi.EINVAL
		}
		img.Segments = append(img.Segments, Segment{
			Addr: p.vaddr, MemSize: p.memsz, Offset: p.offset, FileSize: p.filesz, Flags: p.flags & 7,
		})
	}
	if len(img.Segments) == 0 {
		return abi.EINVAL
	}
	low, high := t.Limit, uint32(0)
	for i := range img.Segments {
		low = min(low, img.Segments[i].Addr)
		high = max(high, img.Segments[i].End())
	}
	img.Low = low &^ pageMask
	img.High = (high + pageMask) &^ pageMask
	if !img.Relocatable && img.Entry >= t.Limit {
		return abi.EINVAL
	}
	return nil
}

// readFull reads all of p at off. A file that ends before is EIO.
func readFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return abi.EIO
	}
	return err
}
