// Package irq turns interrupt vectors into calls of Go functions.
//
// Handlers run as ordinary Go, never in interrupt context: on the goroutine of the task whose trap from user mode brought
// the vector, or on the one that waits for the vectors that came while the CPU idled. A handler is not called again
// before it has returned; if its interrupt comes meanwhile, it is called once more.
package irq

import (
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"
)

// The vectors of devices; they are in priority classes (of 16) between those of the exceptions and that of the timer.
const (
	First = 0x30
	Last  = 0xdf
)

// Handler is the function for an interrupt. It must not block for long: the task that it runs on has other things to do.
type Handler func()

type entry struct {
	fn     Handler
	level  bool // the device holds its line until it was served
	mu     sync.Mutex
	raised atomic.Bool
	count  atomic.Uint64
}

// Table has a handler for each vector. Handlers are registered before their interrupts can come, while others may come on
// any CPU.
type Table struct {
	eoi     func()
	entries [256]atomic.Pointer[entry]
	stray   atomic.Uint64

	mu   sync.Mutex
	next int // guarded by mu: the lowest vector that is free
}

// NewTable returns an empty table. At the end of each interrupt, eoi tells the local APIC.
func NewTable(eoi func()) *Table { return &Table{eoi: eoi, next: First} }

// Add registers a handler and returns its vector. An edge-triggered interrupt may come again as soon as its handler has
// been called, a level-triggered one once it has returned.
func (t *Table) Add(fn Handler, level bool) (vector uint8, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next > Last {
		return 0, fmt.Errorf("irq: no vector is free")
	}
	v := t.next
	t.next++
	t.entries[v].Store(&entry{fn: fn, level: level})
	return uint8(v), nil
}

// Dispatch handles an interrupt of the vector.
func (t *Table) Dispatch(vector uint8) {
	e := t.entries[vector].Load()
	if e == nil {
		t.stray.Add(1)
		t.eoi()
		return
	}
	e.count.Add(1)
	if !e.level {
		t.eoi()
	}
	e.raised.Store(true)
	for e.raised.Load() && e.mu.TryLock() {
		e.raised.Store(false)
		e.fn()
		e.mu.Unlock()
	}
	if e.level {
		t.eoi()
	}
}

// DispatchAll handles the interrupts of all vectors that have a bit in set, highest first: the local APIC takes an end of
// interrupt to be that of the highest vector in service.
func (t *Table) DispatchAll(set [4]uint64) {
	for w := len(set) - 1; w >= 0; w-- {
		for set[w] != 0 {
			bit := bits.Len64(set[w]) - 1
			set[w] &^= 1 << bit
			t.Dispatch(uint8(w*64 + bit))
		}
	}
}

// Count returns how many interrupts of the vector came.
func (t *Table) Count(vector uint8) uint64 {
	if e := t.entries[vector].Load(); e != nil {
		return e.count.Load()
	}
	return 0
}

// Stray returns how many interrupts came that have no handler.
func (t *Table) Stray() uint64 { return t.stray.Load() }
