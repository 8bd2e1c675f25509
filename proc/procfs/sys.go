package procfs

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/pipe"
	"cleave/ns"
	"cleave/ns/user"
	"cleave/proc"
)

// setting is a file below /proc/sys: one value, or several on a line.
type setting struct {
	get func(x *access) string // without the final newline
	set func(x *access, v string) error
	// owner says whose setting it is: user 0 of that user namespace is the owner of the file. nil: the initial one.
	owner func(c *fs.Caller) *user.Namespace
	// able, when not 0, makes its holders in that namespace owners as well.
	able user.Cap
}

// file makes the entry of a setting.
func (s setting) file(name string, mode uint32) entry {
	return entry{name: name, mode: abi.S_IFREG | mode, setting: &s, show: showSetting, write: writeSetting}
}

func showSetting(x *access, w *text) error {
	s := x.n.e.setting
	if s.get == nil {
		return abi.EINVAL
	}
	w.printf("%s\n", s.get(x))
	return nil
}

// writeSetting sets a value by the first write to a file; later parts of a longer text are taken for nothing, as on Linux.
func writeSetting(x *access, off int64, data []byte) (int, error) {
	s := x.n.e.setting
	if s.set == nil {
		return 0, abi.EPERM
	}
	if off == 0 {
		v, _, _ := strings.Cut(string(data), "\x00")
		if err := s.set(x, strings.TrimRight(v, " \t\n")); err != nil {
			return 0, err
		}
	}
	return len(data), nil
}

// settingPermission checks the mode bits of a setting. c nil is the kernel.
func (n *node) settingPermission(c *fs.Caller, want uint32) error {
	if c == nil {
		return nil
	}
	s := n.e.setting
	owner := c.Cred.NS.Initial()
	if s.owner != nil {
		owner = s.owner(c)
	}
	mode := n.e.mode
	switch {
	case c.Cred.EUID == owner.RootUID(), s.able != 0 && c.Cred.Has(s.able, owner):
		mode >>= 6
	case c.Cred.InEffectiveGroup(owner.RootGID()):
		mode >>= 3
	}
	if want&7&^mode != 0 {
		return abi.EACCES
	}
	return nil
}

// constant is a value that never changes.
func constant(name, value string) entry {
	return setting{get: func(*access) string { return value }}.file(name, 0o444)
}

// integer is a number from low to high.
func integer(name string, low, high int64, get func(x *access) int64, set func(x *access, v int64) error) entry {
	return setting{
		get: func(x *access) string { return strconv.FormatInt(get(x), 10) },
		set: func(x *access, text string) error {
			v, err := parseInt([]byte(text))
			if err != nil || v < low || v > high {
				return abi.EINVAL
			}
			return set(x, v)
		},
	}.file(name, 0o644)
}

// parseInt reads a number as a write to a file of /proc gives it. EINVAL.
func parseInt(data []byte) (int64, error) {
	v, err := strconv.ParseInt(strings.Trim(string(data), " \t\n\x00"), 0, 64)
	if err != nil {
		return 0, abi.EINVAL
	}
	return v, nil
}

// sysTable is /proc/sys.
func sysTable(c *Config) []entry {
	table := []entry{
		{name: "fs", mode: dir0555, table: fsSettings()},
		{name: "kernel", mode: dir0555, table: kernelSettings(c)},
		{name: "user", mode: dir0555, table: userSettings()},
		{name: "vm", mode: dir0555, table: vmSettings()},
	}
	for path, s := range c.Settings {
		table = place(table, strings.Split(path, "/"), s)
	}
	sortTable(table)
	return table
}

