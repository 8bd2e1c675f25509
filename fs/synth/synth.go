// Package synth makes file systems whose files are computed: proc, sysfs, cgroup2. A file system is a tree of Nodes,
// which are templates: one Node can stand for many files, each with its own data (the task that a folder of /proc is
// about). The files that are in use are Objects.
package synth

import (
	"sync"
	"sync/atomic"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
)

// Node describes a file. All functions are optional; o is the file that is asked.
type Node struct {
	Mode uint32 // type and permissions

	// Valid reports whether the file still exists, for file systems with fs.SuperVolatile; it may call o.SetOwner. It is
	// called with locks of package fs held: it must be quick and must not use paths or mounts.
	Valid func(o *Object) bool
	// Permission replaces the check of mode bits if it returns handled, with fs.SuperPermission. It must be as quick.
	Permission func(o *Object, c *fs.Caller, want uint32) (handled bool, err error)
	// Attr corrects what stat shows, with fs.SuperGetAttr.
	Attr func(o *Object, a *fs.Attr)
	// Evict is told that the file is not in use any more and o is forgotten.
	Evict func(o *Object)
	// Open may refuse an open, or take it over by setting f.Ops.
	Open func(o *Object, f *fs.File, c *fs.Caller) error

	// Children are the fixed entries of a directory. They get the directory's data.
	Children []Child
	// Lookup finds an entry that is not fixed. ENOENT.
	Lookup func(o *Object, name []byte) (Entry, error)
	// List gives the entries that are not fixed to sink, from position pos on, the first being at 0, and returns the
	// position to go on from.
	List func(o *Object, c *fs.Caller, pos int64, sink fs.DirSink) (int64, error)
	// Mkdir and Rmdir make and remove a directory among the entries that are not fixed.
	Mkdir func(o *Object, name []byte, n *fs.Node) (Entry, error)
	Rmdir func(o *Object, name []byte, child *Object) error

	// Read appends the content of a file to buf. It is called when a file is read from its start; further reads get the
	// rest of the same text.
	Read func(o *Object, c *fs.Caller, buf []byte) ([]byte, error)
	// Write is given what is written in one call.
	Write func(o *Object, f *fs.File, c *fs.Caller, data []byte, off int64) error

	// Readlink returns the target of a symbolic link.
	Readlink func(o *Object, c *fs.Caller) ([]byte, error)
	// Follow returns where a magic link leads, pinned.
	Follow func(o *Object, c *fs.Caller) (fs.Path, error)
}

// Child is a fixed entry of a directory.
type Child struct {
	Name string
	Node *Node
}

// Entry is an entry that was looked up.
type Entry struct {
	Node *Node
	Data any
	Ino  uint64 // as List shows it, from 1<<32 on; 0: a new number
	UID  user.KUID
	GID  user.KGID
}

// Object is a file in use.
type Object struct {
	fs.NoInode
	inode fs.Inode
	fs    *FS
	node  *Node
	kids  uint64 // number of the first fixed entry; the others follow
	// Data says which of many files this is.
	Data any
}

// FS is a file system of Objects.
type FS struct {
	fs.NoSuper
	// OptionsText is shown in /proc/mounts, with a leading comma.
	OptionsText string

	sb      *fs.Superblock
	lastIno atomic.Uint64
}

// Config is what New makes a file system of.
type Config struct {
	Type    *fs.Type
	Request *fs.MountRequest // nil for internal file systems
	Magic   uint32
	Flags   fs.SuperFlags
	Root    Entry
	Ops     fs.SuperOps // nil: those of FS
}

// New makes a file system. Its superblock has one reference, which is the caller's.
func New(v *fs.VFS, c Config) *FS {
	s := &FS{}
	ops := c.Ops
	if ops == nil {
		ops = s
	}
	s.sb = v.NewSuper(fs.SuperConfig{Request: c.Request, Type: c.Type, Ops: ops, Magic: c.Magic, Flags: c.Flags})
	root := c.Root
	root.Ino = rootIno
	s.lastIno.Store(rootIno)
	s.sb.SetRoot(s.NewObject(root).Inode())
	return s
}

const rootIno = 1

// Superblock returns the superblock.
func (s *FS) Superblock() *fs.Superblock { return s.sb }

// Options shows OptionsText.
func (s *FS) Options(*fs.Superblock) string { return s.OptionsText }

