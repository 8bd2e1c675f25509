package user

import "cleave/abi"

// SetCaps is capset(2) for the caller itself. EPERM: see "Programmatically adjusting capability sets" in capabilities(7).
func (c *Cred) SetCaps(effective, permitted, inheritable Caps) (*Cred, error) {
	effective, permitted, inheritable = effective&AllCaps, permitted&AllCaps, inheritable&AllCaps
	if !c.HasHere(CapSetpcap) && !inheritable.In(c.Inheritable|c.Permitted) ||
		!inheritable.In(c.Inheritable|c.Bounding) || !permitted.In(c.Permitted) || !effective.In(permitted) {
		return nil, abi.EPERM
	}
	n := c.Copy()
	n.Effective, n.Permitted, n.Inheritable = effective, permitted, inheritable
	n.Ambient &= permitted & inheritable
	return n, nil
}

// DropBounding is prctl(PR_CAPBSET_DROP). EPERM: without CAP_SETPCAP; EINVAL: no such capability.
func (c *Cred) DropBounding(cp uint32) (*Cred, error) {
	if !c.HasHere(CapSetpcap) {
		return nil, abi.EPERM
	}
	if cp > uint32(CapLast) {
		return nil, abi.EINVAL
	}
	n := c.Copy()
	n.Bounding &^= 1 << cp
	return n, nil
}

// InBounding is prctl(PR_CAPBSET_READ). EINVAL: no such capability.
func (c *Cred) InBounding(cp uint32) (bool, error) {
	if cp > uint32(CapLast) {
		return false, abi.EINVAL
	}
	return c.Bounding.Has(Cap(cp)), nil
}

// SetSecurebits is prctl(PR_SET_SECUREBITS). EPERM: an unknown bit, a locked one, a lock taken off, or no CAP_SETPCAP;
// EINVAL does not occur.
func (c *Cred) SetSecurebits(b Securebits) (*Cred, error) {
	change := c.Securebits ^ b
	locks := c.Securebits & secLocks
	if locks>>1&change != 0 || locks&^b != 0 || b&^secAll != 0 {
		return nil, abi.EPERM
	}
	if change&^(secUnprivileged|secUnprivileged<<1) != 0 || change == 0 {
		if !c.HasHere(CapSetpcap) {
			return nil, abi.EPERM
		}
	}
	n := c.Copy()
	n.Securebits = b
	return n, nil
}

// SetKeepCaps is prctl(PR_SET_KEEPCAPS). EINVAL: neither 0 nor 1; EPERM: locked.
func (c *Cred) SetKeepCaps(v uint32) (*Cred, error) {
	if v > 1 {
		return nil, abi.EINVAL
	}
	if c.Securebits&SecKeepCapsLocked != 0 {
		return nil, abi.EPERM
	}
	n := c.Copy()
	n.Securebits &^= SecKeepCaps
	if v == 1 {
		n.Securebits |= SecKeepCaps
	}
	return n, nil
}

// RaiseAmbient is prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE). EINVAL: no such capability; EPERM: not both permitted and
// inheritable, or SECBIT_NO_CAP_AMBIENT_RAISE.
func (c *Cred) RaiseAmbient(cp uint32) (*Cred, error) {
	if cp > uint32(CapLast) {
		return nil, abi.EINVAL
	}
	if !(c.Permitted & c.Inheritable).Has(Cap(cp)) || c.Securebits&SecNoCapAmbientRaise != 0 {
		return nil, abi.EPERM
	}
	n := c.Copy()
	n.Ambient |= 1 << cp
	return n, nil
}

// LowerAmbient is prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER). EINVAL: no such capability.
func (c *Cred) LowerAmbient(cp uint32) (*Cred, error) {
	if cp > uint32(CapLast) {
		return nil, abi.EINVAL
	}
	n := c.Copy()
	n.Ambient &^= 1 << cp
	return n, nil
}

// InAmbient is prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET). EINVAL: no such capability.
func (c *Cred) InAmbient(cp uint32) (bool, error) {
	if cp > uint32(CapLast) {
		return false, abi.EINVAL
	}
	return c.Ambient.Has(Cap(cp)), nil
}

// ClearAmbient is prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL).
func (c *Cred) ClearAmbient() *Cred {
	n := c.Copy()
	n.Ambient = 0
	return n
}
