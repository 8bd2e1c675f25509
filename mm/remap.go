package mm

import (
	"sync/atomic"

	"cleave/abi"
	"cleave/mm/frame"
)

// remap is a checked call of Remap, in pages.
type remap struct {
	start, oldEnd uint32
	n             uint32 // new length
	flags         uint32
	to            uint32 // with MREMAP_FIXED
}

// Remap grows, shrinks or moves the mapping of oldLen bytes at old (mremap(2)) and returns its address. Errors: EINVAL,
// EFAULT (old is not mapped, or not by one mapping), ENOMEM, EAGAIN (too much locked memory).
func (as *AddressSpace) Remap(old, oldLen, newLen, flags, newAddr uint32) (uint32, error) {
	r, err := checkRemap(old, oldLen, newLen, flags, newAddr)
	if err != nil {
		return 0, err
	}
	as.mu.Lock()
	start, err := as.remapLocked(r)
	locked := false
	if err == nil {
		v := as.lookup(start)
		locked = v != nil && v.flags&(vmLocked|vmLockOnFault) == vmLocked
	}
	as.unlock()
	if locked {
		as.populate(start, start+r.n)
	}
	return start << frame.Shift, err
}

// checkRemap checks what does not depend on the address space.
func checkRemap(old, oldLen, newLen, flags, newAddr uint32) (remap, error) {
	const known = abi.MREMAP_MAYMOVE | abi.MREMAP_FIXED | abi.MREMAP_DONTUNMAP
	moves := flags & (abi.MREMAP_FIXED | abi.MREMAP_DONTUNMAP)
	switch {
	case flags&^uint32(known) != 0,
		moves != 0 && flags&abi.MREMAP_MAYMOVE == 0,
		flags&abi.MREMAP_DONTUNMAP != 0 && oldLen != newLen,
		newLen == 0,
		old&(PageSize-1) != 0,
		flags&abi.MREMAP_FIXED != 0 && newAddr&(PageSize-1) != 0:
		return remap{}, abi.EINVAL
	}
	start, end, err := pageRange(old, oldLen)
	if err != nil {
		return remap{}, abi.EINVAL
	}
	n := uint32((uint64(newLen) + PageSize - 1) >> frame.Shift)
	r := remap{start: start, oldEnd: end, n: n, flags: flags, to: newAddr >> frame.Shift}
	switch {
	case n > UserLimit>>frame.Shift:
		return r, abi.EINVAL
	case flags&abi.MREMAP_FIXED == 0:
		return r, nil
	case r.to+n > UserLimit>>frame.Shift || r.to < end && start < r.to+n:
		return r, abi.EINVAL
	case newAddr < MinAddr:
		return r, abi.EPERM
	}
	return r, nil
}

func (as *AddressSpace) remapLocked(r remap) (uint32, error) {
	v := as.lookup(r.start)
	switch {
	case v == nil:
		return 0, abi.EFAULT
	case r.oldEnd == r.start && (v.flags&vmShared == 0 || r.flags&abi.MREMAP_MAYMOVE == 0):
		return 0, abi.EINVAL // length 0 makes a second mapping, which only shared ones can have
	case v.flags&vmSpecial != 0 && r.start+r.n > r.oldEnd:
		return 0, abi.EFAULT
	case r.flags&abi.MREMAP_DONTUNMAP != 0 && v.flags&vmSpecial != 0:
		return 0, abi.EINVAL
	}
	oldN := r.oldEnd - r.start
	if r.flags&(abi.MREMAP_FIXED|abi.MREMAP_DONTUNMAP) == 0 && oldN != 0 && r.n <= oldN {
		if r.n == oldN {
			return r.start, nil
		}
		return r.start, as.unmapLocked(r.start+r.n, r.oldEnd)
	}
	if r.oldEnd > v.end {
		return 0, abi.EFAULT
	}
	if err := as.mayGrow(v, r, oldN); err != nil {
		return 0, err
	}
	if r.flags&(abi.MREMAP_FIXED|abi.MREMAP_DONTUNMAP) == 0 && r.oldEnd == v.end && oldN != 0 && as.growInPlace(v, r) {
		return r.start, nil
	}
	if r.flags&abi.MREMAP_MAYMOVE == 0 {
		return 0, abi.ENOMEM
	}
	return as.move(r)
}

