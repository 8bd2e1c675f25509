package user

import (
	"slices"

	"cleave/abi"
)

// NGroupsMax is the largest number of supplementary groups (/proc/sys/kernel/ngroups_max).
const NGroupsMax = 65536

// Cred is what a task may do and as whom: credentials(7). It is immutable once a task, a file or anyone else may see
// it; to change one, Copy it, change the copy, and have the task Commit that.
type Cred struct {
	UID, EUID, SUID, FSUID KUID
	GID, EGID, SGID, FSGID KGID
	Groups                 []KGID // supplementary, sorted, shared between copies

	Inheritable, Permitted, Effective, Bounding, Ambient Caps
	Securebits                                           Securebits

	// NS is the user namespace that the holder is in. A task's credentials keep it alive (Enter, Leave, Commit); those
	// of a file or of another object do not.
	NS *Namespace
	// Account counts what the real user has in use. It is set by Commit and NewRoot.
	Account *Account
}

// NewRoot makes the credentials of the first task: root of the initial namespace ns, with all capabilities. They are entered.
func NewRoot(ns *Namespace) *Cred {
	c := &Cred{Permitted: AllCaps, Effective: AllCaps, Bounding: AllCaps, NS: ns}
	ns.Get()
	c.Account = ns.users.account(c.UID)
	c.Account.Add(Processes, 1)
	return c
}

// Copy gives a copy to change.
func (c *Cred) Copy() *Cred {
	d := *c
	return &d
}

// Enter counts one more task with these credentials: a process of its account, a reference on its namespace. The
// caller is a task that has them (fork) or that made sure otherwise that they are still in use.
func (c *Cred) Enter() {
	c.holdAccount()
	c.NS.Get()
	c.Account.Add(Processes, 1)
}

// holdAccount takes a reference on the account. Credentials of a new owned namespace, which only their maker knows yet,
// have none so far.
func (c *Cred) holdAccount() {
	if c.Account == nil {
		c.Account = c.NS.users.account(c.UID)
		return
	}
	c.Account.hold()
}

// EnterWithin is Enter if the account has fewer than limit processes (RLIMIT_NPROC). EAGAIN: it has not.
// The check does not apply (limit is ignored) for user 0 of the table and for holders of CAP_SYS_RESOURCE or CAP_SYS_ADMIN.
func (c *Cred) EnterWithin(limit int64) error {
	c.holdAccount()
	if c.ProcessLimitExempt() {
		c.Account.Add(Processes, 1)
	} else if !c.Account.Charge(Processes, 1, limit) {
		c.Account.drop()
		return abi.EAGAIN
	}
	c.NS.Get()
	return nil
}

// ProcessLimitExempt reports whether RLIMIT_NPROC does not bind the holder.
func (c *Cred) ProcessLimitExempt() bool {
	root := c.NS.Initial()
	return c.Account.ProcessLimitExempt() || c.Has(CapSysResource, root) || c.Has(CapSysAdmin, root)
}

// Leave is the opposite of Enter: a task with these credentials is gone.
func (c *Cred) Leave() {
	c.Account.Add(Processes, -1)
	c.Account.drop()
	c.NS.Put()
}

// Commit moves one task's counts from old to new, both with a namespace; new becomes visible to others only after it.
// It sets new.Account. It cannot fail. The caller then stores new in the task.
func Commit(old, new *Cred) {
	if old == new {
		return
	}
	if new.NS != old.NS {
		new.NS.Get()
	}
	if new.UID != old.UID || new.NS.users != old.NS.users {
		new.Account = new.NS.users.account(new.UID)
		new.Account.Add(Processes, 1)
		old.Account.Add(Processes, -1)
		old.Account.drop()
	} else {
		new.Account = old.Account
	}
	if new.NS != old.NS {
		old.NS.Put()
	}
}

// GainsOrMoves reports whether a change from old to new must make the process undumpable and clear its parent-death
// signal: an effective or file system id changes, or capabilities are gained (prctl(2), PR_SET_DUMPABLE).
func GainsOrMoves(old, new *Cred) bool {
	return old.EUID != new.EUID || old.EGID != new.EGID || old.FSUID != new.FSUID || old.FSGID != new.FSGID ||
		!credCapsWithin(new, old)
}

// credCapsWithin reports whether the capabilities of sub are no more than those of c: c's namespace is sub's and has
// all of its permitted ones, or is an ancestor whose owner c is.
func credCapsWithin(sub, c *Cred) bool {
	if sub.NS == c.NS {
		return sub.Permitted.In(c.Permitted)
	}
	for ns := sub.NS; ns.parent != nil; ns = ns.parent {
		if ns.parent == c.NS && ns.maker == c.EUID {
			return true
		}
	}
	return false
}

