package house

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// The Go that go.mod names, the one that scripts/need-go fetches and the one that the Makefile finds are the same.
func TestOneToolchain(t *testing.T) {
	var want string
	for file, pattern := range map[string]string{
		"go.mod":          `(?m)^toolchain go(1\.\d+\.\d+)$`,
		"scripts/need-go": `(?m)^version=(1\.\d+\.\d+)$`,
		"Makefile":        `(?m)^export PATH := .*/cleave/go(1\.\d+\.\d+)/bin:`,
	} {
		b, err := os.ReadFile(filepath.Join("..", "..", file))
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(pattern).FindSubmatch(b)
		if m == nil {
			t.Errorf("%s names no Go release", file)
			continue
		}
		if want == "" {
			want = string(m[1])
		}
		if got := string(m[1]); got != want {
			t.Errorf("%s names Go %s, another file %s", file, got, want)
		}
	}
}
