package user

import "cleave/abi"

// FileCaps is the security.capability attribute of a program, as capabilities(7) has it.
type FileCaps struct {
	Permitted, Inheritable Caps
	Effective              bool
	Root                   KUID // version 3: user 0 of the namespaces where it counts; RootKUID for version 2
}

// Program is what execve(2) learns of a file for the new credentials.
type Program struct {
	UID            KUID
	GID            KGID
	SetUID, SetGID bool      // set-group-ID counts only when the file is executable by its group
	MaySetID       bool      // the mount is not nosuid and belongs to the caller's namespace or an ancestor; PR_SET_NO_NEW_PRIVS is off
	Caps           *FileCaps // nil when there are none
}

// Unsafe says what else could get at the process after execve, so that it must not gain privileges.
type Unsafe struct {
	NoNewPrivs bool // PR_SET_NO_NEW_PRIVS
	SharedFS   bool // root and cwd are shared with another process (CLONE_FS)
	Traced     bool // by a tracer without CAP_SYS_PTRACE over it
}

// Exec gives the credentials after execve(2) of p (capabilities(7), "Transformation of capabilities during execve()").
// secure is AT_SECURE: the program gained something. EPERM: the file demands capabilities that the bounding set denies.
func (c *Cred) Exec(p Program, u Unsafe) (n *Cred, secure bool, err error) {
	n = c.Copy()
	// Both ids must have a number here, or neither bit counts.
	if p.MaySetID && !u.NoNewPrivs && c.NS.HasKUID(p.UID) && c.NS.HasKGID(p.GID) {
		if p.SetUID {
			n.EUID = p.UID
		}
		if p.SetGID {
			n.EGID = p.GID
		}
	}
	effective, hasFileCaps, err := n.takeFileCaps(p)
	if err != nil {
		return nil, false, err
	}
	root := c.NS.RootUID()
	if c.Securebits&SecNoRoot == 0 && !(hasFileCaps && n.UID != root && n.EUID == root) {
		if n.EUID == root || n.UID == root {
			n.Permitted = c.Bounding | c.Inheritable
		}
		if n.EUID == root {
			effective = true
		}
	}
	changed := n.EUID != c.EUID || !c.InGroup(n.EGID)
	if (changed || !n.Permitted.In(c.Permitted)) && (u.NoNewPrivs || u.SharedFS || u.Traced) {
		if !c.HasHere(CapSetuid) || u.NoNewPrivs {
			n.EUID, n.EGID = n.UID, n.GID
		}
		n.Permitted &= c.Permitted
	}
	n.SUID, n.FSUID = n.EUID, n.EUID
	n.SGID, n.FSGID = n.EGID, n.EGID
	if hasFileCaps || changed {
		n.Ambient = 0
	}
	n.Permitted |= n.Ambient
	n.Effective = n.Ambient
	if effective {
		n.Effective = n.Permitted
	}
	n.Securebits &^= SecKeepCaps
	secure = changed || n.EUID != c.UID || n.EGID != c.GID ||
		n.UID != root && (effective || !n.Permitted.In(n.Ambient))
	return n, secure, nil
}

// takeFileCaps sets the permitted capabilities that the file gives.
func (n *Cred) takeFileCaps(p Program) (effective, has bool, err error) {
	n2 := n.Inheritable
	n.Permitted = 0
	f := p.Caps
	if f == nil || !p.MaySetID || !n.NS.rootIs(f.Root) {
		return false, false, nil
	}
	n.Permitted = n.Bounding&f.Permitted | n2&f.Inheritable
	if f.Effective && !f.Permitted.In(n.Permitted) {
		return false, false, abi.EPERM
	}
	return f.Effective, true, nil
}

// rootIs reports whether k is user 0 of n or of an ancestor.
func (n *Namespace) rootIs(k KUID) bool {
	for ; n != nil; n = n.parent {
		if n.RootUID() == k {
			return true
		}
	}
	return false
}
