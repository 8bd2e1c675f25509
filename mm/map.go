package mm

import (
	"cleave/abi"
	"cleave/mm/frame"
)

// Map makes a mapping and returns its address (mmap(2)). Errors: EINVAL, EEXIST (MAP_FIXED_NOREPLACE), EPERM (below
// MinAddr, a seal), EACCES (rights that the file does not give), ENOMEM (no room, a limit, too many mappings), EAGAIN (too much
// locked memory).
func (as *AddressSpace) Map(m Map) (uint32, error) {
	n, err := m.check()
	if err != nil {
		return 0, err
	}
	if m.Mapping == nil && m.Flags&abi.MAP_TYPE != abi.MAP_PRIVATE {
		s := as.mem.NewSharedMemory(uint64(n))
		defer s.Unref()
		m.Mapping, m.Page, m.Name = s, 0, "/dev/zero (deleted)"
	}
	as.mu.Lock()
	v, err := as.mapLocked(&m, n)
	var start uint32
	var populate bool
	if err == nil {
		start = v.start
		populate = m.Flags&abi.MAP_POPULATE != 0 || v.flags&(vmLocked|vmLockOnFault) == vmLocked
		as.insert(v)
	}
	as.unlock()
	if populate {
		as.populate(start, start+n)
	}
	return start << frame.Shift, err
}

// check checks what does not depend on the address space and returns the length in pages.
func (m *Map) check() (uint32, error) {
	if m.Len == 0 {
		return 0, abi.EINVAL
	}
	switch m.Flags & abi.MAP_TYPE {
	case abi.MAP_PRIVATE:
	case abi.MAP_SHARED, abi.MAP_SHARED_VALIDATE:
		if m.Flags&abi.MAP_GROWSDOWN != 0 || m.Mapping == nil && m.Flags&abi.MAP_TYPE != abi.MAP_SHARED {
			return 0, abi.EINVAL
		}
	default:
		return 0, abi.EINVAL
	}
	n := uint32((uint64(m.Len) + PageSize - 1) >> frame.Shift)
	switch {
	case n > UserLimit>>frame.Shift:
		return 0, abi.ENOMEM
	case m.Flags&abi.MAP_HUGETLB != 0:
		return 0, abi.EINVAL // DIVERGES: there are no huge pages to map; Linux has ENOMEM when none are set aside
	case m.Page+uint64(n) < m.Page:
		return 0, abi.EOVERFLOW
	case m.Mapping == nil && m.MaxProt == 0:
		m.MaxProt = ProtAll
	}
	if m.Prot&^m.MaxProt != 0 {
		return 0, abi.EACCES
	}
	return n, nil
}

// mapLocked makes room for m and returns its vma, with references but not yet inserted.
func (as *AddressSpace) mapLocked(m *Map, n uint32) (*vma, error) {
	start, err := as.choose(m, n)
	if err != nil {
		return nil, err
	}
	v := as.newVMA()
	v.start, v.end, v.max, v.page, v.name = start, start+n, m.MaxProt, m.Page, m.Name
	v.setProt(m.Prot, as.mem.nx)
	v.flags = as.flagsOf(m)
	v.file, v.mapping = m.File, m.Mapping
	if v.writesFile() {
		i := v.file.Inode()
		i.CountWritableMap(1)
		defer i.CountWritableMap(-1) // hold counts v itself
		if i.WriteSealed() {
			if m.Prot&ProtWrite != 0 {
				return nil, abi.EPERM
			}
			v.max &^= ProtWrite
		}
	}
	if err := as.admit(v, start, start+n); err != nil {
		return nil, err
	}
	if err := as.unmapLocked(start, start+n); err != nil {
		return nil, err
	}
	as.hold(v)
	return v, nil
}

// flagsOf returns the properties of a new mapping.
func (as *AddressSpace) flagsOf(m *Map) vmaFlags {
	f := as.lockFuture
	if m.Flags&abi.MAP_TYPE != abi.MAP_PRIVATE {
		f |= vmShared
	}
	if m.Flags&abi.MAP_GROWSDOWN != 0 {
		f |= vmGrowsDown
	}
	if m.Flags&abi.MAP_LOCKED != 0 {
		f |= vmLocked
	}
	if m.Flags&abi.MAP_NORESERVE != 0 {
		f |= vmNoReserve
	}
	switch m.Mapping.(type) {
	case *SharedMemory:
		f |= vmShmem
	case *kernelFrames:
		f |= vmSpecial
	}
	return f
}

// admit checks the limits for a new mapping v, which replaces whatever is between start and end.
func (as *AddressSpace) admit(v *vma, start, end uint32) error {
	n := uint64(v.pages())
	size, data, count := uint64(as.size)+n, uint64(as.data), len(as.vmas)+1
	if v.isData() {
		data += n
	}
	for i := as.search(start); i < len(as.vmas) && as.vmas[i].start < end; i++ {
		old := as.vmas[i]
		k := uint64(min(end, old.end) - max(start, old.start))
		size -= k
		if old.isData() {
			data -= k
		}
		switch {
		case old.start >= start && old.end <= end:
			count--
		case old.start < start && old.end > end:
			count++
		}
	}
	switch {
	case count > MaxMappings, size > as.limits.AS>>frame.Shift:
		return abi.ENOMEM
	case v.isData() && data > as.limits.Data>>frame.Shift:
		return abi.ENOMEM
	case v.isData() && v.mapping == nil && v.flags&vmNoReserve == 0 && n > uint64(as.mem.total()):
		return abi.ENOMEM // an obvious overcommit, as vm.overcommit_memory 0 has it
	case v.flags&vmLocked != 0 && uint64(as.locked)+n > as.limits.Memlock>>frame.Shift:
		return abi.EAGAIN
	}
	return nil
}

