//go:build guest

package tests

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	expect "github.com/Netflix/go-expect"
)

// goPackage is a package of the standard library whose tests must do in Cleave what they do on Linux.
type goPackage struct {
	path  string
	long  bool     // not in go test's short mode
	fast  bool     // a part of 'make test', in short mode
	tools bool     // its tests run the go command, which is given to them in the whole table
	mem   int      // MiB of the machine; 0: 512
	reads []string // folders of GOROOT that its tests read besides their own
}

// Those that take longest come first, so that the lanes end together.
var goPackages = []goPackage{
	{path: "sync/atomic", long: true, fast: true},
	{path: "runtime/pprof"},
	{path: "time", long: true, fast: true, reads: []string{"lib/time"}},
	{path: "os", long: true, fast: true, tools: true, mem: 2048},
	{path: "compress/gzip", reads: []string{"src/testdata"}},
	{path: "go/build", reads: []string{"src"}},
	{path: "runtime", mem: 1024},
	{path: "syscall", long: true, fast: true, tools: true, mem: 2048},
	{path: "sync", long: true, fast: true},
	{path: "os/signal", long: true, fast: true},
	{path: "archive/tar"},
	{path: "mime/multipart"},
	{path: "internal/poll", long: true},
	{path: "bufio", long: true, fast: true},
	{path: "os/exec", long: true, fast: true, tools: true, mem: 2048},
	{path: "io/ioutil", long: true, fast: true, reads: []string{"src/io"}},
	{path: "path/filepath", long: true, fast: true, reads: []string{"src/unicode"}},
	{path: "internal/runtime/atomic", long: true},
	{path: "io", long: true, fast: true},
	{path: "io/fs", long: true},
	{path: "context", long: true},
	{path: "os/user", long: true},
	{path: "net/netip"},
	{path: "log"},
	{path: "archive/zip"},
	{path: "database/sql"},
	{path: "encoding/json"},
	{path: "html/template"},
	{path: "text/template"},
	{path: "testing"},
}

// inPackage runs a test binary, which is given by its path, from its folder. Limits and the control groups are given
// to both sides alike, for there are tests that need them, and no other descriptors than the standard ones.
var inPackage = []string{"/bin/busybox", "sh", "-c", `
	exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
	mount -t cgroup2 cgroup2 /sys/fs/cgroup && ulimit -Sn 1024 && ulimit -Hn 4096 && cd "${1%/*}" && "$@" </dev/null`, "sh"}

// onTerminal runs a program natively as Cleave runs its first process: its standard input is its controlling terminal.
func onTerminal(t *testing.T, line func(string), root string, program ...string) result {
	t.Helper()
	c, err := expect.NewConsole()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	processor := <-processors
	defer func() { processors <- processor }()
	cmd := inRootCommand(ctx, processor, root, append([]string{"/bin/busybox", "setsid", "-c"}, program...)...)
	cmd.Stdin, cmd.Stdout = c.Tty(), &lineWriter{line: line}
	return execute(t, cmd, "")
}

// TestGoTest compiles the tests of packages of the standard library for linux/386, runs them natively and in Cleave,
// and compares test by test.
func TestGoTest(t *testing.T) {
	goroot := goEnv(t, "GOROOT")
	table := compare(t, "go")
	var jobs []job
	for _, p := range goPackages {
		if p.fast && !*conformance || *conformance && !table.has(p.path, "") {
			jobs = append(jobs, job{strings.ReplaceAll(p.path, "/", "_"), 1, func(t *testing.T, at *board) { p.compare(t, at, table, goroot) }})
		}
	}
	inLanes(t, "Go packages", jobs)
}

