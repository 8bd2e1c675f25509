package procfs

import (
	"strconv"
	"time"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns"
	"cleave/ns/user"
	"cleave/wait"
)

// nsPick gives one of a task's namespaces, with a reference. ESRCH: the task has let go of them.
type nsPick func(x *access) (user.Any, error)

// namespaceTable is /proc/PID/ns.
func namespaceTable() []entry {
	fromSet := func(pick func(s *ns.Set) user.Any) nsPick {
		return func(x *access) (user.Any, error) {
			s := x.t.Namespaces()
			if s == nil {
				return nil, abi.ESRCH
			}
			defer s.Put()
			n := pick(s)
			n.Get()
			return n, nil
		}
	}
	rows := []struct {
		name string
		pick nsPick
	}{
		{"cgroup", fromSet(func(s *ns.Set) user.Any { return s.Cgroup })},
		{"ipc", fromSet(func(s *ns.Set) user.Any { return s.IPC })},
		{"mnt", fromSet(func(s *ns.Set) user.Any { return s.Mount })},
		{"net", fromSet(func(s *ns.Set) user.Any { return s.Net })},
		{"pid", pickPID},
		{"pid_for_children", pickPIDForChildren},
		{"time", fromSet(func(s *ns.Set) user.Any { return s.Time })},
		{"time_for_children", fromSet(func(s *ns.Set) user.Any { return s.TimeForChildren })},
		{"user", pickUser},
		{"uts", fromSet(func(s *ns.Set) user.Any { return s.UTS })},
	}
	var table []entry
	for _, row := range rows {
		pick := row.pick
		table = append(table, entry{
			name: row.name, mode: link0777, guard: traced,
			link: func(x *access) ([]byte, error) {
				n, err := pick(x)
				if err != nil {
					return nil, err
				}
				defer n.Put()
				return []byte(ns.Text(n)), nil
			},
			follow: func(x *access) (fs.Path, error) {
				n, err := pick(x)
				if err != nil {
					return fs.Path{}, err
				}
				defer n.Put()
				return x.NSFS.Path(n), nil
			},
		})
	}
	return table
}

// pickPID is the pid namespace that the task is in; ENOENT for one that has exited, as on Linux.
func pickPID(x *access) (user.Any, error) {
	s := x.t.Namespaces()
	if s == nil {
		return nil, abi.ENOENT
	}
	defer s.Put()
	n := x.t.PIDNamespace()
	n.Get()
	return n, nil
}

// pickPIDForChildren: a pid namespace without an init can't be looked at yet (pid_namespaces(7)). ENOENT.
func pickPIDForChildren(x *access) (user.Any, error) {
	s := x.t.Namespaces()
	if s == nil {
		return nil, abi.ENOENT
	}
	defer s.Put()
	n := s.PIDForChildren
	if n.Init() == nil {
		return nil, abi.ENOENT
	}
	n.Get()
	return n, nil
}

func pickUser(x *access) (user.Any, error) {
	n := x.t.UserNamespace()
	if n == nil {
		return nil, abi.ESRCH
	}
	return n, nil
}

// mapKind tells the three files of maps apart by their name.
func (x *access) mapKind() user.MapKind {
	switch x.n.e.name {
	case "uid_map":
		return user.UIDMap
	case "gid_map":
		return user.GIDMap
	}
	return user.ProjIDMap
}

// showIDMap shows a map as who has opened the file sees it.
func showIDMap(x *access, w *text) error {
	x.t.CredOf().NS.ShowMap(w, x.mapKind(), x.f.Cred.NS)
	return nil
}

func writeIDMap(x *access, off int64, data []byte) (int, error) {
	writer := x.f.Cred
	if x.c != nil {
		writer = x.c.Cred
	}
	if err := x.t.CredOf().NS.WriteMap(x.mapKind(), x.f.Cred, writer, off, data); err != nil {
		return 0, err
	}
	return len(data), nil
}

// openSetGroups refuses to open the file for writing without CAP_SYS_ADMIN over the namespace: EACCES.
func openSetGroups(n *node, f *fs.File, x *access) (fs.FileOps, error) {
	if f.Writable() && !f.Cred.Has(user.CapSysAdmin, x.t.CredOf().NS) {
		return nil, abi.EACCES
	}
	return &textFile{n: n}, nil
}

