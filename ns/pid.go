package ns

import (
	"sync"

	"cleave/abi"
	"cleave/ns/user"
)

// Limits of process ids (pid_namespaces(7), /proc/sys/kernel/pid_max).
const (
	MaxPIDLevel   = 32      // depth of the deepest pid namespace
	PIDMaxLimit   = 1 << 22 // pid_max can't be more
	PIDMaxMin     = 301     // nor less
	DefaultPIDMax = 32768
	reservedPIDs  = 300 // numbers below are not given out again after the first round
	leafPIDs      = 512
)

// PIDNamespace is a pid namespace (pid_namespaces(7)).
type PIDNamespace struct {
	user.Base
	parent *PIDNamespace // nil for the initial one
	level  int

	lock *sync.Mutex // one for all pid namespaces of a boot, because a PID has numbers in several

	// guarded by lock
	leaves  []*pidLeaf
	spare   *pidLeaf // an empty one to use again
	last    int32    // the number given out last
	max     int32    // pid_max: numbers are below it
	count   int      // numbers in use
	closed  bool     // init is dead: no new processes
	init    any      // the thread group that is init, set by package proc
	started bool     // number 1 has been given out
}

type pidLeaf struct {
	used int
	pid  [leafPIDs]*PID
}

// PID identifies a task, a thread group, a process group or a session: it has a number in the pid namespace where it was
// made and in each of that one's ancestors. The numbers are taken until the last reference is gone.
type PID struct {
	numbers []pidNumber // [0] is the initial namespace's
	first   [2]pidNumber
	refs    int // guarded by the lock of the namespaces

	// Task, Group and Session are for package proc, which guards them: who has this id.
	Task, Group, Session any
}

type pidNumber struct {
	ns *PIDNamespace
	nr int32
}

// NewInitialPID makes the initial pid namespace.
func NewInitialPID(owner *user.Namespace) *PIDNamespace {
	n := &PIDNamespace{lock: new(sync.Mutex), max: DefaultPIDMax}
	n.BeginFirst(user.KindPID, owner, nil)
	return n
}

// NewChild makes a pid namespace below n for a task with credentials c, which will own it.
// EINVAL: the user namespace of c is no descendant of n's; ENOSPC: too deep, or too many.
func (n *PIDNamespace) NewChild(c *user.Cred) (*PIDNamespace, error) {
	if !c.NS.Within(n.Owner()) {
		return nil, abi.EINVAL
	}
	if n.level >= MaxPIDLevel {
		return nil, abi.ENOSPC
	}
	child := &PIDNamespace{parent: n, level: n.level + 1, lock: n.lock, max: PIDMaxLimit}
	if err := child.Begin(user.KindPID, c.NS, c.EUID, n.Put); err != nil {
		return nil, err
	}
	n.Get()
	return child, nil
}

// Parent is the pid namespace in which this one was made, nil for the initial one.
func (n *PIDNamespace) Parent() *PIDNamespace { return n.parent }

// Level is the depth below the initial pid namespace.
func (n *PIDNamespace) Level() int { return n.level }

// Within reports whether n is ancestor or a descendant of it.
func (n *PIDNamespace) Within(ancestor *PIDNamespace) bool {
	for n != nil && n.level > ancestor.level {
		n = n.parent
	}
	return n == ancestor
}

// Max is pid_max: every number in n is below it.
func (n *PIDNamespace) Max() int32 {
	n.lock.Lock()
	defer n.lock.Unlock()
	return n.max
}

// SetMax changes pid_max. EINVAL outside of PIDMaxMin to PIDMaxLimit.
func (n *PIDNamespace) SetMax(v int32) error {
	if v < PIDMaxMin || v > PIDMaxLimit {
		return abi.EINVAL
	}
	n.lock.Lock()
	n.max = v
	n.lock.Unlock()
	return nil
}

// Last is the number that was given out last (/proc/loadavg, /proc/sys/kernel/ns_last_pid).
func (n *PIDNamespace) Last() int32 {
	n.lock.Lock()
	defer n.lock.Unlock()
	return n.last
}

