package proc

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/mm"
	"cleave/ns"
	"cleave/ns/user"
	"cleave/wait"
)

// pidFile is a file that stands for a process or a thread (pidfd_open(2)).
type pidFile struct {
	fs.NoFile
	pid    *ns.PID // keeps the number
	group  *ThreadGroup
	task   *Task
	thread bool // PIDFD_THREAD
}

// newPidFileLocked makes the operations of a file for t. It takes a reference on the id.
func (t *Task) newPidFileLocked(thread bool) *pidFile {
	t.pid.Get()
	return &pidFile{pid: t.pid, group: t.group, task: t, thread: thread}
}

// open makes the file itself.
func (f *pidFile) open(v *fs.VFS, flags uint32, cred *user.Cred) *fs.File {
	return v.NewAnonFile(f, "anon_inode:[pidfd]", nil, abi.O_RDWR|flags, cred)
}

// Poll implements fs.FileOps: readable once the process is a zombie, hung up once it is gone.
func (f *pidFile) Poll(*fs.File) wait.Events {
	switch {
	case f.group.gone.Load():
		return wait.Readable | wait.Hup
	case f.group.zombie.Load(), f.thread && f.task.exited.Load():
		return wait.Readable
	}
	return 0
}

// Queue implements fs.FileOps.
func (f *pidFile) Queue(*fs.File) *wait.Queue { return &f.group.exitQueue }

// Release implements fs.FileOps.
func (f *pidFile) Release(*fs.File) { f.pid.Put() }

// targetLocked is the task to act on. ESRCH: it is gone.
func (f *pidFile) targetLocked() (*Task, error) {
	if f.thread {
		if f.task.exited.Load() {
			return nil, abi.ESRCH
		}
		return f.task, nil
	}
	if f.group.gone.Load() {
		return nil, abi.ESRCH
	}
	return f.group.leader, nil
}

// pidfd finds the file behind a descriptor. EBADF: it is no pidfd.
func (t *Task) pidfd(fd int32) (*fs.File, *pidFile, error) {
	f, err := t.Caller.Files.Get(int(fd))
	if err != nil {
		return nil, nil, err
	}
	p, ok := f.Ops.(*pidFile)
	if !ok {
		f.Put()
		return nil, nil, abi.EBADF
	}
	return f, p, nil
}

// pidfdTarget finds what waitid(2) waits for by a pidfd, and the file's flags.
func (t *Task) pidfdTarget(fd int32) (*ThreadGroup, uint32, error) {
	f, p, err := t.pidfd(fd)
	if err != nil {
		return nil, 0, err
	}
	defer f.Put()
	return p.group, f.Flags(), nil
}

// PidfdOpen is pidfd_open(2). Errors: EINVAL, ESRCH, ENOENT (a thread that leads no process), EMFILE.
func (t *Task) PidfdOpen(pid int32, flags uint32) (int32, error) {
	if flags&^(abi.PIDFD_NONBLOCK|abi.PIDFD_THREAD) != 0 || pid <= 0 {
		return 0, abi.EINVAL
	}
	k := t.k
	k.mu.Lock()
	o := k.taskByIDLocked(t.pidNS, pid)
	var err error
	switch {
	case o == nil:
		err = abi.ESRCH
	case flags&abi.PIDFD_THREAD == 0 && o.group.leader != o:
		err = abi.ENOENT
	}
	if err != nil {
		k.mu.Unlock()
		return 0, err
	}
	p := o.newPidFileLocked(flags&abi.PIDFD_THREAD != 0)
	k.mu.Unlock()
	f := p.open(k.VFS, flags&abi.PIDFD_NONBLOCK, t.Caller.Cred)
	fd, err := t.Caller.Files.Install(f, t.NoFile(), true)
	if err != nil {
		f.Put()
	}
	return int32(fd), err
}

// ProcessDirectory is implemented by the FileOps of an open directory /proc/PID, which pidfd_send_signal(2) takes too.
type ProcessDirectory interface {
	// ProcessPID is the id of the process, nil for another directory.
	ProcessPID() *ns.PID
}

