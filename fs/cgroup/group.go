package cgroup

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm/frame"
	"cleave/wait"
)

// Processes is what a hierarchy needs of the processes in it. Tasks are those of fs.Caller.Task.
type Processes interface {
	// List gives the ids of the processes or threads in g, as the reader's pid namespace numbers them; 0 is one that it
	// does not see.
	List(reader any, g *Group, threads bool) []int32
	// Move moves the process to which id belongs, as the mover's pid namespace numbers it; 0 is the mover. check is asked
	// before, with the group that the process leaves. With thread, id is a thread's, which can't leave its process. ESRCH;
	// EOPNOTSUPP; EBUSY: g can't have processes; ENODEV: it is gone.
	Move(mover any, id int32, thread bool, to *Group, check func(from *Group) error) error
	// Kill kills all processes in g and below.
	Kill(g *Group)
	// Regroup is told that accounts, limits or Freezing of g and of the groups below may be others now.
	Regroup(g *Group)
	// Frozen reports whether all processes in g and below stand still.
	Frozen(g *Group) bool
	// Enforce kills processes in g and below until g is within its memory limit.
	Enforce(writer any, g *Group)
	// Namespace gives the root of the task's cgroup namespace, and the namespace.
	Namespace(task any) (root *Group, ns Namespace)
}

// Hierarchy is the tree of all groups.
type Hierarchy struct {
	vfs        *fs.VFS
	tasks      Processes
	sb         *fs.Superblock
	files      []file           // the control files, in the order in which a directory lists them
	fileOf     map[string]*file // by name
	lastIno    atomic.Uint64
	lastPos    atomic.Int64
	nsdelegate atomic.Bool // mount option: cgroup namespaces are boundaries of delegation

	mu   sync.Mutex
	root *Group
}

// Group is one control group. Fields without a note are constant, or guarded by Hierarchy.mu.
type Group struct {
	h      *Hierarchy
	parent *Group // nil: the root
	name   string
	pos    int64 // in the directory of parent
	dir    *node
	files  map[string]*node // that have been looked up

	gone   atomic.Bool   // removed
	offers atomic.Uint32 // Controllers that it has: the parent's enabled ones

	children    []*Group // in the order of making
	enabled     Controllers
	processes   int // that have a live thread
	popular     int // children with processes in them or below
	freeze      bool
	descendants int

	maxDepth, maxDescendants int
	events                   notifier

	pids   pids
	memory memory
}

// noMax is a limit that is never reached.
const noMax = 1<<31 - 1

// notifier tells who polls a file that its content has changed.
type notifier struct {
	changes atomic.Uint32
	queue   wait.Queue
}

func (n *notifier) notify() {
	n.changes.Add(1)
	n.queue.Notify(wait.Pri | wait.Err)
}

// New makes a hierarchy with nothing but a root, and registers the type of file system with v.
func New(v *fs.VFS, p Processes) *Hierarchy {
	h := &Hierarchy{vfs: v, tasks: p, files: controlFiles(), fileOf: map[string]*file{}}
	for i := range h.files {
		h.fileOf[h.files[i].name] = &h.files[i]
	}
	h.lastPos.Store(firstPos)
	typ := h.fileSystem()
	h.sb = v.NewSuper(fs.SuperConfig{Request: &fs.MountRequest{VFS: v, Source: typ.Name}, Type: typ, Ops: superOps{h: h},
		Magic: abi.CGROUP2_SUPER_MAGIC, Flags: fs.SuperVolatile | fs.SuperNoExec | fs.SuperNoDev})
	h.root = h.newGroup(nil, "")
	h.root.offers.Store(uint32(allControllers))
	h.root.makeDir(&fs.Node{Mode: abi.S_IFDIR | 0o755})
	h.sb.SetRoot(&h.root.dir.inode)
	v.Register(typ)
	return h
}

// Root is the root of the tree.
func (h *Hierarchy) Root() *Group { return h.root }

func (h *Hierarchy) newGroup(parent *Group, name string) *Group {
	g := &Group{h: h, parent: parent, name: name, pos: h.lastPos.Add(1), files: map[string]*node{},
		maxDepth: noMax, maxDescendants: noMax}
	g.pids.max = noMax
	g.memory.init()
	return g
}

// make makes a group below g, whose directory is as what says. ENODEV: g is gone; EAGAIN: a limit of depth or number; ENOMEM; EINVAL: a bad name.
func (g *Group) make(name string, what *fs.Node) (*Group, error) {
	if strings.ContainsRune(name, '\n') {
		return nil, abi.EINVAL
	}
	h := g.h
	h.mu.Lock()
	defer h.mu.Unlock()
	if g.gone.Load() {
		return nil, abi.ENODEV
	}
	level := 1
	for x := g; x != nil; x = x.parent {
		if x.descendants >= x.maxDescendants || level > x.maxDepth {
			return nil, abi.EAGAIN
		}
		level++
	}
	c := h.newGroup(g, name)
	if g.enabled&memoryController != 0 {
		if err := c.openAccountLocked(); err != nil {
			return nil, err
		}
	}
	c.offers.Store(uint32(g.enabled))
	c.makeDir(what)
	g.children = append(g.children, c)
	for x := g; x != nil; x = x.parent {
		x.descendants++
	}
	return c, nil
}

