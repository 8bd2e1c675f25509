package house

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTargets looks up each target that the documents tell the reader to make, and wants 'make help' to know it.
func TestTargets(t *testing.T) {
	rules, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	docs, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("(?m)(?:`| {4}|\\$ )make ([a-z][a-z/.-]*)")
	found := 0
	for _, doc := range append(docs, "../../README.md") {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			found++
			if rule := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(m[1]) + `:.*## `); !rule.Match(rules) {
				t.Errorf("%s: 'make %s', which the Makefile does not explain", strings.TrimPrefix(doc, "../../"), m[1])
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d targets are named: the pattern does not match", found)
	}
}
