package fs

import (
	"cleave/abi"
	"cleave/ns/user"
)

// attachPlan is everything that putting a tree of mounts on a place will change. It is made before anything is.
type attachPlan struct {
	v        *VFS
	cred     *user.Cred
	owner    *user.Namespace // of the actor's mount namespace
	tree     *Mount          // what is put
	parent   *Mount          // on which mount
	at       *Dentry
	moved    bool // tree counts in its namespace already
	count    int  // mounts of tree
	invented []*Mount
	copies   []treeCopy
	pending  map[*MountNamespace]int // mounts that the copies add
	mark     uint32
}

type treeCopy struct {
	tree   *Mount
	parent *Mount
}

// prepareLocked makes the plan to put tree on dentry at of parent: where parent is shared, tree is made shared, and
// copies of it are made for all who receive events from parent. After an error nothing has changed.
func (p *attachPlan) prepareLocked(gone *dropped) error {
	if p.tree.root.unlinked() {
		return abi.ENOENT // what has lost its name can't be mounted any more
	}
	for m := p.tree; m != nil; m = m.below(p.tree) {
		p.count++
	}
	if !p.moved {
		if p.parent.ns.count+p.count > p.v.MountMax {
			return abi.ENOSPC
		}
		if err := p.v.Steps.Next(); err != nil {
			return err
		}
	}
	if p.parent.group == 0 {
		return nil
	}
	for m := p.tree; m != nil; m = m.below(p.tree) {
		if m.group == 0 {
			p.v.newGroupLocked(m)
			m.fresh = true
			p.invented = append(p.invented, m)
		}
	}
	p.pending = map[*MountNamespace]int{p.parent.ns: p.count}
	p.v.mounts.mark++
	p.mark = p.v.mounts.mark
	err := p.peersLocked(p.parent, p.tree)
	for _, m := range p.invented {
		m.fresh = false
	}
	if err != nil {
		p.cancelLocked(gone)
	}
	return err
}

// cancelLocked undoes prepareLocked.
func (p *attachPlan) cancelLocked(gone *dropped) {
	for _, c := range p.copies {
		p.v.discardLocked(c.tree, gone)
	}
	for _, m := range p.invented {
		m.group = 0
	}
	p.copies, p.invented = nil, nil
}

// peersLocked plans copies, peers of src, for the other peers of member, and slaves of src for all slaves of them.
func (p *attachPlan) peersLocked(member, src *Mount) error {
	for q := member.peerNext; q != nil && q != member; q = q.peerNext {
		if _, err := p.copyLocked(q, src, copyMakeShared); err != nil {
			return err
		}
	}
	return p.allSlavesLocked(member, src)
}

// allSlavesLocked plans copies for the slaves of all peers of member.
func (p *attachPlan) allSlavesLocked(member, src *Mount) error {
	for q := member; ; {
		if err := p.slavesLocked(q, src); err != nil {
			return err
		}
		if q = q.peerNext; q == nil || q == member {
			return nil
		}
	}
}

// slavesLocked plans copies, slaves of src, for the slaves of master and all that follow them.
func (p *attachPlan) slavesLocked(master, src *Mount) error {
	for s := master.slave; s != nil; s = s.slaveNext {
		if s.mark == p.mark || s.ns == nil {
			continue // its peer group is done, or it is part of what is being made
		}
		if s.group != 0 && !s.fresh {
			if err := p.slaveGroupLocked(s, src); err != nil {
				return err
			}
			continue
		}
		c, err := p.copyLocked(s, src, copySlave)
		if err != nil {
			return err
		}
		if c == nil {
			c = src
		}
		if err := p.slavesLocked(s, c); err != nil {
			return err
		}
	}
	return nil
}

// slaveGroupLocked plans copies for the peer group of s, which is a slave: the first is a slave of src and shared, the
// others are its peers.
func (p *attachPlan) slaveGroupLocked(s, src *Mount) error {
	lead := src
	for q := s; ; {
		q.mark = p.mark
		how := copyMakeShared
		if lead == src {
			how |= copySlave
		}
		c, err := p.copyLocked(q, lead, how)
		if err != nil {
			return err
		}
		if lead == src && c != nil {
			lead = c
		}
		if q = q.peerNext; q == nil || q == s {
			break
		}
	}
	return p.allSlavesLocked(s, lead)
}

// copyLocked plans a copy of src for mount to. It is nil when to does not show the place. ENOSPC: its namespace has
// too many mounts (/proc/sys/fs/mount-max).
func (p *attachPlan) copyLocked(to, src *Mount, how int) (*Mount, error) {
	if to.ns == nil || to.ns.anonymous || !p.at.isBelow(to.root) {
		return nil, nil
	}
	if p.pending[to.ns] += p.count; to.ns.count+p.pending[to.ns] > p.v.MountMax {
		return nil, abi.ENOSPC
	}
	block, err := p.v.copyTreeLocked(src, src.root, how, p.cred, p.v.MountMax, p.v.Steps)
	if err != nil {
		return nil, err
	}
	c := &block[0]
	src.forgetCopies()
	p.copies = append(p.copies, treeCopy{c, to})
	return c, nil
}

// commitLocked carries the plan out. It cannot fail.
func (p *attachPlan) commitLocked() {
	p.v.putLocked(p.tree, p.parent, p.at)
	if p.moved {
		p.parent.ns.changedLocked()
	} else {
		p.parent.ns.enterLocked(p.tree)
	}
	for _, c := range p.copies {
		if c.parent.ns.Owner() != p.owner {
			c.tree.lockTree()
		}
		p.v.putLocked(c.tree, c.parent, p.at)
		c.parent.ns.enterLocked(c.tree)
	}
}

// putLocked puts tree on dentry at of parent. What was there covers it then.
func (v *VFS) putLocked(tree, parent *Mount, at *Dentry) {
	under := v.mountAtLocked(parent, at)
	v.attachMountLocked(tree, parent, at)
	if under != nil {
		top := tree.Root().coveredBy(v).Mount
		v.detachMountLocked(under)
		v.attachMountLocked(under, top, top.root)
	}
}

// lockTree marks a tree that a less privileged namespace gets: nothing on its first mount can be taken away, and no
// restriction lifted.
func (m *Mount) lockTree() {
	for x := m; x != nil; x = x.below(m) {
		x.kept |= mountAtimeFlags | x.flags.Load()&(MountReadOnly|MountNoDev|MountNoSUID|MountNoExec)
		if x != m {
			x.locked = true
		}
	}
}

// receivers calls f for every mount that receives events from m.
func (v *VFS) receiversLocked(m *Mount, f func(q *Mount)) {
	for q := m.peerNext; q != nil && q != m; q = q.peerNext {
		f(q)
	}
	for q := m; ; {
		q.slavesDo(f)
		if q = q.peerNext; q == nil || q == m {
			return
		}
	}
}

// slavesDo calls f for the slaves of m and theirs. The members of a peer group that is a slave are all slaves of m.
func (m *Mount) slavesDo(f func(q *Mount)) {
	for s := m.slave; s != nil; s = s.slaveNext {
		f(s)
		s.slavesDo(f)
	}
}
