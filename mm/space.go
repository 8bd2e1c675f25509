package mm

import (
	"sync"
	"sync/atomic"

	"cleave/fs"
	"cleave/mm/frame"
)

// Prot is what a mapping permits: abi.PROT_READ, PROT_WRITE, PROT_EXEC.
type Prot uint8

// The rights.
const (
	ProtRead  Prot = 1
	ProtWrite Prot = 2
	ProtExec  Prot = 4
	ProtAll   Prot = 7
)

// Map describes a mapping to make: mmap(2).
type Map struct {
	Addr    uint32 // where, or a hint
	Len     uint32 // in bytes; rounded up to pages
	Prot    Prot
	MaxProt Prot          // what mprotect may allow later (a shared mapping of a file open for reading only: no ProtWrite)
	Flags   uint32        // abi.MAP_*
	Mapping frame.Mapping // the pages to map; nil: anonymous memory. The caller has checked the file's mode
	File    *fs.File      // kept open by the mapping, which takes its own reference; nil: none
	Page    uint64        // page of Mapping that Addr maps
	Low     bool          // the caller may map below MinAddr (CAP_SYS_RAWIO)
	Name    string        // what /proc/PID/maps shows of a mapping without a file: "[vdso]"
}

// AddressSpace is the memory of a process. It has a count of users; the last Unref frees it.
type AddressSpace struct {
	mem   *Memory
	cpu   CPU
	root  frame.PFN // of pt; does not change
	users atomic.Int32
	payer atomic.Pointer[frame.Account] // whom new frames are charged to; nil: nobody

	mu     sync.Mutex
	pt     pageTable // guarded by mu, as is what follows; entries are changed by the CPU as well
	limits Limits
	vmas   []*vma // by address
	last   *vma   // that lookup found
	spare  *vma   // unused
	nspare int
	dead   *vma // dropped, their files still to be released
	gather gather
	around [faultAround]frame.PFN // what mapAround works on

	rss        [numRSS]uint32 // resident pages
	maxRSS     uint32
	size       uint32 // pages of all mappings
	maxSize    uint32
	data       uint32   // pages of mappings that count for RLIMIT_DATA
	locked     uint32   // pages of locked mappings
	lockFuture vmaFlags // of new mappings (MCL_FUTURE)
	minor      uint64
	major      uint64

	stackTop  uint32 // pages, as are the next ones
	base      uint32 // mappings are placed below, the highest first
	holeTop   uint32 // between holeTop and base, no hole has holeMin pages
	holeMin   uint32 // 0: not known
	brkStart  uint32 // bytes, as is brkEnd
	brkEnd    uint32
	randomize bool

	segments Segments
	exe      *fs.File
}

// The kinds of resident pages.
const (
	rssAnon = iota
	rssFile
	rssShared
	numRSS
)

// Segments says where the parts of a program are, as exec laid them out: /proc/PID/stat and cmdline show it.
type Segments struct {
	CodeStart, CodeEnd uint32
	DataStart, DataEnd uint32
	StackStart         uint32
	ArgStart, ArgEnd   uint32
	EnvStart, EnvEnd   uint32
}

// NewAddressSpace returns an empty address space with one user.
func (m *Memory) NewAddressSpace(l Limits) (*AddressSpace, error) {
	var r frame.Reservation
	if err := m.pool.Reserve(&r, 2); err != nil {
		return nil, err
	}
	as := m.newSpace(&r)
	as.limits = l
	as.place(0, 0)
	return as, nil
}

// newSpace returns an address space whose page table takes two frames out of r.
func (m *Memory) newSpace(r *frame.Reservation) *AddressSpace {
	as := &AddressSpace{mem: m, cpu: m.cpu}
	as.users.Store(1)
	as.pt.init(m.pool, m.kernel, r.Alloc(frame.PageTable), r.Alloc(frame.PageTable))
	as.root = as.pt.root
	m.spaces.Add(1)
	return as
}

// Randomize chooses random places for the stack, the mappings and the heap of an address space that is still empty.
func (as *AddressSpace) Randomize() {
	if as.mem.random == nil {
		return
	}
	as.mu.Lock()
	as.randomize = true
	as.place(as.mem.random()&stackRandomMask, as.mem.random()&mapRandomMask)
	as.mu.Unlock()
}

// Linux gives a 32-bit program 11 random bits for the stack and 8 for the mappings, in pages.
const (
	stackRandomMask = 0x7ff
	mapRandomMask   = 0xff
	brkRandomMask   = 0x1fff
)

