//go:build cleave

package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cleave/abi"
	"cleave/abi/linux386"
	"cleave/boot/cmdline"
	"cleave/boot/klog"
	"cleave/boot/x86"
	"cleave/drivers/uart"
	"cleave/fs"
	"cleave/fs/tty"
	"cleave/mm"
	"cleave/ns"
	"cleave/ns/user"
	"cleave/proc"
)

// statusNoInit is the exit status when there is nothing to run: no root file system, no first process.
const statusNoInit = 71

// kernel is all parts, wired together.
type kernel struct {
	args    cmdline.Args
	machine *machine
	cpu     *x86.CPU
	irq     *interrupts
	clock   *clock
	random  *entropy

	memory  *mm.Memory
	vfs     *fs.VFS
	users   *user.Namespace
	set     *ns.Set
	root    *fs.Caller // the kernel's own view of the files, as root
	console *tty.TTY
	port    *uart.UART // of console
	abi     *linux386.ABI
	proc    *proc.Kernel
	exited  chan int // gets the wait(2) status of the first process
	gcStat  *gcStat  // nil unless asked for
}

// fastCalls has the ABI's names of the instructions that enter the kernel.
var fastCalls = [...]linux386.FastCall{
	x86.FastNone: linux386.FastNone, x86.FastSysenter: linux386.FastSysenter, x86.FastSyscall: linux386.FastSyscall,
}

// build makes everything but tasks.
func (k *kernel) build() error {
	var err error
	if k.memory, err = newMemory(k.cpu, k.random); err != nil {
		return err
	}
	k.users = user.NewInitial()
	model, err := user.ParseModel(k.args.UserNS)
	if err != nil {
		return err
	}
	k.users.SetNewModel(model)
	if err := k.buildFiles(); err != nil {
		return err
	}
	size, features := fpuState(&k.cpu.Features)
	_, _, _, hwcap := cpuid(1, 0)
	k.abi, err = linux386.New(linux386.Config{
		Memory: k.memory, CPU: k.cpu, Fast: fastCalls[k.cpu.Features.Fast], HWCap: hwcap, FPUSize: size, FPUFeatures: features,
		Clock: k.clock, Reboot: k.reboot, Log: messages{kernelLog}, Trace: newTracer(k.args.Trace),
	})
	if err != nil {
		return err
	}
	k.clock.onChange(func() { k.abi.SetTime(k.clock.source()) })
	k.exited = make(chan int, 1)
	var cpu proc.CPU = k.cpu
	if k.args.GCStat {
		k.gcStat = &gcStat{CPU: k.cpu}
		cpu = k.gcStat
	}
	k.proc = proc.New(proc.Config{
		Memory: k.memory, VFS: k.vfs, Clock: k.clock, ABI: k.abi, CPU: cpu, Interrupts: k.irq, Random: k.random.Read,
		MaxTasks: maxTasks(), Short: heapShort, NewParker: newParker,
		InitExited: func(status int) { k.exited <- status }, TraceCalls: k.args.Trace != "",
		Log:    func(msg string) { kernelLog.Add(klog.Warning, msg) },
		UserNS: k.users, Set: k.set,
	})
	k.irq.guardian = startGuardian(k)
	return k.mountAll()
}

// fpuState returns the size of the state of x87, SSE and, if the CPU has it, AVX in bytes, and its bits of XCR0 (SDM
// vol. 1, 13.4).
func fpuState(f *x86.Features) (size int, features uint64) {
	switch {
	case f.AVX:
		return 832, 7
	case f.XSAVE:
		return 576, 3
	}
	return 512, 0
}

// reboot carries out a command of reboot(2).
func (k *kernel) reboot(_ *proc.Task, cmd uint32) error {
	switch cmd {
	case abi.LINUX_REBOOT_CMD_RESTART, abi.LINUX_REBOOT_CMD_RESTART2:
		k.port.Flush()
		k.machine.reboot()
	case abi.LINUX_REBOOT_CMD_HALT:
		k.port.Flush()
		haltForever()
	case abi.LINUX_REBOOT_CMD_POWER_OFF:
		k.end(0)
	}
	return abi.EINVAL
}

