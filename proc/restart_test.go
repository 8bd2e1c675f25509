package proc_test

import (
	"encoding/binary"
	"testing"

	"cleave/abi"
	"cleave/proc"
	"cleave/proc/proctest"
)

// Numbers of i386 system calls.
const (
	nrRead      = 3
	nrWrite     = 4
	nrPause     = 29
	nrPipe      = 42
	nrGetppid   = 64
	nrWait4     = 114
	nrNanosleep = 162
	nrFutex     = 240
)

// A call that a signal interrupts is made again, or fails with EINTR (signal(7), "Interruption of system calls").
func TestRestart(t *testing.T) {
	for _, x := range []struct {
		name    string
		flags   uint32
		nr      uint32
		restart bool
	}{
		{"read", 0, nrRead, false}, {"read with SA_RESTART", abi.SA_RESTART, nrRead, true},
		{"wait4 with SA_RESTART", abi.SA_RESTART, nrWait4, true}, {"wait4", 0, nrWait4, false},
		{"pause with SA_RESTART", abi.SA_RESTART, nrPause, false},
		{"nanosleep with SA_RESTART", abi.SA_RESTART, nrNanosleep, false},
		{"futex with SA_RESTART", abi.SA_RESTART, nrFutex, true},
	} {
		t.Run(x.name, func(t *testing.T) {
			k := proctest.New(t)
			c := k.Init.Fork()
			child := c.Clone(proc.CloneArgs{Flags: abi.CLONE_VM | abi.CLONE_FILES, ExitSignal: abi.SIGCHLD})
			pipe := c.Alloc(8)
			c.Must(nrPipe, pipe)
			word := c.Alloc(4)
			args := map[uint32][]uint32{
				nrRead: {c.Word(pipe), word, 4}, nrWait4: {^uint32(0), 0, 0, 0}, nrFutex: {word, abi.FUTEX_WAIT, 0, 0},
				nrNanosleep: {c.PushWords(10, 0), c.Alloc(8)},
			}
			handle(t, c, abi.SIGUSR1, handlerAddr, x.flags, 0)
			call := c.Start(x.nr, args[x.nr]...).Asleep()
			kill(t, k.Init, c.TID(), abi.SIGUSR1)
			if r := call.Wait(); r.Regs.EIP != handlerAddr {
				t.Fatalf("the handler did not run: %+v", r)
			}
			back := c.StartReturn()
			if !x.restart {
				if r := back.Wait(); r.Err != abi.EINTR {
					t.Errorf("after the handler: %+v", r)
				}
				return
			}
			back.Asleep()
			want := uint32(0)
			switch x.nr {
			case nrRead:
				want = child.Must(nrWrite, child.Word(pipe+4), pipe, 2)
			case nrWait4:
				want = uint32(child.TID())
				child.Exit(0)
			case nrFutex:
				child.Must(nrFutex, word, abi.FUTEX_WAKE, 1)
			}
			if r := back.Wait(); r.Err != nil || r.Value != want {
				t.Errorf("at the end: %+v, want %d", r, want)
			}
		})
	}
}

// A stop and a continue are no reason for a sleep to end early.
func TestSleepGoesOnAfterStop(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	rem := c.Alloc(8)
	call := c.Start(nrNanosleep, c.PushWords(10, 0), rem).Asleep()
	k.Clock.Advance(4 * second)
	kill(t, k.Init, 2, abi.SIGSTOP)
	if r, err := wait(t, k.Init, abi.P_ALL, 0, abi.WSTOPPED); err != nil || r.PID != 2 {
		t.Fatalf("stopped: %+v, %v", r, err)
	}
	kill(t, k.Init, 2, abi.SIGCONT)
	call.Asleep()
	for k.Clock.Timers() == 0 {
		proctest.Yield() // it may still be on the way to its second sleep
	}
	k.Clock.Advance(6 * second)
	if r := call.Wait(); r.Err != nil || r.Value != 0 {
		t.Errorf("nanosleep: %+v", r)
	}
	if left := binary.LittleEndian.Uint32(c.Load(rem, 4)); left != 6 {
		t.Errorf("%d s were left at the stop", left)
	}
}

func TestNullSystemCallAllocatesNothing(t *testing.T) {
	k := proctest.New(t)
	c := k.Init.Fork()
	const calls = 1000
	n := testing.AllocsPerRun(10, func() { c.Repeat(nrGetppid, calls) })
	if n > 20 { // of the script, not of the calls
		t.Errorf("%d system calls allocate %v times", calls, n)
	}
}

func BenchmarkNullSystemCall(b *testing.B) {
	k := proctest.New(b)
	b.ReportAllocs()
	k.Init.Repeat(nrGetppid, b.N)
}
