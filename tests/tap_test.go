package tests

import "testing"

func TestParseTAP(t *testing.T) {
	good := "1..2\n# a comment\nok 1 - one\nnot ok 2 - two # DIVERGES\r\n"
	cases, err := parseTAP(good)
	if err != nil || len(cases) != 2 || !cases[0].ok || cases[1].ok || !cases[1].diverges || cases[1].name != "two" {
		t.Errorf("parseTAP(good) = %v, %v", cases, err)
	}
	for name, text := range map[string]string{
		"silent":       "",
		"cut off":      "1..3\nok 1 - a\nok 2 - b\n",
		"no plan":      "ok 1 - a\n",
		"out of order": "1..2\nok 2 - b\nok 1 - a\n",
		"skipped":      "1..1\nok 1 - a # SKIP no device\n",
		"empty":        "1..0\n",
		"too many":     "1..1\nok 1 - a\nok 2 - b\n",
	} {
		if _, err := parseTAP(text); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
