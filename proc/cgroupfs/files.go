package cgroupfs

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns"
	"cleave/proc"
	"cleave/wait"
)

// file is a kind of file: a row of the table.
type file struct {
	name    string
	mode    uint32
	notRoot bool          // the root has none
	of      ns.Controller // what it belongs to, 0: cgroups as such
	show    func(n *node, c *fs.Caller) (string, error)
	write   func(n *node, f *fs.File, c *fs.Caller, text string) error
	list    bool // a line for each of some things, of which there may be none
	number  int  // set by init: its place in the table, from 1 on
}

// isIn reports whether the cgroup has such a file.
func (f *file) isIn(cg *ns.Cgroup) bool {
	if f.notRoot && cg.Parent() == nil {
		return false
	}
	here, _ := cg.Controllers()
	return f.of&^here == 0
}

var files []file

// The table refers to functions that refer to the table.
func init() {
	files = []file{
		{name: "cgroup.controllers", mode: 0o444, show: showControllers},
		{name: "cgroup.events", mode: 0o444, notRoot: true, show: showEvents},
		{name: "cgroup.kill", mode: 0o200, notRoot: true, write: writeKill},
		{name: "cgroup.max.depth", mode: 0o644, show: showLimit(func(c *ns.CgroupCounts) int64 { return c.MaxDepth }), write: setMaxDepth},
		{name: "cgroup.max.descendants", mode: 0o644, show: showLimit(func(c *ns.CgroupCounts) int64 { return c.MaxBelow }), write: setMaxBelow},
		{name: "cgroup.procs", mode: 0o644, list: true, show: showMembers(true), write: writeProcs},
		{name: "cgroup.stat", mode: 0o444, show: showStat},
		{name: "cgroup.subtree_control", mode: 0o644, show: showControl, write: writeControl},
		{name: "cgroup.threads", mode: 0o644, list: true, show: showMembers(false), write: writeThreads},
		{name: "cgroup.type", mode: 0o644, notRoot: true, show: showType, write: writeType},
		{name: "pids.current", mode: 0o444, notRoot: true, of: ns.PidsController, show: showCount(func(c *ns.CgroupCounts) int64 { return c.Pids })},
		{name: "pids.events", mode: 0o444, notRoot: true, of: ns.PidsController, show: showPidsEvents},
		{name: "pids.max", mode: 0o644, notRoot: true, of: ns.PidsController, show: showLimit(func(c *ns.CgroupCounts) int64 { return c.PidsMax }), write: setPidsMax},
		{name: "pids.peak", mode: 0o444, notRoot: true, of: ns.PidsController, show: showCount(func(c *ns.CgroupCounts) int64 { return c.PidsPeak })},
	}
	for i := range files {
		files[i].number = i + 1
	}
}

func showControllers(n *node, _ *fs.Caller) (string, error) {
	here, _ := n.cg.Controllers()
	return here.String(), nil
}

func showControl(n *node, _ *fs.Caller) (string, error) {
	_, children := n.cg.Controllers()
	return children.String(), nil
}

func writeControl(n *node, _ *fs.File, _ *fs.Caller, text string) error { return n.cg.SetControl(text) }

func showEvents(n *node, _ *fs.Caller) (string, error) {
	populated := 0
	if n.cg.Counts().Populated {
		populated = 1
	}
	return fmt.Sprintf("populated %d\nfrozen 0", populated), nil
}

func showStat(n *node, _ *fs.Caller) (string, error) {
	return fmt.Sprintf("nr_descendants %d\nnr_dying_descendants 0", n.cg.Counts().Below), nil
}

func showType(*node, *fs.Caller) (string, error) { return "domain", nil }

// writeType refuses threaded cgroups, which are not there. EOPNOTSUPP; EINVAL: another word.
func writeType(_ *node, _ *fs.File, _ *fs.Caller, text string) error {
	if strings.TrimSpace(text) == "threaded" {
		return abi.EOPNOTSUPP
	}
	return abi.EINVAL
}

func showPidsEvents(n *node, _ *fs.Caller) (string, error) {
	return fmt.Sprintf("max %d", n.cg.Counts().PidsRefused), nil
}

func showCount(get func(*ns.CgroupCounts) int64) func(*node, *fs.Caller) (string, error) {
	return func(n *node, _ *fs.Caller) (string, error) {
		c := n.cg.Counts()
		return strconv.FormatInt(get(&c), 10), nil
	}
}

