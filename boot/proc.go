//go:build cleave

package main

import (
	"fmt"
	"strconv"
	"strings"

	"cleave/abi"
	"cleave/boot/irq"
	"cleave/boot/klog"
	"cleave/proc/procfs"
)

// What boot has to show in /proc.

// settings are those below /proc/sys that belong to boot.
func (k *kernel) settings() map[string]procfs.Setting {
	return map[string]procfs.Setting{
		"kernel/printk": {
			Get: func() string { return fmt.Sprintf("%d\t%d\t1\t%d", kernelLog.Level(), klog.Warning, klog.Warning+1) },
			Set: func(v string) error {
				first, _, _ := strings.Cut(strings.TrimSpace(v), "\t")
				n, err := strconv.Atoi(strings.Fields(first + " x")[0])
				if err != nil || n < 0 || n > klog.Debug+1 {
					return abi.EINVAL
				}
				kernelLog.SetLevel(n)
				return nil
			},
		},
	}
}

// sysRq carries out a command of /proc/sysrq-trigger: c crashes the kernel, to see how that looks, b reboots, o powers
// off. EINVAL for all others.
//
// DIVERGES: Linux has more commands, and ignores what it doesn't know.
func (k *kernel) sysRq(key byte) error {
	switch key {
	case 'c':
		var nothing *kernel
		nothing.args = k.args
	case 'b':
		k.machine.reboot()
	case 'o':
		k.end(0)
	}
	return abi.EINVAL
}

// text is /proc/interrupts.
func (ic *interrupts) text() string {
	var s strings.Builder
	s.WriteString("           CPU0\n")
	ic.mu.Lock()
	for v := irq.First; v <= irq.Last; v++ {
		if name, ok := ic.names[uint8(v)]; ok {
			fmt.Fprintf(&s, "%3d: %10d   IO-APIC   %s\n", name.gsi, ic.table.Count(uint8(v)), name.name)
		}
	}
	ic.mu.Unlock()
	fmt.Fprintf(&s, "LOC: %10d   Local timer interrupts\nERR: %10d\n", ic.cpus[0].ticks.Load(), ic.table.Stray())
	return s.String()
}

// flagNames are the names that /proc/cpuinfo gives to the bits of a register, "" for those that it doesn't show. The
// kernel hides features of 64-bit programs, for it has none.
var flagNames = [...]struct {
	leaf  uint32
	reg   int
	names string
}{
	{1, 3, "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - dts acpi mmx fxsr sse sse2 ss ht tm ia64 pbe"},
	{0x80000001, 3, "- - - - - - - - - - - syscall - - - - - - - - nx - mmxext - - fxsr_opt pdpe1gb rdtscp - - 3dnowext 3dnow"},
	{1, 2, "pni pclmulqdq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cid sdbg fma cx16 xtpr pdcm - pcid dca sse4_1 sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave osxsave avx f16c rdrand hypervisor"},
	{7, 1, "fsgsbase tsc_adjust - bmi1 hle avx2 - smep bmi2 erms invpcid rtm"},
}

// cpuInfo is /proc/cpuinfo.
func (k *kernel) cpuInfo() string {
	_, b, c, d := cpuid(0, 0)
	a1, b1, _, _ := cpuid(1, 0)
	family, model := a1>>8&15, a1>>4&15
	if family == 15 {
		family += a1 >> 20 & 0xff
	}
	if a1>>8&15 >= 6 {
		model |= a1 >> 12 & 0xf0
	}
	var s strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&s, "%-16s: "+format+"\n", append([]any{name}, args...)...)
	}
	line("processor", "0")
	line("vendor_id", "%s", registers(b, d, c))
	line("cpu family", "%d", family)
	line("model", "%d", model)
	line("model name", "%s", brand())
	line("stepping", "%d", a1&15)
	line("cpu MHz", "%d.%03d", tscRate/1e6, tscRate/1e3%1000)
	line("apicid", "%d", b1>>24)
	line("fpu", "yes")
	line("fpu_exception", "yes")
	line("wp", "yes")
	line("flags", "%s", strings.Join(cpuFlags(), " "))
	line("bogomips", "%d.%02d", tscRate/5e5, tscRate/5e3%100)
	line("clflush size", "%d", b1>>8&0xff*8)
	return s.String() + "\n"
}

// registers returns the characters in registers of CPUID.
func registers(r ...uint32) string {
	var b []byte
	for _, v := range r {
		b = append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
	}
	return strings.Trim(string(b), "\x00 ")
}

// brand is the name of the processor (SDM vol. 2, CPUID leaves 0x80000002 to 0x80000004).
func brand() string {
	var r []uint32
	if top, _, _, _ := cpuid(0x80000000, 0); top >= 0x80000004 {
		for leaf := uint32(0x80000002); leaf <= 0x80000004; leaf++ {
			a, b, c, d := cpuid(leaf, 0)
			r = append(r, a, b, c, d)
		}
	}
	return registers(r...)
}

// cpuFlags are the names of the processor's features.
func cpuFlags() []string {
	var flags []string
	top, _, _, _ := cpuid(0, 0)
	for _, f := range flagNames {
		if f.leaf < 0x80000000 && f.leaf > top {
			continue
		}
		var r [4]uint32
		r[0], r[1], r[2], r[3] = cpuid(f.leaf, 0)
		for bit, name := range strings.Fields(f.names) {
			if name != "-" && r[f.reg]>>bit&1 != 0 {
				flags = append(flags, name)
			}
		}
	}
	return flags
}
