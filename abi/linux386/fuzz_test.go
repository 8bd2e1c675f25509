package linux386_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"cleave/abi"
	"cleave/abi/linux386"
	"cleave/proc"
	"cleave/proc/proctest"
)

// Numbers of system calls that tests make by themselves.
const (
	nrWrite       = 4
	nrOpen        = 5
	nrChdir       = 12
	nrGetpid      = 20
	nrMount       = 21
	nrPause       = 29
	nrKill        = 37
	nrMkdir       = 39
	nrPipe        = 42
	nrChroot      = 61
	nrWait4       = 114
	nrSigaction   = 174
	nrSetresuid32 = 208
	nrSetThread   = 243
	nrUnshare     = 310
	nrClockGet64  = 403
)

// The fuzzer's tasks, and how many rounds a call may sleep before its task is killed.
const (
	fuzzTasks = 3
	maxSlept  = 3
)

// fuzzer throws system calls with random arguments at a kernel, from several tasks at once. A fifth of the arguments are wild,
// the others are what the table says that the call takes.
type fuzzer struct {
	t     *testing.T
	k     *proctest.Kernel
	rnd   *rand.Rand
	calls []linux386.Support
	slots [fuzzTasks]fuzzTask
}

// fuzzTask is a process that makes calls.
type fuzzTask struct {
	*proctest.Task
	pid   uint32
	call  *proctest.Call // that is being made, or nil
	slept int            // rounds
}

// texts are what paths and other strings are chosen from, each in textSize bytes of the tasks' memory.
var texts = []string{"/", "/tmp", "/tmp/f", "f", "..", ".", "", "/tmp/sub/x", "/tmp/sub", "/tmp/l", "/tmp/fifo", "/tmp/s", "tmpfs", "user.attr",
	"size=64k", "/tmp/none/x", "q"}

const (
	textSize = 16
	textFile = proctest.Scratch + 2*textSize // "/tmp/f"
	loose    = proctest.Scratch + 0x1000     // memory for anything
)

// prepare has the calls that open a task's descriptors.
var prepare = [][]uint32{
	{nrOpen, textFile, abi.O_RDWR | abi.O_CREAT, 0o666}, // 0
	{nrOpen, proctest.Scratch + textSize, 0},            // 1: /tmp
	{nrPipe, loose},                                     // 2 and 3
	{360, abi.AF_UNIX, abi.SOCK_STREAM, 0, loose},       // socketpair: 4 and 5
	{328, 1, 0},                            // eventfd2
	{329, 0},                               // epoll_create1
	{322, 1, 0},                            // timerfd_create
	{332, 0},                               // inotify_init1
	{356, textFile, abi.MFD_ALLOW_SEALING}, // memfd_create
	{359, abi.AF_UNIX, abi.SOCK_DGRAM, 0},  // socket
	{434, 1, 0},                            // pidfd_open
	{327, ^uint32(0), loose, 8, 0},         // signalfd4
	{14, proctest.Scratch + 10*textSize, abi.S_IFIFO | 0o666, 0}, // mknod
}

// fork gives a slot a new process. false: there can be none.
func (f *fuzzer) fork(i int) bool {
	var pid int32
	var err error
	f.k.Init.Do(func(p *proc.Task) { pid, err = p.Clone(&proc.CloneArgs{ExitSignal: abi.SIGCHLD}) })
	if err != nil {
		return false
	}
	t := &f.slots[i]
	*t = fuzzTask{Task: f.k.Find(pid), pid: uint32(pid)}
	setup := slices.Clone(prepare)
	switch i {
	case 1:
		setup = append(setup, []uint32{nrSetresuid32, 1000, 1000, 1000})
	case 2:
		setup = append(setup, []uint32{nrUnshare, abi.CLONE_NEWUSER | abi.CLONE_NEWNS | abi.CLONE_NEWIPC | abi.CLONE_NEWUTS})
	}
	for _, c := range setup {
		call := t.Offer(func(p *proc.Task) {
			for j, s := range texts {
				poke(p, proctest.Scratch+uint32(j)*textSize, append([]byte(s), 0))
			}
		}, c[0], c[1:]...)
		if call == nil || call.Wait().Exited {
			break
		}
	}
	return true
}

