package mm

import (
	"sync/atomic"

	"cleave/abi"
	"cleave/mm/frame"
)

// The layout of a 32-bit address space under a 64-bit kernel, as on Linux: programs have all of the low 4 GiB but the
// last two pages.
const (
	UserLimit   = 0xffffe000 // user addresses are below it; the first stack ends here
	MinAddr     = 0x10000    // fixed mappings below need Map.Low (vm.mmap_min_addr)
	StackGuard  = 256 << 12  // bytes that stay free below a mapping that grows down
	MaxMappings = 65530      // of one address space (vm.max_map_count)
	PageSize    = frame.Size

	minStackGap  = 128 << 20         // between UserLimit and the mappings placed by the kernel, at least
	maxStackGap  = UserLimit / 6 * 5 // and at most
	bottomUpBase = 0x55555000        // where the kernel places mappings that do not fit below the stack
)

// Config is what a Memory is made of.
type Config struct {
	Pool *frame.Pool
	CPU  CPU // nil: the walk of page tables in Go
	// KernelRoot has the entries that the first page of every page table gets; entry 0, the low 512 GiB, is replaced.
	// nil: all others are empty.
	KernelRoot *[512]uint64
	NX         bool // the CPU has no-execute pages (EFER.NXE is set)
	// Random returns random bits for the places of stacks and mappings; nil: they are always the same.
	Random func() uint32
}

// Memory is what all address spaces share.
type Memory struct {
	pool   *frame.Pool
	cpu    CPU
	kernel *[512]uint64
	nx     uint64    // pteNX or 0
	zero   frame.PFN // the page of zeros that stands for memory which was only read
	random func() uint32
	spaces atomic.Int64

	shortage func(as *AddressSpace) bool // nil: there is nothing to be done
}

// New returns a Memory. It takes one frame of the pool, for the page of zeros.
func New(c Config) (*Memory, error) {
	m := &Memory{pool: c.Pool, cpu: c.CPU, kernel: c.KernelRoot, random: c.Random}
	if m.cpu == nil {
		m.cpu = NewWalker(c.Pool)
	}
	if m.kernel == nil {
		m.kernel = new([512]uint64)
	}
	if c.NX {
		m.nx = pteNX
	}
	z, err := m.pool.AllocZeroed(frame.Kernel)
	if err != nil {
		return nil, err
	}
	m.zero = z
	return m, nil
}

// Close gives back what New took. All address spaces must have been released.
func (m *Memory) Close() { m.pool.Unref(m.zero) }

// Pool returns the frames of the machine.
func (m *Memory) Pool() *frame.Pool { return m.pool }

// CPU returns the processor interface in use.
func (m *Memory) CPU() CPU { return m.cpu }

// Spaces returns the number of address spaces that have not been released.
func (m *Memory) Spaces() int { return int(m.spaces.Load()) }

// Limits are the resource limits that address spaces obey, in bytes (getrlimit(2)); NoLimit is RLIM_INFINITY.
type Limits struct {
	Stack   uint64 // RLIMIT_STACK
	AS      uint64 // RLIMIT_AS
	Data    uint64 // RLIMIT_DATA
	Memlock uint64 // RLIMIT_MEMLOCK; NoLimit for who has CAP_IPC_LOCK
}

// NoLimit is a limit that is never reached.
const NoLimit = ^uint64(0)

// DefaultLimits are those of Linux for the first process.
func DefaultLimits() Limits {
	return Limits{Stack: 8 << 20, AS: NoLimit, Data: NoLimit, Memlock: 8 << 20}
}

// FaultError is an access that ends in a signal: its number and its code (sigaction(2), si_code). The address is known to
// the caller.
type FaultError struct {
	Signal int32
	Code   int32
	name   string
}

// Error describes the fault.
func (e *FaultError) Error() string { return e.name }

// Is makes a fault count as EFAULT, which is what it is for a system call.
func (e *FaultError) Is(target error) bool { return target == error(abi.EFAULT) }

// The faults that AddressSpace.Fault reports.
var (
	ErrMap    = &FaultError{Signal: abi.SIGSEGV, Code: 1, name: "SIGSEGV: address not mapped"}
	ErrAccess = &FaultError{Signal: abi.SIGSEGV, Code: 2, name: "SIGSEGV: access not permitted"}
	ErrBus    = &FaultError{Signal: abi.SIGBUS, Code: 2, name: "SIGBUS: no such page in the file"}
)

// Access is a kind of memory access. The numbers are those of a page fault's error code (Intel SDM vol. 3, 4.7), so
// that Access(code) is what the CPU tried; other bits of it are ignored.
type Access uint32

// The kinds of access; a read is 0.
const (
	Read  Access = 0
	Write Access = 1 << 1
	User  Access = 1 << 2
	Exec  Access = 1 << 4
)
