// Package devpts is the file system of pseudo-terminals (pts(4)). Every mount is one of its own, with its own numbers:
// ptmx makes a pair whose slave appears beside it.
package devpts

import (
	"math/bits"
	"strconv"
	"sync"
	"sync/atomic"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/tty"
	"cleave/ns/user"
)

// PTMX is the device number of the file that makes a pair when it is opened.
var PTMX = fs.MakeDev(5, 2)

// limit is how many pseudo-terminals one instance can have, if there is memory enough: one for every framesPerPTY frames.
const (
	limit        = 4096
	framesPerPTY = 32
)

// Inode numbers, as on Linux: a slave has 3 and its number.
const (
	rootIno  = 1
	ptmxIno  = 2
	slaveIno = 3
)

// Type returns the type of file system for fs.VFS.Register.
func Type() *fs.Type {
	return &fs.Type{Name: "devpts", Flags: fs.TypeNoDev | fs.TypeUserNS, Mount: mount,
		Values: []string{"mode", "ptmxmode", "max", "uid", "gid"}, Switches: []string{"newinstance"},
		Check: func(option string, owner *user.Namespace) error { return new(options).parse(option, owner) }}
}

// FS is one instance.
type FS struct {
	fs.NoSuper
	sb   *fs.Superblock
	root node
	ptmx node

	mu    sync.Mutex
	opts  options          // guarded by mu, as is what follows
	ptys  map[uint32]*node // slaves that can be opened
	inUse [limit / 64]uint64
}

// node is a file of an instance.
type node struct {
	fs.NoInode
	inode  fs.Inode
	fs     *FS
	master *tty.Master // nil: the root, or ptmx
	gone   atomic.Bool
}

func mount(r *fs.MountRequest) (*fs.Superblock, error) {
	o := options{mode: 0o600, max: limit}
	if err := o.parse(r.Options, r.Owner); err != nil {
		return nil, err
	}
	return newFS(r, o).sb, nil
}

func newFS(r *fs.MountRequest, o options) *FS {
	d := &FS{opts: o, ptys: map[uint32]*node{}}
	d.sb = r.VFS.NewSuper(fs.SuperConfig{Request: r, Type: r.Type, Ops: d, Magic: abi.DEVPTS_SUPER_MAGIC,
		Flags: fs.SuperVolatile, Blksize: 1024})
	d.sb.Private = d
	var owner fs.Node
	if r.Owner != nil {
		owner.UID, owner.GID = r.Owner.RootUID(), r.Owner.RootGID()
	}
	d.root.fs, d.ptmx.fs = d, d
	d.sb.InitInode(&d.root.inode, &d.root, rootIno, abi.S_IFDIR|0o755)
	d.root.inode.SetNlink(2)
	d.root.inode.SetNode(&owner)
	d.root.inode.SetFileOps(dir{})
	d.sb.InitInode(&d.ptmx.inode, &d.ptmx, ptmxIno, abi.S_IFCHR|o.ptmxMode)
	owner.Rdev = PTMX
	d.ptmx.inode.SetNode(&owner)
	d.ptmx.inode.Get() // which FS itself keeps
	d.sb.SetRoot(&d.root.inode)
	return d
}

// Lookup finds ptmx and the slaves.
func (n *node) Lookup(_ *fs.Inode, name []byte) (*fs.Inode, error) {
	if string(name) == "ptmx" {
		return &n.fs.ptmx.inode, nil
	}
	index, err := strconv.ParseUint(string(name), 10, 32)
	if err != nil || name[0] == '0' && len(name) > 1 || name[0] == '+' {
		return nil, abi.ENOENT
	}
	n.fs.mu.Lock()
	defer n.fs.mu.Unlock()
	if s := n.fs.ptys[uint32(index)]; s != nil {
		return &s.inode, nil
	}
	return nil, abi.ENOENT
}

// Valid reports whether the slave can still be opened.
func (n *node) Valid(*fs.Inode) bool { return !n.gone.Load() }

