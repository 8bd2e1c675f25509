package proc

import (
	"sync"
	"sync/atomic"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/cgroup"
	"cleave/mm"
	"cleave/ns"
	"cleave/ns/user"
)

// Config is what a kernel is made of.
type Config struct {
	Memory     *mm.Memory
	VFS        *fs.VFS
	Clock      Clock
	ABI        ABI
	CPU        CPU
	Interrupts Interrupts       // nil: there are none
	Random     func(p []byte)   // fills p with random bits
	InitExited func(status int) // told, once, the wait(2) status of the first process; called on its goroutine
	Log        func(msg string) // a line for the kernel's log; nil: none
	NewParker  func() Parker    // nil: channels
	TraceCalls bool             // every task has WorkTrace
	MaxTasks   int              // how many tasks there may be, those that nobody has waited for included; 0: any number
	Short      func() bool      // reports whether the kernel's own memory is short, so that it makes no tasks; nil: never
	UserNS     *user.Namespace  // the initial one
	Set        *ns.Set          // the initial namespaces
}

// Kernel is one running kernel: all tasks, and what they share.
type Kernel struct {
	Memory     *mm.Memory
	VFS        *fs.VFS
	Clock      Clock
	ABI        ABI
	Interrupts Interrupts
	Random     func(p []byte)
	UserNS     *user.Namespace
	Log        func(msg string)

	cpu        CPU
	set        *ns.Set
	pidNS      *ns.PIDNamespace
	cgroups    *cgroup.Hierarchy
	initExited func(status int)
	newParker  func() Parker
	trace      bool
	maxTasks   int
	short      func() bool

	// mu is the task lock. It guards the tree of tasks (groups, parents, process groups, sessions, who has a PID) and
	// all signal state, and it is held when a task changes what others may see of it. See the package documentation.
	mu sync.Mutex

	futexes    futexTable
	seccompLog seccompLog
	load       loadAverage
	running    atomic.Int32 // tasks that are not asleep
	tasks      atomic.Int32 // goroutines of tasks
	forks      atomic.Int64 // since the start

	// ClockSet, if not nil, is told that the time of day was set (timerfds).
	ClockSet func()

	started int64

	openFiles atomic.Int32 // /proc/sys/fs/nr_open
	lastYield atomic.Int64 // monotonic time at which a task last let others go first

	freeSigs    *sigEntry // queue entries to use again; guarded by mu, as is their number
	numFreeSigs int

	// Steps, when not nil, makes a step of the next preparation of clone, unshare or setns fail; for tests.
	Steps *user.Steps
}

// New makes a kernel without tasks.
func New(c Config) *Kernel {
	k := &Kernel{
		Memory: c.Memory, VFS: c.VFS, Clock: c.Clock, ABI: c.ABI, Interrupts: c.Interrupts, Random: c.Random,
		UserNS: c.UserNS, Log: c.Log, cpu: c.CPU, set: c.Set, pidNS: c.Set.PIDForChildren, initExited: c.InitExited,
		newParker: c.NewParker, trace: c.TraceCalls, started: c.Clock.Monotonic(),
	}
	k.maxTasks, k.short = c.MaxTasks, c.Short
	if k.Log == nil {
		k.Log = func(string) {}
	}
	if k.newParker == nil {
		k.newParker = newChannelParker
	}
	k.openFiles.Store(MaxOpenFiles)
	if k.Random == nil {
		k.Random = func([]byte) {}
	}
	c.Memory.SetShortage(k.shortage)
	k.cgroups = cgroup.New(c.VFS, k)
	c.Set.Cgroup.SetRoot(k.cgroups.Root())
	return k
}

// CPU is the processor's seam.
func (k *Kernel) CPU() CPU { return k.cpu }

// PIDNamespace is the initial pid namespace.
func (k *Kernel) PIDNamespace() *ns.PIDNamespace { return k.pidNS }

// Tasks is the number of tasks that have not ended.
func (k *Kernel) Tasks() int { return int(k.tasks.Load()) }

// MaxTasks is how many tasks there may be (/proc/sys/kernel/threads-max), 0 for any number.
func (k *Kernel) MaxTasks() int { return k.maxTasks }

// roomForTask returns EAGAIN if there are as many tasks as there may be, and ENOMEM if the kernel's own memory is short
// (fork(2)).
func (k *Kernel) roomForTask() error {
	switch {
	case k.maxTasks > 0 && k.pidNS.Count() >= k.maxTasks:
		return abi.EAGAIN
	case k.short != nil && k.short():
		return abi.ENOMEM
	}
	return nil
}

// Forks is how many tasks were made since the start.
func (k *Kernel) Forks() int64 { return k.forks.Load() }

// Running is the number of tasks that are not asleep.
func (k *Kernel) Running() int { return int(k.running.Load()) }

// Started is the monotonic time at which the kernel was made.
func (k *Kernel) Started() int64 { return k.started }

// InitConfig is how the first task begins.
type InitConfig struct {
	FS    *fs.Context // the task takes over the caller's use of FS and Files
	Files *fs.FDTable
	Cred  *user.Cred // entered, as user.NewRoot gives it
}

// NewInit makes the first task, process 1. It does not run yet: call Exec on it, then Start.
func (k *Kernel) NewInit(c InitConfig) (*Task, error) {
	pid, err := k.pidNS.Alloc(nil)
	if err != nil {
		return nil, err
	}
	t := k.newTask()
	t.handlers = newSigHandlers()
	t.set = k.set.Get()
	t.cpuMask = 1
	t.Caller.Cred, t.Caller.FS, t.Caller.Files = c.Cred, c.FS, c.Files
	t.Caller.Mounts = t.set.Mount
	k.cpu.InitFPU(t.Ctx)
	g := &ThreadGroup{k: k, leader: t, threads: []*Task{t}, live: 1, isInit: true, started: k.Clock.Monotonic()}
	g.limits.init()
	g.dumpable.Store(1)
	if err := g.joinFirst(); err != nil {
		pid.Put()
		return nil, err
	}
	t.join(g, pid)
	t.setComm("init")
	k.mu.Lock()
	pid.Task = t
	k.pidNS.SetInit(g)
	k.newSessionLocked(g)
	k.mu.Unlock()
	return t, nil
}

// newTask makes a task that nobody knows.
func (k *Kernel) newTask() *Task {
	t := &Task{k: k, Ctx: new(Context), SyscallNr: NoSyscall, parker: k.newParker(), slack: defaultSlack}
	t.Caller.VFS, t.Caller.Limits, t.Caller.Task = k.VFS, t, t
	t.futex.task = t
	if k.trace {
		t.Ctx.Work.Store(WorkTrace)
	}
	return t
}

// join gives a task that nobody knows its group and its id.
func (t *Task) join(g *ThreadGroup, pid *ns.PID) {
	t.group, t.pid = g, pid
	t.Caller.Account = &g.account
	t.pidNS, t.tid = pid.Namespace(), pid.Number()
	t.tgid = t.tid
	if g.leader != t {
		t.tgid = g.leader.tgid
	}
}

// Start lets a new task run.
func (t *Task) Start() {
	k := t.k
	k.tasks.Add(1)
	k.running.Add(1)
	k.forks.Add(1)
	t.mark = k.Clock.Monotonic()
	t.slice = sliceTicks(t.nice.Load())
	go t.run()
}
