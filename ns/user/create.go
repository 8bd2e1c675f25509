package user

import "cleave/abi"

// Create makes a user namespace for CLONE_NEWUSER of clone(2) or unshare(2) and gives the credentials of a task in it.
// chrooted: the caller's root is not that of its mount namespace. The namespace has one reference, which the caller
// drops with Put once the credentials are committed or given up.
// Errors: ENOSPC (depth or count); in the mapped model EPERM when chrooted or when the caller's effective ids have no
// mapping in its namespace; in the owned model EPERM without CAP_SYS_ADMIN.
func (c *Cred) Create(chrooted bool) (*Cred, error) {
	model := c.NS.model
	if c.NS.parent == nil {
		model = c.NS.NewModel()
	}
	if model == Owned && !c.HasHere(CapSysAdmin) {
		return nil, abi.EPERM
	}
	child, err := newChild(c.NS, model, c.EUID, c.EGID)
	if err != nil {
		return nil, err
	}
	if model == Mapped && (chrooted || !c.NS.HasKUID(c.EUID) || !c.NS.HasKGID(c.EGID)) {
		child.Put()
		return nil, abi.EPERM
	}
	child.couldSetFCap = c.HasHere(CapSetfcap)
	return c.inside(child), nil
}

// Join gives the credentials of the caller as a member of ns (setns(2) with a user namespace). The caller of Join checks
// that the task is alone in its thread group and in its fs structure. EINVAL: already there;
// EPERM: no CAP_SYS_ADMIN in ns, or, from an owned namespace, ns is not one of its descendants.
func (c *Cred) Join(ns *Namespace) (*Cred, error) {
	if ns == c.NS {
		return nil, abi.EINVAL
	}
	if !c.HasOverTask(CapSysAdmin, ns) {
		return nil, abi.EPERM
	}
	return c.inside(ns), nil
}

func (c *Cred) inside(ns *Namespace) *Cred {
	n := c.Copy()
	n.NS = ns
	if ns.users != c.NS.users {
		n.Account = nil
	}
	if ns.model == Owned {
		return n
	}
	n.Securebits = 0
	n.Inheritable, n.Ambient = 0, 0
	n.Permitted, n.Effective, n.Bounding = AllCaps, AllCaps, AllCaps
	return n
}
