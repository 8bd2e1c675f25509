// Package proctest makes whole kernels for tests on the host: memory in an arena, a tmpfs as root, a clock that the test
// moves, and a processor whose user mode is played by the test. At the end of a test everything that tasks had must be
// free again.
package proctest

import (
	"testing"

	"cleave/abi"
	"cleave/abi/linux386"

	"cleave/fs"
	"cleave/fs/tmpfs"
	"cleave/mm"
	"cleave/mm/frame"
	"cleave/ns"
	"cleave/ns/user"
	"cleave/proc"
)

// Kernel is a kernel under test, with its first process.
type Kernel struct {
	*proc.Kernel
	Clock *Clock
	Pool  *frame.Pool
	Root  *fs.Caller // root of the initial namespaces, who is no task: for making files
	Init  *Task      // the first process; it waits in user mode

	t      testing.TB
	cpu    *cpu
	abi    *linux386.ABI
	set    *ns.Set
	exited chan int // gets the wait(2) status of the first process
	before Counts
	Logged []string // the lines of the kernel's log
}

// Options change how a test kernel is made.
type Options struct {
	Frames int        // of memory; 0: 16 MiB's
	Model  user.Model // of user namespaces
	Trace  func(line []byte)
	Max    int         // proc.Config.MaxTasks
	Short  func() bool // proc.Config.Short
}

// Counts is what must be as before when all tasks have ended.
type Counts struct {
	Frames     int // in use
	Spaces     int // address spaces
	Namespaces [user.NumKinds]int64
	Accounts   int // of users
	PIDs       int // numbers of the initial pid namespace
	Timers     int // of the clock that run
}

// New makes a kernel whose first process has run execve and waits for the test. When the test ends, all tasks are killed,
// and what they had must be free.
func New(t testing.TB) *Kernel { return NewWith(t, Options{}) }

// NewWith is New with options.
func NewWith(t testing.TB, o Options) *Kernel {
	t.Helper()
	if o.Frames == 0 {
		o.Frames = 4096
	}
	k := &Kernel{t: t, Clock: newClock(), Pool: frame.NewArena(o.Frames), cpu: newCPU(), exited: make(chan int, 1)}
	k.build(o)
	k.WriteFile("/init", 0o755, Program())
	k.before = k.Counts()
	k.boot()
	t.Cleanup(k.finish)
	return k
}

// build makes everything but tasks.
func (k *Kernel) build(o Options) {
	users := user.NewInitial()
	users.SetNewModel(o.Model)
	v := fs.New(k.Pool, k.Clock.Realtime)
	tmpfs.Register(v, users)
	memory, err := mm.New(mm.Config{Pool: k.Pool})
	k.must(err)
	trace := func(_ *proc.Task, line []byte) {
		if o.Trace != nil {
			o.Trace(line)
		}
	}
	k.abi, err = linux386.New(linux386.Config{Memory: memory, CPU: k.cpu, Clock: k.Clock, FPUSize: fpuSize, FPUFeatures: 3, Trace: trace})
	k.must(err)
	mounts := v.NewMountNamespace(tmpfs.New(v, "rootfs", users).Superblock(), users)
	k.set = ns.NewInitial(ns.Config{Owner: users, Mount: mounts, HostName: "cleave"})
	k.Kernel = proc.New(proc.Config{
		Memory: memory, VFS: v, Clock: k.Clock, ABI: k.abi, CPU: k.cpu, Interrupts: ticker{}, UserNS: users, Set: k.set,
		InitExited: func(status int) { k.exited <- status }, TraceCalls: o.Trace != nil, MaxTasks: o.Max, Short: o.Short,
		Log: func(line string) { k.Logged = append(k.Logged, line) },
	})
	top := mounts.Root()
	k.Root = &fs.Caller{VFS: v, Cred: user.NewRoot(users), Files: fs.NewFDTable(), Mounts: mounts, FS: v.NewContext(top, 0)}
	top.Put()
}

// ticker takes the first interrupt for the end of a tick, others for interrupts that are none of the task's business.
type ticker struct{}

// Interrupt implements proc.Interrupts.
func (ticker) Interrupt(vector uint32) bool { return vector == proc.VectorInterrupts }

// boot starts the first process.
func (k *Kernel) boot() {
	files := fs.NewFDTable()
	init, err := k.NewInit(proc.InitConfig{FS: k.Root.FS.Copy(), Files: files, Cred: user.NewRoot(k.UserNS)})
	k.must(err)
	k.must(init.Exec(&proc.ExecArgs{DirFD: abi.AT_FDCWD, Path: "/init", Args: []string{"init"}}))
	k.Init = k.adopt(init)
	init.Start()
}

func (k *Kernel) must(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

// Counts gives the counts as they are now.
func (k *Kernel) Counts() Counts {
	c := Counts{
		Frames: k.Pool.Stats().InUse(), Spaces: k.Memory.Spaces(), Accounts: k.UserNS.Accounts(),
		PIDs: k.PIDNamespace().Count(), Timers: k.Clock.Timers(),
	}
	for i := range c.Namespaces {
		c.Namespaces[i] = k.UserNS.Live(user.Kind(i))
	}
	return c
}

// finish ends all tasks and compares what is left with what there was before.
func (k *Kernel) finish() {
	k.t.Helper()
	if !k.Init.dead() {
		k.Init.Exit(0)
	}
	<-k.exited
	for k.Tasks() > 0 {
		Yield() // the goroutine of the last task is past its last word
	}
	if after := k.Counts(); after != k.before && !k.t.Failed() {
		k.t.Errorf("left over: %+v, before the first task %+v", after, k.before)
	}
}

// WriteFile makes a file of the root file system. Its pages do not count as left over. No task may run meanwhile.
func (k *Kernel) WriteFile(path string, mode uint32, data []byte) {
	k.t.Helper()
	frames := k.Pool.Stats().InUse()
	defer func() { k.before.Frames += k.Pool.Stats().InUse() - frames }()
	f, err := k.Root.Open(abi.AT_FDCWD, []byte(path), fs.OpenHow{Flags: abi.O_CREAT | abi.O_TRUNC | abi.O_WRONLY, Mode: mode})
	k.must(err)
	defer f.Put()
	_, err = k.Root.Write(f, &fs.Bytes{B: data})
	k.must(err)
}

// Mkdir makes a directory of the root file system.
func (k *Kernel) Mkdir(path string, mode uint32) {
	k.t.Helper()
	k.must(k.Root.Mkdirat(abi.AT_FDCWD, []byte(path), mode))
}

// Find gives the task that has an id in the initial pid namespace.
func (k *Kernel) Find(pid int32) *Task {
	k.t.Helper()
	t := k.TaskIn(k.PIDNamespace(), pid)
	if t == nil {
		k.t.Fatalf("there is no task %d", pid)
	}
	return k.adopt(t)
}
