// Link makes a kernel that boots by the PVH protocol out of what the Go linker made: it sets the physical addresses,
// adds the start-up stub, and the note that tells a boot loader where to enter. Symbols and debugging information stay.
//
//	go run ./boot/link -o build/cleave.elf build/kernel
//	go run ./boot/link -listing
package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() {
	out := flag.String("o", "", "write the kernel to this `file`")
	list := flag.Bool("listing", false, "print the start-up stub's instructions")
	flag.Parse()
	if *list {
		fmt.Print(listing())
		return
	}
	if flag.NArg() != 1 || *out == "" {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *out); err != nil {
		fmt.Fprintln(os.Stderr, "link:", err)
		os.Exit(1)
	}
}

func run(in, out string) error {
	image, err := os.ReadFile(in)
	if err != nil {
		return err
	}
	image, err = link(image)
	if err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	return os.WriteFile(out, image, 0o755)
}

const (
	pageSize      = 4096
	headerSize    = 64
	progSize      = 56
	noteEntryType = 18 // XEN_ELFNOTE_PHYS32_ENTRY
)

// link returns the kernel made of the executable image: the image itself, whose header points at program headers that
// follow it, as do the note and the stub.
func link(image []byte) ([]byte, error) {
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return nil, err
	}
	if f.Class != elf.ELFCLASS64 || f.Machine != elf.EM_X86_64 || f.Type != elf.ET_EXEC {
		return nil, errors.New("not an executable for x86-64")
	}
	var progs []elf.Prog64
	for _, p := range f.Progs {
		if p.Type != elf.PT_LOAD {
			continue
		}
		if p.Vaddr < imageBase+stubBase+stubSize || p.Vaddr+p.Memsz < p.Vaddr {
			return nil, fmt.Errorf("segment at %#x: the kernel must be linked above %#x (ldflags -T)",
				p.Vaddr, uint64(imageBase+stubBase+stubSize))
		}
		progs = append(progs, elf.Prog64{Type: uint32(p.Type), Flags: uint32(p.Flags), Off: p.Off, Vaddr: p.Vaddr,
			Paddr: p.Vaddr - imageBase, Filesz: p.Filesz, Memsz: p.Memsz, Align: pageSize})
	}
	if len(progs) == 0 || !executable(progs, f.Entry) {
		return nil, fmt.Errorf("the entry point %#x lies outside the code (ldflags -E)", f.Entry)
	}
	return assemble(image, progs, f.Entry)
}

// executable reports whether the address is in an executable segment.
func executable(progs []elf.Prog64, addr uint64) bool {
	for _, p := range progs {
		if elf.ProgFlag(p.Flags)&elf.PF_X != 0 && p.Vaddr <= addr && addr < p.Vaddr+p.Filesz {
			return true
		}
	}
	return false
}

// assemble appends the stub, the note and the program headers to image and adapts its header.
func assemble(image []byte, progs []elf.Prog64, entry uint64) ([]byte, error) {
	le := binary.LittleEndian
	out := bytes.NewBuffer(image[:len(image):len(image)])
	pad := func(align int) { out.Write(make([]byte, -out.Len()&(align-1))) }

	pad(pageSize)
	text := stub(entry)
	progs = append(progs, elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W | elf.PF_X),
		Off: uint64(out.Len()), Vaddr: stubBase, Paddr: stubBase, Filesz: stubSize, Memsz: stubSize, Align: pageSize})
	out.Write(text)

	note := le.AppendUint32(nil, 4) // length of the name
	note = le.AppendUint32(note, 4) // length of the value
	note = le.AppendUint32(note, noteEntryType)
	note = append(note, "Xen\x00"...)
	note = le.AppendUint32(note, stubBase)
	progs = append(progs, elf.Prog64{Type: uint32(elf.PT_NOTE), Flags: uint32(elf.PF_R), Off: uint64(out.Len()),
		Filesz: uint64(len(note)), Memsz: uint64(len(note)), Align: 4})
	out.Write(note)

	pad(8)
	at := out.Len()
	if err := binary.Write(out, le, progs); err != nil {
		return nil, err
	}
	b := out.Bytes()
	le.PutUint64(b[24:], stubBase)           // e_entry
	le.PutUint64(b[32:], uint64(at))         // e_phoff
	le.PutUint16(b[54:], progSize)           // e_phentsize
	le.PutUint16(b[56:], uint16(len(progs))) // e_phnum
	return b, nil
}
