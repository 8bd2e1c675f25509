package linux386

import (
	"cleave/abi"
	"cleave/proc"
)

func sysInotifyInit1(t *proc.Task, flags OpenFlags) (FD, error) {
	if flags&^(abi.IN_CLOEXEC|abi.IN_NONBLOCK) != 0 {
		return 0, abi.EINVAL
	}
	f, err := t.Caller.VFS.NewInotify(t.Cred(), uint32(flags)&abi.O_NONBLOCK)
	if err != nil {
		return 0, err
	}
	return install(t, f, uint32(flags))
}

func sysInotifyInit(t *proc.Task) (uint32, error) { return as(sysInotifyInit1(t, 0)) }

func sysInotifyAddWatch(t *proc.Task, fd FD, path Path, mask Hex) (Int, error) {
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return 0, err
	}
	p, err := path.load(t)
	wd := int32(0)
	if err == nil {
		wd, err = t.Caller.InotifyAdd(f, p, uint32(mask))
	}
	f.Put()
	return Int(wd), err
}

func sysInotifyRmWatch(t *proc.Task, fd FD, wd Int) error {
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return err
	}
	err = t.Caller.InotifyRemove(f, int32(wd))
	f.Put()
	return err
}
