package mm

import (
	"sync/atomic"

	"cleave/abi"
	"cleave/mm/frame"
)

// Protect changes the rights of n bytes at addr (mprotect(2)); flags may have abi.PROT_GROWSDOWN. Errors: EINVAL, ENOMEM
// (unmapped pages, a limit, too many mappings), EACCES.
// DIVERGES: nothing is changed when it fails; Linux changes the mappings before the one at fault.
func (as *AddressSpace) Protect(addr, n uint32, p Prot, flags uint32) error {
	start, end, err := pageRange(addr, n)
	if err != nil || start == end {
		return err
	}
	as.mu.Lock()
	err = as.protectLocked(start, end, p, flags&abi.PROT_GROWSDOWN != 0)
	as.unlock()
	return err
}

func (as *AddressSpace) protectLocked(start, end uint32, p Prot, growsDown bool) error {
	if growsDown {
		i := as.search(start)
		if i == len(as.vmas) || as.vmas[i].start >= end {
			return abi.ENOMEM
		}
		if as.vmas[i].flags&vmGrowsDown == 0 {
			return abi.EINVAL
		}
		start = as.vmas[i].start
	}
	if !as.covered(start, end) {
		return abi.ENOMEM
	}
	if err := as.mayProtect(start, end, p); err != nil {
		return err
	}
	i, j, err := as.isolate(start, end)
	if err != nil {
		return err
	}
	for _, v := range as.vmas[i:j] {
		if v.prot == p {
			continue
		}
		as.account(v, -1)
		v.setProt(p, as.mem.nx)
		as.account(v, 1)
		as.updateEntries(v)
	}
	as.flush()
	as.mergeAround(i, j)
	return nil
}

// mayProtect checks that the mappings from start up to end may have rights p.
func (as *AddressSpace) mayProtect(start, end uint32, p Prot) error {
	more := uint64(0) // pages that begin to count as data
	for i := as.search(start); i < len(as.vmas) && as.vmas[i].start < end; i++ {
		v := as.vmas[i]
		if p&^v.max != 0 {
			return abi.EACCES
		}
		if p&ProtWrite != 0 && v.prot&ProtWrite == 0 && v.flags&(vmShared|vmGrowsDown) == 0 {
			more += uint64(min(v.end, end) - max(v.start, start))
		}
	}
	if more != 0 && uint64(as.data)+more > as.limits.Data>>frame.Shift {
		return abi.ENOMEM
	}
	return nil
}

// updateEntries gives the entries of v the rights of v. A page is made writable only if nobody else has it; others are
// by the fault that a write makes.
func (as *AddressSpace) updateEntries(v *vma) {
	const rights = ptePresent | pteUser | pteAccessed | pteWrite | pteNX
	for p := v.start; p < v.end; {
		lim := min(v.end, nextTable(p))
		tab := as.pt.table(p)
		if tab == nil {
			p = lim
			continue
		}
		for ; p < lim; p++ {
			e := &tab[p&511]
			old := atomic.LoadUint64(e)
			if old == 0 {
				continue
			}
			bits := v.bits
			if v.prot&ProtWrite != 0 && (old&pteWrite != 0 ||
				old&pteAnon != 0 && as.mem.pool.Refs(pteFrame(old)) == 1) {
				bits |= pteWrite
			}
			if v.bits&ptePresent == 0 && old&pteHeld == 0 {
				bits, old = 0, 0 // the page of zeros: it comes again
			}
			as.replaceEntry(e, old&^rights|bits)
			as.gather.note(p)
		}
	}
}

// replaceEntry stores a new value for the same page, and keeps a dirty bit that the CPU sets meanwhile.
func (as *AddressSpace) replaceEntry(e *uint64, v uint64) {
	for {
		old := atomic.LoadUint64(e)
		n := v
		if v != 0 {
			n |= old & pteDirty
		}
		if atomic.CompareAndSwapUint64(e, old, n) {
			return
		}
	}
}
