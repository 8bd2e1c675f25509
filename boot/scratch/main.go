//go:build cleave

package main

import (
	"fmt"
	"runtime"
	"time"
	_ "unsafe"
)

//go:linkname reportExit runtime.bareReportExit
func reportExit(status uint8)

//go:linkname tsc runtime.bareTSC
func tsc() uint64

//go:linkname startTSC runtime.bareStartTSC
var startTSC uint64

//go:linkname rate runtime.bareTSCRate
var rate uint64

//go:linkname trate runtime.bareTimerRate
var trate uint64

//go:linkname tdl runtime.bareTimerDeadline
var tdl bool

//go:linkname on runtime.bareInterruptsOn
var on bool

type pool struct {
	w           uintptr
	r           [64][2]uint64
	n           int
	top         uint64
	free, total uint64
}

//go:linkname p runtime.barePool
var p pool

func main() {
	t := tsc()
	fmt.Println("main at", t-startTSC, t, "rate", rate, trate, tdl, "free", p.free, "of", p.total)
	on = true
	for i := 0; i < 5; i++ {
		t0 := time.Now()
		time.Sleep(3 * time.Millisecond)
		fmt.Println(time.Since(t0))
	}
	c := make(chan int)
	go func() {
		for i := 0; i < 3; i++ {
			time.Sleep(time.Millisecond)
			c <- i
		}
		close(c)
	}()
	for i := range c {
		fmt.Println(i)
	}
	var keep [][]byte
	for i := 0; i < 200; i++ {
		keep = append(keep, make([]byte, 16<<10))
		if i%20 == 0 {
			keep = keep[:0]
		}
	}
	runtime.GC()
	fmt.Println("free", p.free, "of", p.total, len(keep))
	time.Sleep(2 * time.Second)
	fmt.Println("free", p.free, "of", p.total, len(keep))
	reportExit(0)
}
