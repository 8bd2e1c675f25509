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
	b, err := Overlay(filepath.Dir(src), dir)
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
		if _, replaces := replaced[std]; replaces != (err == nil) {
			t.Errorf("%s: replaced: %v, exists: %v", std, replaces, err == nil)
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
	if _, err := Overlay(t.TempDir(), "."); err == nil {
		t.Error("an empty GOROOT is good enough")
	}
}