// remove takes g out of the tree, and gives its control files. EBUSY: it has children or processes.
func (g *Group) remove() (map[string]*node, error) {
	h := g.h
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case g.parent == nil || len(g.children) > 0 || g.processes > 0:
		return nil, abi.EBUSY
	case g.gone.Load():
		return nil, abi.ENODEV
	}
	g.gone.Store(true)
	i := slices.Index(g.parent.children, g)
	g.parent.children = slices.Delete(g.parent.children, i, i+1)
	for x := g.parent; x != nil; x = x.parent {
		x.descendants--
	}
	g.closeAccountLocked()
	g.events.notify()
	files := g.files
	g.files = nil
	return files, nil
}

// Descendants is how many groups there are below g.
func (g *Group) Descendants() int {
	g.h.mu.Lock()
	defer g.h.mu.Unlock()
	return g.descendants
}

// Within reports whether g is o or below o.
func (g *Group) Within(o *Group) bool {
	for ; g != nil; g = g.parent {
		if g == o {
			return true
		}
	}
	return false
}

// common is the lowest group that has both g and o in it.
func (g *Group) common(o *Group) *Group {
	for !g.Within(o) {
		o = o.parent
	}
	return o
}

// Path is how g is named where root is seen as the root: /proc/PID/cgroup (cgroup_namespaces(7)). A group outside of root
// begins with "/..".
func (g *Group) Path(root *Group) string {
	top := g.common(root)
	var b strings.Builder
	for x := root; x != top; x = x.parent {
		b.WriteString("/..")
	}
	var names []string
	for x := g; x != top; x = x.parent {
		names = append(names, x.name)
	}
	for _, name := range slices.Backward(names) {
		b.WriteString("/" + name)
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

// Parent is the group above, nil for the root.
func (g *Group) Parent() *Group { return g.parent }

// Freezing reports whether the processes of g are to stand still, because g is frozen or a group above is. g may be nil.
func (g *Group) Freezing() bool {
	if g == nil {
		return false
	}
	g.h.mu.Lock()
	defer g.h.mu.Unlock()
	return g.freezingLocked()
}

func (g *Group) freezingLocked() bool {
	for ; g != nil; g = g.parent {
		if g.freeze {
			return true
		}
	}
	return false
}

// Changed tells who watches cgroup.events of g.
func (g *Group) Changed() { g.events.notify() }

// Gone reports whether g was removed.
func (g *Group) Gone() bool { return g.gone.Load() }

// mayHoldLocked checks whether processes may enter g. ENODEV; EBUSY: it has given controllers to its children, so only
// they can have processes.
func (g *Group) mayHoldLocked() error {
	switch {
	case g.gone.Load():
		return abi.ENODEV
	case g.parent != nil && g.enabled != 0:
		return abi.EBUSY
	}
	return nil
}

// Check reports whether processes may enter g now. ENODEV, EBUSY.
func (g *Group) Check() error {
	g.h.mu.Lock()
	defer g.h.mu.Unlock()
	return g.mayHoldLocked()
}

// Enter counts a new process with one task, which was charged by ChargeTask. Only for a group that has no process yet can
// it fail: ENODEV, EBUSY.
func (g *Group) Enter() error {
	g.h.mu.Lock()
	defer g.h.mu.Unlock()
	if g.processes == 0 {
		if err := g.mayHoldLocked(); err != nil {
			return err
		}
	}
	g.countLocked(1)
	return nil
}

// Leave counts a process less: its last thread exits. Its tasks stay charged until they are reaped.
func (g *Group) Leave() {
	g.h.mu.Lock()
	g.countLocked(-1)
	g.h.mu.Unlock()
}

// MoveTo moves a process with n tasks from g to another group. ENODEV, EBUSY.
func (g *Group) MoveTo(to *Group, n int) error {
	g.h.mu.Lock()
	defer g.h.mu.Unlock()
	if err := to.mayHoldLocked(); err != nil {
		return err
	}
	to.countLocked(1)
	g.countLocked(-1)
	to.addTasksLocked(n)
	g.addTasksLocked(-n)
	return nil
}

// countLocked counts d processes more.
func (g *Group) countLocked(d int) {
	was := g.populatedLocked()
	g.processes += d
	for g.populatedLocked() != was {
		g.events.notify()
		up := g.parent
		if up == nil {
			return
		}
		before := up.populatedLocked()
		if was {
			up.popular--
		} else {
			up.popular++
		}
		g, was = up, before
	}
}

// populatedLocked reports whether there are processes in g or below.
func (g *Group) populatedLocked() bool { return g.processes > 0 || g.popular > 0 }

// Processes is how many processes with a live thread are in g itself.
func (g *Group) Processes() int {
	g.h.mu.Lock()
	defer g.h.mu.Unlock()
	return g.processes
}

// Account is who the processes of g are charged to for memory: the account of the nearest group that has one, or nil.
func (g *Group) Account() *frame.Account {
	g.h.mu.Lock()
	defer g.h.mu.Unlock()
	return g.accountLocked()
}
