// Gen writes the overlay that the kernel is built with, for the Go release that is installed, and the files that are changed
// for it next to it, in a folder of its name without ".json".
//
//	go run ./boot/goruntime/gen -o build/_overlay.json
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"cleave/boot/goruntime"
)

func main() {
	out := flag.String("o", "overlay.json", "write the overlay to this `file`")
	dir := flag.String("dir", "boot/goruntime", "the `folder` of the overlay's files")
	flag.Parse()
	if err := run(*out, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(out, dir string) error {
	env, err := exec.Command("go", "env", "GOVERSION", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	version, goroot, _ := strings.Cut(strings.TrimSpace(string(env)), "\n")
	if err := goruntime.CheckVersion(version); err != nil {
		return err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return err
	}
	files, err := filepath.Abs(strings.TrimSuffix(out, ".json"))
	if err != nil {
		return err
	}
	overlay, err := goruntime.Overlay(goroot, dir, files)
	if err != nil {
		return err
	}
	// Leave the file alone if it is right: its time stamp may be what a build depends on.
	if old, err := os.ReadFile(out); err == nil && bytes.Equal(old, overlay) {
		return nil
	}
	return os.WriteFile(out, overlay, 0o644)
}
