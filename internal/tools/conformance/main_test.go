package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

const headings = "group\tname\tLinux\tCleave\treason\trun\n"

func TestRender(t *testing.T) {
	table, err := render(fstest.MapFS{
		"go.tsv": {Data: []byte(headings +
			"os\tTestA\tPASS\tPASS\t\tkernel 1\n" +
			"os\tTestB\tPASS\tFAIL\tno TCP\tkernel 1\n" +
			"io\tTestD\tSKIP\tSKIP\t\tkernel 1\n" +
			"os\tTestC\tPASS\tFAIL\tno TCP\tkernel 1\n" +
			"os\tTestE\tPASS\tFAIL\t\tkernel 1\n" +
			"io\tTestF\tSKIP\tPASS\t\tkernel 1\n")},
		"guest.tsv": {Data: []byte(headings + "files\ta|b\tFAIL\tPASS\ton purpose\tkernel 1\n" +
			"owned\ta\tSKIP\tPASS\tnew\tkernel 1\nowned\tb\tSKIP\tPASS\tnew\tkernel 1\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"All in one run: kernel 1.\n\n## Guest tests\n",
		"| io | 0 | 1 | 1 | 1 |\n| os | 4 | 1 | 0 | 3 |\n| **all** | 4 | 2 | 1 | 4 |\n",
		"| os: TestB; TestC | PASS | FAIL | no TCP |\n",
		"| os: TestE | PASS | FAIL | not explained |\n",
		"| io: TestF | SKIP | PASS | the host's Linux lacks what it needs |\n",
		"| files: a\\|b | FAIL | PASS | on purpose |\n",
		"| owned: all 2 | SKIP | PASS | new |\n",
		"## stress-ng\n\nNot run.\n",
		"| 26 | ptrace | ",
		"Whole: restart_syscall, exit, fork,",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
}

func TestRenderTwoRuns(t *testing.T) {
	table, err := render(fstest.MapFS{
		"go.tsv":    {Data: []byte(headings + "os\tTestA\tPASS\tPASS\t\tkernel 2\nos\tTestB\tPASS\tPASS\t\tkernel 1\n")},
		"guest.tsv": {Data: []byte(headings + "owned\ta\tSKIP\tPASS\tnew\tkernel 1\n")},
	})
	want := "**Not of one run**, but of:\n\n- kernel 1: Guest tests; Go's own tests, linux/386\n- kernel 2: Go's own tests, linux/386\n\n"
	if err != nil || !strings.HasPrefix(table, want) {
		t.Errorf("%v\n%s", err, table)
	}
}

func TestRenderBadInput(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "no headings": "a\tb\tPASS\tPASS\t\n", "five columns": headings + "a\tb\tPASS\tPASS\t\n"} {
		if _, err := render(fstest.MapFS{"go.tsv": {Data: []byte(text)}}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestReplace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc.md")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("head\n" + begin + "old\n" + end + "tail\n")
	for range 2 { // the second time changes nothing
		if err := replace(path, "new\n"); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != "head\n"+begin+"\nnew\n"+end+"tail\n" {
			t.Errorf("%q, %v", got, err)
		}
	}
	write("no marks\n")
	if err := replace(path, "new\n"); err == nil {
		t.Error("a document without marks was accepted")
	}
}
