package linux386

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

// TestTableComplete holds the table against the host's list of i386 numbers: each has a row of that name, and a row that
// lacks something says what.
func TestTableComplete(t *testing.T) {
	list, err := os.ReadFile("/usr/include/x86_64-linux-gnu/asm/unistd_32.h")
	if err != nil {
		t.Skip("no list of numbers (package linux-libc-dev)")
	}
	for _, m := range regexp.MustCompile(`(?m)^#define __NR_(\w+)\s+(\d+)$`).FindAllSubmatch(list, -1) {
		nr, err := strconv.ParseUint(string(m[2]), 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		r := findRow(uint32(nr))
		if r == nil {
			if nr < numCalls {
				t.Errorf("%d, %s: no row", nr, m[1])
			}
			continue
		}
		if r.name != string(m[1]) {
			t.Errorf("%d is %s, the table has %s", nr, m[1], r.name)
		}
	}
	for nr := range uint32(numCalls) {
		if r := findRow(nr); r != nil && (r.call == nil || r.absent && r.lacks == "") {
			t.Errorf("row %d is incomplete", nr)
		}
	}
}
