package tmpfs

import "testing"

func TestParseSize(t *testing.T) {
	const total = 1000 // pages of memory
	for text, want := range map[string]int64{"0": 0, "1": 1, "4096": 1, "4097": 2, "64k": 16, "1M": 256, "1g": 262144, "50%": 500, "0x2000": 2} {
		if n, err := parseSize(text, total); err != nil || n != want {
			t.Errorf("parseSize(%q) = %d, %v, want %d", text, n, err, want)
		}
	}
	for _, text := range []string{"", "k", "-1", "1x", "%", "-5%", "99999999999g", "1 M"} {
		if n, err := parseSize(text, total); err == nil {
			t.Errorf("parseSize(%q) = %d, want an error", text, n)
		}
	}
}
