package linux386

import (
	"encoding/binary"

	"cleave/abi"
	"cleave/mm"
	"cleave/proc"
)

// load reads a path into the task's first buffer, where it stays until the next path is read. EFAULT, ENAMETOOLONG.
func (p Path) load(t *proc.Task) ([]byte, error) {
	return t.MM().CopyInString(t.PathBuffer(0), uint32(p))
}

// loadAt is load for a call that takes an empty path with AT_EMPTY_PATH, as fstat(3) does: a look at its first byte will do
// then.
func (p Path) loadAt(t *proc.Task, flags AtFlags) ([]byte, error) {
	if flags&abi.AT_EMPTY_PATH != 0 {
		if c, err := mm.Load[byte](t.MM(), uint32(p)); err == nil && c == 0 {
			return nil, nil
		}
	}
	return p.load(t)
}

// load2 reads the second path of a call.
func (p Path) load2(t *proc.Task) ([]byte, error) {
	return t.MM().CopyInString(t.PathBuffer(1), uint32(p))
}

// load reads a short string, of which limit bytes with its NUL may be in use. EINVAL: it is longer; EFAULT.
func (s Str) load(t *proc.Task, limit int) (string, error) {
	b, err := t.MM().CopyInString(make([]byte, limit), uint32(s))
	if err == abi.ENAMETOOLONG {
		err = abi.EINVAL
	}
	return string(b), err
}

// AtFlags are flags of the *at calls.
type AtFlags uint32

func (AtFlags) show(p *printer, i int) {
	p.flags(p.regs[i], []flag{{abi.AT_SYMLINK_NOFOLLOW, "AT_SYMLINK_NOFOLLOW"}, {abi.AT_REMOVEDIR, "AT_REMOVEDIR"},
		{abi.AT_SYMLINK_FOLLOW, "AT_SYMLINK_FOLLOW"}, {abi.AT_NO_AUTOMOUNT, "AT_NO_AUTOMOUNT"}, {abi.AT_EMPTY_PATH, "AT_EMPTY_PATH"},
		{abi.AT_STATX_FORCE_SYNC, "AT_STATX_FORCE_SYNC"}, {abi.AT_STATX_DONT_SYNC, "AT_STATX_DONT_SYNC"},
		{abi.AT_RECURSIVE, "AT_RECURSIVE"}})
}

// check refuses flags that a call does not know.
func (f AtFlags) check(known AtFlags) error {
	if f&^known != 0 {
		return abi.EINVAL
	}
	return nil
}

// loadWords reads a structure of 64-bit words that has grown over the years: the caller says how large his is. Words that
// he does not have are 0. EINVAL: smaller than the first version; E2BIG: larger than ours, and not zero there; EFAULT.
func loadWords(t *proc.Task, addr, size, first uint32, words []uint64) error {
	if size < first {
		return abi.EINVAL
	}
	if size > pageSize {
		return abi.E2BIG
	}
	raw := make([]byte, max(int(size), 8*len(words)))
	if err := t.MM().CopyIn(raw[:size], addr); err != nil {
		return err
	}
	for i := range words {
		words[i] = binary.LittleEndian.Uint64(raw[8*i:])
	}
	for _, b := range raw[8*len(words):] {
		if b != 0 {
			return abi.E2BIG
		}
	}
	return nil
}
