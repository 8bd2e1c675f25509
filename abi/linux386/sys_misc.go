package linux386

import (
	"cleave/abi"
	"cleave/ns/user"
	"cleave/proc"
)

const machine = "i686"

func sysUname(t *proc.Task, p Ret[utsname]) error {
	host, domain := t.NS().UTS.Names()
	var u utsname
	copy(u.Sysname[:], abi.Sysname)
	copy(u.Nodename[:], host)
	copy(u.Release[:], abi.Release)
	copy(u.Version[:], abi.Version)
	copy(u.Machine[:], machine)
	copy(u.Domain[:], domain)
	return p.Store(t, &u)
}

func sysOlduname(t *proc.Task, p Ret[oldUtsname]) error {
	host, _ := t.NS().UTS.Names()
	var u oldUtsname
	copy(u.Sysname[:], abi.Sysname)
	copy(u.Nodename[:], host)
	copy(u.Release[:], abi.Release)
	copy(u.Version[:], abi.Version)
	copy(u.Machine[:], machine)
	return p.Store(t, &u)
}

// sysOldolduname has room for eight characters and a NUL.
func sysOldolduname(t *proc.Task, p Ret[oldoldUtsname]) error {
	host, _ := t.NS().UTS.Names()
	var u oldoldUtsname
	copy(u.Sysname[:8], abi.Sysname)
	copy(u.Nodename[:8], host)
	copy(u.Release[:8], abi.Release)
	copy(u.Version[:8], abi.Version)
	copy(u.Machine[:8], machine)
	return p.Store(t, &u)
}

// maxHostName is the longest name of a host, without a NUL.
const maxHostName = 64

// hostName reads a name that is n bytes long. EINVAL, EFAULT.
func hostName(t *proc.Task, at Addr, n Int) (string, error) {
	if n < 0 || n > maxHostName {
		return "", abi.EINVAL
	}
	buf := make([]byte, n)
	err := t.MM().CopyIn(buf, uint32(at))
	return string(buf), err
}

func sysSethostname(t *proc.Task, at Addr, n Int) error {
	name, err := hostName(t, at, n)
	if err != nil {
		return err
	}
	return t.NS().UTS.SetHostName(t.Cred(), name)
}

func sysSetdomainname(t *proc.Task, at Addr, n Int) error {
	name, err := hostName(t, at, n)
	if err != nil {
		return err
	}
	return t.NS().UTS.SetDomainName(t.Cred(), name)
}

func sysSysinfo(t *proc.Task, p Ret[sysinfo]) error {
	k := t.Kernel()
	uptime, err := t.Now(abi.CLOCK_BOOTTIME)
	if err != nil {
		return err
	}
	st := k.Memory.Pool().Stats()
	v := sysinfo{Uptime: uint32((uptime + 1e9 - 1) / 1e9), Totalram: uint32(st.Total), Freeram: uint32(st.Free),
		Procs: uint16(min(k.Processes(), 0xffff)), MemUnit: pageSize}
	for i, l := range k.LoadAverage() {
		v.Loads[i] = uint32(l)
	}
	return p.Store(t, &v)
}

func sysGetrandom(t *proc.Task, buf Addr, n Size, flags Hex) (Size, error) {
	if flags&^(abi.GRND_NONBLOCK|abi.GRND_RANDOM|abi.GRND_INSECURE) != 0 ||
		flags&(abi.GRND_RANDOM|abi.GRND_INSECURE) == abi.GRND_RANDOM|abi.GRND_INSECURE {
		return 0, abi.EINVAL
	}
	piece := t.PathBuffer(0)[:256]
	for done := Size(0); done < n; {
		p := piece[:min(n-done, Size(len(piece)))]
		t.Kernel().Random(p)
		if err := t.MM().CopyOut(uint32(buf+Addr(done)), p); err != nil {
			return 0, err
		}
		done += Size(len(p))
		if t.Interrupted() && done < n {
			return done, nil
		}
	}
	return n, nil
}

func sysPersonality(t *proc.Task, p Hex) (Hex, error) {
	old := t.Personality()
	if p != 0xffffffff {
		t.SetPersonality(uint32(p))
	}
	return Hex(old), nil
}

func sysGetcpu(t *proc.Task, cpu, node Ret[uint32], _ Addr) error {
	zero := uint32(0)
	if err := cpu.StoreIf(t, &zero); err != nil {
		return err
	}
	return node.StoreIf(t, &zero)
}

