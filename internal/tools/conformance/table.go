package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cleave/abi/linux386"
)

// row is one test: its verdicts (PASS, FAIL, SKIP or another word) , where they differ why, and of
// which run they are.
type row struct {
	group, name, linux, cleave, reason, run string
}

const columns = 6

// parse reads a file of rows.
func parse(text string) ([]row, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] != "group\tname\tLinux\tCleave\treason\trun" {
		return nil, fmt.Errorf("headings %q", lines[0])
	}
	var rows []row
	for i, line := range lines[1:] {
		f := strings.Split(line, "\t")
		if len(f) != columns {
			return nil, fmt.Errorf("line %d has %d columns", i+2, len(f))
		}
		rows = append(rows, row{f[0], f[1], f[2], f[3], f[4], f[5]})
	}
	return rows, nil
}

// tally counts the rows of a group.
type tally struct {
	group                       string
	linux, cleave, skip, differ int // passed on Linux, in Cleave; skipped on both; with another verdict
}

func (t *tally) count(r row) {
	if r.linux == "PASS" {
		t.linux++
	}
	if r.cleave == "PASS" {
		t.cleave++
	}
	if r.linux == r.cleave && r.linux != "PASS" {
		t.skip++
	}
	if r.linux != r.cleave {
		t.differ++
	}
}

// writePart writes the counts of each group and their sum, then each row that differs.
func writePart(w *strings.Builder, group string, rows []row) {
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.name, b.name)) })
	total := tally{group: "**all**"}
	var tallies []tally
	for _, r := range rows {
		if len(tallies) == 0 || tallies[len(tallies)-1].group != r.group {
			tallies = append(tallies, tally{group: r.group})
		}
		tallies[len(tallies)-1].count(r)
		total.count(r)
	}
	fmt.Fprintf(w, "| %s | passed on Linux | passed in Cleave | neither, alike | differ |\n|---|--:|--:|--:|--:|\n", group)
	for _, t := range append(tallies, total) {
		fmt.Fprintf(w, "| %s | %d | %d | %d | %d |\n", t.group, t.linux, t.cleave, t.skip, t.differ)
	}
	w.WriteString("\n")
	if total.differ > 0 {
		writeDifferences(w, rows)
	}
}

// writeDifferences writes one line for all rows of a group that differ in the same way for the same reason.
func writeDifferences(w *strings.Builder, rows []row) {
	type kind struct{ group, linux, cleave, reason string }
	var kinds []kind
	names, sizes := make(map[kind][]string), make(map[string]int)
	for _, r := range rows {
		sizes[r.group]++
		if r.linux == r.cleave {
			continue
		}
		k := kind{r.group, r.linux, r.cleave, cmp.Or(r.reason, "not explained")}
		if r.linux == "SKIP" && r.cleave == "PASS" {
			k.reason = cmp.Or(r.reason, "the host's Linux lacks what it needs")
		}
		if names[k] == nil {
			kinds = append(kinds, k)
		}
		names[k] = append(names[k], r.name)
	}
	w.WriteString("| differs | Linux | Cleave | why |\n|---|---|---|---|\n")
	for _, k := range kinds {
		which := escape(strings.Join(names[k], "; "))
		if n := len(names[k]); n > 1 && n == sizes[k.group] {
			which = fmt.Sprintf("all %d", n)
		}
		fmt.Fprintf(w, "| %s: %s | %s | %s | %s |\n", k.group, which, k.linux, k.cleave, escape(k.reason))
	}
	w.WriteString("\n")
}

// escape keeps a text in its cell.
func escape(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// writeCalls writes which system calls are whole, and each that is not with what it lacks.
func writeCalls(w *strings.Builder, calls []linux386.Support) {
	var whole, part, absent []string
	for _, c := range calls {
		switch {
		case c.Absent:
			absent = append(absent, fmt.Sprintf("| %d | %s | absent | %s |\n", c.Nr, c.Name, escape(c.Lacks)))
		case c.Lacks != "":
			part = append(part, fmt.Sprintf("| %d | %s | part | all but: %s |\n", c.Nr, c.Name, escape(c.Lacks)))
		default:
			whole = append(whole, c.Name)
		}
	}
	fmt.Fprintf(w, "## System calls\n\n%d whole, %d in part, %d absent.\n\n", len(whole), len(part), len(absent))
	w.WriteString("| nr | name | state | what is missing |\n|--:|---|---|---|\n")
	w.WriteString(strings.Join(append(part, absent...), ""))
	fmt.Fprintf(w, "\nWhole: %s.\n\n", strings.Join(whole, ", "))
}
