package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/u-root/u-root/pkg/cpio"
)

// readAll returns the records of an archive by name, with the padding cut off.
func readAll(t *testing.T, data []byte) map[string]cpio.Record {
	t.Helper()
	format, err := cpio.Format("newc")
	if err != nil {
		t.Fatal(err)
	}
	records, err := cpio.ReadAllRecords(format.Reader(bytes.NewReader(data)))
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]cpio.Record)
	for _, r := range records {
		found[strings.TrimRight(r.Name, "\x00")] = r
	}
	return found
}

func TestPackAlignsFileData(t *testing.T) {
	dir := t.TempDir()
	content := map[string]string{"small": "x", "page": strings.Repeat("p", 4096), "sub/odd": strings.Repeat("o", 5001), "sub/more": strings.Repeat("m", 9000)}
	for name, text := range content {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(filepath.Join(dir, "page"), filepath.Join(dir, "same-page")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("page", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "x.cpio")
	if err := writeArchive(out, func(p *packer) error { return p.addTree(dir) }); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(data)%pageSize != 0 {
		t.Errorf("the archive ends at %d, not at a page", len(data))
	}
	found := readAll(t, data)
	for name, text := range content {
		r, ok := found[name]
		if !ok {
			t.Errorf("%s is missing", name)
			continue
		}
		if got, err := io.ReadAll(io.NewSectionReader(r, 0, int64(r.FileSize))); err != nil || string(got) != text {
			t.Errorf("%s holds %d bytes (%v), want %d", name, len(got), err, len(text))
		}
		if at := bytes.Index(data, []byte(text)); len(text) >= pageSize && at%pageSize != 0 {
			t.Errorf("%s begins at %#x", name, at)
		}
	}
	if a, b := found["page"], found["same-page"]; a.Ino != b.Ino || a.NLink != 2 {
		t.Errorf("hard links: inodes %d and %d, %d links", a.Ino, b.Ino, a.NLink)
	}
	if r := found["link"]; r.Mode&cpio.S_IFMT != cpio.S_IFLNK {
		t.Errorf("the symbolic link has mode %#o", r.Mode)
	}
	names, err := listNames(data)
	if err != nil || !names["sub/odd"] || names["nothing"] {
		t.Errorf("listNames = %v, %v", names, err)
	}
}

func TestReadLogTakesTheRecordsOut(t *testing.T) {
	for _, c := range []struct {
		name, in, out string
		status        int
		seen          bool
		ready         int
	}{
		{"plain", "boot\n\x1eready\nmore\n\x1eexit 255\n", "boot\nmore\n", 255, true, 1},
		{"no exit", "boot\n", "boot\n", 0, false, 0},
		{"cut off", "a\x1eexit 1", "a", 0, false, 0},
		{"ready twice", "\x1eready\n\x1eready\n\x1eexit 0\n", "", 0, true, 1},
		{"junk status", "\x1eexit x\n", "", 0, false, 0},
	} {
		var out bytes.Buffer
		ready := 0
		status, seen := readLog(&oneByOne{strings.NewReader(c.in)}, &out, func() { ready++ })
		if out.String() != c.out || status != c.status || seen != c.seen || ready != c.ready {
			t.Errorf("%s: %q, %d, %v, ready %d times", c.name, out.String(), status, seen, ready)
		}
	}
}

// oneByOne reads a byte at a time, as a pipe may.
type oneByOne struct{ r io.Reader }

func (o *oneByOne) Read(p []byte) (int, error) { return o.r.Read(p[:min(1, len(p))]) }

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func TestFeedInputIsUnderstoodByALineDiscipline(t *testing.T) {
	long := strings.Repeat("l", 3000)
	for _, in := range []string{"", "a\n", "no newline", "\x04\x16\x03\x00\xff\n", long, long + "\n" + long} {
		var typed bytes.Buffer
		feedInput(nopCloser{&typed}, strings.NewReader(in))
		got, ended := canonical(t, typed.Bytes())
		if got != in || !ended {
			t.Errorf("fed %d bytes, read %d, end of file %v", len(in), len(got), ended)
		}
	}
}

// canonical is what a reader of a terminal gets that has only VEOF and VLNEXT, and lines of at most 4095 bytes.
func canonical(t *testing.T, typed []byte) (text string, ended bool) {
	var line []byte
	for i := 0; i < len(typed); i++ {
		switch c := typed[i]; c {
		case ctrlV:
			i++
			line = append(line, typed[i])
		case ctrlD:
			if len(line) == 0 {
				return text, i == len(typed)-1
			}
			text, line = text+string(line), nil
		default:
			line = append(line, c)
			if c == '\n' {
				text, line = text+string(line), nil
			}
		}
		if len(line) > 4095 {
			t.Error("a line is too long for the terminal")
		}
	}
	return text, false
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{"plain": "plain", "": `""`, "two words": `"two words"`, `a"b\c`: `"a\"b\\c"`, "l\n": `"l\n"`} {
		if got := quote(in); got != want {
			t.Errorf("quote(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	kernel := filepath.Join(t.TempDir(), "k")
	if err := os.WriteFile(kernel, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, cause string }{
		{"-M vax", "not known"},
		{"-m 2", "MiB"},
		{"-s 0", "processors"},
		{"-d disk.img", "disk"},
		{"-n", "network"},
		{"-k -i", "exclude"},
		{"", ""},
		{"-m 24 -i", ""},
	} {
		_, err := parseOptions(append([]string{"-K", kernel}, strings.Fields(c.args)...))
		if c.cause == "" && err != nil || c.cause != "" && (err == nil || !strings.Contains(err.Error(), c.cause)) {
			t.Errorf("%q: %v, want %q", c.args, err, c.cause)
		}
	}
}

// Every option that cannot work ends in one line that names the cause.
func TestBadOptions(t *testing.T) {
	dir := t.TempDir()
	kernel := filepath.Join(dir, "cleave.elf")
	if err := os.WriteFile(kernel, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   string
		says   string
		status int
	}{
		{"-m 7", "between 8 and 1048576 MiB", statusUsage},
		{"-m abc", `"abc" for flag -m`, statusUsage},
		{"-s 0", "between 1 and 64", statusUsage},
		{"-s 65", "between 1 and 64", statusUsage},
		{"-M isapc", "microvm, q35 or pc", statusUsage},
		{"-T -1", "-T -1", statusUsage},
		{"-T NaN", "-T NaN", statusUsage},
		{"-T 1e300", "-T 1e+300", statusUsage},
		{"-T soon", `"soon" for flag -T`, statusUsage},
		{"-d disk.img", "no disk driver", statusUsage},
		{"-n", "no network driver", statusUsage},
		{"-k -i", "exclude each other", statusUsage},
		{"-bogus", "-h lists the options", statusUsage},
		{"-a", "flag needs an argument: -a", statusUsage},
		{"-K /nonexistent/cleave.elf", "run 'make' first", statusUsage},
		{"", "run 'make', or name one with -r", statusFailed},
		{"-r /nonexistent", "/nonexistent: no such file", statusFailed},
		{"-r " + dir + " -- nonexistent", `"nonexistent" is neither`, statusFailed},
		{"-r " + dir + " -- .", `"." is neither`, statusFailed},
	} {
		args := strings.Fields(c.args)
		if !strings.Contains(c.args, "-K") {
			args = append([]string{"-K", kernel}, args...)
		}
		status, err := runMain(args)
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") || status != c.status {
			t.Errorf("%s: status %d, %v; want %d and one line that says %q", c.args, status, err, c.status, c.says)
		}
	}
}
