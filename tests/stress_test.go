//go:build guest

package tests

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/u-root/u-root/pkg/cpio"
)

const (
	stressMem     = "1024"            // MiB, of both guests
	stressSilence = 120 * time.Second // a guest that prints nothing for so long, besides the time of a stressor, hangs

	stressorsPerGuest = 12 // few, so that side by side guests end together; a boot takes less than one of them
)

// stressor is what came of one of stress-ng's stressors.
type stressor struct {
	name    string
	verdict string // PASS, SKIP if stress-ng itself skips it, or FAIL
	reason  string
}

// someStressors are run if nobody asks for others.
const someStressors = "cpu,fork,mmap,pipe,sigrt,switch,timerfd"

// TestStress runs Debian's i386 stress-ng in Debian's cloud kernel and in Cleave, in the same QEMU with the same memory,
// one stressor after another with --verify. Those that Linux does not fail must do in Cleave what they do there.
//
// STRESS=fork,mmap picks stressors, STRESS_SECONDS=2 how long each runs (5); -conformance runs all. The verdicts of Linux
// are kept in build/conformance/stress-linux.tsv: to have them anew, remove it.
func TestStress(t *testing.T) {
	seconds, err := strconv.Atoi(cmp.Or(os.Getenv("STRESS_SECONDS"), "5"))
	if err != nil {
		t.Fatal(err)
	}
	base := debian(t, "stress-ng")
	names := strings.Split(cmp.Or(os.Getenv("STRESS"), someStressors), ",")
	if *conformance {
		names = allStressors(t, base)
	}
	linux := linuxStressors(t, base, names, seconds)
	table := compare(t, "stress")
	names = slices.DeleteFunc(names, func(n string) bool { return linux[n].verdict == "FAIL" || table.has("stress-ng", n) })
	t.Logf("Linux fails %d, %d are left for Cleave", failedStressors(linux), len(names))
	var jobs []job
	for some := range slices.Chunk(names, stressorsPerGuest) {
		jobs = append(jobs, job{"from " + some[0], len(some), func(t *testing.T, at *board) {
			cleave := runStressors(t, at, some, seconds, cleaveCommand(stressRoot(t, base, some), seconds))
			for _, n := range some {
				table.add("stress-ng", n, linux[n].verdict, cleave[n].verdict)
			}
			table.save(t)
		}})
	}
	inLanes(t, "stressors in Cleave", jobs)
}

func failedStressors(verdicts map[string]stressor) int {
	n := 0
	for _, s := range verdicts {
		if s.verdict == "FAIL" {
			n++
		}
	}
	return n
}

// allStressors lists stress-ng's stressors. far-branch comes last: it fills 128 pages with half a million functions, and
// QEMU takes a minute to forget its translation of them when their memory is used again.
func allStressors(t *testing.T, base string) []string {
	t.Helper()
	const last = "far-branch"
	names := strings.Fields(inRoot(t, base, "/usr/bin/stress-ng", "--stressors").stdout)
	names = slices.DeleteFunc(names, func(n string) bool { return n == last })
	if len(names) == 0 {
		t.Fatal("stress-ng lists no stressors")
	}
	return append(names, last)
}

// stressRoot makes a root with stress-ng, the program that runs stressors and the list of those.
func stressRoot(t *testing.T, base string, names []string) string {
	t.Helper()
	root := rootWith(t, base, map[string]string{"stressors": strings.Join(names, "\n") + "\n", "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n"})
	command(t, "cp", compile(t, "programs/stress/stress.c"), filepath.Join(root, "init"))
	return root
}

// cleaveCommand returns what starts Cleave with the stressors that come after one.
func cleaveCommand(root string, seconds int) func(context.Context, string) *exec.Cmd {
	return func(ctx context.Context, after string) *exec.Cmd {
		args := []string{"run", "-K", filepath.Join(repo, "build", "cleave.elf"), "-m", stressMem, "-r", root, "--", "/init", strconv.Itoa(seconds)}
		return exec.CommandContext(ctx, filepath.Join(repo, "build", "cleave"), append(args, strings.Fields(after)...)...)
	}
}

// linuxCommand returns what starts Linux with the stressors that come after one.
func linuxCommand(kernel, image string, seconds int) func(context.Context, string) *exec.Cmd {
	return func(ctx context.Context, after string) *exec.Cmd {
		return exec.CommandContext(ctx, "qemu-system-x86_64", "-M", "pc", "-accel", "tcg", "-cpu", "max", "-m", stressMem,
			"-nodefaults", "-no-user-config", "-nographic", "-no-reboot", "-serial", "stdio", "-kernel", kernel, "-initrd", image,
			"-append", fmt.Sprintf("console=ttyS0 loglevel=1 mitigations=off reboot=t panic=-1 -- %d %s", seconds, after))
	}
}

// linuxStressors returns the verdicts of Linux: those of an earlier run as far as there are any.
func linuxStressors(t *testing.T, base string, names []string, seconds int) map[string]stressor {
	t.Helper()
	dir := filepath.Join(repo, "build", "conformance")
	mkdir(t, dir)
	f, err := os.OpenFile(filepath.Join(dir, "stress-linux.tsv"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	known := make(map[string]stressor)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if f := strings.Split(lines.Text(), "\t"); len(f) == 3 {
			known[f[0]] = stressor{f[0], f[1], f[2]}
		}
	}
	missing := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return known[n].name != "" })
	kernel := ""
	if len(missing) > 0 {
		kernel = cloudKernel(t)
	}
	var mu sync.Mutex
	var jobs []job
	for some := range slices.Chunk(missing, stressorsPerGuest) {
		jobs = append(jobs, job{"Linux from " + some[0], len(some), func(t *testing.T, at *board) {
			image := filepath.Join(t.TempDir(), "linux.cpio")
			writeInitrd(t, stressRoot(t, base, some), image)
			found := runStressors(t, at, some, seconds, linuxCommand(kernel, image, seconds))
			mu.Lock()
			defer mu.Unlock()
			for _, s := range found {
				known[s.name] = s
				if _, err := fmt.Fprintf(f, "%s\t%s\t%s\n", s.name, s.verdict, s.reason); err != nil {
					t.Fatal(err)
				}
			}
		}})
	}
	inLanes(t, "stressors in Linux", jobs)
	if t.Failed() {
		t.FailNow()
	}
	verdicts := make(map[string]stressor)
	for _, n := range names {
		verdicts[n] = known[n]
	}
	return verdicts
}

