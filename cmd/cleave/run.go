package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/klauspost/compress/zstd"
)

// Exit statuses of 'cleave run' that are not the program's own.
const (
	statusUsage   = 2   // also of the other commands
	statusPanic   = 70  // the kernel panicked, or the machine stopped without saying why
	statusFailed  = 71  // QEMU or the image could not be made ready
	statusTimeout = 124 // -T ran out, as timeout(1) has it
)

// hostDir is where a program of the host lies in the image.
const hostDir = "host"

// smallMemory is the size in MiB below which the default root is left out of the image.
const smallMemory = 64

func runMain(args []string) (int, error) {
	o, err := parseOptions(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Print(runUsage)
		return 0, nil
	}
	if err != nil {
		return statusUsage, err
	}
	if o.cpus > 1 {
		fmt.Fprintf(os.Stderr, "cleave: -s %d: this kernel uses one of them\n", o.cpus)
	}
	dir, err := os.MkdirTemp("", "cleave-")
	if err != nil {
		return statusFailed, err
	}
	defer os.RemoveAll(dir)
	image, init, err := buildImage(o, dir)
	if err == nil {
		err = fits(o, image)
	}
	if err != nil {
		return statusFailed, err
	}
	return boot(o, image, init)
}

// fits refuses an image that the memory cannot hold beside the kernel: QEMU would load it over something else.
func fits(o *options, image string) error {
	need := int64(2 << 20) // below the kernel
	for _, path := range []string{o.kernel, image} {
		if path == "" {
			continue
		}
		st, err := os.Stat(path)
		if err != nil {
			return err
		}
		need += st.Size()
	}
	if need > int64(o.mem)<<20 {
		return fmt.Errorf("-m %d is too little memory: the kernel and the image alone take %d MiB", o.mem, need>>20+1)
	}
	return nil
}

// buildImage makes the archive that the kernel boots with and tells the path of the first process in it, which is
// empty if the kernel is to choose.
func buildImage(o *options, dir string) (image, init string, err error) {
	root, mend := o.root, "name a folder or an archive after -r"
	if root == "" {
		mend = "run 'make', or name one with -r"
	}
	if root == "" && (len(o.program) == 0 || o.mem >= smallMemory || filepath.IsAbs(o.program[0])) {
		root = filepath.Join(filepath.Dir(o.kernel), "root.cpio")
	}
	if st, err := os.Stat(root); root != "" && err != nil {
		return "", "", fmt.Errorf("no root file system: %w; %s", err, mend)
	} else if root != "" && st.IsDir() {
		packed := filepath.Join(dir, "root.cpio")
		if err := step("packing "+root, func() error {
			return writeArchive(packed, func(p *packer) error { return p.addTree(root) })
		}); err != nil {
			return "", "", err
		}
		root = packed
	}
	if len(o.program) == 0 {
		return root, "", nil
	}
	program := o.program[0]
	inside, err := rootHas(root, program)
	if err != nil || inside {
		return root, program, err
	}
	if o.root == "" && o.mem < smallMemory {
		root = ""
	}
	st, err := os.Stat(program)
	if err != nil || st.IsDir() {
		return "", "", fmt.Errorf("%q is neither an absolute path inside the root nor a file of the host", program)
	}
	init = "/" + hostDir + "/" + filepath.Base(program)
	image = filepath.Join(dir, "image.cpio")
	err = step("packing "+program, func() error { return programImage(image, program, init, root) })
	return image, init, err
}

// readArchive returns an archive's contents, decompressed if its name ends in .gz or .zst.
func readArchive(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = f
	switch filepath.Ext(name) {
	case ".gz":
		if r, err = gzip.NewReader(f); err != nil {
			return nil, err
		}
	case ".zst":
		z, err := zstd.NewReader(f)
		if err != nil {
			return nil, err
		}
		defer z.Close()
		r = z
	}
	return io.ReadAll(r)
}

