package proctest

import (
	"sync"

	"cleave/proc"
)

// Clock is a clock that stands still until a test moves it.
type Clock struct {
	mu     sync.Mutex
	now    int64
	offset int64
	timers map[*timer]struct{} // those that run
}

type timer struct {
	clock *Clock
	at    int64
	f     func()
}

// startTime is the monotonic time at which a test begins, startWall the time of day: 2024-01-01 00:00:00 UTC.
const (
	startTime = 1_000_000_000
	startWall = 1_704_067_200_000_000_000
)

func newClock() *Clock {
	return &Clock{now: startTime, offset: startWall, timers: map[*timer]struct{}{}}
}

// Monotonic implements proc.Clock.
func (c *Clock) Monotonic() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Realtime implements proc.Clock.
func (c *Clock) Realtime() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now + c.offset
}

// SetRealtime implements proc.Clock.
func (c *Clock) SetRealtime(ns int64) {
	c.mu.Lock()
	c.offset = ns - c.now
	c.mu.Unlock()
}

// NewTimer implements proc.Clock.
func (c *Clock) NewTimer(f func()) proc.Timer { return &timer{clock: c, f: f} }

// Set implements proc.Timer. A time that has passed fires at once.
func (t *timer) Set(at int64) {
	c := t.clock
	c.mu.Lock()
	t.at = at
	c.timers[t] = struct{}{}
	due := at <= c.now
	c.mu.Unlock()
	if due {
		go c.Advance(0) // the caller may hold locks that the timer's function wants
	}
}

// Stop implements proc.Timer.
func (t *timer) Stop() {
	t.clock.mu.Lock()
	delete(t.clock.timers, t)
	t.clock.mu.Unlock()
}

// Timers is how many timers run.
func (c *Clock) Timers() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.timers)
}

// Advance moves the clock on by ns, and fires what is due on the way, each at its time.
func (c *Clock) Advance(ns int64) {
	c.mu.Lock()
	end := c.now + ns
	for {
		var next *timer
		for t := range c.timers {
			if t.at <= end && (next == nil || t.at < next.at) {
				next = t
			}
		}
		if next == nil {
			break
		}
		delete(c.timers, next)
		c.now = max(c.now, next.at)
		c.mu.Unlock()
		next.f()
		c.mu.Lock()
	}
	c.now = max(c.now, end)
	c.mu.Unlock()
}
