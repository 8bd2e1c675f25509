package proc

import (
	"sync/atomic"
	"time"
)

// Clock tells the time and makes timers. Times are in ns; on a timer's scale 0 is the start of the kernel
// (CLOCK_MONOTONIC), which suspends never, so CLOCK_BOOTTIME is the same.
type Clock interface {
	Monotonic() int64
	Realtime() int64
	SetRealtime(ns int64)
	// NewTimer makes a timer, which is not running. At its time f is called with no lock held; f must not block.
	NewTimer(f func()) Timer
}

// Timer calls a function once at a time.
type Timer interface {
	// Set starts the timer, or moves it, to fire at a time of the clock's monotonic scale.
	Set(at int64)
	// Stop stops it. f may be running, or about to, even so.
	Stop()
}

// SystemClock is a Clock over the Go runtime's.
type SystemClock struct {
	start  time.Time
	offset atomic.Int64 // CLOCK_REALTIME minus CLOCK_MONOTONIC
}

// NewSystemClock makes a clock that starts now; realtime is the wall clock in ns since 1970.
func NewSystemClock(realtime int64) *SystemClock {
	c := &SystemClock{start: time.Now()}
	c.offset.Store(realtime)
	return c
}

// Monotonic implements Clock.
func (c *SystemClock) Monotonic() int64 { return int64(time.Since(c.start)) }

// Realtime implements Clock.
func (c *SystemClock) Realtime() int64 { return c.Monotonic() + c.offset.Load() }

// SetRealtime implements Clock.
func (c *SystemClock) SetRealtime(ns int64) { c.offset.Store(ns - c.Monotonic()) }

// NewTimer implements Clock.
func (c *SystemClock) NewTimer(f func()) Timer {
	t := time.AfterFunc(time.Hour, f)
	t.Stop()
	return &systemTimer{clock: c, t: t}
}

type systemTimer struct {
	clock *SystemClock
	t     *time.Timer
}

func (t *systemTimer) Set(at int64) { t.t.Reset(time.Duration(at - t.clock.Monotonic())) }
func (t *systemTimer) Stop()        { t.t.Stop() }
