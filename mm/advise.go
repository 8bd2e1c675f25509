package mm

import (
	"sync/atomic"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm/frame"
)

// Discarder is a frame.Mapping whose pages can be freed, so that they read as zeros (MADV_REMOVE). It is called without locks.
type Discarder interface {
	Discard(page, n uint64)
}

// Advise is madvise(2). Advice about reading ahead and about paging has no effect. Errors: EINVAL, ENOMEM (unmapped pages,
// after the mapped ones were treated), EFAULT (MADV_POPULATE_*).
func (as *AddressSpace) Advise(addr, n uint32, advice int32) error {
	if !knownAdvice(advice) {
		return abi.EINVAL
	}
	start, end, err := pageRange(addr, n)
	if err != nil {
		return abi.EINVAL
	}
	if start == end {
		return nil
	}
	switch advice {
	case abi.MADV_POPULATE_READ, abi.MADV_POPULATE_WRITE:
		return as.advisePopulate(start, end, advice)
	case abi.MADV_REMOVE:
		return as.adviseRemove(start, end)
	}
	as.mu.Lock()
	defer as.unlock()
	hole := !as.covered(start, end)
	if err := as.adviseLocked(start, end, advice); err != nil {
		return err
	}
	if hole {
		return abi.ENOMEM
	}
	return nil
}

func knownAdvice(advice int32) bool {
	switch advice {
	case abi.MADV_NORMAL, abi.MADV_RANDOM, abi.MADV_SEQUENTIAL, abi.MADV_WILLNEED, abi.MADV_DONTNEED, abi.MADV_FREE,
		abi.MADV_REMOVE, abi.MADV_DONTFORK, abi.MADV_DOFORK, abi.MADV_DONTDUMP, abi.MADV_DODUMP, abi.MADV_WIPEONFORK,
		abi.MADV_KEEPONFORK, abi.MADV_COLD, abi.MADV_PAGEOUT, abi.MADV_POPULATE_READ, abi.MADV_POPULATE_WRITE,
		abi.MADV_DONTNEED_LOCKED:
		return true
	}
	return false
}

// adviseLocked treats the mappings from start up to end; the first one that refuses ends it.
func (as *AddressSpace) adviseLocked(start, end uint32, advice int32) error {
	switch advice {
	case abi.MADV_DONTNEED, abi.MADV_DONTNEED_LOCKED, abi.MADV_FREE:
		return as.adviseDrop(start, end, advice)
	case abi.MADV_DONTFORK:
		return as.setFlags(start, end, vmDontFork, vmDontFork)
	case abi.MADV_DOFORK:
		return as.setFlagsOf(start, end, 0, vmDontFork, func(v *vma) bool { return v.flags&vmSpecial == 0 })
	case abi.MADV_WIPEONFORK:
		return as.setFlagsOf(start, end, vmWipeOnFork, vmWipeOnFork, func(v *vma) bool { return v.mapping == nil })
	case abi.MADV_KEEPONFORK:
		return as.setFlags(start, end, 0, vmWipeOnFork)
	case abi.MADV_DONTDUMP:
		return as.setFlags(start, end, vmDontDump, vmDontDump)
	case abi.MADV_DODUMP:
		return as.setFlagsOf(start, end, 0, vmDontDump, func(v *vma) bool { return v.flags&vmSpecial == 0 })
	}
	return nil
}

// setFlagsOf is setFlags, unless a mapping is not of the right kind: EINVAL.
func (as *AddressSpace) setFlagsOf(start, end uint32, set, mask vmaFlags, ok func(*vma) bool) error {
	for i := as.search(start); i < len(as.vmas) && as.vmas[i].start < end; i++ {
		if !ok(as.vmas[i]) {
			return abi.EINVAL
		}
	}
	return as.setFlags(start, end, set, mask)
}

// adviseDrop frees pages. MADV_FREE may free them whenever it likes, so it does at once.
func (as *AddressSpace) adviseDrop(start, end uint32, advice int32) error {
	var err error
	for i := as.search(start); i < len(as.vmas) && as.vmas[i].start < end; i++ {
		v := as.vmas[i]
		if advice != abi.MADV_DONTNEED_LOCKED && v.flags&vmLocked != 0 ||
			advice == abi.MADV_FREE && v.mapping != nil || v.flags&vmSpecial != 0 {
			err = abi.EINVAL
			break
		}
		as.zap(v, max(start, v.start), min(end, v.end), false)
	}
	as.flush()
	return err
}

