package procfs

import (
	"strconv"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm/frame"
	"cleave/ns"
	"cleave/proc"
)

// rootTable is /proc itself.
func rootTable(c *Config) []entry {
	return []entry{
		{name: "self", mode: link0777, link: selfText},
		{name: "thread-self", mode: link0777, link: threadSelfText},
		{name: "mounts", mode: link0777, link: fixed("self/mounts")},
		{name: "net", mode: link0777, link: fixed("self/net")},
		{name: "cmdline", mode: file0444, show: showCommandLine},
		{name: "cpuinfo", mode: file0444, show: showText(func(c *Config) func() string { return c.CPUInfo })},
		{name: "devices", mode: file0444, show: showText(func(c *Config) func() string { return c.Devices })},
		{name: "diskstats", mode: file0444, show: showDiskstats},
		{name: "filesystems", mode: file0444, show: showFilesystems},
		{name: "interrupts", mode: file0444, show: showText(func(c *Config) func() string { return c.Interrupts })},
		{name: "loadavg", mode: file0444, show: showLoadavg},
		{name: "meminfo", mode: file0444, show: showMeminfo},
		{name: "partitions", mode: file0444, show: showPartitions},
		{name: "stat", mode: file0444, show: showKernelStat},
		{name: "swaps", mode: file0444, show: showSwaps},
		{name: "sys", mode: dir0555, table: sysTable(c)},
		{name: "sysvipc", mode: dir0555, table: []entry{
			{name: "msg", mode: file0444, show: showMsg},
			{name: "sem", mode: file0444, show: showSem},
			{name: "shm", mode: file0444, show: showShm},
		}},
		setting{set: writeSysRq}.file("sysrq-trigger", 0o200),
		{name: "uptime", mode: file0444, show: showUptime},
		{name: "version", mode: file0444, show: showVersion},
		{name: "vmstat", mode: file0444, show: showVMStat},
	}
}

// writeSysRq carries out a command of sysrq-trigger, a letter. EINVAL: there is no such command.
func writeSysRq(x *access, text string) error {
	if x.SysRq == nil || text == "" {
		return abi.EINVAL
	}
	return x.SysRq(text[0])
}

func fixed(target string) func(*access) ([]byte, error) {
	return func(*access) ([]byte, error) { return []byte(target), nil }
}

// showText shows a text that another part of the kernel makes.
func showText(pick func(c *Config) func() string) func(*access, *text) error {
	return func(x *access, w *text) error {
		if f := pick(&x.Config); f != nil {
			w.WriteString(f())
		}
		return nil
	}
}

func showCommandLine(x *access, w *text) error {
	w.printf("%s\n", x.CommandLine)
	return nil
}

func showVersion(x *access, w *text) error {
	w.printf("%s\n", x.Banner)
	return nil
}

func showFilesystems(x *access, w *text) error {
	for _, t := range x.sb.VFS().Types() {
		if t.Flags&fs.TypeNoMount != 0 {
			continue
		}
		nodev := ""
		if t.Flags&fs.TypeNoDev != 0 {
			nodev = "nodev"
		}
		w.printf("%s\t%s\n", nodev, t.Name)
	}
	return nil
}

// boottime is CLOCK_BOOTTIME as the reader's time namespace has it, in ns.
func (x *access) boottime() int64 {
	now := x.Kernel.Clock.Monotonic()
	if r := x.reader(); r != nil {
		now += int64(r.NS().Time.Boottime())
	}
	return now
}

// showUptime is uptime. The time that the CPU was idle is what no task has used.
func showUptime(x *access, w *text) error {
	up, u := x.boottime(), totalUsage(x)
	idle := max(x.Kernel.Clock.Monotonic()-u.UTime-u.STime, 0)
	const centi = 1e7
	w.printf("%d.%02d %d.%02d\n", up/1e9, up%1e9/centi, idle/1e9, idle%1e9/centi)
	return nil
}

// totalUsage is what all processes have used that there are, or whose end the first process has seen.
func totalUsage(x *access) (total proc.Usage) {
	pids := x.Kernel.PIDNamespace()
	for g, nr := x.Kernel.NextProcess(pids, 1); g != nil; g, nr = x.Kernel.NextProcess(pids, nr+1) {
		self, children := g.UsageOf()
		addUsage(&total, &self)
		addUsage(&total, &children)
	}
	return total
}

func addUsage(to, u *proc.Usage) {
	to.UTime += u.UTime
	to.STime += u.STime
	to.Voluntary += u.Voluntary
	to.Involuntary += u.Involuntary
}

func showLoadavg(x *access, w *text) error {
	for _, v := range x.Kernel.LoadAverage() {
		const shift = 16 // sysinfo(2)'s fixed point
		w.printf("%d.%02d ", v>>shift, (v&(1<<shift-1))*100>>shift)
	}
	pids := x.pids
	w.printf("%d/%d %d\n", max(x.Kernel.Running(), 1), x.Kernel.Tasks(), pids.Last())
	return nil
}

