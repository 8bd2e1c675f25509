//go:build cleave

package main

import (
	"sync/atomic"
	"unsafe"

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
	const waitReason, traceReason = 0, 0
	if p.Take() {
		return
	}
	gopark(parkerCommit, unsafe.Pointer(p), waitReason, traceReason, 1)
	p.Take() // the token came while the goroutine was about to sleep; else Unpark has used it up
}

// parkerCommit runs on the scheduler's stack once g can be made ready. It reports whether g shall sleep.
//
//go:nosplit
func parkerCommit(g uintptr, p unsafe.Pointer) bool {
	return (*parker)(p).state.CompareAndSwap(parkerFree, g)
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
				goready(old, 1)
				return
			}
		}
	}
}

//go:linkname gopark runtime.gopark
func gopark(commit func(g uintptr, p unsafe.Pointer) bool, p unsafe.Pointer, waitReason, traceReason uint8, skip int)

//go:linkname goready runtime.goready
func goready(g uintptr, skip int)
