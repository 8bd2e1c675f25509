package linux386

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/fs/mqueue"
	"cleave/proc"
)

func sysMqOpen(t *proc.Task, name Path, flags OpenFlags, mode Mode, attr Ptr[mqAttr]) (FD, error) {
	how := mqueue.OpenHow{Flags: uint32(flags), Mode: uint32(mode)}
	if attr != 0 && flags&abi.O_CREAT != 0 {
		a, err := attr.Load(t)
		if err != nil {
			return 0, err
		}
		how.Attr = &mqueue.Attr{MaxMessages: int(a.Maxmsg), MessageSize: int(a.Msgsize)}
	}
	b, err := name.load(t)
	if err != nil {
		return 0, err
	}
	f, err := t.OpenQueue(b, how)
	if err != nil {
		return 0, err
	}
	return install(t, f, abi.O_CLOEXEC)
}

func sysMqUnlink(t *proc.Task, name Path) error {
	b, err := name.load(t)
	if err != nil {
		return err
	}
	return t.MessageQueues().Unlink(&t.Caller, b)
}

// queueOf finds the queue behind a descriptor, with a reference to the file. EBADF.
func queueOf(t *proc.Task, fd FD) (*fs.File, *mqueue.Queue, error) {
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return nil, nil, err
	}
	q, err := mqueue.Of(f)
	if err != nil {
		f.Put()
		return nil, nil, err
	}
	return f, q, nil
}

// loadDeadline reads a time of day to give up at. EFAULT, EINVAL.
func loadDeadline[T spec[T]](t *proc.Task, p Ptr[T]) (proc.Deadline, error) {
	if p == 0 {
		return proc.Deadline{}, nil
	}
	ns, err := loadTime(t, p)
	return proc.Deadline{Set: true, Clock: abi.CLOCK_REALTIME, Time: ns}, err
}

func sysMqTimedsend[T spec[T]](t *proc.Task, fd FD, msg In, n Size, prio Uint, timeout Ptr[T]) error {
	d, err := loadDeadline(t, timeout)
	if err != nil {
		return err
	}
	if prio >= mqueue.PriorityMax {
		return abi.EINVAL
	}
	f, q, err := queueOf(t, fd)
	if err != nil {
		return err
	}
	defer f.Put()
	if !f.Writable() {
		return abi.EBADF
	}
	if err := q.Fits(uint32(n)); err != nil {
		return err
	}
	data := make([]byte, n)
	if err := t.MM().CopyIn(data, uint32(msg)); err != nil {
		return err
	}
	return t.QueueSend(f, q, data, uint32(prio), d)
}

func sysMqTimedreceive[T spec[T]](t *proc.Task, fd FD, buf Out, n Size, prio Ret[uint32], timeout Ptr[T]) (Size, error) {
	d, err := loadDeadline(t, timeout)
	if err != nil {
		return 0, err
	}
	f, q, err := queueOf(t, fd)
	if err != nil {
		return 0, err
	}
	defer f.Put()
	if !f.Readable() {
		return 0, abi.EBADF
	}
	data, p, err := t.QueueReceive(f, q, uint32(n), d)
	if err != nil {
		return 0, err
	}
	// A message that can't be stored is lost, as on Linux.
	if err := prio.StoreIf(t, &p); err != nil {
		return 0, err
	}
	return Size(len(data)), t.MM().CopyOut(uint32(buf), data)
}

func sysMqNotify(t *proc.Task, fd FD, ev Ptr[sigevent]) error {
	var e *proc.SigEvent
	if ev != 0 {
		v, err := ev.Load(t)
		if err != nil {
			return err
		}
		e = &proc.SigEvent{Notify: v.Notify, Signo: proc.Signal(v.Signo), Value: uint64(v.Value)}
		if err := e.CheckNotify(); err != nil {
			return err
		}
	}
	f, q, err := queueOf(t, fd)
	if err != nil {
		return err
	}
	defer f.Put()
	if e == nil {
		q.Forget(t.Files())
		return nil
	}
	return t.NotifyMessage(q, e)
}

func sysMqGetsetattr(t *proc.Task, fd FD, new Ptr[mqAttr], old Ret[mqAttr]) error {
	var set mqAttr
	if new != 0 {
		var err error
		if set, err = new.Load(t); err != nil {
			return err
		}
		if set.Flags&^abi.O_NONBLOCK != 0 {
			return abi.EINVAL
		}
	}
	f, q, err := queueOf(t, fd)
	if err != nil {
		return err
	}
	defer f.Put()
	a := q.Attr()
	show := mqAttr{Flags: int32(f.Flags() & abi.O_NONBLOCK), Maxmsg: int32(a.MaxMessages), Msgsize: int32(a.MessageSize),
		Curmsgs: int32(a.Messages)}
	if new != 0 {
		if err := t.Caller.SetFlags(f, f.Flags()&^abi.O_NONBLOCK|uint32(set.Flags)); err != nil {
			return err
		}
	}
	return old.StoreIf(t, &show)
}
