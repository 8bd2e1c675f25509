package mm

import (
	"cleave/abi"
	"cleave/mm/frame"
)

// SetBreak says where the heap starts: behind the program (exec). A randomized address space moves it up by some pages.
func (as *AddressSpace) SetBreak(start uint32) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.randomize {
		start = (start+PageSize-1)&^(PageSize-1) + as.mem.random()&brkRandomMask<<frame.Shift
	}
	as.brkStart, as.brkEnd = start, start
}

// Break moves the end of the heap to addr, if that is possible, and returns where it is then (brk(2)).
func (as *AddressSpace) Break(addr uint32) uint32 {
	as.mu.Lock()
	locked := as.breakLocked(addr)
	start, end := as.brkStart, as.brkEnd
	as.unlock()
	if locked {
		as.populate(start>>frame.Shift, (end+PageSize-1)>>frame.Shift)
	}
	return end
}

// breakLocked moves the end of the heap and reports whether new pages are to be brought in.
func (as *AddressSpace) breakLocked(addr uint32) bool {
	if addr < as.brkStart || addr >= UserLimit || as.brkStart == 0 {
		return false
	}
	if limit := as.limits.Data; uint64(addr-as.brkStart) > limit {
		return false
	}
	old, end := (as.brkEnd+PageSize-1)>>frame.Shift, (addr+PageSize-1)>>frame.Shift
	switch {
	case end < old:
		if as.unmapLocked(end, old) != nil {
			return false
		}
	case end > old:
		return as.growBreak(addr, old, end)
	}
	as.brkEnd = addr
	return false
}

// growBreak maps the pages from old up to end.
func (as *AddressSpace) growBreak(addr, old, end uint32) bool {
	if end > UserLimit>>frame.Shift || !as.vacant(old, end) {
		return false
	}
	v := as.newVMA()
	v.start, v.end, v.max, v.name = old, end, ProtAll, "[heap]"
	v.setProt(ProtRead|ProtWrite, as.mem.nx)
	v.flags = as.lockFuture
	if as.admit(v, old, end) != nil {
		return false
	}
	as.insert(v)
	as.brkEnd = addr
	return v.flags&(vmLocked|vmLockOnFault) == vmLocked
}

// Lock locks n bytes at addr into memory (mlock2(2), with flags abi.MLOCK_ONFAULT or 0): ENOMEM for unmapped pages or too much
// locked memory, EINVAL for bad flags.
func (as *AddressSpace) Lock(addr, n, flags uint32) error {
	if flags&^uint32(abi.MLOCK_ONFAULT) != 0 {
		return abi.EINVAL
	}
	set := vmLocked
	if flags&abi.MLOCK_ONFAULT != 0 {
		set |= vmLockOnFault
	}
	return as.setLock(addr, n, set)
}

// Unlock is munlock(2).
func (as *AddressSpace) Unlock(addr, n uint32) error { return as.setLock(addr, n, 0) }

// setLock replaces the lock flags of the pages of a range.
func (as *AddressSpace) setLock(addr, n uint32, set vmaFlags) error {
	n64 := uint64(n) + uint64(addr&(PageSize-1)) // unlike others, these calls round the address down
	if n64 > 1<<32-PageSize {
		return abi.EINVAL
	}
	start, end, err := pageRange(addr&^(PageSize-1), uint32(n64))
	if err != nil || start == end {
		return err
	}
	as.mu.Lock()
	err = as.lockLocked(start, end, set)
	as.unlock()
	if err == nil && set&(vmLocked|vmLockOnFault) == vmLocked {
		as.populate(start, end)
	}
	return err
}

func (as *AddressSpace) lockLocked(start, end uint32, set vmaFlags) error {
	if !as.covered(start, end) {
		return abi.ENOMEM
	}
	if set != 0 {
		more := uint64(0)
		for i := as.search(start); i < len(as.vmas) && as.vmas[i].start < end; i++ {
			if v := as.vmas[i]; v.flags&vmLocked == 0 {
				more += uint64(min(v.end, end) - max(v.start, start))
			}
		}
		if more != 0 && uint64(as.locked)+more > as.limits.Memlock>>frame.Shift {
			return abi.ENOMEM
		}
	}
	return as.setFlags(start, end, set, vmLocked|vmLockOnFault)
}

// setFlags replaces the flags of mask by set in the mappings from start up to end.
func (as *AddressSpace) setFlags(start, end uint32, set, mask vmaFlags) error {
	i, j, err := as.isolate(start, end)
	if err != nil {
		return err
	}
	for _, v := range as.vmas[i:j] {
		as.account(v, -1)
		v.flags = v.flags&^mask | set
		as.account(v, 1)
	}
	as.mergeAround(i, j)
	return nil
}

// UnlockAll is munlockall(2).
func (as *AddressSpace) UnlockAll() {
	as.mu.Lock()
	as.lockFuture = 0
	as.setAll(0)
	as.unlock()
}

// setAll replaces the lock flags of all mappings.
func (as *AddressSpace) setAll(set vmaFlags) {
	for _, v := range as.vmas {
		as.account(v, -1)
		v.flags = v.flags&^(vmLocked|vmLockOnFault) | set
		as.account(v, 1)
	}
	as.mergeAround(0, len(as.vmas))
}

// LockAll is mlockall(2), with abi.MCL_*: EINVAL for bad flags, ENOMEM for too much memory.
func (as *AddressSpace) LockAll(flags uint32) error {
	const known = abi.MCL_CURRENT | abi.MCL_FUTURE | abi.MCL_ONFAULT
	if flags&^uint32(known) != 0 || flags&(abi.MCL_CURRENT|abi.MCL_FUTURE) == 0 {
		return abi.EINVAL
	}
	set := vmLocked
	if flags&abi.MCL_ONFAULT != 0 {
		set |= vmLockOnFault
	}
	as.mu.Lock()
	if flags&abi.MCL_CURRENT != 0 && uint64(as.size) > as.limits.Memlock>>frame.Shift {
		as.unlock()
		return abi.ENOMEM
	}
	as.lockFuture = 0
	if flags&abi.MCL_FUTURE != 0 {
		as.lockFuture = set
	}
	if flags&abi.MCL_CURRENT != 0 {
		as.setAll(set)
	}
	as.unlock()
	if flags&(abi.MCL_CURRENT|abi.MCL_ONFAULT) == abi.MCL_CURRENT {
		as.Mappings(0, func(m *Mapping) bool {
			as.populate(m.Start>>frame.Shift, m.End>>frame.Shift)
			return true
		})
	}
	return nil
}
