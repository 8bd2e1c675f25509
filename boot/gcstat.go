//go:build cleave

package main

import (
	"runtime/metrics"
	"time"

	"cleave/boot/klog"
	"cleave/boot/x86"
	"cleave/proc"
)

// gcStat measures, with the kernel argument gcstat, how long the garbage collector keeps tasks from running. It stands
// between proc and the CPU: a stop is what the collector took of the time from when a task left user mode to when the next
// one, or the same, entered it.
type gcStat struct {
	*x86.CPU

	calls proc.Syscaller // the same for all tasks

	last  gcHeld // when user mode was left
	worst gcHeld // the longest stop
	stops [len(gcStopBounds) + 1]int64
}

// gcStopBounds are the classes that stops are counted in, in ns.
var gcStopBounds = [...]int64{10e3, 100e3, 200e3, 500e3, 1e6}

// gcHeld is for how long the collector held the CPU, in ns: mark assists, its workers, stops of the world.
type gcHeld struct{ assist, work, stopped int64 }

func (h gcHeld) sum() int64 { return h.assist + h.work + h.stopped }

// since returns h without what was before. The collector's counts of marking begin anew at each cycle.
func (h gcHeld) since(before gcHeld) gcHeld {
	if h.assist >= before.assist && h.work >= before.work {
		h.assist -= before.assist
		h.work -= before.work
	}
	h.stopped -= before.stopped
	return h
}

func gcHeldNow() (h gcHeld) {
	h.assist, h.work, h.stopped = gcHeldTimes()
	return h
}

// Run implements proc.CPU.
func (g *gcStat) Run(ctx *proc.Context, t *proc.Task, calls proc.Syscaller) proc.Trap {
	g.calls = calls
	g.enter()
	trap := g.CPU.Run(ctx, t, g)
	g.last = gcHeldNow()
	return trap
}

// Syscall implements proc.Syscaller.
func (g *gcStat) Syscall(t *proc.Task) {
	g.last = gcHeldNow()
	g.calls.Syscall(t)
	g.enter()
}

// enter is called before user mode is entered.
func (g *gcStat) enter() {
	if now := gcHeldNow(); now != g.last {
		g.note(now.since(g.last))
	}
}

// note counts a stop.
func (g *gcStat) note(d gcHeld) {
	n := d.sum()
	if n > g.worst.sum() {
		g.worst = d
	}
	class := 0
	for class < len(gcStopBounds) && n > gcStopBounds[class] {
		class++
	}
	g.stops[class]++
}

// report writes what was measured to the kernel's log.
func (g *gcStat) report() {
	names := [...]string{"/cpu/classes/gc/mark/assist:cpu-seconds", "/cpu/classes/gc/mark/dedicated:cpu-seconds",
		"/cpu/classes/gc/pause:cpu-seconds", "/cpu/classes/gc/mark/idle:cpu-seconds", "/cpu/classes/idle:cpu-seconds",
		"/cpu/classes/total:cpu-seconds"}
	var s [len(names) + 2]metrics.Sample
	for i, n := range names {
		s[i].Name = n
	}
	s[len(names)].Name, s[len(names)+1].Name = "/gc/cycles/total:gc-cycles", "/gc/heap/allocs:bytes"
	metrics.Read(s[:])
	v := func(i int) float64 { return s[i].Value.Float64() }
	busy := v(5) - v(4) - v(3) // marking for want of other work costs nobody anything
	percent := func(i int) float64 { return 100 * v(i) / busy }
	cycles := s[len(names)].Value.Uint64()
	kernelLog.Printf(klog.Warning, "gc: %d collections of %d MiB allocated; longest stop of a task %v (assist %v, marking %v, world stopped %v)",
		cycles, s[len(names)+1].Value.Uint64()>>20, time.Duration(g.worst.sum()), time.Duration(g.worst.assist),
		time.Duration(g.worst.work), time.Duration(g.worst.stopped))
	kernelLog.Printf(klog.Warning, "gc: %.2f %% of %.3f busy s (assists %.2f, marking %.2f, world stopped %.2f), %.3f s in idle time",
		percent(0)+percent(1)+percent(2), busy, percent(0), percent(1), percent(2), v(3))
	kernelLog.Printf(klog.Warning, "gc: stops up to 10 µs %d, 100 µs %d, 200 µs %d, 500 µs %d, 1 ms %d, longer %d",
		g.stops[0], g.stops[1], g.stops[2], g.stops[3], g.stops[4], g.stops[5])
}
