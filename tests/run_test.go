//go:build guest

package tests

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// repo is the top of the repository, from this package's folder.
const repo = ".."

// result is what a program did.
type result struct {
	stdout, stderr string
	status         int // -1: killed at the time limit
}

// guest describes one boot.
type guest struct {
	root    string        // folder or archive; empty: the default root
	mem     int           // MiB; 0: 128
	args    []string      // more options of ./qemu.sh
	kargs   string        // kernel arguments
	stdin   string        // what the program reads
	timeout time.Duration // 0: two minutes
}

// run boots the kernel with program as the first process and returns what came of it.
func (g guest) run(t *testing.T, program ...string) result {
	t.Helper()
	limit := g.timeout
	if limit == 0 {
		limit = 2 * time.Minute
	}
	args := []string{"run", "-K", filepath.Join(repo, "build", "cleave.elf"), "-T", strconv.Itoa(int(limit / time.Second))}
	if g.root != "" {
		args = append(args, "-r", g.root)
	}
	if g.mem != 0 {
		args = append(args, "-m", strconv.Itoa(g.mem))
	}
	if g.kargs != "" {
		args = append(args, "-a", g.kargs)
	}
	args = append(append(append(args, g.args...), "--"), program...)
	ctx, cancel := context.WithTimeout(t.Context(), limit+30*time.Second)
	defer cancel()
	return execute(t, exec.CommandContext(ctx, filepath.Join(repo, "build", "cleave"), args...), g.stdin)
}

// native runs a program on the host's Linux.
func native(t *testing.T, program ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	return execute(t, exec.CommandContext(ctx, program[0], program[1:]...), "")
}

func execute(t *testing.T, cmd *exec.Cmd, stdin string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if cmd.Stdin == nil {
		cmd.Stdin = bytes.NewReader([]byte(stdin))
	}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// compile builds a C program of tests/guest for i386 and returns its path.
func compile(t *testing.T, source string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), filepath.Base(source[:len(source)-len(".c")]))
	cmd := exec.Command("gcc", "-m32", "-msse2", "-static", "-O1", "-pthread", "-Wall", "-Wextra", "-Werror", "-Wno-unused-result", "-D_GNU_SOURCE",
		"-I", "guest", "-o", out, source, "-lm")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("gcc %s: %v\n%s", source, err, text)
	}
	return out
}

// TestMain refuses to run without what 'make' builds.
func TestMain(m *testing.M) {
	for _, f := range []string{"cleave", "cleave.elf", "root.cpio"} {
		if _, err := os.Stat(filepath.Join(repo, "build", f)); err != nil {
			println("missing build/" + f + ": run 'make' first")
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}
