package procfs

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/ns"
	"cleave/ns/user"
	"cleave/proc"
)

// entry is one name in a directory: a row of a table.
type entry struct {
	name string
	mode uint32 // type and permissions

	table []entry // of a directory: what is always there

	// Of a directory: what comes and goes. find gives ENOENT; list gives names from a position on.
	find func(n *node, name string) (*node, error)
	list func(x *access, pos int64, emit emitter) (int64, error)

	// Of a file. write gives the number of bytes that it has used.
	show  func(x *access, w *text) error
	write func(x *access, off int64, data []byte) (int, error)
	ops   func(n *node, f *fs.File, x *access) (fs.FileOps, error) // a file of its own kind

	// Of a link: its text, and where it leads; a link without follow is an ordinary one.
	link   func(x *access) ([]byte, error)
	follow func(x *access) (fs.Path, error)

	guard   guard
	setting *setting
}

// guard says what it takes to use an entry beyond the mode bits.
type guard uint8

const (
	open      guard = iota
	traced          // the reader may trace the process: to open, follow or read
	tracedDir       // the same, to search or list
	ownDir          // the mode bits, but the process itself always may
)

// emitter takes a name of a directory; next is the position behind it. It returns false when there is no more room.
type emitter func(name string, n uint64, typ uint8, next int64) bool

// node is an inode of /proc.
type node struct {
	fs.NoInode
	inode fs.Inode
	m     *mounted
	e     *entry
	pid   *ns.PID // of the process or thread, nil for what is the kernel's
	group bool    // it is about the whole process
	fd    int     // in fd/ and fdinfo/
}

const rootIno = 1

func (m *mounted) newNode(e *entry, pid *ns.PID, ino uint64) *fs.Inode {
	return &m.makeNode(e, pid, ino).inode
}

func (m *mounted) makeNode(e *entry, pid *ns.PID, ino uint64) *node {
	n := &node{m: m, e: e, pid: pid}
	m.sb.InitInode(&n.inode, n, ino, e.mode)
	if e.mode&abi.S_IFMT == abi.S_IFDIR {
		n.inode.SetNlink(2)
	}
	n.own()
	return n
}

// access is one use of a node: by whom, and of which task.
type access struct {
	*mounted
	n *node
	c *fs.Caller // who reads; nil: the kernel
	f *fs.File   // the open file, nil for links and directories
	t *proc.Task // of the node; nil for what is the kernel's
}

// enter begins a use. ESRCH: the task is gone.
func (n *node) enter(c *fs.Caller, f *fs.File) (*access, error) {
	x := &access{mounted: n.m, n: n, c: c, f: f}
	if n.pid != nil {
		if x.t = n.task(); x.t == nil {
			return nil, abi.ESRCH
		}
	}
	return x, nil
}

func (n *node) task() *proc.Task { return n.m.Kernel.TaskOf(n.pid) }

// reader is the task that reads, nil when it is the kernel.
func (x *access) reader() *proc.Task {
	if x.c == nil {
		return nil
	}
	t, _ := x.c.Task.(*proc.Task)
	return t
}

// mayTrace reports whether the reader may look into the task (PTRACE_MODE_READ_FSCREDS).
func (x *access) mayTrace() bool {
	r := x.reader()
	return r == nil || x.t == nil || r.MayAccess(x.t, true)
}

// userNS is the user namespace of the reader.
func (x *access) userNS() *user.Namespace {
	if x.c == nil {
		return x.Kernel.UserNS
	}
	return x.c.Cred.NS
}

// own sets who owns the node: the user of the process if it may be dumped, else root. What all may read of a directory is
// the user's in any case.
func (n *node) own() {
	if n.pid == nil {
		return
	}
	t := n.task()
	if t == nil {
		return
	}
	n.inode.SetOwner(n.owner(t))
}

func (n *node) owner(t *proc.Task) (user.KUID, user.KGID) {
	c := t.CredOf()
	if n.e.mode == abi.S_IFDIR|0o555 || t.Dumpable() == 1 {
		return c.EUID, c.EGID
	}
	uid, gid := c.NS.RootUID(), c.NS.RootGID()
	if !uid.Valid() {
		uid = user.RootKUID
	}
	if !gid.Valid() {
		gid = user.RootKGID
	}
	return uid, gid
}

// Lookup implements fs.InodeOps.
func (n *node) Lookup(_ *fs.Inode, name []byte) (*fs.Inode, error) {
	if n.m.options.pidOnly && n.inode.Ino() == rootIno {
		return n.findIn(nil, name)
	}
	return n.findIn(n.e.table, name)
}

func (n *node) findIn(table []entry, name []byte) (*fs.Inode, error) {
	for i := range table {
		if table[i].name == string(name) {
			c := n.m.makeNode(&table[i], n.pid, childIno(n.inode.Ino(), i))
			c.group = n.group
			return &c.inode, nil
		}
	}
	if n.e.find == nil {
		return nil, abi.ENOENT
	}
	c, err := n.e.find(n, string(name))
	if err != nil {
		return nil, err
	}
	return &c.inode, nil
}

