package ns

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"cleave/abi"
	"cleave/ns/user"
	"cleave/wait"
)

// CgroupNamespace says which cgroup its tasks see as the root (cgroup_namespaces(7)).
type CgroupNamespace struct {
	user.Base
	root *Cgroup
}

// NewInitialCgroup makes the initial cgroup namespace, whose root is that of a new tree.
func NewInitialCgroup(owner *user.Namespace) *CgroupNamespace {
	n := &CgroupNamespace{root: newCgroupRoot()}
	n.BeginFirst(user.KindCgroup, owner, nil)
	return n
}

// NewCgroup makes a cgroup namespace whose root is root, the caller's cgroup. ENOSPC: too many.
func NewCgroup(c *user.Cred, root *Cgroup) (*CgroupNamespace, error) {
	n := &CgroupNamespace{root: root}
	if err := n.Begin(user.KindCgroup, c.NS, c.EUID, nil); err != nil {
		return nil, err
	}
	return n, nil
}

// Root is the cgroup that the namespace's tasks see as the root.
func (n *CgroupNamespace) Root() *Cgroup { return n.root }

// Controller is a set of cgroup controllers.
type Controller uint8

// PidsController limits how many tasks there are (Linux's Documentation/admin-guide/cgroup-v2.rst, "PID").
const PidsController Controller = 1 << 0

var controllerNames = []string{"pids"}

// allControllers are those that the root has.
const allControllers = PidsController

