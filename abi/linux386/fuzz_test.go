package linux386_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"cleave/abi"
	"cleave/abi/linux386"
	"cleave/proc/proctest"
)

// Numbers of system calls that tests make by themselves.
const (
	nrWrite       = 4
	nrOpen        = 5
	nrGetpid      = 20
	nrPause       = 29
	nrKill        = 37
	nrPipe        = 42
	nrWait4       = 114
	nrSigaction   = 174
	nrSetresuid32 = 208
	nrSetThread   = 243
	nrUnshare     = 310
	nrClockGet64  = 403
)

// fuzzer throws system calls with random arguments at a kernel: half of them wild, half of them nearly right.
type fuzzer struct {
	t     *testing.T
	k     *proctest.Kernel
	rnd   *rand.Rand
	calls []linux386.Support
	child *proctest.Task
	pid   uint32
	user  bool // without privileges
}

var paths = []string{"/", "/tmp", "/tmp/f", "f", "..", ".", "", "/tmp/sub/x", "tmpfs", "user.attr"}

func (f *fuzzer) fork() {
	f.child = f.k.Init.Fork()
	f.pid = uint32(f.child.TGID())
	if f.user {
		f.child.Must(nrSetresuid32, 1000, 1000, 1000)
	}
	for _, p := range paths {
		f.child.PushString(p)
	}
}

// word is one argument.
func (f *fuzzer) word() uint32 {
	switch f.rnd.IntN(10) {
	case 0:
		return f.rnd.Uint32()
	case 1:
		return ^uint32(f.rnd.IntN(5000))
	case 2, 3:
		return uint32(f.rnd.IntN(8))
	case 4:
		return 1 << f.rnd.IntN(32)
	case 5:
		return proctest.Scratch + uint32(f.rnd.IntN(len(paths)))*16
	case 6:
		return proctest.Scratch + uint32(f.rnd.IntN(proctest.ScratchSize))
	case 7:
		return proctest.Scratch + proctest.ScratchSize - uint32(f.rnd.IntN(16))
	case 8:
		return uint32(f.rnd.IntN(1 << 16))
	}
	return 0
}

// skip has the calls that would end the test's kernel, or nothing but the test's time.
func skip(name string) bool {
	switch name {
	case "exit", "exit_group", "sigreturn", "rt_sigreturn", "fork", "vfork", "clone", "clone3":
		return true
	}
	return false
}

// call makes one call. A child that sleeps in it is killed, and replaced.
func (f *fuzzer) call() {
	nr := f.rnd.Uint32N(500)
	if f.rnd.IntN(4) > 0 {
		nr = f.calls[f.rnd.IntN(len(f.calls))].Nr
	}
	for _, c := range f.calls {
		if c.Nr == nr && skip(c.Name) && f.rnd.IntN(20) > 0 {
			return
		}
	}
	args := make([]uint32, 6)
	for i := range args {
		args[i] = f.word()
	}
	c := f.child.Start(nr, args...)
	for range 1000 {
		if c.Done() {
			break
		}
		if f.child.Sleeping() {
			break
		}
		proctest.Yield()
	}
	if c.Done() && !c.Wait().Exited && !c.Wait().Handler {
		return
	}
	if !c.Done() || !c.Wait().Exited {
		f.kill(nr, args)
	}
	f.k.Init.Syscall(nrWait4, ^uint32(0), 0, 1, 0)
	f.fork()
}

func (f *fuzzer) kill(nr uint32, args []uint32) {
	if _, err := f.k.Init.Syscall(nrKill, f.pid, abi.SIGKILL); err != nil && err != abi.ESRCH {
		f.t.Fatalf("kill after %d %x: %v", nr, args, err)
	}
	f.child.Gone()
}

func fuzz(t *testing.T, seed uint64, n int, o proctest.Options) {
	k := proctest.NewWith(t, o)
	k.Mkdir("/tmp", 0o1777)
	k.Mkdir("/tmp/sub", 0o755)
	f := &fuzzer{t: t, k: k, user: seed%2 == 1, rnd: rand.New(rand.NewPCG(seed, 1)), calls: linux386.Calls()}
	f.fork()
	for range n {
		f.call()
	}
}

// TestRandomCalls finds panics, hangs and leaks: proctest counts what is left at the end.
func TestRandomCalls(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			o := proctest.Options{}
			if seed == 3 {
				o.Trace = func([]byte) {}
			}
			fuzz(t, seed, 5000, o)
		})
	}
}
