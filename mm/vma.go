package mm

import (
	"slices"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm/frame"
)

// vmaFlags are properties of a mapping.
type vmaFlags uint16

const (
	vmShared vmaFlags = 1 << iota
	vmGrowsDown
	vmLocked
	vmLockOnFault // locked, but not brought in beforehand
	vmDontFork
	vmWipeOnFork
	vmNoReserve
	vmDontDump
	vmShmem   // maps a SharedMemory
	vmSpecial // maps frames of the kernel
)

// vma is one mapping: pages start up to end have the same rights and map the same thing in sequence.
type vma struct {
	start, end uint32 // pages
	prot, max  Prot
	flags      vmaFlags
	bits       uint64        // of entries that are not writable
	mapping    frame.Mapping // nil: private anonymous memory
	file       *fs.File      // that was mapped; nil: none
	page       uint64        // of mapping, at start
	name       string

	// Pages of anonymous memory that are touched in sequence are mapped several at a time.
	nextFault uint32 // the page where a sequence would go on
	window    uint32 // pages that the last fault mapped
	link      *vma   // in AddressSpace.spare or dead
}

func (v *vma) pages() uint32 { return v.end - v.start }

// index returns the page of v.mapping that is mapped at page.
func (v *vma) index(page uint32) uint64 { return v.page + uint64(page-v.start) }

// setProt sets the rights and what follows from them for entries. Any right includes reading, as on every x86 page.
func (v *vma) setProt(p Prot, nx uint64) {
	v.prot = p
	v.bits = pteUser | pteAccessed
	if p != 0 {
		v.bits |= ptePresent
	}
	if p&ProtExec == 0 {
		v.bits |= nx
	}
}

// permits reports whether an access is allowed.
func (v *vma) permits(a Access) bool {
	switch {
	case a&Write != 0:
		return v.prot&ProtWrite != 0
	case a&Exec != 0:
		return v.prot&ProtExec != 0
	}
	return v.prot != 0
}

// kind is the index in AddressSpace.rss of pages of v that are not private.
func (v *vma) kind() int {
	if v.flags&vmShmem != 0 {
		return rssShared
	}
	return rssFile
}

// isData reports whether v counts for RLIMIT_DATA: private writable memory that is no stack.
func (v *vma) isData() bool {
	return v.prot&ProtWrite != 0 && v.flags&(vmShared|vmGrowsDown) == 0
}

// writesFile reports whether what is written to v goes, or could after mprotect(2), to a file.
func (v *vma) writesFile() bool {
	return v.file != nil && v.flags&vmShared != 0 && v.max&ProtWrite != 0
}

// joins reports whether b could be the rest of v.
func (v *vma) joins(b *vma) bool {
	return v.end == b.start && v.prot == b.prot && v.max == b.max && v.flags == b.flags && v.file == b.file &&
		v.mapping == b.mapping && v.name == b.name && (v.mapping == nil || v.page+uint64(v.pages()) == b.page)
}