// Create refuses: only ptmx makes files here.
func (n *node) Create(*fs.Inode, []byte, *fs.Node) (*fs.Inode, error) { return nil, abi.EACCES }

// dir is the open root directory.
type dir struct{ fs.NoFile }

// Read refuses.
func (dir) Read(*fs.File, *fs.Caller, fs.Buffer, int64) (int, error) { return 0, abi.EISDIR }

// Seek goes anywhere: positions are numbers of slaves.
func (dir) Seek(_ *fs.File, pos, off int64, whence int) (int64, error) {
	if whence == abi.SEEK_END {
		return 0, abi.EINVAL
	}
	return fs.SeekWithin(pos, off, whence, 0, 1<<31-1)
}

// Sync has nothing to write.
func (dir) Sync(*fs.File, bool) error { return nil }

// ReadDir gives ptmx and the slaves, which have the positions from 3 on.
func (dir) ReadDir(f *fs.File, _ *fs.Caller, pos int64, sink fs.DirSink) (int64, error) {
	d := f.Inode().Superblock().Private.(*FS)
	pos, ok := fs.EmitDots(f, pos, sink)
	if ok && pos < 3 {
		if ok = sink.Entry([]byte("ptmx"), ptmxIno, abi.DT_CHR, 3); ok {
			pos = 3
		}
	}
	for ok {
		index, found := d.next(uint32(pos - 3))
		if !found {
			break
		}
		name := strconv.AppendUint(nil, uint64(index), 10)
		if ok = sink.Entry(name, slaveIno+uint64(index), abi.DT_CHR, int64(index)+4); ok {
			pos = int64(index) + 4
		}
	}
	return pos, nil
}

// next returns the lowest number of a slave from index on.
func (d *FS) next(index uint32) (uint32, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for ; index < limit; index++ {
		if d.ptys[index] != nil {
			return index, true
		}
	}
	return 0, false
}

// newPTY makes a pseudo-terminal whose slave belongs to cred. ENOSPC: there are too many.
func (d *FS) newPTY(cred *user.Cred) (*tty.Master, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	index, ok := d.takeLocked()
	if !ok {
		return nil, abi.ENOSPC
	}
	m := tty.NewPair("pts/"+strconv.Itoa(int(index)), index, d)
	n := &node{fs: d, master: m}
	d.sb.InitInode(&n.inode, n, slaveIno+uint64(index), abi.S_IFCHR|d.opts.mode)
	owner := fs.Node{UID: cred.FSUID, GID: cred.FSGID, Rdev: m.Slave().Dev()}
	if d.opts.hasUID {
		owner.UID = d.opts.uid
	}
	if d.opts.hasGID {
		owner.GID = d.opts.gid
	}
	n.inode.SetNode(&owner)
	n.inode.Get()
	d.ptys[index] = n
	return m, nil
}

// takeLocked takes the lowest free number.
func (d *FS) takeLocked() (uint32, bool) {
	most := min(d.opts.max, uint32(d.sb.VFS().Pool.Stats().Total/framesPerPTY))
	for w, word := range d.inUse {
		if free := bits.TrailingZeros64(^word); free < 64 {
			index := uint32(64*w + free)
			if index >= most {
				return 0, false
			}
			d.inUse[w] |= 1 << free
			return index, true
		}
	}
	return 0, false
}

// Closed takes the slave's name away.
func (d *FS) Closed(m *tty.Master) {
	d.mu.Lock()
	n := d.ptys[m.Index()]
	delete(d.ptys, m.Index())
	d.mu.Unlock()
	n.gone.Store(true)
	n.inode.SetNlink(0)
	n.inode.Put()
}

// Freed gives the number back.
func (d *FS) Freed(m *tty.Master) {
	d.mu.Lock()
	d.inUse[m.Index()/64] &^= 1 << (m.Index() % 64)
	d.mu.Unlock()
}
