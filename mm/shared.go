package mm

import (
	"sync"
	"sync/atomic"

	"cleave/abi"
	"cleave/mm/frame"
)

// SharedMemory is memory that several address spaces can map: a shared anonymous mapping or a System V segment. Pages
// come into being when they are touched. It is freed with the last reference.
type SharedMemory struct {
	frame.Mappers
	pool  *frame.Pool
	pages uint64
	refs  atomic.Int32

	mu     sync.Mutex
	chunks []*[512]frame.PFN // guarded by mu; nil where nothing was touched
	used   int               // frames in chunks; guarded by mu
}

// NewSharedMemory returns memory of n pages with one reference.
func (m *Memory) NewSharedMemory(n uint64) *SharedMemory {
	s := &SharedMemory{pool: m.pool, pages: n, chunks: make([]*[512]frame.PFN, (n+511)/512)}
	s.refs.Store(1)
	return s
}

// Ref adds a reference.
func (s *SharedMemory) Ref() { s.refs.Add(1) }

// AddMapper implements frame.Mapping: a mapping is a reference as well.
func (s *SharedMemory) AddMapper(m frame.Mapper) {
	s.Ref()
	s.Mappers.AddMapper(m)
}

// RemoveMapper implements frame.Mapping.
func (s *SharedMemory) RemoveMapper(m frame.Mapper) {
	s.Mappers.RemoveMapper(m)
	s.Unref()
}

// Unref drops a reference; the last one frees the memory.
func (s *SharedMemory) Unref() {
	if s.refs.Add(-1) == 0 {
		s.Discard(0, s.pages)
	}
}

// Pages returns how many pages have been touched.
func (s *SharedMemory) Pages() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

// LookupPage implements frame.Mapping.
func (s *SharedMemory) LookupPage(idx uint64) (frame.PFN, bool) {
	if idx >= s.pages {
		return 0, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chunks[idx/512]
	if c == nil || c[idx%512] == 0 {
		return 0, false
	}
	s.pool.Ref(c[idx%512])
	return c[idx%512], true
}

// LookupPages implements frame.Mapping.
func (s *SharedMemory) LookupPages(idx uint64, out []frame.PFN) int {
	return frame.LookupEach(s, idx, out)
}

// ReadPage implements frame.Mapping: it makes a page of zeros.
func (s *SharedMemory) ReadPage(idx uint64) error {
	if idx >= s.pages {
		return abi.EFAULT
	}
	f, err := s.pool.AllocZeroed(frame.Anonymous)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.chunks[idx/512] == nil {
		s.chunks[idx/512] = new([512]frame.PFN)
	}
	p := &s.chunks[idx/512][idx%512]
	if *p != 0 { // another thread was faster
		s.pool.Unref(f)
		return nil
	}
	*p = f
	s.used++
	return nil
}

// DirtyPage implements frame.Mapping; there is nowhere to write pages to.
func (s *SharedMemory) DirtyPage(uint64) {}

// Discard frees n pages from idx on; they read as zeros afterwards (MADV_REMOVE).
func (s *SharedMemory) Discard(idx, n uint64) {
	end := min(s.pages, idx+n)
	var gone []frame.PFN
	s.mu.Lock()
	for i := idx; i < end; i++ {
		c := s.chunks[i/512]
		if c == nil {
			i |= 511
			continue
		}
		if f := c[i%512]; f != 0 {
			c[i%512] = 0
			s.used--
			gone = append(gone, f)
		}
	}
	s.mu.Unlock()
	s.Unmap(s, idx, n, false)
	for _, f := range gone {
		s.pool.Unref(f)
	}
}

// kernelFrames is what MapFrames maps.
type kernelFrames struct {
	pool   *frame.Pool
	frames []frame.PFN
	refs   atomic.Int32
}

func newKernelFrames(p *frame.Pool, frames []frame.PFN) *kernelFrames {
	k := &kernelFrames{pool: p, frames: append([]frame.PFN(nil), frames...)}
	for _, f := range frames {
		p.Ref(f)
	}
	k.refs.Store(1)
	return k
}

func (k *kernelFrames) Unref() {
	if k.refs.Add(-1) == 0 {
		for _, f := range k.frames {
			k.pool.Unref(f)
		}
	}
}

func (k *kernelFrames) LookupPage(idx uint64) (frame.PFN, bool) {
	if idx >= uint64(len(k.frames)) {
		return 0, false
	}
	k.pool.Ref(k.frames[idx])
	return k.frames[idx], true
}

func (k *kernelFrames) LookupPages(idx uint64, out []frame.PFN) int {
	return frame.LookupEach(k, idx, out)
}

func (k *kernelFrames) ReadPage(uint64) error     { return abi.EFAULT }
func (k *kernelFrames) DirtyPage(uint64)          {}
func (k *kernelFrames) AddMapper(frame.Mapper)    { k.refs.Add(1) }
func (k *kernelFrames) RemoveMapper(frame.Mapper) { k.Unref() }