// compare runs the tests of p natively and in Cleave and adds their verdicts to the table. In Cleave time is counted in
// instructions, so that deadlines do not depend on what else the host does.
func (p goPackage) compare(t *testing.T, at *board, table *comparison, goroot string) {
	t.Helper()
	verdict := "no verdict"
	defer func() { at.finished(p.path, 1, p.path+": "+verdict) }()
	at.running(p.path, p.path+" is built")
	root := goTestRoot(t, goroot, p)
	program := append(slices.Clone(inPackage), filepath.Join(goroot, "src", p.path, "x.test"), "-test.v", "-test.timeout=60m")
	if !p.long || !*conformance {
		program = append(program, "-test.short")
	}
	start := time.Now()
	line := func(line string) { p.running(at, "on Linux", line) }
	want := onLinux(t, func(args ...string) result { return onTerminal(t, line, root, append(program, args...)...) })
	if len(want) == 0 {
		return
	}
	native := time.Since(start).Round(time.Second)
	t.Logf("%d tests ran on Linux in %v", len(want), native)
	machine := guest{root: root, mem: cmp.Or(p.mem, 512), args: []string{"-i"}, timeout: 30 * time.Minute, quiet: 6 * time.Minute,
		line: func(line string) { p.running(at, "in Cleave", line) }}
	got := p.inCleave(t, want, func(args ...string) result { return machine.run(t, append(program, args...)...) })
	agree := 0
	for name, verdict := range want {
		switch got[name] {
		case alone:
			table.addReason(p.path, name, verdict, alone, "passed only when it was run once more, by itself")
		case verdict:
			agree++
			fallthrough
		default:
			table.add(p.path, name, verdict, cmp.Or(got[name], "MISSING"))
		}
	}
	table.save(t)
	verdict = fmt.Sprintf("%d tests, %d agree, %v on Linux, %v in Cleave", len(want), agree, native, time.Since(start).Round(time.Second)-native)
	t.Log(verdict)
}

// running shows on the board what a line of a test binary's output begins.
func (p goPackage) running(at *board, where, line string) {
	if f := strings.Fields(line); len(f) == 3 && f[0] == "===" && f[1] != "PAUSE" {
		at.running(p.path, p.path+" "+where+": "+f[2])
	}
}

// alone is the verdict of a test that has failed in Cleave and passes by itself.
const alone = "ALONE"

// only makes a test binary run some tests.
func only(names []string) string { return "-test.run=^(" + strings.Join(names, "|") + ")$" }

// onLinux returns the verdicts of a test binary on Linux, where all tests must pass. Those that fail are run once more
// by themselves: many have deadlines that a busy host misses.
func onLinux(t *testing.T, run func(args ...string) result) map[string]string {
	t.Helper()
	r := run()
	verdicts := goResults(r.stdout)
	if again := failed(verdicts); len(again) > 0 {
		t.Logf("once more on Linux: status %d\n%s", r.status, failures(r.stdout))
		r = run(only(again))
		maps.Copy(verdicts, goResults(r.stdout))
	}
	if len(verdicts) == 0 || r.status != 0 {
		t.Errorf("the tests do not pass on Linux, which proves nothing: status %d\n%s", r.status, failures(r.stdout))
	}
	return verdicts
}

// inCleave returns the verdicts of a test binary in Cleave. Tests that another took along when it panicked are run
// afterwards. For the whole table so are those that failed, to tell apart those that pass alone.
func (p goPackage) inCleave(t *testing.T, want map[string]string, run func(args ...string) result) map[string]string {
	t.Helper()
	r := run()
	verdicts := goResults(r.stdout)
	again := p.unexplained(want, verdicts)
	if len(again) == 0 {
		if r.status != 0 && len(failed(verdicts)) == 0 {
			t.Errorf("status %d, though no test failed\n%s", r.status, failures(r.stdout))
		}
		return verdicts
	}
	t.Logf("status %d\n%s\n%s", r.status, failures(r.stdout), tail(r.stderr, 100))
	if !*conformance {
		again = slices.DeleteFunc(again, func(name string) bool { return verdicts[name] != "" })
	}
	if len(again) == 0 || len(verdicts) == 0 {
		return verdicts
	}
	r = run(only(again))
	t.Logf("once more, by themselves: %v: status %d\n%s", again, r.status, failures(r.stdout))
	for name, verdict := range goResults(r.stdout) {
		if verdicts[name] != "" && verdict == want[name] {
			verdict = alone
		}
		verdicts[name] = verdict
	}
	return verdicts
}

