package main

import (
	"bytes"
	"cmp"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// cost is what a function does in one round.
type cost struct {
	name                string
	instructions, calls float64
}

// A row is profiled with two numbers of rounds: what it costs beside its rounds is in both. The difference is what its
// figure is of.
const fewRounds = 56

// manyRounds is the other number. The fault rows have a page a round, of a mapping with 256.
func manyRounds(row string) int {
	if strings.HasSuffix(row, "page fault") {
		return 256
	}
	return 1056
}

// profile prints where Cleave's instructions go in a round of a row: first by package, then by function, the dearest
// first. A function's own instructions are counted, not those of what it calls.
func profile(w io.Writer, row string) error {
	few, err := countBlocks(row, fewRounds)
	if err != nil {
		return err
	}
	many, err := countBlocks(row, manyRounds(row))
	if err != nil {
		return err
	}
	syms, err := symbols(cleaveKernel.file)
	if err != nil {
		return err
	}
	functions := make(map[string]cost)
	rounds := float64(manyRounds(row) - fewRounds)
	for _, b := range many.blocks {
		add(functions, syms, b, 1/rounds)
	}
	for _, b := range few.blocks {
		add(functions, syms, b, -1/rounds)
	}
	packages := make(map[string]cost)
	total := 0.0
	for name, c := range functions {
		p := packages[packageOf(name)]
		p.instructions += c.instructions
		packages[packageOf(name)] = p
		total += c.instructions
	}
	fmt.Fprintf(w, "%s: %.0f instructions a round, the loop included\n\n", row, total)
	printCosts(w, packages, total/200, false)
	fmt.Fprintln(w)
	printCosts(w, functions, total/200, true)
	return nil
}

// block is a piece of code that QEMU translated in one go.
type block struct {
	address, instructions, times uint64
}

// jump is a block's going on at another that does not follow it.
type jump struct {
	from, to, times uint64
}

// counts is what the plugin counted.
type counts struct {
	blocks []block
	jumps  []jump
}

// countBlocks runs a row with the plugin that counts blocks.
func countBlocks(row string, rounds int) (*counts, error) {
	plugin, out := filepath.Join("build", "blocks.so"), filepath.Join("build", "blocks.out")
	text, err := exec.Command("gcc", "-O2", "-shared", "-fPIC", "-o", plugin, "bench/plugin/blocks.c").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("gcc: %w\n%s", err, text)
	}
	args := cleaveKernel.qemuArgs(counting, memory, "-r", strconv.Itoa(rounds), row)
	if text, err = cleaveKernel.boot(limit, append(args, "-plugin", plugin+",out="+out)); err != nil {
		return nil, err
	}
	if !bytes.Contains(text, []byte(row+"\t")) {
		return nil, fmt.Errorf("%q is no row, or failed ('build/bench -l' lists them):\n%s", row, text)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	return parseCounts(string(data))
}

func parseCounts(text string) (*counts, error) {
	c := new(counts)
	for line := range strings.Lines(text) {
		var b block
		var j jump
		if _, err := fmt.Sscanf(line, "b %x %d %d", &b.address, &b.instructions, &b.times); err == nil {
			c.blocks = append(c.blocks, b)
		} else if _, err := fmt.Sscanf(line, "j %x %x %d", &j.from, &j.to, &j.times); err == nil {
			c.jumps = append(c.jumps, j)
		} else {
			return nil, fmt.Errorf("the plugin wrote %q: %w", line, err)
		}
	}
	return c, nil
}

// symbols returns the kernel's functions by address.
func symbols(kernel string) ([]elf.Symbol, error) {
	f, err := elf.Open(kernel)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := f.Symbols()
	if err != nil {
		return nil, err
	}
	syms := slices.DeleteFunc(all, func(s elf.Symbol) bool { return elf.ST_TYPE(s.Info) != elf.STT_FUNC })
	slices.SortFunc(syms, func(a, b elf.Symbol) int { return cmp.Compare(a.Value, b.Value) })
	return syms, nil
}

// add counts a block for the function that it is in, with a weight.
func add(functions map[string]cost, syms []elf.Symbol, b block, weight float64) {
	name, called := "user program", false
	if b.address >= 1<<32 {
		i := sort.Search(len(syms), func(i int) bool { return syms[i].Value > b.address })
		if i == 0 {
			return // the stub, before the kernel's own addresses
		}
		name, called = syms[i-1].Name, syms[i-1].Value == b.address
	}
	c := functions[name]
	per := weight * float64(b.times)
	c.instructions += per * float64(b.instructions)
	if called {
		c.calls += per
	}
	functions[name] = c
}

// packageOf returns the package of a function by the name that the linker gave it.
func packageOf(function string) string {
	dir, rest := "", function
	if i := strings.IndexByte(rest, '['); i >= 0 {
		rest = rest[:i] // type arguments have slashes, too
	}
	if i := strings.LastIndexByte(rest, '/'); i >= 0 {
		dir, rest = rest[:i+1], rest[i+1:]
	}
	rest, _, _ = strings.Cut(rest, ".")
	return dir + rest
}

// printCosts prints what costs at least the given number of instructions.
func printCosts(w io.Writer, costs map[string]cost, least float64, calls bool) {
	var list []cost
	for name, c := range costs {
		if c.instructions >= least {
			list = append(list, cost{name, c.instructions, c.calls})
		}
	}
	slices.SortFunc(list, func(a, b cost) int { return cmp.Compare(b.instructions, a.instructions) })
	for _, c := range list {
		if calls {
			fmt.Fprintf(w, "%10.1f %7.2f calls  %s\n", c.instructions, c.calls, c.name)
		} else {
			fmt.Fprintf(w, "%10.1f  %s\n", c.instructions, c.name)
		}
	}
}
