package mm

import (
	"cleave/abi"
	"cleave/fs"
)

var _ fs.Buffer = (*UserBuffer)(nil)

// MaxTransfer is the most that one read or write moves, in bytes (read(2): MAX_RW_COUNT).
const MaxTransfer = 0x7ffff000

// UserBuffer is the memory that a read or a write was given: it implements fs.Buffer. It is embedded in a task and set up
// for each call, so it costs no allocation.
type UserBuffer struct {
	as   *AddressSpace
	addr uint32  // of the current piece
	here uint32  // bytes left of the current piece
	left int     // bytes left in all
	rest []Iovec // pieces after the current one
}

// Init aims b at n bytes at addr, or MaxTransfer if that is less: EFAULT if they are not all user addresses.
func (b *UserBuffer) Init(as *AddressSpace, addr, n uint32) error {
	if err := CheckRange(addr, int(n)); err != nil {
		return err
	}
	n = min(n, MaxTransfer)
	b.addr, b.here, b.left = addr, n, int(n)
	// Nearly always these are so already, and storing a pointer costs.
	if b.as != as {
		b.as = as
	}
	if b.rest != nil {
		b.rest = nil
	}
	return nil
}

// InitVec aims b at the pieces of iov, which must stay as they are while b is used; what is beyond MaxTransfer is left
// out. EINVAL for too many pieces or one of 2 GiB and more, EFAULT for one that is not all user addresses.
func (b *UserBuffer) InitVec(as *AddressSpace, iov []Iovec) error {
	if len(iov) > abi.IovMax {
		return abi.EINVAL
	}
	total := 0
	for _, v := range iov {
		if int32(v.Len) < 0 {
			return abi.EINVAL
		}
		if err := CheckRange(v.Addr, int(v.Len)); err != nil {
			return err
		}
		total += int(v.Len)
	}
	*b = UserBuffer{as: as, left: min(total, MaxTransfer), rest: iov}
	return nil
}

// Len returns how many bytes are left.
func (b *UserBuffer) Len() int { return b.left }

// piece returns how many of n bytes are left in the current piece. It goes on to the next piece if that is used up.
func (b *UserBuffer) piece(n int) int {
	for b.here == 0 && len(b.rest) > 0 {
		b.addr, b.here = b.rest[0].Addr, b.rest[0].Len
		b.rest = b.rest[1:]
	}
	return min(n, int(b.here), b.left)
}

func (b *UserBuffer) advance(n int) {
	b.addr += uint32(n)
	b.here -= uint32(n)
	b.left -= n
}

// CopyOut copies p to the user and advances: all of it, or a short count and EFAULT (ENOMEM). What fits the current
// piece and does not fault, nearly always all, is one copy.
func (b *UserBuffer) CopyOut(p []byte) (int, error) {
	if n := len(p); n <= int(b.here) && n <= b.left && b.as.cpu.CopyOut(b.as.root, b.addr, hide(p)) == n {
		b.advance(n)
		return n, nil
	}
	return b.copyOutPieces(p)
}

func (b *UserBuffer) copyOutPieces(p []byte) (int, error) {
	src, done := hide(p), 0
	for done < len(src) {
		n := b.piece(len(src) - done)
		if n == 0 {
			return done, abi.EFAULT
		}
		k, err := b.as.copyOut(b.addr, src[done:done+n])
		b.advance(k)
		done += k
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// CopyIn fills p from the user and advances; its errors are those of CopyOut.
func (b *UserBuffer) CopyIn(p []byte) (int, error) {
	if n := len(p); n <= int(b.here) && n <= b.left && b.as.cpu.CopyIn(b.as.root, hide(p), b.addr) == n {
		b.advance(n)
		return n, nil
	}
	return b.copyInPieces(p)
}

func (b *UserBuffer) copyInPieces(p []byte) (int, error) {
	dst, done := hide(p), 0
	for done < len(dst) {
		n := b.piece(len(dst) - done)
		if n == 0 {
			return done, abi.EFAULT
		}
		k, err := b.as.copyIn(dst[done:done+n], b.addr)
		b.advance(k)
		done += k
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// ZeroOut clears n bytes and advances; its errors are those of CopyOut.
func (b *UserBuffer) ZeroOut(n int) (int, error) {
	if n <= int(b.here) && n <= b.left && b.as.cpu.Zero(b.as.root, b.addr, n) == n {
		b.advance(n)
		return n, nil
	}
	done := 0
	for done < n {
		k := b.piece(n - done)
		if k == 0 {
			return done, abi.EFAULT
		}
		k, err := b.as.zeroOut(b.addr, k)
		b.advance(k)
		done += k
		if err != nil {
			return done, err
		}
	}
	return done, nil
}