// failed lists the tests that have failed.
func failed(verdicts map[string]string) []string {
	var names []string
	for name, verdict := range verdicts {
		if verdict == "FAIL" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// unexplained lists the tests that have not done in Cleave what they have done on Linux, for no known reason.
func (p goPackage) unexplained(want, got map[string]string) []string {
	var names []string
	for name, verdict := range want {
		if differs(verdict, cmp.Or(got[name], "MISSING")) && differences["go"][p.path+" "+name] == "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
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

// failures lists the tests that failed and leaves the lines about those that passed out of a test binary's output.
func failures(out string) string {
	var kept []string
	for line := range strings.SplitSeq(out, "\n") {
		if f := strings.Fields(line); len(f) < 2 || f[0] != "===" && !(f[0] == "---" && f[1] == "PASS:") {
			kept = append(kept, line)
		}
	}
	return fmt.Sprintf("failed: %v\n%s", failed(goResults(out)), tail(strings.Join(kept, "\n"), 150))
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	value, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(value))
}

// goTestRoot makes a root with coreutils and, for the rest, the commands of busybox, the test binary of a package in a copy of the package's
// folder, and the files that its tests look for.
func goTestRoot(t *testing.T, goroot string, p goPackage) string {
	t.Helper()
	root := rootWith(t, debian(t, "busybox-static", "coreutils"), map[string]string{
		"etc/passwd":   "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
		"etc/group":    "root:x:0:\nnogroup:x:65534:\n",
		"etc/hosts":    "127.0.0.1 localhost\n",
		"etc/services": "http 80/tcp\n",
	})
	mkdir(t, filepath.Join(root, "sys/fs/cgroup"))
	mkdir(t, filepath.Join(root, "usr/bin"))
	applets, err := exec.Command(filepath.Join(root, "bin/busybox"), "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	command(t, "ln", "-sf", "busybox", filepath.Join(root, "bin/sh"))
	for _, name := range strings.Fields(string(applets)) {
		if err := os.Symlink("/bin/busybox", filepath.Join(root, "usr/bin", name)); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	if p.tools && *conformance {
		goTools(t, root, goroot)
	}
	for _, dir := range append([]string{filepath.Join("src", p.path)}, p.reads...) {
		to := filepath.Join(root, goroot, dir)
		mkdir(t, to)
		command(t, "cp", "-a", filepath.Join(goroot, dir)+"/.", to)
	}
	cmd := exec.Command("go", "test", "-c", "-o", filepath.Join(root, goroot, "src", p.path, "x.test"), p.path)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=386", "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go test -c %s: %v\n%s", p.path, err, text)
	}
	return root
}

// goTools puts the go command for linux/386 into a root, with all that building a test of the standard library needs.
// What the native run builds stays in the root's build cache, so that the guest's need not compile it all again.
func goTools(t *testing.T, root, goroot string) {
	t.Helper()
	to := filepath.Join(root, goroot)
	mkdir(t, filepath.Join(to, "pkg"))
	command(t, "sh", "-c", `cd "$1" && tar cf - --exclude=src/cmd --exclude=testdata VERSION go.env src pkg/include | tar xf - -C "$2"`, "sh", goroot, to)
	for _, tool := range []string{"go", "gofmt", "compile", "link", "asm", "vet"} {
		out := filepath.Join(to, "pkg/tool/linux_386", tool)
		if strings.HasPrefix(tool, "go") {
			out = filepath.Join(to, "bin", tool)
		}
		cmd := exec.Command("go", "build", "-o", out, "cmd/"+tool)
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=386", "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go build cmd/%s: %v\n%s", tool, err, text)
		}
	}
	if err := os.Symlink(filepath.Join(goroot, "bin/go"), filepath.Join(root, "usr/bin/go")); err != nil {
		t.Fatal(err)
	}
}
