package proc

import (
	"sync/atomic"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm"
	"cleave/ns"
	"cleave/ns/user"
	"cleave/wait"
)

// NoSyscall is Task.SyscallNr while the task is not in a system call.
const NoSyscall = ^uint32(0)

// Task is one thread of a program; it is a goroutine. Fields that are not said to be guarded belong to that goroutine.
type Task struct {
	Ctx       *Context
	SyscallNr uint32 // of the call that is being done, or NoSyscall

	// Caller is the task as the file systems see it: its credentials, root and cwd, descriptors, mounts. The task reads
	// it, and the next three fields, freely; it changes them with Kernel.mu held, and others read them with it held.
	Caller   fs.Caller
	mm       *mm.AddressSpace // nil once the task exits
	set      *ns.Set
	handlers *SigHandlers

	k     *Kernel
	group *ThreadGroup
	pidNS *ns.PIDNamespace // that the task is in; never changes
	tid   int32            // its number there
	tgid  int32            // and that of its process

	restart      abi.Errno // how the call that is ending is made again, 0: not at all
	restartBlock func(t *Task) (uint32, error)

	// Guarded by Kernel.mu. Only the task itself changes blocked.
	pid          *ns.PID // nil once the task is gone
	blocked      SigSet
	restoreMask  SigSet // comes back when the call that set restoring ends
	restoring    bool
	waitingFor   SigSet // what sigtimedwait takes though it is blocked
	forced       SigSet // signals that the task's own instructions raised and that nothing can ignore
	pending      pending
	stopPending  bool // has yet to take part in the stop of its group
	stopCounted  bool // and the group waits for it
	stopDequeued bool // nothing has continued the group since the last signal was taken
	stopped      bool
	iced         bool // stands still because its process is frozen
	exiting      bool
	exited       atomic.Bool // lets go of nothing more; written with the lock held
	exitCode     int32       // as wait(2) gives it
	pdeathSignal Signal
	vfork        *completion // whom exec and exit let go on
	trace        *tracing    // nil: no tracer
	tracees      *Task       // the first of those that it traces

	altStack AltStack
	delivery delivery

	parker Parker
	asleep atomic.Bool
	alarm  Timer      // ends a sleep; made by the first that needs it
	io     ioState    // what calls on files use
	entry  wait.Entry // in the queue of the file that the task waits for

	undo *ns.SemUndo // adjustments of System V semaphores; nil: none yet. Others read it with Kernel.mu held, as the task writes

	clearTID   uint32 // zeroed, and woken, when the task exits (set_tid_address(2))
	robustHead uint32 // set_robust_list(2)

	mark  int64 // monotonic time of the last charge
	slice int   // ticks that are left
	usage usage
	fault faultInfo

	stepForced bool // the trap flag is a tracer's, not the program's
	debug      debugRegisters

	futex     futexWaiter
	comm      atomic.Pointer[string]
	nice      atomic.Int32
	sched     SchedParams                   // guarded by Kernel.mu
	slack     int64                         // PR_SET_TIMERSLACK, ns
	noNewPriv bool                          // PR_SET_NO_NEW_PRIVS; guarded by Kernel.mu
	seccomp   atomic.Pointer[seccompFilter] // nil: none; changed with Kernel.mu held
	persona   atomic.Uint32                 // personality(2)
	overLimit bool                          // see tooManyProcesses
	cpuMask   uint64                        // sched_setaffinity(2); guarded by Kernel.mu
}

// faultInfo is what the last exception was, for signal frames.
type faultInfo struct {
	vector, err, addr uint32
}

// Kernel is the kernel that the task is part of.
func (t *Task) Kernel() *Kernel { return t.k }

// ThreadGroup is the task's process.
func (t *Task) ThreadGroup() *ThreadGroup { return t.group }

// MM is the task's address space. It is for the task itself, as are FS, Files, Cred and NS; see View for others.
func (t *Task) MM() *mm.AddressSpace { return t.mm }

// FS is the task's root, cwd and umask.
func (t *Task) FS() *fs.Context { return t.Caller.FS }

// Files is the task's descriptor table.
func (t *Task) Files() *fs.FDTable { return t.Caller.Files }

// Cred is the task's credentials.
func (t *Task) Cred() *user.Cred { return t.Caller.Cred }

// NS is the task's namespaces, but for the user namespace, which its credentials name, and its pid namespace.
func (t *Task) NS() *ns.Set { return t.set }

// TrapInfo tells of the last exception of the task: vector, error code, and the address of a page fault.
func (t *Task) TrapInfo() (vector, err, addr uint32) {
	return t.fault.vector, t.fault.err, t.fault.addr
}

// Comm is the name of the task (PR_SET_NAME), 15 bytes at most.
func (t *Task) Comm() string { return *t.comm.Load() }

// SetComm changes it; what is too long is cut.
func (t *Task) SetComm(name string) {
	t.setComm(name)
	if t.k.announced() {
		t.announceComm(t.Comm())
	}
}

// setComm is SetComm as execve does it, which is an event of another kind.
func (t *Task) setComm(name string) {
	if len(name) > 15 {
		name = name[:15]
	}
	t.comm.Store(&name)
}

// View is what one task may see of another, or of itself on behalf of others: consistent at one moment, and alive
// until Put.
type View struct {
	Cred  *user.Cred
	MM    *mm.AddressSpace // nil after exit, as are FS, Files and Set
	FS    *fs.Context
	Files *fs.FDTable
	Set   *ns.Set
}

// View gives a view of t. The caller calls Put.
func (t *Task) View() View {
	t.k.mu.Lock()
	v := View{Cred: t.Caller.Cred}
	if t.set == nil {
		t.k.mu.Unlock()
		return v
	}
	v.Set = t.set.Get()
	v.Files = t.Caller.Files.Share()
	ctx := t.Caller.FS.Share()
	if t.mm != nil && t.mm.TryRef() {
		v.MM = t.mm
	}
	t.k.mu.Unlock()
	v.FS = ctx.Copy() // a use would make the task seem to share its root and cwd
	ctx.Leave()
	return v
}

// Put lets go of what the view holds.
func (v *View) Put() {
	if v.Set != nil {
		v.Set.Put()
		v.FS.Leave()
		v.Files.Leave()
	}
	if v.MM != nil {
		v.MM.Unref()
	}
}
