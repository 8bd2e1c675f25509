package frame

import "sync"

// Mapping is a sequence of pages that address spaces can map: the page cache of a file, shared anonymous memory, a
// System V segment. Pages are numbered from 0; each is one frame. It is defined here because both who maps (mm) and
// who is mapped (fs) must know it.
//
// How a fault, a truncation and the page cache agree: a fault installs only what LookupPage gives it under the lock of
// its address space. Whoever takes pages out of a Mapping first makes LookupPage miss them and then calls
// Mappers.Unmap, which takes the locks of the address spaces: after that, no page table has such a page.
type Mapping interface {
	// LookupPage returns the frame of page idx with one more reference, if it is there and within the file. It does not
	// block, and is called with an address space's lock held.
	LookupPage(idx uint64) (PFN, bool)
	// LookupPages is LookupPage for the pages from idx on, up to the first that is not there: it puts their frames in out
	// and returns how many there are.
	LookupPages(idx uint64, out []PFN) int
	// ReadPage brings in page idx, filling a hole, so that LookupPage finds it. It may block, and is called without
	// locks. Beyond the end of the file it fails; ENOMEM is want of memory, any other error a SIGBUS for who accesses it.
	ReadPage(idx uint64) error
	// DirtyPage is called before page idx becomes writable in a shared mapping. It does not block, and is called with an
	// address space's lock held.
	DirtyPage(idx uint64)
	// AddMapper and RemoveMapper count who maps pages; embedding Mappers provides them.
	AddMapper(m Mapper)
	RemoveMapper(m Mapper)
}

// LookupEach is LookupPages for a mapping that knows how to look up one page only.
func LookupEach(m Mapping, idx uint64, out []PFN) int {
	for i := range out {
		f, ok := m.LookupPage(idx + uint64(i))
		if !ok {
			return i
		}
		out[i] = f
	}
	return len(out)
}

// Mapper is an address space, as a Mapping sees it.
type Mapper interface {
	// UnmapPages removes the n pages from idx on of the mapping from the page tables; the next access faults again. With
	// private, copies that the address space made of such pages go as well (truncation); without, they stay (reclaim,
	// write-back). With try it does nothing and returns false if the address space is locked.
	UnmapPages(of Mapping, idx, n uint64, private, try bool) bool
}

// Mappers is the set of address spaces that map a Mapping, for embedding. The zero value is empty. Its lock is a leaf.
type Mappers struct {
	mu     sync.Mutex
	counts map[Mapper]int // mappings of each address space
	gen    uint64         // grows when a mapper is added
}

// AddMapper counts a mapping by m.
func (s *Mappers) AddMapper(m Mapper) {
	s.mu.Lock()
	if s.counts == nil {
		s.counts = make(map[Mapper]int)
	}
	s.counts[m]++
	s.gen++
	s.mu.Unlock()
}

// RemoveMapper takes back one AddMapper.
func (s *Mappers) RemoveMapper(m Mapper) {
	s.mu.Lock()
	if s.counts[m]--; s.counts[m] == 0 {
		delete(s.counts, m)
	}
	s.mu.Unlock()
}

// Mapped reports whether anyone maps the mapping.
func (s *Mappers) Mapped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.counts) != 0
}

// snapshot returns the mappers and the generation of the set.
func (s *Mappers) snapshot() ([]Mapper, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ms := make([]Mapper, 0, len(s.counts))
	for m := range s.counts {
		ms = append(ms, m)
	}
	return ms, s.gen
}

// Unmap removes the n pages from idx on from the page tables of all mappers, private copies included if private is
// set. The caller holds no lock that a page fault needs. An address space that is added meanwhile may have copied the
// page tables of another (fork), so the pass is repeated until none was.
func (s *Mappers) Unmap(of Mapping, idx, n uint64, private bool) {
	for {
		ms, gen := s.snapshot()
		for _, m := range ms {
			m.UnmapPages(of, idx, n, private, false)
		}
		s.mu.Lock()
		done := s.gen == gen
		s.mu.Unlock()
		if done {
			return
		}
	}
}

// TryUnmap is Unmap for reclaim: it takes no lock that is held, keeps private copies, and reports whether all page
// tables were cleared of the pages.
func (s *Mappers) TryUnmap(of Mapping, idx, n uint64) bool {
	ms, gen := s.snapshot()
	all := true
	for _, m := range ms {
		all = m.UnmapPages(of, idx, n, false, true) && all
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return all && s.gen == gen
}
