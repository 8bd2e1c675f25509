package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"

	"github.com/u-root/u-root/pkg/cpio"
)

// uroot is the module whose commands make the default root, bbTool the builder that makes one program of them. Both
// versions are pinned by go.mod.
const (
	uroot  = "github.com/u-root/u-root"
	bbTool = "github.com/u-root/gobusybox/src/cmd/makebb"
)

// shellTag makes u-root's shell leave the editing of lines to the terminal. Its default asks the terminal questions and
// redraws the screen at every key; its middle form ends at the first Ctrl-C that a command gets.
const shellTag = "goshsmall"

// leftOut are the commands that do not build for linux/386, or need what no Cleave has. Without init the kernel starts
// the shell.
var leftOut = map[string]bool{
	"init": true, "bind": true, "lockmsrs": true, "msr": true, "strace": true, "kexec": true, "rsdp": true, "insmod": true,
	"rmmod": true, "lsmod": true, "lsdrivers": true, "pci": true, "gpgv": true, "fusermount": true, "blkid": true,
	"watchdogd": true, "sluinit": true, "service": true, "update-rc.d": true, "brctl": true, "sshd": true, "gpt": true,
}

// rootFiles are the files of the default root besides the commands.
var rootFiles = map[string]string{
	"etc/passwd":   "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
	"etc/group":    "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
	"etc/hostname": "cleave\n",
	"etc/motd":     "Cleave: Linux i386 programs in a kernel written in Go. Ctrl-A X ends QEMU.\n",
}

func rootMain(args []string) (int, error) {
	flags := flag.NewFlagSet("root", flag.ContinueOnError)
	out := flags.String("o", "build/root.cpio", "the archive `FILE.cpio` to write")
	if err := flags.Parse(args); err != nil {
		return usageStatus(err), errUsage
	}
	work, err := os.MkdirTemp("", "cleave-root-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(work)
	if err := buildRoot(*out, work); err != nil {
		return 1, fmt.Errorf("building the default root: %w", err)
	}
	return 0, nil
}

// buildRoot compiles u-root's commands into one program in the folder work and packs it, with a link per command.
func buildRoot(out, work string) error {
	src := filepath.Join(work, "u-root")
	if err := step("fetching u-root", func() error { return copyModule(uroot, src) }); err != nil {
		return err
	}
	commands, err := filepath.Glob(filepath.Join(src, "cmds", "core", "*"))
	if err != nil {
		return err
	}
	var packages, names []string
	for _, c := range commands {
		if name := filepath.Base(c); !leftOut[name] {
			packages, names = append(packages, "./cmds/core/"+name), append(names, name)
		}
	}
	bb := filepath.Join(work, "bb")
	err = step("building u-root's commands for linux/386", func() error {
		tool := filepath.Join(work, "makebb")
		if err := goTool(src, nil, "go", "build", "-o", tool, bbTool); err != nil {
			return err
		}
		return goTool(src, []string{"GOOS=linux", "GOARCH=386", "CGO_ENABLED=0"}, tool, append([]string{"-o", bb, "-go-build-tags", shellTag}, packages...)...)
	})
	if err != nil {
		return err
	}
	return writeArchive(out, func(p *packer) error { return packRoot(p, bb, names) })
}

// copyModule copies the source of a module that go.mod requires to dst, writable.
func copyModule(module, dst string) error {
	info, err := exec.Command("go", "mod", "download", "-json", module).Output()
	if err != nil {
		return fmt.Errorf("go mod download %s: %w", module, err)
	}
	var found struct{ Dir, Error string }
	if err := json.Unmarshal(info, &found); err != nil {
		return err
	}
	if found.Dir == "" {
		return errors.New(found.Error)
	}
	return os.CopyFS(dst, os.DirFS(found.Dir))
}

// goTool runs a command in dir with more environment; what it printed is shown only if it fails.
func goTool(dir string, env []string, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, text)
	}
	return nil
}

// packRoot lays out the default root.
func packRoot(p *packer, bb string, names []string) error {
	for _, d := range []string{"bin", "dev", "etc", "host", "mnt", "proc", "root", "sys", "tmp", "usr/bin", "var/tmp"} {
		if err := p.dirs(d + "/x"); err != nil {
			return err
		}
	}
	if err := p.addFile(bb, "bin/bb"); err != nil {
		return err
	}
	for _, n := range names {
		if err := p.add(cpio.Symlink("bin/"+n, "bb")); err != nil {
			return err
		}
	}
	if err := p.add(cpio.Symlink("bin/sh", "gosh")); err != nil {
		return err
	}
	var files []string
	for f := range rootFiles {
		files = append(files, f)
	}
	sort.Strings(files)
	for _, f := range files {
		if err := p.add(cpio.StaticFile(f, rootFiles[f], 0o644)); err != nil {
			return err
		}
	}
	return nil
}