// String lists the names, as cgroup.controllers shows them.
func (c Controller) String() string {
	var names []string
	for i, name := range controllerNames {
		if c>>i&1 != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// cgroupTree is what all cgroups of a boot share.
type cgroupTree struct {
	mu     sync.Mutex // guards all cgroups
	lastID uint64
	live   int
}

// Cgroup is a control group of version 2 (cgroups(7)): a set of tasks, and limits for them and for all below. Its tree
// is a hierarchy of directories that package cgroupfs shows.
type Cgroup struct {
	tree   *cgroupTree
	parent *Cgroup // nil for the root
	name   string
	id     uint64
	level  int
	// Queue is notified of wait.Pri when what cgroup.events and pids.events show changes.
	Queue   wait.Queue
	changes atomic.Uint64

	// guarded by tree.mu
	children  map[string]*Cgroup
	removed   bool
	control   Controller // for the children (cgroup.subtree_control)
	tasks     int        // in it, those that have exited not
	populated int        // 1 if it has tasks, and 1 for each child that is populated
	below     int        // cgroups below it
	maxBelow  int64      // -1: no limit
	maxDepth  int64
	pids      pidsCount
	owners    map[string]CgroupOwner // of files, by name; "" is the directory
}

// pidsCount is the pids controller's part of a cgroup. It counts whether the controller is on or not.
type pidsCount struct {
	now, peak int64
	max       int64 // -1: no limit
	refused   int64 // forks that failed because of max, here or below
}

// CgroupOwner is who owns a file of a cgroup, and its permissions: how a part of the tree is delegated.
type CgroupOwner struct {
	UID  user.KUID
	GID  user.KGID
	Mode uint32 // permissions; 0: as the file has them at first
}

const noCgroupLimit = -1

func newCgroupRoot() *Cgroup {
	t := &cgroupTree{lastID: 1, live: 1}
	return &Cgroup{tree: t, id: 1, control: 0, maxBelow: noCgroupLimit, maxDepth: noCgroupLimit, pids: pidsCount{max: noCgroupLimit}}
}

// ID is the number of the cgroup, which its directory has as its inode number. It is never used again.
func (c *Cgroup) ID() uint64 { return c.id }

// Parent is the cgroup that c was made in, nil for the root.
func (c *Cgroup) Parent() *Cgroup { return c.parent }

// Name is the last part of the path.
func (c *Cgroup) Name() string { return c.name }

// Live is how many cgroups the tree has.
func (c *Cgroup) Live() int {
	c.tree.mu.Lock()
	defer c.tree.mu.Unlock()
	return c.tree.live
}

// Changes counts the changes that Queue tells of.
func (c *Cgroup) Changes() uint64 { return c.changes.Load() }

func (c *Cgroup) changed() {
	c.changes.Add(1)
	c.Queue.Notify(wait.Pri)
}

// Removed reports whether the cgroup has been removed.
func (c *Cgroup) Removed() bool {
	c.tree.mu.Lock()
	defer c.tree.mu.Unlock()
	return c.removed
}

// Within reports whether c is top or below it.
func (c *Cgroup) Within(top *Cgroup) bool {
	for c != nil && c.level > top.level {
		c = c.parent
	}
	return c == top
}

// PathFrom is the path of c for a task whose cgroup namespace has the root given: with /.. for what is outside of it.
func (c *Cgroup) PathFrom(root *Cgroup) string {
	up := ""
	for ; !c.Within(root); root = root.parent {
		up += "/.."
	}
	path := ""
	for ; c != root; c = c.parent {
		path = "/" + c.name + path
	}
	if up+path == "" {
		return "/"
	}
	return up + path
}

// Child finds a child. ENOENT.
func (c *Cgroup) Child(name string) (*Cgroup, error) {
	c.tree.mu.Lock()
	defer c.tree.mu.Unlock()
	child := c.children[name]
	if child == nil {
		return nil, abi.ENOENT
	}
	return child, nil
}

// Children lists the children by name.
func (c *Cgroup) Children() []*Cgroup {
	c.tree.mu.Lock()
	defer c.tree.mu.Unlock()
	list := slices.Collect(maps.Values(c.children))
	slices.SortFunc(list, func(a, b *Cgroup) int { return strings.Compare(a.name, b.name) })
	return list
}

// Mkdir makes a child, whose files owner owns. EINVAL: a newline in the name; EEXIST; EAGAIN: a limit on the number or
// the depth of cgroups; ENODEV: c is removed.
func (c *Cgroup) Mkdir(name string, owner CgroupOwner) (*Cgroup, error) {
	c.tree.mu.Lock()
	defer c.tree.mu.Unlock()
	switch {
	case strings.Contains(name, "\n"):
		return nil, abi.EINVAL
	case c.removed:
		return nil, abi.ENODEV
	case c.children[name] != nil:
		return nil, abi.EEXIST
	}
	for up, depth := c, int64(1); up != nil; up, depth = up.parent, depth+1 {
		if up.maxBelow >= 0 && int64(up.below) >= up.maxBelow || up.maxDepth >= 0 && depth > up.maxDepth {
			return nil, abi.EAGAIN
		}
	}
	c.tree.lastID++
	c.tree.live++
	child := &Cgroup{
		tree: c.tree, parent: c, name: name, id: c.tree.lastID, level: c.level + 1, maxBelow: noCgroupLimit, maxDepth: noCgroupLimit,
		pids: pidsCount{max: noCgroupLimit}, owners: map[string]CgroupOwner{"*": owner},
	}
	if c.children == nil {
		c.children = map[string]*Cgroup{}
	}
	c.children[name] = child
	for up := c; up != nil; up = up.parent {
		up.below++
	}
	return child, nil
}

// Rmdir removes a cgroup without tasks and children. EBUSY; ENODEV: it is removed already.
func (c *Cgroup) Rmdir() error {
	c.tree.mu.Lock()
	defer c.tree.mu.Unlock()
	switch {
	case c.removed:
		return abi.ENODEV
	case c.parent == nil || c.tasks > 0 || len(c.children) > 0:
		return abi.EBUSY
	}
	c.removed = true
	c.tree.live--
	delete(c.parent.children, c.name)
	for up := c.parent; up != nil; up = up.parent {
		up.below--
	}
	return nil
}

// Owner gives who owns a file of the cgroup, "" for its directory.
func (c *Cgroup) Owner(file string) CgroupOwner {
	c.tree.mu.Lock()
	defer c.tree.mu.Unlock()
	if o, ok := c.owners[file]; ok {
		return o
	}
	return c.owners["*"]
}

// SetOwner gives a file, or the directory, to somebody else.
func (c *Cgroup) SetOwner(file string, o CgroupOwner) {
	c.tree.mu.Lock()
	if c.owners == nil {
		c.owners = map[string]CgroupOwner{}
	}
	c.owners[file] = o
	c.tree.mu.Unlock()
}

// Controllers gives those that are there for the cgroup, and those that its children have.
func (c *Cgroup) Controllers() (here, children Controller) {
	c.tree.mu.Lock()
	defer c.tree.mu.Unlock()
	return c.availableLocked(), c.control
}

func (c *Cgroup) availableLocked() Controller {
	if c.parent == nil {
		return allControllers
	}
	return c.parent.control
}

// SetControl is a write to cgroup.subtree_control: "+pids -pids". EINVAL: not that form; ENOENT: a controller that is not
// there; EBUSY: a child passes it on.
func (c *Cgroup) SetControl(text string) error {
	c.tree.mu.Lock()
	defer c.tree.mu.Unlock()
	if c.removed {
		return abi.ENODEV
	}
	control := c.control
	for _, word := range strings.Fields(text) {
		i := slices.Index(controllerNames, word[1:])
		if i < 0 || word[0] != '+' && word[0] != '-' {
			return abi.EINVAL
		}
		if word[0] == '+' {
			control |= 1 << i
		} else {
			control &^= 1 << i
		}
	}
	if control&^c.availableLocked() != 0 {
		return abi.ENOENT
	}
	for _, child := range c.children {
		if child.control&^control != 0 {
			return abi.EBUSY
		}
	}
	if c.control&^control&PidsController != 0 {
		for _, child := range c.children {
			child.pids.max = noCgroupLimit
		}
	}
	c.control = control
	return nil
}

// CgroupCounts are what the files of a cgroup show.
type CgroupCounts struct {
	Populated               bool
	Below                   int
	MaxBelow, MaxDepth      int64 // -1: no limit
	Pids, PidsPeak, PidsMax int64
	PidsRefused             int64
}

// Counts gives the counts.
func (c *Cgroup) Counts() CgroupCounts {
	c.tree.mu.Lock()
	defer c.tree.mu.Unlock()
	return CgroupCounts{
		Populated: c.populated > 0, Below: c.below, MaxBelow: c.maxBelow, MaxDepth: c.maxDepth,
		Pids: c.pids.now, PidsPeak: c.pids.peak, PidsMax: c.pids.max, PidsRefused: c.pids.refused,
	}
}

// SetLimits changes the limits; -1 is none.
func (c *Cgroup) SetLimits(change func(maxBelow, maxDepth, pidsMax *int64)) {
	c.tree.mu.Lock()
	change(&c.maxBelow, &c.maxDepth, &c.pids.max)
	c.tree.mu.Unlock()
}

// ParseCgroupLimit reads a limit as files of a cgroup take it: a number up to high, or "max", which is -1. EINVAL.
func ParseCgroupLimit(text string, high int64) (int64, error) {
	text = strings.TrimSpace(text)
	if text == "max" {
		return noCgroupLimit, nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || v < 0 || v > high {
		return 0, abi.EINVAL
	}
	return v, nil
}

// Fork counts a new task in c. EAGAIN: the pids controller, here or above, does not allow it; ENODEV: c is removed.
func (c *Cgroup) Fork() error {
	c.tree.mu.Lock()
	defer c.tree.mu.Unlock()
	if c.removed {
		return abi.ENODEV
	}
	for up := c; up != nil; up = up.parent {
		if up.pids.max >= 0 && up.pids.now >= up.pids.max {
			for ; up != nil; up = up.parent {
				up.pids.refused++
				up.changed()
			}
			return abi.EAGAIN
		}
	}
	c.addPidsLocked(1)
	c.addTasksLocked(1)
	return nil
}

// Exit counts a task of c that has exited; until Release it counts for the pids controller.
func (c *Cgroup) Exit() {
	c.tree.mu.Lock()
	c.addTasksLocked(-1)
	c.tree.mu.Unlock()
}

// Release counts a task of c that is gone for good.
func (c *Cgroup) Release() {
	c.tree.mu.Lock()
	c.addPidsLocked(-1)
	c.tree.mu.Unlock()
}

// Move moves n tasks from c to another cgroup of the tree; exited of them have exited and wait to be reaped. EBUSY and
// EOPNOTSUPP do not occur, for no controller here minds processes besides children. ENODEV: to is removed.
func (c *Cgroup) Move(to *Cgroup, n, exited int) error {
	c.tree.mu.Lock()
	defer c.tree.mu.Unlock()
	if to.removed {
		return abi.ENODEV
	}
	if c == to {
		return nil
	}
	to.addPidsLocked(int64(n)) // a limit does not stop a move, as on Linux
	to.addTasksLocked(n - exited)
	c.addTasksLocked(exited - n)
	c.addPidsLocked(int64(-n))
	return nil
}

func (c *Cgroup) addPidsLocked(n int64) {
	for up := c; up != nil; up = up.parent {
		up.pids.now += n
		up.pids.peak = max(up.pids.peak, up.pids.now)
	}
}

// addTasksLocked counts tasks and tells those who wait for cgroup.events.
func (c *Cgroup) addTasksLocked(n int) {
	had := c.tasks > 0
	c.tasks += n
	if has := c.tasks > 0; has != had {
		c.populateLocked(has)
	}
}

func (c *Cgroup) populateLocked(on bool) {
	by := 1
	if !on {
		by = -1
	}
	for up := c; up != nil; up = up.parent {
		had := up.populated > 0
		up.populated += by
		if up.populated > 0 == had {
			return
		}
		up.changed()
	}
}
