package mm

import (
	"cleave/abi"
	"cleave/mm/frame"
)

const pteNX = 1 << 63

// NewWalker returns a CPU that walks page tables in the pool.
func NewWalker(p *frame.Pool) CPU { return nil }

// NewAddressSpace returns an empty address space with one user.
func (m *Memory) NewAddressSpace(l Limits) (*AddressSpace, error) { return nil, abi.ENOSYS }

// NewSharedMemory returns zero-filled memory of n pages that can be mapped shared (shmget(2)).
func (m *Memory) NewSharedMemory(n uint64) File { return nil }

// Root returns the root of the page tables.
func (as *AddressSpace) Root() frame.PFN { return 0 }

// Ref adds a user.
func (as *AddressSpace) Ref() {}

// TryRef adds a user unless there is none left.
func (as *AddressSpace) TryRef() bool { return false }

// Users returns the number of users.
func (as *AddressSpace) Users() int { return 0 }

// Unref drops a user; the last one releases the address space.
func (as *AddressSpace) Unref() {}

// Fork returns a copy of the address space, whose private pages are copied when either side writes (fork(2)).
func (as *AddressSpace) Fork() (*AddressSpace, error) { return nil, abi.ENOSYS }

// SetLimits replaces the limits.
func (as *AddressSpace) SetLimits(l Limits) {}

// Fault resolves a page fault: nil, *FaultError, or ENOMEM.
func (as *AddressSpace) Fault(addr uint32, a Access) error { return abi.ENOSYS }

// Map makes a mapping and returns its address (mmap(2)).
func (as *AddressSpace) Map(m Map) (uint32, error) { return 0, abi.ENOSYS }

// MapStack maps the first stack, which grows down from top (page aligned; 0: the usual place).
func (as *AddressSpace) MapStack(top uint32, p Prot) (uint32, error) { return 0, abi.ENOSYS }

// MapFrames maps frames of the kernel, such as the vDSO. It takes a reference to each.
func (as *AddressSpace) MapFrames(m Map, frames []frame.PFN) (uint32, error) { return 0, abi.ENOSYS }

// Unmap removes mappings (munmap(2)).
func (as *AddressSpace) Unmap(addr, n uint32) error { return abi.ENOSYS }

// Protect changes rights (mprotect(2)); flags are abi.PROT_GROWSDOWN or 0.
func (as *AddressSpace) Protect(addr, n uint32, p Prot, flags uint32) error { return abi.ENOSYS }

// Remap is mremap(2).
func (as *AddressSpace) Remap(old, oldLen, newLen, flags, newAddr uint32) (uint32, error) {
	return 0, abi.ENOSYS
}

// SetBreak says where the heap starts (exec).
func (as *AddressSpace) SetBreak(start uint32) {}

// Break is brk(2): it returns the end of the heap, moved to addr if that is possible.
func (as *AddressSpace) Break(addr uint32) uint32 { return 0 }

// Advise is madvise(2).
func (as *AddressSpace) Advise(addr, n uint32, advice int32) error { return abi.ENOSYS }

// Sync checks the range and flags of msync(2) and calls f for each shared file mapping in it, without the lock.
func (as *AddressSpace) Sync(addr, n, flags uint32, f func(file File, page, n uint64) error) error {
	return abi.ENOSYS
}

// InCore is mincore(2): vec has one byte a page.
func (as *AddressSpace) InCore(addr uint32, vec []byte) error { return abi.ENOSYS }

// Lock is mlock2(2), with abi.MLOCK_*.
func (as *AddressSpace) Lock(addr, n, flags uint32) error { return abi.ENOSYS }

// Unlock is munlock(2).
func (as *AddressSpace) Unlock(addr, n uint32) error { return abi.ENOSYS }

// LockAll is mlockall(2); flags 0 is munlockall(2).
func (as *AddressSpace) LockAll(flags uint32) error { return abi.ENOSYS }

