package main

import (
	"math"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	base := []figure{{"boot", 1000}, {"fork", 200}, {"gone", 5}}
	for _, c := range []struct {
		name string
		now  []figure
		want []string // what is printed; nothing: no error
	}{
		{"same", []figure{{"boot", 1000}, {"fork", 200}, {"gone", 5}}, nil},
		{"within", []figure{{"boot", 1100}, {"fork", 10}, {"gone", 5}}, nil},
		{"dearer", []figure{{"boot", 1101}, {"fork", 200}, {"gone", 5}}, []string{"boot: 1101 instructions, 1000 in bench/baseline: +10 %"}},
		{"absent", []figure{{"boot", 1000}, {"fork", math.NaN()}}, []string{"fork: 200 instructions in bench/baseline, no figure now", "gone: 5"}},
	} {
		var out strings.Builder
		err := check(&out, base, c.now)
		if (err != nil) != (c.want != nil) {
			t.Errorf("%s: %v", c.name, err)
		}
		for _, want := range c.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in\n%s", c.name, want, &out)
			}
		}
	}
}

func TestTable(t *testing.T) {
	runs := [][]figure{parse([]byte("noise\r\na\t3\r\nb\tabsent\nend\t0\n")), parse([]byte("a\t1\nb\t7\n")), parse([]byte("a\t2\nb\t8\n"))}
	if m := medians(runs[:1]); len(m) != 2 || m[0].value != 3 || !math.IsNaN(m[1].value) {
		t.Errorf("one run: %v", m)
	}
	tab := table{unit: "unit", kernels: []string{"Cleave", "cloud", "tuned"}, figures: [][]figure{
		medians(runs), {{"a", 8}, {"b", 4}}, {{"a", 4}}}}
	var out strings.Builder
	tab.print(&out)
	for _, want := range []string{"2            8            4   0.500  tuned", "over 1.00: 1"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

func TestPackageOf(t *testing.T) {
	for function, want := range map[string]string{
		"runtime.mallocgc":      "runtime",
		"main.(*parker).Park":   "main",
		"cleave/fs.(*File).Put": "cleave/fs",
		"cleave/mm.LoadSlice[go.shape.struct { cleave/x.A int }]": "cleave/mm",
		"user program": "user program",
	} {
		if got := packageOf(function); got != want {
			t.Errorf("%s: %s", function, got)
		}
	}
}
