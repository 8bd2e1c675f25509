//go:build guest

package tests

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// conformance makes the tests that compare with Linux run whole and write what they found to build/conformance, where
// internal/tools/conformance makes a table of it. Without it they run the part that fits into 'make test'.
var conformance = flag.Bool("conformance", false, "run every comparison with Linux, and write build/conformance/*.tsv")

// comparison collects the verdicts of one part of the conformance table: what passed on Linux and what in Cleave. Its
// methods may be called by parallel subtests.
type comparison struct {
	part string // the name of the file: guest, go or stress
	mu   sync.Mutex
	rows map[[2]string][3]string // group, name -> Linux's verdict, Cleave's, the reason for the difference
}

// compare begins a part of the table. When t and its subtests are done, the verdicts are judged: a difference that
// differences does not explain fails t, and so does an explanation for what does not differ. What passes in Cleave and
// is skipped on Linux needs no explanation: it depends on the host (its version of control groups, say).
func compare(t *testing.T, part string) *comparison {
	c := &comparison{part: part, rows: make(map[[2]string][3]string)}
	t.Cleanup(func() { c.finish(t) })
	return c
}

// add notes one test's verdicts: PASS, FAIL, SKIP, or a word of the part's own.
func (c *comparison) add(group, name, linux, cleave string) {
	c.addReason(group, name, linux, cleave, differences[c.part][group+" "+name])
}

// addReason notes verdicts whose difference the test itself explains.
func (c *comparison) addReason(group, name, linux, cleave, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rows[[2]string{group, name}] = [3]string{linux, cleave, reason}
}

// differs reports whether two verdicts need an explanation.
func differs(linux, cleave string) bool {
	return linux != cleave && !(linux == "SKIP" && cleave == "PASS")
}

// finish judges the rows and writes them.
func (c *comparison) finish(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	ran := make(map[string]bool)
	for key, row := range c.rows {
		ran[key[0]] = true
		switch {
		case differs(row[0], row[1]) && row[2] == "":
			t.Errorf("%s %s: %s on Linux, %s in Cleave", key[0], key[1], row[0], row[1])
		case row[0] == row[1] && row[2] != "" && row[2] != tooSlow && (*conformance || row[0] == "PASS"): // short mode may skip it
			t.Errorf("%s %s: %s on Linux, %s in Cleave, though it is said to differ: %s", key[0], key[1], row[0], row[1], row[2])
		}
	}
	if !*conformance {
		return
	}
	for key := range differences[c.part] {
		group, name, _ := strings.Cut(key, " ")
		if _, ok := c.rows[[2]string{group, name}]; ran[group] && !ok {
			t.Errorf("%s: explained, but there is no such test", key)
		}
	}
	c.write(t, ran)
}

// write puts the rows into the part's file, in the place of the groups that have run.
func (c *comparison) write(t *testing.T, ran map[string]bool) {
	t.Helper()
	const headings = "group\tname\tLinux\tCleave\treason\n"
	path := filepath.Join(repo, "build", "conformance", c.part+".tsv")
	mkdir(t, filepath.Dir(path))
	old, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(strings.TrimPrefix(string(old), headings)) {
		if group, _, _ := strings.Cut(line, "\t"); !ran[group] {
			lines = append(lines, line)
		}
	}
	for key, row := range c.rows {
		lines = append(lines, strings.Join(append(key[:], row[:]...), "\t")+"\n")
	}
	slices.Sort(lines)
	if err := os.WriteFile(path, []byte(headings+strings.Join(lines, "")), 0o644); err != nil {
		t.Error(err)
	}
}