// signalFile finds whom a descriptor lets one signal, as pidfd does, but with an open /proc/PID as well.
func (t *Task) signalFile(fd int32) (*fs.File, *pidFile, error) {
	f, p, err := t.pidfd(fd)
	if err != abi.EBADF {
		return f, p, err
	}
	if f, err = t.Caller.Files.Get(int(fd)); err != nil {
		return nil, nil, err
	}
	if d, ok := f.Ops.(ProcessDirectory); ok && d.ProcessPID() != nil {
		if o := t.k.TaskOf(d.ProcessPID()); o != nil {
			return f, &pidFile{pid: d.ProcessPID(), group: o.group, task: o}, nil
		}
		f.Put()
		return nil, nil, abi.ESRCH
	}
	f.Put()
	return nil, nil, abi.EBADF
}

// PidfdSend is pidfd_send_signal(2). info may be nil. Errors: EBADF, EINVAL, EPERM, ESRCH, EAGAIN.
func (t *Task) PidfdSend(fd int32, sig Signal, info *SigInfo) error {
	f, p, err := t.signalFile(fd)
	if err != nil {
		return err
	}
	defer f.Put()
	if sig != 0 && !sig.Valid() || info != nil && info.Signo != sig {
		return abi.EINVAL
	}
	k := t.k
	k.mu.Lock()
	defer k.mu.Unlock()
	o, err := p.targetLocked()
	if err != nil {
		return err
	}
	if t.pidNS != o.pidNS && t.pidNS.Parent() != o.pidNS && !o.pidNS.Within(t.pidNS) {
		return abi.EINVAL
	}
	if info == nil {
		i := t.userInfo(sig, abi.SI_USER)
		return t.sendToLocked(o, &i, !p.thread)
	}
	if (info.Code >= 0 || info.Code == abi.SI_TKILL) && o.group != t.group {
		return abi.EPERM
	}
	return t.sendQueuedLocked(o, info, !p.thread)
}

// PidfdGetFD is pidfd_getfd(2): a copy of another process's descriptor. Errors: EBADF, ESRCH, EPERM, EMFILE.
func (t *Task) PidfdGetFD(pidfd, fd int32) (int32, error) {
	f, p, err := t.pidfd(pidfd)
	if err != nil {
		return 0, err
	}
	defer f.Put()
	t.k.mu.Lock()
	o, err := p.targetLocked()
	t.k.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if !t.MayAccess(o, false) {
		return 0, abi.EPERM
	}
	v := o.View()
	defer v.Put()
	if v.Files == nil {
		return 0, abi.ESRCH
	}
	got, err := v.Files.Get(int(fd))
	if err != nil {
		return 0, err
	}
	n, err := t.Caller.Files.Install(got, t.NoFile(), true)
	if err != nil {
		got.Put()
	}
	return int32(n), err
}

// PIDOfFile is the id, as n numbers it, of the process that a pidfd stands for, for /proc/PID/fdinfo: 0 if n does not
// see it, -1 if it is gone. ok: f is a pidfd.
func PIDOfFile(f *fs.File, n *ns.PIDNamespace) (nr int32, ok bool) {
	p, ok := f.Ops.(*pidFile)
	if !ok {
		return 0, false
	}
	p.group.k.mu.Lock()
	defer p.group.k.mu.Unlock()
	if p.group.gone.Load() {
		return -1, true
	}
	return p.pid.In(n), true
}

// pidfdSlot is the descriptor of CLONE_PIDFD while the task is being made.
type pidfdSlot struct {
	fd    int
	taken bool
}

// reserve takes a descriptor and stores its number at addr. Errors: EMFILE, EFAULT.
func (s *pidfdSlot) reserve(t *Task, addr uint32) error {
	fd, err := t.Caller.Files.Reserve(t.NoFile(), true)
	if err != nil {
		return err
	}
	s.fd, s.taken = fd, true
	nr := int32(fd)
	return mm.Store(t.mm, addr, &nr)
}

// fill makes the descriptor stand for the new task.
func (s *pidfdSlot) fill(t, child *Task, thread bool) {
	if !s.taken {
		return
	}
	t.k.mu.Lock()
	p := child.newPidFileLocked(thread)
	t.k.mu.Unlock()
	t.Caller.Files.Fill(s.fd, p.open(t.k.VFS, 0, t.Caller.Cred))
}

func (s *pidfdSlot) cancel(t *Task) {
	if s.taken {
		t.Caller.Files.Cancel(s.fd)
		s.taken = false
	}
}
