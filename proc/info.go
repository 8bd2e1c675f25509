package proc

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/mm"
	"cleave/ns"
	"cleave/ns/user"
)

// This file has what /proc shows of a task to others.

// Info is what a task looks like at one moment. Ids are those of the pid namespace that was asked for.
type Info struct {
	Comm                       string
	State                      byte // R, S, T, t, Z, as ps(1) shows it
	PID, TGID, PPID, PGID, SID int32
	TracerPID                  int32   // 0: none
	PIDs, TGIDs, PGIDs, SIDs   []int32 // from the reader's pid namespace inwards
	TTY                        uint32  // device number of the controlling terminal, 0: none
	Foreground                 int32   // process group in the foreground of it, -1: no terminal
	Threads                    int
	Cred                       *user.Cred
	Umask                      int32 // -1 after exit
	FDSize                     int
	Pending, SharedPending     SigSet
	Blocked, Ignored, Caught   SigSet
	Queued                     int64 // signals of the user, and their limit
	QueueLimit                 uint64
	NoNewPrivs                 bool
	CPUs                       uint64
	Voluntary, Involuntary     int64 // changes of task
	Usage, ChildUsage          Usage
	Started                    int64 // ns of the monotonic clock
	Priority, Nice             int32
	RTPriority, Policy         int32
	ExitSignal                 Signal
	ExitCode                   int32 // as wait(2) gives it
	RSSLimit                   uint64
	Personality                uint32
}

// Info gives what task t looks like in n. group: usage and context are those of the whole process.
func (t *Task) Info(n *ns.PIDNamespace, group bool) Info {
	g := t.group
	i := Info{
		Comm: t.Comm(), Foreground: -1, Umask: -1, QueueLimit: g.limits.get(abi.RLIMIT_SIGPENDING).Cur,
		RSSLimit: g.limits.get(abi.RLIMIT_RSS).Cur, Personality: t.persona.Load(), Started: g.started,
	}
	term := g.tty.Load()
	var fg *ProcessGroup
	if term != nil {
		fg, _ = term.Foreground().(*ProcessGroup)
	}
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if term != nil {
		i.TTY, i.Foreground = uint32(term.Dev().Encode()), 0
		if fg != nil {
			i.Foreground = fg.pid.In(n)
		}
	}
	t.idsLocked(&i, n)
	t.signalsLocked(&i)
	t.schedLocked(&i)
	i.State, i.Threads = t.stateLocked(), max(g.live, 1)
	i.ExitSignal, i.ExitCode = g.exitSignal, t.exitCode
	i.Cred, i.NoNewPrivs = t.Caller.Cred, t.noNewPriv
	i.Queued = i.Cred.Account.Count(user.PendingSignals)
	if t.set != nil {
		i.Umask, i.FDSize = int32(t.Caller.FS.Umask()), t.Caller.Files.SizeOf()
	}
	i.Usage = t.usage.snapshot()
	if group {
		i.Usage, i.ChildUsage = g.usageLocked(), g.childUsage
		i.ExitCode = g.statusLocked()
	}
	return i
}

// stateLocked is the letter that ps(1) shows.
func (t *Task) stateLocked() byte {
	switch {
	case t.exiting && t.asleep.Load(), t.group.zombie.Load(), t.set == nil:
		return 'Z'
	case t.heldLocked():
		return 't'
	case t.stopped:
		return 'T'
	case t.asleep.Load():
		return 'S'
	}
	return 'R'
}

// idsLocked gives the ids that n sees.
func (t *Task) idsLocked(i *Info, n *ns.PIDNamespace) {
	g := t.group
	list := func(p *ns.PID) []int32 {
		if p == nil || p.In(n) == 0 {
			return nil
		}
		return p.Numbers(n)
	}
	first := func(ids []int32) int32 {
		if len(ids) == 0 {
			return 0
		}
		return ids[0]
	}
	i.PIDs, i.TGIDs = list(t.pid), list(g.leader.pid)
	if g.pgrp != nil {
		i.PGIDs, i.SIDs = list(g.pgrp.pid), list(g.pgrp.session.pid)
	}
	i.PID, i.TGID, i.PGID, i.SID = first(i.PIDs), first(i.TGIDs), first(i.PGIDs), first(i.SIDs)
	if !g.gone.Load() {
		i.PPID = g.ppidLocked(n)
	}
	if t.trace != nil {
		i.TracerPID = t.trace.tracer.pid.In(n)
	}
}

