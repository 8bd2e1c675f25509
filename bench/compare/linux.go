package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const linuxArgs = "console=ttyS0 quiet mitigations=off reboot=t panic=-1"

// linuxKernels returns Debian's cloud kernel, and the tuned one if bench/linux/build has built it.
func linuxKernels() ([]kernel, error) {
	file, err := cloudKernel()
	if err != nil {
		return nil, err
	}
	kernels := []kernel{{name: "cloud", file: file, image: file, args: linuxArgs}}
	dir := filepath.Join("build", "linux-tuned")
	tuned := kernel{name: "tuned", file: filepath.Join(dir, "vmlinux"), image: filepath.Join(dir, "bzImage"), args: linuxArgs}
	if _, err := os.Stat(tuned.file); err == nil {
		kernels = append(kernels, tuned)
	}
	return kernels, nil
}

// cloudKernel downloads Debian's cloud kernel, once, and returns its path.
func cloudKernel() (string, error) {
	dir := filepath.Join("build", "linux")
	if found, err := filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*")); err == nil && len(found) > 0 {
		return found[0], nil
	}
	fmt.Fprintln(os.Stderr, "compare: downloading Debian's cloud kernel ...")
	script := `apt-get -qq update || echo 'going on with the package lists that are here'
name=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: //p' | head -n 1)
cd "$1" && apt-get -qq download "$name" && dpkg-deb -x linux-image-*.deb . && rm linux-image-*.deb`
	if err := execute(5*time.Minute, "sh", "-c", script, "sh", dir); err != nil {
		return "", fmt.Errorf("downloading linux-image-cloud-amd64: %w", err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*"))
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("no kernel in the package: %w", err)
	}
	return found[0], nil
}
