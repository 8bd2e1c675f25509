//go:build guest

package tests

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// soakClasses are stress-ng's classes of stressors that a soak runs in turn.
var soakClasses = []string{"cpu", "memory", "vm", "filesystem", "pipe", "scheduler", "os", "interrupt"}

// expectedLog are the lines of the kernel's log that a soak asks for: processes are killed for want of memory, or by a
// seccomp filter that the fuzzer has made.
var expectedLog = regexp.MustCompile(`out of memory: killed process|out of kernel memory: killed process|seccomp: |^cleave: |^$`)

// TestSoak runs stress-ng, the fuzzer and namespaces that come and go, all at once in too little memory: SOAK_SECONDS
// (20), SOAK_SEED (1). Nothing may be left over, and the kernel may say nothing but whom it killed.
func TestSoak(t *testing.T) {
	seconds, err := strconv.Atoi(cmp.Or(os.Getenv("SOAK_SECONDS"), "20"))
	if err != nil {
		t.Fatal(err)
	}
	seed := cmp.Or(os.Getenv("SOAK_SEED"), "1")
	root := rootWith(t, debian(t, "stress-ng"), map[string]string{"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n"})
	command(t, "cp", filepath.Join(debian(t, "busybox-static"), "bin", "busybox"), filepath.Join(root, "busybox"))
	command(t, "cp", compile(t, "soak/soak.c"), filepath.Join(root, "init"))
	command(t, "cp", compileFuzzer(t), filepath.Join(root, "fuzz"))
	program := append([]string{"/init", strconv.Itoa(seconds), seed}, soakClasses...)
	r := guest{root: root, mem: 192, timeout: time.Duration(seconds)*time.Second + 5*time.Minute}.run(t, program...)
	judge(t, "Cleave", r, false)
	for line := range strings.Lines(r.stderr) {
		if !expectedLog.MatchString(strings.TrimSpace(line)) {
			t.Errorf("the kernel's log: %s", line)
		}
	}
	for line := range strings.Lines(r.stdout) {
		if strings.HasPrefix(line, "#") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

// compileFuzzer builds the fuzzer with the table of system calls as it is.
func compileFuzzer(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	calls, err := exec.Command("go", "run", "cleave/internal/tools/fuzzcalls").Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "calls.h"), calls, 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "fuzz")
	command(t, "gcc", "-m32", "-msse2", "-static", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unused-result", "-D_GNU_SOURCE",
		"-I", dir, "-o", out, "soak/fuzz.c", "soak/args.c")
	return out
}