// newTracer returns what writes the trace of system calls: of all of them, or of those whose names are in list.
func newTracer(list string) func(*proc.Task, []byte) {
	names := make(map[string]bool)
	for name := range strings.SplitSeq(list, ",") {
		names[name] = true
		known := func(c linux386.Support) bool { return c.Name == name }
		if name != "" && name != "all" && !slices.ContainsFunc(linux386.Calls(), known) {
			kernelLog.Printf(klog.Warning, "kernel argument: trace=%s: no system call has this name", name)
		}
	}
	return func(_ *proc.Task, line []byte) {
		name, _, _ := bytes.Cut(line, []byte("("))
		if names["all"] || names[string(name)] {
			writeConsole(string(line) + "\n")
		}
	}
}

// initPaths are where the first process is looked for if the command line doesn't say.
var initPaths = []string{"/init", "/sbin/init", "/bin/init", "/bin/sh"}

// initEnv is the environment of the first process.
var initEnv = []string{"HOME=/", "TERM=linux", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

// run starts the first process, waits until it ends, and returns its exit status as a shell would show it.
func (k *kernel) run() (status uint8, err error) {
	before, mounts := k.census(), k.set.Mount.Count()
	files := fs.NewFDTable()
	init, err := k.proc.NewInit(proc.InitConfig{FS: k.root.FS.Copy(), Files: files, Cred: user.NewRoot(k.users)})
	if err != nil {
		return 0, err
	}
	if err := k.openConsole(init, files); err != nil {
		return 0, err
	}
	if err := k.execInit(init); err != nil {
		return 0, err
	}
	reportReady()
	init.Start()
	w := <-k.exited
	k.checkLeaks(before, mounts)
	if sig := w & 0x7f; sig != 0 {
		return uint8(128 + sig), nil
	}
	return uint8(w >> 8), nil
}

// execInit has the first process run its program.
func (k *kernel) execInit(init *proc.Task) error {
	paths := initPaths
	if k.args.Init != "" {
		paths = []string{k.args.Init}
	}
	for _, path := range paths {
		err := init.Exec(&proc.ExecArgs{DirFD: abi.AT_FDCWD, Path: path, Args: append([]string{path}, k.args.InitArgs...), Env: initEnv})
		if err == nil {
			return nil
		}
		if k.args.Init != "" || !errors.Is(err, abi.ENOENT) {
			var e abi.Errno
			errors.As(err, &e)
			return fmt.Errorf("cannot run %s: %w%s", path, err, execHints[e])
		}
	}
	return fmt.Errorf("no init found: tried %v (kernel argument init=)", paths)
}

// execHints tell what it mostly means that the first process cannot be run.
var execHints = map[abi.Errno]string{
	abi.ENOENT:  " (the file, or the interpreter that it names, is not in the root)",
	abi.EACCES:  " (it is not an executable file)",
	abi.ENOEXEC: " (it is neither an i386 ELF program nor a script)",
	abi.ENOMEM:  " (the machine has too little memory for it)",
}

// end sends what the console has yet to send, and ends the machine.
func (k *kernel) end(status uint8) {
	if k.gcStat != nil {
		k.gcStat.report()
	}
	if k.port != nil {
		k.port.Flush()
	}
	k.machine.powerOff(status)
}

// boot runs the first process, and ends the machine with its status.
func (k *kernel) boot() {
	err := k.build()
	if err == nil {
		var status uint8
		if status, err = k.run(); err == nil {
			k.end(status)
		}
	}
	kernelLog.Printf(klog.Emergency, "cleave: %v", err)
	k.end(statusNoInit)
}
