//go:build guest

package tests

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestProgramStrace runs Debian's strace on bash and coreutils: it follows processes, counts, makes calls fail, attaches.
func TestProgramStrace(t *testing.T) {
	t.Parallel()
	root := rootWith(t, debian(t, "bash", "coreutils", "grep", "sed", "strace"), map[string]string{"t.sh": script(t, "strace.sh")})
	sameAsLinux(t, root, "/bin/bash", "/t.sh")
}

// debugged compiles the program that debuggers are tried on into a root folder, with its source.
func debugged(t *testing.T, root string) {
	t.Helper()
	command(t, "gcc", "-m32", "-g", "-O0", "-no-pie", "-Wl,-z,lazy", "-pthread", "-o", filepath.Join(root, "debugged"), "programs/debugged/debugged.c")
	command(t, "cp", "programs/debugged/debugged.c", root)
}

// TestProgramGdb runs Debian's gdb on a program of two threads: breakpoints, watched words, steps, stacks, calls, threads,
// signals, events, attaching.
func TestProgramGdb(t *testing.T) {
	t.Parallel()
	root := rootWith(t, debian(t, "bash", "coreutils", "gdb-minimal", "grep", "sed"), map[string]string{"t.sh": script(t, "gdb.sh")})
	debugged(t, root)
	sameAsLinux(t, root, "/bin/bash", "/t.sh")
}

// TestProgramGdbFloats has gdb change floating point and vector registers. Its buffer is too small for the state of the
// newest processors, so that on such a host it could not.
func TestProgramGdbFloats(t *testing.T) {
	t.Parallel()
	root := rootWith(t, debian(t, "bash", "coreutils", "gdb-minimal", "grep", "sed"), nil)
	debugged(t, root)
	args := []string{"/usr/bin/gdb", "-nx", "-batch"}
	for _, line := range []string{"break change", "run", "print scaled(&origin, 4.0)", "print origin.weight", "set var $st0 = 1.5", "print $st0",
		"set var $xmm1.v4_int32[2] = 5", "print $xmm1.v4_int32", "set var $mxcsr = 0x1f80", "print $mxcsr"} {
		args = append(args, "-ex", line)
	}
	r := guest{root: root, mem: 256}.run(t, append(append([]string{"/bin/bash", "-c", `SHELL=/bin/bash exec "$@"`, "bash"}, args...), "/debugged")...)
	for _, want := range []string{"\n$1 = 10\n", "\n$2 = 10\n", "\n$3 = 1.5\n", "\n$4 = {0, 0, 5, 0}\n", "\n$5 = [ IM DM ZM OM UM PM ]\n"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("output lacks %q", want)
		}
	}
	if r.status != 0 || t.Failed() {
		t.Errorf("status %d\n%s\n%s", r.status, r.stdout, r.stderr)
	}
}

// TestProgramLtrace runs Debian's ltrace, whose breakpoints are in the procedure linkage table.
func TestProgramLtrace(t *testing.T) {
	t.Parallel()
	root := rootWith(t, debian(t, "bash", "coreutils", "grep", "ltrace", "sed"), map[string]string{"t.sh": script(t, "ltrace.sh")})
	debugged(t, root)
	sameAsLinux(t, root, "/bin/bash", "/t.sh")
}
