//go:build guest

package tests

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// cProgram builds a C program below tests/programs for i386.
func cProgram(t *testing.T, source string) string {
	t.Helper()
	return compile(t, filepath.Join("programs", source))
}

// TestBootMachines boots every machine with little and with much memory.
func TestBootMachines(t *testing.T) {
	prog := cProgram(t, "hello/hello.c")
	for _, machine := range []string{"microvm", "q35", "pc"} {
		for _, mem := range []int{16, 128, 6144} {
			t.Run(fmt.Sprintf("%s-%d", machine, mem), func(t *testing.T) {
				t.Parallel()
				r := guest{mem: mem, args: []string{"-M", machine}}.run(t, prog, "one", "two words")
				if r.stdout != "hello one,two words\n" || r.status != 7 || r.stderr != "" {
					t.Errorf("status %d, %q, %q", r.status, r.stdout, r.stderr)
				}
			})
		}
	}
}

// TestBootProcessors runs a program of the processor's doings on models that lack one thing or another; on those that lack
// what the kernel cannot do without, one line says so.
func TestBootProcessors(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root.cpio")
	if text, err := exec.Command(filepath.Join(repo, "build", "cleave"), "pack", "-o", root, compile(t, "guest/cpu.c")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	const refused = "this CPU lacks something that the kernel needs"
	for model, want := range map[string]string{
		"qemu64": "", "kvm64": "", "Nehalem": "", "Opteron_G1": "", "max,-smep,-smap,-umip": "", "max,-rdrand,-rdseed": "",
		"max,-syscall": "", "max,-sep": "", "max,-syscall,-sep": "", "max,-xsave,-fsgsbase": "", "max,-tsc-deadline,-x2apic": "",
		"max,-nx": "", "max,-sse2": refused, "max,-pge": refused, "qemu32": refused,
	} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			r := execute(t, exec.CommandContext(ctx, "qemu-system-x86_64", "-M", "microvm", "-cpu", model, "-accel", "tcg", "-m", "64",
				"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
				"-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-initrd", root,
				"-kernel", filepath.Join(repo, "build", "cleave.elf"), "-append", "init=/bin/cpu"), "")
			if want != "" {
				if !strings.Contains(r.stdout, want) || strings.Count(r.stdout, "\n") != 1 {
					t.Errorf("%q, want one line that says %q", r.stdout, want)
				}
				return
			}
			cases, err := parseTAP(strings.ReplaceAll(r.stdout, "\r", ""))
			if err != nil {
				t.Fatalf("%v\n%s%s", err, r.stdout, r.stderr)
			}
			for _, c := range cases {
				if !c.ok {
					t.Errorf("%s\n%s", c.name, r.stdout)
				}
			}
		})
	}
}

// TestBootCost holds the start and the way into the kernel and back to their budgets, in instructions.
func TestBootCost(t *testing.T) {
	t.Parallel()
	const bootLimit, nullLimit = 10_000_000, 150
	r := guest{mem: 16, args: []string{"-i"}}.run(t, cProgram(t, "cost/cost.c"))
	var boot, null int
	if _, err := fmt.Sscanf(r.stdout, "boot %d\nnull %d", &boot, &null); err != nil {
		t.Fatalf("%v: status %d, %q, %q", err, r.status, r.stdout, r.stderr)
	}
	t.Logf("power-on to the first process: %d instructions; a null system call: %d", boot, null)
	if boot > bootLimit {
		t.Errorf("power-on to the first process: %d instructions, more than %d", boot, bootLimit)
	}
	if null > nullLimit {
		t.Errorf("a null system call: %d instructions, more than %d", null, nullLimit)
	}
}

// TestBootMountCost counts instructions: a path walk must not be slower with 1 000 mounts than with 10, and a mount in the
// copy of a namespace must not cost more than 700.
func TestBootMountCost(t *testing.T) {
	t.Parallel()
	const copyLimit = 700
	r := guest{args: []string{"-i"}}.run(t, cProgram(t, "mountcost/mountcost.c"))
	var few, many, copied int
	if _, err := fmt.Sscanf(r.stdout, "walk %d %d\ncopy %d", &few, &many, &copied); err != nil {
		t.Fatalf("%v: status %d, %q, %q", err, r.status, r.stdout, r.stderr)
	}
	t.Logf("a walk with 10 mounts: %d instructions, with 1 000: %d; a mount in a copy: %d", few, many, copied)
	if many > few {
		t.Errorf("a walk costs %d instructions with 10 mounts and %d with 1 000", few, many)
	}
	if copied > copyLimit {
		t.Errorf("a mount in a copy costs %d instructions, more than %d", copied, copyLimit)
	}
}