// Has reports whether the holder has capability cp over what belongs to user namespace target: it is in target and has
// it, or in an ancestor and has it there, or is the owner, in the parent, of target or of one of its ancestors.
// In an owned namespace capabilities stay what they were: they count everywhere, as they did before.
func (c *Cred) Has(cp Cap, target *Namespace) bool {
	if c.NS.model == Owned {
		return c.Effective.Has(cp)
	}
	for ns := target; ; ns = ns.parent {
		if ns == c.NS {
			return c.Effective.Has(cp)
		}
		if ns.level <= c.NS.level {
			return false
		}
		if ns.parent == c.NS && ns.model == Mapped && SameUser(c.NS, c.EUID, ns.parent, ns.maker) {
			return true
		}
	}
}

// HasOverTask is Has over a task whose credentials are of namespace target: signals, tracing, priorities. It differs
// for the holder in an owned namespace, who has no power over tasks outside of it and its descendants.
func (c *Cred) HasOverTask(cp Cap, target *Namespace) bool {
	if c.NS.model == Owned {
		return c.Effective.Has(cp) && target.Within(c.NS)
	}
	return c.Has(cp, target)
}

// HasHere is Has in the holder's own namespace.
func (c *Cred) HasHere(cp Cap) bool { return c.Effective.Has(cp) }

// HasOverInode reports whether the holder has cp over a file with these ids: in its own namespace, if both ids are
// mapped there.
func (c *Cred) HasOverInode(cp Cap, uid KUID, gid KGID) bool {
	return c.Effective.Has(cp) && c.NS.HasKUID(uid) && c.NS.HasKGID(gid)
}

// OwnerOrCapable reports whether the holder may do what a file's owner may: it is the owner, or has CAP_FOWNER and the owner is mapped.
func (c *Cred) OwnerOrCapable(uid KUID) bool {
	return c.FSUID == uid || c.Effective.Has(CapFowner) && c.NS.HasKUID(uid)
}

// InGroup reports whether g is the file system group or a supplementary group.
func (c *Cred) InGroup(g KGID) bool { return g == c.FSGID || c.hasGroup(g) }

// InEffectiveGroup reports whether g is the effective group or a supplementary group.
func (c *Cred) InEffectiveGroup(g KGID) bool { return g == c.EGID || c.hasGroup(g) }

func (c *Cred) hasGroup(g KGID) bool {
	_, ok := slices.BinarySearch(c.Groups, g)
	return ok
}

// MaySignal reports whether the holder may send a signal to a task with credentials t (kill(2)). The caller deals with
// SIGCONT within a session.
func (c *Cred) MaySignal(t *Cred) bool {
	if c.NS.users == t.NS.users && (c.EUID == t.SUID || c.EUID == t.UID || c.UID == t.SUID || c.UID == t.UID) {
		return true
	}
	return c.HasOverTask(CapKill, t.NS)
}

// MayAccess reports whether credentials allow the holder to look into a process with credentials t (ptrace(2), "Ptrace
// access mode checking"); the caller looks at whether t is dumpable. byFSIDs: by the file system ids and effective
// capabilities (PTRACE_MODE_FSCREDS), else by the real ids and permitted capabilities (PTRACE_MODE_REALCREDS).
func (c *Cred) MayAccess(t *Cred, byFSIDs bool) bool {
	uid, gid := c.UID, c.GID
	caps := c.Permitted
	if byFSIDs {
		uid, gid = c.FSUID, c.FSGID
		caps = c.Effective
	}
	same := c.NS.users == t.NS.users && uid == t.UID && uid == t.EUID && uid == t.SUID &&
		gid == t.GID && gid == t.EGID && gid == t.SGID
	if !same && !c.HasOverTask(CapSysPtrace, t.NS) {
		return false
	}
	return c.covers(t, caps)
}

// Covers reports whether the holder, a parent of a task with credentials t, may be its tracer (ptrace(2), PTRACE_TRACEME).
func (c *Cred) Covers(t *Cred) bool { return c.covers(t, c.Permitted) }

func (c *Cred) covers(t *Cred, caps Caps) bool {
	return (c.NS == t.NS && t.Permitted.In(caps)) || c.HasOverTask(CapSysPtrace, t.NS)
}

// MayRenice reports whether the holder may change the priority or affinity of a task with credentials t.
func (c *Cred) MayRenice(t *Cred) bool {
	return c.NS.users == t.NS.users && (c.EUID == t.UID || c.EUID == t.EUID) || c.HasOverTask(CapSysNice, t.NS)
}
