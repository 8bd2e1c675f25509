package mm

import (
	"bytes"
	"unsafe"

	"cleave/abi"
)

// copyTries is how often a copy may fault at the same place. Once is usual; more means that another thread takes the page
// away again.
const copyTries = 1000

// noescape hides from the compiler that p goes to a method of an interface, which would move the caller's variable to
// the heap. No implementation of CPU keeps a buffer.
func noescape(p unsafe.Pointer) unsafe.Pointer {
	x := uintptr(p)
	return *(*unsafe.Pointer)(unsafe.Pointer(&x))
}

// hide returns b, for a call whose callee does not keep it.
func hide(b []byte) []byte {
	return unsafe.Slice((*byte)(noescape(unsafe.Pointer(unsafe.SliceData(b)))), len(b))
}

// CheckRange returns EFAULT unless all of n bytes at addr are user addresses.
func CheckRange(addr uint32, n int) error {
	if n < 0 || uint64(addr)+uint64(n) > UserLimit {
		return abi.EFAULT
	}
	return nil
}

// resolve resolves the fault of a copy at addr. Its error is for the system call.
func (as *AddressSpace) resolve(addr uint32, a Access, try *int) error {
	if *try++; *try > copyTries {
		return abi.EFAULT
	}
	switch err := as.Fault(addr, a); err {
	case nil:
		return nil
	case error(abi.ENOMEM):
		if f := as.mem.shortage; f != nil && f(as) {
			return nil
		}
		return err
	default:
		return abi.EFAULT
	}
}

// copyIn copies from addr, which with its length was checked, and returns how many bytes it copied.
func (as *AddressSpace) copyIn(dst []byte, addr uint32) (int, error) {
	done, try := 0, 0
	for {
		n := as.cpu.CopyIn(as.root, dst[done:], addr+uint32(done))
		if done += n; done == len(dst) {
			return done, nil
		}
		if n > 0 {
			try = 0
		}
		if err := as.resolve(addr+uint32(done), Read, &try); err != nil {
			return done, err
		}
	}
}

func (as *AddressSpace) copyOut(addr uint32, src []byte) (int, error) {
	done, try := 0, 0
	for {
		n := as.cpu.CopyOut(as.root, addr+uint32(done), src[done:])
		if done += n; done == len(src) {
			return done, nil
		}
		if n > 0 {
			try = 0
		}
		if err := as.resolve(addr+uint32(done), Write, &try); err != nil {
			return done, err
		}
	}
}

func (as *AddressSpace) zeroOut(addr uint32, n int) (int, error) {
	done, try := 0, 0
	for {
		k := as.cpu.Zero(as.root, addr+uint32(done), n-done)
		if done += k; done == n {
			return done, nil
		}
		if k > 0 {
			try = 0
		}
		if err := as.resolve(addr+uint32(done), Write, &try); err != nil {
			return done, err
		}
	}
}

// CopyIn copies from addr to dst: all of it, or EFAULT (ENOMEM if there was no memory to resolve a fault).
func (as *AddressSpace) CopyIn(dst []byte, addr uint32) error {
	if err := CheckRange(addr, len(dst)); err != nil {
		return err
	}
	if as.cpu.CopyIn(as.root, hide(dst), addr) == len(dst) {
		return nil // nearly always
	}
	_, err := as.copyIn(hide(dst), addr)
	return err
}

// CopyOut copies src to addr: all of it, or an error as of CopyIn after a part.
func (as *AddressSpace) CopyOut(addr uint32, src []byte) error {
	if err := CheckRange(addr, len(src)); err != nil {
		return err
	}
	if as.cpu.CopyOut(as.root, addr, hide(src)) == len(src) {
		return nil // nearly always
	}
	_, err := as.copyOut(addr, hide(src))
	return err
}

// ZeroOut clears n bytes at addr.
func (as *AddressSpace) ZeroOut(addr uint32, n int) error {
	if err := CheckRange(addr, n); err != nil || n == 0 {
		return err
	}
	_, err := as.zeroOut(addr, n)
	return err
}

