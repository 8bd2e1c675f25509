package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/u-root/u-root/pkg/cpio"
)

// kernel is one that the benchmark runs in.
type kernel struct {
	name   string
	file   string // what QEMU loads
	image  string // what its size is taken of: file, or the compressed image beside it
	args   string // its command line
	debugs bool   // logs to the debug console, and ends QEMU through the debug exit device
}

var cleaveKernel = kernel{
	name: "Cleave", file: "build/cleave.elf", image: "build/cleave.elf",
	args: "console=ttyS0,raw init=/init panic=exit", debugs: true,
}

// initrd is the archive with the benchmark as /init.
var initrd = filepath.Join("build", "linux", "bench.cpio")

// mode is how a machine keeps time.
type mode int

const (
	counting mode = iota // an instruction is a nanosecond, so that the figures repeat
	timing               // by the host's clock
)

// memory is what machines have in MiB, and limit is how long a run may take.
const (
	memory = 256
	limit  = 30 * time.Minute
)

// qemuArgs is the command line of QEMU for k with words for the benchmark.
func (k kernel) qemuArgs(m mode, mib int, words ...string) []string {
	args := []string{"-M", "microvm,rtc=on", "-m", strconv.Itoa(mib), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-serial", "stdio", "-kernel", k.file, "-initrd", initrd, "-accel", "tcg", "-cpu", "max,-erms,-fsrm"}
	if m == counting {
		// The clock and RDRAND give the same each time, too.
		args = append(args, "-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01T00:00:00,clock=vm", "-seed", "1")
	}
	if k.debugs {
		args = append(args, "-chardev", "null,id=log", "-device", "isa-debugcon,iobase=0xe9,chardev=log",
			"-device", "isa-debug-exit,iobase=0xf4,iosize=0x04")
	}
	line := k.args
	if len(words) > 0 {
		line += " --"
	}
	for _, w := range words {
		line += ` "` + w + `"`
	}
	return append(args, "-append", line)
}

// boot runs the machine and returns what the guest wrote to its console.
func (k kernel) boot(limit time.Duration, args []string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	var status *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return out, fmt.Errorf("%s: gave up after %v", k.name, limit)
	case errors.As(err, &status) && k.debugs:
		err = nil // the debug exit device leaves an odd status; what was written tells
	}
	return out, err
}

// measure runs the whole benchmark. A run that does not get to its last row is an error.
func measure(k kernel, m mode) ([]figure, error) {
	fmt.Fprintf(os.Stderr, "compare: running in %s ...\n", k.name)
	text, err := k.boot(limit, k.qemuArgs(m, memory))
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, text)
	}
	if !bytes.Contains(text, []byte("\nend\t")) {
		return nil, fmt.Errorf("%s: the benchmark ended early:\n%s", k.name, text)
	}
	return parse(text), nil
}

// execute runs a command with a time limit.
func execute(limit time.Duration, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		return fmt.Errorf("%s: gave up after %v", name, limit)
	}
	return err
}

func writeInitrd(path, prog string) error {
	data, err := os.ReadFile(prog)
	if err != nil {
		return err
	}
	format, err := cpio.Format("newc")
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	w := format.Writer(&buf)
	records := []cpio.Record{cpio.Directory("dev", 0o755), cpio.CharDev("dev/console", 0o600, 5, 1), cpio.CharDev("dev/zero", 0o666, 1, 5),
		cpio.CharDev("dev/null", 0o666, 1, 3), cpio.StaticFile("init", string(data), 0o755)}
	if err := cpio.WriteRecords(w, records); err != nil {
		return err
	}
	if err := cpio.WriteTrailer(w); err != nil {
		return err
	}
	return os.WriteFile(path, buf.Bytes(), 0o644)
}

// leastMemory is the fewest MiB with which k gets as far as running a row of the benchmark.
func leastMemory(k kernel) (int, error) {
	fmt.Fprintf(os.Stderr, "compare: the least memory for %s ...\n", k.name)
	least, enough := 1, 128 // too little, enough
	for enough-least > 1 {
		mib := (least + enough) / 2
		args := k.qemuArgs(counting, mib, "getppid")
		text, err := k.boot(time.Minute, args)
		if err == nil && strings.Contains(string(text), "getppid\t") {
			enough = mib
		} else {
			least = mib
		}
	}
	if enough == 128 {
		return 0, fmt.Errorf("%s does not run in 127 MiB", k.name)
	}
	return enough, nil
}
