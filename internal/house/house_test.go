package house

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "cleave"

// mayImport lists, for each part of the tree, the parts of ours that it may import besides itself. The longest prefix
// that matches a package's folder decides.
var mayImport = map[string][]string{
	"abi":          {},
	"wait":         {},
	"ns/user":      {"abi"},
	"mm/frame":     {"abi"},
	"fs":           {"ns/user", "abi", "wait", "mm/frame"},
	"ns":           {"fs", "ns/user", "abi", "wait", "mm/frame"},
	"mm":           {"fs", "mm/frame", "abi", "wait"},
	"proc":         {"proc/elf", "proc/bpf", "ns", "ns/user", "fs", "mm", "mm/frame", "abi", "wait"},
	"proc/elf":     {"abi"},
	"proc/bpf":     {"abi"},
	"proc/procfs":  {"proc", "ns", "ns/user", "fs", "mm", "mm/frame", "abi", "wait"},
	"abi/linux386": {"proc", "proc/elf", "proc/bpf", "ns", "ns/user", "fs", "mm", "mm/frame", "abi", "wait"},
	"drivers":      {"abi", "wait"},
	"internal":     {"abi", "abi/linux386", "proc", "ns", "ns/user", "fs", "mm", "mm/frame", "wait"},
	"cmd":          {},
	"tests":        {},
}

// free are the parts to which no rule of imports applies: boot wires everything, proctest makes a whole kernel for tests.
var free = []string{"boot", "proc/proctest"}

// unsafeParts are where unsafe may be imported.
var unsafeParts = []string{"boot", "mm", "drivers"}

func within(dir, part string) bool { return dir == part || strings.HasPrefix(dir, part+"/") }

// partOf returns the longest key of mayImport that dir lies in.
func partOf(dir string) string {
	best := ""
	for part := range mayImport {
		if within(dir, part) && len(part) > len(best) {
			best = part
		}
	}
	return best
}

func in(dir string, parts []string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return within(dir, p) })
}

// walk calls f for each file of the tree that git would track, with its path from the top.
func walk(t *testing.T, f func(path string)) {
	t.Helper()
	top := filepath.Join("..", "..")
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		if d.IsDir() && (rel == "build" || rel == ".git") {
			return filepath.SkipDir
		}
		if !d.IsDir() {
			f(filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestImportsPointOneWay(t *testing.T) {
	walk(t, func(path string) {
		dir := filepath.ToSlash(filepath.Dir(path))
		if !strings.HasSuffix(path, ".go") || in(dir, free) {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", path), nil, parser.ImportsOnly)
		if err != nil {
			t.Error(err)
			return
		}
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Error(err)
			}
			if name == "unsafe" && !in(dir, unsafeParts) {
				t.Errorf("%s imports unsafe; only %v may", path, unsafeParts)
			}
			ours, ok := strings.CutPrefix(name, module+"/")
			if !ok || strings.HasSuffix(path, "_test.go") && in(ours, []string{"proc/proctest"}) {
				continue
			}
			from, to := partOf(dir), partOf(ours)
			if from == "" || from != to && !slices.Contains(mayImport[from], to) {
				t.Errorf("%s imports %s: %q may import only %v", path, name, from, mayImport[from])
			}
		}
	})
}

func TestAssemblyOnlyInBoot(t *testing.T) {
	walk(t, func(path string) {
		if strings.HasSuffix(strings.ToLower(path), ".s") && !within(path, "boot") {
			t.Errorf("%s: assembly lives under boot/", path)
		}
	})
}
