package linux386

import (
	"math"

	"cleave/abi"
	"cleave/fs/cgroup"
	"cleave/mm"
	"cleave/proc"
)

// CloneFlags are flags of clone(2), unshare(2) and setns(2).
type CloneFlags uint32

var cloneFlags = []flag{
	{abi.CLONE_VM, "CLONE_VM"}, {abi.CLONE_FS, "CLONE_FS"}, {abi.CLONE_FILES, "CLONE_FILES"}, {abi.CLONE_SIGHAND, "CLONE_SIGHAND"},
	{abi.CLONE_PIDFD, "CLONE_PIDFD"}, {abi.CLONE_PTRACE, "CLONE_PTRACE"}, {abi.CLONE_VFORK, "CLONE_VFORK"},
	{abi.CLONE_PARENT, "CLONE_PARENT"}, {abi.CLONE_THREAD, "CLONE_THREAD"}, {abi.CLONE_NEWNS, "CLONE_NEWNS"},
	{abi.CLONE_SYSVSEM, "CLONE_SYSVSEM"}, {abi.CLONE_SETTLS, "CLONE_SETTLS"}, {abi.CLONE_PARENT_SETTID, "CLONE_PARENT_SETTID"},
	{abi.CLONE_CHILD_CLEARTID, "CLONE_CHILD_CLEARTID"}, {abi.CLONE_DETACHED, "CLONE_DETACHED"},
	{abi.CLONE_UNTRACED, "CLONE_UNTRACED"}, {abi.CLONE_CHILD_SETTID, "CLONE_CHILD_SETTID"}, {abi.CLONE_NEWCGROUP, "CLONE_NEWCGROUP"},
	{abi.CLONE_NEWUTS, "CLONE_NEWUTS"}, {abi.CLONE_NEWIPC, "CLONE_NEWIPC"}, {abi.CLONE_NEWUSER, "CLONE_NEWUSER"},
	{abi.CLONE_NEWPID, "CLONE_NEWPID"}, {abi.CLONE_NEWNET, "CLONE_NEWNET"}, {abi.CLONE_IO, "CLONE_IO"},
}

func (CloneFlags) show(p *printer, i int) {
	p.flags(p.regs[i]&^abi.CSIGNAL, cloneFlags)
	if sig := p.regs[i] & abi.CSIGNAL; sig != 0 {
		p.text("|" + proc.Signal(sig).String())
	}
}

func sysFork(t *proc.Task) (uint32, error) {
	pid, err := t.Clone(&proc.CloneArgs{ExitSignal: abi.SIGCHLD})
	return uint32(pid), err
}

func sysVfork(t *proc.Task) (uint32, error) {
	pid, err := t.Clone(&proc.CloneArgs{Flags: abi.CLONE_VFORK | abi.CLONE_VM, ExitSignal: abi.SIGCHLD})
	return uint32(pid), err
}

// sysClone has the arguments in the order of i386: the TLS before the child's tid.
func sysClone(t *proc.Task, flags CloneFlags, stack, parentTID, tls, childTID Addr) (PID, error) {
	if flags&(abi.CLONE_PIDFD|abi.CLONE_PARENT_SETTID) == abi.CLONE_PIDFD|abi.CLONE_PARENT_SETTID {
		return 0, abi.EINVAL // both would use the same address
	}
	a := proc.CloneArgs{Flags: uint64(flags &^ abi.CSIGNAL), ExitSignal: proc.Signal(flags & abi.CSIGNAL), Stack: uint32(stack),
		TLS: uint32(tls), ParentTID: uint32(parentTID), ChildTID: uint32(childTID)}
	if flags&abi.CLONE_PIDFD != 0 {
		a.PIDFD = uint32(parentTID)
	}
	pid, err := t.Clone(&a)
	return PID(pid), err
}

// Versions of struct clone_args, by their sizes, and the deepest nesting of pid namespaces.
const (
	cloneArgsSize0 = 64
	cloneArgsSize2 = 88 // with cgroup
	maxSetTID      = 32
)