func showLimit(get func(*ns.CgroupCounts) int64) func(*node, *fs.Caller) (string, error) {
	return func(n *node, _ *fs.Caller) (string, error) {
		c := n.cg.Counts()
		if v := get(&c); v >= 0 {
			return strconv.FormatInt(v, 10), nil
		}
		return "max", nil
	}
}

func setMaxDepth(n *node, _ *fs.File, _ *fs.Caller, text string) error {
	return setLimit(text, 1<<31-1, func(v int64) { n.cg.SetLimits(func(_, depth, _ *int64) { *depth = v }) })
}

func setMaxBelow(n *node, _ *fs.File, _ *fs.Caller, text string) error {
	return setLimit(text, 1<<31-1, func(v int64) { n.cg.SetLimits(func(below, _, _ *int64) { *below = v }) })
}

func setPidsMax(n *node, _ *fs.File, _ *fs.Caller, text string) error {
	return setLimit(text, ns.PIDMaxLimit, func(v int64) { n.cg.SetLimits(func(_, _, pids *int64) { *pids = v }) })
}

func setLimit(text string, high int64, set func(v int64)) error {
	v, err := ns.ParseCgroupLimit(text, high)
	if err == nil {
		set(v)
	}
	return err
}

// showMembers lists the tasks as the reader's pid namespace numbers them.
func showMembers(processes bool) func(*node, *fs.Caller) (string, error) {
	return func(n *node, c *fs.Caller) (string, error) {
		pids := n.m.k.PIDNamespace()
		if t := taskOf(c); t != nil {
			pids = t.PIDNamespace()
		}
		var b strings.Builder
		for _, nr := range n.m.k.CgroupMembers(n.cg, pids, processes) {
			fmt.Fprintf(&b, "%d\n", nr)
		}
		return strings.TrimSuffix(b.String(), "\n"), nil
	}
}

func taskOf(c *fs.Caller) *proc.Task {
	if c == nil {
		return nil
	}
	t, _ := c.Task.(*proc.Task)
	return t
}

// writeProcs moves a process here; 0 is the writer's own. EINVAL: no number; ESRCH: no such process; EACCES, ENOENT: as
// mayMove; ENODEV: the cgroup is removed.
func writeProcs(n *node, f *fs.File, c *fs.Caller, text string) error {
	nr, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
	if err != nil || nr < 0 {
		return abi.EINVAL
	}
	t := taskOf(c)
	if t == nil {
		return abi.ESRCH
	}
	if nr != 0 {
		if t = t.FindTask(int32(nr)); t == nil {
			return abi.ESRCH
		}
	}
	if err := n.mayMove(f, c, t.Cgroup()); err != nil {
		return err
	}
	return t.ThreadGroup().MoveToCgroup(n.cg)
}

// writeThreads refuses to move single threads: there are no threaded cgroups.
func writeThreads(*node, *fs.File, *fs.Caller, string) error { return abi.EOPNOTSUPP }

// mayMove checks a move from another cgroup (cgroups(7), "Cgroups delegation containment"): who has opened the file must
// be able to write to cgroup.procs of the closest common ancestor (EACCES), and both cgroups must be below the root of
// his cgroup namespace (ENOENT).
func (n *node) mayMove(f *fs.File, c *fs.Caller, from *ns.Cgroup) error {
	common := n.cg
	for !from.Within(common) {
		common = common.Parent()
	}
	opener := *c
	opener.Cred = f.Cred
	if err := n.m.node(common, procsFile()).inode.Access(&opener, abi.W_OK); err != nil {
		return err
	}
	root := n.m.k.Namespaces().Cgroup.Root()
	if t := taskOf(c); t != nil {
		root = t.NS().Cgroup.Root()
	}
	if !from.Within(root) || !n.cg.Within(root) {
		return abi.ENOENT
	}
	return nil
}

func procsFile() *file {
	for i := range files {
		if files[i].name == "cgroup.procs" {
			return &files[i]
		}
	}
	return nil
}

// MayStart reports whether c may start a task in the cgroup of the directory d, for clone3(2) with CLONE_INTO_CGROUP, and
// gives the cgroup. EBADF: d is no cgroup's directory; EACCES, ENOENT: as a write to cgroup.procs; ENODEV: it is removed.
func MayStart(d *fs.File, c *fs.Caller, from *ns.Cgroup) (*ns.Cgroup, error) {
	n, ok := d.Inode().Ops().(*node)
	if !ok || n.file != nil {
		return nil, abi.EBADF
	}
	if n.cg.Removed() {
		return nil, abi.ENODEV
	}
	as := fs.File{Cred: c.Cred}
	if err := n.mayMove(&as, c, from); err != nil {
		return nil, err
	}
	if err := n.m.node(n.cg, procsFile()).inode.Access(c, abi.W_OK); err != nil {
		return nil, err
	}
	return n.cg, nil
}

