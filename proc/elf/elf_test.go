package elf

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"

	"cleave/abi"
)

const limit = 0xffffe000

var target = I386(limit)

// segment is a program header of a test file: type, offset, address, size in the file and in memory, flags, alignment.
type segment struct{ typ, offset, addr, filesz, memsz, flags, align uint32 }

// file makes an ELF file of n bytes.
func file(n int, typ uint16, entry uint32, segments ...segment) []byte {
	b := make([]byte, n)
	le := binary.LittleEndian
	copy(b, "\x7fELF\x01\x01\x01")
	le.PutUint16(b[16:], typ)
	le.PutUint16(b[18:], machine386)
	le.PutUint32(b[24:], entry)
	le.PutUint32(b[28:], ehdrSize)
	le.PutUint16(b[42:], phdrSize)
	le.PutUint16(b[44:], uint16(len(segments)))
	for i, s := range segments {
		p := b[ehdrSize+i*phdrSize:]
		for j, w := range [...]uint32{s.typ, s.offset, s.addr, s.addr, s.filesz, s.memsz, s.flags, s.align} {
			le.PutUint32(p[4*j:], w)
		}
	}
	return b
}

func text(addr uint32) segment { return segment{ptLoad, 0, addr, 0x1000, 0x1000, 5, 0x1000} }

func TestParse(t *testing.T) {
	b := file(0x2000, typeExec, 0x8048123,
		segment{ptInterp, 0x800, 0, 8, 8, 4, 1},
		segment{ptLoad, 0x1f00, 0x804af00, 0x100, 0x3000, 6, 0x1000}, // the order stays
		text(0x8048000),
		segment{ptGNUStack, 0, 0, 0, 0, 6, 16},
		segment{ptLoad, 0, 0x9000000, 0, 0, 6, 0x1000}) // empty
	copy(b[0x800:], "/lib/ld\x00")
	img, err := Parse(bytes.NewReader(b), target)
	if err != nil {
		t.Fatal(err)
	}
	if img.Relocatable || img.Entry != 0x8048123 || img.Interp != "/lib/ld" || img.Stack != StackNoExec ||
		img.Low != 0x8048000 || img.High != 0x804e000 || img.Phdr != 0x8048034 || img.Phnum != 5 || img.Align != 0x1000 {
		t.Errorf("image: %+v", img)
	}
	if len(img.Segments) != 2 || img.Segments[0].MemSize != 0x3000 || img.Segments[1].Addr != 0x8048000 {
		t.Errorf("segments: %+v", img.Segments)
	}
}