// place puts a setting of another part of the kernel into the tables.
func place(table []entry, path []string, s Setting) []entry {
	i := slices.IndexFunc(table, func(e entry) bool { return e.name == path[0] })
	if len(path) > 1 {
		if i < 0 {
			table = append(table, entry{name: path[0], mode: dir0555})
			i = len(table) - 1
		}
		table[i].table = place(table[i].table, path[1:], s)
		return table
	}
	w := setting{get: func(*access) string { return s.Get() }}
	mode := uint32(0o444)
	if s.Set != nil {
		w.set = func(_ *access, v string) error { return s.Set(v) }
		mode = 0o644
	}
	if i < 0 {
		return append(table, w.file(path[0], mode))
	}
	table[i] = w.file(path[0], mode)
	return table
}

func sortTable(table []entry) {
	slices.SortFunc(table, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	for i := range table {
		sortTable(table[i].table)
	}
}

// reader's namespaces, or the initial ones for the kernel itself.
func (x *access) set() *ns.Set {
	if r := x.reader(); r != nil {
		return r.NS()
	}
	return x.Kernel.Namespaces()
}

func (x *access) pidNS() *ns.PIDNamespace {
	if r := x.reader(); r != nil {
		return r.PIDNamespace()
	}
	return x.Kernel.PIDNamespace()
}

func kernelSettings(c *Config) []entry {
	table := []entry{
		constant("arch", "x86_64"), constant("ostype", "Linux"), constant("osrelease", c.Release), constant("version", c.Version),
		constant("cap_last_cap", fmt.Sprint(user.CapLast)), constant("ngroups_max", fmt.Sprint(user.NGroupsMax)),
		constant("core_pattern", "core"), constant("core_uses_pid", "0"), constant("core_pipe_limit", "0"),
		constant("randomize_va_space", "2"), constant("tainted", "0"), constant("sysrq", "0"), constant("dmesg_restrict", "0"),
		constant("kptr_restrict", "0"), constant("panic", "0"), constant("panic_on_oops", "1"), constant("printk", "4\t4\t1\t7"),
		constant("shm_rmid_forced", "0"), constant("unprivileged_bpf_disabled", "2"), constant("perf_event_paranoid", "4"),
		setting{get: func(x *access) string {
			return fmt.Sprint(cmp.Or(x.Kernel.MaxTasks(), int(x.Kernel.PIDNamespace().Max())))
		}}.file("threads-max", 0o444),
		utsSetting("hostname", func(x *access) string { h, _ := x.set().UTS.Names(); return h },
			func(n *ns.UTSNamespace) func(*user.Cred, string) error { return n.SetHostName }),
		utsSetting("domainname", func(x *access) string { _, d := x.set().UTS.Names(); return d },
			func(n *ns.UTSNamespace) func(*user.Cred, string) error { return n.SetDomainName }),
		ofPIDNamespace(integer("pid_max", ns.PIDMaxMin, ns.PIDMaxLimit, func(x *access) int64 { return int64(x.pidNS().Max()) },
			func(x *access, v int64) error { return x.pidNS().SetMax(int32(v)) })),
		lastPID(),
		integer("overflowuid", 0, 65535, func(x *access) int64 { u, _ := x.Kernel.UserNS.Overflow(); return int64(u) }, setOverflowUID),
		integer("overflowgid", 0, 65535, func(x *access) int64 { _, g := x.Kernel.UserNS.Overflow(); return int64(g) }, setOverflowGID),
		{name: "random", mode: dir0555, table: randomSettings()}, seccompSettings(),
	}
	return append(table, ipcSettings()...)
}

// utsSetting is a name of the reader's UTS namespace.
func utsSetting(name string, get func(*access) string, set func(*ns.UTSNamespace) func(*user.Cred, string) error) entry {
	return setting{
		get: get,
		set: func(x *access, v string) error { return set(x.set().UTS)(x.c.Cred, v) },
	}.file(name, 0o644)
}

// ofPIDNamespace makes e a setting of the reader's pid namespace.
func ofPIDNamespace(e entry) entry {
	e.setting.owner = func(c *fs.Caller) *user.Namespace {
		if t, ok := c.Task.(ns.Tasker); ok {
			return t.PIDNamespace().Owner()
		}
		return c.Cred.NS.Initial()
	}
	e.setting.able = user.CapSysAdmin
	return e
}

// lastPID is ns_last_pid, which all may read, and write with CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE (pid_namespaces(7)).
func lastPID() entry {
	e := ofPIDNamespace(integer("ns_last_pid", 0, ns.PIDMaxLimit, func(x *access) int64 { return int64(x.pidNS().Last()) },
		func(x *access, v int64) error {
			n := x.pidNS()
			if !x.c.Cred.Has(user.CapSysAdmin, n.Owner()) && !x.c.Cred.Has(user.CapCheckpointRestore, n.Owner()) {
				return abi.EPERM
			}
			n.SetLast(int32(v))
			return nil
		}))
	e.mode = abi.S_IFREG | 0o666
	return e
}

func setOverflowUID(x *access, v int64) error {
	_, g := x.Kernel.UserNS.Overflow()
	return x.Kernel.UserNS.SetOverflow(user.UID(v), g)
}

func setOverflowGID(x *access, v int64) error {
	u, _ := x.Kernel.UserNS.Overflow()
	return x.Kernel.UserNS.SetOverflow(u, user.GID(v))
}

// randomSettings is kernel/random (random(4)).
func randomSettings() []entry {
	var once sync.Once
	boot := ""
	uuid := func(x *access) string {
		var b [16]byte
		x.Kernel.Random(b[:])
		b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
		return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	}
	bootID := func(x *access) string {
		once.Do(func() { boot = uuid(x) })
		return boot
	}
	return []entry{
		setting{get: bootID}.file("boot_id", 0o444), setting{get: uuid}.file("uuid", 0o444),
		constant("entropy_avail", "256"), constant("poolsize", "256"),
	}
}

// ipcSettings are the limits of the reader's IPC namespace.
func ipcSettings() []entry {
	type field struct {
		name      string
		get       func(l *ns.IPCLimits) []uint64
		set       func(l *ns.IPCLimits, v []uint64)
		highValue uint64
	}
	const maxInt = 1<<31 - 1
	var table []entry
	for _, f := range []field{
		{"shmmax", func(l *ns.IPCLimits) []uint64 { return []uint64{l.ShmMax} }, func(l *ns.IPCLimits, v []uint64) { l.ShmMax = v[0] }, 1<<64 - 1},
		{"shmall", func(l *ns.IPCLimits) []uint64 { return []uint64{l.ShmAll} }, func(l *ns.IPCLimits, v []uint64) { l.ShmAll = v[0] }, 1<<64 - 1},
		{"shmmni", func(l *ns.IPCLimits) []uint64 { return []uint64{uint64(l.ShmMNI)} }, func(l *ns.IPCLimits, v []uint64) { l.ShmMNI = int(v[0]) }, maxInt},
		{"msgmax", func(l *ns.IPCLimits) []uint64 { return []uint64{uint64(l.MsgMax)} }, func(l *ns.IPCLimits, v []uint64) { l.MsgMax = uint32(v[0]) }, maxInt},
		{"msgmnb", func(l *ns.IPCLimits) []uint64 { return []uint64{uint64(l.MsgMNB)} }, func(l *ns.IPCLimits, v []uint64) { l.MsgMNB = uint32(v[0]) }, maxInt},
		{"msgmni", func(l *ns.IPCLimits) []uint64 { return []uint64{uint64(l.MsgMNI)} }, func(l *ns.IPCLimits, v []uint64) { l.MsgMNI = int(v[0]) }, maxInt},
		{"sem", func(l *ns.IPCLimits) []uint64 {
			return []uint64{uint64(l.SemMSL), uint64(l.SemMNS), uint64(l.SemOPM), uint64(l.SemMNI)}
		}, func(l *ns.IPCLimits, v []uint64) {
			for i, p := range []*int{&l.SemMSL, &l.SemMNS, &l.SemOPM, &l.SemMNI}[:len(v)] {
				*p = int(v[i])
			}
		}, maxInt},
	} {
		s := setting{
			get: func(x *access) string {
				l := x.ipc().Limits()
				return strings.ReplaceAll(strings.Trim(fmt.Sprint(f.get(&l)), "[]"), " ", "\t")
			},
			set: func(x *access, text string) error {
				l := x.ipc().Limits()
				v, err := parseVector(text, len(f.get(&l)), f.highValue)
				if err != nil {
					return err
				}
				return x.ipc().SetLimits(func(l *ns.IPCLimits) { f.set(l, v) })
			},
			owner: ipcOwner,
		}
		table = append(table, s.file(f.name, 0o644))
	}
	return table
}

// parseVector reads at least one and at most n numbers up to high. EINVAL.
func parseVector(text string, n int, high uint64) ([]uint64, error) {
	words := strings.Fields(text)
	if len(words) == 0 || len(words) > n {
		return nil, abi.EINVAL
	}
	var list []uint64
	for _, w := range words {
		v, err := strconv.ParseUint(w, 0, 64)
		if err != nil || v > high {
			return nil, abi.EINVAL
		}
		list = append(list, v)
	}
	return list, nil
}

// userSettings are the limits of the reader's user namespace, and the model of new ones.
func userSettings() []entry {
	own := func(c *fs.Caller) *user.Namespace { return c.Cred.NS }
	var table []entry
	for i := 0; user.LimitName(i) != ""; i++ {
		e := integer(user.LimitName(i), 0, 1<<31-1, func(x *access) int64 { return int64(x.userNS().Limit(i)) },
			func(x *access, v int64) error { return x.userNS().SetLimit(x.c.Cred, i, int32(v)) })
		e.setting.owner, e.setting.able = own, user.CapSysResource
		table = append(table, e)
	}
	return append(table, setting{
		get: func(x *access) string { return x.Kernel.UserNS.NewModel().String() },
		set: func(x *access, v string) error {
			m, err := user.ParseModel(v)
			if err == nil {
				x.Kernel.UserNS.SetNewModel(m)
			}
			return err
		},
	}.file("model", 0o644))
}

func fsSettings() []entry {
	return []entry{
		constant("file-max", "9223372036854775807"),
		integer("nr_open", proc.MinOpenFiles, proc.MaxOpenFiles, func(x *access) int64 { return int64(x.Kernel.OpenFiles()) },
			func(x *access, v int64) error { return x.Kernel.SetOpenFiles(int(v)) }),
		constant("aio-max-nr", "0"), constant("aio-nr", "0"), constant("dir-notify-enable", "1"),
		constant("lease-break-time", "45"), constant("leases-enable", "0"), constant("overflowuid", "65534"), constant("overflowgid", "65534"),
		constant("protected_fifos", "0"), constant("protected_hardlinks", "0"), constant("protected_regular", "0"),
		constant("protected_symlinks", "0"), constant("suid_dumpable", "0"),
		constant("pipe-max-size", fmt.Sprint(pipe.MaxSize)), constant("pipe-user-pages-hard", "0"), constant("pipe-user-pages-soft", "0"),
		setting{get: func(x *access) string { return fmt.Sprint(x.sb.VFS().MountMax) }}.file("mount-max", 0o444), mqueueSettings(),
	}
}

func vmSettings() []entry {
	return []entry{
		constant("overcommit_memory", "0"), constant("overcommit_ratio", "50"), constant("max_map_count", "65530"),
		constant("mmap_min_addr", "65536"), constant("swappiness", "60"), constant("panic_on_oom", "0"),
		constant("oom_kill_allocating_task", "0"), constant("vfs_cache_pressure", "100"), constant("nr_hugepages", "0"),
		setting{set: dropCaches}.file("drop_caches", 0o200),
	}
}

// dropCaches frees what can be read again (proc(5), drop_caches). EINVAL: not 1 to 4.
func dropCaches(x *access, text string) error {
	v, err := parseInt([]byte(text))
	if err != nil || v < 1 || v > 4 {
		return abi.EINVAL
	}
	x.Kernel.Memory.Pool().Reclaim(1 << 30)
	return nil
}
