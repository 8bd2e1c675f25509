// Program gomix exercises what a Go program asks of its kernel: goroutines on several threads, timers, pipes, signals,
// child processes and memory. It prints what it found, which must be the same on Linux and in Cleave.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 {
		child(os.Args[1])
		return
	}
	goroutines()
	timers()
	pipes()
	signals()
	processes()
	memory()
}

// child is the same program, started with a verb.
func child(verb string) {
	switch verb {
	case "upper":
		text, err := io.ReadAll(os.Stdin)
		check(err)
		fmt.Print(strings.ToUpper(string(text)))
	case "exit":
		os.Exit(9)
	case "hang":
		time.Sleep(time.Hour)
	}
}

func check(err error) {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func goroutines() {
	runtime.GOMAXPROCS(4)
	var sum atomic.Int64
	var wg sync.WaitGroup
	ch := make(chan int)
	for range 100 {
		wg.Go(func() {
			for v := range ch {
				sum.Add(int64(v))
			}
		})
	}
	for v := range 10000 {
		ch <- v
	}
	close(ch)
	wg.Wait()
	fmt.Println("sum", sum.Load())
	var locked sync.WaitGroup
	for range 8 {
		locked.Go(func() {
			runtime.LockOSThread()
			time.Sleep(time.Millisecond)
		})
	}
	locked.Wait()
	spin := make(chan bool)
	go func() { // must be preempted by the runtime's signal
		for i := 0; ; i++ {
			if i%1000000 == 0 {
				select {
				case <-spin:
					return
				default:
				}
			}
		}
	}()
	time.Sleep(5 * time.Millisecond)
	runtime.GC()
	close(spin)
	fmt.Println("locked threads and a spinning goroutine done")
}

func timers() {
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	<-ctx.Done()
	fmt.Println("deadline", ctx.Err(), time.Since(start) >= 20*time.Millisecond)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for range 5 {
		<-tick.C
	}
	fmt.Println("ticked, monotone:", time.Since(start) > 0, "wall clock set:", time.Now().Year() >= 2020)
}

func pipes() {
	r, w, err := os.Pipe()
	check(err)
	go func() {
		_, err := w.Write(bytes.Repeat([]byte("0123456789abcdef"), 64<<10))
		check(err)
		check(w.Close())
	}()
	n, err := io.Copy(io.Discard, r)
	check(err)
	fmt.Println("piped", n)
	check(r.SetReadDeadline(time.Now()))
	_, err = r.Read(make([]byte, 1))
	fmt.Println("after the end:", err)
}

func signals() {
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGUSR1)
	check(syscall.Kill(os.Getpid(), syscall.SIGUSR1))
	fmt.Println("signal", <-got)
	func() {
		defer func() { fmt.Println("recovered:", recover()) }()
		var p *int
		*p = 1
	}()
}

func processes() {
	self, err := os.Executable()
	check(err)
	cmd := exec.Command(self, "upper")
	cmd.Stdin = strings.NewReader("to the child and back\n")
	out, err := cmd.Output()
	check(err)
	fmt.Print(string(out))
	var exit *exec.ExitError
	if err := exec.Command(self, "exit").Run(); errors.As(err, &exit) {
		fmt.Println("child exited with", exit.ExitCode())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	fmt.Println("hanging child:", exec.CommandContext(ctx, self, "hang").Run())
	_, err = exec.Command("/nonexistent").Output()
	fmt.Println(err)
	var wg sync.WaitGroup
	var ok atomic.Int32
	for range 10 {
		wg.Go(func() {
			if exec.Command(self, "upper").Run() == nil {
				ok.Add(1)
			}
		})
	}
	wg.Wait()
	fmt.Println("children at once:", ok.Load())
}

func memory() {
	var keep [][]byte
	for i := range 64 {
		b := make([]byte, 1<<20)
		b[i] = 1
		keep = append(keep, b)
		if i%16 == 15 {
			keep = nil
			runtime.GC()
		}
	}
	fmt.Println("memory", len(keep))
}
