package tests

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// tapCase is one line of a TAP report.
type tapCase struct {
	name     string
	ok       bool
	diverges bool // differs from Linux on purpose
}

var tapLine = regexp.MustCompile(`^(not )?ok (\d+) - (.*)$`)

// parseTAP reads a report of the Test Anything Protocol: a plan "1..N" and the cases 1 to N in order, nothing skipped.
// Other lines are comments. An error says what is missing or out of order.
func parseTAP(text string) ([]tapCase, error) {
	plan := -1
	var cases []tapCase
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, "\r")
		if n, ok := strings.CutPrefix(line, "1.."); ok && plan < 0 {
			var err error
			if plan, err = strconv.Atoi(n); err != nil {
				return nil, fmt.Errorf("plan %q: %w", line, err)
			}
			continue
		}
		m := tapLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if n, err := strconv.Atoi(m[2]); err != nil || n != len(cases)+1 {
			return cases, fmt.Errorf("case %s where %d was due", m[2], len(cases)+1)
		}
		name, diverges := strings.CutSuffix(m[3], " # DIVERGES")
		if strings.Contains(strings.ToUpper(name), "# SKIP") {
			return cases, fmt.Errorf("%s: a skipped case proves nothing", name)
		}
		cases = append(cases, tapCase{name, m[1] == "", diverges})
	}
	switch {
	case plan < 0:
		return cases, fmt.Errorf("no plan after %d cases: the program was cut off", len(cases))
	case plan != len(cases):
		return cases, fmt.Errorf("%d cases of %d", len(cases), plan)
	case plan == 0:
		return cases, fmt.Errorf("an empty plan")
	}
	return cases, nil
}
