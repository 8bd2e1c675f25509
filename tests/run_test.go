//go:build guest

package tests

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
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
	quiet   time.Duration // it hangs if it prints nothing for so long; 0: it may
	line    func(string)  // is called with each line that it prints; nil: none is wanted
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
	cmd := exec.CommandContext(ctx, filepath.Join(repo, "build", "cleave"), args...)
	if g.quiet > 0 {
		watchdog := time.AfterFunc(g.quiet, cancel)
		defer watchdog.Stop()
		cmd.Stdout = &lineWriter{line: func(string) { watchdog.Reset(g.quiet) }}
	}
	if g.line != nil {
		cmd.Stdout = tee(cmd.Stdout, &lineWriter{line: g.line})
	}
	return execute(t, cmd, g.stdin)
}

// lineWriter calls line with each line that is written to it.
type lineWriter struct {
	rest []byte
	line func(string)
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		line, rest, ok := bytes.Cut(w.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		w.line(string(bytes.TrimSuffix(line, []byte("\r"))))
		w.rest = rest
	}
}

// tee writes to both; a may be nil.
func tee(a, b io.Writer) io.Writer {
	if a == nil {
		return b
	}
	return io.MultiWriter(a, b)
}

// native runs a program on the host's Linux.
func native(t *testing.T, program ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	return execute(t, exec.CommandContext(ctx, program[0], program[1:]...), "")
}

// execute runs a command. What it prints goes to cmd.Stdout as well, if that is set.
func execute(t *testing.T, cmd *exec.Cmd, stdin string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if cmd.Stdin == nil {
		cmd.Stdin = bytes.NewReader([]byte(stdin))
	}
	cmd.Stdout, cmd.Stderr = tee(cmd.Stdout, &stdout), &stderr
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
	catchIgnored()
	for _, f := range []string{"cleave", "cleave.elf", "root.cpio"} {
		if _, err := os.Stat(filepath.Join(repo, "build", f)); err != nil {
			println("missing build/" + f + ": run 'make' first")
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// catchIgnored keeps programs from inheriting that signals are ignored, as nohup(1) and a shell have it for what they start
// in the background: for a program that is executed, the action of a signal that was caught is the default.
func catchIgnored() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGINT, syscall.SIGQUIT)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // without a terminal the tests go on
	go func() {
		sig := <-c
		println("stopped by", sig.String())
		os.Exit(1)
	}()
}