// childIno is the inode number of what directory ino has as number i. Numbers have 32 bits, or programs without large
// file support could not read directories; so they are hashes (FNV-1a), which name the same file again and again.
func childIno(ino uint64, i int) uint64 {
	h := uint32(2166136261)
	for _, v := range [2]uint32{uint32(ino), uint32(i)} {
		for s := 0; s < 32; s += 8 {
			h = (h ^ v>>s&0xff) * 16777619
		}
	}
	return max(uint64(h), rootIno+1)
}

// taskIno is that of the directory of a task.
func taskIno(e *entry, p *ns.PID) uint64 {
	if e == &threadDir {
		return childIno(2, int(p.Global()))
	}
	return childIno(rootIno, -int(p.Global()))
}

// Valid implements fs.InodeOps: the task is still there, and the descriptor of an entry of fd/ too.
func (n *node) Valid(*fs.Inode) bool {
	if n.pid == nil {
		return true
	}
	t := n.task()
	if t == nil {
		return false
	}
	if n.e == &fdLink || n.e == &fdInfo {
		flags, ok := t.FDFlags(n.fd)
		if !ok || n.e == &fdLink && fdMode(flags) != n.inode.Mode() {
			return false
		}
	}
	n.inode.SetOwner(n.owner(t))
	return true
}

// GetAttr implements fs.InodeOps.
func (n *node) GetAttr(_ *fs.Inode, a *fs.Attr) {
	if n.pid != nil {
		if t := n.task(); t != nil {
			a.UID, a.GID = n.owner(t)
			if n.e.find != nil && n.e.mode == abi.S_IFDIR|0o500 {
				a.Size = int64(t.FDCount())
			}
		}
	}
}

// SetAttr implements fs.InodeOps: only the settings take a change of times and of size, which means nothing.
func (n *node) SetAttr(_ *fs.Inode, set *fs.SetAttr) error {
	if set.Valid&(fs.SetMode|fs.SetUID|fs.SetGID) != 0 {
		return abi.EPERM
	}
	return nil
}

// Permission implements fs.InodeOps.
func (n *node) Permission(_ *fs.Inode, c *fs.Caller, want uint32) (bool, error) {
	if n.e.setting != nil {
		return true, n.settingPermission(c, want)
	}
	if n.pid == nil || c == nil {
		return false, nil
	}
	x, err := n.enter(c, nil)
	if err != nil {
		return true, err
	}
	switch {
	case n.isProcessDir():
		if n.m.hides(x, hideNoAccess) {
			if n.m.options.hidePID == hideNoAccess {
				return true, abi.EPERM
			}
			return true, abi.ENOENT
		}
	case n.e.guard == tracedDir && !x.mayTrace():
		return true, abi.EACCES
	case n.e.guard == ownDir:
		if r := x.reader(); r != nil && r.ThreadGroup() == x.t.ThreadGroup() {
			return true, nil
		}
	}
	return false, nil
}

func (n *node) isProcessDir() bool { return n.e == &processDir }

// hides reports whether the option hidepid keeps the task of x from the reader; it applies from level min on.
func (m *mounted) hides(x *access, min int) bool {
	o := m.options
	if o.hidePID < min {
		return false
	}
	if o.hidePID != hidePtraceable && x.c != nil && x.c.Cred.InGroup(o.gid) {
		return false
	}
	return !x.mayTrace()
}

// Readlink implements fs.InodeOps.
func (n *node) Readlink(_ *fs.Inode, c *fs.Caller) ([]byte, error) {
	if n.e.link == nil {
		return nil, abi.EINVAL
	}
	x, err := n.enter(c, nil)
	if err != nil {
		return nil, abi.ENOENT
	}
	if n.e.guard == traced && !x.mayTrace() {
		return nil, abi.EACCES
	}
	return n.e.link(x)
}

// Follow implements fs.InodeOps.
func (n *node) Follow(_ *fs.Inode, c *fs.Caller) (fs.Path, error) {
	if n.e.follow == nil {
		return fs.Path{}, abi.EINVAL
	}
	x, err := n.enter(c, nil)
	if err != nil {
		return fs.Path{}, abi.ENOENT
	}
	if n.e.guard == traced && !x.mayTrace() {
		return fs.Path{}, abi.EACCES
	}
	return n.e.follow(x)
}

// Open implements fs.InodeOps.
func (n *node) Open(_ *fs.Inode, f *fs.File, c *fs.Caller) error {
	x, err := n.enter(c, f)
	if err != nil {
		if n.e.mode&abi.S_IFMT == abi.S_IFDIR {
			return abi.ENOENT
		}
		return err
	}
	switch {
	case n.e.guard == traced && !x.mayTrace():
		return abi.EACCES
	case n.e.ops != nil:
		f.Ops, err = n.e.ops(n, f, x)
		return err
	case n.e.mode&abi.S_IFMT == abi.S_IFDIR:
		f.Ops = directory{n: n}
	default:
		f.Ops = &textFile{n: n}
	}
	return nil
}
