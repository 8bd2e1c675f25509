package ring

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/mm/frame"
)

// Source is the first bytes of a Ring as the memory that a write comes from. Its user is the ring's reader, and does not
// hold the mutex.
type Source struct {
	r    *Ring
	off  int
	left int
}

// Source returns the first n bytes.
func (r *Ring) Source(n int) *Source { return &Source{r: r, left: n} }

// Len returns how many bytes are left.
func (s *Source) Len() int { return s.left }

// CopyIn fills p and advances.
func (s *Source) CopyIn(p []byte) (int, error) {
	n := min(len(p), s.left)
	done, err := s.r.CopyOut(&fs.Bytes{B: p[:n]}, s.off, n)
	s.off += done
	s.left -= done
	if err == nil && n < len(p) {
		err = abi.EFAULT
	}
	return done, err
}

// CopyOut refuses: nothing is read into a source.
func (s *Source) CopyOut([]byte) (int, error) { return 0, abi.EFAULT }

// ZeroOut refuses.
func (s *Source) ZeroOut(int) (int, error) { return 0, abi.EFAULT }

// Sink is the free place at the end of a Ring as the memory that a read goes to. Its user is the ring's writer, and does
// not hold the mutex.
type Sink struct {
	r    *Ring
	done int
	left int
}

// Sink returns a place for n bytes, which are free.
func (r *Ring) Sink(n int) *Sink { return &Sink{r: r, left: n} }

// Len returns for how many bytes more there is a place.
func (s *Sink) Len() int { return s.left }

// CopyOut takes p and advances.
func (s *Sink) CopyOut(p []byte) (int, error) {
	b := &fs.Bytes{B: p}
	return s.take(len(p), func(page []byte) (int, error) { return b.CopyIn(page) })
}

// ZeroOut takes n zero bytes and advances.
func (s *Sink) ZeroOut(n int) (int, error) {
	return s.take(n, func(page []byte) (int, error) {
		clear(page)
		return len(page), nil
	})
}

// take has f fill the next n bytes, page by page.
func (s *Sink) take(n int, f func([]byte) (int, error)) (int, error) {
	want := n
	n = min(n, s.left)
	total := 0
	for total < n {
		page, err := s.r.page(s.r.head + uint32(s.done))
		if err != nil {
			return total, err
		}
		k, err := f(page[:min(len(page), n-total)])
		total += k
		s.done += k
		s.left -= k
		if err != nil {
			return total, err
		}
	}
	if total < want {
		return total, abi.EFAULT
	}
	return total, nil
}

// CopyIn refuses: nothing is written out of a sink.
func (s *Sink) CopyIn([]byte) (int, error) { return 0, abi.EFAULT }

// page returns the rest of the page that position pos is in, for the writer. ENOMEM.
func (r *Ring) page(pos uint32) ([]byte, error) {
	slot := r.slot(pos)
	if *slot == 0 {
		f, err := r.pool.Alloc(frame.Kernel)
		if err != nil {
			return nil, err
		}
		*slot = f
	}
	return r.pool.Page(*slot)[pos%frame.Size:], nil
}
