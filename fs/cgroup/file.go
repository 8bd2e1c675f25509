package cgroup

import (
	"strings"
	"sync"
	"sync/atomic"

	"cleave/abi"
	"cleave/fs"
	"cleave/wait"
)

// file describes a control file.
type file struct {
	name     string
	mode     uint32
	needs    Controllers // of the group
	places   places      // where it is not
	delegate bool        // may be written at the root of a cgroup namespace (mount option nsdelegate)
	show     func(r *request) (string, error)
	write    func(r *request, text string) error
	events   func(g *Group) *notifier // for poll(2); nil: the content does not change by itself
}

// places are kinds of groups.
type places uint8

const (
	everywhere places = iota
	notAtRoot
)

// on reports whether g has the file.
func (f *file) on(g *Group) bool {
	return Controllers(g.offers.Load())&f.needs == f.needs && (f.places == everywhere || g.parent != nil)
}

func (f *file) notifier(g *Group) *notifier {
	if f.events == nil {
		return nil
	}
	return f.events(g)
}

// Namespace is a cgroup namespace, as something that can be compared.
type Namespace any

// opened is the state of an open control file.
type opened struct {
	root *Group // of the cgroup namespace of who opened it
	ns   Namespace
	seen atomic.Uint32 // changes that were there at the last read

	mu   sync.Mutex
	text []byte // guarded by mu: what is being read
}

// request is one read or write of a control file.
type request struct {
	*opened
	g *Group
	f *fs.File
	c *fs.Caller
}

func newRequest(f *fs.File, c *fs.Caller) (*request, *node, error) {
	n := f.Inode().Ops().(*node)
	if !n.Valid(&n.inode) {
		return nil, nil, abi.ENODEV
	}
	return &request{opened: f.Private.(*opened), g: n.g, f: f, c: c}, n, nil
}

// fileOps is an open control file.
type fileOps struct{ fs.NoFile }

// Read makes the text when it starts at 0, and copies from it. ENODEV: the group is gone.
func (fileOps) Read(f *fs.File, c *fs.Caller, b fs.Buffer, off int64) (int, error) {
	r, n, err := newRequest(f, c)
	if err != nil {
		return 0, err
	}
	// The lock is this open file's own; a page fault of the copy does not need it.
	r.mu.Lock()
	defer r.mu.Unlock()
	if off == 0 || r.text == nil {
		if e := n.file.notifier(n.g); e != nil {
			r.seen.Store(e.changes.Load())
		}
		text, err := n.file.show(r)
		if err != nil {
			return 0, err
		}
		r.text = []byte(text)
	}
	if off >= int64(len(r.text)) {
		return 0, nil
	}
	text := r.text[off:]
	return b.CopyOut(text[:min(len(text), b.Len())])
}

// maxWrite is how much one write may bring.
const maxWrite = abi.PageSize - 1

// Write carries out what the text of one write says. ENODEV: the group is gone; EPERM: the file is not delegated to the
// writer's cgroup namespace.
func (fileOps) Write(f *fs.File, c *fs.Caller, b fs.Buffer, _ int64) (int, error) {
	r, n, err := newRequest(f, c)
	switch {
	case err != nil:
		return 0, err
	case b.Len() > maxWrite:
		return 0, abi.E2BIG
	case r.g.h.nsdelegate.Load() && !n.file.delegate && r.root == r.g && r.g.parent != nil:
		return 0, abi.EPERM
	}
	data := make([]byte, b.Len())
	if _, err := b.CopyIn(data); err != nil {
		return 0, err
	}
	if err := n.file.write(r, strings.TrimSpace(string(data))); err != nil {
		return 0, err
	}
	return len(data), nil
}

// Seek goes anywhere.
func (fileOps) Seek(_ *fs.File, pos, off int64, whence int) (int64, error) {
	if whence == abi.SEEK_END {
		return 0, abi.EINVAL
	}
	return fs.SeekWithin(pos, off, whence, 0, 1<<62)
}

// Poll tells with POLLPRI and POLLERR that the content has changed since it was read.
func (fileOps) Poll(f *fs.File) wait.Events {
	ev := wait.Readable | wait.Writable
	n := f.Inode().Ops().(*node)
	if e := n.file.notifier(n.g); e != nil && e.changes.Load() != f.Private.(*opened).seen.Load() {
		ev |= wait.Pri | wait.Err
	}
	return ev
}

// Queue is where changes are notified.
func (fileOps) Queue(f *fs.File) *wait.Queue {
	n := f.Inode().Ops().(*node)
	if e := n.file.notifier(n.g); e != nil {
		return &e.queue
	}
	return nil
}
