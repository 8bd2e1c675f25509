package procfs

import (
	"strconv"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns"
	"cleave/proc"
)

const (
	file0444 = abi.S_IFREG | 0o444
	file0400 = abi.S_IFREG | 0o400
	file0644 = abi.S_IFREG | 0o644
	dir0555  = abi.S_IFDIR | 0o555
	link0777 = abi.S_IFLNK | 0o777
)

// processDir is /proc/PID, threadDir /proc/PID/task/TID.
var (
	processDir = entry{mode: dir0555}
	threadDir  = entry{mode: dir0555}
)

// The tables refer to functions that refer to the tables.
func init() {
	processDir.table = append(commonTable(),
		entry{name: "task", mode: dir0555, list: listThreads, find: findThread},
		entry{name: "timens_offsets", mode: file0644, show: showTimeOffsets, write: writeTimeOffsets},
		entry{name: "mountstats", mode: file0400, ops: openMounts((*fs.MountNamespace).MountStatsText)},
	)
	threadDir.table = append(commonTable(), entry{name: "children", mode: file0444, show: showChildren})
}

// commonTable is what a process and a thread both have.
func commonTable() []entry {
	return []entry{
		{name: "status", mode: file0444, show: showStatus},
		{name: "stat", mode: file0444, show: showStat},
		{name: "statm", mode: file0444, show: showStatm},
		{name: "comm", mode: file0644, show: showComm, write: writeComm},
		{name: "cmdline", mode: file0444, ops: openArguments},
		{name: "environ", mode: file0400, guard: traced, ops: openEnvironment},
		{name: "auxv", mode: file0400, guard: traced, show: showAuxv},
		{name: "exe", mode: link0777, guard: traced, link: pathText(exePath), follow: exePath},
		{name: "cwd", mode: link0777, guard: traced, link: pathText(cwdPath), follow: cwdPath},
		{name: "root", mode: link0777, guard: traced, link: pathText(rootPath), follow: rootPath},
		{name: "fd", mode: abi.S_IFDIR | 0o500, guard: ownDir, list: listFDs, find: findFD},
		{name: "fdinfo", mode: dir0555, guard: tracedDir, list: listFDs, find: findFDInfo},
		{name: "maps", mode: file0444, guard: traced, show: showMaps},
		{name: "smaps", mode: file0444, guard: traced, show: showSmaps},
		{name: "smaps_rollup", mode: file0444, guard: traced, show: showSmapsRollup},
		{name: "mem", mode: abi.S_IFREG | 0o600, guard: traced, ops: openMemory},
		{name: "pagemap", mode: abi.S_IFREG | 0o400, guard: traced, ops: openPagemap},
		{name: "mounts", mode: file0444, ops: openMounts((*fs.MountNamespace).MountsText)},
		{name: "mountinfo", mode: file0444, ops: openMounts((*fs.MountNamespace).MountInfoText)},
		{name: "net", mode: dir0555, table: netTable()},
		{name: "ns", mode: abi.S_IFDIR | 0o511, table: namespaceTable()},
		{name: "uid_map", mode: file0644, show: showIDMap, write: writeIDMap},
		{name: "gid_map", mode: file0644, show: showIDMap, write: writeIDMap},
		{name: "projid_map", mode: file0644, show: showIDMap, write: writeIDMap},
		{name: "setgroups", mode: file0644, ops: openSetGroups, show: showSetGroups, write: writeSetGroups},
		{name: "limits", mode: file0444, show: showLimits},
		{name: "oom_score", mode: file0444, show: showOOMScore},
		{name: "oom_score_adj", mode: file0644, show: showOOMAdjust, write: writeOOMAdjust},
		{name: "io", mode: file0400, guard: traced, show: showIO},
		{name: "sched", mode: file0644, show: showSched},
		{name: "schedstat", mode: file0444, show: showSchedstat},
		{name: "wchan", mode: file0444, show: showWchan},
		{name: "cgroup", mode: file0444, show: showCgroup},
		{name: "personality", mode: file0400, guard: traced, show: showPersonality},
		{name: "loginuid", mode: file0644, show: showLoginUID, write: writeLoginUID},
		{name: "sessionid", mode: file0444, show: showSessionID},
	}
}

// findProcess finds /proc/PID, also for the id of a thread, which is not listed.
func findProcess(n *node, name string) (*node, error) {
	t := n.m.Kernel.TaskIn(n.m.pids, parseID(name))
	if t == nil {
		return nil, abi.ENOENT
	}
	return n.m.taskNode(&processDir, t, true)
}

// parseID reads a decimal number without leading zeros; -1: it is none.
func parseID(name string) int32 {
	v, err := strconv.ParseUint(name, 10, 31)
	if err != nil || name[0] == '0' && len(name) > 1 {
		return -1
	}
	return int32(v)
}

