package ns

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
)

// JoinRequest says which namespaces a task wants to join (setns(2)).
type JoinRequest struct {
	// Targets are namespaces of different kinds, in any order. The caller keeps them alive.
	Targets []user.Any
	Cred    *user.Cred
	Set     *Set
	PID     *PIDNamespace // the task's own
	// Threaded: the task's thread group has other members.
	Threaded bool
	// SharedFS: another task shares the fs structure (root, cwd).
	SharedFS bool
	// AimAt prepares root and cwd at the root of n; credentials are those after the call. It is called for a mount namespace.
	AimAt func(n *fs.MountNamespace, c *user.Cred) error
}

// joinOrder is the order in which the targets are looked at: the user namespace first, whose capabilities count for the others.
var joinOrder = [user.NumKinds]user.Kind{
	user.KindUser, user.KindMount, user.KindUTS, user.KindIPC, user.KindPID, user.KindCgroup, user.KindNet, user.KindTime,
}

// PrepareJoin checks and builds what setns(2) needs. EPERM; EINVAL: its own user namespace, a threaded or fs-sharing
// caller joining a user namespace, an fs-sharing one joining a mount namespace, a pid namespace that is not the caller's
// or a descendant of it; EUSERS: a threaded caller joining a time namespace.
func PrepareJoin(r *JoinRequest) (*Prepared, error) {
	set := &Set{parts: r.Set.parts}
	p := &Prepared{Cred: r.Cred, Set: set}
	for _, k := range joinOrder {
		for _, n := range r.Targets {
			if n.Kind() != k {
				continue
			}
			if err := r.join(p, n); err != nil {
				return nil, err
			}
		}
	}
	if p.Cred != r.Cred {
		p.made = p.Cred.NS
		p.made.Get()
	}
	for _, n := range set.all() {
		n.Get()
	}
	set.refs.Store(1)
	return p, nil
}

// join puts one namespace into p.
func (r *JoinRequest) join(p *Prepared, n user.Any) error {
	if u, ok := n.(*user.Namespace); ok {
		return r.joinUser(p, u)
	}
	if n.Kind() == user.KindTime && r.Threaded {
		return abi.EUSERS
	}
	if !r.Cred.Has(user.CapSysAdmin, n.Owner()) || !r.Cred.Has(user.CapSysAdmin, p.Cred.NS) {
		return abi.EPERM
	}
	s := p.Set
	switch n := n.(type) {
	case *fs.MountNamespace:
		if !r.Cred.Has(user.CapSysChroot, p.Cred.NS) {
			return abi.EPERM
		}
		if r.SharedFS {
			return abi.EINVAL
		}
		if err := r.AimAt(n, p.Cred); err != nil {
			return err
		}
		s.Mount = n
	case *UTSNamespace:
		s.UTS = n
	case *IPCNamespace:
		s.IPC = n
	case *PIDNamespace:
		if !n.Within(r.PID) {
			return abi.EINVAL
		}
		s.PIDForChildren = n
	case *NetNamespace:
		s.Net = n
	case *CgroupNamespace:
		s.Cgroup = n
	case *TimeNamespace:
		n.freeze()
		s.Time, s.TimeForChildren = n, n
	}
	return nil
}

func (r *JoinRequest) joinUser(p *Prepared, u *user.Namespace) error {
	if u == r.Cred.NS || r.Threaded || r.SharedFS {
		return abi.EINVAL
	}
	c, err := r.Cred.Join(u)
	if err != nil {
		return err
	}
	p.Cred = c
	return nil
}