func showSetGroups(x *access, w *text) error {
	w.printf("%s\n", x.t.CredOf().NS.SetGroupsState())
	return nil
}

func writeSetGroups(x *access, off int64, data []byte) (int, error) {
	if err := x.t.CredOf().NS.WriteSetGroups(off, data); err != nil {
		return 0, err
	}
	return len(data), nil
}

func (x *access) timeForChildren() (*ns.TimeNamespace, func(), error) {
	s := x.t.Namespaces()
	if s == nil {
		return nil, nil, abi.ESRCH
	}
	return s.TimeForChildren, s.Put, nil
}

func showTimeOffsets(x *access, w *text) error {
	n, done, err := x.timeForChildren()
	if err != nil {
		return err
	}
	defer done()
	w.WriteString(n.ShowOffsets())
	return nil
}

func writeTimeOffsets(x *access, off int64, data []byte) (int, error) {
	if off != 0 {
		return 0, abi.EINVAL
	}
	n, done, err := x.timeForChildren()
	if err != nil {
		return 0, err
	}
	defer done()
	return n.WriteOffsets(x.f.Cred, string(data), time.Duration(x.Kernel.Clock.Monotonic()))
}

// mountsFile is mounts, mountinfo or mountstats of a process. poll(2) tells when the mounts change.
type mountsFile struct {
	textFile
	mounts *fs.MountNamespace // of the moment when it was opened
	root   fs.Path
	format mountsFormat
	seen   uint64 // guarded by mu: the changes that the last text has
}

type mountsFormat func(n *fs.MountNamespace, buf []byte, root fs.Path, reader *fs.Caller) []byte

func openMounts(format mountsFormat) func(*node, *fs.File, *access) (fs.FileOps, error) {
	return func(n *node, _ *fs.File, x *access) (fs.FileOps, error) {
		s := x.t.Namespaces()
		if s == nil {
			return nil, abi.EINVAL
		}
		defer s.Put()
		root, err := rootPath(x)
		if err != nil {
			return nil, err
		}
		s.Mount.Get()
		return &mountsFile{textFile: textFile{n: n}, mounts: s.Mount, root: root, format: format, seen: s.Mount.Changes()}, nil
	}
}

// Release implements fs.FileOps.
func (o *mountsFile) Release(*fs.File) {
	o.root.Put()
	o.mounts.Put()
}

// Read implements fs.FileOps.
func (o *mountsFile) Read(_ *fs.File, c *fs.Caller, b fs.Buffer, off int64) (int, error) {
	o.mu.Lock()
	if !o.made || off == 0 {
		o.seen = o.mounts.Changes()
		o.text, o.made = o.format(o.mounts, nil, o.root, c), true
	}
	data := o.text
	o.mu.Unlock()
	return copyText(b, data, off)
}

// Poll implements fs.FileOps: the file is always readable; a change of the mounts is an exceptional condition.
func (o *mountsFile) Poll(*fs.File) wait.Events {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.seen != o.mounts.Changes() {
		o.seen = o.mounts.Changes()
		return wait.Readable | wait.Err | wait.Pri
	}
	return wait.Readable
}

// Queue implements fs.FileOps.
func (o *mountsFile) Queue(*fs.File) *wait.Queue { return &o.mounts.Events }

// showCgroup is cgroup: the one hierarchy, version 2.
func showCgroup(x *access, w *text) error {
	w.printf("0::%s\n", x.t.CgroupPath(x.reader()))
	return nil
}

// noLogin is the login uid and the session of processes that nobody has logged in to (audit(7) is not there).
const noLogin = 1<<32 - 1

func showLoginUID(_ *access, w *text) error {
	w.WriteString(strconv.Itoa(noLogin))
	return nil
}

// writeLoginUID takes what pam_loginuid writes. DIVERGES: without audit, the value is not kept.
func writeLoginUID(x *access, _ int64, data []byte) (int, error) {
	if r := x.reader(); r == nil || r.ThreadGroup() != x.t.ThreadGroup() {
		return 0, abi.EPERM
	}
	if _, err := parseInt(data); err != nil {
		return 0, abi.EINVAL
	}
	return len(data), nil
}

func showSessionID(_ *access, w *text) error {
	w.WriteString(strconv.Itoa(noLogin))
	return nil
}
