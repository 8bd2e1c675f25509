package proc

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/mm"
	"cleave/ns"
	"cleave/ns/user"
)

// unshareFlags are the flags that unshare(2) takes.
const unshareFlags = abi.CLONE_THREAD | abi.CLONE_FS | abi.CLONE_NEWNS | abi.CLONE_SIGHAND | abi.CLONE_VM |
	abi.CLONE_FILES | abi.CLONE_SYSVSEM | ns.CloneAny

// impliedFlags adds what a flag of unshare(2) implies.
func impliedFlags(f uint64) uint64 {
	if f&abi.CLONE_NEWUSER != 0 {
		f |= abi.CLONE_THREAD | abi.CLONE_FS
	}
	if f&abi.CLONE_VM != 0 {
		f |= abi.CLONE_SIGHAND
	}
	if f&abi.CLONE_SIGHAND != 0 {
		f |= abi.CLONE_THREAD
	}
	if f&abi.CLONE_NEWNS != 0 {
		f |= abi.CLONE_FS
	}
	if f&abi.CLONE_NEWIPC != 0 {
		f |= abi.CLONE_SYSVSEM
	}
	return f
}

// parts are private copies of what a task shares, made by unshare or setns and nobody's yet. nil: stays as it is.
type parts struct {
	task     *Task
	fs       *fs.Context
	files    *fs.FDTable
	handlers *SigHandlers
	mm       *mm.AddressSpace
	names    *ns.Prepared
	undo     bool // a new, empty list of adjustments of semaphores
}

// Unshare is unshare(2). All copies are made first; then they are swapped in at once, which cannot fail. Errors: EINVAL
// (unknown flags; the thread group has other members), EPERM, EMFILE, ENOSPC, ENOMEM.
//
// DIVERGES: Linux answers EINVAL to CLONE_SIGHAND and CLONE_VM when they are shared with another process. Here the task
// gets its own copy, as unshare was first meant.
func (t *Task) Unshare(flags uint64) error {
	if flags&^unshareFlags != 0 {
		return abi.EINVAL
	}
	flags = impliedFlags(flags)
	if flags&abi.CLONE_THREAD != 0 && !t.alone() {
		return abi.EINVAL
	}
	p := parts{task: t, undo: flags&abi.CLONE_SYSVSEM != 0}
	if err := p.prepare(flags, t.k.Steps); err != nil {
		p.drop()
		return err
	}
	p.commit()
	return nil
}

// alone reports whether the task's process has no other thread.
func (t *Task) alone() bool {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return len(t.group.threads) == 1
}

func (p *parts) prepare(flags uint64, steps *user.Steps) error {
	t := p.task
	c := &t.Caller
	var err error
	if flags&abi.CLONE_FS != 0 && c.FS.Shared() {
		if err = steps.Next(); err != nil {
			return err
		}
		p.fs = c.FS.Copy()
	}
	if flags&ns.CloneAny != 0 {
		ctx := p.fs
		if ctx == nil {
			ctx = c.FS
		}
		if flags&abi.CLONE_NEWNS != 0 && p.fs == nil {
			// The new namespace re-aims root and cwd before all is prepared, so it gets a copy even of one's own.
			if err = steps.Next(); err != nil {
				return err
			}
			p.fs = c.FS.Copy()
			ctx = p.fs
		}
		if p.names, err = t.prepareNamespaces(flags, ctx, t.group.Cgroup(), steps); err != nil {
			return err
		}
	}
	if flags&abi.CLONE_FILES != 0 && c.Files.Shared() {
		if err = steps.Next(); err != nil {
			return err
		}
		if p.files, err = c.Files.Copy(t.k.OpenFiles()); err != nil {
			return err
		}
	}
	if flags&abi.CLONE_SIGHAND != 0 && t.handlers.Users() > 1 {
		if err = steps.Next(); err != nil {
			return err
		}
		t.k.mu.Lock()
		p.handlers = t.handlers.copyLocked()
		t.k.mu.Unlock()
	}
	if flags&abi.CLONE_VM != 0 && t.mm.Users() > 1 {
		if err = steps.Next(); err != nil {
			return err
		}
		p.mm, err = t.fork()
	}
	return err
}

// commit swaps the parts in and lets go of the old ones. The credentials' counts move before others see them.
func (p *parts) commit() {
	t := p.task
	k := t.k
	if p.undo {
		t.leaveUndo()
	}
	oldCred := t.Caller.Cred
	if p.names != nil {
		p.names.Commit(oldCred)
	}
	old := *p
	k.mu.Lock()
	swap(&t.Caller.FS, &old.fs)
	swap(&t.Caller.Files, &old.files)
	swap(&t.handlers, &old.handlers)
	swap(&t.mm, &old.mm)
	t.mm.SetAccount(t.group.account.Load())
	var oldSet *ns.Set
	if p.names != nil {
		oldSet = t.set
		t.set = p.names.Set
		t.Caller.Mounts = t.set.Mount
		t.setCredLocked(p.names.Cred)
	}
	t.Ctx.Root = t.mm.Root()
	k.cpu.Reload(t.Ctx)
	done := t.vfork
	if old.mm != nil && done != nil {
		// The child of a vfork has memory of its own now, so its parent may go on.
		t.vfork = nil
		done.completeLocked()
	}
	k.mu.Unlock()
	old.names = nil
	old.drop()
	if oldSet != nil {
		oldSet.Put()
	}
}

// swap exchanges a part of the task with its copy, if there is one.
func swap[T any](at, copy **T) {
	if *copy != nil {
		*at, *copy = *copy, *at
	}
}

// drop lets go of parts: copies that are not needed, or what commit has swapped out.
func (p *parts) drop() {
	if p.mm != nil {
		p.mm.Unref()
	}
	if p.handlers != nil {
		p.handlers.Unref()
	}
	if p.files != nil {
		p.files.Leave()
	}
	if p.names != nil {
		p.names.Drop()
	}
	if p.fs != nil {
		p.fs.Leave()
	}
}
