//go:build cleave

package main

import (
	"sync"
	"sync/atomic"
	"time"

	"cleave/abi/linux386"
	"cleave/boot/goruntime/bare"
	"cleave/boot/klog"
	"cleave/proc"
)

// clock is the kernel's clock: the runtime's, whose time 0 is the start of the machine. It implements proc.Clock.
type clock struct {
	mu      sync.Mutex
	changed []func() // called, with mu held, when the rate or the wall clock has been set
}

// Monotonic implements proc.Clock.
func (c *clock) Monotonic() int64 { return monotonic() }

// Realtime implements proc.Clock.
func (c *clock) Realtime() int64 { return monotonic() + atomic.LoadInt64(&runtimeWall) }

// SetRealtime implements proc.Clock.
func (c *clock) SetRealtime(ns int64) {
	c.mu.Lock()
	setWall(ns)
	c.notifyLocked()
	c.mu.Unlock()
}

// NewTimer implements proc.Clock.
func (c *clock) NewTimer(f func()) proc.Timer {
	t := time.AfterFunc(time.Hour, f)
	t.Stop()
	return timer{t}
}

// timer is a timer of the runtime.
type timer struct{ *time.Timer }

// Set implements proc.Timer.
func (t timer) Set(at int64) { t.Reset(time.Duration(at - monotonic())) }

// Stop implements proc.Timer.
func (t timer) Stop() { t.Timer.Stop() }

// onChange has f called, now and whenever the rate of the counter or the wall clock changes.
func (c *clock) onChange(f func()) {
	c.mu.Lock()
	c.changed = append(c.changed, f)
	f()
	c.mu.Unlock()
}

func (c *clock) notifyLocked() {
	for _, f := range c.changed {
		f()
	}
}

// source says how programs can read the clock themselves. It is called by onChange's f.
func (c *clock) source() linux386.TimeSource {
	r := runtimeClock // which only refine changes, with mu held
	return linux386.TimeSource{TSC: r.Since, Mult: uint32(r.Mult), Shift: uint32(r.Shift),
		Monotonic: r.Base, Realtime: r.Base + atomic.LoadInt64(&runtimeWall)}
}

// refineAfter is how long after the start the counter's rate is measured again: to a millionth.
const refineAfter = time.Second

// refine makes the clock's rate exact, if it was measured in a hurry at start.
func (c *clock) refine() {
	time.AfterFunc(refineAfter, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if refineClock() {
			c.notifyLocked()
		}
	})
}

// The real-time clock (Motorola MC146818A), behind an index port and a data port.
const (
	rtcIndex = 0x70 // bit 7 masks the NMI
	rtcData  = 0x71

	rtcSecond  = 0
	rtcMinute  = 2
	rtcHour    = 4
	rtcDay     = 7
	rtcMonth   = 8
	rtcYear    = 9
	rtcStatusA = 10
	rtcStatusB = 11

	rtcUpdating = 1 << 7 // of status A
	rtc24Hours  = 1 << 1 // of status B
	rtcBinary   = 1 << 2
	rtcPM       = 1 << 7 // of the hour, unless rtc24Hours
)

func readRTC(reg uint8) uint8 {
	outb(rtcIndex, reg)
	return inb(rtcData)
}

// startWallClock sets the wall clock by the real-time clock, which QEMU keeps in UTC.
func startWallClock() {
	unix, ok := readRealTime()
	if !ok {
		kernelLog.Printf(klog.Notice, "clock: there is no real-time clock; it is 1970")
	}
	setWall(unix * 1e9)
}

// readRealTime returns the seconds since 1970 that the real-time clock shows. It reads it until it reads the same twice,
// so that no update came between.
func readRealTime() (unix int64, ok bool) {
	regs := [...]uint8{rtcSecond, rtcMinute, rtcHour, rtcDay, rtcMonth, rtcYear}
	var now, last [len(regs)]uint8
	for range 1000 {
		for readRTC(rtcStatusA)&rtcUpdating != 0 {
			if readRTC(rtcStatusB) == 0xff {
				return 0, false // nothing answers
			}
		}
		for i, r := range regs {
			now[i] = readRTC(r)
		}
		if now == last {
			return decodeRTC(now, readRTC(rtcStatusB))
		}
		last = now
	}
	return 0, false
}

// decodeRTC turns the registers second to year into seconds since 1970. Years are those from 1970 to 2069.
func decodeRTC(r [6]uint8, statusB uint8) (unix int64, ok bool) {
	pm := statusB&rtc24Hours == 0 && r[2]&rtcPM != 0
	if statusB&rtc24Hours == 0 {
		r[2] &^= rtcPM
	}
	var v [6]int
	for i, b := range r {
		v[i] = int(b)
		if statusB&rtcBinary == 0 {
			v[i] = int(b>>4)*10 + int(b&15)
		}
	}
	if statusB&rtc24Hours == 0 {
		v[2] %= 12
		if pm {
			v[2] += 12
		}
	}
	year := 2000 + v[5]
	if v[5] >= 70 {
		year = 1900 + v[5]
	}
	if v[0] > 59 || v[1] > 59 || v[2] > 23 || v[3] < 1 || v[3] > 31 || v[4] < 1 || v[4] > 12 || v[5] > 99 {
		return 0, false
	}
	return bare.UnixTime(year, v[4], v[3], v[2], v[1], v[0]), true
}
