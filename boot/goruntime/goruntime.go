// Package goruntime makes the stock Go runtime run without an operating system: it replaces, through 'go build -overlay',
// the files of the standard library that make system calls, changes a few lines in others, and adds a package of support to it.
//
// The files are in _overlay, whose name keeps the go command from taking them for a package of this module, and in
// bare, which is a package of this module too, so that it has tests.
package goruntime

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The Go releases that the overlay was written for: 1.goMinor, from patch release goPatch on. The replaced files are
// private to a release; a new minor release needs a look at what changed in them.
const (
	goMinor = 26
	goPatch = 5
)

// CheckVersion returns an error unless version, as 'go env GOVERSION' prints it, is a Go release that the overlay fits.
func CheckVersion(version string) error {
	release, _, _ := strings.Cut(strings.TrimPrefix(version, "go"), " ")
	fields := strings.Split(release, ".")
	minor, patch := -1, -1
	if len(fields) == 3 && fields[0] == "1" {
		if m, err := strconv.Atoi(fields[1]); err == nil {
			minor = m
		}
		if p, err := strconv.Atoi(fields[2]); err == nil {
			patch = p
		}
	}
	if minor != goMinor || patch < goPatch {
		return fmt.Errorf("this kernel needs Go 1.%d.%d or a later 1.%d release, not %s: it replaces files of Go's runtime",
			goMinor, goPatch, goMinor, version)
	}
	return nil
}

// replaced are the files of the standard library, below GOROOT/src, that the overlay replaces, and with what.
var replaced = map[string]string{
	"runtime/sys_linux_amd64.s":                        "_overlay/runtime/sys_linux_amd64.s",
	"runtime/time_linux_amd64.s":                       "_overlay/runtime/time_linux_amd64.s",
	"runtime/mem_linux.go":                             "_overlay/runtime/mem_linux.go",
	"runtime/netpoll_epoll.go":                         "_overlay/runtime/netpoll_epoll.go",
	"internal/runtime/syscall/linux/asm_linux_amd64.s": "_overlay/syscall/asm_linux_amd64.s",
	"crypto/internal/fips140/drbg/entropy_fips140.go":  "_overlay/drbg/entropy_fips140.go",
}

// change is a text that is in a file of the standard library once, and what stands there instead.
type change struct{ old, new string }

// changed are the files, below GOROOT/src, in which the overlay changes how long the collector works at once. On one CPU
// nothing else runs meanwhile, and to mark small objects costs an order of magnitude more than the millisecond for a
// megabyte that the runtime counts with.
var changed = map[string][]change{
	"runtime/mgcmark.go": {
		{"rootBlockBytes = 256 << 10", "rootBlockBytes = 8 << 10"}, // of the image's data in a piece
		// Of a large object in a piece. It must be more than 32 KiB: smaller objects share their span with others.
		{"maxObletBytes = 128 << 10", "maxObletBytes = 36 << 10"},
		{"drainCheckThreshold = 100000", "drainCheckThreshold = 4000"}, // bytes until a worker looks whether its turn is over
	},
	"runtime/mgcpacer.go": {{"gcOverAssistWork = 64 << 10", "gcOverAssistWork = 8 << 10"}}, // bytes that who allocates marks in advance
	"runtime/mgc.go": {{"return float64(selfTime)/float64(delta) > 1.2*gcController.fractionalUtilizationGoal",
		"return bareWorkerExit(now-p.gcMarkWorkerStartTime, selfTime, delta)"}},
}

// added are the folders whose files the overlay adds, and where to. Files that replace others are not added.
var added = map[string]string{
	"_overlay/runtime": "runtime",
	"bare":             "internal/bare",
}

// Overlay returns the overlay, in the format of 'go build -overlay', for the standard library in goroot and this
// package's source in dir, an absolute path. Files that it changes it writes to the folder out, an absolute path too. It fails
// if a file that it replaces does not exist, or one that it changes is not as expected.
func Overlay(goroot, dir, out string) ([]byte, error) {
	replace := make(map[string]string)
	taken := make(map[string]bool)
	for std, file := range replaced {
		target := filepath.Join(goroot, "src", std)
		if _, err := os.Stat(target); err != nil {
			return nil, fmt.Errorf("the Go in %s is not the one that this kernel was written for: %w", goroot, err)
		}
		replace[target] = filepath.Join(dir, file)
		taken[file] = true
	}
	for std, list := range changed {
		target, file := filepath.Join(goroot, "src", std), filepath.Join(out, std)
		if err := apply(list, target, file); err != nil {
			return nil, err
		}
		replace[target] = file
	}
	for folder, std := range added {
		entries, err := os.ReadDir(filepath.Join(dir, folder))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			name := e.Name()
			if taken[folder+"/"+name] || strings.HasSuffix(name, "_test.go") || !strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, ".s") {
				continue
			}
			replace[filepath.Join(goroot, "src", std, name)] = filepath.Join(dir, folder, name)
		}
	}
	return json.MarshalIndent(map[string]any{"Replace": replace}, "", "\t")
}

// apply writes the file target with the changes to file, unless it is there already: its time stamp may be what a build
// depends on.
func apply(list []change, target, file string) error {
	text, err := os.ReadFile(target)
	if err != nil {
		return err
	}
	for _, c := range list {
		if n := bytes.Count(text, []byte(c.old)); n != 1 {
			return fmt.Errorf("%s: %q is there %d times, not once", target, c.old, n)
		}
		text = bytes.Replace(text, []byte(c.old), []byte(c.new), 1)
	}
	if old, err := os.ReadFile(file); err == nil && bytes.Equal(old, text) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}