func sysClone3(t *proc.Task, args Addr, size Size) (PID, error) {
	var w [11]uint64
	if err := loadWords(t, uint32(args), uint32(size), cloneArgsSize0, w[:]); err != nil {
		return 0, err
	}
	c := cloneArgs{w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9], w[10]}
	bad := c.Flags&^(1<<34-1) != 0 || c.Flags&(abi.CLONE_DETACHED|abi.CSIGNAL&^abi.CLONE_NEWTIME) != 0 || c.ExitSignal&^abi.CSIGNAL != 0 ||
		c.ExitSignal > proc.NumSignals || c.ExitSignal != 0 && c.Flags&(abi.CLONE_THREAD|abi.CLONE_PARENT) != 0 ||
		(c.Stack == 0) != (c.StackSize == 0) || (c.SetTID == 0) != (c.SetTIDSize == 0) || c.SetTIDSize > maxSetTID
	if bad {
		return 0, abi.EINVAL
	}
	if c.Stack >= mm.UserLimit || c.StackSize > mm.UserLimit-c.Stack {
		return 0, abi.EINVAL
	}
	a := proc.CloneArgs{Flags: c.Flags, ExitSignal: proc.Signal(c.ExitSignal), TLS: uint32(c.TLS), ParentTID: uint32(c.ParentTID),
		ChildTID: uint32(c.ChildTID), PIDFD: uint32(c.PIDFD)}
	if c.Stack != 0 {
		a.Stack = uint32(c.Stack + c.StackSize)
	}
	if c.SetTID != 0 {
		a.SetTID = make([]int32, c.SetTIDSize)
		if err := mm.LoadSlice(t.MM(), a.SetTID, uint32(c.SetTID)); err != nil {
			return 0, err
		}
	}
	if c.Flags&abi.CLONE_INTO_CGROUP != 0 {
		if c.Cgroup > math.MaxInt32 || size < cloneArgsSize2 {
			return 0, abi.EINVAL
		}
		f, err := t.Files().Get(int(c.Cgroup))
		if err != nil {
			return 0, err
		}
		defer f.Put()
		if a.Cgroup = cgroup.Of(f); a.Cgroup == nil {
			return 0, abi.EBADF
		}
	}
	pid, err := t.Clone(&a)
	return PID(pid), err
}

func sysExit(t *proc.Task, status Int) error {
	t.Exit(uint32(status) & 0xff)
	return nil
}

func sysExitGroup(t *proc.Task, status Int) error {
	t.ExitGroup(uint32(status) & 0xff)
	return nil
}

// WaitOptions are options of wait4(2) and waitid(2).
type WaitOptions uint32

func (WaitOptions) show(p *printer, i int) {
	p.flags(p.regs[i], []flag{{abi.WNOHANG, "WNOHANG"}, {abi.WUNTRACED, "WUNTRACED"}, {abi.WEXITED, "WEXITED"},
		{abi.WCONTINUED, "WCONTINUED"}, {abi.WNOWAIT, "WNOWAIT"}, {abi.WNOTHREAD, "__WNOTHREAD"}, {abi.WALL, "__WALL"},
		{abi.WCLONE, "__WCLONE"}})
}

func sysWait4(t *proc.Task, pid PID, status Ret[int32], options WaitOptions, usage Ret[rusage]) (PID, error) {
	const known = abi.WNOHANG | abi.WUNTRACED | abi.WCONTINUED | abi.WNOTHREAD | abi.WALL | abi.WCLONE
	if options&^known != 0 {
		return 0, abi.EINVAL
	}
	a := proc.WaitArgs{Type: abi.P_PID, ID: int32(pid), Options: uint32(options) | abi.WEXITED}
	switch {
	case pid == -1:
		a.Type = abi.P_ALL
	case pid == 0:
		a.Type = abi.P_PGID
	case pid == -1<<31:
		return 0, abi.ESRCH
	case pid < 0:
		a.Type, a.ID = abi.P_PGID, -int32(pid)
	}
	r, err := t.Wait(a)
	if err != nil || r.PID == 0 {
		return 0, err
	}
	if err := status.StoreIf(t, &r.Status); err != nil {
		return 0, err
	}
	u := newRusage(&r.Usage)
	return PID(r.PID), usage.StoreIf(t, &u)
}

