package proc

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/fs/cgroup"
	"cleave/mm"
	"cleave/ns"
	"cleave/ns/user"
)

// CloneArgs says what clone, fork, vfork and clone3 make.
type CloneArgs struct {
	Flags      uint64        // CLONE_*, without the exit signal
	ExitSignal Signal        // 0: none
	Stack      uint32        // stack pointer of the new task, 0: the parent's
	TLS        uint32        // argument of the ABI for CLONE_SETTLS
	ParentTID  uint32        // address for CLONE_PARENT_SETTID
	ChildTID   uint32        // address for CLONE_CHILD_SETTID and CLONE_CHILD_CLEARTID
	PIDFD      uint32        // address for CLONE_PIDFD
	SetTID     []int32       // clone3's set_tid: ids in the innermost pid namespace and its ancestors
	Cgroup     *cgroup.Group // of the child (CLONE_INTO_CGROUP); nil: the parent's
}

// check refuses flags that do not go together (clone(2), EINVAL).
func (a *CloneArgs) check(t *Task) error {
	f := a.Flags
	has := func(flags uint64) bool { return f&flags == flags }
	switch {
	case has(abi.CLONE_NEWNS | abi.CLONE_FS), has(abi.CLONE_NEWUSER | abi.CLONE_FS),
		has(abi.CLONE_NEWIPC | abi.CLONE_SYSVSEM),
		f&abi.CLONE_SIGHAND != 0 && f&abi.CLONE_VM == 0,
		f&abi.CLONE_THREAD != 0 && f&abi.CLONE_SIGHAND == 0,
		has(abi.CLONE_SIGHAND | abi.CLONE_CLEAR_SIGHAND),
		f&(abi.CLONE_THREAD|abi.CLONE_PARENT) != 0 && f&(abi.CLONE_NEWPID|abi.CLONE_NEWUSER) != 0,
		has(abi.CLONE_PIDFD | abi.CLONE_DETACHED),
		a.ExitSignal != 0 && !a.ExitSignal.Valid(),
		len(a.SetTID) > ns.MaxPIDLevel+1:
		return abi.EINVAL
	case f&abi.CLONE_PARENT != 0 && t.group.isInit:
		return abi.EINVAL
	}
	if f&abi.CLONE_THREAD != 0 && t.set.PIDForChildren != t.pidNS {
		return abi.EINVAL
	}
	if f&abi.CLONE_VM != 0 && f&abi.CLONE_VFORK == 0 && t.set.Time != t.set.TimeForChildren {
		return abi.EINVAL
	}
	return nil
}

// Clone makes a task and returns its id in the caller's pid namespace. Errors are those of clone(2); the caller is then
// as it was.
func (t *Task) Clone(a *CloneArgs) (int32, error) {
	if err := a.check(t); err != nil {
		return 0, err
	}
	if err := t.k.roomForTask(); err != nil {
		return 0, err
	}
	b := birth{parent: t, args: a, steps: t.k.Steps}
	if err := b.prepare(); err != nil {
		b.drop()
		return 0, err
	}
	child, err := b.commit()
	if err != nil {
		b.drop()
		return 0, err
	}
	if t.k.announced() {
		child.announceFork()
	}
	child.Start()
	t.birthEvents(&b)
	return b.nr, nil
}

// birth is a task that is being made. What it has is counted, so that drop can undo it.
type birth struct {
	parent *Task
	args   *CloneArgs
	steps  *user.Steps
	child  *Task
	group  *ThreadGroup  // nil for a thread
	cred   *user.Cred    // entered
	names  *ns.Prepared  // new namespaces, nil if there are none
	cgroup *cgroup.Group // charged for the child, nil: not yet
	pid    *ns.PID
	pidfd  pidfdSlot
	done   *completion // the caller of vfork waits for it
	nr     int32       // the id of the child, in the parent's pid namespace
	event  uint32      // that a tracer is told of the birth, 0: none
}