// advisePopulate brings pages in, writable or not.
func (as *AddressSpace) advisePopulate(start, end uint32, advice int32) error {
	a := Read
	if advice == abi.MADV_POPULATE_WRITE {
		a = Write
	}
	for p := start; p < end; p++ {
		switch err := as.fault(p, a); err {
		case nil:
		case ErrMap:
			return abi.ENOMEM
		case ErrAccess:
			return abi.EINVAL
		case ErrBus:
			return abi.EFAULT
		default:
			return err
		}
	}
	return nil
}

// adviseRemove frees the pages of shared mappings for everybody.
func (as *AddressSpace) adviseRemove(start, end uint32) error {
	for start < end {
		as.mu.Lock()
		v := as.lookup(start)
		if v == nil {
			as.mu.Unlock()
			return abi.ENOMEM
		}
		d, ok := v.mapping.(Discarder)
		if v.flags&vmLocked != 0 || v.mapping == nil {
			as.mu.Unlock()
			return abi.EINVAL
		}
		if v.flags&vmShared == 0 || v.max&ProtWrite == 0 {
			as.mu.Unlock()
			return abi.EACCES
		}
		if !ok {
			as.mu.Unlock()
			return abi.EOPNOTSUPP
		}
		m, idx, n := v.mapping, v.index(start), min(end, v.end)-start
		m.AddMapper(as)
		as.mu.Unlock()
		d.Discard(idx, uint64(n))
		m.RemoveMapper(as)
		start += n
	}
	return nil
}

// Sync checks a call of msync(2) and calls f, without the lock, for each part of a shared file mapping in the range if flags have
// abi.MS_SYNC. Errors: EINVAL, ENOMEM (unmapped pages, after the mapped ones), EBUSY (MS_INVALIDATE of locked pages),
// or what f returned first.
func (as *AddressSpace) Sync(addr, n, flags uint32, f func(file *fs.File, page, n uint64) error) error {
	const both = abi.MS_ASYNC | abi.MS_SYNC
	if flags&^uint32(both|abi.MS_INVALIDATE) != 0 || flags&both == both {
		return abi.EINVAL
	}
	start, end, err := pageRange(addr, n)
	if err != nil {
		return err
	}
	hole := false
	for start < end {
		as.mu.Lock()
		i := as.search(start)
		if i == len(as.vmas) || as.vmas[i].start >= end {
			as.mu.Unlock()
			return abi.ENOMEM
		}
		v := as.vmas[i]
		hole = hole || v.start > start
		start = max(start, v.start)
		file, idx, k := v.file, uint64(0), min(end, v.end)-start
		if v.flags&vmLocked != 0 && flags&abi.MS_INVALIDATE != 0 {
			as.mu.Unlock()
			return abi.EBUSY
		}
		sync := file != nil && v.flags&vmShared != 0 && flags&abi.MS_SYNC != 0
		if sync {
			idx = v.index(start)
			file.Get()
		}
		as.mu.Unlock()
		start += k
		if sync {
			err := f(file, idx, uint64(k))
			file.Put()
			if err != nil {
				return err
			}
		}
	}
	if hole {
		return abi.ENOMEM
	}
	return nil
}

// InCore says in vec, one byte a page, which pages at addr are in memory (mincore(2)): EINVAL, ENOMEM.
func (as *AddressSpace) InCore(addr uint32, vec []byte) error {
	start, end, err := pageRange(addr, uint32(len(vec))<<frame.Shift)
	if err != nil || len(vec) > UserLimit>>frame.Shift {
		if err == nil {
			err = abi.ENOMEM
		}
		return err
	}
	as.mu.Lock()
	defer as.mu.Unlock()
	if !as.covered(start, end) {
		return abi.ENOMEM
	}
	for p := start; p < end; p++ {
		vec[p-start] = 0
		e := as.pt.entry(p)
		if e != nil && atomic.LoadUint64(e) != 0 {
			vec[p-start] = 1
			continue
		}
		v := as.lookup(p)
		if v.mapping == nil {
			continue
		}
		if f, ok := v.mapping.LookupPage(v.index(p)); ok {
			as.mem.pool.Unref(f)
			vec[p-start] = 1
		}
	}
	return nil
}