// writeKill kills all processes here and below. ERANGE: another number than 1; EINVAL: none.
func writeKill(n *node, _ *fs.File, _ *fs.Caller, text string) error {
	v, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return abi.EINVAL
	}
	if v != 1 {
		return abi.ERANGE
	}
	n.m.k.KillCgroup(n.cg)
	return nil
}

// openFile is an open file of a cgroup; its text is made when it is read from its beginning.
type openFile struct {
	fs.NoFile
	n *node

	mu   sync.Mutex
	text []byte
	seen uint64 // changes of the cgroup that the text has
}

// Read implements fs.FileOps.
func (o *openFile) Read(_ *fs.File, c *fs.Caller, b fs.Buffer, off int64) (int, error) {
	if o.n.file.show == nil {
		return 0, abi.EINVAL
	}
	o.mu.Lock()
	if off == 0 || o.text == nil {
		if o.n.cg.Removed() {
			o.mu.Unlock()
			return 0, abi.ENODEV
		}
		o.seen = o.n.cg.Changes()
		text, err := o.n.file.show(o.n, c)
		if err != nil {
			o.mu.Unlock()
			return 0, err
		}
		if text != "" || !o.n.file.list {
			text += "\n"
		}
		o.text = []byte(text)
	}
	text := o.text
	o.mu.Unlock()
	if off >= int64(len(text)) {
		return 0, nil
	}
	return b.CopyOut(text[off:min(int64(len(text)), off+int64(b.Len()))])
}

// Write implements fs.FileOps.
func (o *openFile) Write(f *fs.File, c *fs.Caller, b fs.Buffer, _ int64) (int, error) {
	if o.n.file.write == nil {
		return 0, abi.EINVAL
	}
	if b.Len() > abi.PageSize {
		return 0, abi.E2BIG
	}
	data := make([]byte, b.Len())
	if _, err := b.CopyIn(data); err != nil {
		return 0, err
	}
	if o.n.cg.Removed() {
		return 0, abi.ENODEV
	}
	if err := o.n.file.write(o.n, f, c, string(data)); err != nil {
		return 0, err
	}
	return len(data), nil
}

// Seek implements fs.FileOps.
func (*openFile) Seek(_ *fs.File, pos, off int64, whence int) (int64, error) {
	if whence == abi.SEEK_END {
		return 0, abi.EINVAL
	}
	return fs.SeekWithin(pos, off, whence, 0, 1<<62)
}

// Poll implements fs.FileOps: the files of events have exceptional conditions when they change.
func (o *openFile) Poll(*fs.File) wait.Events {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.seen != o.n.cg.Changes() {
		return wait.Readable | wait.Writable | wait.Err | wait.Pri
	}
	return wait.Readable | wait.Writable
}

// Queue implements fs.FileOps.
func (o *openFile) Queue(*fs.File) *wait.Queue { return &o.n.cg.Queue }

// directory is an open directory of a cgroup.
type directory struct {
	fs.NoFile
	n *node
}

// Read implements fs.FileOps.
func (directory) Read(*fs.File, *fs.Caller, fs.Buffer, int64) (int, error) { return 0, abi.EISDIR }

// Sync implements fs.FileOps.
func (directory) Sync(*fs.File, bool) error { return nil }

// Seek implements fs.FileOps.
func (directory) Seek(_ *fs.File, pos, off int64, whence int) (int64, error) {
	return fs.SeekWithin(pos, off, whence, 0, 1<<62)
}

// Positions: . and .., the table of files, then children by their number in the order of names.
const dots = 2

// ReadDir implements fs.FileOps.
func (d directory) ReadDir(f *fs.File, _ *fs.Caller, pos int64, sink fs.DirSink) (int64, error) {
	pos, ok := fs.EmitDots(f, pos, sink)
	if !ok {
		return pos, nil
	}
	children := d.n.cg.Children()
	for pos = max(pos, dots); ; pos++ {
		i := int(pos - dots)
		switch {
		case i < len(files):
			t := &files[i]
			if t.isIn(d.n.cg) && !sink.Entry([]byte(t.name), d.n.cg.ID()<<8|uint64(t.number), abi.DT_REG, pos+1) {
				return pos, nil
			}
		case i < len(files)+len(children):
			c := children[i-len(files)]
			if !sink.Entry([]byte(c.Name()), c.ID()<<8, abi.DT_DIR, pos+1) {
				return pos, nil
			}
		default:
			return pos, nil
		}
	}
}
