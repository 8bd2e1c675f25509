package ns

import (
	"sync/atomic"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/cgroup"
	"cleave/ns/user"
)

// Flags that make namespaces.
const (
	// CloneAny has the bits of all namespaces.
	CloneAny = CloneOwned | abi.CLONE_NEWUSER
	// CloneOwned has the bits of those that a user namespace owns.
	CloneOwned = abi.CLONE_NEWTIME | abi.CLONE_NEWNS | abi.CLONE_NEWCGROUP | abi.CLONE_NEWUTS | abi.CLONE_NEWIPC |
		abi.CLONE_NEWPID | abi.CLONE_NEWNET
)

// Set is the namespaces of a task but for the user namespace, which its credentials name, and its own pid namespace,
// which its PID names. It is immutable and shared by all tasks that have the same ones; it has a reference on each.
type Set struct {
	refs atomic.Int64
	parts
}

type parts struct {
	Mount           *fs.MountNamespace
	UTS             *UTSNamespace
	IPC             *IPCNamespace
	PIDForChildren  *PIDNamespace
	Net             *NetNamespace
	Cgroup          *CgroupNamespace
	Time            *TimeNamespace
	TimeForChildren *TimeNamespace
}

// Config says how the first namespaces are.
type Config struct {
	Owner    *user.Namespace
	Mount    *fs.MountNamespace // the reference on it goes to the Set
	HostName string
	IPC      IPCConfig
	Random   func([]byte) // fills with random bits; nil: there are none
}

// NewInitial makes the Set of the first task, with one reference.
func NewInitial(c Config) *Set {
	owner := c.Owner
	t := NewInitialTime(owner)
	t.Get()
	s := &Set{parts: parts{
		Mount: c.Mount, UTS: NewInitialUTS(owner, c.HostName), IPC: NewInitialIPC(owner, c.IPC), PIDForChildren: NewInitialPID(owner),
		Net: NewInitialNet(owner, c.Random), Cgroup: NewInitialCgroup(owner), Time: t, TimeForChildren: t,
	}}
	s.refs.Store(1)
	return s
}

// Get takes a reference, for one more task, and gives s.
func (s *Set) Get() *Set {
	s.refs.Add(1)
	return s
}

// Put drops a task's reference; the last one lets go of the namespaces.
func (s *Set) Put() {
	if s.refs.Add(-1) > 0 {
		return
	}
	for _, n := range s.all() {
		n.Put()
	}
}

// all lists the namespaces of a whole Set, one for each reference that it has.
func (s *Set) all() [8]user.Any {
	return [8]user.Any{s.Mount, s.UTS, s.IPC, s.PIDForChildren, s.Net, s.Cgroup, s.Time, s.TimeForChildren}
}

// Request says what Prepare shall make.
type Request struct {
	Flags uint64     // CLONE_NEW* bits; others are ignored
	Cred  *user.Cred // of the task
	Set   *Set       // of the task
	PID   *PIDNamespace
	// Cgroup is the control group of the task, or of the task that is made.
	Cgroup *cgroup.Group
	// Chrooted: the task's root is not that of its mount namespace.
	Chrooted bool
	// CopyMount copies the task's mount namespace for credentials c, and re-aims what the caller prepares besides (root and cwd of
	// the new fs structure). It is called for CLONE_NEWNS.
	CopyMount func(c *user.Cred) (*fs.MountNamespace, error)
	Steps     *user.Steps
}

// Prepared is new credentials and namespaces that nobody sees yet. Commit or Drop ends it.
type Prepared struct {
	Cred *user.Cred // Request.Cred if there is no new user namespace
	Set  *Set       // has a reference of its own
	made *user.Namespace
}

// Prepare builds what r asks for: the user namespace first, then the others, which it owns. On an error nothing is left
// of it. EPERM: no CAP_SYS_ADMIN in the (new) user namespace, and as user.Cred.Create; EINVAL: CLONE_NEWPID when the
// children already go to another pid namespace; ENOSPC: a limit; ENOMEM.
func Prepare(r *Request) (*Prepared, error) {
	p := &Prepared{Cred: r.Cred}
	if r.Flags&abi.CLONE_NEWUSER != 0 {
		c, err := r.createUser()
		if err != nil {
			return nil, err
		}
		p.Cred, p.made = c, c.NS
	}
	set, err := r.prepareSet(p.Cred)
	if err != nil {
		if p.made != nil {
			p.made.Put()
		}
		return nil, err
	}
	p.Set = set
	return p, nil
}

