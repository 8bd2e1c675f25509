package linux386

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/fs/pipe"
	"cleave/ns/user"
	"cleave/proc"
	"cleave/wait"
)

// FcntlCmd is the command of fcntl(2).
type FcntlCmd uint32

func (FcntlCmd) show(p *printer, i int) {
	p.one(p.regs[i], []flag{{abi.F_DUPFD, "F_DUPFD"}, {abi.F_GETFD, "F_GETFD"}, {abi.F_SETFD, "F_SETFD"}, {abi.F_GETFL, "F_GETFL"},
		{abi.F_SETFL, "F_SETFL"}, {abi.F_GETLK, "F_GETLK"}, {abi.F_SETLK, "F_SETLK"}, {abi.F_SETLKW, "F_SETLKW"},
		{abi.F_SETOWN, "F_SETOWN"}, {abi.F_GETOWN, "F_GETOWN"}, {abi.F_SETSIG, "F_SETSIG"}, {abi.F_GETSIG, "F_GETSIG"},
		{abi.F_GETLK64, "F_GETLK64"}, {abi.F_SETLK64, "F_SETLK64"}, {abi.F_SETLKW64, "F_SETLKW64"},
		{abi.F_DUPFD_CLOEXEC, "F_DUPFD_CLOEXEC"}, {abi.F_SETPIPE_SZ, "F_SETPIPE_SZ"}, {abi.F_GETPIPE_SZ, "F_GETPIPE_SZ"},
		{abi.F_ADD_SEALS, "F_ADD_SEALS"}, {abi.F_GET_SEALS, "F_GET_SEALS"},
		{abi.F_NOTIFY, "F_NOTIFY"}})
}

// fcntl does the commands that need nothing but the descriptor; the others get the file.
func sysFcntl64(t *proc.Task, fd FD, cmd FcntlCmd, arg Hex) (Hex, error) {
	files := t.Files()
	switch cmd {
	case abi.F_DUPFD, abi.F_DUPFD_CLOEXEC:
		n, err := files.Dup(int(fd), int(int32(arg)), t.NoFile(), cmd == abi.F_DUPFD_CLOEXEC)
		return Hex(n), err
	case abi.F_GETFD:
		on, err := files.Cloexec(int(fd))
		if on {
			return abi.FD_CLOEXEC, err
		}
		return 0, err
	case abi.F_SETFD:
		return 0, files.SetCloexec(int(fd), arg&abi.FD_CLOEXEC != 0)
	}
	f, err := files.Get(int(fd))
	if err != nil {
		return 0, err
	}
	v := uint32(0)
	if cmd == abi.F_NOTIFY && f.Flags()&abi.O_PATH == 0 {
		err = notifyDirectory(t, int(fd), f, uint32(arg))
	} else {
		v, err = fcntlFile(t, f, uint32(cmd), uint32(arg))
	}
	f.Put()
	return Hex(v), err
}

// notifyDirectory is F_NOTIFY. Without an owner the file becomes the caller's.
func notifyDirectory(t *proc.Task, fd int, f *fs.File, mask uint32) error {
	if owner, ok := f.Owner().(*proc.FileOwner); f.Inode().IsDir() && (!ok || owner.IsNobody()) {
		if err := setOwner(t, f, proc.OwnerProcess, t.TGID()); err != nil {
			return err
		}
	}
	return t.Caller.VFS.NotifyDirectory(t.Files(), fd, f, mask)
}

// fcntlFile does a command on an open file. Those that O_PATH files refuse are EBADF for them.
func fcntlFile(t *proc.Task, f *fs.File, cmd, arg uint32) (uint32, error) {
	if cmd == abi.F_GETFL {
		return f.Flags() &^ abi.O_CLOEXEC, nil
	}
	if f.Flags()&abi.O_PATH != 0 {
		return 0, abi.EBADF
	}
	switch cmd {
	case abi.F_SETFL:
		return 0, t.Caller.SetFlags(f, arg)
	case abi.F_GETLK, abi.F_SETLK, abi.F_SETLKW:
		return 0, lockFile(t, f, cmd, InOut[flock](arg))
	case abi.F_GETLK64, abi.F_SETLK64, abi.F_SETLKW64, abi.F_OFD_GETLK, abi.F_OFD_SETLK, abi.F_OFD_SETLKW:
		return 0, lockFile(t, f, cmd, InOut[flock64](arg))
	case abi.F_SETPIPE_SZ, abi.F_GETPIPE_SZ:
		p := pipe.Of(f)
		if p == nil {
			return 0, abi.EBADF
		}
		if cmd == abi.F_GETPIPE_SZ {
			return uint32(p.Size()), nil
		}
		n, err := p.SetSize(arg, t.Cred().Has(user.CapSysResource, t.Kernel().UserNS))
		return uint32(n), err
	case abi.F_ADD_SEALS:
		return 0, f.AddSeals(arg)
	case abi.F_GET_SEALS:
		return f.Seals()
	}
	return fcntlOwner(t, f, cmd, arg)
}

