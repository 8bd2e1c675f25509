package x86

import (
	"bytes"
	"fmt"
	"testing"
	"unsafe"

	"cleave/proc"
)

// What needs ring 0 is tested by boot/x86/selftest in the guest; here are the parts that run anywhere.

func TestUserDescriptor(t *testing.T) {
	for _, test := range []struct {
		name      string
		got, want uint64
	}{
		{"unused", 0, 0},
		{"not present", 0x00cf_72ff_ffff_ffff, 0},
		{"data of ring 3", 0x00cf_f200_0000_ffff, 0x00cf_f300_0000_ffff},
		{"data of ring 0", 0x00cf_9200_0000_ffff, 0x00cf_f300_0000_ffff},
		{"64-bit code", 0x00af_fa00_0000_ffff, 0x008f_fb00_0000_ffff},
		{"a call gate", 0x0000_ec00_0010_0000, 0x0000_fd00_0010_0000},
		{"a TSS", 0x0000_8900_0000_0067, 0x0000_f900_0000_0067},
	} {
		if got := userDescriptor(test.got); got != test.want {
			t.Errorf("%s: %#x, want %#x", test.name, got, test.want)
		}
	}
}

func TestSelector(t *testing.T) {
	c := new(CPU)
	c.gdt[12] = userDescriptor(0x00cf_f200_0000_ffff) // data
	c.gdt[13] = userDescriptor(0x00cf_f800_0000_ffff) // code that cannot be read
	valid := map[uint16]bool{}
	for _, s := range []uint16{0, 1, 2, 3, 0x20, 0x21, 0x22, 0x23, 0x28, 0x29, 0x2a, 0x2b, 0x60, 0x61, 0x62, 0x63} {
		valid[s] = true
	}
	for s := range 1 << 16 {
		want := uint16(0)
		if valid[uint16(s)] {
			want = uint16(s)
		}
		if got := c.selector(uint16(s)); got != want {
			t.Errorf("selector %#x becomes %#x, want %#x", s, got, want)
		}
	}
}

func TestTables(t *testing.T) {
	c := new(CPU)
	c.buildTables()
	for v, gate := range idt {
		h := gate[0]&0xffff | gate[0]>>48<<16 | gate[1]<<32
		if gate[0]>>16&0xffff != kernelCS || gate[0]>>40&0x9f != 0x8e || gate[1]>>32 != 0 || h == 0 {
			t.Errorf("gate %d: %#x %#x", v, gate[0], gate[1])
		}
		dpl3 := v == proc.VectorBreakpoint || v == proc.VectorOverflow || v == proc.VectorSyscall
		if gate[0]>>45&3 == 3 != dpl3 {
			t.Errorf("gate %d has DPL %d", v, gate[0]>>45&3)
		}
	}
	// A stub ends in a jump (E9) within its 16 bytes, after a push of its vector (68), after a push of 0 (6A) if the
	// processor pushes no error code.
	withCode := map[int]bool{8: true, 10: true, 11: true, 12: true, 13: true, 14: true, 17: true, 21: true, 29: true, 30: true}
	for v := range 256 {
		stub := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), entryPoints().stubs+uintptr(v*stubSize))), stubSize)
		want := []byte{0x6a, 0, 0x68, byte(v), 0, 0, 0, 0xe9}
		if withCode[v] {
			want = want[2:]
		}
		if !bytes.HasPrefix(stub, want) {
			t.Errorf("stub %d: % x", v, stub)
		}
	}
	if limit := c.tss[tssIOMap] >> 16; limit < tssWords*4 {
		t.Errorf("the I/O map of the TSS lies inside its limit: %d", limit)
	}
}

func TestUserAccessOrder(t *testing.T) {
	if begin, first, last, end := userAccessRange(); !(begin < first && first < last && last < end) {
		t.Errorf("addresses %#x %#x %#x %#x", begin, first, last, end)
	}
}

