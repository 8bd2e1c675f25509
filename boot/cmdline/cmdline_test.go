package cmdline

import (
	"reflect"
	"testing"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		line   string
		words  []string
		closed bool
	}{
		{"", nil, true},
		{"  a\tb\n c ", []string{"a", "b", "c"}, true},
		{`init="/a b" ""`, []string{"init=/a b", ""}, true},
		{`"a\"b\\c\nd\e"`, []string{"a\"b\\c\nd\\e"}, true},
		{`a\"b c"`, []string{`a\b c`}, true},
		{`a "b c`, []string{"a", "b c"}, false},
		{`"a\`, []string{`a\`}, false},
	} {
		words, closed := Split(c.line)
		if !reflect.DeepEqual(words, c.words) || closed != c.closed {
			t.Errorf("Split(%q) = %q, %v, want %q, %v", c.line, words, closed, c.words, c.closed)
		}
	}
}

func TestParse(t *testing.T) {
	a := Parse(`init=/bin/sh console=ttyS0,raw userns=owned panic=reboot loglevel=7 gcstat trace=open,close -- -c "echo hi" --`)
	want := Args{Init: "/bin/sh", InitArgs: []string{"-c", "echo hi", "--"}, Root: "initrd", UserNS: "owned",
		Trace: "open,close", Console: "ttyS0", RawConsole: true, Panic: Reboot, LogLevel: 7, GCStat: true}
	if !reflect.DeepEqual(a, want) {
		t.Errorf("got %+v, want %+v", a, want)
	}
	a = Parse("")
	want = Args{Root: "initrd", UserNS: "mapped", Console: "ttyS0", LogLevel: DefaultLogLevel}
	if !reflect.DeepEqual(a, want) {
		t.Errorf("default: got %+v, want %+v", a, want)
	}
}

func TestProblems(t *testing.T) {
	for _, line := range []string{"nonsense", "userns=", "userns=x", "panic=never", "loglevel=", "loglevel=9", "loglevel=-1",
		"console=tty7", "console=ttyS0,cooked", `init="x`} {
		a := Parse(line)
		if len(a.Problems) != 1 {
			t.Errorf("%s: problems %q, want one", line, a.Problems)
		}
		a.Problems, a.Init = nil, ""
		if want := Parse(""); !reflect.DeepEqual(a, want) {
			t.Errorf("%s: got %+v, want the defaults", line, a)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`init="/a b" panic=exit -- "x`)
	f.Fuzz(func(t *testing.T, line string) { Parse(line) })
}
