//go:build cleave

// Command selftest is a kernel that tests boot/x86 on the machine and prints the outcome in the Test Anything Protocol.
// run.sh builds it and runs it in QEMU on several models of processors.
//
// The kernel argument fault=NAME makes it cause one unexpected exception in ring 0 instead, and expect its report. The
// arguments seed=N and programs=N are for the test with random programs, emulator=bochs excuses a flaw of Bochs.
package main

import (
	"fmt"
	"strconv"
	"strings"
	"unsafe"

	"cleave/boot/goruntime/bare"
	"cleave/boot/x86"
)

//go:linkname reportExit runtime.bareReportExit
func reportExit(status uint8)

//go:linkname startInfo runtime.bareInfo
var startInfo bare.StartInfo

// commandLine returns the kernel arguments.
func commandLine() string {
	p := unsafe.Pointer(uintptr(directMap + startInfo.Cmdline))
	return string(unsafe.Slice((*byte)(p), startInfo.CmdSize))
}

// A test returns an error that says what is wrong, or a skip.
type test struct {
	name string
	run  func(m *machine) error
}

// skip is the error of a test that this processor cannot run.
type skip string

func (s skip) Error() string { return string(s) }

func main() {
	m := newMachine()
	for _, word := range strings.Fields(commandLine()) {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "fault":
			causeFault(m, value)
			return
		case "emulator":
			m.bochs = value == "bochs"
		case "seed":
			m.seed, _ = strconv.ParseUint(value, 10, 64)
		case "programs":
			m.programs, _ = strconv.Atoi(value)
		}
	}
	x86.SetReport(func(t *x86.KernelTrap) {
		fmt.Printf("Bail out! exception in ring 0: %+v\n", *t)
		reportExit(1)
	})
	fmt.Printf("# %+v\n", m.cpu.Features)
	var tests []test
	for _, group := range [][]test{exceptionTests(), stateTests, segmentTests, entryTests, debugTests, memoryTests, interruptTests, randomTests, costTests} {
		tests = append(tests, group...)
	}
	fmt.Printf("1..%d\n", len(tests))
	failed := 0
	for i, t := range tests {
		err := t.run(m)
		switch reason, skipped := err.(skip); {
		case err == nil:
			fmt.Printf("ok %d - %s\n", i+1, t.name)
		case skipped:
			fmt.Printf("ok %d - %s # SKIP %s\n", i+1, t.name, string(reason))
		default:
			fmt.Printf("not ok %d - %s\n# %s\n", i+1, t.name, strings.ReplaceAll(err.Error(), "\n", "\n# "))
			failed++
		}
	}
	if failed != 0 {
		reportExit(1)
	}
	reportExit(0)
}

// causeFault does what ring 0 must not do, and passes if it is reported as it should be.
func causeFault(m *machine, name string) {
	f, ok := faults[name]
	if !ok {
		fmt.Printf("Bail out! no fault %q\n", name)
		reportExit(2)
	}
	fmt.Println("1..1")
	x86.SetReport(func(t *x86.KernelTrap) {
		if t.Vector != f.vector || f.addr != nil && t.CR2 != f.addr(m) || t.StackLo == 0 {
			fmt.Printf("not ok 1 - %s\n# %+v\n", name, *t)
			reportExit(1)
		}
		fmt.Printf("ok 1 - %s in ring 0 is reported\n", name)
		reportExit(0)
	})
	if reason := f.cause(m); reason != "" {
		fmt.Printf("ok 1 - %s # SKIP %s\n", name, reason)
		reportExit(0)
	}
	fmt.Printf("not ok 1 - %s\n# nothing happened\n", name)
	reportExit(1)
}
