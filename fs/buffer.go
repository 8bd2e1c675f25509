package fs

import "cleave/abi"

// Buffer is the caller's memory as a file operation sees it. Copies go between page frames and the user's pages
// directly. A short count comes with an error, EFAULT for a bad address. A Buffer is used by one goroutine at a time.
type Buffer interface {
	// Len returns how many bytes are left.
	Len() int
	// CopyOut copies p to the caller and advances.
	CopyOut(p []byte) (int, error)
	// CopyIn fills p from the caller and advances.
	CopyIn(p []byte) (int, error)
	// ZeroOut writes n zero bytes to the caller and advances.
	ZeroOut(n int) (int, error)
}

// UserMemory is the caller's address space as an ioctl sees it. mm.AddressSpace implements it.
type UserMemory interface {
	CopyIn(dst []byte, addr uint32) error
	CopyOut(addr uint32, src []byte) error
}

// Bytes is a Buffer over the kernel's own memory.
type Bytes struct {
	B []byte // what is left
}

// Len returns how many bytes are left.
func (b *Bytes) Len() int { return len(b.B) }

// CopyOut copies p into the buffer and advances.
func (b *Bytes) CopyOut(p []byte) (int, error) {
	n := copy(b.B, p)
	b.B = b.B[n:]
	if n < len(p) {
		return n, abi.EFAULT
	}
	return n, nil
}

// CopyIn fills p from the buffer and advances.
func (b *Bytes) CopyIn(p []byte) (int, error) {
	n := copy(p, b.B)
	b.B = b.B[n:]
	if n < len(p) {
		return n, abi.EFAULT
	}
	return n, nil
}

// ZeroOut clears n bytes and advances.
func (b *Bytes) ZeroOut(n int) (int, error) {
	k := min(n, len(b.B))
	clear(b.B[:k])
	b.B = b.B[k:]
	if k < n {
		return k, abi.EFAULT
	}
	return k, nil
}
