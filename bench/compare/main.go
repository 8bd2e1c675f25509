// Command compare runs bench/bench.c in Cleave and in Linux, each in QEMU counting instructions, and prints the figures
// side by side with their ratios and the geometric mean of those.
//
//	go run ./bench/compare [-linux VMLINUZ] [-o FILE]
//
// Without -linux it downloads Debian's cloud kernel into build/linux. Run it from the top of the repository, after 'make'.
package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/u-root/u-root/pkg/cpio"
)

// figure is one line of the benchmark's output.
type figure struct {
	name  string
	value float64 // instructions per operation; NaN: absent
}

func main() {
	linux := flag.String("linux", "", "the Linux kernel to compare with (default: Debian's cloud kernel)")
	out := flag.String("o", "", "write Cleave's figures to this file")
	flag.Parse()
	if err := run(*linux, *out); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(linux, out string) error {
	prog := filepath.Join("build", "bench")
	if text, err := exec.Command("gcc", "-m32", "-static", "-O2", "-Wno-unused-result", "-o", prog, "bench/bench.c").CombinedOutput(); err != nil {
		return fmt.Errorf("gcc: %w\n%s", err, text)
	}
	cleave, err := runCleave(prog)
	if err != nil {
		return err
	}
	if out != "" {
		if err := save(out, cleave); err != nil {
			return err
		}
	}
	if linux == "" {
		if linux, err = cloudKernel(); err != nil {
			return err
		}
	}
	other, err := runLinux(linux, prog)
	if err != nil {
		return err
	}
	table(os.Stdout, cleave, other)
	return nil
}

// execute runs a command with a time limit and returns its standard output.
func execute(limit time.Duration, name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return out, fmt.Errorf("%s: gave up after %v", name, limit)
	}
	return out, err
}

func runCleave(prog string) ([]figure, error) {
	fmt.Fprintln(os.Stderr, "compare: running in Cleave ...")
	text, err := execute(10*time.Minute, filepath.Join("build", "cleave"), "run", "-i", "-m", "256", "--", prog)
	if err != nil {
		return nil, fmt.Errorf("in Cleave: %w\n%s", err, text)
	}
	return parse(text), nil
}

func runLinux(kernel, prog string) ([]figure, error) {
	initrd := filepath.Join("build", "linux", "bench.cpio")
	if err := writeInitrd(initrd, prog); err != nil {
		return nil, err
	}
	fmt.Fprintln(os.Stderr, "compare: running in Linux ...")
	text, err := execute(30*time.Minute, "qemu-system-x86_64", "-M", "microvm", "-accel", "tcg", "-icount", "shift=0,sleep=off",
		"-cpu", "max,-erms,-fsrm", "-m", "256", "-nodefaults", "-no-user-config", "-nographic", "-no-reboot", "-serial", "stdio",
		"-kernel", kernel, "-initrd", initrd, "-append", "console=ttyS0 quiet mitigations=off reboot=t panic=-1")
	if err != nil {
		return nil, fmt.Errorf("in Linux: %w\n%s", err, text)
	}
	return parse(text), nil
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
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
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

// cloudKernel downloads Debian's cloud kernel, once, and returns its path.
func cloudKernel() (string, error) {
	dir := filepath.Join("build", "linux")
	if found, err := filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*")); err == nil && len(found) > 0 {
		return found[0], nil
	}
	fmt.Fprintln(os.Stderr, "compare: downloading Debian's cloud kernel ...")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	script := `apt-get -qq update >&2; name=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: //p' | head -n 1)
cd "$1" && apt-get -qq download "$name" >&2 && dpkg-deb -x linux-image-*.deb . && rm linux-image-*.deb`
	if _, err := execute(5*time.Minute, "sh", "-c", script, "sh", dir); err != nil {
		return "", fmt.Errorf("downloading linux-image-cloud-amd64: %w", err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*"))
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("no kernel in the package: %w", err)
	}
	return found[0], nil
}

// parse reads "name<TAB>value" lines; others are the kernel's own messages.
func parse(text []byte) []figure {
	var figures []figure
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		name, value, ok := strings.Cut(strings.TrimSpace(lines.Text()), "\t")
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			v = math.NaN()
		}
		figures = append(figures, figure{name, v})
	}
	return figures
}

func save(path string, figures []figure) error {
	var b strings.Builder
	for _, f := range figures {
		fmt.Fprintf(&b, "%s\t%.0f\n", f.name, f.value)
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// table prints the rows that both have, with Cleave's share of Linux's instructions.
func table(w io.Writer, cleave, linux []figure) {
	others := make(map[string]float64)
	for _, f := range linux {
		others[f.name] = f.value
	}
	fmt.Fprintf(w, "%-34s %14s %14s %8s\n", "instructions per operation", "Cleave", "Linux", "ratio")
	sum, n := 0.0, 0
	for _, f := range cleave {
		other, ok := others[f.name]
		if !ok {
			other = math.NaN()
		}
		ratio := f.value / other
		fmt.Fprintf(w, "%-34s %14.0f %14.0f %8.2f\n", f.name, f.value, other, ratio)
		if f.name != "boot" && !math.IsNaN(ratio) && ratio > 0 {
			sum += math.Log(ratio)
			n++
		}
	}
	if n > 0 {
		fmt.Fprintf(w, "%-34s %38.2f\n", fmt.Sprintf("geometric mean of %d", n), math.Exp(sum/float64(n)))
	}
}
