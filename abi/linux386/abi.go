package linux386

import (
	"encoding/binary"
	"sync"

	"cleave/abi"
	"cleave/fs/timerfd"
	"cleave/fs/unix"
	"cleave/mm"
	"cleave/mm/frame"
	"cleave/proc"
	"cleave/proc/elf"
)

// Config is what the interface needs of the machine.
type Config struct {
	Memory *mm.Memory
	CPU    proc.CPU
	Fast   FastCall
	HWCap  uint32 // CPUID leaf 1, EDX: AT_HWCAP
	HWCap2 uint32 // AT_HWCAP2
	// FPUSize is the size in bytes of what CPU.SaveFPU returns, FPUFeatures the parts of it that can be in use (XCR0).
	FPUSize     int
	FPUFeatures uint64
	// Clock is the kernel's, for timers that are files.
	Clock proc.Clock
	// Reboot carries out a command of reboot(2) (abi.LINUX_REBOOT_CMD_*); nil: ENOSYS.
	Reboot func(t *proc.Task, cmd uint32) error
	// Log is the kernel's log, for syslog(2); nil: ENOSYS.
	Log KernelLog
	// Trace gets a line for each system call of a task that has WorkTrace set, without a newline.
	Trace func(t *proc.Task, line []byte)
}

// ABI implements proc.ABI.
type ABI struct {
	calls [numCalls]func(*proc.Task) (uint32, error)
	trace func(t *proc.Task, line []byte)

	reboot func(t *proc.Task, cmd uint32) error
	timers *timerfd.Timers

	adjtime clockState

	log      KernelLog
	logState logReader

	cpu   proc.CPU
	mem   *mm.Memory
	hwcap [2]uint32

	fpuSize     uint32
	fpuFeatures uint64

	vdso *vdsoImage

	code  frame.PFN // the page of the vDSO
	clock frame.PFN // its data page, a timePage
	blind frame.PFN // a data page that knows no clock, for tasks of other time namespaces

	unixOnce sync.Once
	unix     *unix.Domain

	timeMu sync.Mutex // one writer of the data page at a time
	seq    uint32     // guarded by timeMu
}

// New makes the interface. Close gives back the three frames that it takes.
func New(c Config) (*ABI, error) {
	a := &ABI{trace: c.Trace, reboot: c.Reboot, log: c.Log, timers: timerfd.New(timerClock{c.Clock}), cpu: c.CPU, mem: c.Memory, hwcap: [2]uint32{c.HWCap, c.HWCap2}, vdso: newVDSO(c.Fast),
		adjtime: newClockState(),
		fpuSize: uint32(max(c.FPUSize, fxsaveSize)), fpuFeatures: c.FPUFeatures}
	for nr := range a.calls {
		a.calls[nr] = noSyscall
		if r := findRow(uint32(nr)); r != nil {
			a.calls[nr] = r.call
		}
	}
	for _, f := range []*frame.PFN{&a.code, &a.clock, &a.blind} {
		pfn, err := a.mem.Pool().AllocZeroed(frame.Kernel)
		if err != nil {
			a.Close()
			return nil, err
		}
		*f = pfn
	}
	copy(a.mem.Pool().Page(a.code)[:], a.vdso.page[:])
	return a, nil
}

// abiOf returns the interface that t's kernel has.
func abiOf(t *proc.Task) *ABI { return t.Kernel().ABI.(*ABI) }

// unixDomain returns the unix sockets of t's kernel.
func (a *ABI) unixDomain(t *proc.Task) *unix.Domain {
	a.unixOnce.Do(func() { a.unix = unix.New(t.Caller.VFS) })
	return a.unix
}

// Close gives back what New took. No task uses the interface any more.
func (a *ABI) Close() {
	for _, f := range []frame.PFN{a.code, a.clock, a.blind} {
		if f != 0 {
			a.mem.Pool().Unref(f)
		}
	}
}

// Target implements proc.ABI.
func (a *ABI) Target() elf.Target { return elf.I386(mm.UserLimit) }

// SetTime tells programs how to read the clocks from now on.
func (a *ABI) SetTime(s TimeSource) {
	var p timePage
	p.set(s)
	page := a.mem.Pool().Page(a.clock)[:]
	a.timeMu.Lock()
	binary.LittleEndian.PutUint32(page, a.seq+1)
	copy(page[4:], p.bytes()[4:])
	a.seq += 2
	binary.LittleEndian.PutUint32(page, a.seq)
	a.timeMu.Unlock()
}

// MapVDSO implements proc.ABI: the data page, then the code.
func (a *ABI) MapVDSO(as *mm.AddressSpace, shifted bool) (base, landing uint32, err error) {
	at, err := as.Map(mm.Map{Len: 2 * pageSize, Flags: abi.MAP_PRIVATE | abi.MAP_ANONYMOUS})
	if err != nil {
		return 0, 0, err
	}
	data := a.clock
	if shifted {
		data = a.blind
	}
	if err := a.mapData(as, at, data); err != nil {
		return 0, 0, err
	}
	base = at + pageSize
	_, err = as.MapFrames(mm.Map{Addr: base, Prot: mm.ProtRead | mm.ProtExec, MaxProt: mm.ProtAll,
		Flags: abi.MAP_PRIVATE | abi.MAP_FIXED, Name: "[vdso]"}, []frame.PFN{a.code})
	return base, base + a.vdso.landing, err
}

func (a *ABI) mapData(as *mm.AddressSpace, at uint32, f frame.PFN) error {
	_, err := as.MapFrames(mm.Map{Addr: at, Prot: mm.ProtRead, MaxProt: mm.ProtRead,
		Flags: abi.MAP_SHARED | abi.MAP_FIXED, Name: vvarName}, []frame.PFN{f})
	return err
}

// ShiftVDSO implements proc.ABI. A program that has moved its data page away, or unmapped it, keeps what it has.
func (a *ABI) ShiftVDSO(as *mm.AddressSpace, landing uint32) error {
	at := landing - a.vdso.landing - pageSize
	if m, ok := as.Find(at); !ok || m.Name != vvarName {
		return nil
	}
	return a.mapData(as, at, a.blind)
}

// vvarName is the name of the data page in /proc/PID/maps.
const vvarName = "[vvar]"

// vdsoBase returns where the vDSO of t is, 0 if nowhere.
func (a *ABI) vdsoBase(t *proc.Task) uint32 {
	if t.Ctx.Landing == 0 {
		return 0
	}
	return t.Ctx.Landing - a.vdso.landing
}