func (t *Task) signalsLocked(i *Info) {
	i.Pending, i.SharedPending, i.Blocked = t.pending.signals(), t.group.pending.signals(), t.blocked
	if t.handlers == nil {
		return
	}
	for n := range t.handlers.action {
		switch sig := Signal(n + 1); t.handlers.action[n].Handler {
		case abi.SIG_DFL:
		case abi.SIG_IGN:
			i.Ignored |= sig.bit()
		default:
			i.Caught |= sig.bit()
		}
	}
}

func (t *Task) schedLocked(i *Info) {
	i.CPUs, i.Policy, i.RTPriority, i.Nice = t.cpuMask, t.sched.Policy, t.sched.Priority, t.nice.Load()
	i.Priority = 20 + i.Nice
	if i.RTPriority > 0 {
		i.Priority = -1 - i.RTPriority
	}
	i.Voluntary, i.Involuntary = t.usage.voluntary.Load(), t.usage.involuntary.Load()
}

// TaskOf gives the task that has p now, nil if none has.
func (k *Kernel) TaskOf(p *ns.PID) *Task {
	k.mu.Lock()
	defer k.mu.Unlock()
	t, _ := p.Task.(*Task)
	return t
}

// PID is the id of the task, nil once it is gone.
func (t *Task) PID() *ns.PID {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.pid
}

// Children gives the ids, in n, of the processes that t waits for.
func (t *Task) Children(n *ns.PIDNamespace) []int32 {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	var ids []int32
	for c := t.group.children.first; c != nil; c = c.nextSib {
		if nr := c.pidLocked().In(n); c.parent == t && nr != 0 {
			ids = append(ids, nr)
		}
	}
	return ids
}

// AddressSpace is the memory of the task with one more user, nil after exit.
func (t *Task) AddressSpace() *mm.AddressSpace {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if t.mm == nil || !t.mm.TryRef() {
		return nil
	}
	return t.mm
}

// Namespaces is the namespaces of the task with a reference, nil after exit.
func (t *Task) Namespaces() *ns.Set {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if t.set == nil {
		return nil
	}
	return t.set.Get()
}

// UserNamespace is the user namespace of the task with a reference, nil after exit.
func (t *Task) UserNamespace() *user.Namespace {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if t.set == nil {
		return nil
	}
	n := t.Caller.Cred.NS
	n.Get()
	return n
}

// Place gives the root or the working directory of the task, pinned. ENOENT after exit.
func (t *Task) Place(which func(*fs.Context) fs.Path) (fs.Path, error) {
	t.k.mu.Lock()
	ctx, gone := t.Caller.FS, t.set == nil
	t.k.mu.Unlock()
	if gone {
		return fs.Path{}, abi.ENOENT
	}
	p := which(ctx)
	if !p.Valid() {
		return p, abi.ENOENT
	}
	return p, nil
}

// filesLocked is the descriptor table, nil after exit.
func (t *Task) filesLocked() *fs.FDTable {
	if t.set == nil {
		return nil
	}
	return t.Caller.Files
}

// OpenFile is what descriptor fd of the task is, with a reference, nil if it is closed.
func (t *Task) OpenFile(fd int) *fs.File {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	files := t.filesLocked()
	if files == nil {
		return nil
	}
	f, err := files.Get(fd)
	if err != nil {
		return nil
	}
	return f
}

// FDFlags is the O_* flags of descriptor fd, O_CLOEXEC among them; false if it is closed.
func (t *Task) FDFlags(fd int) (uint32, bool) {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	files := t.filesLocked()
	if files == nil {
		return 0, false
	}
	return files.Flags(fd)
}

// NextFD is the lowest open descriptor from fd on, -1 if there is none.
func (t *Task) NextFD(fd int) int {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	files := t.filesLocked()
	if files == nil {
		return -1
	}
	return files.Next(fd)
}

// FDCount is how many descriptors are open.
func (t *Task) FDCount() int {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	files := t.filesLocked()
	if files == nil {
		return 0
	}
	return files.Len()
}

// Namespaces is the initial namespaces.
func (k *Kernel) Namespaces() *ns.Set { return k.set }
