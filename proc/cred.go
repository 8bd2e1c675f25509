package proc

import (
	"cleave/abi"
	"cleave/ns/user"
)

// setCredLocked makes c, whose counts have been moved, the credentials of t.
func (t *Task) setCredLocked(c *user.Cred) {
	old := t.Caller.Cred
	t.Caller.Cred = c
	if user.GainsOrMoves(old, c) {
		t.group.dumpable.Store(suidDumpable)
		t.pdeathSignal = 0
	}
}

// suidDumpable is what PR_SET_DUMPABLE falls to when a process changes its ids (/proc/sys/fs/suid_dumpable).
const suidDumpable = 0

// SetCred makes c, a changed copy of the task's credentials, those of the task: the end of setuid(2) and its like.
func (t *Task) SetCred(c *user.Cred) {
	if c.UID != t.Caller.Cred.UID {
		t.overLimit = true // to be looked at by execve
	}
	old := t.Caller.Cred
	user.Commit(old, c)
	t.k.mu.Lock()
	t.setCredLocked(c)
	t.k.mu.Unlock()
	if t.k.announced() {
		t.announceCred(old, c)
	}
}

// tooManyProcesses reports whether the task's user had more than RLIMIT_NPROC processes when the task became that user,
// and still has: then execve fails (setuid(2) does not, for too few programs looked at its result).
func (t *Task) tooManyProcesses() bool {
	if t.overLimit {
		t.overLimit = t.Caller.Cred.Account.Count(user.Processes) > int64(min(t.Limit(abi.RLIMIT_NPROC).Cur, maxTime)) &&
			!t.Caller.Cred.ProcessLimitExempt()
	}
	return t.overLimit
}

// ChangeCred changes the credentials as f says; f gets the current ones and gives a changed copy, or an error.
func (t *Task) ChangeCred(f func(*user.Cred) (*user.Cred, error)) error {
	c, err := f(t.Caller.Cred)
	if err != nil {
		return err
	}
	if c != t.Caller.Cred {
		t.SetCred(c)
	}
	return nil
}

// CredOf is the credentials of another task, as they are now.
func (t *Task) CredOf() *user.Cred {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.Caller.Cred
}

// NoNewPrivs reports whether execve can give no privileges (PR_SET_NO_NEW_PRIVS).
func (t *Task) NoNewPrivs() bool {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.noNewPriv
}

// SetNoNewPrivs makes it so, for good.
func (t *Task) SetNoNewPrivs() {
	t.k.mu.Lock()
	t.noNewPriv = true
	t.k.mu.Unlock()
}

// Dumpable is PR_GET_DUMPABLE: 0 keeps others of the same user from looking into the process.
func (t *Task) Dumpable() int32 { return t.group.dumpable.Load() }

// SetDumpable is PR_SET_DUMPABLE. EINVAL: neither 0 nor 1.
func (t *Task) SetDumpable(v uint32) error {
	if v > 1 {
		return abi.EINVAL
	}
	t.group.dumpable.Store(int32(v))
	return nil
}

// MayAccess reports whether t may look into o: /proc/PID, pidfd_getfd, get_robust_list (ptrace(2), "Ptrace access mode
// checking"). byFSIDs is PTRACE_MODE_FSCREDS.
func (t *Task) MayAccess(o *Task, byFSIDs bool) bool {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.mayAccessLocked(o, byFSIDs)
}

func (t *Task) mayAccessLocked(o *Task, byFSIDs bool) bool {
	if o.group == t.group {
		return true
	}
	c := o.Caller.Cred
	if !t.Cred().MayAccess(c, byFSIDs) {
		return false
	}
	return o.Dumpable() == 1 || t.Cred().HasOverTask(user.CapSysPtrace, c.NS)
}

// ParentDeathSignal is PR_GET_PDEATHSIG.
func (t *Task) ParentDeathSignal() Signal {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.pdeathSignal
}

// SetParentDeathSignal is PR_SET_PDEATHSIG; 0 is none. EINVAL.
func (t *Task) SetParentDeathSignal(sig Signal) error {
	if sig != 0 && !sig.Valid() {
		return abi.EINVAL
	}
	t.k.mu.Lock()
	t.pdeathSignal = sig
	t.k.mu.Unlock()
	return nil
}

// Subreaper is PR_GET_CHILD_SUBREAPER.
func (t *Task) Subreaper() bool {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.group.subreaper
}

// SetSubreaper is PR_SET_CHILD_SUBREAPER: orphans among the descendants become children of this process.
func (t *Task) SetSubreaper(on bool) {
	k := t.k
	k.mu.Lock()
	t.group.subreaper = on
	if on {
		t.group.markUnderSubreaperLocked()
	}
	k.mu.Unlock()
}

func (g *ThreadGroup) markUnderSubreaperLocked() {
	for c := g.children.first; c != nil; c = c.nextSib {
		c.underSubreaper = true
		c.markUnderSubreaperLocked()
	}
}