// SetLast makes the next search for a number begin after v (ns_last_pid).
func (n *PIDNamespace) SetLast(v int32) {
	n.lock.Lock()
	n.last = v
	n.lock.Unlock()
}

// Count is how many numbers are in use in n.
func (n *PIDNamespace) Count() int {
	n.lock.Lock()
	defer n.lock.Unlock()
	return n.count
}

// SetInit records the thread group that is n's init.
func (n *PIDNamespace) SetInit(group any) {
	n.lock.Lock()
	n.init = group
	n.lock.Unlock()
}

// Init is the thread group that is n's init, nil before there is one and after it is reaped.
func (n *PIDNamespace) Init() any {
	n.lock.Lock()
	defer n.lock.Unlock()
	return n.init
}

// Close stops new processes in n: its init is about to die. Alloc then answers ENOMEM.
func (n *PIDNamespace) Close() {
	n.lock.Lock()
	n.closed = true
	n.lock.Unlock()
}

// Alloc makes a PID with a number in n and in each ancestor. want gives numbers for the innermost levels (clone3's
// set_tid): want[0] in n, want[1] in its parent, and so on; the caller has checked permission.
// EAGAIN: no number is free; ENOMEM: n's init is dead; EEXIST: a wanted number is taken; EINVAL: a wanted number that
// can't be, or any number but 1 for the first process of a namespace.
func (n *PIDNamespace) Alloc(want []int32) (*PID, error) {
	if len(want) > n.level+1 {
		return nil, abi.EINVAL
	}
	p := &PID{refs: 1}
	if n.level < len(p.first) {
		p.numbers = p.first[:n.level+1]
	} else {
		p.numbers = make([]pidNumber, n.level+1)
	}
	n.lock.Lock()
	err := n.takeNumbersLocked(p, want)
	n.lock.Unlock()
	if err != nil {
		return nil, err
	}
	for i := range p.numbers {
		p.numbers[i].ns.Get()
	}
	return p, nil
}

func (n *PIDNamespace) takeNumbersLocked(p *PID, want []int32) error {
	if n.closed {
		return abi.ENOMEM
	}
	for i, at := 0, n; at != nil; i, at = i+1, at.parent {
		nr, err := int32(0), error(nil)
		if i < len(want) {
			nr, err = at.reserveLocked(want[i])
		} else {
			nr, err = at.nextFreeLocked()
		}
		if err != nil {
			for below := n; below != at; below = below.parent {
				below.clearLocked(p.numbers[below.level].nr)
			}
			return err
		}
		at.setLocked(nr, p)
		p.numbers[at.level] = pidNumber{at, nr}
	}
	n.started = true
	return nil
}

// reserveLocked checks a number that the caller chose.
func (n *PIDNamespace) reserveLocked(nr int32) (int32, error) {
	if nr < 1 || nr >= n.max || nr != 1 && !n.started {
		return 0, abi.EINVAL
	}
	if n.getLocked(nr) != nil {
		return 0, abi.EEXIST
	}
	return nr, nil
}

// nextFreeLocked searches round from the number given out last.
func (n *PIDNamespace) nextFreeLocked() (int32, error) {
	low := int32(1)
	if n.last >= reservedPIDs {
		low = reservedPIDs
	}
	from := max(n.last+1, low)
	if nr := n.freeBetweenLocked(from, n.max); nr != 0 {
		n.last = nr
		return nr, nil
	}
	if nr := n.freeBetweenLocked(low, min(from, n.max)); nr != 0 {
		n.last = nr
		return nr, nil
	}
	return 0, abi.EAGAIN
}

// freeBetweenLocked gives the first free number from lo on and below hi, 0 if there is none.
func (n *PIDNamespace) freeBetweenLocked(lo, hi int32) int32 {
	for nr := lo; nr < hi; {
		i := int(nr) / leafPIDs
		if i >= len(n.leaves) || n.leaves[i] == nil {
			return nr
		}
		leaf, end := n.leaves[i], int32(i+1)*leafPIDs
		if leaf.used < leafPIDs {
			for ; nr < end && nr < hi; nr++ {
				if leaf.pid[nr%leafPIDs] == nil {
					return nr
				}
			}
		}
		nr = end
	}
	return 0
}

