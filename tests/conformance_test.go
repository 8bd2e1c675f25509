//go:build guest

package tests

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// conformance makes the tests that compare with Linux run whole and write what they found to build/conformance, where
// internal/tools/conformance makes a table of it. Without it they run the part that fits into 'make test'.
var conformance = flag.Bool("conformance", false, "run every comparison with Linux, and write build/conformance/*.tsv")

// begun is when this run of the tests began.
var begun = time.Now()

// ofKernel says which kernel is tested: the beginning of its SHA-256.
var ofKernel = sync.OnceValues(func() (string, error) {
	image, err := os.ReadFile(filepath.Join(repo, "build", "cleave.elf"))
	sum := sha256.Sum256(image)
	return "kernel " + hex.EncodeToString(sum[:6]), err
})

// ofRun says of which run a verdict is: the kernel, what git calls the tree, if it is there, and when the run began. Rows
// of one run have the same.
var ofRun = sync.OnceValues(func() (string, error) {
	run, err := ofKernel()
	if name, err := exec.Command("git", "-C", repo, "describe", "--always", "--dirty").Output(); err == nil {
		run += ", commit " + strings.TrimSpace(string(name))
	}
	return run + begun.UTC().Format(", begun 2006-01-02 15:04 UTC"), err
})

// verdicts are what came of one test: PASS, FAIL, SKIP or a word of the part's own.
type verdicts struct {
	linux, cleave string
	reason        string // for the difference
	run           string // ofRun
}

// comparison collects the verdicts of one part of the conformance table: what passed on Linux and what in Cleave. Its
// methods may be called by parallel subtests.
type comparison struct {
	part string // the name of the file: guest, go or stress
	run  string // ofRun
	mu   sync.Mutex
	rows map[[2]string]verdicts // by group and name
}

const headings = "group\tname\tLinux\tCleave\treason\trun\n"

// compare begins a part of the table. When t and its subtests are done, the verdicts are judged: a difference that
// differences does not explain fails t, and so does an explanation for what does not differ. What passes in Cleave and
// is skipped on Linux needs no explanation: it depends on the host (its version of control groups, say).
func compare(t *testing.T, part string) *comparison {
	t.Helper()
	run, err := ofRun()
	if err != nil {
		t.Fatal(err)
	}
	c := &comparison{part: part, run: run, rows: make(map[[2]string]verdicts)}
	if *conformance {
		c.resume(t)
	}
	t.Cleanup(func() { c.finish(t) })
	return c
}

// path is the part's file.
func (c *comparison) path() string {
	return filepath.Join(repo, "build", "conformance", c.part+".tsv")
}

// resume takes over what an earlier run has found about this very kernel. make conformance removes the files first,
// unless RESUME is set.
func (c *comparison) resume(t *testing.T) {
	t.Helper()
	kernel, err := ofKernel()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(c.path())
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.Lines(strings.TrimPrefix(string(text), headings)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) == 6 && strings.HasPrefix(f[5], kernel) {
			reason := cmp.Or(differences[c.part][f[0]+" "+f[1]], f[4])
			c.rows[[2]string{f[0], f[1]}] = verdicts{f[2], f[3], reason, f[5]}
		}
	}
}

// has reports whether there is a verdict of a group, or of a test of it if it has a name.
func (c *comparison) has(group, name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.rows {
		if key[0] == group && (name == "" || key[1] == name) {
			return true
		}
	}
	return false
}

// add notes one test's verdicts.
func (c *comparison) add(group, name, linux, cleave string) {
	c.addReason(group, name, linux, cleave, differences[c.part][group+" "+name])
}

// addReason notes verdicts whose difference the test itself explains.
func (c *comparison) addReason(group, name, linux, cleave, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rows[[2]string{group, name}] = verdicts{linux, cleave, reason, c.run}
}

// differs reports whether two verdicts need an explanation.
func differs(linux, cleave string) bool {
	return linux != cleave && !(linux == "SKIP" && cleave == "PASS")
}

// finish judges the rows and writes them.
func (c *comparison) finish(t *testing.T) {
	t.Helper()
	c.save(t)
	c.mu.Lock()
	defer c.mu.Unlock()
	ran := make(map[string]bool)
	for key, row := range c.rows {
		ran[key[0]] = true
		switch {
		case differs(row.linux, row.cleave) && row.reason == "":
			t.Errorf("%s %s: %s on Linux, %s in Cleave", key[0], key[1], row.linux, row.cleave)
		case row.linux == row.cleave && row.reason != "" && (*conformance || row.linux == "PASS"): // short mode may skip it
			t.Errorf("%s %s: %s on Linux, %s in Cleave, though it is said to differ: %s", key[0], key[1], row.linux, row.cleave, row.reason)
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
}

// save puts the rows into the part's file, for the whole table. What the file has of other groups stays: the table says
// if not all is of one run.
func (c *comparison) save(t *testing.T) {
	t.Helper()
	if !*conformance {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	mkdir(t, filepath.Dir(c.path()))
	old, err := os.ReadFile(c.path())
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	ran := make(map[string]bool)
	var lines []string
	for key, row := range c.rows {
		ran[key[0]] = true
		lines = append(lines, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\n", key[0], key[1], row.linux, row.cleave, row.reason, row.run))
	}
	for line := range strings.Lines(strings.TrimPrefix(string(old), headings)) {
		if group, _, _ := strings.Cut(line, "\t"); !ran[group] {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	if err := os.WriteFile(c.path(), []byte(headings+strings.Join(lines, "")), 0o644); err != nil {
		t.Error(err)
	}
}