func TestParseErrors(t *testing.T) {
	good := func() []byte { return file(0x1000, typeExec, 0x8048100, text(0x8048000)) }
	edit := func(at int, v ...byte) []byte {
		b := good()
		copy(b[at:], v)
		return b
	}
	with := func(s ...segment) []byte { return file(0x1000, typeExec, 0x8048100, s...) }
	for name, x := range map[string]struct {
		data []byte
		want error
	}{
		"good":          {good(), nil},
		"486":           {edit(18, machine486), nil},
		"empty":         {nil, abi.ENOEXEC},
		"short":         {good()[:51], abi.ENOEXEC},
		"no magic":      {edit(1, 'F'), abi.ENOEXEC},
		"64 bits":       {edit(4, 2), abi.ENOEXEC},
		"amd64":         {edit(18, 62), abi.ENOEXEC},
		"object":        {edit(16, 1), abi.ENOEXEC},
		"core":          {edit(16, 4), abi.ENOEXEC},
		"no headers":    {edit(44, 0), abi.ENOEXEC},
		"big headers":   {edit(42, 56), abi.ENOEXEC},
		"many headers":  {edit(44, 0xff, 0xff), abi.ENOEXEC},
		"headers off":   {edit(28, 0xf0, 0x0f), abi.ENOEXEC},
		"headers far":   {edit(28, 0xff, 0xff, 0xff, 0xff), abi.ENOEXEC},
		"nothing":       {with(segment{ptGNUStack, 0, 0, 0, 0, 6, 16}), abi.EINVAL},
		"entry high":    {edit(24, 0, 0xf0, 0xff, 0xff), abi.EINVAL},
		"address high":  {with(text(0xfffff000)), abi.EINVAL},
		"reaches limit": {with(text(limit - 0x1000)), nil},
		"over limit":    {with(segment{ptLoad, 0, limit - 0x1000, 0x1000, 0x1001, 5, 0x1000}), abi.EINVAL},
		"wraps":         {with(segment{ptLoad, 0, 0x8048000, 0x1000, 0xffffffff, 5, 0x1000}), abi.EINVAL},
		"file > memory": {with(segment{ptLoad, 0, 0x8048000, 0x1000, 0xfff, 5, 0x1000}), abi.EINVAL},
		"offset wraps":  {with(segment{ptLoad, 0xfffff000, 0x8048000, 0x2000, 0x2000, 5, 0x1000}), abi.EINVAL},
		"misaligned":    {with(segment{ptLoad, 1, 0x8048000, 0x100, 0x100, 5, 0x1000}), abi.EINVAL},
		"overlap":       {with(text(0x8048000), text(0x8048000)), nil},
		"interp short":  {with(text(0x8048000), segment{ptInterp, 0x800, 0, 1, 1, 4, 1}), abi.ENOEXEC},
		"interp long":   {with(text(0x8048000), segment{ptInterp, 0x100, 0, 4097, 4097, 4, 1}), abi.ENOEXEC},
		"interp open":   {with(text(0x8048000), segment{ptInterp, 0, 0, 4, 4, 4, 1}), abi.ENOEXEC},
		"interp off":    {with(text(0x8048000), segment{ptInterp, 0xfff, 0, 9, 9, 4, 1}), abi.EIO},
		"odd alignment": {with(segment{ptLoad, 0, 0x8048000, 0x1000, 0x1000, 5, 3}), nil},
	} {
		if _, err := Parse(bytes.NewReader(x.data), target); err != x.want {
			t.Errorf("%s: %v, want %v", name, err, x.want)
		}
	}
	for name, x := range map[string]struct {
		data []byte
		want error
	}{
		"good": {good(), nil}, "short": {good()[:51], abi.EIO}, "no magic": {edit(1, 'F'), abi.ELIBBAD},
		"object": {edit(16, 1), abi.ELIBBAD}, "headers off": {edit(28, 0xf0, 0x0f), abi.ELIBBAD},
	} {
		if _, err := ParseInterp(bytes.NewReader(x.data), target); err != x.want {
			t.Errorf("interpreter, %s: %v, want %v", name, err, x.want)
		}
	}
}

// What Parse accepts can be mapped without further checks.
func FuzzParse(f *testing.F) {
	f.Add(file(0x1000, typeExec, 0x8048100, text(0x8048000)))
	f.Add(file(0x1000, typeDyn, 0x100, text(0), segment{ptLoad, 0x800, 0x1800, 0x100, 0x2000, 6, 0x10000}, segment{ptInterp, 0xff0, 0, 8, 8, 4, 1}))
	if self, err := os.ReadFile("/proc/self/exe"); err == nil {
		f.Add(self[:4096])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		img, err := Parse(bytes.NewReader(data), target)
		if err != nil {
			if _, ok := err.(abi.Errno); !ok {
				t.Fatalf("error without a number: %v", err)
			}
			return
		}
		for _, s := range img.Segments {
			if s.Addr < img.Low || s.MemSize == 0 || s.FileSize > s.MemSize || (s.Addr-s.Offset)%abi.PageSize != 0 {
				t.Fatalf("segment %+v", s)
			}
			if end := uint64(s.Addr) + uint64(s.MemSize); end > limit || end > uint64(img.High) {
				t.Fatalf("segment %+v ends above %#x", s, img.High)
			}
		}
		if img.Align&(img.Align-1) != 0 || img.Align < abi.PageSize {
			t.Fatalf("alignment %#x", img.Align)
		}
	})
}
