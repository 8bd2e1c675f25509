package user

import (
	"slices"

	"cleave/abi"
)

// The calls of this file prepare: they give changed credentials for the task to commit, or an error and nothing is
// changed. Ids are those of the caller's namespace.

// SetUID is setuid(2). EINVAL: not mapped; EPERM.
func (c *Cred) SetUID(u UID) (*Cred, error) {
	k := c.NS.ToKUID(u)
	if !k.Valid() {
		return nil, abi.EINVAL
	}
	n := c.Copy()
	switch {
	case c.HasHere(CapSetuid):
		n.UID, n.SUID = k, k
	case k != c.UID && k != c.SUID:
		return nil, abi.EPERM
	}
	n.EUID, n.FSUID = k, k
	n.fixCapsAfterSetUID(c)
	return n, nil
}

// SetREUID is setreuid(2); -1 leaves an id.
func (c *Cred) SetREUID(r, e UID) (*Cred, error) {
	kr, ke := c.NS.ToKUID(r), c.NS.ToKUID(e)
	if r.Valid() && !kr.Valid() || e.Valid() && !ke.Valid() {
		return nil, abi.EINVAL
	}
	able := c.HasHere(CapSetuid)
	n := c.Copy()
	if r.Valid() {
		if kr != c.UID && kr != c.EUID && !able {
			return nil, abi.EPERM
		}
		n.UID = kr
	}
	if e.Valid() {
		if ke != c.UID && ke != c.EUID && ke != c.SUID && !able {
			return nil, abi.EPERM
		}
		n.EUID = ke
	}
	if r.Valid() || e.Valid() && ke != c.UID {
		n.SUID = n.EUID
	}
	n.FSUID = n.EUID
	n.fixCapsAfterSetUID(c)
	return n, nil
}

// SetRESUID is setresuid(2); -1 leaves an id.
func (c *Cred) SetRESUID(r, e, s UID) (*Cred, error) {
	n := c.Copy()
	able := c.HasHere(CapSetuid)
	ids := [3]UID{r, e, s}
	var k [3]KUID
	for i, u := range ids {
		if k[i] = c.NS.ToKUID(u); u.Valid() && !k[i].Valid() {
			return nil, abi.EINVAL
		}
	}
	if (!r.Valid() || k[0] == c.UID) && (!e.Valid() || k[1] == c.EUID && k[1] == c.FSUID) && (!s.Valid() || k[2] == c.SUID) {
		return c, nil // nothing changes; the file system id, which may be another, neither
	}
	for i, dst := range [3]*KUID{&n.UID, &n.EUID, &n.SUID} {
		if !ids[i].Valid() {
			continue
		}
		if !able && k[i] != c.UID && k[i] != c.EUID && k[i] != c.SUID {
			return nil, abi.EPERM
		}
		*dst = k[i]
	}
	n.FSUID = n.EUID
	n.fixCapsAfterSetUID(c)
	return n, nil
}

// SetFSUID is setfsuid(2). It never fails: without leave it gives c itself. The call's result is the old FSUID.
func (c *Cred) SetFSUID(u UID) *Cred {
	k := c.NS.ToKUID(u)
	if !k.Valid() || k == c.FSUID {
		return c
	}
	if k != c.UID && k != c.EUID && k != c.SUID && !c.HasHere(CapSetuid) {
		return c
	}
	n := c.Copy()
	n.FSUID = k
	n.fixCapsAfterSetFSUID(c)
	return n
}

// SetGID is setgid(2).
func (c *Cred) SetGID(g GID) (*Cred, error) {
	k := c.NS.ToKGID(g)
	if !k.Valid() {
		return nil, abi.EINVAL
	}
	n := c.Copy()
	switch {
	case c.HasHere(CapSetgid):
		n.GID, n.SGID = k, k
	case k != c.GID && k != c.SGID:
		return nil, abi.EPERM
	}
	n.EGID, n.FSGID = k, k
	return n, nil
}