func (n *PIDNamespace) getLocked(nr int32) *PID {
	i := int(nr) / leafPIDs
	if nr < 0 || i >= len(n.leaves) || n.leaves[i] == nil {
		return nil
	}
	return n.leaves[i].pid[nr%leafPIDs]
}

func (n *PIDNamespace) setLocked(nr int32, p *PID) {
	i := int(nr) / leafPIDs
	for i >= len(n.leaves) {
		n.leaves = append(n.leaves, nil)
	}
	if n.leaves[i] == nil {
		if n.spare == nil {
			n.spare = new(pidLeaf)
		}
		n.leaves[i], n.spare = n.spare, nil
	}
	n.leaves[i].pid[nr%leafPIDs] = p
	n.leaves[i].used++
	n.count++
}

func (n *PIDNamespace) clearLocked(nr int32) {
	i := int(nr) / leafPIDs
	n.leaves[i].pid[nr%leafPIDs] = nil
	n.leaves[i].used--
	if n.leaves[i].used == 0 {
		n.leaves[i], n.spare = nil, n.leaves[i]
	}
	n.count--
}

// Find gives the PID with number nr in n, with no reference taken, nil if there is none. The holder of package proc's
// task lock may use what it finds.
func (n *PIDNamespace) Find(nr int32) *PID {
	n.lock.Lock()
	p := n.getLocked(nr)
	n.lock.Unlock()
	return p
}

// FindGet is Find with a reference taken.
func (n *PIDNamespace) FindGet(nr int32) *PID {
	n.lock.Lock()
	defer n.lock.Unlock()
	p := n.getLocked(nr)
	if p != nil {
		p.refs++
	}
	return p
}

// Next gives the PID with the lowest number from nr on, and the number, for listing; nil at the end.
func (n *PIDNamespace) Next(nr int32) (*PID, int32) {
	n.lock.Lock()
	defer n.lock.Unlock()
	for nr = max(nr, 1); ; {
		i := int(nr) / leafPIDs
		if i >= len(n.leaves) {
			return nil, 0
		}
		leaf, end := n.leaves[i], int32(i+1)*leafPIDs
		for ; leaf != nil && nr < end; nr++ {
			if p := leaf.pid[nr%leafPIDs]; p != nil {
				return p, nr
			}
		}
		nr = end
	}
}

// Namespace is where p was made: the pid namespace of a task with this PID.
func (p *PID) Namespace() *PIDNamespace { return p.numbers[len(p.numbers)-1].ns }

// In is p's number in n, 0 if n does not see it.
func (p *PID) In(n *PIDNamespace) int32 {
	if n.level < len(p.numbers) && p.numbers[n.level].ns == n {
		return p.numbers[n.level].nr
	}
	return 0
}

// Number is p's number in the pid namespace where it was made.
func (p *PID) Number() int32 { return p.numbers[len(p.numbers)-1].nr }

// Global is p's number in the initial pid namespace.
func (p *PID) Global() int32 { return p.numbers[0].nr }

// Numbers gives p's numbers from namespace n, which must see p, down to where p was made (NSpid in /proc/PID/status).
func (p *PID) Numbers(n *PIDNamespace) []int32 {
	var list []int32
	for _, x := range p.numbers[n.level:] {
		list = append(list, x.nr)
	}
	return list
}

// Get takes a reference; the caller holds one, or the task lock with the PID in use.
func (p *PID) Get() {
	lock := p.numbers[0].ns.lock
	lock.Lock()
	p.refs++
	lock.Unlock()
}

// Put drops a reference. With the last one the numbers are free, and a pid namespace without numbers can be gone.
func (p *PID) Put() {
	lock := p.numbers[0].ns.lock
	lock.Lock()
	p.refs--
	last := p.refs == 0
	if last {
		for i := range p.numbers {
			p.numbers[i].ns.clearLocked(p.numbers[i].nr)
		}
	}
	lock.Unlock()
	if last {
		for i := len(p.numbers) - 1; i >= 0; i-- {
			p.numbers[i].ns.Put()
		}
	}
}
