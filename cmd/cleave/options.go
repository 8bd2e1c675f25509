package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// options are what the command line of 'cleave run' (and so of ./qemu.sh) says.
type options struct {
	kernel  string
	root    string // folder or archive; empty: the default root
	disks   []string
	mem     int // MiB
	cpus    int
	machine string
	kargs   string
	network bool
	trace   bool
	gdb     bool
	kvm     bool
	icount  bool
	timeout time.Duration
	program []string // PROGRAM and its arguments; empty: the shell of the root
}

// runUsage is what -h prints.
const runUsage = `usage: ./qemu.sh [options] [-- PROGRAM [ARG...]]

Boots the kernel in QEMU. With no PROGRAM, the root's /init or shell runs on this terminal (Ctrl-A X ends QEMU).
PROGRAM runs as the first process: an absolute path that the root has is the root's, anything else is a file of the host
that is copied into the image. Its output is this command's output, its exit status this command's exit status (128+N
after signal N). After a kernel panic the status is 70 and the report is on standard error.

  -r DIR|FILE.cpio[.gz|.zst]  root file system (default: build/root.cpio; with less than 64 MiB of memory, PROGRAM alone)
  -m MiB      memory (default 128)
  -s CPUS     processors (default 1; this kernel uses one)
  -M MACHINE  microvm, q35 or pc (default microvm)
  -a 'ARGS'   kernel arguments: userns=mapped|owned panic=reboot|halt|exit loglevel=0..8 trace=... console=... gcstat
  -t          trace system calls on standard error
  -g          wait for gdb on port 1234 (gdb -x boot/cleave.gdb)
  -k          use KVM and fail without it (default: KVM if it is usable, else emulation)
  -i          emulate, and count instructions instead of time (-icount shift=0,sleep=off)
  -T SECONDS  give up after that long, with status 124
  -K FILE     kernel (default build/cleave.elf)
  -d IMAGE    virtio disk, -n network: this kernel has no drivers for them yet
`

// maxTimeout is the longest -T.
const maxTimeout = 10 * 365 * 24 * time.Hour

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func parseOptions(args []string) (*options, error) {
	o := new(options)
	flags := flag.NewFlagSet("qemu.sh", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the caller prints the error
	flags.StringVar(&o.kernel, "K", "build/cleave.elf", "")
	flags.StringVar(&o.root, "r", "", "")
	flags.Var((*list)(&o.disks), "d", "")
	flags.IntVar(&o.mem, "m", 128, "")
	flags.IntVar(&o.cpus, "s", 1, "")
	flags.StringVar(&o.machine, "M", "microvm", "")
	flags.StringVar(&o.kargs, "a", "", "")
	flags.BoolVar(&o.network, "n", false, "")
	flags.BoolVar(&o.trace, "t", false, "")
	flags.BoolVar(&o.gdb, "g", false, "")
	flags.BoolVar(&o.kvm, "k", false, "")
	flags.BoolVar(&o.icount, "i", false, "")
	seconds := flags.Float64("T", 0, "")
	if err := flags.Parse(args); err != nil {
		if err == flag.ErrHelp {
			return nil, err
		}
		return nil, fmt.Errorf("%w; ./qemu.sh -h lists the options", err)
	}
	if !(*seconds >= 0 && *seconds <= maxTimeout.Seconds()) {
		return nil, fmt.Errorf("-T %v: between 0 (no limit) and %.0f seconds", *seconds, maxTimeout.Seconds())
	}
	o.timeout = time.Duration(*seconds * float64(time.Second))
	o.program = flags.Args()
	return o, o.check()
}

// check refuses what cannot work, with the cause and the mend.
func (o *options) check() error {
	switch {
	case o.machine != "microvm" && o.machine != "q35" && o.machine != "pc":
		return fmt.Errorf("machine %q is not known: microvm, q35 or pc", o.machine)
	case o.mem < 8 || o.mem > 1<<20:
		return fmt.Errorf("-m %d: between 8 and 1048576 MiB", o.mem)
	case o.cpus < 1 || o.cpus > 64:
		return fmt.Errorf("-s %d: between 1 and 64 processors", o.cpus)
	case len(o.disks) > 0:
		return fmt.Errorf("-d %s: this kernel has no disk driver yet; put the files into the root with -r DIR", o.disks[0])
	case o.network:
		return fmt.Errorf("-n: this kernel has no network driver yet")
	case o.kvm && o.icount:
		return fmt.Errorf("-k and -i exclude each other: KVM does not count instructions")
	case o.kvm:
		return kvmUsable()
	}
	if _, err := os.Stat(o.kernel); err != nil {
		return fmt.Errorf("no kernel at %s: run 'make' first", o.kernel)
	}
	return nil
}

// kvmUsable says why KVM cannot run this kernel here, or nil.
func kvmUsable() error {
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("KVM is not usable: %w", err)
	}
	f.Close()
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return fmt.Errorf("KVM is not usable: %w", err)
	}
	for _, line := range strings.Split(string(info), "\n") {
		if name, flags, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "flags" {
			for _, f := range strings.Fields(flags) {
				if f == "vmx" || f == "svm" {
					return nil
				}
			}
		}
	}
	return fmt.Errorf("KVM is not usable: the processor shows neither vmx nor svm")
}
