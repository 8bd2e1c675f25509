//go:build guest

package tests

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// goPackages are the packages of the standard library whose tests must do in Cleave what they do on Linux. The value
// is what go test -run is given.
var goPackages = map[string]string{
	"sync/atomic": ".",
	"sync":        ".",
	"bufio":       ".",
	"time":        ".",
	"io":          ".",
	"os/signal":   ".",
}

// TestGoTest compiles the tests of packages of the standard library for linux/386, runs them natively and in Cleave,
// and compares test by test.
func TestGoTest(t *testing.T) {
	for pkg, pattern := range goPackages {
		t.Run(pkg, func(t *testing.T) {
			t.Parallel()
			root := goTestRoot(t, pkg)
			args := []string{"/go/src/" + pkg + "/x.test", "-test.v", "-test.run=" + pattern, "-test.short", "-test.timeout=20m"}
			shell := []string{"/bin/busybox", "sh", "-c", `cd "${1%/*}" && exec "$@"`, "sh"}
			want := goResults(inRoot(t, root, append(shell, args...)...).stdout)
			r := guest{root: root, mem: 512, timeout: 25 * time.Minute}.run(t, append(shell, args...)...)
			got := goResults(r.stdout)
			if len(want) == 0 {
				t.Fatal("no test ran natively")
			}
			for name, verdict := range want {
				if got[name] != verdict {
					t.Errorf("%s: %s in Cleave, %s on Linux", name, cmp.Or(got[name], "missing"), verdict)
				}
			}
			if r.status != 0 || t.Failed() {
				t.Errorf("status %d\n%s\n%s", r.status, tail(r.stdout, 100), tail(r.stderr, 100))
			}
			t.Logf("%d tests agree", len(want))
		})
	}
}

// tail returns the last n lines of text.
func tail(text string, n int) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// goResults reads the output of a test binary: the name of each top-level test -> PASS, FAIL or SKIP.
func goResults(out string) map[string]string {
	verdicts := make(map[string]string)
	lines := bufio.NewScanner(strings.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var verdict, name string
		if n, err := fmt.Sscanf(lines.Text(), "--- %s %s", &verdict, &name); err == nil && n == 2 {
			verdicts[name] = strings.TrimSuffix(verdict, ":")
		}
	}
	return verdicts
}

// goTestRoot makes a root with busybox, the test binary of pkg beside a copy of the package's folder, and the files
// that tests look for.
func goTestRoot(t *testing.T, pkg string) string {
	t.Helper()
	root := rootWith(t, debian(t, "busybox-static"), map[string]string{"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "etc/hosts": "127.0.0.1 localhost\n"})
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	src := filepath.Join(strings.TrimSpace(string(goroot)), "src", pkg)
	dir := filepath.Join(root, "go/src", pkg)
	mkdir(t, filepath.Dir(dir))
	command(t, "cp", "-a", src, dir)
	zones := filepath.Join(strings.TrimSpace(string(goroot)), "lib/time")
	mkdir(t, filepath.Join(root, zones))
	command(t, "cp", "-a", zones+"/.", filepath.Join(root, zones))
	cmd := exec.Command("go", "test", "-c", "-o", filepath.Join(dir, "x.test"), pkg)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=386", "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go test -c %s: %v\n%s", pkg, err, text)
	}
	return root
}