// search returns the index of the first mapping that ends above page.
func (as *AddressSpace) search(page uint32) int {
	lo, hi := 0, len(as.vmas)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if as.vmas[mid].end > page {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// lookup returns the mapping of page, nil if there is none.
func (as *AddressSpace) lookup(page uint32) *vma {
	if v := as.last; v != nil && v.start <= page && page < v.end {
		return v
	}
	i := as.search(page)
	if i == len(as.vmas) || as.vmas[i].start > page {
		return nil
	}
	as.last = as.vmas[i]
	return as.last
}

// newVMA returns a cleared vma.
func (as *AddressSpace) newVMA() *vma {
	v := as.spare
	if v == nil {
		return new(vma)
	}
	as.spare = v.link
	as.nspare--
	*v = vma{}
	return v
}

// maxSpare is how many unused vmas an address space keeps.
const maxSpare = 16

// drop lets go of a vma that is not in the list any more. Its file is released by unlock.
func (as *AddressSpace) drop(v *vma) {
	if as.last == v {
		as.last = nil
	}
	if v.mapping != nil {
		v.mapping.RemoveMapper(as)
	}
	if v.writesFile() {
		v.file.Inode().CountWritableMap(-1)
	}
	if v.file != nil {
		v.link, as.dead = as.dead, v
		return
	}
	if as.nspare < maxSpare {
		v.link, as.spare = as.spare, v
		as.nspare++
	}
}

// unlock releases as.mu, then the files of dropped mappings: the last reference to a file can do anything, unmap pages
// for instance.
func (as *AddressSpace) unlock() {
	dead := as.dead
	as.dead = nil
	as.mu.Unlock()
	for ; dead != nil; dead = dead.link {
		dead.file.Put()
	}
}

// hold takes the references of a new vma.
func (as *AddressSpace) hold(v *vma) {
	if v.mapping != nil {
		v.mapping.AddMapper(as)
	}
	if v.file != nil {
		v.file.Get()
	}
	if v.writesFile() {
		v.file.Inode().CountWritableMap(1)
	}
}

// account adds v to the sizes, or takes it away.
func (as *AddressSpace) account(v *vma, sign int32) {
	n := uint32(sign) * v.pages()
	as.size += n
	as.maxSize = max(as.maxSize, as.size)
	if v.isData() {
		as.data += n
	}
	if v.flags&vmLocked != 0 {
		as.locked += n
	}
}

// insert adds v, which holds its references and overlaps nothing, and merges it with its neighbours.
func (as *AddressSpace) insert(v *vma) {
	i := as.search(v.start)
	as.account(v, 1)
	as.vmas = slices.Insert(as.vmas, i, v)
	as.mergeAround(i, i+1)
}

// mergeAround merges mappings from index lo-1 to hi where they fit together.
func (as *AddressSpace) mergeAround(lo, hi int) {
	for i := min(hi, len(as.vmas)-1); i > 0 && i >= lo; i-- {
		a, b := as.vmas[i-1], as.vmas[i]
		if a.joins(b) {
			a.end = b.end
			as.vmas = slices.Delete(as.vmas, i, i+1)
			as.drop(b)
		}
	}
}

// splitAt makes page a boundary between mappings and returns the index of the first one at or above it.
func (as *AddressSpace) splitAt(page uint32) int {
	i := as.search(page)
	if i == len(as.vmas) || as.vmas[i].start >= page {
		return i
	}
	v, w := as.vmas[i], as.newVMA()
	*w = *v
	w.link = nil
	w.start, v.end = page, page
	if w.mapping != nil {
		w.page += uint64(page - v.start)
	}
	as.hold(w)
	as.vmas = slices.Insert(as.vmas, i+1, w)
	return i + 1
}

// isolate splits mappings so that start and end are boundaries, and returns the indices of the first mapping inside and
// of the first behind. It fails with ENOMEM, and changes nothing, if there would be too many mappings.
func (as *AddressSpace) isolate(start, end uint32) (int, int, error) {
	splits := 0
	for _, p := range [2]uint32{start, end} {
		if i := as.search(p); i < len(as.vmas) && as.vmas[i].start < p {
			splits++
		}
	}
	if splits > 0 && len(as.vmas)+splits > MaxMappings {
		return 0, 0, abi.ENOMEM
	}
	i := as.splitAt(start)
	return i, as.splitAt(end), nil
}

// covered reports whether all pages from start up to end are mapped.
func (as *AddressSpace) covered(start, end uint32) bool {
	for i := as.search(start); i < len(as.vmas) && as.vmas[i].start <= start; i++ {
		if start = as.vmas[i].end; start >= end {
			return true
		}
	}
	return start >= end
}

// pageRange turns an address and a length into pages: EINVAL if the address is not on a page boundary, ENOMEM if the
// range leaves user memory.
func pageRange(addr, n uint32) (start, end uint32, err error) {
	if addr&(PageSize-1) != 0 {
		return 0, 0, abi.EINVAL
	}
	last := uint64(addr) + (uint64(n)+PageSize-1)&^(PageSize-1)
	if last > UserLimit {
		return 0, 0, abi.ENOMEM
	}
	return addr >> frame.Shift, uint32(last >> frame.Shift), nil
}
