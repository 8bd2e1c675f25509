package linux386

import (
	"bytes"
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVDSO maps the image into an i386 program on the host, below a data page that the program fills, and calls every
// function. The host's Linux returns from SYSENTER and SYSCALL to a landing of the same shape.
func TestVDSO(t *testing.T) {
	src, err := os.ReadFile("testdata/vdso.c")
	if err != nil {
		t.Fatal(err)
	}
	bin := buildC(t, "vdso", string(src))
	fast := map[string]FastCall{"int80": FastNone}
	cpu, _ := os.ReadFile("/proc/cpuinfo")
	switch {
	case bytes.Contains(cpu, []byte("GenuineIntel")):
		fast["sysenter"] = FastSysenter
	case bytes.Contains(cpu, []byte("AuthenticAMD")):
		fast["syscall"] = FastSyscall
	}
	for name, f := range fast {
		t.Run(name, func(t *testing.T) {
			v := newVDSO(f)
			image := filepath.Join(t.TempDir(), "image")
			if err := os.WriteFile(image, append(make([]byte, pageSize), v.page[:]...), 0o644); err != nil {
				t.Fatal(err)
			}
			args := []string{image}
			if f != FastNone {
				args = append(args, "fast")
			}
			if out := runProgram(t, bin, args...); out != "ok\n" {
				t.Error(out)
			}
		})
	}
}

func TestVDSOFile(t *testing.T) {
	v := newVDSO(FastSysenter)
	f, err := elf.NewFile(bytes.NewReader(v.page[:]))
	if err != nil {
		t.Fatal(err)
	}
	syms, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range syms {
		got = append(got, s.Name+"@"+s.Version)
	}
	want := "__kernel_vsyscall@LINUX_2.5 __kernel_sigreturn@LINUX_2.5 __kernel_rt_sigreturn@LINUX_2.5 __vdso_clock_gettime@LINUX_2.6 " +
		"__vdso_clock_gettime64@LINUX_2.6 __vdso_gettimeofday@LINUX_2.6 __vdso_time@LINUX_2.6 __vdso_clock_getres@LINUX_2.6"
	if strings.Join(got, " ") != want {
		t.Errorf("symbols %q", got)
	}
	// What debuggers and libgcc take for signal frames.
	if !bytes.HasPrefix(v.page[v.sigreturn:], []byte("\x58\xb8\x77\x00\x00\x00\xcd\x80")) {
		t.Error("__kernel_sigreturn")
	}
	if !bytes.HasPrefix(v.page[v.rtReturn:], []byte("\xb8\xad\x00\x00\x00\xcd\x80")) {
		t.Error("__kernel_rt_sigreturn")
	}
}

func TestScaleFor(t *testing.T) {
	for _, hz := range []uint64{0, 32768, 1e6, 3579545, 5e8, 1e9, 2_904_000_000, 6e9, 1 << 40} {
		mult, shift := ScaleFor(hz)
		if hz == 0 {
			if mult != 0 {
				t.Errorf("%d Hz: %d", hz, mult)
			}
			continue
		}
		s := TimeSource{Mult: mult, Shift: shift, TSC: 5}
		got, want := s.MonotonicAt(5+hz*1000), int64(1e12)
		if d := got - want; d > 0 || d < -want/1e5 {
			t.Errorf("%d Hz: 1000 s are %d ns", hz, got)
		}
	}
}

func TestTimePage(t *testing.T) {
	var p timePage
	p.set(TimeSource{Mult: 7, Shift: 3, TSC: 9, Monotonic: 2_000_000_005, Realtime: 1_700_000_000_000_000_001})
	if p.Base[1] != (timeBase{Sec: 2, Ns: 5}) || p.Base[0] != (timeBase{Sec: 1_700_000_000, Ns: 1}) || p.Valid != vdsoClocks {
		t.Errorf("%+v", p)
	}
	if n := len(p.bytes()); n != 24+16*numClocks {
		t.Errorf("%d bytes", n)
	}
}
