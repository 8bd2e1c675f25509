package linux386

import (
	"cleave/mm"
	"cleave/proc"
)

// The types of arguments. Each is what one register holds; its show method prints it.
type (
	// Int is a signed number.
	Int int32
	// Uint is an unsigned number.
	Uint uint32
	// Hex is a set of bits that has no names here.
	Hex uint32
	// Addr is an address of the program's memory.
	Addr uint32
	// Size is a length in bytes.
	Size uint32
	// FD is a descriptor.
	FD int32
	// DirFD is a directory's descriptor, or AT_FDCWD.
	DirFD int32
	// PID is a process, thread, process group or session, as the caller's pid namespace numbers it.
	PID int32
	// UID and GID are user and group ids as the caller's user namespace numbers them; -1 is none.
	UID uint32
	GID uint32
	// ID16 is a 16-bit user or group id.
	ID16 uint32
	// Mode is a file's mode.
	Mode uint32
	// Dev is a device number as mknod(2) takes it.
	Dev uint32
	// Signal is a signal's number.
	Signal int32
	// OffLo and OffHi are an offset in two registers, low word first, of which OffLo prints both.
	OffLo uint32
	OffHi uint32
	// Path is the address of a file's name, Str that of another string.
	Path uint32
	Str  uint32
	// In is the address of bytes that are given to the kernel, Out that of bytes that it fills in. The next argument,
	// of type Size, is their number.
	In  uint32
	Out uint32
	// StrList is the address of a vector of strings that a null pointer ends.
	StrList uint32
)

// Ptr is the address of a T that the kernel reads.
type Ptr[T any] uint32

// Load reads what p points to. EFAULT.
func (p Ptr[T]) Load(t *proc.Task) (T, error) { return mm.Load[T](t.MM(), uint32(p)) }

// Ret is the address of a T that the kernel fills in.
type Ret[T any] uint32

// Store writes to where p points. EFAULT.
func (p Ret[T]) Store(t *proc.Task, v *T) error { return mm.Store(t.MM(), uint32(p), v) }

// StoreIf writes to where p points, if it points anywhere. EFAULT.
func (p Ret[T]) StoreIf(t *proc.Task, v *T) error {
	if p == 0 {
		return nil
	}
	return p.Store(t, v)
}

// InOut is the address of a T that the kernel reads and changes.
type InOut[T any] uint32

// Load reads what p points to. EFAULT.
func (p InOut[T]) Load(t *proc.Task) (T, error) { return mm.Load[T](t.MM(), uint32(p)) }

// Store writes to where p points. EFAULT.
func (p InOut[T]) Store(t *proc.Task, v *T) error { return mm.Store(t.MM(), uint32(p), v) }

// load32 and store32 read and write a word, which may lie anywhere: only a futex has to be aligned. EFAULT.
func load32(t *proc.Task, addr uint32) (uint32, error) { return mm.Load[uint32](t.MM(), addr) }

func store32(t *proc.Task, addr, v uint32) error { return mm.Store(t.MM(), addr, &v) }

// off puts an offset of two registers together.
func off(lo OffLo, hi OffHi) int64 { return int64(hi)<<32 | int64(lo) }
