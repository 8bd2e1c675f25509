//go:build cleave

package main

import (
	"sync/atomic"
	_ "unsafe" // for go:linkname

	"cleave/proc"
)

// parker is a proc.Parker over the scheduler's own primitives, which cost a third of a channel's.
type parker struct {
	// state is parkerFree, parkerToken, or the runtime's address of the goroutine that waits. The runtime never frees
	// those, so the collector need not see it.
	state atomic.Uintptr
}

const (
	parkerFree  = 0
	parkerToken = 1
)

func newParker() proc.Parker { return new(parker) }

// Take implements proc.Parker.
func (p *parker) Take() bool { return p.state.CompareAndSwap(parkerToken, parkerFree) }

// Park implements proc.Parker.
func (p *parker) Park() {
	if p.Take() {
		return
	}
	park(&p.state)
	p.Take() // the token came while the goroutine was about to sleep; else Unpark has used it up
}

// Unpark implements proc.Parker.
func (p *parker) Unpark() {
	for {
		switch old := p.state.Load(); old {
		case parkerToken:
			return
		case parkerFree:
			if p.state.CompareAndSwap(parkerFree, parkerToken) {
				return
			}
		default:
			if p.state.CompareAndSwap(old, parkerFree) {
				ready(old)
				return
			}
		}
	}
}

//go:linkname park runtime.barePark
func park(state *atomic.Uintptr)

//go:linkname ready runtime.bareReady
func ready(g uintptr)
