package mm

import (
	"sync/atomic"

	"cleave/abi"
	"cleave/mm/frame"
)

// FutexKey returns the key of the word at addr (futex(2)); private is FUTEX_PRIVATE_FLAG. Errors: EINVAL if addr is not a
// multiple of 4, EFAULT.
func (as *AddressSpace) FutexKey(addr uint32, private bool) (FutexKey, error) {
	if err := checkWord(addr); err != nil {
		return FutexKey{}, err
	}
	if private {
		return FutexKey{as, uint64(addr)}, nil
	}
	as.mu.Lock()
	defer as.mu.Unlock()
	page := addr >> frame.Shift
	v := as.lookup(page)
	switch {
	case v == nil:
		return FutexKey{}, abi.EFAULT
	case v.flags&vmShared == 0:
		return FutexKey{as, uint64(addr)}, nil
	}
	return FutexKey{v.mapping, v.index(page)<<frame.Shift | uint64(addr&(PageSize-1))}, nil
}

// Stats returns the sizes of the address space.
func (as *AddressSpace) Stats() Stats {
	as.mu.Lock()
	defer as.mu.Unlock()
	s := Stats{
		Size: as.size, MaxSize: as.maxSize,
		Resident: as.rss[rssAnon] + as.rss[rssFile] + as.rss[rssShared], MaxResident: as.maxRSS,
		Anonymous: as.rss[rssAnon], File: as.rss[rssFile], Shared: as.rss[rssShared],
		Data: as.data, Locked: as.locked, PageTables: uint32(as.pt.frames), Mappings: len(as.vmas),
		MinorFaults: as.minor, MajorFaults: as.major,
	}
	for _, v := range as.vmas {
		switch {
		case v.flags&vmGrowsDown != 0:
			s.Stack += v.pages()
		case v.prot&(ProtExec|ProtWrite) == ProtExec:
			s.Text += v.pages()
		}
	}
	return s
}

// Heap returns where the heap starts and ends.
func (as *AddressSpace) Heap() (start, end uint32) {
	as.mu.Lock()
	defer as.mu.Unlock()
	return as.brkStart, as.brkEnd
}

// Mappings calls f for the mappings that end above from, in order, until it returns false. No lock is held during f, so
// mappings that change meanwhile are seen as they were or as they are.
func (as *AddressSpace) Mappings(from uint32, f func(*Mapping) bool) {
	page := from >> frame.Shift
	for {
		as.mu.Lock()
		i := as.search(page)
		if i == len(as.vmas) {
			as.mu.Unlock()
			return
		}
		v := as.vmas[i]
		m := v.describe()
		page = v.end
		if m.File != nil {
			m.File.Get()
		}
		as.mu.Unlock()
		more := f(&m)
		if m.File != nil {
			m.File.Put()
		}
		if !more {
			return
		}
	}
}

// describe returns what others may know of v.
func (v *vma) describe() Mapping {
	return Mapping{
		Start: v.start << frame.Shift, End: v.end << frame.Shift,
		Prot:       v.prot,
		Shared:     v.flags&vmShared != 0,
		GrowsDown:  v.flags&vmGrowsDown != 0,
		Locked:     v.flags&vmLocked != 0,
		DontFork:   v.flags&vmDontFork != 0,
		WipeOnFork: v.flags&vmWipeOnFork != 0,
		File:       v.file,
		Page:       v.page,
		Name:       v.name,
	}
}

// Find returns the mapping of addr; ok is false if there is none. Its File is nil.
func (as *AddressSpace) Find(addr uint32) (m Mapping, ok bool) {
	as.mu.Lock()
	defer as.mu.Unlock()
	v := as.lookup(addr >> frame.Shift)
	if v == nil {
		return Mapping{}, false
	}
	m = v.describe()
	m.File = nil
	return m, true
}

// PageInfo is what others may know of one page of an address space.
type PageInfo struct {
	Frame     frame.PFN // 0: nothing is there
	Anonymous bool      // private memory, not a page of a file
	Exclusive bool      // nobody else has the frame
}

// Pages fills list with what is at the pages from number first on, at one moment.
func (as *AddressSpace) Pages(first uint32, list []PageInfo) {
	as.mu.Lock()
	defer as.mu.Unlock()
	clear(list)
	for i := range list {
		page := first + uint32(i)
		if page >= UserLimit>>frame.Shift {
			return
		}
		e := as.pt.entry(page)
		if e == nil {
			continue
		}
		if v := atomic.LoadUint64(e); v&pteHeld != 0 {
			f := pteFrame(v)
			list[i] = PageInfo{Frame: f, Anonymous: v&pteAnon != 0, Exclusive: as.mem.pool.Refs(f) == 1}
		}
	}
}
