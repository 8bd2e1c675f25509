package frame

import "unsafe"

// arena is a Source of ordinary memory, for the host.
type arena struct {
	free  []PFN
	total int
}

// NewArena returns a pool of n frames in ordinary memory.
func NewArena(n int) *Pool {
	mem := make([]byte, (n+2)*Size)
	skip := -uintptr(unsafe.Pointer(&mem[0])) & (Size - 1)
	a := &arena{total: n, free: make([]PFN, n)}
	for i := range a.free {
		a.free[i] = PFN(n - i)
	}
	return New(Config{Base: unsafe.Pointer(&mem[skip]), Limit: PFN(n + 1), Source: a})
}

func (a *arena) Take(dst []PFN) int {
	n := min(len(dst), len(a.free))
	copy(dst, a.free[len(a.free)-n:])
	a.free = a.free[:len(a.free)-n]
	return n
}

func (a *arena) Give(frames []PFN) { a.free = append(a.free, frames...) }
func (a *arena) Free() int         { return len(a.free) }
func (a *arena) Total() int        { return a.total }