// taskNode makes the directory of a task. ENOENT: it is gone.
func (m *mounted) taskNode(e *entry, t *proc.Task, group bool) (*node, error) {
	pid := t.PID()
	if pid == nil {
		return nil, abi.ENOENT
	}
	n := m.makeNode(e, pid, taskIno(e, pid))
	n.group = group
	return n, nil
}

// listProcesses lists what the pid namespace of the mount has.
func listProcesses(x *access, pos int64, emit emitter) (int64, error) {
	for nr := int32(pos - firstPIDPos); ; nr++ {
		g, at := x.Kernel.NextProcess(x.pids, nr)
		if g == nil {
			return endPos, nil
		}
		nr = at
		t := g.Leader()
		sub := access{mounted: x.mounted, c: x.c, t: t}
		pid := t.PID()
		if pid == nil || x.hides(&sub, hideInvisible) {
			continue
		}
		if !emit(strconv.Itoa(int(at)), taskIno(&processDir, pid), abi.DT_DIR, firstPIDPos+int64(at)+1) {
			return firstPIDPos + int64(at), nil
		}
	}
}

func findThread(n *node, name string) (*node, error) {
	t := n.m.Kernel.TaskIn(n.m.pids, parseID(name))
	leader := n.task()
	if t == nil || leader == nil || t.ThreadGroup() != leader.ThreadGroup() {
		return nil, abi.ENOENT
	}
	return n.m.taskNode(&threadDir, t, false)
}

// listThreads lists the threads of a process. Its positions are ids.
func listThreads(x *access, pos int64, emit emitter) (int64, error) {
	ids := threadIDs(x.t.ThreadGroup(), x.pids)
	for _, id := range ids {
		at := firstPIDPos + int64(id.nr)
		if at < pos {
			continue
		}
		if !emit(strconv.Itoa(int(id.nr)), taskIno(&threadDir, id.pid), abi.DT_DIR, at+1) {
			return at, nil
		}
	}
	return endPos, nil
}

type threadID struct {
	nr  int32
	pid *ns.PID
}

// threadIDs gives the threads that n sees, by ascending number.
func threadIDs(g *proc.ThreadGroup, n *ns.PIDNamespace) []threadID {
	var ids []threadID
	for _, t := range g.Threads() {
		p := t.PID()
		if p == nil || p.In(n) == 0 {
			continue
		}
		ids = append(ids, threadID{p.In(n), p})
	}
	sortThreads(ids)
	return ids
}

// selfText is /proc/self, threadSelfText /proc/thread-self. ENOENT: the mount's pid namespace does not see the reader.
func selfText(x *access) ([]byte, error) {
	r := x.reader()
	if r == nil {
		return nil, abi.ENOENT
	}
	nr := r.ThreadGroup().Leader().PIDIn(x.pids)
	if nr == 0 {
		return nil, abi.ENOENT
	}
	return strconv.AppendInt(nil, int64(nr), 10), nil
}

func threadSelfText(x *access) ([]byte, error) {
	text, err := selfText(x)
	if err != nil {
		return nil, err
	}
	text = append(text, "/task/"...)
	return strconv.AppendInt(text, int64(x.reader().PIDIn(x.pids)), 10), nil
}

// pathText makes the text of a link out of where it leads, as the reader sees it from his root.
func pathText(path func(*access) (fs.Path, error)) func(*access) ([]byte, error) {
	return func(x *access) ([]byte, error) {
		p, err := path(x)
		if err != nil {
			return nil, err
		}
		defer p.Put()
		return x.nameOf(nil, p), nil
	}
}

// nameOf appends the name of p as the reader sees it.
func (x *access) nameOf(buf []byte, p fs.Path) []byte {
	if x.c == nil {
		return x.sb.VFS().NamePath(buf, p, fs.Path{})
	}
	root := x.c.FS.Root()
	defer root.Put()
	return x.sb.VFS().NamePath(buf, p, root)
}

// exePath is the program that a process runs. ENOENT: none, as after exit.
func exePath(x *access) (fs.Path, error) {
	as := x.t.AddressSpace()
	if as == nil {
		return fs.Path{}, abi.ENOENT
	}
	defer as.Unref()
	f := as.Exe()
	if f == nil {
		return fs.Path{}, abi.ENOENT
	}
	defer f.Put()
	return f.Path().Get(), nil
}

func cwdPath(x *access) (fs.Path, error) { return x.t.Place((*fs.Context).Cwd) }

func rootPath(x *access) (fs.Path, error) { return x.t.Place((*fs.Context).Root) }