// runStressors boots a guest that runs the stressors. When it dies or hangs, that stressor has failed and a new guest
// goes on behind it.
func runStressors(t *testing.T, at *board, names []string, seconds int, boot func(context.Context, string) *exec.Cmd) map[string]stressor {
	t.Helper()
	defer func() { at.finished(t.Name(), 0, "") }()
	results := make(map[string]stressor)
	for after := ""; after != names[len(names)-1]; {
		at.running(t.Name(), "a guest boots")
		last, ended := runGuest(t, at, boot, after, time.Duration(seconds)*time.Second+stressSilence, results)
		if ended {
			break
		}
		if last == after {
			t.Fatalf("the guest does not start behind %q", after)
		}
		after = last
	}
	return results
}

// runGuest runs one guest and adds what it reports to results. It returns the last stressor that was started and whether
// the list came to its end.
func runGuest(t *testing.T, at *board, boot func(context.Context, string) *exec.Cmd, after string, silence time.Duration, results map[string]stressor) (string, bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := boot(ctx, after)
	log := new(strings.Builder)
	cmd.Stderr = log
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(silence, cancel)
	defer watchdog.Stop()
	last, ended := after, false
	noise, began := "", time.Now()
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		f := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
		switch {
		case len(f) < 2 || f[0] != "stress":
			noise = tailBytes(noise+line, 2000)
		case f[1] == "start" && len(f) == 3:
			last = f[2]
			results[last] = stressor{last, "FAIL", "the guest died"}
			noise, began = "", time.Now()
			watchdog.Reset(silence)
			at.running(t.Name(), last)
		case f[1] == "end":
			ended = true
		case len(f) >= 4:
			results[f[1]] = judgeStressor(f[1], f[2], strings.Join(f[3:], " "))
			t.Logf("%-14s %s after %v %s", f[1], results[f[1]].verdict, time.Since(began).Round(time.Second), results[f[1]].reason)
			at.finished(t.Name(), 1, "")
		}
		if err != nil {
			break
		}
	}
	if ctx.Err() != nil {
		results[last] = stressor{last, "FAIL", "the guest hung"}
	}
	if err := cmd.Wait(); !ended {
		t.Logf("%s: %s: %v\n%s%s", last, results[last].reason, err, noise, tailBytes(log.String(), 6000))
	}
	return last, ended
}

func tailBytes(s string, n int) string { return s[max(0, len(s)-n):] }

// judgeStressor makes a verdict of stress-ng's exit status (its manual page, EXIT STATUS) and output.
func judgeStressor(name, status, output string) stressor {
	lines := strings.Split(output, "|")
	reason := func(words ...string) string {
		for _, w := range words {
			for _, l := range lines {
				if strings.Contains(l, w) && !strings.Contains(l, "no CPUs found") {
					_, text, ok := strings.Cut(l, "] ")
					if !ok {
						text = l
					}
					return strings.TrimPrefix(strings.TrimSpace(text), name+": ")
				}
			}
		}
		return ""
	}
	skipped := reason("skipped,", "skipping stressor", "disabled '")
	switch {
	case status == "0" && skipped == "":
		return stressor{name, "PASS", ""}
	case status == "0", status == "3", status == "4", status == "1" && skipped != "":
		return stressor{name, "SKIP", cmp.Or(skipped, reason("not implemented", "skip"), "exit status "+status)}
	}
	return stressor{name, "FAIL", cmp.Or(reason("fail:", "error:", "unsuccessful"), "status") + " (" + status + ")"}
}

// writeInitrd packs a folder into an archive as Linux reads it.
func writeInitrd(t *testing.T, dir, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	format, err := cpio.Format("newc")
	if err != nil {
		t.Fatal(err)
	}
	buffered := bufio.NewWriter(f)
	w, recorder := format.Writer(buffered), cpio.NewRecorder()
	err = filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		r, err := recorder.GetRecord(p)
		if err != nil {
			return err
		}
		if r.Name, err = filepath.Rel(dir, p); err != nil {
			return err
		}
		return w.WriteRecord(r)
	})
	if err == nil {
		err = cpio.WriteTrailer(w)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := buffered.Flush(); err != nil {
		t.Fatal(err)
	}
}

// cloudKernel returns Debian's cloud kernel, which it downloads the first time.
func cloudKernel(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(repo, "build", "linux")
	find := func() string {
		found, err := filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*"))
		if err != nil || len(found) == 0 {
			return ""
		}
		return found[0]
	}
	if found := find(); found != "" {
		return found
	}
	mkdir(t, dir)
	command(t, "sh", "-c", `name=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: //p' | head -n 1)
cd "$1" && apt-get -qq download "$name" && dpkg-deb -x linux-image-*.deb . && rm linux-image-*.deb`, "sh", dir)
	return cmp.Or(find(), "no kernel in the package")
}
