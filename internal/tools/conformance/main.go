// Conformance prints what agrees with Linux and what does not, from the files that the tests leave in build/conformance
// and from the table of system calls, and keeps it in docs/conformance.md.
//
// A file is named after its part (guest.tsv, go.tsv, stress.tsv) and has a line of headings and six columns: group,
// name, the verdict on Linux, the verdict in Cleave, the reason for the difference, and of which kernel and run that is.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cleave/abi/linux386"
)

// Marks between which the table stands in the document.
const (
	begin = "<!-- begin: written by make conformance -->\n"
	end   = "<!-- end -->\n"
)

func main() {
	dir := flag.String("d", "build/conformance", "the folder with what the tests found")
	doc := flag.String("o", "docs/conformance.md", "the document whose table is replaced; empty: none")
	flag.Parse()
	table, err := render(os.DirFS(*dir))
	if err == nil {
		fmt.Print(table)
		if *doc != "" {
			err = replace(*doc, table)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

// parts are the files, with what a row and a group of each is.
var parts = []struct{ file, title, group string }{
	{"guest", "Guest tests", "program"},
	{"go", "Go's own tests, linux/386", "package"},
	{"stress", "stress-ng", "class"},
}

// render makes the whole table. A part whose file is not there says so.
func render(dir fs.FS) (string, error) {
	var w strings.Builder
	runs := make(map[string][]string) // run -> the parts that have rows of it
	for _, p := range parts {
		fmt.Fprintf(&w, "## %s\n\n", p.title)
		data, err := fs.ReadFile(dir, p.file+".tsv")
		if errors.Is(err, fs.ErrNotExist) {
			w.WriteString("Not run.\n\n")
			continue
		}
		if err != nil {
			return "", err
		}
		rows, err := parse(string(data))
		if err != nil {
			return "", fmt.Errorf("%s.tsv: %w", p.file, err)
		}
		for _, r := range rows {
			if of := runs[r.run]; len(of) == 0 || of[len(of)-1] != p.title {
				runs[r.run] = append(of, p.title)
			}
		}
		writePart(&w, p.group, rows)
	}
	writeCalls(&w, linux386.Calls())
	return heading(runs) + w.String(), nil
}

// heading says of which run the table is, or that it is put together from several.
func heading(runs map[string][]string) string {
	names := slices.Sorted(maps.Keys(runs))
	switch len(names) {
	case 0:
		return ""
	case 1:
		return "All in one run: " + names[0] + ".\n\n"
	}
	text := "**Not of one run**, but of:\n\n"
	for _, n := range names {
		text += fmt.Sprintf("- %s: %s\n", n, strings.Join(runs[n], "; "))
	}
	return text + "\n"
}

// replace puts the table between the marks of a document.
func replace(path, table string) error {
	data, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(data), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no marks to write between", path)
	}
	return os.WriteFile(path, []byte(head+begin+"\n"+table+end+tail), 0o644)
}
