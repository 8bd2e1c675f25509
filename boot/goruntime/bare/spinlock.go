package bare

import (
	"sync/atomic"
	_ "unsafe" // for go:linkname
)

// SpinLock guards what the layer below the Go runtime shares between CPUs. Interrupts are off while one is held: they are
// wherever the kernel's Go code runs, and code that holds one neither idles nor has a stack check, which is where the
// scheduler could step in. An NMI's entry takes none. The zero value is a free lock.
//
// The order of the locks, outermost first: the threads' (Threads), that of the kernel's addresses, that of the page tables
// (Tables), that of the frames (Pool). The console's is a leaf. None is held while the runtime takes one of its own.
type SpinLock struct{ held atomic.Uint32 }

// pause tells the CPU n times that it spins (SDM vol. 2, PAUSE).
//
//go:linkname pause runtime.procyield
func pause(n uint32)

// Lock takes the lock, and spins as long as another CPU has it.
//
//go:nosplit
func (l *SpinLock) Lock() {
	for l.held.Swap(1) != 0 {
		for l.held.Load() != 0 { // by reading, so that the CPU that has it keeps the cache line
			pause(1)
		}
	}
}

// TryLock takes the lock, if it is free within so many looks, and reports whether it did.
//
//go:nosplit
func (l *SpinLock) TryLock(looks int) bool {
	for ; looks > 0; looks-- {
		if l.held.Load() == 0 && l.held.Swap(1) == 0 {
			return true
		}
		pause(1)
	}
	return false
}

// Unlock gives the lock back.
//
//go:nosplit
func (l *SpinLock) Unlock() { l.held.Store(0) }