// showMeminfo is meminfo. What there is nothing of here is 0; what has no meaning is absent.
func showMeminfo(x *access, w *text) error {
	s := x.Kernel.Memory.Pool().Stats()
	free := uint64(s.Free)
	cached := uint64(s.Used[frame.PageCache])
	for _, line := range []struct {
		name  string
		pages uint64
	}{
		{"MemTotal", uint64(s.Total)}, {"MemFree", free}, {"MemAvailable", free + cached/2}, {"Buffers", 0}, {"Cached", cached},
		{"SwapCached", 0}, {"Active", cached}, {"Inactive", 0}, {"SwapTotal", 0}, {"SwapFree", 0}, {"Dirty", 0}, {"Writeback", 0},
		{"AnonPages", uint64(s.Used[frame.Anonymous])}, {"Mapped", 0}, {"Shmem", cached}, {"KReclaimable", 0}, {"Slab", 0},
		{"SReclaimable", 0}, {"SUnreclaim", 0}, {"PageTables", uint64(s.Used[frame.PageTable])}, {"CommitLimit", uint64(s.Total)},
		{"Committed_AS", 0},
	} {
		w.printf("%-16s%8d kB\n", line.name+":", line.pages*pageKiB)
	}
	return nil
}

func showVMStat(x *access, w *text) error {
	s := x.Kernel.Memory.Pool().Stats()
	w.printf("nr_free_pages %d\nnr_anon_pages %d\nnr_file_pages %d\nnr_page_table_pages %d\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\n",
		s.Free, s.Used[frame.Anonymous], s.Used[frame.PageCache], s.Used[frame.PageTable])
	return nil
}

// showKernelStat is stat.
func showKernelStat(x *access, w *text) error {
	k := x.Kernel
	u := totalUsage(x)
	idle := max(k.Clock.Monotonic()-u.UTime-u.STime, 0)
	for _, name := range []string{"cpu ", "cpu0"} {
		w.printf("%s %d 0 %d %d 0 0 0 0 0 0\n", name, ticks(u.UTime), ticks(u.STime), ticks(idle))
	}
	boot := (k.Clock.Realtime() - k.Clock.Monotonic()) / 1e9
	w.printf("intr 0\nctxt %d\nbtime %d\nprocesses %d\nprocs_running %d\nprocs_blocked 0\n",
		u.Voluntary+u.Involuntary, boot, k.Forks(), max(k.Running(), 1))
	return nil
}

func showSwaps(_ *access, w *text) error {
	w.WriteString("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n")
	return nil
}

func (x *access) disks() []Disk {
	if x.Disks == nil {
		return nil
	}
	return x.Disks()
}

func showPartitions(x *access, w *text) error {
	w.WriteString("major minor  #blocks  name\n\n")
	for _, d := range x.disks() {
		w.printf("%4d  %7d %10d %s\n", d.Major, d.Minor, d.Sectors/2, d.Name)
	}
	return nil
}

func showDiskstats(x *access, w *text) error {
	for _, d := range x.disks() {
		w.printf("%4d %7d %s %d 0 %d %d %d 0 %d %d 0 %d %d 0 0 0 0 0 0\n", d.Major, d.Minor, d.Name,
			d.Reads, d.ReadSectors, d.ReadMs, d.Writes, d.WriteSectors, d.WriteMs, d.ReadMs+d.WriteMs, d.ReadMs+d.WriteMs)
	}
	return nil
}

// ipc is the reader's IPC namespace.
func (x *access) ipc() *ns.IPCNamespace {
	if r := x.reader(); r != nil {
		return r.NS().IPC
	}
	return x.Kernel.Namespaces().IPC
}

// nr is the number of p as the mount's pid namespace sees it, 0 for nobody.
func (x *access) nr(p *ns.PID) int32 {
	if p == nil {
		return 0
	}
	return p.In(x.pids)
}

func showShm(x *access, w *text) error {
	w.WriteString("       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime" +
		"                   rss                  swap\n")
	u := x.userNS()
	x.ipc().EachShm(func(s *ns.ShmStat) {
		w.printf("%10d %10d  %4o %21d %5d %5d  %5d %5d %5d %5d %5d %10d %10d %10d %21d %21d\n", s.Key, s.ID, s.Mode, s.Size,
			x.nr(s.CPID), x.nr(s.LPID), s.Attached, u.ShowKUID(s.UID), u.ShowKGID(s.GID), u.ShowKUID(s.CUID), u.ShowKGID(s.CGID),
			s.Atime, s.Dtime, s.Ctime, 0, 0)
	})
	return nil
}

func showSem(x *access, w *text) error {
	w.WriteString("       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n")
	u := x.userNS()
	x.ipc().EachSem(func(s *ns.SemStat) {
		w.printf("%10d %10d  %4o %10d %5d %5d %5d %5d %10d %10d\n", s.Key, s.ID, s.Mode, s.Count,
			u.ShowKUID(s.UID), u.ShowKGID(s.GID), u.ShowKUID(s.CUID), u.ShowKGID(s.CGID), s.Otime, s.Ctime)
	})
	return nil
}

func showMsg(x *access, w *text) error {
	w.WriteString("       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n")
	u := x.userNS()
	x.ipc().EachMsg(func(s *ns.MsgStat) {
		w.printf("%10d %10d  %4o  %10d %10d %5d %5d %5d %5d %5d %5d %10d %10d %10d\n", s.Key, s.ID, s.Mode, s.Bytes, s.Messages,
			x.nr(s.LSPID), x.nr(s.LRPID), u.ShowKUID(s.UID), u.ShowKGID(s.GID), u.ShowKUID(s.CUID), u.ShowKGID(s.CGID),
			s.Stime, s.Rtime, s.Ctime)
	})
	return nil
}

func itoa(v uint64) string { return strconv.FormatUint(v, 10) }