// mayGrow checks the limits for a mapping that gets longer.
func (as *AddressSpace) mayGrow(v *vma, r remap, oldN uint32) error {
	more := uint64(r.n) - uint64(min(oldN, r.n))
	if r.flags&abi.MREMAP_DONTUNMAP != 0 {
		more = uint64(r.n)
	}
	switch {
	case v.mapping != nil && v.index(r.start)+uint64(r.n) < v.page:
		return abi.EINVAL
	case uint64(as.size)+more > as.limits.AS>>frame.Shift,
		v.isData() && uint64(as.data)+more > as.limits.Data>>frame.Shift:
		return abi.ENOMEM
	case v.flags&vmLocked != 0 && uint64(as.locked)+more > as.limits.Memlock>>frame.Shift:
		return abi.EAGAIN
	}
	return nil
}

// growInPlace extends v, which the remapped range ends with, if there is room.
func (as *AddressSpace) growInPlace(v *vma, r remap) bool {
	end := r.start + r.n
	if end > UserLimit>>frame.Shift || !as.vacant(v.end, end) {
		return false
	}
	as.account(v, -1)
	v.end = end
	as.account(v, 1)
	i := as.search(v.start)
	as.mergeAround(i, i+1)
	return true
}

// move moves the range to another place, with its pages. Everything that can fail is done first.
func (as *AddressSpace) move(r remap) (uint32, error) {
	to, err := r.to, error(nil)
	if r.flags&abi.MREMAP_FIXED == 0 {
		if to, err = as.findHole(r.n); err != nil {
			return 0, err
		}
	}
	if len(as.vmas)+4 > MaxMappings { // splits at both places, and the new one
		return 0, abi.ENOMEM
	}
	moved := min(r.oldEnd-r.start, r.n)
	var res frame.Reservation
	if err := as.mem.pool.Reserve(&res, as.pt.needs(to, to+moved)); err != nil {
		return 0, err
	}
	defer res.Release()
	if err := as.unmapLocked(to, to+r.n); err != nil {
		return 0, err
	}
	v := as.lookup(r.start) // only now: unmapping may have split it
	w := as.newVMA()
	*w = *v
	w.link, w.window, w.nextFault = nil, 0, 0
	w.start, w.end = to, to+r.n
	if w.mapping != nil {
		w.page = v.index(r.start)
	}
	as.hold(w)
	as.moveEntries(r.start, to, moved, &res)
	as.insert(w) // first, so that its tables are known to be needed
	if r.flags&abi.MREMAP_DONTUNMAP != 0 {
		as.unlockRange(r.start, r.oldEnd)
	} else if r.oldEnd > r.start {
		if err := as.unmapLocked(r.start, r.oldEnd); err != nil {
			return 0, err // not reached: the count of mappings was checked
		}
	}
	return to, nil
}

// unlockRange takes the lock off what MREMAP_DONTUNMAP leaves behind.
func (as *AddressSpace) unlockRange(start, end uint32) {
	i, j, err := as.isolate(start, end)
	if err != nil {
		return
	}
	for _, v := range as.vmas[i:j] {
		as.account(v, -1)
		v.flags &^= vmLocked | vmLockOnFault
		as.account(v, 1)
	}
	as.mergeAround(i, j)
}

// moveEntries moves the entries of n pages; tables come out of res.
func (as *AddressSpace) moveEntries(from, to, n uint32, res *frame.Reservation) {
	for i := uint32(0); i < n; i++ {
		src := as.pt.entry(from + i)
		if src == nil {
			i = min(n, nextTable(from+i)-from) - 1
			continue
		}
		e := atomic.SwapUint64(src, 0)
		if e == 0 {
			continue
		}
		as.gather.note(from + i)
		atomic.StoreUint64(&as.pt.ensureFrom(to+i, res)[(to+i)&511], e)
	}
	as.flush()
}
