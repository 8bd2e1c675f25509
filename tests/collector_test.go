//go:build guest

package tests

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// TestProgramCollector holds the longest stop of a task by the garbage collector, while stress-ng forks, maps memory and
// opens files, to a millisecond of guest time: of instructions. COLLECTOR_SECONDS is for how many seconds of it ('make gc':
// 60).
func TestProgramCollector(t *testing.T) {
	const limit = time.Millisecond
	seconds := 2
	if s := os.Getenv("COLLECTOR_SECONDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		seconds = n
	}
	g := guest{root: debian(t, "stress-ng"), mem: 512, args: []string{"-i"}, kargs: "gcstat", timeout: 2*time.Minute + time.Duration(seconds)*time.Minute}
	r := g.run(t, "/usr/bin/stress-ng", "--fork", "1", "--mmap", "1", "--open", "1", "--timeout", fmt.Sprint(seconds))
	figures := regexp.MustCompile(`gc: .*`).FindAllString(r.stderr, -1)
	for _, line := range figures {
		t.Log(line)
	}
	m := regexp.MustCompile(`gc: ([0-9]+) collections .*longest stop of a task ([^ ]+) `).FindStringSubmatch(r.stderr)
	if m == nil || r.status != 0 {
		t.Fatalf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	stop, err := time.ParseDuration(m[2])
	if err != nil || m[1] == "0" {
		t.Fatalf("%s: %v", m[0], err)
	}
	if stop > limit {
		t.Errorf("the collector stopped a task for %v, more than %v", stop, limit)
	}
}
