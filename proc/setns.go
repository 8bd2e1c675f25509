package proc

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/ns"
	"cleave/ns/user"
)

// Join makes the task a member of the namespaces given, which are of different kinds and which the caller keeps alive
// (setns(2)). For a pid namespace, and a time namespace, it is where children go. Errors as of ns.PrepareJoin, and ENOMEM.
func (t *Task) Join(targets []user.Any) error {
	p := parts{task: t}
	var err error
	p.names, err = ns.PrepareJoin(&ns.JoinRequest{
		Targets: targets, Cred: t.Caller.Cred, Set: t.set, PID: t.pidNS, Threaded: !t.alone(),
		SharedFS: t.Caller.FS.Shared(),
		AimAt: func(n *fs.MountNamespace, c *user.Cred) error {
			if err := t.k.Steps.Next(); err != nil {
				return err
			}
			p.fs = t.Caller.FS.Copy()
			n.Enter(p.fs)
			return nil
		},
	})
	if err != nil {
		p.drop()
		return err
	}
	p.undo = p.names.Set.IPC != t.set.IPC
	p.commit()
	return nil
}

// PidfdNamespaces gives the namespaces of the kinds in flags (CLONE_NEW*) that the process of a pidfd is in, each with a
// reference. Errors: EBADF, EINVAL, ESRCH, EPERM.
func (t *Task) PidfdNamespaces(f *fs.File, flags uint64) ([]user.Any, error) {
	p, ok := f.Ops.(*pidFile)
	if !ok || flags == 0 || flags&^ns.CloneAny != 0 {
		return nil, abi.EINVAL
	}
	t.k.mu.Lock()
	o, err := p.targetLocked()
	t.k.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if !t.MayAccess(o, false) {
		return nil, abi.EPERM
	}
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if o.set == nil {
		return nil, abi.ESRCH
	}
	var list []user.Any
	for _, n := range o.namespacesLocked() {
		if flags&n.Kind().CloneFlag() != 0 {
			n.Get()
			list = append(list, n)
		}
	}
	return list, nil
}

// namespacesLocked lists the namespaces that t is in.
func (t *Task) namespacesLocked() []user.Any {
	s := t.set
	return []user.Any{t.Caller.Cred.NS, s.Mount, s.UTS, s.IPC, t.pidNS, s.Net, s.Cgroup, s.Time}
}

// Namespace gives the namespace of a kind that t is in, or with children set the one that its children go to (pid and
// time), with a reference; nil if t has exited.
func (t *Task) Namespace(kind user.Kind, children bool) user.Any {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if t.set == nil {
		return nil
	}
	var n user.Any
	switch {
	case children && kind == user.KindPID:
		n = t.set.PIDForChildren
	case children && kind == user.KindTime:
		n = t.set.TimeForChildren
	default:
		for _, n = range t.namespacesLocked() {
			if n.Kind() == kind {
				break
			}
		}
	}
	n.Get()
	return n
}