// stringPiece is how much of a string is copied at first; most are shorter. It divides a page.
const stringPiece = 64

// CopyInString reads a string that ends in NUL into buf and returns it without the NUL: EFAULT, or ENAMETOOLONG if the NUL is
// not among the first len(buf) bytes.
func (as *AddressSpace) CopyInString(buf []byte, addr uint32) ([]byte, error) {
	hidden, done, try, piece := hide(buf), 0, 0, uint32(stringPiece)
	for done < len(buf) {
		at := addr + uint32(done)
		if at < addr || at >= UserLimit {
			return nil, abi.EFAULT
		}
		n := min(len(buf)-done, int(piece-at&(piece-1)))
		k := as.cpu.CopyIn(as.root, hidden[done:done+n], at)
		if i := bytes.IndexByte(buf[done:done+k], 0); i >= 0 {
			return buf[:done+i], nil
		}
		done += k
		if k == n {
			piece = min(piece*2, PageSize)
			try = 0
			continue
		}
		if err := as.resolve(at+uint32(k), Read, &try); err != nil {
			return nil, err
		}
	}
	return nil, abi.ENAMETOOLONG
}

// Load32 reads the word at addr atomically: EINVAL if addr is not a multiple of 4, EFAULT.
func (as *AddressSpace) Load32(addr uint32) (uint32, error) {
	if err := checkWord(addr); err != nil {
		return 0, err
	}
	for try := 0; ; {
		if v, ok := as.cpu.Load32(as.root, addr); ok {
			return v, nil
		}
		if err := as.resolve(addr, Read, &try); err != nil {
			return 0, err
		}
	}
}

// TryLoad32 reads the word at addr atomically, unless it would fault: it never blocks, and may be called with locks held.
func (as *AddressSpace) TryLoad32(addr uint32) (v uint32, ok bool) {
	if checkWord(addr) != nil {
		return 0, false
	}
	return as.cpu.Load32(as.root, addr)
}

// Store32 writes the word at addr atomically; errors as of Load32.
func (as *AddressSpace) Store32(addr, v uint32) error {
	if err := checkWord(addr); err != nil {
		return err
	}
	for try := 0; ; {
		if as.cpu.Store32(as.root, addr, v) {
			return nil
		}
		if err := as.resolve(addr, Write, &try); err != nil {
			return err
		}
	}
}

// CompareAndSwap32 stores new at addr if it holds old, atomically, and returns what it held; errors as of Load32.
func (as *AddressSpace) CompareAndSwap32(addr, old, new uint32) (uint32, error) {
	if err := checkWord(addr); err != nil {
		return 0, err
	}
	for try := 0; ; {
		if seen, ok := as.cpu.CompareAndSwap32(as.root, addr, old, new); ok {
			return seen, nil
		}
		if err := as.resolve(addr, Write, &try); err != nil {
			return 0, err
		}
	}
}

func checkWord(addr uint32) error {
	switch {
	case addr&3 != 0:
		return abi.EINVAL
	case addr >= UserLimit:
		return abi.EFAULT
	}
	return nil
}

// Load reads a value of fixed size without pointers from addr. The layout of T is the caller's business.
func Load[T any](as *AddressSpace, addr uint32) (v T, err error) {
	err = as.CopyIn(unsafe.Slice((*byte)(unsafe.Pointer(&v)), unsafe.Sizeof(v)), addr)
	return v, err
}

// Store writes a value of fixed size without pointers to addr.
func Store[T any](as *AddressSpace, addr uint32, v *T) error {
	return as.CopyOut(addr, unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v)))
}

// LoadSlice fills dst with values of fixed size without pointers.
func LoadSlice[T any](as *AddressSpace, dst []T, addr uint32) error {
	return as.CopyIn(bytesOf(dst), addr)
}

// StoreSlice writes values of fixed size without pointers.
func StoreSlice[T any](as *AddressSpace, addr uint32, src []T) error {
	return as.CopyOut(addr, bytesOf(src))
}

// bytesOf returns the memory of s.
func bytesOf[T any](s []T) []byte {
	var v T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), uintptr(len(s))*unsafe.Sizeof(v))
}
