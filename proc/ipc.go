package proc

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/mm"
	"cleave/ns"
	"cleave/wait"
)

// This file has what a task has to do with System V IPC: it waits for semaphores and messages, maps shared memory, and
// has a list of adjustments to semaphores.

// IPC is the task's IPC namespace.
func (t *Task) IPC() *ns.IPCNamespace { return t.set.IPC }

// ProcessPID is the id of the task's process, as IPC objects remember it.
func (t *Task) ProcessPID() *ns.PID {
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return t.group.leader.pid
}

// semUndo is the task's list of adjustments, made when it is first needed.
func (t *Task) semUndo() *ns.SemUndo {
	if t.undo == nil {
		t.setUndo(t.set.IPC.NewSemUndo())
	}
	return t.undo
}

// leaveUndo gives up the list: at exit, and when the task unshares it or goes to another IPC namespace. If nobody else
// has it, the adjustments are made.
func (t *Task) leaveUndo() {
	if t.undo != nil {
		t.undo.Leave(t.ProcessPID())
		t.setUndo(nil)
	}
}

func (t *Task) setUndo(u *ns.SemUndo) {
	t.k.mu.Lock()
	t.undo = u
	t.k.mu.Unlock()
}

// Semop is semop(2) and semtimedop(2). deadline is in ns of the monotonic clock, 0: never. Errors are those of
// ns.IPCNamespace.Semop; EINTR: a signal came; EAGAIN: the deadline has passed.
func (t *Task) Semop(id int32, ops []ns.SemOp, deadline int64) error {
	var undo *ns.SemUndo
	for i := range ops {
		if ops[i].Flag&abi.SEM_UNDO != 0 {
			undo = t.semUndo()
		}
	}
	w, err := t.set.IPC.Semop(t.Caller.Cred, t.ProcessPID(), undo, id, ops)
	if w == nil {
		return err
	}
	err = t.Retry(&w.Queue, wait.In, deadline, w.Result)
	if err != abi.ERESTARTSYS && err != abi.ETIMEDOUT {
		return err
	}
	if done := w.Cancel(); done != abi.EAGAIN {
		return done // it was carried out just now
	}
	if err == abi.ETIMEDOUT {
		return abi.EAGAIN
	}
	return abi.EINTR
}

// SendMessage is msgsnd(2); data becomes the queue's. Errors are those of ns.Msg.Send; a signal ends the wait.
func (t *Task) SendMessage(id, typ int32, data []byte, flags int32) error {
	q, err := t.set.IPC.Msg(id)
	if err != nil {
		return err
	}
	pid := t.ProcessPID()
	send := func() error { return q.Send(t.Caller.Cred, pid, typ, data) }
	if flags&abi.IPC_NOWAIT != 0 {
		return send()
	}
	return noHandler(t.Retry(&q.Queue, wait.Out, 0, send))
}

// ReceiveMessage is msgrcv(2). Errors are those of ns.Msg.Receive; a signal ends the wait.
func (t *Task) ReceiveMessage(id int32, size uint32, typ, flags int32) (got int32, data []byte, err error) {
	q, err := t.set.IPC.Msg(id)
	if err != nil {
		return 0, nil, err
	}
	pid := t.ProcessPID()
	err = t.Retry(&q.Queue, wait.In, 0, func() (err error) {
		got, data, err = q.Receive(t.Caller.Cred, pid, size, typ, flags)
		return err
	})
	return got, data, noHandler(err)
}

// noHandler makes a call that a signal has interrupted start again only if no handler runs.
func noHandler(err error) error {
	if err == abi.ERESTARTSYS {
		return abi.ERESTARTNOHAND
	}
	return err
}

// AttachShm is shmat(2). EINVAL: no such segment, an address that is no page's (without SHM_RND), or that is in use
// (without SHM_REMAP); EACCES, EIDRM, ENOMEM.
func (t *Task) AttachShm(id int32, addr uint32, flags int32) (uint32, error) {
	m := mm.Map{Addr: addr, Prot: mm.ProtRead | mm.ProtWrite, MaxProt: mm.ProtAll, Flags: abi.MAP_SHARED}
	switch {
	case addr == 0 && flags&abi.SHM_REMAP != 0:
		return 0, abi.EINVAL
	case addr%abi.PageSize != 0 && flags&abi.SHM_RND == 0:
		return 0, abi.EINVAL
	case addr != 0:
		m.Addr &^= abi.PageSize - 1
		m.Flags |= abi.MAP_FIXED
		if flags&abi.SHM_REMAP == 0 {
			m.Flags |= abi.MAP_FIXED_NOREPLACE
		}
	}
	if flags&abi.SHM_RDONLY != 0 {
		m.Prot, m.MaxProt = mm.ProtRead, mm.ProtRead|mm.ProtExec
	}
	if flags&abi.SHM_EXEC != 0 {
		m.Prot |= mm.ProtExec
	}
	f, size, err := t.set.IPC.Attach(t.Caller.Cred, t.ProcessPID(), id, flags)
	if err != nil {
		return 0, err
	}
	defer f.Put()
	pages, err := f.Ops.Mmap(f)
	if err != nil {
		return 0, err
	}
	m.File, m.Mapping, m.Len = f, pages, size
	at, err := t.mm.Map(m)
	if err == abi.EEXIST {
		err = abi.EINVAL
	}
	return at, err
}

// DetachShm is shmdt(2): it unmaps what is left of the attachment that began at addr. EINVAL: there is none.
func (t *Task) DetachShm(addr uint32) error {
	type part struct{ start, end uint32 }
	var file *fs.File
	var parts []part
	t.mm.Mappings(addr, func(m *mm.Mapping) bool {
		begun := uint64(m.Start)-m.Page*abi.PageSize == uint64(addr)
		switch {
		case !begun || m.File == nil || file != nil && m.File != file:
		case file == nil && ns.ShmOf(m.File) == nil:
		default:
			if file == nil {
				file = m.File.Get()
			}
			parts = append(parts, part{m.Start, m.End})
		}
		return true
	})
	if file == nil {
		return abi.EINVAL
	}
	defer file.Put()
	ns.ShmOf(file).Detached(t.ProcessPID())
	for _, p := range parts {
		if err := t.mm.Unmap(p.start, p.end-p.start); err != nil {
			return err
		}
	}
	return nil
}
