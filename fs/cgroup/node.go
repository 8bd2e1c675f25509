package cgroup

import (
	"cleave/abi"
	"cleave/fs"
)

// node is a directory or a control file: it and its owner and mode live as long as the group. It is the operations of its
// own inode.
type node struct {
	fs.NoInode
	inode fs.Inode
	g     *Group
	file  *file   // nil: the directory
	maker fs.Node // of a directory: who made it
}

// makeDir makes the directory of g.
func (g *Group) makeDir(what *fs.Node) {
	n := &node{g: g, maker: *what}
	i := &n.inode
	g.h.sb.InitInode(i, n, g.h.lastIno.Add(1), what.Mode)
	i.SetNode(what)
	i.SetNlink(2)
	i.SetFileOps(dirOps{})
	i.Get() // until the group is removed
	g.dir = n
}

// node finds a control file of g, nil if g does not have it. Files belong to whom the directory was made by.
func (g *Group) node(name string) *node {
	f := g.h.fileOf[name]
	if f == nil || !f.on(g) {
		return nil
	}
	g.h.mu.Lock()
	defer g.h.mu.Unlock()
	if g.gone.Load() {
		return nil
	}
	n := g.files[name]
	if n == nil {
		n = &node{g: g, file: f}
		i := &n.inode
		g.h.sb.InitInode(i, n, g.h.lastIno.Add(1), abi.S_IFREG|f.mode)
		i.SetNode(&fs.Node{UID: g.dir.maker.UID, GID: g.dir.maker.GID})
		i.SetFileOps(fileOps{})
		i.Get()
		g.files[name] = n
	}
	return n
}

// Lookup finds a control file or a group.
func (n *node) Lookup(_ *fs.Inode, name []byte) (*fs.Inode, error) {
	if f := n.g.node(string(name)); f != nil {
		return &f.inode, nil
	}
	n.g.h.mu.Lock()
	defer n.g.h.mu.Unlock()
	for _, c := range n.g.children {
		if c.name == string(name) {
			return &c.dir.inode, nil
		}
	}
	return nil, abi.ENOENT
}

// Create makes a group. EACCES: a regular file, as on Linux; EPERM: anything else but a directory; EAGAIN: a limit.
func (n *node) Create(dir *fs.Inode, name []byte, what *fs.Node) (*fs.Inode, error) {
	switch {
	case what.Mode&abi.S_IFMT == abi.S_IFREG && name != nil:
		return nil, abi.EACCES
	case what.Mode&abi.S_IFMT != abi.S_IFDIR:
		return nil, abi.EPERM
	}
	c, err := n.g.make(string(name), what)
	if err != nil {
		return nil, err
	}
	dir.AddNlink(1)
	return &c.dir.inode, nil
}

// Unlink removes a group. EBUSY: it has children or processes.
func (n *node) Unlink(dir *fs.Inode, _ []byte, i *fs.Inode) error {
	c := i.Ops().(*node)
	if c.file != nil {
		return abi.EPERM
	}
	files, err := c.g.remove()
	if err != nil {
		return err
	}
	dir.AddNlink(-1)
	i.SetNlink(0)
	for _, f := range files {
		f.inode.SetNlink(0)
		f.inode.Put()
	}
	i.Put()
	return nil
}

// Valid reports whether the group has the file, and is there.
func (n *node) Valid(*fs.Inode) bool {
	return !n.g.gone.Load() && (n.file == nil || n.file.on(n.g))
}

// SetAttr takes a truncation to nothing for done, as a shell's > wants it.
func (n *node) SetAttr(_ *fs.Inode, set *fs.SetAttr) error {
	if set.Valid&fs.SetSize != 0 && set.Size != 0 {
		return abi.EINVAL
	}
	return nil
}

// Open gives a control file its state.
func (n *node) Open(_ *fs.Inode, f *fs.File, c *fs.Caller) error {
	if n.file == nil {
		return nil
	}
	if f.Readable() && n.file.show == nil || f.Writable() && n.file.write == nil {
		return abi.EINVAL
	}
	o := &opened{}
	if c != nil {
		o.root, o.ns = n.g.h.tasks.Namespace(c.Task)
	}
	if e := n.file.notifier(n.g); e != nil {
		o.seen.Store(e.changes.Load())
	}
	f.Private = o
	return nil
}

// Of returns the group that f, a directory of a cgroup2 file system, is open on; nil if it is none.
func Of(f *fs.File) *Group {
	n, ok := f.Inode().Ops().(*node)
	if !ok || n.file != nil {
		return nil
	}
	return n.g
}

// dirOps is an open directory.
type dirOps struct{ fs.NoFile }

// Read refuses.
func (dirOps) Read(*fs.File, *fs.Caller, fs.Buffer, int64) (int, error) { return 0, abi.EISDIR }

// Seek goes to where ReadDir has been.
func (dirOps) Seek(_ *fs.File, pos, off int64, whence int) (int64, error) {
	if whence == abi.SEEK_END {
		return 0, abi.EINVAL
	}
	return fs.SeekWithin(pos, off, whence, 0, 1<<62)
}

// firstFile and firstPos are the positions of the first control file and of the first group in a directory.
const (
	firstFile = 2
	firstPos  = 1 << 16
)

// ReadDir lists the control files, then the groups in the order of their making.
func (dirOps) ReadDir(f *fs.File, _ *fs.Caller, pos int64, sink fs.DirSink) (int64, error) {
	g := f.Inode().Ops().(*node).g
	pos, ok := fs.EmitDots(f, pos, sink)
	for ; ok && pos < firstFile+int64(len(g.h.files)); pos++ {
		file := &g.h.files[pos-firstFile]
		if n := g.node(file.name); n != nil && !sink.Entry([]byte(file.name), n.inode.Ino(), abi.DT_REG, pos+1) {
			return pos, nil
		}
	}
	for ok {
		c := g.childFrom(pos)
		if c == nil {
			break
		}
		if ok = sink.Entry([]byte(c.name), c.dir.inode.Ino(), abi.DT_DIR, c.pos+1); ok {
			pos = c.pos + 1
		}
	}
	return pos, nil
}

// childFrom is the first child at position pos or behind, nil if there is none.
func (g *Group) childFrom(pos int64) *Group {
	g.h.mu.Lock()
	defer g.h.mu.Unlock()
	for _, c := range g.children {
		if c.pos >= pos {
			return c
		}
	}
	return nil
}
