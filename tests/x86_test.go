//go:build guest

package tests

import (
	"os/exec"
	"strings"
	"testing"
)

// TestBootX86 runs boot/x86's own test kernel on the models of processors that its script names. Cases that a model
// cannot run are skipped by it.
func TestBootX86(t *testing.T) {
	out, err := exec.Command("../boot/x86/selftest/run.sh").Output()
	for line := range strings.SplitSeq(string(out), "\n") {
		if strings.HasPrefix(line, "not ok") || strings.HasPrefix(line, "Bail out!") {
			t.Error(line)
		}
	}
	if err != nil {
		t.Errorf("run.sh: %v", err)
	}
}