// SetREGID is setregid(2); -1 leaves an id.
func (c *Cred) SetREGID(r, e GID) (*Cred, error) {
	kr, ke := c.NS.ToKGID(r), c.NS.ToKGID(e)
	if r.Valid() && !kr.Valid() || e.Valid() && !ke.Valid() {
		return nil, abi.EINVAL
	}
	able := c.HasHere(CapSetgid)
	n := c.Copy()
	if r.Valid() {
		if kr != c.GID && kr != c.EGID && !able {
			return nil, abi.EPERM
		}
		n.GID = kr
	}
	if e.Valid() {
		if ke != c.GID && ke != c.EGID && ke != c.SGID && !able {
			return nil, abi.EPERM
		}
		n.EGID = ke
	}
	if r.Valid() || e.Valid() && ke != c.GID {
		n.SGID = n.EGID
	}
	n.FSGID = n.EGID
	return n, nil
}

// SetRESGID is setresgid(2); -1 leaves an id.
func (c *Cred) SetRESGID(r, e, s GID) (*Cred, error) {
	n := c.Copy()
	able := c.HasHere(CapSetgid)
	ids := [3]GID{r, e, s}
	var k [3]KGID
	for i, g := range ids {
		if k[i] = c.NS.ToKGID(g); g.Valid() && !k[i].Valid() {
			return nil, abi.EINVAL
		}
	}
	if (!r.Valid() || k[0] == c.GID) && (!e.Valid() || k[1] == c.EGID && k[1] == c.FSGID) && (!s.Valid() || k[2] == c.SGID) {
		return c, nil // nothing changes; the file system id, which may be another, neither
	}
	for i, dst := range [3]*KGID{&n.GID, &n.EGID, &n.SGID} {
		if !ids[i].Valid() {
			continue
		}
		if !able && k[i] != c.GID && k[i] != c.EGID && k[i] != c.SGID {
			return nil, abi.EPERM
		}
		*dst = k[i]
	}
	n.FSGID = n.EGID
	return n, nil
}

// SetFSGID is setfsgid(2). It never fails: without leave it gives c itself.
func (c *Cred) SetFSGID(g GID) *Cred {
	k := c.NS.ToKGID(g)
	if !k.Valid() || k == c.FSGID {
		return c
	}
	if k != c.GID && k != c.EGID && k != c.SGID && !c.HasHere(CapSetgid) {
		return c
	}
	n := c.Copy()
	n.FSGID = k
	return n
}

// MaySetGroups reports whether setgroups(2) is open to the holder: CAP_SETGID, the group map is set, and the setgroups
// file of the namespace does not say deny. The call tests it before it reads the list.
func (c *Cred) MaySetGroups() bool {
	return c.HasHere(CapSetgid) && c.NS.maps[GIDMap].Load() != nil && c.NS.setgroups.Load()
}

// SetGroups is setgroups(2). EPERM: not open; EINVAL: too many groups, or one that is not mapped.
func (c *Cred) SetGroups(list []GID) (*Cred, error) {
	if !c.MaySetGroups() {
		return nil, abi.EPERM
	}
	if len(list) > NGroupsMax {
		return nil, abi.EINVAL
	}
	groups := make([]KGID, len(list))
	for i, g := range list {
		if groups[i] = c.NS.ToKGID(g); !groups[i].Valid() {
			return nil, abi.EINVAL
		}
	}
	slices.Sort(groups)
	n := c.Copy()
	n.Groups = groups
	return n, nil
}

// fixCapsAfterSetUID changes capabilities after a change of user ids (capabilities(7), "Effect of user ID changes on
// capabilities").
func (c *Cred) fixCapsAfterSetUID(old *Cred) {
	if c.Securebits&SecNoSetuidFixup != 0 {
		return
	}
	root := c.NS.RootUID()
	had := old.UID == root || old.EUID == root || old.SUID == root
	has := c.UID == root || c.EUID == root || c.SUID == root
	if had && !has {
		if c.Securebits&SecKeepCaps == 0 {
			c.Permitted, c.Effective = 0, 0
		}
		// Ambient ones go even with SECBIT_KEEP_CAPS: they would let the next program keep what was meant for this one.
		c.Ambient = 0
	}
	switch {
	case old.EUID == root && c.EUID != root:
		c.Effective = 0
	case old.EUID != root && c.EUID == root:
		c.Effective = c.Permitted
	}
}

func (c *Cred) fixCapsAfterSetFSUID(old *Cred) {
	if c.Securebits&SecNoSetuidFixup != 0 {
		return
	}
	root := c.NS.RootUID()
	switch {
	case old.FSUID == root && c.FSUID != root:
		c.Effective &^= fileCaps
	case old.FSUID != root && c.FSUID == root:
		c.Effective |= c.Permitted & fileCaps
	}
}