// sysReboot is reboot(2). The switch that lets Ctrl-Alt-Del reboot is accepted: there is no such key.
func sysReboot(t *proc.Task, magic, magic2, cmd Hex, _ Addr) error {
	if !t.Cred().Has(user.CapSysBoot, t.PIDNamespace().Owner()) {
		return abi.EPERM
	}
	if magic != abi.LINUX_REBOOT_MAGIC1 {
		return abi.EINVAL
	}
	switch magic2 {
	case abi.LINUX_REBOOT_MAGIC2, abi.LINUX_REBOOT_MAGIC2A, abi.LINUX_REBOOT_MAGIC2B, abi.LINUX_REBOOT_MAGIC2C:
	default:
		return abi.EINVAL
	}
	if t.PIDNamespace().Parent() != nil {
		return rebootNamespace(t, cmd)
	}
	switch cmd {
	case abi.LINUX_REBOOT_CMD_CAD_ON, abi.LINUX_REBOOT_CMD_CAD_OFF:
		return nil
	case abi.LINUX_REBOOT_CMD_RESTART, abi.LINUX_REBOOT_CMD_RESTART2, abi.LINUX_REBOOT_CMD_HALT, abi.LINUX_REBOOT_CMD_POWER_OFF:
	default:
		return abi.EINVAL
	}
	reboot := abiOf(t).reboot
	if reboot == nil {
		return abi.ENOSYS
	}
	return reboot(t, uint32(cmd))
}

// rebootNamespace is reboot(2) in a pid namespace other than the first: the init of that ends, by a signal that tells its
// parent which command it was. EINVAL: the command has no meaning there.
func rebootNamespace(t *proc.Task, cmd Hex) error {
	switch cmd {
	case abi.LINUX_REBOOT_CMD_RESTART, abi.LINUX_REBOOT_CMD_RESTART2:
		t.EndPIDNamespace(abi.SIGHUP)
	case abi.LINUX_REBOOT_CMD_HALT, abi.LINUX_REBOOT_CMD_POWER_OFF:
		t.EndPIDNamespace(abi.SIGINT)
	default:
		return abi.EINVAL
	}
	return nil
}

// sysArchPrctl: its operations are for 64-bit programs.
func sysArchPrctl(_ *proc.Task, _ Hex, _ Addr) error { return abi.EINVAL }

func sysVhangup(t *proc.Task) error {
	if !t.Cred().HasHere(user.CapSysTtyConfig) {
		return abi.EPERM
	}
	return nil
}

// sysSysctl, sysNice and others that are a line each.
func sysNice(t *proc.Task, by Int) error {
	prio, err := t.Priority(abi.PRIO_PROCESS, 0)
	if err != nil {
		return err
	}
	nice := max(-20, min(int64(prio)+int64(max(-40, min(by, 40))), 19))
	err = t.SetPriority(abi.PRIO_PROCESS, 0, int32(nice))
	if err == abi.EACCES {
		err = abi.EPERM
	}
	return err
}

func sysRestartSyscall(t *proc.Task) (uint32, error) { return t.RestartSyscall() }

// What sysKcmp answers. DIVERGES: Linux orders what differs; objects of Go have no addresses that could be told.
const (
	kcmpEqual   = 0
	kcmpUnequal = 3 // and no order is known (kcmp(2))
)

// sysKcmp tells whether two processes share something (kcmp(2)).
func sysKcmp(t *proc.Task, a, b PID, kind Int, i, j Uint) (Int, error) {
	ta, tb := t.FindTask(int32(a)), t.FindTask(int32(b))
	if ta == nil || tb == nil {
		return 0, abi.ESRCH
	}
	if !t.MayAccess(ta, false) || !t.MayAccess(tb, false) {
		return 0, abi.EPERM
	}
	var same bool
	var err error
	if kind == abi.KCMP_FILE {
		same, err = sameFile(ta, tb, int(int32(i)), int(int32(j)))
	} else {
		same, err = ta.Shares(tb, int(kind))
	}
	if err != nil || same {
		return kcmpEqual, err
	}
	return kcmpUnequal, nil
}

// sameFile reports whether descriptor i of a and j of b are one open file. EBADF.
func sameFile(a, b *proc.Task, i, j int) (bool, error) {
	va, vb := a.View(), b.View()
	defer va.Put()
	defer vb.Put()
	if va.Files == nil || vb.Files == nil {
		return false, abi.EBADF
	}
	fa, err := va.Files.Get(i)
	if err != nil {
		return false, err
	}
	defer fa.Put()
	fb, err := vb.Files.Get(j)
	if err != nil {
		return false, err
	}
	fb.Put()
	return fa == fb, nil
}
