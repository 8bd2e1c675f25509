package ns

import "cleave/ns/user"

// CgroupNamespace says which cgroup its tasks see as the root (cgroup_namespaces(7)).
type CgroupNamespace struct {
	user.Base
}

// NewInitialCgroup makes the initial cgroup namespace.
func NewInitialCgroup(owner *user.Namespace) *CgroupNamespace {
	n := &CgroupNamespace{}
	n.BeginFirst(user.KindCgroup, owner, nil)
	return n
}

// NewCgroup makes a cgroup namespace whose root is the caller's cgroup. ENOSPC: too many.
func NewCgroup(c *user.Cred) (*CgroupNamespace, error) {
	n := &CgroupNamespace{}
	if err := n.Begin(user.KindCgroup, c.NS, c.EUID, nil); err != nil {
		return nil, err
	}
	return n, nil
}