// TestCopies runs the copy routines on the kernel's own memory, where they do not fault, with all lengths up to where
// their ways of copying repeat.
func TestCopies(t *testing.T) {
	src, dst := make([]byte, 1400), make([]byte, 1400)
	for i := range src {
		src[i] = byte(i*7+i>>8) | 1
	}
	for n := range 1300 {
		for _, off := range []int{0, 1, 15} {
			user := src[off : off+n : off+n]
			clear(dst)
			if done := copyIn(unsafe.Pointer(&dst[off]), uintptr(unsafe.Pointer(unsafe.SliceData(user))), n); done != n {
				t.Fatalf("copyIn of %d: %d", n, done)
			}
			check(t, fmt.Sprint("copyIn of ", n), dst, off, user)
			clear(dst)
			if done := copyOut(uintptr(unsafe.Pointer(&dst[off])), unsafe.Pointer(unsafe.SliceData(user)), n); done != n {
				t.Fatalf("copyOut of %d: %d", n, done)
			}
			check(t, fmt.Sprint("copyOut of ", n), dst, off, user)
			for i := range dst {
				dst[i] = 0xff
			}
			if done := zeroOut(uintptr(unsafe.Pointer(&dst[off])), n); done != n {
				t.Fatalf("zeroOut of %d: %d", n, done)
			}
			if bytes.Count(dst[off:off+n], []byte{0}) != n || bytes.Count(dst, []byte{0}) != n {
				t.Fatalf("zeroOut of %d at %d clears other bytes", n, off)
			}
		}
	}
}

// check compares the bytes of b that were written, and that no others were.
func check(t *testing.T, what string, b []byte, off int, want []byte) {
	t.Helper()
	if !bytes.Equal(b[off:off+len(want)], want) || bytes.Count(b, []byte{0}) != len(b)-len(want) {
		t.Fatalf("%s at %d: wrong bytes", what, off)
	}
}

func TestWords(t *testing.T) {
	w := uint32(5)
	addr := uintptr(unsafe.Pointer(&w))
	if v, ok := load32(addr); v != 5 || !ok {
		t.Errorf("load: %d %v", v, ok)
	}
	if seen, ok := cas32(addr, 4, 9); seen != 5 || !ok || w != 5 {
		t.Errorf("compare: %d %v, now %d", seen, ok, w)
	}
	if seen, ok := cas32(addr, 5, 9); seen != 5 || !ok || w != 9 {
		t.Errorf("swap: %d %v, now %d", seen, ok, w)
	}
	if ok := store32(addr, 7); !ok || w != 7 {
		t.Errorf("store: %v, now %d", ok, w)
	}
}

func TestDetect(t *testing.T) {
	f := detect()
	if len(f.Vendor) != 12 || f.AVX && !f.XSAVE || f.XSAVEOPT && !f.XSAVE {
		t.Errorf("%+v", f)
	}
}

// newContext returns a context on the heap: on the stack it need not be aligned.
//
//go:noinline
func newContext() *proc.Context { return new(proc.Context) }

// TestImage changes the extended state of a context that no processor holds.
func TestImage(t *testing.T) {
	c := new(CPU)
	ctx := newContext()
	c.InitFPU(ctx)
	b := c.SaveFPU(ctx)
	if b[fxFCW] != 0x7f || b[fxFCW+1] != 3 || b[fxMXCSR] != 0x80 || b[fxMXCSR+1] != 0x1f {
		t.Fatalf("initial image % x", b[:32])
	}
	for i := range b {
		b[i] = 0xff
	}
	c.LoadFPU(ctx)
	if ctx.MXCSR != mxcsrMask || ctx.XMM[7][15] != 0xff {
		t.Errorf("MXCSR %#x, XMM7 % x", ctx.MXCSR, ctx.XMM[7])
	}
	other := newContext()
	c.InitFPU(other)
	c.CopyFPU(other, ctx)
	if other.XMM != ctx.XMM || other.MXCSR != ctx.MXCSR || !bytes.Equal(image(other)[:fxXMM], image(ctx)[:fxXMM]) {
		t.Error("the copy differs")
	}
}

func BenchmarkCopy(b *testing.B) {
	for _, n := range []int{1, 8, 16, 64, 512, 4096} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			src, dst := make([]byte, n), make([]byte, n)
			b.ReportAllocs()
			b.SetBytes(int64(n))
			for b.Loop() {
				copyIn(unsafe.Pointer(&dst[0]), uintptr(unsafe.Pointer(&src[0])), n)
			}
		})
	}
}
