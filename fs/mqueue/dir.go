package mqueue

import (
	"cleave/abi"
	"cleave/fs"
)

// root is the directory of the queues.
type root struct {
	fs.NoInode
	inode fs.Inode
	fs    *FS
}

// Lookup finds a queue.
func (r *root) Lookup(_ *fs.Inode, name []byte) (*fs.Inode, error) {
	r.fs.mu.Lock()
	defer r.fs.mu.Unlock()
	q := r.fs.findLocked(name)
	if q == nil {
		return nil, abi.ENOENT
	}
	return &q.inode, nil
}

// Create makes a queue of the default size, as open(2) with O_CREAT in a mount does. EPERM: anything but a regular file;
// ENOSPC.
//
// DIVERGES: such a queue does not count for anybody's RLIMIT_MSGQUEUE.
func (r *root) Create(_ *fs.Inode, name []byte, n *fs.Node) (*fs.Inode, error) {
	if n.Mode&abi.S_IFMT != abi.S_IFREG || name == nil {
		return nil, abi.EPERM
	}
	s := r.fs
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queues) >= s.limits.Queues {
		return nil, abi.ENOSPC
	}
	q := s.newQueue(string(name), n, s.limits.defaults())
	s.addLocked(q)
	return &q.inode, nil
}

// Unlink takes the name from a queue, which lives on while it is open.
func (r *root) Unlink(_ *fs.Inode, _ []byte, i *fs.Inode) error {
	q := i.Ops().(*Queue)
	r.fs.mu.Lock()
	removed := r.fs.removeLocked(q)
	r.fs.mu.Unlock()
	if !removed {
		return abi.ENOENT
	}
	i.Put()
	return nil
}

// SetAttr refuses to change the size.
func (r *root) SetAttr(_ *fs.Inode, set *fs.SetAttr) error { return noSize(set) }

func noSize(set *fs.SetAttr) error {
	if set.Valid&fs.SetSize != 0 && set.Size != 0 {
		return abi.EINVAL
	}
	return nil
}

// dirOps is the open directory.
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

// ReadDir lists the queues in the order of their making.
func (dirOps) ReadDir(f *fs.File, _ *fs.Caller, pos int64, sink fs.DirSink) (int64, error) {
	s := f.Inode().Ops().(*root).fs
	pos, ok := fs.EmitDots(f, pos, sink)
	for ok {
		s.mu.Lock()
		var q *Queue
		for _, o := range s.queues {
			if o.pos >= pos {
				q = o
				break
			}
		}
		s.mu.Unlock()
		if q == nil {
			break
		}
		if ok = sink.Entry([]byte(q.name), q.inode.Ino(), abi.DT_REG, q.pos+1); ok {
			pos = q.pos + 1
		}
	}
	return pos, nil
}