// prepare does all that can fail.
func (b *birth) prepare() error {
	t, f := b.parent, b.args.Flags
	c := t.k.newTask()
	b.child = c
	if err := b.namespaces(); err != nil {
		return err
	}
	parts := []func() error{b.enter, b.charge, b.files, b.undo, b.handlers, b.memory, b.identity, b.context}
	if f&abi.CLONE_THREAD == 0 {
		parts = append(parts, b.process)
	}
	for _, part := range parts {
		if err := b.steps.Next(); err != nil {
			return err
		}
		if err := part(); err != nil {
			return err
		}
	}
	return b.tell()
}

// namespaces makes the root and cwd of the child, and then its namespaces, because a new mount namespace re-aims them.
func (b *birth) namespaces() error {
	t, c, f := b.parent, b.child, b.args.Flags
	if err := b.steps.Next(); err != nil {
		return err
	}
	if f&abi.CLONE_FS != 0 {
		c.Caller.FS = t.Caller.FS.Share()
	} else {
		c.Caller.FS = t.Caller.FS.Copy()
	}
	if f&ns.CloneAny != 0 {
		at := b.args.Cgroup
		if at == nil {
			at = t.group.Cgroup()
		}
		p, err := t.prepareNamespaces(f, c.Caller.FS, at, b.steps)
		if err != nil {
			return err
		}
		b.names = p
		c.set = p.Set
	} else {
		c.set = t.set.Get()
	}
	if f&abi.CLONE_THREAD == 0 && c.set.Time != c.set.TimeForChildren {
		old := c.set
		c.set = old.ForChild()
		old.Put()
		if b.names != nil {
			b.names.Set = c.set
		}
	}
	c.Caller.Mounts = c.set.Mount
	return nil
}

// prepareNamespaces builds new namespaces for t or its child, whose root and cwd are in ctx, and whose control group is
// at.
func (t *Task) prepareNamespaces(flags uint64, ctx *fs.Context, at *cgroup.Group, steps *user.Steps) (*ns.Prepared, error) {
	return ns.Prepare(&ns.Request{
		Flags: flags, Cred: t.Caller.Cred, Set: t.set, PID: t.pidNS, Cgroup: at, Steps: steps,
		Chrooted: t.Caller.FS.Chrooted(t.Caller.Mounts),
		CopyMount: func(c *user.Cred) (*fs.MountNamespace, error) {
			return t.Caller.CopyMounts(c, ctx, steps)
		},
	})
}

// enter counts the child as a process of its user.
func (b *birth) enter() error {
	cred := b.parent.Caller.Cred
	if b.names != nil {
		cred = b.names.Cred
	}
	limit := b.parent.group.limits.get(abi.RLIMIT_NPROC).Cur
	if err := cred.EnterWithin(int64(min(limit, 1<<62))); err != nil {
		return err
	}
	b.cred = cred
	b.child.Caller.Cred = cred
	return nil
}

func (b *birth) files() error {
	if b.args.Flags&abi.CLONE_FILES != 0 {
		b.child.Caller.Files = b.parent.Caller.Files.Share()
		return nil
	}
	files, err := b.parent.Caller.Files.Copy(b.parent.k.OpenFiles())
	if err != nil {
		return err
	}
	b.child.Caller.Files = files
	return nil
}

func (b *birth) undo() error {
	if b.args.Flags&abi.CLONE_SYSVSEM != 0 {
		b.child.undo = b.parent.semUndo().Share()
	}
	return nil
}

func (b *birth) handlers() error {
	t, c := b.parent, b.child
	if b.args.Flags&abi.CLONE_SIGHAND != 0 {
		t.handlers.Ref()
		c.handlers = t.handlers
		return nil
	}
	t.k.mu.Lock()
	c.handlers = t.handlers.copyLocked()
	if b.args.Flags&abi.CLONE_CLEAR_SIGHAND != 0 {
		c.handlers.resetLocked()
	}
	t.k.mu.Unlock()
	return nil
}

