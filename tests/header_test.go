//go:build guest

package tests

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// header is what the first comment lines of a guest program ask for.
type header struct {
	mem        int
	kargs      string
	cleaveOnly bool // "// only: Cleave": every case diverges, so that Linux cannot run it at all
	initial    bool // "// namespaces: initial": Linux, too, runs it in its initial namespaces
}

func readHeader(t *testing.T, source string) header {
	t.Helper()
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	var h header
	for _, line := range strings.Split(string(text), "\n") {
		rest, ok := strings.CutPrefix(line, "// ")
		if !ok {
			break
		}
		switch key, value, _ := strings.Cut(rest, ": "); key {
		case "mem":
			if h.mem, err = strconv.Atoi(value); err != nil {
				t.Fatal(err)
			}
		case "kargs":
			h.kargs = value
		case "namespaces":
			h.initial = value == "initial"
		case "only":
			h.cleaveOnly = value == "Cleave"
		}
	}
	return h
}