func sysWaitpid(t *proc.Task, pid PID, status Ret[int32], options WaitOptions) (PID, error) {
	return sysWait4(t, pid, status, options, 0)
}

func sysWaitid(t *proc.Task, which Int, id PID, info Ret[siginfo], options WaitOptions, usage Ret[rusage]) error {
	const known = abi.WNOHANG | abi.WNOWAIT | abi.WEXITED | abi.WSTOPPED | abi.WCONTINUED | abi.WNOTHREAD | abi.WALL | abi.WCLONE
	if options&^known != 0 || options&(abi.WEXITED|abi.WSTOPPED|abi.WCONTINUED) == 0 {
		return abi.EINVAL
	}
	if (which == abi.P_PID && id <= 0) || (which == abi.P_PGID && id < 0) || (which == abi.P_PIDFD && id < 0) {
		return abi.EINVAL
	}
	r, err := t.Wait(proc.WaitArgs{Type: int32(which), ID: int32(id), Options: uint32(options)})
	if err != nil {
		return err
	}
	var v siginfo
	if r.PID != 0 {
		v = newSiginfo(t, &proc.SigInfo{Signo: abi.SIGCHLD, Code: r.Code, PID: r.PID, UID: r.UID, Status: r.Value})
		u := newRusage(&r.Usage)
		if err := usage.StoreIf(t, &u); err != nil {
			return err
		}
	}
	return info.StoreIf(t, &v)
}

// argLoader reads vectors of strings until a limit of bytes is used up.
type argLoader struct {
	t    *proc.Task
	left int
	buf  []byte
}

// list reads a vector that a null pointer ends; a null vector is empty. EFAULT, E2BIG.
func (l *argLoader) list(at StrList) ([]string, error) {
	var out []string
	for ; at != 0; at += 4 {
		p, err := mm.Load[uint32](l.t.MM(), uint32(at))
		if err != nil {
			return nil, err
		}
		if p == 0 {
			break
		}
		s, err := l.str(p)
		if err != nil {
			return nil, err
		}
		if l.left -= len(s) + 1 + 8; l.left < 0 {
			return nil, abi.E2BIG
		}
		out = append(out, s)
	}
	return out, nil
}

func (l *argLoader) str(p uint32) (string, error) {
	s, err := l.t.MM().CopyInString(l.buf, p)
	if err == abi.ENAMETOOLONG && len(l.buf) < proc.MaxArgBytes {
		l.buf = make([]byte, proc.MaxArgBytes)
		s, err = l.t.MM().CopyInString(l.buf, p)
	}
	if err == abi.ENAMETOOLONG {
		err = abi.E2BIG
	}
	return string(s), err
}

func sysExecve(t *proc.Task, path Path, argv, envp StrList) (Int, error) {
	return sysExecveat(t, abi.AT_FDCWD, path, argv, envp, 0)
}

func sysExecveat(t *proc.Task, dir DirFD, path Path, argv, envp StrList, flags AtFlags) (Int, error) {
	if flags&^(abi.AT_EMPTY_PATH|abi.AT_SYMLINK_NOFOLLOW) != 0 {
		return 0, abi.EINVAL
	}
	name, err := path.load(t)
	if err != nil {
		return 0, err
	}
	a := proc.ExecArgs{DirFD: int32(dir), Path: string(name), Flags: uint32(flags)}
	l := &argLoader{t: t, left: t.ArgsLimit(), buf: t.PathBuffer(1)}
	if a.Args, err = l.list(argv); err != nil {
		return 0, err
	}
	if a.Env, err = l.list(envp); err != nil {
		return 0, err
	}
	// The registers are those of the new program now, which sees the result.
	err = t.Exec(&a)
	return 0, err
}

func sysPidfdOpen(t *proc.Task, pid PID, flags Hex) (FD, error) {
	fd, err := t.PidfdOpen(int32(pid), uint32(flags))
	return FD(fd), err
}

func sysPidfdGetFD(t *proc.Task, pidfd, fd FD, flags Hex) (FD, error) {
	if flags != 0 {
		return 0, abi.EINVAL
	}
	n, err := t.PidfdGetFD(int32(pidfd), int32(fd))
	return FD(n), err
}