// rootHas reports whether path, if absolute, is in the archive root. An archive that cannot be read has every path: what is
// wrong with it is for the kernel to say.
func rootHas(root, path string) (bool, error) {
	if root == "" || !filepath.IsAbs(path) {
		return false, nil
	}
	if _, err := os.Stat(root); err != nil {
		return false, err
	}
	data, err := readArchive(root)
	if err != nil {
		return true, nil
	}
	names, err := listNames(data)
	if err != nil {
		return true, nil
	}
	return names[strings.Trim(filepath.Clean(path), "/")], nil
}

// programImage writes an archive with the program at init, followed by the archive root.
func programImage(image, program, init, root string) error {
	err := writeArchive(image, func(p *packer) error {
		if root == "" {
			for _, d := range []string{"dev", "proc", "sys", "tmp"} {
				if err := p.dirs(d + "/x"); err != nil {
					return err
				}
			}
		}
		return p.addFile(program, init)
	})
	if err != nil || root == "" {
		return err
	}
	out, err := os.OpenFile(image, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	in, err := os.Open(root)
	if err != nil {
		return errors.Join(err, out.Close())
	}
	defer in.Close()
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// boot runs QEMU and returns what the first process returned.
func boot(o *options, image, init string) (int, error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	logRead, logWrite, err := os.Pipe()
	if err != nil {
		return statusFailed, err
	}
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", qemuArgs(o, image, init)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{logWrite} // descriptor 3
	runtime.LockOSThread()                // whose end is what the next line means
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	feed := func() {}
	if o.piped() {
		in, err := cmd.StdinPipe()
		if err != nil {
			return statusFailed, err
		}
		feed = func() { feedInput(in, os.Stdin) }
	} else {
		cmd.Stdin = os.Stdin
	}
	if err := cmd.Start(); err != nil {
		return statusFailed, fmt.Errorf("%w (Debian package qemu-system-x86)", err)
	}
	logWrite.Close()
	status, seen := readLog(logRead, os.Stderr, func() { go feed() })
	waitErr := cmd.Wait()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return statusTimeout, fmt.Errorf("gave up after %v", o.timeout)
	case ctx.Err() != nil:
		return 130, errors.New("interrupted")
	case seen:
		return status, nil
	case len(o.program) == 0 && waitErr == nil:
		return 0, nil // ended from QEMU's own monitor, or rebooted
	}
	if exit, ok := errors.AsType[*exec.ExitError](waitErr); ok && exit.ExitCode() == 1 {
		return statusFailed, errors.New("QEMU could not start the machine") // it has said why
	}
	return statusPanic, fmt.Errorf("the machine stopped without an exit status (QEMU: %v)", waitErr)
}

// The kernel's log is text, with records of its own between: a line that begins with recordMark. "ready" says that the
// console takes input, "exit N" is the last thing in the log, N the exit status of the first process. (QEMU's own exit
// status has only seven bits of it.)
const recordMark = '\x1e'

// readLog copies the log r to w until its end, without the records, calls ready at the first record of that name, and
// returns the status of the exit record.
func readLog(r io.Reader, w io.Writer, ready func()) (status int, seen bool) {
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		if in.Buffered() == 0 {
			if _, err := in.Peek(1); err != nil {
				return status, seen
			}
		}
		text, _ := in.Peek(in.Buffered())
		if i := bytes.IndexByte(text, recordMark); i >= 0 {
			text = text[:i]
		}
		if _, err := w.Write(text); err != nil {
			w = io.Discard // nobody reads it; the machine goes on
		}
		n, _ := in.Discard(len(text))
		if n < len(text) || in.Buffered() == 0 {
			continue
		}
		record, err := in.ReadString('\n')
		switch name, value, _ := strings.Cut(strings.TrimSpace(record[1:]), " "); {
		case err != nil:
			return status, seen
		case name == "ready":
			ready()
			ready = func() {}
		case name == "exit":
			if status, err = strconv.Atoi(value); err == nil {
				seen = true
			}
		}
	}
}