// total returns the frames of the machine.
func (m *Memory) total() int { return m.pool.Stats().Total }

// choose returns the first page of a new mapping of n pages.
func (as *AddressSpace) choose(m *Map, n uint32) (uint32, error) {
	page := m.Addr >> frame.Shift
	if m.Flags&(abi.MAP_FIXED|abi.MAP_FIXED_NOREPLACE) != 0 {
		switch {
		case uint64(m.Addr)+uint64(n)<<frame.Shift > UserLimit:
			return 0, abi.ENOMEM
		case m.Addr&(PageSize-1) != 0:
			return 0, abi.EINVAL
		case m.Addr < MinAddr && !m.Low:
			return 0, abi.EPERM
		}
		i := as.search(page)
		if m.Flags&abi.MAP_FIXED_NOREPLACE != 0 && i < len(as.vmas) && as.vmas[i].start < page+n {
			return 0, abi.EEXIST
		}
		return page, nil
	}
	if m.Addr != 0 {
		page = max(page, MinAddr>>frame.Shift)
		if page+n <= UserLimit>>frame.Shift && as.vacant(page, page+n) {
			return page, nil
		}
	}
	return as.findHole(n)
}

// floor returns the lowest page that a mapping below v may end at: a stack has its guard.
func (v *vma) floor() uint32 {
	if v.flags&vmGrowsDown == 0 {
		return v.start
	}
	return v.start - min(v.start, StackGuard>>frame.Shift)
}

// vacant reports whether nothing is mapped from start up to end, nor in the guard of a stack above.
func (as *AddressSpace) vacant(start, end uint32) bool {
	i := as.search(start)
	return i == len(as.vmas) || as.vmas[i].floor() >= end
}

// findHole returns the first page of the highest hole of n pages below as.base, or else of the lowest above
// bottomUpBase.
func (as *AddressSpace) findHole(n uint32) (uint32, error) {
	top := as.base
	if as.holeMin != 0 && n >= as.holeMin {
		top = as.holeTop
	}
	for i := as.search(top); ; i-- {
		if i < len(as.vmas) {
			top = min(top, as.vmas[i].floor())
		}
		low := uint32(MinAddr >> frame.Shift)
		if i > 0 {
			low = max(low, as.vmas[i-1].end)
		}
		if top >= low && top-low >= n {
			as.holeTop, as.holeMin = top, n
			return top - n, nil
		}
		if i == 0 {
			break
		}
	}
	low := uint32(bottomUpBase >> frame.Shift)
	for i := as.search(low); ; i++ {
		top := uint32(UserLimit >> frame.Shift)
		if i < len(as.vmas) {
			top = as.vmas[i].floor()
		}
		if top >= low && top-low >= n {
			return low, nil
		}
		if i == len(as.vmas) {
			return 0, abi.ENOMEM
		}
		low = max(low, as.vmas[i].end)
	}
}

// populate brings in the pages from start up to end, as far as they can be had (MAP_POPULATE, mlock). It stops when the
// account has more frames than it may.
func (as *AddressSpace) populate(start, end uint32) {
	for p := start; p < end; p++ {
		as.mu.Lock()
		v := as.lookup(p)
		a := Read
		if v != nil && v.prot&ProtWrite != 0 && v.flags&vmShared == 0 {
			a = Write
		}
		as.mu.Unlock()
		if v == nil || as.payer.Load().Over() || as.fault(p, a) != nil {
			return
		}
	}
}

// MapStack maps the first stack: it ends at the usual place, has n bytes at first, and grows down. It returns where it ends.
func (as *AddressSpace) MapStack(n uint32, p Prot) (uint32, error) {
	as.mu.Lock()
	top := as.stackTop << frame.Shift
	as.mu.Unlock()
	n = (n + PageSize - 1) &^ (PageSize - 1)
	_, err := as.Map(Map{Addr: top - n, Len: n, Prot: p, Flags: abi.MAP_PRIVATE | abi.MAP_ANONYMOUS | abi.MAP_FIXED |
		abi.MAP_GROWSDOWN, Name: "[stack]"})
	return top, err
}

// MapFrames maps frames of the kernel, such as the vDSO's. The mapping has a reference to each; m.Len is ignored.
func (as *AddressSpace) MapFrames(m Map, frames []frame.PFN) (uint32, error) {
	k := newKernelFrames(as.mem.pool, frames)
	defer k.Unref()
	m.Mapping, m.Page, m.Len = k, 0, uint32(len(frames))<<frame.Shift
	if m.Flags&abi.MAP_TYPE == 0 {
		m.Flags |= abi.MAP_SHARED
	}
	return as.Map(m)
}
