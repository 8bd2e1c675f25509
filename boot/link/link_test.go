package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/arch/x86/x86asm"
)

// TestStubText compares what the stub's tables say with what the instructions are.
func TestStubText(t *testing.T) {
	for mode, list := range map[int][]instruction{32: code32, 64: code64} {
		for _, in := range list {
			b := code([]instruction{in})
			d, err := x86asm.Decode(b, mode)
			if err != nil || d.Len != len(b) {
				t.Errorf("%s: %x: %v, %d bytes", in.text, b, err, d.Len)
				continue
			}
			if got := x86asm.IntelSyntax(d, 0, nil); got != in.text {
				t.Errorf("%x is %q, not %q", b, got, in.text)
			}
		}
	}
}

// target returns where the jump in the list leads to whose text begins with prefix, the n-th of its kind, as an offset.
func target(t *testing.T, list []instruction, text string) int {
	t.Helper()
	at := 0
	for _, in := range list {
		at += len(in.code) / 2
		if in.text == text {
			b := code([]instruction{in})
			return at + int(int8(b[len(b)-1]))
		}
	}
	t.Fatalf("no %s", text)
	return 0
}

// offset returns where the instruction is.
func offset(t *testing.T, list []instruction, text string) int {
	t.Helper()
	at := 0
	for _, in := range list {
		if in.text == text {
			return at
		}
		at += len(in.code) / 2
	}
	t.Fatalf("no %s", text)
	return 0
}

func TestStubJumps(t *testing.T) {
	bad := offset(t, code32, "mov esi, 0x100240")
	for _, jump := range []string{"jb .+0x70", "jz .+0x5f", "jnz .+0x4a"} {
		if got := target(t, code32, jump); got != bad {
			t.Errorf("%s leads to %#x, want %#x", jump, got, bad)
		}
	}
	for jump, to := range map[string]string{"jz .+0x18": "mov al, 0x46", "jz .-0x5": "in al, dx", "jmp .-0x3": "hlt",
		"jmp .-0x1d": "lodsb byte ptr [esi]"} {
		if got, want := target(t, code32, jump), offset(t, code32, to); got != want {
			t.Errorf("%s leads to %#x, want %#x, %s", jump, got, want, to)
		}
	}
	far := len(code(code32)) + stubBase
	if b := code([]instruction{{code: "eaab0010000800"}}); int(binary.LittleEndian.Uint32(b[1:])) != far {
		t.Errorf("the far jump misses the code of 64 bits at %#x", far)
	}
}

func TestStubLayout(t *testing.T) {
	const entry = 0xffffffff80234567
	b := stub(entry)
	if n := len(code(code32)) + len(code(code64)) + 12; n > stubGDT-stubBase {
		t.Errorf("the code has %d bytes", n)
	}
	if !bytes.Contains(b, binary.LittleEndian.AppendUint64(nil, entry)) {
		t.Error("no entry point")
	}
	if len(message) > stubTables-stubMessage {
		t.Errorf("the message has %d bytes", len(message))
	}
	walk := func(va uint64) uint64 {
		table := uint64(stubTables)
		for _, shift := range []uint{39, 30, 21} {
			e := binary.LittleEndian.Uint64(b[table-stubBase+va>>shift&511*8:])
			if e&1 == 0 {
				return 1
			}
			if e&0x80 != 0 {
				return e&^0x1fffff | va&0x1fffff
			}
			table = e &^ 0xfff
		}
		return 2
	}
	for _, pa := range []uint64{0, stubBase, 0x200000, 1<<30 - 1} {
		for _, base := range []uint64{0, 0xffff800000000000, imageBase} {
			if got := walk(base + pa); got != pa {
				t.Errorf("%#x is mapped to %#x, want %#x", base+pa, got, pa)
			}
		}
	}
	if got := walk(1 << 30); got > 2 {
		t.Error("the second GiB is mapped")
	}
}

func TestListing(t *testing.T) {
	if s := listing(); strings.Count(s, "\n") != len(code32)+len(code64) || !strings.HasPrefix(s, "100000  fa ") {
		t.Errorf("listing:\n%s", s)
	}
}

// buildProgram builds a program with the linker's flags of the kernel, but for the overlay, and returns its image.
func buildProgram(t *testing.T, flags string) []byte {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.go"), []byte("package main\nfunc main() {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-ldflags", flags, "-o", "x", "x.go")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "x"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLink(t *testing.T) {
	image := buildProgram(t, "-T -2145386496")
	before, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	out, err := link(image)
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.NewFile(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	if f.Entry != stubBase {
		t.Errorf("entry point %#x, want the stub at %#x", f.Entry, stubBase)
	}
	var loads, notes int
	for _, p := range f.Progs {
		switch p.Type {
		case elf.PT_LOAD:
			loads++
			if p.Vaddr == stubBase {
				data := make([]byte, p.Filesz)
				if _, err := p.ReadAt(data, 0); err != nil || !bytes.Equal(data, stub(before.Entry)) || p.Paddr != stubBase {
					t.Errorf("the stub's segment at %#x: %v", p.Paddr, err)
				}
			} else if p.Paddr != p.Vaddr-imageBase || p.Paddr+p.Memsz > 1<<30 {
				t.Errorf("segment %#x at %#x", p.Vaddr, p.Paddr)
			}
		case elf.PT_NOTE:
			notes++
			data := make([]byte, p.Filesz)
			_, err := p.ReadAt(data, 0)
			want := []byte("\x04\x00\x00\x00\x04\x00\x00\x00\x12\x00\x00\x00Xen\x00\x00\x00\x10\x00")
			if err != nil || !bytes.Equal(data, want) {
				t.Errorf("note %x, want %x; %v", data, want, err)
			}
		}
	}
	if loads != 4 || notes != 1 {
		t.Errorf("%d segments and %d notes, want 4 and 1", loads, notes)
	}
	if s, err := f.Symbols(); err != nil || len(s) == 0 {
		t.Errorf("%d symbols, %v", len(s), err)
	}
}

func TestLinkBad(t *testing.T) {
	low := buildProgram(t, "")
	moved := bytes.Clone(buildProgram(t, "-T -2145386496"))
	binary.LittleEndian.PutUint64(moved[24:], 0)
	object := bytes.Clone(low)
	object[16] = byte(elf.ET_REL)
	for name, c := range map[string]struct {
		image []byte
		want  string
	}{
		"nothing":        {nil, "EOF"},
		"no ELF":         {make([]byte, 1000), "bad magic"},
		"linked low":     {low, "must be linked above"},
		"no entry point": {moved, "entry point"},
		"no executable":  {object, "not an executable"},
	} {
		if _, err := link(c.image); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
