// Command compare runs bench/bench.c in Cleave and in Linux, each in QEMU, and prints the figures side by side with their
// ratios and the geometric mean of those. Run it from the top of the repository, after 'make'.
//
//	go run ./bench/compare              instructions, against Debian's cloud kernel and, if it has been built, the tuned one
//	go run ./bench/compare -time 5      nanoseconds: medians of five runs of each kernel in turn
//	go run ./bench/compare -gate        Cleave alone, against bench/baseline: fails if a row is over 10 % dearer
//	go run ./bench/compare -accept      Cleave alone, into bench/baseline
//	go run ./bench/compare -profile ROW where Cleave's instructions go in one row
//	go run ./bench/compare -hot FILE    the calls that the kernel makes, for the compiler's profile-guided optimization
//
// A row's anchor is the better of the Linux kernels.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// baseline is where the last accepted figures are, as save writes them.
const baseline = "bench/baseline"

func main() {
	runs := flag.Int("time", 0, "measure time: the median of so many runs")
	gate := flag.Bool("gate", false, "compare Cleave with "+baseline)
	accept := flag.Bool("accept", false, "write Cleave's figures to "+baseline)
	profiled := flag.String("profile", "", "profile this row in Cleave")
	hot := flag.String("hot", "", "write the calls that the kernel makes in the benchmark to this file")
	flag.Parse()
	err := build()
	switch {
	case err != nil:
	case *profiled != "":
		err = profile(os.Stdout, *profiled)
	case *hot != "":
		err = hotCalls(*hot)
	case *gate, *accept:
		err = regression(*accept)
	default:
		err = compare(*runs)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// build compiles the benchmark and packs it into the archive that all kernels start with.
func build() error {
	if err := os.MkdirAll(filepath.Dir(initrd), 0o755); err != nil {
		return err
	}
	prog := filepath.Join("build", "bench")
	text, err := exec.Command("gcc", "-m32", "-static", "-O2", "-Wno-unused-result", "-o", prog, "bench/bench.c").CombinedOutput()
	if err != nil {
		return fmt.Errorf("gcc: %w\n%s", err, text)
	}
	return writeInitrd(initrd, prog)
}

// regression measures Cleave and writes the figures to the baseline or holds them against it.
func regression(accept bool) error {
	figures, err := measure(cleaveKernel, counting)
	if err != nil {
		return err
	}
	if accept {
		return save(baseline, figures)
	}
	text, err := os.ReadFile(baseline)
	if err != nil {
		return err
	}
	return check(os.Stdout, parse(text), figures)
}

// compare prints the table of Cleave and the Linux kernels that there are: instructions, or the medians of time.
func compare(runs int) error {
	kernels, err := linuxKernels()
	if err != nil {
		return err
	}
	kernels = append([]kernel{cleaveKernel}, kernels...)
	mode, unit := counting, "instructions per operation"
	if runs > 0 {
		mode, unit = timing, fmt.Sprintf("ns per operation, median of %d", runs)
	}
	results := make([][][]figure, len(kernels))
	for range max(runs, 1) {
		for i, k := range kernels {
			figures, err := measure(k, mode)
			if err != nil {
				return err
			}
			results[i] = append(results[i], figures)
		}
	}
	t := table{unit: unit}
	for i, k := range kernels {
		t.kernels = append(t.kernels, k.name)
		t.figures = append(t.figures, medians(results[i]))
	}
	if runs == 0 {
		if err := t.addSizes(kernels); err != nil {
			return err
		}
	}
	t.print(os.Stdout)
	return nil
}
