package fs

import "cleave/abi"

// Propagation (mount_namespaces(7), "SHARED SUBTREES"). A shared mount has a group number and a ring of peers; a slave
// has a master. All peers of a group that is itself a slave have the same master.

// newGroupLocked makes m, which is not shared, the first of a new peer group.
func (v *VFS) newGroupLocked(m *Mount) {
	v.mounts.group++
	m.group = v.mounts.group
	m.flags.And(^uint32(MountUnbindable))
}

// joinPeers makes m a peer of p.
func (m *Mount) joinPeers(p *Mount) {
	m.group = p.group
	if p.peerNext == nil {
		p.peerNext, p.peerPrev = p, p
	}
	m.peerPrev, m.peerNext = p, p.peerNext
	p.peerNext.peerPrev = m
	p.peerNext = m
}

// addToMaster makes m a slave of master.
func (m *Mount) addToMaster(master *Mount) {
	m.master = master
	m.slavePrev, m.slaveNext = nil, master.slave
	if master.slave != nil {
		master.slave.slavePrev = m
	}
	master.slave = m
}

// leaveMaster ends m's being a slave.
func (m *Mount) leaveMaster() {
	if m.master == nil {
		return
	}
	if m.slavePrev != nil {
		m.slavePrev.slaveNext = m.slaveNext
	} else {
		m.master.slave = m.slaveNext
	}
	if m.slaveNext != nil {
		m.slaveNext.slavePrev = m.slavePrev
	}
	m.master, m.slaveNext, m.slavePrev = nil, nil, nil
}

// makeSlave takes m out of its peer group and makes it a slave of the group, or of m's own master if there are no
// other peers. m's slaves get the same master.
func (m *Mount) makeSlave() {
	heir := m.master
	if m.peerNext != nil {
		heir = m.peerToFollow()
		m.peerNext.peerPrev, m.peerPrev.peerNext = m.peerPrev, m.peerNext
		if m.peerNext.peerNext == m.peerNext {
			m.peerNext.peerNext, m.peerNext.peerPrev = nil, nil // the last of the ring
		}
		m.peerNext, m.peerPrev = nil, nil
		m.leaveMaster()
	}
	m.group = 0
	for m.slave != nil {
		s := m.slave
		s.leaveMaster()
		if heir != nil {
			s.addToMaster(heir)
		}
	}
	if heir != nil && m.master == nil {
		m.addToMaster(heir)
	}
}

// peerToFollow picks the peer that becomes the master of m: one that shows the same part of the file system, if any.
func (m *Mount) peerToFollow() *Mount {
	for p := m.peerNext; p != m; p = p.peerNext {
		if p.root == m.root {
			return p
		}
	}
	return m.peerNext
}

// leavePeers ends all of m's relations to other mounts.
func (m *Mount) leavePeers() {
	m.makeSlave()
	m.leaveMaster()
}

// setPropagationLocked gives m the type kind, one of MS_SHARED, MS_SLAVE, MS_PRIVATE and MS_UNBINDABLE.
func (v *VFS) setPropagationLocked(m *Mount, kind uint32) {
	if kind == abi.MS_SHARED {
		if m.group == 0 {
			v.newGroupLocked(m)
		}
		return
	}
	m.makeSlave()
	if kind == abi.MS_SLAVE {
		return
	}
	m.leaveMaster()
	if kind == abi.MS_UNBINDABLE {
		m.flags.Or(MountUnbindable)
	} else {
		m.flags.And(^uint32(MountUnbindable))
	}
}