// FutexKey returns the key of the word at addr; private is FUTEX_PRIVATE_FLAG.
func (as *AddressSpace) FutexKey(addr uint32, private bool) (FutexKey, error) {
	return FutexKey{}, abi.ENOSYS
}

// Stats returns sizes.
func (as *AddressSpace) Stats() Stats { return Stats{} }

// Mappings calls f for the mappings that end above from, in order, until it returns false.
func (as *AddressSpace) Mappings(from uint32, f func(*Mapping) bool) {}

// CheckRange returns EFAULT unless all of n bytes at addr are user addresses.
func CheckRange(addr uint32, n int) error { return abi.ENOSYS }

// CopyIn copies from addr to dst: all of it, or EFAULT (ENOMEM).
func (as *AddressSpace) CopyIn(dst []byte, addr uint32) error { return abi.ENOSYS }

// CopyOut copies src to addr.
func (as *AddressSpace) CopyOut(addr uint32, src []byte) error { return abi.ENOSYS }

// ZeroOut clears n bytes at addr.
func (as *AddressSpace) ZeroOut(addr uint32, n int) error { return abi.ENOSYS }

// CopyInString reads a string that ends in NUL into buf and returns it without the NUL; ENAMETOOLONG if it does not fit.
func (as *AddressSpace) CopyInString(buf []byte, addr uint32) ([]byte, error) {
	return nil, abi.ENOSYS
}

// Peek reads memory whatever its rights (ptrace(2), /proc/PID/mem), Poke writes it: n is short at an unmapped address.
func (as *AddressSpace) Peek(dst []byte, addr uint32) (n int, err error) { return 0, abi.ENOSYS }

// Poke is Peek's counterpart.
func (as *AddressSpace) Poke(addr uint32, src []byte) (n int, err error) { return 0, abi.ENOSYS }

// Load32 reads a word atomically: EFAULT, or EINVAL if addr is not a multiple of 4.
func (as *AddressSpace) Load32(addr uint32) (uint32, error) { return 0, abi.ENOSYS }

// Store32 writes a word atomically.
func (as *AddressSpace) Store32(addr, v uint32) error { return abi.ENOSYS }

// CompareAndSwap32 stores new at addr if it holds old, and returns what it held.
func (as *AddressSpace) CompareAndSwap32(addr, old, new uint32) (uint32, error) {
	return 0, abi.ENOSYS
}

// Load reads a struct of fixed size without pointers.
func Load[T any](as *AddressSpace, addr uint32) (v T, err error) { return v, abi.ENOSYS }

// Store writes one.
func Store[T any](as *AddressSpace, addr uint32, v *T) error { return abi.ENOSYS }

// LoadSlice fills dst, StoreSlice writes src.
func LoadSlice[T any](as *AddressSpace, dst []T, addr uint32) error { return abi.ENOSYS }

// StoreSlice writes src.
func StoreSlice[T any](as *AddressSpace, addr uint32, src []T) error { return abi.ENOSYS }

// UserBuffer is a fs.Buffer over user memory. It is embedded in a task and initialised for each call.
type UserBuffer struct{ as *AddressSpace }

// Init aims b at n bytes at addr: EFAULT if they are not all user addresses.
func (b *UserBuffer) Init(as *AddressSpace, addr uint32, n int) error { return abi.ENOSYS }

// InitVec aims b at the pieces of iov, which must stay unchanged while b is in use: EINVAL for too many or too long, EFAULT.
func (b *UserBuffer) InitVec(as *AddressSpace, iov []Iovec) error { return abi.ENOSYS }

// Len returns how many bytes are left.
func (b *UserBuffer) Len() int { return 0 }

// CopyOut copies p to the user and advances.
func (b *UserBuffer) CopyOut(p []byte) (int, error) { return 0, abi.ENOSYS }

// CopyIn fills p from the user and advances.
func (b *UserBuffer) CopyIn(p []byte) (int, error) { return 0, abi.ENOSYS }

// ZeroOut clears n bytes and advances.
func (b *UserBuffer) ZeroOut(n int) (int, error) { return 0, abi.ENOSYS }
