package main

import (
	"cmp"
	"debug/dwarf"
	"debug/elf"
	"debug/gosym"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// The Go compiler inlines and devirtualizes calls that a profile says are hot. Here the profile is counted, not sampled:
// every call that the rows of the benchmark make, each row with the same weight.

// callSite is a call as the compiler knows it: the line counts from that of the caller's declaration.
type callSite struct {
	caller, callee string
	line           int
}

// rowWeight is what the calls of a row add up to.
const rowWeight = 1e6

// hotCalls runs every row and writes the calls that the kernel made to the file, in the form that 'go tool preprofile'
// writes and 'go tool compile -pgoprofile' reads.
func hotCalls(file string) error {
	// In a kernel that was built with a profile, the calls that were inlined are no calls any more.
	cleaveKernel.file = filepath.Join("build", "plain.elf")
	builder := exec.Command("boot/build.sh", "./boot", cleaveKernel.file)
	builder.Env = append(os.Environ(), "PGO=")
	if text, err := builder.CombinedOutput(); err != nil {
		return fmt.Errorf("boot/build.sh: %w\n%s", err, text)
	}
	list, err := exec.Command("build/bench", "-l").Output()
	if err != nil {
		return err
	}
	k, err := readDebugInfo(cleaveKernel.file)
	if err != nil {
		return err
	}
	weights := make(map[callSite]float64)
	for row := range strings.Lines(string(list)) {
		row = strings.TrimSpace(row)
		if row == "" || strings.HasPrefix(row, "end\t") {
			continue
		}
		few, err := countBlocks(row, fewRounds)
		if err != nil {
			return err
		}
		many, err := countBlocks(row, manyRounds(row))
		if err != nil {
			return err
		}
		k.addCalls(weights, more(few.jumps, many.jumps))
	}
	return os.WriteFile(file, []byte(preprofile(weights)), 0o644)
}

// more returns the jumps of many that few has not.
func more(few, many []jump) []jump {
	times := make(map[[2]uint64]uint64)
	for _, j := range few {
		times[[2]uint64{j.from, j.to}] += j.times
	}
	var out []jump
	for _, j := range many {
		if n := times[[2]uint64{j.from, j.to}]; j.times > n {
			out = append(out, jump{j.from, j.to, j.times - n})
		}
	}
	return out
}

// preprofile writes call sites by weight, those of at least 100.
func preprofile(weights map[callSite]float64) string {
	var sites []callSite
	for s, w := range weights {
		if w >= 100 {
			sites = append(sites, s)
		}
	}
	slices.SortFunc(sites, func(a, b callSite) int {
		return cmp.Or(cmp.Compare(weights[b], weights[a]), cmp.Compare(a.caller, b.caller), cmp.Compare(a.callee, b.callee),
			cmp.Compare(a.line, b.line))
	})
	var out strings.Builder
	out.WriteString("GO PREPROFILE V1\n")
	for _, s := range sites {
		fmt.Fprintf(&out, "%s\n%s\n%d %.0f\n", s.caller, s.callee, s.line, weights[s])
	}
	return out.String()
}

// function is one as it was compiled, with the bodies of others that were inlined into it.
type function struct {
	name    string
	line    int // of its declaration
	ranges  [][2]uint64
	inlined []function // the inner ones after those that they are in
}

func (f *function) has(pc uint64) bool {
	return slices.ContainsFunc(f.ranges, func(r [2]uint64) bool { return r[0] <= pc && pc < r[1] })
}

// debugInfo is what a kernel's file says about its code.
type debugInfo struct {
	functions []function // by address
	lines     *gosym.Table
}

// at returns the function whose own code is at pc, inlined or not; nil if there is none with a declaration.
func (k *debugInfo) at(pc uint64) *function {
	i := sort.Search(len(k.functions), func(i int) bool { return k.functions[i].ranges[0][0] > pc }) - 1
	if i < 0 || !k.functions[i].has(pc) {
		return nil
	}
	f := &k.functions[i]
	for n := range f.inlined {
		if in := &k.functions[i].inlined[n]; in.has(pc) {
			f = in
		}
	}
	if f.line == 0 {
		return nil
	}
	return f
}

// addCalls adds the jumps that are calls: those to the first instruction of another function.
func (k *debugInfo) addCalls(weights map[callSite]float64, jumps []jump) {
	times, total := make(map[callSite]float64), 0.0
	for _, j := range jumps {
		caller, callee := k.at(j.from), k.lines.PCToFunc(j.to)
		if caller == nil || callee == nil || callee.Entry != j.to || k.lines.PCToFunc(j.from) == callee {
			continue
		}
		_, line, _ := k.lines.PCToLine(j.from)
		if p := packageOf(caller.name); p == "runtime" || strings.HasPrefix(p, "internal/") {
			continue // much there may not grow its stack, and what is inlined makes frames larger
		}
		times[callSite{caller.name, callee.Name, line - caller.line}] += float64(j.times)
		total += float64(j.times)
	}
	for s, n := range times {
		weights[s] += n / total * rowWeight
	}
}

func readDebugInfo(file string) (*debugInfo, error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	table, err := f.Section(".gopclntab").Data()
	if err != nil {
		return nil, err
	}
	k := new(debugInfo)
	if k.lines, err = gosym.NewTable(nil, gosym.NewLineTable(table, f.Section(".text").Addr)); err != nil {
		return nil, err
	}
	data, err := f.DWARF()
	if err != nil {
		return nil, err
	}
	if err := k.readFunctions(data); err != nil {
		return nil, err
	}
	slices.SortFunc(k.functions, func(a, b function) int { return cmp.Compare(a.ranges[0][0], b.ranges[0][0]) })
	return k, nil
}

// readFunctions reads the functions in two passes: first those that others refer to.
func (k *debugInfo) readFunctions(data *dwarf.Data) error {
	abstract := make(map[dwarf.Offset]function)
	err := eachEntry(data, func(e *dwarf.Entry) error {
		if name, ok := e.Val(dwarf.AttrName).(string); ok && e.Tag == dwarf.TagSubprogram {
			line, _ := e.Val(dwarf.AttrDeclLine).(int64)
			abstract[e.Offset] = function{name: name, line: int(line)}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return eachEntry(data, func(e *dwarf.Entry) error {
		if e.Tag != dwarf.TagSubprogram && e.Tag != dwarf.TagInlinedSubroutine {
			return nil
		}
		f := abstract[e.Offset]
		if origin, ok := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset); ok {
			f = abstract[origin]
		}
		var err error
		if f.ranges, err = data.Ranges(e); err != nil || len(f.ranges) == 0 {
			return err
		}
		if e.Tag == dwarf.TagSubprogram {
			k.functions = append(k.functions, f)
		} else if n := len(k.functions); n > 0 {
			k.functions[n-1].inlined = append(k.functions[n-1].inlined, f)
		}
		return nil
	})
}

func eachEntry(data *dwarf.Data, do func(*dwarf.Entry) error) error {
	r := data.Reader()
	for {
		e, err := r.Next()
		if e == nil || err != nil {
			return err
		}
		if err := do(e); err != nil {
			return err
		}
	}
}