// poke changes the memory of a task where there is some.
func poke(p *proc.Task, at uint32, b []byte) {
	if err := p.MM().CopyOut(at, b); err != nil {
		return // the call finds out for itself
	}
}

// wild is any word.
func (f *fuzzer) wild() uint32 {
	switch f.rnd.IntN(7) {
	case 0:
		return f.rnd.Uint32()
	case 1:
		return ^uint32(f.rnd.IntN(5000))
	case 2:
		return 1 << f.rnd.IntN(32)
	case 3:
		return f.address()
	case 4:
		return uint32(f.rnd.IntN(1 << 16))
	}
	return uint32(f.rnd.IntN(8))
}

// address is one of the tasks' memory, or near its end.
func (f *fuzzer) address() uint32 {
	if f.rnd.IntN(8) == 0 {
		return proctest.Scratch + proctest.ScratchSize - uint32(f.rnd.IntN(16))
	}
	return loose + uint32(f.rnd.IntN(0x8000))&^3
}

// store is what is to be in memory before a call.
type store struct {
	at uint32
	b  []byte
}

// word is one argument, and what has to be in memory for it.
func (f *fuzzer) word(a *linux386.Arg) (uint32, []store) {
	if f.rnd.IntN(5) == 0 {
		return f.wild(), nil
	}
	switch a.Type {
	case "FD":
		return uint32(f.rnd.IntN(18)), nil
	case "DirFD":
		return uint32(f.rnd.IntN(3)) - 100, nil // AT_FDCWD and neighbours
	case "PID":
		return uint32(f.rnd.IntN(6)), nil
	case "Path", "Str":
		return proctest.Scratch + uint32(f.rnd.IntN(len(texts)))*textSize, nil
	case "Size":
		return uint32(f.rnd.IntN(300)), nil
	case "Signal":
		return uint32(f.rnd.IntN(66)), nil
	case "UID", "GID", "ID16":
		return uint32(f.rnd.IntN(2) * 1000), nil
	case "Ptr", "InOut":
		return f.structure(a.Fields)
	case "Ret", "In", "Out", "Addr", "SigSet", "StrList":
		return f.structure(untyped)
	}
	if len(a.Values) > 0 {
		v := a.Values[f.rnd.IntN(len(a.Values))]
		if f.rnd.IntN(2) == 0 {
			v |= a.Values[f.rnd.IntN(len(a.Values))]
		}
		return v, nil
	}
	return uint32(f.rnd.IntN(12)), nil
}

// untyped is what is put where the table does not know what an address is of: addresses and sizes, as of iovec.
var untyped = []linux386.Field{{Name: "addr", Size: 4}, {Name: "len", Offset: 4, Size: 4}, {Name: "addr", Offset: 8, Size: 4},
	{Name: "len", Offset: 12, Size: 4}}

// structure has its fields in memory.
func (f *fuzzer) structure(fields []linux386.Field) (uint32, []store) {
	at := f.address()
	var list []store
	for _, x := range fields {
		v := uint32(f.rnd.IntN(300))
		if strings.Contains(x.Name, "addr") || strings.Contains(x.Name, "iov") {
			v = f.address()
		}
		if f.rnd.IntN(8) == 0 {
			v = f.wild()
		}
		list = append(list, store{at + x.Offset, binary.LittleEndian.AppendUint64(nil, uint64(v))[:x.Size]})
	}
	return at, list
}

// rare has the calls that end the task, or only the test's time.
func rare(name string) bool {
	return slices.Contains([]string{"exit", "exit_group", "sigreturn", "rt_sigreturn", "fork", "vfork", "clone", "clone3", "pause", "execve",
		"execveat", "kill", "munmap", "seccomp"}, name)
}

// start has a task make a call. false: it cannot.
func (f *fuzzer) start(t *fuzzTask) bool {
	c := &f.calls[f.rnd.IntN(len(f.calls))]
	if rare(c.Name) && f.rnd.IntN(20) > 0 || c.Absent && f.rnd.IntN(8) > 0 {
		return true
	}
	var stores []store
	args := make([]uint32, len(c.Args))
	for i := range args {
		v, s := f.word(&c.Args[i])
		args[i], stores = v, append(stores, s...)
	}
	t.slept = 0
	t.call = t.Offer(func(p *proc.Task) {
		for _, s := range stores {
			poke(p, s.at, s.b)
		}
	}, c.Nr, args...)
	return t.call != nil
}

