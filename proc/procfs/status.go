package procfs

import (
	"slices"
	"strings"

	"cleave/abi"
	"cleave/ns/user"
)

// pageKiB is the size of a page in KiB.
const pageKiB = abi.PageSize / 1024

// stateNames are the letters of stat and their text in status (proc(5)).
var stateNames = map[byte]string{
	'R': "running", 'S': "sleeping", 'D': "disk sleep", 'T': "stopped", 't': "tracing stop", 'Z': "zombie", 'X': "dead",
}

func sortThreads(ids []threadID) {
	slices.SortFunc(ids, func(a, b threadID) int { return int(a.nr - b.nr) })
}

// showStatus is status.
func showStatus(x *access, w *text) error {
	i := x.t.Info(x.pids, x.n.group)
	w.printf("Name:\t%s\n", escapeName(i.Comm))
	if i.Umask >= 0 {
		w.printf("Umask:\t%#04o\n", i.Umask)
	}
	w.printf("State:\t%c (%s)\n", i.State, stateNames[i.State])
	w.printf("Tgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n", i.TGID, i.PID, i.PPID, i.TracerPID)
	c, u := i.Cred, x.userNS()
	w.printf("Uid:\t%d\t%d\t%d\t%d\n", u.ShowKUID(c.UID), u.ShowKUID(c.EUID), u.ShowKUID(c.SUID), u.ShowKUID(c.FSUID))
	w.printf("Gid:\t%d\t%d\t%d\t%d\n", u.ShowKGID(c.GID), u.ShowKGID(c.EGID), u.ShowKGID(c.SGID), u.ShowKGID(c.FSGID))
	w.printf("FDSize:\t%d\nGroups:\t", i.FDSize)
	for n, g := range c.Groups {
		if n > 0 {
			w.WriteByte(' ')
		}
		w.printf("%d", u.ShowKGID(g))
	}
	w.WriteString(" \n")
	for _, line := range []struct {
		name string
		ids  []int32
	}{{"NStgid", i.TGIDs}, {"NSpid", i.PIDs}, {"NSpgid", i.PGIDs}, {"NSsid", i.SIDs}} {
		w.printf("%s:", line.name)
		for _, id := range line.ids {
			w.printf("\t%d", id)
		}
		w.WriteByte('\n')
	}
	w.WriteString("Kthread:\t0\n")
	showMemoryStatus(x, w)
	w.printf("Threads:\t%d\nSigQ:\t%d/%d\n", i.Threads, i.Queued, i.QueueLimit)
	w.printf("SigPnd:\t%016x\nShdPnd:\t%016x\nSigBlk:\t%016x\nSigIgn:\t%016x\nSigCgt:\t%016x\n",
		uint64(i.Pending), uint64(i.SharedPending), uint64(i.Blocked), uint64(i.Ignored), uint64(i.Caught))
	w.printf("CapInh:\t%016x\nCapPrm:\t%016x\nCapEff:\t%016x\nCapBnd:\t%016x\nCapAmb:\t%016x\n",
		uint64(c.Inheritable), uint64(c.Permitted), uint64(c.Effective), uint64(c.Bounding), uint64(c.Ambient))
	mode, filters := x.t.SeccompMode()
	w.printf("NoNewPrivs:\t%d\nSeccomp:\t%d\nSeccomp_filters:\t%d\n", number(i.NoNewPrivs), mode, filters)
	w.printf("Cpus_allowed:\t%x\nCpus_allowed_list:\t%s\nMems_allowed:\t1\nMems_allowed_list:\t0\n", i.CPUs, cpuList(i.CPUs))
	w.printf("voluntary_ctxt_switches:\t%d\nnonvoluntary_ctxt_switches:\t%d\n", i.Voluntary, i.Involuntary)
	return nil
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// escapeName makes a name fit on a line, as Linux does: newline and backslash are escaped.
func escapeName(s string) string {
	return strings.NewReplacer("\n", `\n`, `\`, `\\`).Replace(s)
}

// showMemoryStatus is the part of status about memory; a process that has exited has none.
func showMemoryStatus(x *access, w *text) {
	as := x.t.AddressSpace()
	if as == nil {
		return
	}
	defer as.Unref()
	s := as.Stats()
	for _, line := range []struct {
		name  string
		pages uint32
	}{
		{"VmPeak", s.MaxSize}, {"VmSize", s.Size}, {"VmLck", s.Locked}, {"VmPin", 0}, {"VmHWM", s.MaxResident},
		{"VmRSS", s.Resident}, {"RssAnon", s.Anonymous}, {"RssFile", s.File}, {"RssShmem", s.Shared}, {"VmData", s.Data},
		{"VmStk", s.Stack}, {"VmExe", s.Text}, {"VmLib", 0}, {"VmPTE", s.PageTables}, {"VmSwap", 0}, {"HugetlbPages", 0},
	} {
		w.printf("%s:\t%8d kB\n", line.name, uint64(line.pages)*pageKiB)
	}
	w.WriteString("CoreDumping:\t0\nTHP_enabled:\t0\n")
}

// showStatm is statm.
func showStatm(x *access, w *text) error {
	as := x.t.AddressSpace()
	if as == nil {
		w.WriteString("0 0 0 0 0 0 0\n")
		return nil
	}
	defer as.Unref()
	s := as.Stats()
	w.printf("%d %d %d %d 0 %d 0\n", s.Size, s.Resident, s.File+s.Shared, s.Text, s.Data+s.Stack)
	return nil
}

// ticksPerSecond is the unit of times in stat (USER_HZ, sysconf(_SC_CLK_TCK)).
const ticksPerSecond = 100

func ticks(ns int64) int64 { return ns / (1e9 / ticksPerSecond) }

// processFlags are stat's flags: those that a plain process of Linux has (PF_RANDOMIZE).
const processFlags = 0x400000

// showStat is stat. What would tell of addresses is 0 for who may not trace the process.
func showStat(x *access, w *text) error {
	i := x.t.Info(x.pids, x.n.group)
	may := x.mayTrace()
	var vsize, rss, start, end, stack uint64
	var tail [7]uint32 // start_data to env_end
	if as := x.t.AddressSpace(); as != nil {
		s, seg := as.Stats(), as.Segments()
		vsize, rss = uint64(s.Size)*abi.PageSize, uint64(s.Resident)
		start, end = 1, 1
		if may {
			brk, _ := as.Heap()
			start, end, stack = uint64(seg.CodeStart), uint64(seg.CodeEnd), uint64(seg.StackStart)
			tail = [7]uint32{seg.DataStart, seg.DataEnd, brk, seg.ArgStart, seg.ArgEnd, seg.EnvStart, seg.EnvEnd}
		}
		as.Unref()
	}
	u, cu := i.Usage, i.ChildUsage
	w.printf("%d (%s) %c %d %d %d %d %d %d ", i.PID, i.Comm, i.State, i.PPID, i.PGID, i.SID, i.TTY, i.Foreground, processFlags)
	w.printf("%d %d %d %d ", u.MinorFaults, cu.MinorFaults, u.MajorFaults, cu.MajorFaults)
	w.printf("%d %d %d %d ", ticks(u.UTime), ticks(u.STime), ticks(cu.UTime), ticks(cu.STime))
	w.printf("%d %d %d 0 %d %d %d %d ", i.Priority, i.Nice, i.Threads, ticks(i.Started), vsize, rss, i.RSSLimit)
	w.printf("%d %d %d 0 0 ", start, end, stack)
	const low = 1<<31 - 1
	w.printf("%d %d %d %d ", i.Pending&low, i.Blocked&low, i.Ignored&low, i.Caught&low)
	w.printf("%d 0 0 %d 0 %d %d 0 0 0 ", number(i.State == 'S'), i.ExitSignal, i.RTPriority, i.Policy)
	for _, v := range tail {
		w.printf("%d ", v)
	}
	code := int32(0)
	if may {
		code = i.ExitCode
	}
	w.printf("%d\n", code)
	return nil
}

// cpuList writes a set of CPUs as 0-3,7.
func cpuList(mask uint64) string {
	var b text
	for i := 0; i < 64; i++ {
		if mask>>i&1 == 0 {
			continue
		}
		first := i
		for i < 63 && mask>>(i+1)&1 != 0 {
			i++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.printf("%d", first)
		if i > first {
			b.printf("-%d", i)
		}
	}
	return b.String()
}

// limitRows are the lines of limits, in the order of the file.
var limitRows = [...]struct {
	name, unit string
	resource   int
}{
	{"Max cpu time", "seconds", abi.RLIMIT_CPU}, {"Max file size", "bytes", abi.RLIMIT_FSIZE},
	{"Max data size", "bytes", abi.RLIMIT_DATA}, {"Max stack size", "bytes", abi.RLIMIT_STACK},
	{"Max core file size", "bytes", abi.RLIMIT_CORE}, {"Max resident set", "bytes", abi.RLIMIT_RSS},
	{"Max processes", "processes", abi.RLIMIT_NPROC}, {"Max open files", "files", abi.RLIMIT_NOFILE},
	{"Max locked memory", "bytes", abi.RLIMIT_MEMLOCK}, {"Max address space", "bytes", abi.RLIMIT_AS},
	{"Max file locks", "locks", abi.RLIMIT_LOCKS}, {"Max pending signals", "signals", abi.RLIMIT_SIGPENDING},
	{"Max msgqueue size", "bytes", abi.RLIMIT_MSGQUEUE}, {"Max nice priority", "", abi.RLIMIT_NICE},
	{"Max realtime priority", "", abi.RLIMIT_RTPRIO}, {"Max realtime timeout", "us", abi.RLIMIT_RTTIME},
}

// showLimits is limits.
func showLimits(x *access, w *text) error {
	w.printf("%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units")
	for _, row := range limitRows {
		l := x.t.Limit(row.resource)
		w.printf("%-25s %-20s %-20s %-10s\n", row.name, limitText(l.Cur), limitText(l.Max), row.unit)
	}
	return nil
}

func limitText(v uint64) string {
	if v == abi.RLIM_INFINITY {
		return "unlimited"
	}
	return itoa(v)
}

// showChildren is task/TID/children.
func showChildren(x *access, w *text) error {
	for _, nr := range x.t.Children(x.pids) {
		w.printf("%d ", nr)
	}
	return nil
}

func showComm(x *access, w *text) error {
	w.printf("%s\n", x.t.Comm())
	return nil
}

// writeComm changes the name. EINVAL: the writer is of another process.
func writeComm(x *access, _ int64, data []byte) (int, error) {
	r := x.reader()
	if r == nil || r.ThreadGroup() != x.t.ThreadGroup() {
		return 0, abi.EINVAL
	}
	name, _, _ := strings.Cut(strings.TrimSuffix(string(data), "\n"), "\x00")
	x.t.SetComm(name)
	return len(data), nil
}

func showSched(x *access, w *text) error {
	i := x.t.Info(x.pids, false)
	w.printf("%s (%d, #threads: %d)\n%s\n", i.Comm, i.PID, i.Threads, strings.Repeat("-", 67))
	for _, line := range []struct {
		name  string
		value int64
	}{
		{"nr_switches", i.Voluntary + i.Involuntary}, {"nr_voluntary_switches", i.Voluntary},
		{"nr_involuntary_switches", i.Involuntary}, {"policy", int64(i.Policy)}, {"prio", int64(i.Priority) + 100},
	} {
		w.printf("%-45s:%21d\n", line.name, line.value)
	}
	return nil
}

// showSchedstat is the time on a CPU, the time in a run queue (which is not counted), and the number of slices.
func showSchedstat(x *access, w *text) error {
	i := x.t.Info(x.pids, false)
	w.printf("%d 0 %d\n", i.Usage.UTime+i.Usage.STime, i.Voluntary+i.Involuntary)
	return nil
}

// showWchan is 0: where a task sleeps has no symbol that would mean something to a program.
func showWchan(_ *access, w *text) error {
	w.WriteByte('0')
	return nil
}

func showPersonality(x *access, w *text) error {
	w.printf("%08x\n", x.t.Info(x.pids, false).Personality)
	return nil
}

// showIO is io. DIVERGES: bytes read and written are not counted.
func showIO(_ *access, w *text) error {
	for _, name := range []string{"rchar", "wchar", "syscr", "syscw", "read_bytes", "write_bytes", "cancelled_write_bytes"} {
		w.printf("%s: 0\n", name)
	}
	return nil
}

// showOOMScore is oom_score: what the choice of a victim goes by, scaled to 0..2000 as on Linux.
func showOOMScore(x *access, w *text) error {
	pages := uint64(0)
	if as := x.t.AddressSpace(); as != nil {
		s := as.Stats()
		pages = uint64(s.Resident) + uint64(s.PageTables)
		as.Unref()
	}
	total := uint64(x.Kernel.Memory.Pool().Stats().Total)
	score := int64(pages*1000/max(total, 1)) + int64(x.t.ThreadGroup().OOMScore())
	w.printf("%d\n", min(max(666+score*667/1000, 0), 2000))
	return nil
}

func showOOMAdjust(x *access, w *text) error {
	w.printf("%d\n", x.t.ThreadGroup().OOMScore())
	return nil
}

// writeOOMAdjust changes oom_score_adj. EINVAL: not from -1000 to 1000; EACCES: lower than it was, without CAP_SYS_RESOURCE.
func writeOOMAdjust(x *access, _ int64, data []byte) (int, error) {
	v, err := parseInt(data)
	if err != nil || v < -1000 || v > 1000 {
		return 0, abi.EINVAL
	}
	g := x.t.ThreadGroup()
	if int32(v) < g.OOMScore() && x.c != nil && !x.c.Cred.Has(user.CapSysResource, x.Kernel.UserNS) {
		return 0, abi.EACCES
	}
	g.SetOOMScore(int32(v))
	return len(data), nil
}
