package proc

import (
	"sync"
	"sync/atomic"

	"cleave/abi"
	"cleave/mm"
	"cleave/ns/user"
	"cleave/wait"
)

// NoSyscall is Task.SyscallNr while the task is not in a system call.
const NoSyscall = ^uint32(0)

// Task is one thread of a program; it is a goroutine. Fields that are not said to be guarded belong to that goroutine.
type Task struct {
	Ctx       *Context
	SyscallNr uint32 // of the call that is being done, or NoSyscall

	cred *user.Cred

	mu       sync.Mutex
	mm       *mm.AddressSpace // nil after exit
	handlers *SigHandlers     // also guarded by Kernel.mu

	k     *Kernel
	group *ThreadGroup // fixed, but for a thread that becomes the leader by execve
	pid   *PID         // guarded by Kernel.mu

	restart      abi.Errno // how the call that has just ended is restarted, 0: not at all
	restartBlock func(t *Task) (uint32, error)

	// Guarded by Kernel.mu; only the task itself changes blocked.
	blocked      SigSet
	restoreMask  SigSet // the mask to bring back after sigsuspend and the like
	restoring    bool
	waitingFor   SigSet // signals that sigtimedwait takes though they are blocked
	pending      pending
	stopPending  bool // takes part in the stop of its group
	stopped      bool
	exiting      bool
	exitCode     int32 // as wait(2) gives it
	exitSignal   Signal
	pdeathSignal Signal
	parent       *Task // who made it; for a group leader the one that waits for it

	altStack AltStack

	wake   chan struct{} // capacity 1: a token says "look again"
	sleep  Timer         // wakes an interrupted sleep
	entry  wait.Entry    // for the one queue that the task waits on
	uspace mm.UserBuffer // the buffer of the current read or write

	clearTID   uint32 // set_tid_address
	robustList uint32
	robustLen  uint32
	vfork      *completion // whom exec and exit release

	comm    atomic.Pointer[string]
	sched   SchedParams
	tidAddr uint32
}

// Kernel is the kernel that the task is part of.
func (t *Task) Kernel() *Kernel { return t.k }

// Group is the task's thread group: its process.
func (t *Task) Group() *ThreadGroup { return t.group }

// MM is the task's address space. For other tasks use AddressSpace.
func (t *Task) MM() *mm.AddressSpace { return t.mm }

// Cred is the task's own credentials. For other tasks use Credentials.
func (t *Task) Cred() *user.Cred { return t.cred }
