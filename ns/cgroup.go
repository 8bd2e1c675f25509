package ns

import (
	"cleave/fs/cgroup"
	"cleave/ns/user"
)

// CgroupNamespace says which cgroup its tasks see as the root (cgroup_namespaces(7)).
type CgroupNamespace struct {
	user.Base
	root *cgroup.Group
}

// Root is the group that is seen as the root; nil before SetRoot.
func (n *CgroupNamespace) Root() *cgroup.Group { return n.root }

// SetRoot gives the initial namespace its root, before there are tasks.
func (n *CgroupNamespace) SetRoot(g *cgroup.Group) { n.root = g }

// NewInitialCgroup makes the initial cgroup namespace.
func NewInitialCgroup(owner *user.Namespace) *CgroupNamespace {
	n := &CgroupNamespace{}
	n.BeginFirst(user.KindCgroup, owner, nil)
	return n
}

// NewCgroup makes a cgroup namespace whose root is the group given, the caller's. ENOSPC: too many.
func NewCgroup(c *user.Cred, root *cgroup.Group) (*CgroupNamespace, error) {
	n := &CgroupNamespace{root: root}
	if err := n.Begin(user.KindCgroup, c.NS, c.EUID, nil); err != nil {
		return nil, err
	}
	return n, nil
}
