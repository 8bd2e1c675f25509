package main

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"
)

// Control characters of the guest's terminal (termios(3)).
const (
	ctrlD = 0x04 // VEOF
	ctrlV = 0x16 // VLNEXT: the next character is taken as it is
)

// flushEvery is after how many bytes without a newline a VEOF is sent, which hands an unfinished line to the reader:
// a line in the terminal's buffer is limited to 4096 bytes.
const flushEvery = 1024

// piped reports whether the guest's console is to pass bytes through unchanged: its input is not a terminal, or it is that
// of a program whose output is not a terminal.
func (o *options) piped() bool {
	return !isTTY(os.Stdin) || len(o.program) > 0 && !isTTY(os.Stdout)
}

// qemuArgs is QEMU's command line. Descriptor 3 takes the kernel's log.
func qemuArgs(o *options, image, init string) []string {
	args := []string{"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-m", strconv.Itoa(o.mem), "-smp", strconv.Itoa(o.cpus),
		"-kernel", o.kernel, "-append", kernelArgs(o, init),
		"-chardev", "file,id=log,path=/dev/fd/3", "-device", "isa-debugcon,iobase=0xe9,chardev=log",
		"-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"}
	if image != "" {
		args = append(args, "-initrd", image)
	}
	switch o.machine {
	case "microvm":
		args = append(args, "-M", "microvm,rtc=on")
	default:
		args = append(args, "-M", o.machine)
	}
	if o.piped() {
		args = append(args, "-chardev", "stdio,id=tty,signal=off")
	} else {
		args = append(args, "-chardev", "stdio,id=tty,signal=off,mux=on", "-mon", "chardev=tty")
	}
	args = append(args, "-serial", "chardev:tty")
	return append(args, accelArgs(o)...)
}

func accelArgs(o *options) []string {
	var args []string
	switch {
	case o.icount:
		args = []string{"-accel", "tcg", "-icount", "shift=0,sleep=off", "-cpu", "max,-erms,-fsrm"}
	case kvmUsable() == nil:
		args = []string{"-accel", "kvm", "-cpu", "host"}
	default:
		args = []string{"-accel", "tcg", "-cpu", "max"}
	}
	if o.gdb {
		args = append(args, "-s", "-S")
	}
	return args
}

// kernelArgs is the kernel's command line. Arguments of the program that hold spaces or quotes are quoted.
func kernelArgs(o *options, init string) string {
	var args []string
	if o.piped() {
		args = append(args, "console=ttyS0,raw")
	}
	if o.trace {
		args = append(args, "trace=all")
	}
	if len(o.program) > 0 {
		args = append(args, "init="+quote(init), "panic=exit")
	}
	if o.kargs != "" {
		args = append(args, o.kargs)
	}
	if len(o.program) > 1 {
		args = append(args, "--")
		for _, a := range o.program[1:] {
			args = append(args, quote(a))
		}
	}
	return strings.Join(args, " ")
}

// quote writes a word for the kernel's command line: as it is, or in double quotes with \\, \" and \n escaped.
func quote(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\n\"\\") {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(word) + `"`
}

// feedInput copies r to the guest's terminal, which is in canonical mode with all special characters off but VEOF and
// VLNEXT, so that the program reads just these bytes and then the end of the file.
func feedInput(w io.WriteCloser, r io.Reader) {
	out := bufio.NewWriter(w)
	in := bufio.NewReader(r)
	run := 0
	for {
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
		c, err := in.ReadByte()
		if err != nil {
			break
		}
		if c == ctrlD || c == ctrlV {
			out.WriteByte(ctrlV) // bufio keeps the error for Flush
		}
		out.WriteByte(c)
		if run++; c == '\n' {
			run = 0
		} else if run == flushEvery {
			out.WriteByte(ctrlD)
			run = 0
		}
	}
	if run > 0 {
		out.WriteByte(ctrlD) // hands over the unfinished line
	}
	out.WriteByte(ctrlD)
	if out.Flush() != nil {
		return // the guest has gone
	}
}
