package procfs_test

import (
	"fmt"
	"strings"
	"testing"

	"cleave/abi"
	"cleave/proc"
	"cleave/proc/proctest"
)

func TestSysctl(t *testing.T) {
	w := newWorld(t, "")
	plain := w.Init.Fork()
	w.become(plain, 1000)
	for _, test := range []struct{ path, write, want, get string }{
		{"kernel/hostname", "box\n", "", "box\n"},
		{"kernel/domainname", strings.Repeat("x", 65), "EINVAL", "(none)\n"},
		{"kernel/pid_max", "1000", "", "1000\n"},
		{"kernel/pid_max", "300", "EINVAL", "1000\n"},
		{"kernel/sem", "250 32000\n", "", "250\t32000\t500\t32000\n"},
		{"kernel/sem", "1 2 3 4 5", "EINVAL", "250\t32000\t500\t32000\n"},
		{"kernel/msgmax", "junk", "EINVAL", "8192\n"},
		{"kernel/shmmni", "40000", "EINVAL", "4096\n"},
		{"kernel/overflowuid", "65533", "", "65533\n"},
		{"kernel/overflowuid", "65536", "EINVAL", "65533\n"},
		{"kernel/ostype", "x", "EACCES", "Linux\n"},
		{"kernel/osrelease", "x", "EACCES", "6.18.0-cleave\n"},
		{"kernel/printk", "x", "EACCES", "7\n"},
		{"kernel/cap_last_cap", "x", "EACCES", "40\n"},
		{"net/core/somaxconn", "1", "EACCES", "4096\n"},
		{"user/max_uts_namespaces", "7", "", "7\n"},
		{"user/max_uts_namespaces", "-1", "EINVAL", "7\n"},
		{"user/model", "owned", "", "owned\n"},
		{"user/model", "other", "EINVAL", "owned\n"},
		{"vm/max_map_count", "1", "EACCES", "65530\n"},
		{"fs/pipe-max-size", "1", "EACCES", "1048576\n"},
	} {
		path := "/proc/sys/" + test.path
		err := w.write(w.Init, path, test.write)
		if got := fmt.Sprint(err); got != test.want && !(err == nil && test.want == "") {
			t.Errorf("write %q to %s: %v, want %s", test.write, path, err, test.want)
		}
		if got := w.text(plain, path); got != test.get {
			t.Errorf("%s: %q, want %q", path, got, test.get)
		}
		w.want("write by an ordinary user to "+path, w.write(plain, path, test.write), abi.EACCES)
	}
	w.want("drop_caches", w.write(w.Init, "/proc/sys/vm/drop_caches", "3"), 0)
	w.want("drop_caches", w.write(w.Init, "/proc/sys/vm/drop_caches", "9"), abi.EINVAL)
	_, err := w.read(w.Init, "/proc/sys/vm/drop_caches")
	w.want("drop_caches is not for reading", err, abi.EACCES)
	if one, two := w.text(w.Init, "/proc/sys/kernel/random/boot_id"), w.text(w.Init, "/proc/sys/kernel/random/boot_id"); one != two || len(one) != 37 {
		t.Error(one, two)
	}
	w.want("model", w.write(w.Init, "/proc/sys/user/model", "mapped"), 0)
	// Whoever is root of a user namespace sets its own limits.
	c := plain.Clone(proc.CloneArgs{Flags: abi.CLONE_NEWUSER, ExitSignal: abi.SIGCHLD})
	w.want("own limit", w.write(c, "/proc/sys/user/max_uts_namespaces", "3"), 0)
	if a, b := w.text(c, "/proc/sys/user/max_uts_namespaces"), w.text(w.Init, "/proc/sys/user/max_uts_namespaces"); a != "3\n" || b != "7\n" {
		t.Error(a, b)
	}
	w.want("model", w.write(c, "/proc/sys/user/model", "owned"), abi.EACCES)
	w.want("hostname", w.write(c, "/proc/sys/kernel/hostname", "x"), abi.EACCES)
}

func TestKernelFiles(t *testing.T) {
	w := newWorld(t, "")
	for _, test := range []struct{ path, want string }{
		{"/proc/version", "Linux version 6.18.0-cleave\n"}, {"/proc/cmdline", "console=ttyS0\n"}, {"/proc/cpuinfo", "processor\t: 0\n"},
		{"/proc/filesystems", "nodev\ttmpfs\nnodev\tcgroup2\nnodev\tproc\n"}, {"/proc/self/cgroup", "0::/\n"},
		{"/proc/partitions", "major minor  #blocks  name\n\n 254        0       1024 vda\n"},
	} {
		if got := w.text(w.Init, test.path); got != test.want {
			t.Errorf("%s: %q", test.path, got)
		}
	}
	if got := w.field(w.Init, "/proc/meminfo", "MemTotal"); got != "16380 kB" && got != "16384 kB" {
		t.Error(got)
	}
	if got := strings.Fields(w.text(w.Init, "/proc/uptime")); len(got) != 2 {
		t.Error(got)
	}
	if got := strings.Fields(w.text(w.Init, "/proc/loadavg")); len(got) != 5 || got[4] != "1" {
		t.Error(got)
	}
	if got := w.text(w.Init, "/proc/self/limits"); !strings.Contains(got, "\nMax open files            1024                 4096                 files     \n") {
		t.Error(got)
	}
	if got := w.text(w.Init, "/proc/self/maps"); !strings.Contains(got, "/init\n") || !strings.Contains(got, "[stack]") {
		t.Error(got)
	}
	w.do(w.Init, func(p *proc.Task) {
		at := uint32(proctest.Scratch)
		w.want("memory", p.MM().CopyOut(at, []byte("init\x00-x\x00A=b\x00")), 0)
		s := p.MM().Segments()
		s.ArgStart, s.ArgEnd, s.EnvStart, s.EnvEnd = at, at+8, at+8, at+12
		p.MM().SetSegments(s)
	})
	if a, e := w.text(w.Init, "/proc/self/cmdline"), w.text(w.Init, "/proc/self/environ"); a != "init\x00-x\x00" || e != "A=b\x00" {
		t.Errorf("%q %q", a, e)
	}
	w.want("write to /proc", w.write(w.Init, "/proc/version", "x"), abi.EINVAL)
}