// TestBootBadInput gives the kernel what it cannot use: each time one clear line, and a status.
func TestBootBadInput(t *testing.T) {
	good, err := os.ReadFile(filepath.Join(repo, "build", "root.cpio"))
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string, data []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	junk := append([]byte("070701"), []byte(strings.Repeat("zz", 200))...)
	for _, c := range []struct {
		name   string
		g      guest
		prog   []string
		says   string
		status int
	}{
		{"junk for a root", guest{root: file("junk.gz", []byte("this is no archive"))}, []string{"/bin/sh"}, "root file system", 71},
		{"a cut archive", guest{root: file("cut.gz", good[:len(good)/2])}, []string{"/bin/sh"}, "root file system", 71},
		{"a damaged header", guest{root: file("bad.gz", junk)}, []string{"/bin/sh"}, "root file system", 71},
		{"no such program", guest{kargs: "init=/nothing"}, []string{"/bin/true"}, "/nothing: ENOENT (the file, or the interpreter", 71},
		{"no program", guest{}, []string{"/etc/hostname"}, "/etc/hostname: EACCES (it is not an executable file)", 71},
		{"a program of another machine", guest{root: t.TempDir()}, []string{filepath.Join(repo, "build", "cleave")}, "ENOEXEC (it is neither an i386", 71},
		{"a folder without an init", guest{root: t.TempDir()}, nil, "no init found", 71},
		{"a root that there is not", guest{kargs: "root=/dev/vda"}, []string{"/bin/true"}, "root=/dev/vda", 71},
		{"an unknown system call", guest{kargs: "trace=nosuch"}, []string{"/bin/true"}, "trace=nosuch: no system call", 0},
		{"an unknown argument", guest{kargs: "colour=blue"}, []string{"/bin/true"}, "colour", 0},
		{"a bad value", guest{kargs: "userns=both"}, []string{"/bin/true"}, "userns", 0},
		{"too little memory", guest{mem: 10}, []string{"./programs/hello/hello.c"}, "memory", 71},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.g.timeout = 30 * time.Second
			r := c.g.run(t, c.prog...)
			lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
			if len(lines) != 1 || !strings.Contains(lines[0], c.says) || r.stdout != "" {
				t.Errorf("status %d; standard error:\n%s\nwant one line that names %q; standard output %q", r.status, r.stderr, c.says, r.stdout)
			}
			if r.status != c.status {
				t.Errorf("status %d, want %d", r.status, c.status)
			}
		})
	}
}

// TestBootStatus passes exit statuses, signals, input and output through.
func TestBootStatus(t *testing.T) {
	t.Parallel()
	bin := debian(t, "busybox-static")
	for _, c := range []struct {
		script, in, out string
		status          int
	}{
		{"exit 255", "", "", 255},
		{"kill -TERM $$; kill -KILL $$; exit 3", "", "", 3}, // the first process takes no signal without a handler
		{"cat; echo end", "in\x04\x16\x03\x00\xffput\r\nno newline", "in\x04\x16\x03\x00\xffput\r\nno newlineend\n", 0},
		{"printf 'a\\tb\\r\\n\\377'; echo error >&2", "", "a\tb\r\n\xfferror\n", 0},
		{"$b sleep 1; wc -c", strings.Repeat("x", 100000), "100000\n", 0}, // more than the terminal holds waits outside
	} {
		r := guest{root: bin, stdin: c.in}.run(t, "/bin/busybox", "sh", "-c", "PATH=/bin; export PATH; b=/bin/busybox; cat() { $b cat; }; wc() { $b wc \"$@\"; }; printf() { $b printf \"$@\"; };"+c.script)
		if r.stdout != c.out || r.status != c.status {
			t.Errorf("%q: status %d, %q, %q; want %d, %q", c.script, r.status, r.stdout, r.stderr, c.status, c.out)
		}
	}
	if r := (guest{}).run(t, cProgram(t, "crash/crash.c")); r.status != 128+11 {
		t.Errorf("a crash of the first process: status %d, want 139", r.status)
	}
}