// fcntlOwner does the commands about who is told of input and output. A file without an owner reads as owned by 0.
func fcntlOwner(t *proc.Task, f *fs.File, cmd, arg uint32) (uint32, error) {
	owner, _ := f.Owner().(*proc.FileOwner)
	switch cmd {
	case abi.F_SETOWN:
		if id := int32(arg); id < 0 {
			return 0, setOwner(t, f, proc.OwnerGroup, -id)
		}
		return 0, setOwner(t, f, proc.OwnerProcess, int32(arg))
	case abi.F_GETOWN:
		kind, id := ownerID(t, owner)
		if kind == proc.OwnerGroup {
			id = -id
		}
		return uint32(id), nil
	case abi.F_SETOWN_EX:
		o, err := Ptr[fOwnerEx](arg).Load(t)
		if err == nil && uint32(o.Type) > uint32(proc.OwnerGroup) {
			err = abi.EINVAL
		}
		if err != nil {
			return 0, err
		}
		return 0, setOwner(t, f, proc.OwnerKind(o.Type), o.PID)
	case abi.F_GETOWN_EX:
		kind, id := ownerID(t, owner)
		return 0, Ret[fOwnerEx](arg).Store(t, &fOwnerEx{int32(kind), id})
	case abi.F_SETSIG:
		if arg > proc.NumSignals {
			return 0, abi.EINVAL
		}
		if owner == nil {
			owner = t.Nobody()
			f.SetOwner(owner)
		}
		owner.SetSignal(proc.Signal(arg))
		return 0, nil
	case abi.F_GETSIG:
		if owner == nil {
			return 0, nil
		}
		return uint32(owner.Signal()), nil
	}
	return 0, abi.EINVAL
}

func ownerID(t *proc.Task, o *proc.FileOwner) (proc.OwnerKind, int32) {
	if o == nil {
		return proc.OwnerProcess, 0
	}
	return o.ID(t)
}

// setOwner replaces the owner of a file; id 0 is nobody. ESRCH, EINVAL.
func setOwner(t *proc.Task, f *fs.File, kind proc.OwnerKind, id int32) error {
	if id < 0 {
		return abi.EINVAL
	}
	owner := t.Nobody()
	if id != 0 {
		var err error
		if owner, err = t.NewFileOwner(kind, id); err != nil {
			return err
		}
	}
	if old, ok := f.Owner().(*proc.FileOwner); ok {
		owner.SetSignal(old.Signal())
	}
	f.SetOwner(owner)
	return nil
}

// sysFcntl is fcntl64 without the commands that have 64-bit locks.
func sysFcntl(t *proc.Task, fd FD, cmd FcntlCmd, arg Hex) (Hex, error) {
	switch cmd {
	case abi.F_GETLK64, abi.F_SETLK64, abi.F_SETLKW64, abi.F_OFD_GETLK, abi.F_OFD_SETLK, abi.F_OFD_SETLKW:
		return 0, abi.EINVAL
	}
	return sysFcntl64(t, fd, cmd, arg)
}

// IoctlCmd is the request of ioctl(2).
type IoctlCmd uint32

func (IoctlCmd) show(p *printer, i int) {
	p.one(p.regs[i], []flag{{abi.TCGETS, "TCGETS"}, {abi.TCSETS, "TCSETS"}, {abi.TCSETSW, "TCSETSW"}, {abi.TCSETSF, "TCSETSF"},
		{abi.TIOCGWINSZ, "TIOCGWINSZ"}, {abi.TIOCSWINSZ, "TIOCSWINSZ"}, {abi.TIOCGPGRP, "TIOCGPGRP"}, {abi.TIOCSPGRP, "TIOCSPGRP"},
		{abi.TIOCSCTTY, "TIOCSCTTY"}, {abi.TIOCNOTTY, "TIOCNOTTY"}, {abi.TIOCGPTN, "TIOCGPTN"}, {abi.TIOCSPTLCK, "TIOCSPTLCK"},
		{abi.FIONREAD, "FIONREAD"}, {abi.FIONBIO, "FIONBIO"}, {abi.FIOCLEX, "FIOCLEX"}, {abi.FIONCLEX, "FIONCLEX"},
		{abi.NS_GET_USERNS, "NS_GET_USERNS"}, {abi.NS_GET_PARENT, "NS_GET_PARENT"}})
}

func sysIoctl(t *proc.Task, fd FD, cmd IoctlCmd, arg Addr) (Int, error) {
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return 0, err
	}
	v, err := ioctlFile(t, f, int(fd), uint32(cmd), uint32(arg))
	if err == abi.EAGAIN && f.Ops.Queue(f) != nil {
		// A terminal whose output has to drain first; O_NONBLOCK does not count.
		err = t.Retry(f.Ops.Queue(f), wait.Out, 0, func() (err error) {
			v, err = ioctlFile(t, f, int(fd), uint32(cmd), uint32(arg))
			return err
		})
	}
	f.Put()
	return Int(v), err
}

// ioctlFile does the requests that all files have; the others go to the file.
func ioctlFile(t *proc.Task, f *fs.File, fd int, cmd, arg uint32) (uint32, error) {
	switch cmd {
	case abi.FIOCLEX:
		return 0, t.Files().SetCloexec(fd, true)
	case abi.FIONCLEX:
		return 0, t.Files().SetCloexec(fd, false)
	case abi.FIONBIO, abi.FIOASYNC:
		on, err := Ptr[int32](arg).Load(t)
		if err != nil {
			return 0, err
		}
		bit := uint32(abi.O_NONBLOCK)
		if cmd == abi.FIOASYNC {
			bit = abi.O_ASYNC
		}
		flags := f.Flags() &^ bit
		if on != 0 {
			flags |= bit
		}
		return 0, t.Caller.SetFlags(f, flags)
	case abi.FIONREAD:
		if f.Inode().Type() == abi.S_IFREG {
			pos, err := f.Seek(0, abi.SEEK_CUR)
			if err != nil {
				return 0, err
			}
			left := int32(max(0, min(f.Inode().Size()-pos, 1<<31-1)))
			return 0, Ret[int32](arg).Store(t, &left)
		}
	case abi.FIGETBSZ:
		a := t.Attr()
		f.Stat(a)
		size := int32(a.Blksize)
		return 0, Ret[int32](arg).Store(t, &size)
	}
	return f.Ops.Ioctl(f, &t.Caller, cmd, arg, t.MM())
}
