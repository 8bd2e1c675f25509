package dev

import (
	"encoding/binary"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/scratch"
	"cleave/wait"
)

// null is /dev/null: it swallows what is written and is at its end.
type null struct{ fs.NoFile }

// Read is at the end.
func (*null) Read(*fs.File, *fs.Caller, fs.Buffer, int64) (int, error) { return 0, nil }

// Write swallows.
func (*null) Write(_ *fs.File, _ *fs.Caller, b fs.Buffer, _ int64) (int, error) { return b.Len(), nil }

// Seek stays at 0.
func (*null) Seek(*fs.File, int64, int64, int) (int64, error) { return 0, nil }

// zero is /dev/zero.
type zero struct{ null }

// Read gives zero bytes.
func (*zero) Read(_ *fs.File, _ *fs.Caller, b fs.Buffer, _ int64) (int, error) {
	return b.ZeroOut(b.Len())
}

// IsZero reports whether f is /dev/zero, a mapping of which is anonymous memory (mmap(2)).
func IsZero(f *fs.File) bool {
	_, ok := f.Ops.(*zero)
	return ok
}

// full is /dev/full: a disk without space that is full of zero bytes.
type full struct{ null }

// Read gives zero bytes.
func (*full) Read(_ *fs.File, _ *fs.Caller, b fs.Buffer, _ int64) (int, error) {
	return b.ZeroOut(b.Len())
}

// Write finds no space.
func (*full) Write(*fs.File, *fs.Caller, fs.Buffer, int64) (int, error) { return 0, abi.ENOSPC }

// random is /dev/random and /dev/urandom, which are the same (random(4)).
type random struct {
	null
	fill  func([]byte)
	buf   *scratch.Slot[[randomChunk]byte]
	queue *wait.Queue // nil for /dev/urandom, which can't be waited for
}

const (
	randomChunk = 512
	randomMost  = 32 << 20 // bytes that one read gives
	entropyBits = 256      // RNDGETENTCNT of a pool that is ready
)

// Requests of ioctl(2) on random numbers (random(4)).
const (
	rndGetEntCnt = 0x80045200
	rndAddEntCnt = 0x40045201
	rndReseed    = 0x5207
)

// Read gives random bytes.
func (r *random) Read(_ *fs.File, _ *fs.Caller, b fs.Buffer, _ int64) (int, error) {
	buf := r.buf.Take()
	want := min(b.Len(), randomMost)
	total := 0
	for total < want {
		p := buf[:min(want-total, randomChunk)]
		r.fill(p)
		n, err := b.CopyOut(p)
		total += n
		if err != nil {
			clear(buf[:])
			r.buf.Give(buf)
			if total > 0 {
				err = nil
			}
			return total, err
		}
	}
	clear(buf[:])
	r.buf.Give(buf)
	return total, nil
}

// Queue is never notified: the pool is always ready.
func (r *random) Queue(*fs.File) *wait.Queue { return r.queue }

// Ioctl tells that there is entropy enough. Adding some changes nothing: the kernel has its own sources.
func (r *random) Ioctl(_ *fs.File, _ *fs.Caller, cmd, arg uint32, m fs.UserMemory) (uint32, error) {
	switch cmd {
	case rndGetEntCnt:
		return 0, m.CopyOut(arg, binary.LittleEndian.AppendUint32(nil, entropyBits))
	case rndAddEntCnt, rndReseed:
		return 0, nil
	}
	return 0, abi.EINVAL
}
