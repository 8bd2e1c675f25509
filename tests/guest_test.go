//go:build guest

package tests

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestGuest runs each C program of guest/ on the host's Linux and then in Cleave, in the memory and with the kernel
// arguments that its first lines may ask for ("// mem: 64", "// kargs: userns=owned").
func TestGuest(t *testing.T) {
	sources, err := filepath.Glob("guest/*.c")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no guest programs: %v", err)
	}
	table := compare(t, "guest")
	var jobs []job
	for _, src := range sources {
		name := strings.TrimSuffix(filepath.Base(src), ".c")
		jobs = append(jobs, job{name, 1, func(t *testing.T, at *board) {
			at.running(name, name)
			defer at.finished(name, 1, "")
			h := readHeader(t, src)
			prog := compile(t, src)
			var linux map[string]bool
			if !h.cleaveOnly {
				command := []string{"unshare", "-mpf", "--mount-proc", prog}
				if h.initial {
					command = []string{prog}
				}
				linux = judge(t, "Linux", native(t, command...), true)
			}
			for test, ok := range judge(t, "Cleave", guest{mem: h.mem, kargs: h.kargs}.run(t, prog), false) {
				switch {
				case h.cleaveOnly:
					table.addReason(name, test, "SKIP", verdict(ok), "only for Cleave: what it does to the machine, or the model that it tests, the host's Linux cannot have")
				case linux[test] || !ok:
					table.addReason(name, test, verdict(linux[test]), verdict(ok), "")
				default:
					table.addReason(name, test, "FAIL", "PASS", "differs on purpose")
				}
			}
		}})
	}
	inLanes(t, "guest tests", jobs)
}

func verdict(ok bool) string {
	if ok {
		return "PASS"
	}
	return "FAIL"
}

// judge returns the cases of a report and whether they passed. It fails t for each case that did not pass, or did not
// fail on Linux where Cleave diverges from it.
func judge(t *testing.T, where string, r result, linux bool) map[string]bool {
	t.Helper()
	if strings.Contains(r.stderr, "leak") {
		t.Errorf("%s: %s", where, r.stderr)
	}
	cases, err := parseTAP(r.stdout)
	if err != nil {
		t.Errorf("%s: %v\nstatus %d\nstdout:\n%s\nstderr:\n%s", where, err, r.status, r.stdout, r.stderr)
		return nil
	}
	bad, passed := 0, make(map[string]bool)
	for _, c := range cases {
		passed[c.name] = c.ok
		if want := !(linux && c.diverges); c.ok != want {
			t.Errorf("%s: %s: ok is %v, want %v", where, c.name, c.ok, want)
			bad++
		}
	}
	if bad > 0 {
		t.Logf("%s printed:\n%s%s", where, r.stdout, r.stderr)
	} else if !linux && r.status != 0 {
		t.Errorf("%s: exit status %d\n%s", where, r.status, r.stderr)
	}
	return passed
}
