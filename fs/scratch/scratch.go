// Package scratch keeps buffers for short use, so that operations which copy a few bytes from or to a fs.Buffer (an
// interface, behind which no buffer can stay on the stack) allocate none.
package scratch

import "sync/atomic"

// Slot keeps one T. The zero value keeps none.
type Slot[T any] struct {
	p atomic.Pointer[T]
}

// Take returns the T that is kept, or a new one if somebody else uses it. Its content is undefined.
func (s *Slot[T]) Take() *T {
	if p := s.p.Swap(nil); p != nil {
		return p
	}
	return new(T)
}

// Give hands p back.
func (s *Slot[T]) Give(p *T) { s.p.Store(p) }
