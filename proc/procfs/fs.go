package procfs

import (
	"strconv"
	"strings"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns"
	"cleave/ns/user"
	"cleave/proc"
)

// Magic is the f_type of statfs(2).
const Magic = 0x9fa0

// Config is what /proc shows besides what Kernel knows.
type Config struct {
	Kernel      *proc.Kernel
	NSFS        *ns.NSFS
	Release     string // uname -r: /proc/sys/kernel/osrelease
	Version     string // uname -v
	Banner      string // /proc/version
	CommandLine string // of the kernel
	// CPUInfo, Interrupts and Devices give the text of the files with these names; nil: the file is empty.
	CPUInfo    func() string
	Interrupts func() string
	Devices    func() string
	Disks      func() []Disk // block devices; nil: none
	// SysRq carries out a command of /proc/sysrq-trigger (proc(5)); nil: there are none.
	SysRq func(key byte) error
	// Settings are values below /proc/sys that belong to other parts of the kernel, by their path ("kernel/printk"). They
	// take the place of those that this package has.
	Settings map[string]Setting
}

// Setting is a value below /proc/sys.
type Setting struct {
	Get func() string        // without the final newline
	Set func(v string) error // nil: it can't be changed. EINVAL
}

// Disk is a block device for /proc/partitions and /proc/diskstats.
type Disk struct {
	Major, Minor                  uint32
	Name                          string
	Sectors                       uint64 // of 512 bytes
	Reads, ReadSectors, ReadMs    uint64
	Writes, WriteSectors, WriteMs uint64
}

// Type makes the type of file system for fs.VFS.Register.
func Type(c Config) *fs.Type {
	shared := &system{Config: c, root: rootTable(&c)}
	return &fs.Type{Name: "proc", Flags: fs.TypeNoDev | fs.TypeUserNS | fs.TypeVisible, Mount: shared.mount,
		Values: []string{"hidepid", "gid", "subset"},
		Check:  func(option string, owner *user.Namespace) error { return new(mounted).parse(option, owner) }}
}

// system is what all mounts have in common.
type system struct {
	Config
	root []entry
}

// mounted is one mount of /proc, with its options.
type mounted struct {
	fs.NoSuper
	*system
	sb      *fs.Superblock
	pids    *ns.PIDNamespace
	options options
}

// options are those of mount(2) (proc(5), "Mount options").
type options struct {
	hidePID int
	gid     user.KGID
	pidOnly bool
}

// The values of hidepid=.
const (
	hideOff         = 0
	hideNoAccess    = 1 // directories of others can't be entered
	hideInvisible   = 2 // nor seen
	hidePtraceable  = 4 // only what the reader may trace is seen
	firstPIDPos     = 1 << 8
	endPos          = 1<<31 - 1
	superNoAccess   = fs.SuperNoExec | fs.SuperNoDev
	superPermission = fs.SuperPermission | fs.SuperGetAttr
)

// mount makes a mount of the caller's pid namespace. EPERM: no CAP_SYS_ADMIN over it; EINVAL: a bad option.
func (s *system) mount(r *fs.MountRequest) (*fs.Superblock, error) {
	pids := s.Kernel.PIDNamespace()
	if r.Caller != nil {
		if t, ok := r.Caller.Task.(*proc.Task); ok {
			pids = t.PIDNamespace()
		}
		if !r.Caller.Cred.Has(user.CapSysAdmin, pids.Owner()) {
			return nil, abi.EPERM
		}
	}
	m := &mounted{system: s, pids: pids}
	if err := m.parse(r.Options, r.Owner); err != nil {
		return nil, err
	}
	m.sb = r.VFS.NewSuper(fs.SuperConfig{
		Request: r, Type: r.Type, Ops: m, Magic: Magic, Flags: fs.SuperVolatile | superPermission | superNoAccess, Blksize: 1024,
	})
	pids.Get()
	m.sb.SetRoot(m.newNode(&entry{mode: abi.S_IFDIR | 0o555, table: s.root, list: listProcesses, find: findProcess}, nil, rootIno))
	return m.sb, nil
}

func (m *mounted) parse(text string, owner *user.Namespace) error {
	o := m.options
	for _, opt := range strings.Split(text, ",") {
		key, value, _ := strings.Cut(opt, "=")
		switch key {
		case "":
		case "hidepid":
			n, ok := map[string]int{
				"0": hideOff, "off": hideOff, "1": hideNoAccess, "noaccess": hideNoAccess,
				"2": hideInvisible, "invisible": hideInvisible, "4": hidePtraceable, "ptraceable": hidePtraceable,
			}[value]
			if !ok {
				return abi.EINVAL
			}
			o.hidePID = n
		case "gid":
			n, err := strconv.ParseUint(value, 10, 32)
			if err != nil {
				return abi.EINVAL
			}
			if owner != nil {
				o.gid = owner.ToKGID(user.GID(n))
			}
			if !o.gid.Valid() {
				return abi.EINVAL
			}
		case "subset":
			if value != "pid" {
				return abi.EINVAL
			}
			o.pidOnly = true
		default:
			return abi.EINVAL
		}
	}
	m.options = o
	return nil
}

// Options implements fs.SuperOps.
func (m *mounted) Options(*fs.Superblock) string {
	s := ""
	if m.options.gid != 0 {
		s += ",gid=" + strconv.Itoa(int(m.options.gid))
	}
	switch m.options.hidePID {
	case hideNoAccess:
		s += ",hidepid=noaccess"
	case hideInvisible:
		s += ",hidepid=invisible"
	case hidePtraceable:
		s += ",hidepid=ptraceable"
	}
	if m.options.pidOnly {
		s += ",subset=pid"
	}
	return s
}

// Remount implements fs.SuperOps.
func (m *mounted) Remount(_ *fs.Superblock, _ uint32, text string) error {
	return m.parse(text, m.sb.Owner())
}

// Statfs implements fs.SuperOps.
func (m *mounted) Statfs(_ *fs.Superblock, s *fs.Statfs) error {
	s.Type, s.Bsize, s.Frsize, s.Namelen = Magic, abi.PageSize, abi.PageSize, abi.NameMax
	return nil
}

// Shutdown implements fs.SuperOps.
func (m *mounted) Shutdown(*fs.Superblock) { m.pids.Put() }