func (b *birth) memory() error {
	if b.args.Flags&abi.CLONE_VM != 0 {
		b.parent.mm.Ref()
		b.child.mm = b.parent.mm
		return nil
	}
	as, err := b.parent.fork()
	if err != nil {
		return err
	}
	b.child.mm = as
	if s := b.child.set; s.Time != b.parent.set.Time && s.Time.Shifted() {
		return b.parent.k.ABI.ShiftVDSO(as, b.parent.Ctx.Landing)
	}
	return nil
}

// fork copies the address space; when memory is short, caches and then another process make room.
func (t *Task) fork() (*mm.AddressSpace, error) {
	for {
		as, err := t.mm.Fork()
		if err != abi.ENOMEM || !t.makeRoom() {
			return as, err
		}
	}
}

// identity takes the ids of the child.
func (b *birth) identity() error {
	t, c := b.parent, b.child
	n := c.set.PIDForChildren
	if b.args.Flags&abi.CLONE_THREAD != 0 {
		n = t.pidNS
	}
	for at, i := n, 0; i < len(b.args.SetTID) && at != nil; i, at = i+1, at.Parent() {
		if !b.cred.Has(user.CapSysAdmin, at.Owner()) && !b.cred.Has(user.CapCheckpointRestore, at.Owner()) {
			return abi.EPERM
		}
	}
	pid, err := n.Alloc(b.args.SetTID)
	if err != nil {
		return err
	}
	b.pid = pid
	b.nr = pid.In(t.pidNS)
	return nil
}

// context copies the registers and what else the child inherits as a thread.
func (b *birth) context() error {
	t, c, a := b.parent, b.child, b.args
	copyContext(c.Ctx, t.Ctx, t.Ctx.Work.Load()&WorkEntry&^WorkTraceCall)
	c.SyscallNr = t.SyscallNr
	if t.stepForced {
		c.Ctx.EFLAGS &^= EFLAGSTF
	}
	t.k.cpu.CopyFPU(c.Ctx, t.Ctx)
	c.Ctx.Root = c.mm.Root()
	t.k.ABI.CloneRegs(c.Ctx, a.Stack)
	if a.Flags&abi.CLONE_SETTLS != 0 {
		if err := t.k.ABI.CloneTLS(t, c.Ctx, a.TLS); err != nil {
			return err
		}
	}
	if a.Flags&(abi.CLONE_VM|abi.CLONE_VFORK) != abi.CLONE_VM {
		c.altStack = t.altStack // a thread would share the memory, so it has none
	}
	c.comm.Store(t.comm.Load())
	c.slack = t.slack
	c.persona.Store(t.persona.Load())
	if a.Flags&abi.CLONE_CHILD_CLEARTID != 0 {
		c.clearTID = a.ChildTID
	}
	if a.Flags&abi.CLONE_VFORK != 0 {
		b.done = &completion{waiter: t}
		c.vfork = b.done
	}
	return nil
}

// copyContext copies the registers, but nothing that is the CPU's or the parent's own.
func copyContext(dst, src *Context, work uint32) {
	dst.Regs, dst.XMM, dst.MXCSR = src.Regs, src.XMM, src.MXCSR
	dst.DS, dst.ES, dst.FS, dst.GS = src.DS, src.ES, src.FS, src.GS
	dst.TLS, dst.Landing = src.TLS, src.Landing
	dst.Work.Store(work)
}

// process makes the thread group of a child that is a process of its own.
func (b *birth) process() error {
	t, c, a := b.parent, b.child, b.args
	p := t.group
	g := &ThreadGroup{
		k: t.k, leader: c, threads: []*Task{c}, live: 1, started: t.k.Clock.Monotonic(), exitSignal: a.ExitSignal,
		isInit: b.pid.Number() == 1,
	}
	g.limits.copyFrom(&p.limits)
	g.dumpable.Store(p.dumpable.Load())
	g.oomScore.Store(p.oomScore.Load())
	b.group = g
	return nil
}

