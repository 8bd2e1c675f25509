package linux386

import (
	"cleave/abi"
	"cleave/fs/pipe"
	"cleave/fs/signalfd"
	"cleave/fs/timerfd"
	"cleave/proc"
)

func sysPipe2(t *proc.Task, fds Ret[[2]int32], flags OpenFlags) error {
	if flags&^(abi.O_CLOEXEC|abi.O_NONBLOCK|abi.O_DIRECT) != 0 {
		return abi.EINVAL
	}
	r, w, err := pipe.NewPair(t.Caller.VFS, uint32(flags)&^abi.O_CLOEXEC, t.Cred())
	if err != nil {
		return err
	}
	return installPair(t, r, w, uint32(flags), fds)
}

func sysPipe(t *proc.Task, fds Ret[[2]int32]) error { return sysPipe2(t, fds, 0) }

// sysMemfdCreate is memfd_create(2). Pages of 4 KiB are the only ones.
func sysMemfdCreate(t *proc.Task, name Str, flags Hex) (FD, error) {
	const known = abi.MFD_CLOEXEC | abi.MFD_ALLOW_SEALING | abi.MFD_NOEXEC_SEAL | abi.MFD_EXEC
	if flags&^known != 0 || flags&(abi.MFD_NOEXEC_SEAL|abi.MFD_EXEC) == abi.MFD_NOEXEC_SEAL|abi.MFD_EXEC {
		return 0, abi.EINVAL
	}
	s, err := name.load(t, abi.NameMax+1)
	if err != nil {
		return 0, err
	}
	f, err := t.Caller.NewMemfd(s, uint32(flags))
	if err != nil {
		return 0, err
	}
	return install(t, f, cloexec(flags)) // MFD_CLOEXEC is 1 as well
}

// timerClock gives the kernel's clock to package timerfd.
type timerClock struct{ proc.Clock }

// NewTimer implements timerfd.Clock.
func (c timerClock) NewTimer(f func()) timerfd.Timer { return c.Clock.NewTimer(f) }

func sysTimerfdCreate(t *proc.Task, clock Clock, flags OpenFlags) (FD, error) {
	if flags&^(abi.TFD_CLOEXEC|abi.TFD_NONBLOCK) != 0 {
		return 0, abi.EINVAL
	}
	offset := int64(0)
	switch clock {
	case abi.CLOCK_MONOTONIC:
		offset = int64(t.NS().Time.Monotonic())
	case abi.CLOCK_BOOTTIME, abi.CLOCK_BOOTTIME_ALARM:
		offset = int64(t.NS().Time.Boottime())
	}
	f, err := abiOf(t).timers.NewFile(t.Caller.VFS, int(clock), offset, uint32(flags)&abi.O_NONBLOCK, t.Cred())
	if err != nil {
		return 0, err
	}
	return install(t, f, uint32(flags))
}

// timerfdOf calls f with the timer behind a descriptor. EBADF, EINVAL.
func timerfdOf(t *proc.Task, fd FD, f func(*timerfd.Timerfd) error) error {
	file, err := t.Files().GetIO(int(fd))
	if err != nil {
		return err
	}
	if timer := timerfd.Of(file); timer == nil {
		err = abi.EINVAL
	} else {
		err = f(timer)
	}
	file.Put()
	return err
}

func sysTimerfdSettime[T ispec[T]](t *proc.Task, fd FD, flags Hex, new Ptr[T], old Ret[T]) error {
	v, err := new.Load(t)
	if err != nil {
		return err
	}
	i, err := v.timer()
	if err != nil {
		return err
	}
	var o timerfd.Spec
	err = timerfdOf(t, fd, func(timer *timerfd.Timerfd) error {
		o, err = timer.Set(timerfd.Spec{Interval: i.Interval, Value: i.Value}, uint32(flags))
		return err
	})
	if err != nil {
		return err
	}
	ov := v.of(proc.Itimer{Value: o.Value, Interval: o.Interval})
	return old.StoreIf(t, &ov)
}

func sysTimerfdGettime[T ispec[T]](t *proc.Task, fd FD, p Ret[T]) error {
	var s timerfd.Spec
	err := timerfdOf(t, fd, func(timer *timerfd.Timerfd) error {
		s = timer.Get()
		return nil
	})
	if err != nil {
		return err
	}
	var z T
	v := z.of(proc.Itimer{Value: s.Value, Interval: s.Interval})
	return p.Store(t, &v)
}

// sysSignalfd4 makes a descriptor, or with one changes its mask.
func sysSignalfd4(t *proc.Task, fd FD, set SigSet, size Size, flags OpenFlags) (FD, error) {
	if flags&^(abi.SFD_CLOEXEC|abi.SFD_NONBLOCK) != 0 {
		return 0, abi.EINVAL
	}
	mask, err := set.load(t, size)
	if err != nil {
		return 0, err
	}
	if fd == -1 {
		f := signalfd.NewFile(t.Caller.VFS, t, uint64(mask), uint32(flags)&abi.O_NONBLOCK, t.Cred())
		return install(t, f, uint32(flags))
	}
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return 0, err
	}
	if s := signalfd.Of(f); s == nil {
		err = abi.EINVAL
	} else {
		s.SetMask(uint64(mask))
	}
	f.Put()
	return fd, err
}

func sysSignalfd(t *proc.Task, fd FD, set SigSet, size Size) (FD, error) {
	return sysSignalfd4(t, fd, set, size, 0)
}
