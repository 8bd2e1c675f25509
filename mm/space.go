package mm

import (
	"sync"
	"sync/atomic"

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

// File is what a mapping of a file keeps: an open file. It is kept open until the last mapping of it is gone.
type File interface {
	// Mapping returns the pages of the file. All open files of an inode return the same.
	Mapping() frame.Mapping
	// Ref and Unref count who keeps the file open. They are called with an address space's lock held; Unref must leave work
	// that blocks to another goroutine.
	Ref()
	Unref()
}

// Map describes a mapping to make: mmap(2).
type Map struct {
	Addr    uint32 // where, or a hint
	Len     uint32 // in bytes; rounded up to pages
	Prot    Prot
	MaxProt Prot   // what mprotect may allow later (a shared mapping of a file open for reading only: no ProtWrite)
	Flags   uint32 // abi.MAP_*
	File    File   // nil: anonymous; the mapping takes its own reference. The caller has checked the file's mode
	Page    uint64 // page of the file that Addr maps
	Low     bool   // the caller may map below MinAddr (CAP_SYS_RAWIO)
	Name    string // what /proc/PID/maps shows of a mapping without a file: "[vdso]"
}

// AddressSpace is the memory of a process. It has a count of users; the last Unref frees it.
type AddressSpace struct {
	mem   *Memory
	users atomic.Int32

	mu     sync.Mutex
	limits Limits // guarded by mu, as is what follows
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
	File       File   // nil: anonymous. It is valid until Mappings' callback returns
	Page       uint64 // page of the file at Start
	Name       string // "[heap]", "[stack]", "[vdso]" or ""
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