// place sets where the stack ends and mappings begin, some pages lower than usual. The room between them is that of the
// stack's limit, within bounds.
func (as *AddressSpace) place(stack, mappings uint32) {
	gap := min(as.limits.Stack, maxStackGap) + StackGuard
	if as.randomize {
		gap += stackRandomMask << frame.Shift
	}
	gap = min(max(gap, minStackGap), maxStackGap)
	as.stackTop = UserLimit>>frame.Shift - stack
	as.base = (UserLimit-uint32(gap))>>frame.Shift - mappings
	as.holeMin = 0
}

// Root returns the frame of the page table's root.
func (as *AddressSpace) Root() frame.PFN { return as.root }

// Memory returns what the address space was made by.
func (as *AddressSpace) Memory() *Memory { return as.mem }

// Ref adds a user. The caller is one.
func (as *AddressSpace) Ref() { as.users.Add(1) }

// TryRef adds a user, unless there is none left.
func (as *AddressSpace) TryRef() bool {
	for {
		n := as.users.Load()
		if n == 0 {
			return false
		}
		if as.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Users returns the number of users.
func (as *AddressSpace) Users() int { return int(as.users.Load()) }

// Unref drops a user; the last one frees all memory.
func (as *AddressSpace) Unref() {
	if as.users.Add(-1) == 0 {
		as.release()
	}
}

// release frees all frames. Nobody uses the address space any more, but files that it maps may still try to unmap pages.
func (as *AddressSpace) release() {
	as.cpu.Drop(as.root)
	as.mu.Lock()
	for i, v := range as.vmas {
		next := uint32(1 << 20)
		if i+1 < len(as.vmas) {
			next = as.vmas[i+1].start
		}
		as.pt.release(v.start, v.end, next, &as.gather)
	}
	as.mem.pool.UnrefAll(as.gather.frames[:as.gather.n])
	as.gather.n = 0
	for _, v := range as.vmas {
		as.drop(v)
	}
	as.vmas, as.last, as.spare = nil, nil, nil
	as.pt.destroy()
	as.rss = [numRSS]uint32{}
	exe := as.exe
	as.exe = nil
	as.unlock()
	if exe != nil {
		exe.Put()
	}
	as.mem.spaces.Add(-1)
}

// SetLimits replaces the limits.
func (as *AddressSpace) SetLimits(l Limits) {
	as.mu.Lock()
	as.limits = l
	as.mu.Unlock()
}

// SetAccount has the frames that the address space takes from now on charged to a; nil: to nobody.
func (as *AddressSpace) SetAccount(a *frame.Account) { as.payer.Store(a) }

// Segments returns what SetSegments set.
func (as *AddressSpace) Segments() Segments {
	as.mu.Lock()
	defer as.mu.Unlock()
	return as.segments
}

// SetSegments says where the parts of the program are.
func (as *AddressSpace) SetSegments(s Segments) {
	as.mu.Lock()
	as.segments = s
	as.mu.Unlock()
}

// Exe returns the file of the running program with a reference of its own, nil if there is none.
func (as *AddressSpace) Exe() *fs.File {
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.exe != nil {
		as.exe.Get()
	}
	return as.exe
}

// SetExe says which file the program is; the address space takes its own reference.
func (as *AddressSpace) SetExe(f *fs.File) {
	if f != nil {
		f.Get()
	}
	as.mu.Lock()
	old := as.exe
	as.exe = f
	as.mu.Unlock()
	if old != nil {
		old.Put()
	}
}

// Stats are the sizes of an address space, in pages.
type Stats struct {
	Size, MaxSize         uint32 // of all mappings (VmSize, VmPeak)
	Resident, MaxResident uint32 // VmRSS, VmHWM
	Anonymous             uint32 // resident: private memory (RssAnon)
	File                  uint32 // resident: pages of files (RssFile)
	Shared                uint32 // resident: pages of shared memory (RssShmem)
	Data, Stack, Text     uint32 // of mappings: private writable, stacks, executable
	Locked                uint32 // VmLck
	PageTables            uint32 // frames of page tables
	Mappings              int
	MinorFaults           uint64 // faults resolved without, and with, reading a file
	MajorFaults           uint64
}

// Mapping describes one mapping of an address space: a line of /proc/PID/maps.
type Mapping struct {
	Start, End uint32 // End is the first address behind it
	Prot       Prot
	Shared     bool
	GrowsDown  bool
	Locked     bool
	DontFork   bool
	WipeOnFork bool
	File       *fs.File // nil: anonymous. It is valid until Mappings' callback returns
	Page       uint64   // page of the file at Start
	Name       string   // "[heap]", "[stack]", "[vdso]" or ""
}

// FutexKey names a futex word, whatever addresses it has (futex(2)). Keys are comparable.
type FutexKey struct {
	Owner  any // the address space, or what a shared mapping maps
	Offset uint64
}

// Iovec is a piece of user memory (readv(2)).
type Iovec struct {
	Addr uint32
	Len  uint32
}
