package linux386

import (
	"cleave/abi"
	"cleave/proc"
)

// MountFlags are flags of mount(2).
type MountFlags uint32

func (MountFlags) show(p *printer, i int) {
	v := p.regs[i]
	if v&abi.MS_MGC_MSK == abi.MS_MGC_VAL {
		v &^= abi.MS_MGC_MSK
	}
	p.flags(v, []flag{{abi.MS_RDONLY, "MS_RDONLY"}, {abi.MS_NOSUID, "MS_NOSUID"}, {abi.MS_NODEV, "MS_NODEV"}, {abi.MS_NOEXEC, "MS_NOEXEC"},
		{abi.MS_SYNCHRONOUS, "MS_SYNCHRONOUS"}, {abi.MS_REMOUNT, "MS_REMOUNT"}, {abi.MS_NOSYMFOLLOW, "MS_NOSYMFOLLOW"},
		{abi.MS_NOATIME, "MS_NOATIME"}, {abi.MS_NODIRATIME, "MS_NODIRATIME"}, {abi.MS_BIND, "MS_BIND"}, {abi.MS_MOVE, "MS_MOVE"},
		{abi.MS_REC, "MS_REC"}, {abi.MS_SILENT, "MS_SILENT"}, {abi.MS_UNBINDABLE, "MS_UNBINDABLE"}, {abi.MS_PRIVATE, "MS_PRIVATE"},
		{abi.MS_SLAVE, "MS_SLAVE"}, {abi.MS_SHARED, "MS_SHARED"}, {abi.MS_RELATIME, "MS_RELATIME"}, {abi.MS_SHARE_NS, "MS_SHARE_NS"},
		{abi.MS_STRICTATIME, "MS_STRICTATIME"}, {abi.MS_LAZYTIME, "MS_LAZYTIME"}})
}

// maxOptions is how much of the options of mount(2) is read: a page.
const maxOptions = pageSize

// mountString reads a string of mount(2), which may be missing.
func mountString(t *proc.Task, s Str) (string, error) {
	if s == 0 {
		return "", nil
	}
	return s.load(t, maxOptions)
}

func sysMount(t *proc.Task, source Str, target Path, fstype Str, flags MountFlags, data Str) error {
	typ, err := mountString(t, fstype)
	if err != nil {
		return err
	}
	src, err := mountString(t, source)
	if err != nil {
		return err
	}
	options, err := mountString(t, data)
	if err != nil {
		return err
	}
	at, err := target.load(t)
	if err != nil {
		return err
	}
	f := uint32(flags)
	if f&abi.MS_MGC_MSK == abi.MS_MGC_VAL {
		f &^= abi.MS_MGC_MSK
	}
	return t.Caller.Mount([]byte(src), at, typ, f, options)
}

func sysUmount2(t *proc.Task, target Path, flags Hex) error {
	p, err := target.load(t)
	if err != nil {
		return err
	}
	return t.Caller.Umount(p, uint32(flags))
}

func sysUmount(t *proc.Task, target Path) error { return sysUmount2(t, target, 0) }

func sysPivotRoot(t *proc.Task, root, old Path) error {
	pr, po, err := paths(t, root, old)
	if err != nil {
		return err
	}
	return t.Caller.PivotRoot(pr, po)
}