func (r *Request) createUser() (*user.Cred, error) {
	if err := r.Steps.Next(); err != nil {
		return nil, err
	}
	return r.Cred.Create(r.Chrooted)
}

func (r *Request) prepareSet(c *user.Cred) (*Set, error) {
	if r.Flags&CloneOwned == 0 {
		return r.Set.Get(), nil
	}
	if !c.HasHere(user.CapSysAdmin) {
		return nil, abi.EPERM
	}
	if err := r.Steps.Next(); err != nil {
		return nil, err
	}
	b := builder{r: r, cred: c, set: &Set{}}
	b.build()
	if b.err != nil {
		for i := len(b.built) - 1; i >= 0; i-- {
			b.built[i].Put()
		}
		return nil, b.err
	}
	b.set.refs.Store(1)
	return b.set, nil
}

// builder puts a Set together part by part and stops at the first error.
type builder struct {
	r     *Request
	cred  *user.Cred
	set   *Set
	built []user.Any
	err   error
}

func (b *builder) build() {
	old, s, c := b.r.Set, b.set, b.cred
	s.Mount = take(b, abi.CLONE_NEWNS, old.Mount, func() (*fs.MountNamespace, error) { return b.r.CopyMount(c) })
	s.UTS = take(b, abi.CLONE_NEWUTS, old.UTS, func() (*UTSNamespace, error) { return old.UTS.Copy(c) })
	s.IPC = take(b, abi.CLONE_NEWIPC, old.IPC, func() (*IPCNamespace, error) { return old.IPC.NewChild(c) })
	s.PIDForChildren = take(b, abi.CLONE_NEWPID, old.PIDForChildren, func() (*PIDNamespace, error) {
		if old.PIDForChildren != b.r.PID {
			return nil, abi.EINVAL
		}
		return old.PIDForChildren.NewChild(c)
	})
	s.Net = take(b, abi.CLONE_NEWNET, old.Net, func() (*NetNamespace, error) { return old.Net.NewChild(c) })
	s.Cgroup = take(b, abi.CLONE_NEWCGROUP, old.Cgroup, func() (*CgroupNamespace, error) { return NewCgroup(c, b.r.Cgroup) })
	s.Time = take(b, 0, old.Time, nil)
	s.TimeForChildren = take(b, abi.CLONE_NEWTIME, old.TimeForChildren, func() (*TimeNamespace, error) {
		return old.TimeForChildren.Copy(c)
	})
}

// take gives a new namespace made by create if flag is asked for, else the old one with one more reference.
func take[N user.Any](b *builder, flag uint64, old N, create func() (N, error)) N {
	var none N
	if b.err != nil {
		return none
	}
	n := old
	if b.r.Flags&flag != 0 {
		if b.err = b.r.Steps.Next(); b.err != nil {
			return none
		}
		if n, b.err = create(); b.err != nil {
			return none
		}
	} else {
		n.Get()
	}
	b.built = append(b.built, n)
	return n
}

// Drop gives up what was prepared: another part of the same call has failed.
func (p *Prepared) Drop() {
	p.Set.Put()
	if p.made != nil {
		p.made.Put()
	}
}

// Commit moves a task's counts from its old credentials to the prepared ones (unshare, setns). It cannot fail. The
// caller, under the task's lock, then stores p.Cred and p.Set, and calls Put of the old Set once it has unlocked.
func (p *Prepared) Commit(old *user.Cred) {
	if p.Cred != old {
		user.Commit(old, p.Cred)
	}
	if p.made != nil {
		p.made.Put()
	}
}

// CommitChild ends the preparation for a new task, which stores p.Cred and p.Set (clone). The task has been counted by
// p.Cred.EnterWithin.
func (p *Prepared) CommitChild() {
	if p.made != nil {
		p.made.Put()
	}
}

// ForChild gives the Set of a new task whose parent has s, with a reference: s itself, or, when children of the parent
// go to another time namespace, a Set with that one.
// Threads share s instead. An execve goes the same way.
func (s *Set) ForChild() *Set {
	if s.Time == s.TimeForChildren {
		return s.Get()
	}
	c := &Set{parts: s.parts}
	c.Time = s.TimeForChildren
	for _, n := range c.all() {
		n.Get()
	}
	c.Time.freeze()
	c.refs.Store(1)
	return c
}