// NewObject makes a file that is not in any directory yet.
func (s *FS) NewObject(e Entry) *Object {
	o := &Object{fs: s, node: e.Node, Data: e.Data}
	if e.Ino == 0 {
		e.Ino = s.lastIno.Add(1)
	}
	if n := uint64(len(e.Node.Children)); n != 0 {
		o.kids = s.lastIno.Add(n) - n + 1
	}
	s.sb.InitInode(&o.inode, o, e.Ino, e.Node.Mode)
	o.inode.SetNode(&fs.Node{UID: e.UID, GID: e.GID})
	if o.inode.IsDir() {
		o.inode.SetNlink(2)
		o.inode.SetFileOps(dirOps{})
	} else {
		o.inode.SetFileOps(fileOps{})
	}
	return o
}

// Of returns the Object of an inode of a synthetic file system; nil for other inodes.
func Of(i *fs.Inode) *Object {
	o, _ := i.Ops().(*Object)
	return o
}

// Inode returns the inode.
func (o *Object) Inode() *fs.Inode { return &o.inode }

// Node returns the template.
func (o *Object) Node() *Node { return o.node }

// FS returns the file system.
func (o *Object) FS() *FS { return o.fs }

// SetOwner changes the owner without a trace in the change time.
func (o *Object) SetOwner(uid user.KUID, gid user.KGID) {
	o.inode.SetNode(&fs.Node{UID: uid, GID: gid})
}

// Lookup finds a fixed entry, or asks the node.
func (o *Object) Lookup(dir *fs.Inode, name []byte) (*fs.Inode, error) {
	for k := range o.node.Children {
		c := &o.node.Children[k]
		if string(name) == c.Name {
			e := Entry{Node: c.Node, Data: o.Data, Ino: o.kids + uint64(k), UID: dir.UID(), GID: dir.GID()}
			return o.fs.NewObject(e).Inode(), nil
		}
	}
	if o.node.Lookup == nil {
		return nil, abi.ENOENT
	}
	e, err := o.node.Lookup(o, name)
	if err != nil {
		return nil, err
	}
	return o.fs.NewObject(e).Inode(), nil
}

// Create makes a directory if the node can.
func (o *Object) Create(_ *fs.Inode, name []byte, n *fs.Node) (*fs.Inode, error) {
	if n.Mode&abi.S_IFMT != abi.S_IFDIR || o.node.Mkdir == nil || name == nil {
		return nil, abi.EPERM
	}
	for k := range o.node.Children {
		if string(name) == o.node.Children[k].Name {
			return nil, abi.EEXIST
		}
	}
	e, err := o.node.Mkdir(o, name, n)
	if err != nil {
		return nil, err
	}
	return o.fs.NewObject(e).Inode(), nil
}

// Unlink removes a directory if the node can.
func (o *Object) Unlink(_ *fs.Inode, name []byte, i *fs.Inode) error {
	if !i.IsDir() || o.node.Rmdir == nil {
		return abi.EPERM
	}
	return o.node.Rmdir(o, name, i.Ops().(*Object))
}

// SetAttr refuses a change of size, silently when the file is truncated to be written anew, as a shell's > does.
func (o *Object) SetAttr(_ *fs.Inode, set *fs.SetAttr) error {
	if set.Valid&fs.SetSize != 0 && set.Size != 0 {
		return abi.EINVAL
	}
	return nil
}

// Valid asks the node.
func (o *Object) Valid(*fs.Inode) bool { return o.node.Valid == nil || o.node.Valid(o) }

// Permission asks the node.
func (o *Object) Permission(_ *fs.Inode, c *fs.Caller, want uint32) (bool, error) {
	if o.node.Permission == nil {
		return false, nil
	}
	return o.node.Permission(o, c, want)
}

// GetAttr asks the node.
func (o *Object) GetAttr(_ *fs.Inode, a *fs.Attr) {
	if o.node.Attr != nil {
		o.node.Attr(o, a)
	}
}

// Evict tells the node.
func (o *Object) Evict(*fs.Inode) {
	if o.node.Evict != nil {
		o.node.Evict(o)
	}
}

// Readlink asks the node.
func (o *Object) Readlink(_ *fs.Inode, c *fs.Caller) ([]byte, error) {
	if o.node.Readlink == nil {
		return nil, abi.EINVAL
	}
	return o.node.Readlink(o, c)
}

// Follow asks the node.
func (o *Object) Follow(_ *fs.Inode, c *fs.Caller) (fs.Path, error) {
	if o.node.Follow == nil {
		return fs.Path{}, abi.EINVAL
	}
	return o.node.Follow(o, c)
}

// Open gives files that are generated a place for their text.
func (o *Object) Open(_ *fs.Inode, f *fs.File, c *fs.Caller) error {
	if !o.inode.IsDir() {
		f.Private = new(snapshot)
	}
	if o.node.Open != nil {
		return o.node.Open(o, f, c)
	}
	return nil
}

// snapshot is the text that one open file shows.
type snapshot struct {
	mu   sync.Mutex
	text []byte // guarded by mu
}
