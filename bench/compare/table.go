package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// figure is one line of the benchmark's output.
type figure struct {
	name  string
	value float64 // instructions or nanoseconds per operation; NaN: absent
}

// parse reads "name<TAB>value" lines; others are the kernel's own messages.
func parse(text []byte) []figure {
	var figures []figure
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		name, value, ok := strings.Cut(strings.TrimSpace(lines.Text()), "\t")
		if !ok || name == "end" {
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

// valueOf returns the figure of that name, NaN if there is none.
func valueOf(figures []figure, name string) float64 {
	if i := slices.IndexFunc(figures, func(f figure) bool { return f.name == name }); i >= 0 {
		return figures[i].value
	}
	return math.NaN()
}

// medians returns the median of each row over several runs.
func medians(runs [][]figure) []figure {
	var out []figure
	for _, f := range runs[0] {
		var values []float64
		for _, r := range runs {
			values = append(values, valueOf(r, f.name))
		}
		slices.Sort(values)
		out = append(out, figure{f.name, values[len(values)/2]})
	}
	return out
}

// tolerance is by how much a row may be dearer than its baseline.
const tolerance = 1.10

// check prints the rows that have become dearer than the tolerance, or are gone, and fails if there are any.
func check(w io.Writer, base, now []figure) error {
	bad := 0
	for _, b := range base {
		switch v := valueOf(now, b.name); {
		case math.IsNaN(v):
			fmt.Fprintf(w, "%s: %.0f instructions in %s, no figure now\n", b.name, b.value, baseline)
			bad++
		case v > b.value*tolerance:
			fmt.Fprintf(w, "%s: %.0f instructions, %.0f in %s: %+.0f %%\n", b.name, v, b.value, baseline, (v/b.value-1)*100)
			bad++
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d rows are over 10 %% dearer than in %s; 'make profile ROW=...' shows where a row's instructions go, "+
			"'make bench-accept' makes these figures the baseline", bad, baseline)
	}
	fmt.Fprintf(w, "%d rows, none over 10 %% dearer than in %s\n", len(base), baseline)
	return nil
}

// table is the figures of several kernels, the first of which is compared with the best of the others.
type table struct {
	unit    string
	kernels []string
	figures [][]figure
	sizes   []figures
}

// figures is a row of its own: one value for each kernel.
type figures struct {
	name   string
	values []float64
}

// addSizes adds the least memory and the size of the image.
func (t *table) addSizes(kernels []kernel) error {
	least, size := figures{name: "least memory, MiB"}, figures{name: "image, KiB"}
	for _, k := range kernels {
		mib, err := leastMemory(k)
		if err != nil {
			return err
		}
		st, err := os.Stat(k.image)
		if err != nil {
			return err
		}
		least.values = append(least.values, float64(mib))
		size.values = append(size.values, float64(st.Size()>>10))
	}
	t.sizes = append(t.sizes, least, size)
	return nil
}

// best returns the smallest value but the first, and which it is; NaN and -1 if there is none.
func best(values []float64) (float64, int) {
	at := -1
	for i, v := range values {
		if i > 0 && !math.IsNaN(v) && (at < 0 || v < values[at]) {
			at = i
		}
	}
	if at < 0 {
		return math.NaN(), at
	}
	return values[at], at
}

func (t *table) print(w io.Writer) {
	fmt.Fprintf(w, "%-34s", t.unit)
	for _, k := range t.kernels {
		fmt.Fprintf(w, " %12s", k)
	}
	fmt.Fprintf(w, " %7s  %s\n", "ratio", "anchor")
	var rows []figures
	for _, f := range t.figures[0] {
		row := figures{name: f.name}
		for _, of := range t.figures {
			row.values = append(row.values, valueOf(of, f.name))
		}
		rows = append(rows, row)
	}
	sum, n, over := 0.0, 0, 0
	for _, row := range rows {
		ratio := t.row(w, row)
		if row.name == "boot" || math.IsNaN(ratio) || ratio <= 0 {
			continue
		}
		sum += math.Log(ratio)
		n++
		if ratio > 1 {
			over++
		}
	}
	fmt.Fprintf(w, "geometric mean of %d rows: %.2f; over 1.00: %d\n", n, math.Exp(sum/float64(n)), over)
	for _, row := range t.sizes {
		t.row(w, row)
	}
}

// row prints a row and returns its ratio.
func (t *table) row(w io.Writer, row figures) float64 {
	fmt.Fprintf(w, "%-34s", row.name)
	for _, v := range row.values {
		fmt.Fprintf(w, " %12.0f", v)
	}
	anchor, at := best(row.values)
	if at < 0 {
		fmt.Fprintf(w, " %7s\n", "-")
		return math.NaN()
	}
	ratio := row.values[0] / anchor
	fmt.Fprintf(w, " %7.3f  %s\n", ratio, t.kernels[at])
	return ratio
}
