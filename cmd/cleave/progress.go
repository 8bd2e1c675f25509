package main

import (
	"fmt"
	"os"
	"time"
)

// step runs f and, if it takes longer than a second, says on standard error what is going on, and at the end how long
// it took. On a terminal the seconds are counted meanwhile.
func step(what string, f func() error) error {
	start := time.Now()
	done := make(chan error, 1)
	go func() { done <- f() }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	live := isTTY(os.Stderr)
	for seconds := 0; ; {
		select {
		case err := <-done:
			if live && seconds > 0 {
				fmt.Fprint(os.Stderr, "\r")
			}
			if seconds > 0 {
				fmt.Fprintf(os.Stderr, "cleave: %s: done after %.0f s\n", what, time.Since(start).Seconds())
			}
			return err
		case <-tick.C:
			seconds++
			if live {
				fmt.Fprintf(os.Stderr, "\rcleave: %s ... %d s", what, seconds)
			} else if seconds == 1 {
				fmt.Fprintf(os.Stderr, "cleave: %s ...\n", what)
			}
		}
	}
}
