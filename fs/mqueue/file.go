package mqueue

import (
	"fmt"

	"cleave/abi"
	"cleave/fs"
	"cleave/wait"
)

// queueOps is an open queue.
type queueOps struct{ fs.NoFile }

// Read shows the state of the queue, not a message (mq_overview(7)).
func (queueOps) Read(f *fs.File, c *fs.Caller, b fs.Buffer, off int64) (int, error) {
	q := f.Inode().Ops().(*Queue)
	q.mu.Lock()
	size, r := q.bytes, q.notice
	q.mu.Unlock()
	var how, signo, pid int32
	if r != nil {
		how, signo, pid = r.notice.Show(c)
	}
	text := fmt.Sprintf("QSIZE:%-10d NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", size, how, signo, pid)
	if off >= int64(len(text)) {
		return 0, nil
	}
	text = text[off:]
	return b.CopyOut([]byte(text[:min(len(text), b.Len())]))
}

// Seek goes anywhere within the text.
func (queueOps) Seek(f *fs.File, pos, off int64, whence int) (int64, error) {
	return fs.SeekWithin(pos, off, whence, f.Inode().Size(), 1<<62)
}

// Poll returns whether there are messages, and room for one.
func (queueOps) Poll(f *fs.File) wait.Events {
	a := f.Inode().Ops().(*Queue).Attr()
	var ev wait.Events
	if a.Messages > 0 {
		ev |= wait.Readable
	}
	if a.Messages < a.MaxMessages {
		ev |= wait.Writable
	}
	return ev
}

// Queue is where changes are notified.
func (queueOps) Queue(f *fs.File) *wait.Queue { return &f.Inode().Ops().(*Queue).Events }

// Open has the registration of a process end when it closes the queue.
func (q *Queue) Open(_ *fs.Inode, f *fs.File, _ *fs.Caller) error {
	f.SetOnClose(forget)
	return nil
}

func forget(f *fs.File, t *fs.FDTable) { f.Inode().Ops().(*Queue).Forget(t) }

// OpenHow is the argument of mq_open(2).
type OpenHow struct {
	Flags uint32 // O_*
	Mode  uint32 // of a new queue, without the umask
	Attr  *Attr  // of a new queue; nil: the defaults
	Limit int64  // RLIMIT_MSGQUEUE of the caller, in bytes
}

// Open opens or makes a queue: mq_open(2). The name has no slash. ENOENT, EEXIST; EACCES: no permission, or a bad name;
// ENAMETOOLONG; EINVAL: bad attributes or flags; ENOSPC: too many queues; EMFILE: more than Limit.
func (s *FS) Open(c *fs.Caller, name []byte, how OpenHow) (*fs.File, error) {
	if how.Flags&abi.O_ACCMODE == abi.O_ACCMODE {
		return nil, abi.EINVAL
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	s.mu.Lock()
	q := s.findLocked(name)
	var err error
	switch {
	case q == nil && how.Flags&abi.O_CREAT == 0:
		err = abi.ENOENT
	case q == nil:
		q, err = s.createLocked(c, string(name), &how)
	case how.Flags&(abi.O_CREAT|abi.O_EXCL) == abi.O_CREAT|abi.O_EXCL:
		err = abi.EEXIST
	default:
		err = q.inode.Access(c, wants(how.Flags))
	}
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	q.inode.Get() // until the file has its own
	s.mu.Unlock()
	flags := how.Flags & (abi.O_ACCMODE | abi.O_NONBLOCK)
	f := s.vfs.NewUnnamedFile(s.mount, &q.inode, "/"+q.name, flags, c.Cred)
	q.inode.Put()
	f.SetOnClose(forget)
	return f, nil
}

func wants(flags uint32) uint32 {
	switch flags & abi.O_ACCMODE {
	case abi.O_RDONLY:
		return abi.R_OK
	case abi.O_WRONLY:
		return abi.W_OK
	}
	return abi.R_OK | abi.W_OK
}

func checkName(name []byte) error {
	switch {
	case len(name) == 0:
		return abi.ENOENT
	case string(name) == ".", string(name) == "..":
		return abi.EACCES
	case len(name) > abi.NameMax:
		return abi.ENAMETOOLONG
	}
	for _, b := range name {
		if b == '/' {
			return abi.EACCES
		}
	}
	return nil
}
