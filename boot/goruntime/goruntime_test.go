package goruntime

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckVersion(t *testing.T) {
	for version, ok := range map[string]bool{
		"go1.26.5": true, "go1.26.8": true, "go1.26.12": true, "go1.26.5 X:nodwarf5": true,
		"": false, "go1.26": false, "go1.26.4": false, "go1.26rc1": false, "go1.25.9": false, "go1.27.5": false,
		"go2.26.5": false, "devel go1.27-abc": false,
	} {
		if err := CheckVersion(version); (err == nil) != ok {
			t.Errorf("%q: %v", version, err)
		}
	}
}

func TestOverlay(t *testing.T) {
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	src := filepath.Join(strings.TrimSpace(string(goroot)), "src")
	dir, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	b, err := Overlay(filepath.Dir(src), dir, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var o struct{ Replace map[string]string }
	if err := json.Unmarshal(b, &o); err != nil {
		t.Fatal(err)
	}
	for target, file := range o.Replace {
		if _, err := os.Stat(file); err != nil {
			t.Errorf("%s: %v", target, err)
		}
		std, _ := filepath.Rel(src, target)
		_, err := os.Stat(target)
		_, replaces := replaced[std]
		list, changes := changed[std]
		if (replaces || changes) != (err == nil) {
			t.Errorf("%s: replaced: %v, changed: %v, exists: %v", std, replaces, changes, err == nil)
		}
		for _, c := range list {
			if text, err := os.ReadFile(file); err != nil || strings.Contains(string(text), c.old) || !strings.Contains(string(text), c.new) {
				t.Errorf("%s: %q is not changed: %v", std, c.old, err)
			}
		}
		if strings.HasSuffix(target, "_test.go") {
			t.Errorf("%s: a test in the kernel", target)
		}
	}
	for std := range replaced {
		if o.Replace[filepath.Join(src, std)] == "" {
			t.Errorf("%s is not replaced", std)
		}
	}
	if o.Replace[filepath.Join(src, "internal/bare/pool.go")] == "" {
		t.Error("internal/bare is missing")
	}
}

func TestOverlayOfAnotherGo(t *testing.T) {
	if _, err := Overlay(t.TempDir(), ".", t.TempDir()); err == nil {
		t.Error("an empty GOROOT is good enough")
	}
}

// TestChange refuses a file in which the text is not there once.
func TestChange(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "new", "out")
	for text, want := range map[string]string{"a b c": "a d c", "a c": "", "b b": ""} {
		if err := os.WriteFile(in, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		err := apply([]change{{"b", "d"}}, in, out)
		if (err == nil) != (want != "") {
			t.Errorf("%q: %v", text, err)
		}
		if got, _ := os.ReadFile(out); want != "" && string(got) != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