// TestBootPipedShell pipes commands into the default root's shell.
func TestBootPipedShell(t *testing.T) {
	t.Parallel()
	if r := (guest{stdin: "echo the answer is $((6*7))\n"}).run(t); r.stdout != "$ the answer is 42\n$ " || r.status != 0 {
		t.Errorf("status %d, %q, %q", r.status, r.stdout, r.stderr)
	}
}

// TestBootPanic crashes the kernel: the report is on standard error, and the status tells.
func TestBootPanic(t *testing.T) {
	t.Parallel()
	bin := debian(t, "busybox-static")
	r := guest{root: bin}.run(t, "/bin/busybox", "sh", "-c", "echo before; echo c > /proc/sysrq-trigger; echo after")
	if r.stdout != "before\n" || r.status != 70 {
		t.Errorf("status %d, %q", r.status, r.stdout)
	}
	for _, want := range []string{"kernel panic: exception 14 page fault", "\nrip ffffffff8", " cr2 0", "main.(*kernel).sysRq(",
		"boot/proc.go:", "cleave/proc.(*Task).run(", "\ninstruction: "} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("the report lacks %q:\n%s", want, r.stderr)
		}
	}
	r = guest{root: bin, kargs: "panic=reboot"}.run(t, "/bin/busybox", "sh", "-c", "echo c > /proc/sysrq-trigger")
	if r.status != 70 || !strings.Contains(r.stderr, "kernel panic") { // QEMU ends instead of rebooting
		t.Errorf("panic=reboot: status %d, %s", r.status, r.stderr)
	}
}

// TestBootCompressed boots roots that are compressed.
func TestBootCompressed(t *testing.T) {
	t.Parallel()
	plain, err := os.ReadFile(filepath.Join(repo, "build", "root.cpio"))
	if err != nil {
		t.Fatal(err)
	}
	var gz, zst bytes.Buffer
	w := gzip.NewWriter(&gz)
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []io.WriteCloser{w, z} {
		if _, err := c.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range map[string][]byte{"root.cpio.gz": gz.Bytes(), "root.cpio.zst": zst.Bytes()} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if r := (guest{root: path}).run(t, "/bin/sh", "-c", "cat /etc/hostname; exit 4"); r.stdout != "cleave\n" || r.status != 4 {
			t.Errorf("%s: status %d, %q, %q", name, r.status, r.stdout, r.stderr)
		}
	}
}

// TestBootTrace shows system calls on standard error.
func TestBootTrace(t *testing.T) {
	t.Parallel()
	r := guest{args: []string{"-t"}}.run(t, cProgram(t, "hello/hello.c"), "x")
	for _, want := range []string{`write(1, "hello x\n", 8) = 8`, "exit_group(7)"} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("the trace lacks %q:\n%s", want, r.stderr)
		}
	}
	if r.stdout != "hello x\n" {
		t.Errorf("standard output %q", r.stdout)
	}
}

// TestBootDebugger attaches gdb with the repository's script and stops in the kernel.
func TestBootDebugger(t *testing.T) {
	kernel := exec.Command(filepath.Join("build", "cleave"), "run", "-g", "-T", "60", "--", "/bin/true")
	kernel.Dir = repo
	if err := kernel.Start(); err != nil {
		t.Fatal(err)
	}
	defer kernel.Wait()
	defer kernel.Process.Signal(os.Interrupt)
	gdb := exec.Command("gdb", "-q", "-batch", "-x", "boot/cleave.gdb", "-ex", "break main.main", "-ex", "continue", "-ex", "bt", "-ex", "kill")
	gdb.Dir = repo
	text, err := gdb.CombinedOutput()
	if err != nil || !strings.Contains(string(text), "main.main") || !strings.Contains(string(text), "boot/main.go") {
		t.Errorf("gdb: %v\n%s", err, text)
	}
}