// settle waits until the call of a task has ended, or sleeps. false: the task is of no more use.
func (f *fuzzer) settle(t *fuzzTask) bool {
	if t.call == nil {
		return true
	}
	for range 1000 {
		if t.call.Done() || t.Sleeping() {
			break
		}
		proctest.Yield()
	}
	if t.call.Done() {
		r := t.call.Wait()
		t.call = nil
		return !r.Exited && !r.Handler
	}
	t.slept++
	return t.slept < maxSlept
}

// replace kills a task and makes another. false: there can be none.
func (f *fuzzer) replace(i int) bool {
	t := &f.slots[i]
	if t.Task != nil {
		if _, err := f.k.Init.Syscall(nrKill, t.pid, abi.SIGKILL); err != nil && err != abi.ESRCH {
			f.t.Fatalf("kill: %v", err)
		}
		t.Gone()
		for {
			if pid, err := f.k.Init.Syscall(nrWait4, ^uint32(0), 0, abi.WNOHANG, 0); err != nil || pid == 0 {
				break
			}
		}
	}
	return f.fork(i)
}

// nest gives the first process a file system and an IPC namespace of its own, in which files and message queues that are left
// over go with the last task.
func nest(k *proctest.Kernel) {
	tmp, tmpfs, sub := k.Init.PushString("/tmp"), k.Init.PushString("tmpfs"), k.Init.PushString("/tmp/sub")
	k.Init.Must(nrUnshare, abi.CLONE_NEWNS|abi.CLONE_NEWIPC)
	k.Init.Must(nrMount, tmpfs, tmp, tmpfs, 0, 0)
	k.Init.Must(nrChroot, tmp)
	k.Init.Must(nrChdir, k.Init.PushString("/"))
	k.Init.Must(nrMkdir, tmp, 0o1777)
	k.Init.Must(nrMkdir, sub, 0o755)
}

// fuzz makes rounds of calls, each of all tasks at once, while more says so.
func fuzz(t *testing.T, source rand.Source, more func() bool, o proctest.Options) {
	k := proctest.NewWith(t, o)
	k.Mkdir("/tmp", 0o1777)
	nest(k)
	f := &fuzzer{t: t, k: k, rnd: rand.New(source), calls: linux386.Calls()}
	for i := range f.slots {
		f.fork(i)
	}
	for more() {
		for i := range f.slots {
			if s := &f.slots[i]; s.call == nil && !f.start(s) && !f.replace(i) {
				return
			}
		}
		for i := range f.slots {
			if !f.settle(&f.slots[i]) && !f.replace(i) {
				return
			}
		}
	}
}

// TestRandomCalls finds panics, hangs, leaks and, with the race detector, data races: proctest counts what is left at the end.
func TestRandomCalls(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			o := proctest.Options{}
			if seed == 3 {
				o.Trace = func([]byte) {}
			}
			rounds := 0
			fuzz(t, rand.NewPCG(seed, 1), func() bool { rounds++; return rounds < 2000 }, o)
		})
	}
}

// bytesSource takes random numbers from bytes, which fuzzing changes.
type bytesSource struct{ b []byte }

// Uint64 implements rand.Source. Two bytes decide a number: what is chosen from is never longer. The other bits are such that
// rand.Rand does not want another.
func (s *bytesSource) Uint64() uint64 {
	var w [2]byte
	s.b = s.b[copy(w[:], s.b):]
	return uint64(binary.BigEndian.Uint16(w[:]))<<48 | 0x5555_5555_5555
}

// FuzzCalls makes the calls that bytes stand for.
func FuzzCalls(f *testing.F) {
	for seed := range 8 {
		b := make([]byte, 4000)
		rnd := rand.NewPCG(uint64(seed), 2)
		for i := range b {
			b[i] = byte(rnd.Uint64())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &bytesSource{b}
		fuzz(t, s, func() bool { return len(s.b) > 0 }, proctest.Options{})
	})
}