// tell stores the child's id where the flags say, and reserves the descriptor of a pidfd.
func (b *birth) tell() error {
	t, a := b.parent, b.args
	if a.Flags&abi.CLONE_PIDFD != 0 {
		if err := b.pidfd.reserve(t, a.PIDFD); err != nil {
			return err
		}
	}
	if a.Flags&abi.CLONE_PARENT_SETTID != 0 {
		_ = mm.Store(t.mm, a.ParentTID, &b.nr) // clone(2) does not fail for a bad address
	}
	if a.Flags&abi.CLONE_CHILD_SETTID != 0 {
		nr := b.pid.Number()
		_ = mm.Store(b.child.mm, a.ChildTID, &nr)
	}
	return nil
}

// commit puts the child into the tree. It fails only if a signal came meanwhile, which the parent is to handle first,
// or if its own process ends.
func (b *birth) commit() (*Task, error) {
	t, c, k := b.parent, b.child, b.parent.k
	g := b.group
	if g == nil {
		g = t.group
	}
	c.join(g, b.pid)
	k.mu.Lock()
	if t.Ctx.Work.Load()&WorkSignal != 0 {
		t.recalcLocked()
		if t.Ctx.Work.Load()&WorkSignal != 0 {
			k.mu.Unlock()
			return nil, abi.ERESTARTNOINTR
		}
	}
	if n := c.pidNS; !g.isInit {
		if init, ok := n.Init().(*ThreadGroup); !ok || init.closing {
			k.mu.Unlock()
			return nil, abi.ENOMEM // the init of the namespace is gone
		}
	}
	if err := b.enterGroupLocked(); err != nil {
		k.mu.Unlock()
		return nil, err
	}
	c.blocked = t.blocked
	c.noNewPriv, c.cpuMask = t.noNewPriv, t.cpuMask
	c.inheritSchedLocked(t)
	c.inheritSeccompLocked(t)
	if b.event = t.birthEventLocked(b.args); b.event != 0 || t.trace != nil && b.args.Flags&abi.CLONE_PTRACE != 0 {
		t.inheritTracerLocked(c)
	}
	b.pid.Task = c
	if b.group == nil {
		g.threads = append(g.threads, c)
		g.live++
	} else {
		t.adoptChildLocked(g, b.args)
	}
	k.mu.Unlock()
	if b.names != nil {
		b.names.CommitChild()
	}
	b.pidfd.fill(t, c, b.group == nil)
	return c, nil
}

// adoptChildLocked links a new process.
func (t *Task) adoptChildLocked(g *ThreadGroup, a *CloneArgs) {
	parent := t
	if a.Flags&abi.CLONE_PARENT != 0 && t.group.parent != nil {
		parent = t.group.parent
		g.exitSignal = t.group.exitSignal
	}
	g.setParentLocked(parent)
	g.underSubreaper = t.group.underSubreaper || t.group.subreaper
	parent.group.children.add(g)
	if g.isInit {
		g.leader.pidNS.SetInit(g)
	}
	g.tty.Store(t.group.tty.Load())
	g.moveLocked(t.group.pgrp)
}

// drop undoes what prepare has done.
func (b *birth) drop() {
	c := b.child
	b.pidfd.cancel(b.parent)
	if b.pid != nil {
		b.pid.Put()
	}
	if b.cgroup != nil {
		b.cgroup.AddTasks(-1)
	}
	if c.mm != nil {
		c.mm.Unref()
	}
	if c.handlers != nil {
		c.handlers.Unref()
	}
	if c.Caller.Files != nil {
		c.Caller.Files.Leave()
	}
	if c.undo != nil {
		c.undo.Leave(nil) // it stays the parent's
	}
	if b.cred != nil {
		b.cred.Leave()
	}
	switch {
	case b.names != nil:
		b.names.Drop()
	case c.set != nil:
		c.set.Put()
	}
	if c.Caller.FS != nil {
		c.Caller.FS.Leave()
	}
}
