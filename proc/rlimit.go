package proc

import (
	"sync"

	"cleave/abi"
	"cleave/mm"
	"cleave/ns/user"
)

// Rlimit is a resource limit (getrlimit(2)); abi.RLIM_INFINITY is none.
type Rlimit struct{ Cur, Max uint64 }

// limits are the resource limits of a process.
type limits struct {
	mu sync.Mutex               // a leaf
	r  [abi.RLIM_NLIMITS]Rlimit // guarded by mu
}

const defaultProcesses = 4096

// init sets the limits of the first process, those of a small Linux.
func (l *limits) init() {
	for i := range l.r {
		l.r[i] = Rlimit{abi.RLIM_INFINITY, abi.RLIM_INFINITY}
	}
	l.r[abi.RLIMIT_STACK].Cur = 8 << 20
	l.r[abi.RLIMIT_CORE].Cur = 0
	l.r[abi.RLIMIT_NPROC] = Rlimit{defaultProcesses, defaultProcesses}
	l.r[abi.RLIMIT_NOFILE] = Rlimit{1024, 4096}
	l.r[abi.RLIMIT_MEMLOCK] = Rlimit{8 << 20, 8 << 20}
	l.r[abi.RLIMIT_SIGPENDING] = Rlimit{defaultProcesses, defaultProcesses}
	l.r[abi.RLIMIT_MSGQUEUE] = Rlimit{819200, 819200}
	l.r[abi.RLIMIT_NICE] = Rlimit{}
	l.r[abi.RLIMIT_RTPRIO] = Rlimit{}
}

func (l *limits) get(resource int) Rlimit {
	l.mu.Lock()
	r := l.r[resource]
	l.mu.Unlock()
	return r
}

func (l *limits) copyFrom(o *limits) {
	o.mu.Lock()
	r := o.r
	o.mu.Unlock()
	l.r = r
}

// forMM are the limits that an address space keeps to.
func (l *limits) forMM(c *user.Cred) mm.Limits {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := mm.Limits{
		Stack: l.r[abi.RLIMIT_STACK].Cur, AS: l.r[abi.RLIMIT_AS].Cur, Data: l.r[abi.RLIMIT_DATA].Cur,
		Memlock: l.r[abi.RLIMIT_MEMLOCK].Cur,
	}
	if c.Has(user.CapIpcLock, c.NS.Initial()) {
		m.Memlock = mm.NoLimit
	}
	return m
}

// Limit is the resource limit of the task's process.
func (t *Task) Limit(resource int) Rlimit { return t.group.limits.get(resource) }

// NoFile implements fs.Limits.
func (t *Task) NoFile() int {
	return int(min(t.group.limits.get(abi.RLIMIT_NOFILE).Cur, 1<<30))
}

// FileSize implements fs.Limits.
func (t *Task) FileSize() int64 {
	return int64(min(t.group.limits.get(abi.RLIMIT_FSIZE).Cur, 1<<63-1))
}

// FileSizeExceeded implements fs.Limits: it sends the task SIGXFSZ.
func (t *Task) FileSizeExceeded() { t.sendSelf(abi.SIGXFSZ) }

// sendSelf sends the task a signal of the kernel.
func (t *Task) sendSelf(sig Signal) {
	t.k.mu.Lock()
	_ = t.sendLocked(&SigInfo{Signo: sig, Code: abi.SI_USER, PID: t.tgid, UID: t.Caller.Cred.UID}, false, false)
	t.k.mu.Unlock()
}

// BrokenPipe sends the task the SIGPIPE that goes with EPIPE.
func (t *Task) BrokenPipe() { t.sendSelf(abi.SIGPIPE) }

// The bounds of /proc/sys/fs/nr_open; it starts at the upper one.
const (
	MinOpenFiles = 64
	MaxOpenFiles = 1 << 20
)

// OpenFiles is /proc/sys/fs/nr_open: no process may raise RLIMIT_NOFILE above it, nor copy descriptors that are.
func (k *Kernel) OpenFiles() int { return int(k.openFiles.Load()) }

// SetOpenFiles changes it, for who may change the kernel's settings. EINVAL: out of bounds.
func (k *Kernel) SetOpenFiles(n int) error {
	if n < MinOpenFiles || n > MaxOpenFiles {
		return abi.EINVAL
	}
	k.openFiles.Store(int32(n))
	return nil
}

// Rlimit is prlimit64(2) for the process with the number pid, or the caller's own for 0. Errors: EINVAL (no such
// resource, cur above max), EPERM (another's process, a raised max, too many files), ESRCH.
func (t *Task) Rlimit(pid int32, resource int, new *Rlimit) (old Rlimit, err error) {
	if uint(resource) >= abi.RLIM_NLIMITS {
		return old, abi.EINVAL
	}
	if new != nil && new.Cur > new.Max {
		return old, abi.EINVAL
	}
	o := t
	if pid != 0 && pid != t.tid {
		if o, err = t.limitsOf(pid); err != nil {
			return old, err
		}
	}
	if new == nil {
		return o.group.limits.get(resource), nil
	}
	if resource == abi.RLIMIT_NOFILE && new.Max > uint64(t.k.OpenFiles()) {
		return old, abi.EPERM
	}
	l := &o.group.limits
	l.mu.Lock()
	old = l.r[resource]
	if new.Max > old.Max && !t.Cred().Has(user.CapSysResource, t.k.UserNS) {
		l.mu.Unlock()
		return Rlimit{}, abi.EPERM
	}
	l.r[resource] = *new
	l.mu.Unlock()
	o.limitChanged(resource, new.Cur)
	return old, nil
}

// limitsOf finds another process whose limits t may change: same ids, or CAP_SYS_RESOURCE over it.
func (t *Task) limitsOf(pid int32) (*Task, error) {
	o := t.FindTask(pid)
	if o == nil {
		return nil, abi.ESRCH
	}
	v := o.View()
	defer v.Put()
	c, d := t.Cred(), v.Cred
	same := c.UID == d.EUID && c.UID == d.SUID && c.UID == d.UID && c.GID == d.EGID && c.GID == d.SGID && c.GID == d.GID &&
		user.SameUser(c.NS, c.UID, d.NS, d.UID)
	if !same && !c.HasOverTask(user.CapSysResource, d.NS) {
		return nil, abi.EPERM
	}
	return o, nil
}

func (t *Task) limitChanged(resource int, cur uint64) {
	switch resource {
	case abi.RLIMIT_CPU:
		t.group.timers.limitChanged(cur)
	case abi.RLIMIT_STACK, abi.RLIMIT_AS, abi.RLIMIT_DATA, abi.RLIMIT_MEMLOCK:
		v := t.View()
		if v.MM != nil {
			v.MM.SetLimits(t.group.limits.forMM(v.Cred))
		}
		v.Put()
	}
}
