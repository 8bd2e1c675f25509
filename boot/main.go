//go:build cleave

// Boot is the kernel: it starts the machine and wires all parts together.
//
// The boot loader enters the start-up stub (boot/link), which enters the overlay of the Go runtime (boot/goruntime),
// which makes page tables, a clock and a heap, and runs main.
package main

import (
	"unsafe"

	"cleave/boot/cmdline"
	"cleave/boot/klog"
	"cleave/boot/x86"
)

// logSize is how many bytes of messages the kernel's log keeps.
const logSize = 64 << 10

var kernelLog = klog.New(logSize, monotonic, writeConsole)

// writeConsole writes a line of the log.
func writeConsole(s string) {
	consoleWrite(2, unsafe.Pointer(unsafe.StringData(s)), int32(len(s)))
}

func main() {
	args := cmdline.Parse(commandLine())
	panicPolicy = int32(args.Panic)
	kernelLog.SetLevel(args.LogLevel)
	for _, p := range args.Problems {
		kernelLog.Printf(klog.Warning, "%s", p)
	}
	cpu := x86.New()
	x86.SetReport(reportTrap)
	startWallClock()
	m := &machine{acpi: readACPI()}
	ic := newInterrupts(m.acpi)
	ic.start(cpu)
	logMachine()
	k := &kernel{args: args, machine: m, cpu: cpu, irq: ic, clock: new(clock), random: newEntropy()}
	k.clock.refine()
	startingStackSize = taskStack
	k.boot()
}

// commandLine is the kernel's command line.
func commandLine() string { return string(physical(startInfo.Cmdline, int(startInfo.CmdSize))) }

// logMachine tells what the kernel runs on.
func logMachine() {
	free, total, _ := frameCounts()
	kernelLog.Printf(klog.Info, "cleave: %d MiB of memory, %d MiB free; time stamp counter %d.%03d MHz; main after %d ticks",
		total>>8, free>>8, tscRate/1e6, tscRate/1e3%1000, readTSC()-startTSC)
	if startInfo.Truncated {
		kernelLog.Printf(klog.Warning, "memory: the map has too many regions, some are unused")
	}
}
