package proc

import (
	"cleave/abi"
	"cleave/wait"
)

// ThreadGroup is a process: the tasks that CLONE_THREAD made of one, and what they share.
type ThreadGroup struct{}

// PID is the identity of a task, a thread group, a process group and a session; they may share one.
type PID struct{}

// PosixTimer is a timer of timer_create(2).
type PosixTimer struct{}

type completion struct{}

// SetRestart notes that the system call which is ending asks to be restarted as e says: one of abi.ERESTART*.
func (t *Task) SetRestart(e abi.Errno) {}

// RestartSyscall is restart_syscall(2): it goes on with the call that a signal interrupted.
func (t *Task) RestartSyscall() (uint32, error) { return 0, abi.ENOSYS }

// Block sleeps until a wake-up (nil), a signal (abi.ERESTARTSYS) or the deadline (abi.ETIMEDOUT), in ns of the
// monotonic clock; 0 is never. A wake-up may be spurious: test the condition and call Block again.
func (t *Task) Block(deadline int64) error { return abi.ENOSYS }

// Retry calls op until it gives something else than EAGAIN, sleeping on q in between for any of ev. Errors: those of
// op and of Block.
func (t *Task) Retry(q *wait.Queue, ev wait.Events, deadline int64, op func() error) error {
	return abi.ENOSYS
}

// Notify implements wait.Listener: it wakes the task.
func (t *Task) Notify(*wait.Entry, wait.Events) {}

// Interrupted reports whether a signal is to be delivered, so that a sleep would end at once.
func (t *Task) Interrupted() bool { return false }

// CloneArgs says what clone, fork, vfork and clone3 make.
type CloneArgs struct {
	Flags      uint64  // CLONE_*, without the exit signal
	ExitSignal Signal  // 0: none
	Stack      uint32  // stack pointer of the new task, 0: the parent's
	TLS        uint32  // for CLONE_SETTLS: the argument of the ABI
	ParentTID  uint32  // address, for CLONE_PARENT_SETTID
	ChildTID   uint32  // address, for CLONE_CHILD_SETTID and CLONE_CHILD_CLEARTID
	PIDFD      uint32  // address, for CLONE_PIDFD
	SetTID     []int32 // clone3: the pids in the innermost namespace and its ancestors
	Cgroup     int32   // clone3: a descriptor, for CLONE_INTO_CGROUP
}

// Clone makes a task and returns its id in the caller's pid namespace. Errors are those of clone(2).
func (t *Task) Clone(a *CloneArgs) (int32, error) { return 0, abi.ENOSYS }

// Unshare is unshare(2).
func (t *Task) Unshare(flags uint64) error { return abi.ENOSYS }

// Setns is setns(2): fd is a namespace file or a pidfd.
func (t *Task) Setns(fd int32, nstype uint32) error { return abi.ENOSYS }

// ExecArgs are the arguments of execve(2) and execveat(2).
type ExecArgs struct {
	DirFD int32 // abi.AT_FDCWD for execve
	Path  string
	Flags uint32 // AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW
	Args  []string
	Env   []string
}

// Exec is execve(2): on success the task is the new program when it goes back to user mode.
func (t *Task) Exec(a *ExecArgs) error { return abi.ENOSYS }

// Exit ends the task when it goes back to user mode; status is the low byte that wait(2) shows.
func (t *Task) Exit(status uint32) {}

// ExitGroup ends the whole process.
func (t *Task) ExitGroup(status uint32) {}

// WaitArgs say which children wait4(2) and waitid(2) wait for.
type WaitArgs struct {
	Type    int32 // P_ALL, P_PID, P_PGID, P_PIDFD
	ID      int32
	Options uint32 // WEXITED, WSTOPPED, ... (wait4: WEXITED is implied by the handler)
}

// WaitResult is what wait found. PID 0: nothing yet, under WNOHANG.
type WaitResult struct {
	PID    int32
	Status int32   // as wait4(2) stores it
	Info   SigInfo // as waitid(2) stores it
	Usage  Usage
}

// Wait is wait4(2) and waitid(2).
func (t *Task) Wait(a WaitArgs) (WaitResult, error) { return WaitResult{}, abi.ENOSYS }

// Usage is what getrusage(2) tells. Times are ns, MaxRSS is in KiB.
type Usage struct {
	UTime, STime             int64
	MaxRSS                   int64
	MinorFaults, MajorFaults int64
	InBlock, OutBlock        int64
	Voluntary, Involuntary   int64 // changes of task
}

// Usage is getrusage(2): who is RUSAGE_SELF, RUSAGE_CHILDREN or RUSAGE_THREAD.
func (t *Task) Usage(who int32) (Usage, error) { return Usage{}, abi.ENOSYS }

// The ids of a task, in its own pid namespace.

// TID is gettid(2).
func (t *Task) TID() int32 { return 0 }

// TGID is getpid(2).
func (t *Task) TGID() int32 { return 0 }

// PPID is getppid(2).
func (t *Task) PPID() int32 { return 0 }

// PGID is getpgid(2). ESRCH.
func (t *Task) PGID(pid int32) (int32, error) { return 0, abi.ENOSYS }

// SID is getsid(2). ESRCH.
func (t *Task) SID(pid int32) (int32, error) { return 0, abi.ENOSYS }

// SetPGID is setpgid(2).
func (t *Task) SetPGID(pid, pgid int32) error { return abi.ENOSYS }

// SetSID is setsid(2).
func (t *Task) SetSID() (int32, error) { return 0, abi.ENOSYS }

// SetTIDAddress is set_tid_address(2); it returns the thread id.
func (t *Task) SetTIDAddress(addr uint32) int32 { return 0 }

// SetRobustList is set_robust_list(2): the head's address and size. EINVAL: another size than ABI.RobustListSize.
func (t *Task) SetRobustList(head, size uint32) error { return abi.ENOSYS }

// RobustList is get_robust_list(2).
func (t *Task) RobustList(tid int32) (head, size uint32, err error) { return 0, 0, abi.ENOSYS }

// Action is the action of sig, and with new its replacement (sigaction(2)). EINVAL.
func (t *Task) Action(sig Signal, new *SigAction) (old SigAction, err error) { return old, abi.ENOSYS }

// Mask is the set of blocked signals.
func (t *Task) Mask() SigSet { return 0 }

// SetMask replaces it; SIGKILL and SIGSTOP stay unblocked. A sigreturn uses it, too.
func (t *Task) SetMask(m SigSet) {}

// PendingSignals is sigpending(2): what is pending and blocked.
func (t *Task) PendingSignals() SigSet { return 0 }

// SigSuspend is sigsuspend(2). It always fails with abi.ERESTARTNOHAND.
func (t *Task) SigSuspend(mask SigSet) error { return abi.ENOSYS }

// WithMask replaces the mask until the system call ends (ppoll, pselect, epoll_pwait): it is restored at once if no
// handler runs, else when the handler returns.
func (t *Task) WithMask(m SigSet) {}

// SigTimedWait is sigtimedwait(2). timeout is in ns, negative: none. EAGAIN: nothing came.
func (t *Task) SigTimedWait(set SigSet, timeout int64) (SigInfo, error) { return SigInfo{}, abi.ENOSYS }

// AltStack is the alternate signal stack, for PushSignal and sigaltstack(2).
func (t *Task) AltStack() AltStack { return t.altStack }

// SetAltStack replaces it without any check.
func (t *Task) SetAltStack(s AltStack) { t.altStack = s }

// Kill is kill(2): pid > 0 a process, 0 the own process group, -1 all, < -1 a process group.
func (t *Task) Kill(pid int32, sig Signal) error { return abi.ENOSYS }

// Tgkill is tgkill(2), and tkill(2) with tgid 0.
func (t *Task) Tgkill(tgid, tid int32, sig Signal) error { return abi.ENOSYS }

// QueueInfo is rt_sigqueueinfo(2).
func (t *Task) QueueInfo(pid int32, info *SigInfo) error { return abi.ENOSYS }

// TgQueueInfo is rt_tgsigqueueinfo(2).
func (t *Task) TgQueueInfo(tgid, tid int32, info *SigInfo) error { return abi.ENOSYS }

// PidfdSend is pidfd_send_signal(2). info may be nil.
func (t *Task) PidfdSend(fd int32, sig Signal, info *SigInfo) error { return abi.ENOSYS }

// PidfdOpen is pidfd_open(2).
func (t *Task) PidfdOpen(pid int32, flags uint32) (int32, error) { return 0, abi.ENOSYS }

// PidfdGetFD is pidfd_getfd(2).
func (t *Task) PidfdGetFD(pidfd, fd int32) (int32, error) { return 0, abi.ENOSYS }

// Force sends t a signal that its own instruction raised: it cannot be ignored or held back.
func (t *Task) Force(info *SigInfo) {}

// FutexWait is FUTEX_WAIT_BITSET. deadline is of the monotonic clock, or of the realtime clock; 0 is none.
// Errors: EAGAIN (the word is not val), ETIMEDOUT, EFAULT, EINVAL, abi.ERESTARTSYS.
func (t *Task) FutexWait(addr uint32, private bool, val, bits uint32, deadline int64, realtime bool) error {
	return abi.ENOSYS
}

// FutexWake is FUTEX_WAKE_BITSET; it returns how many tasks it woke, n at most.
func (t *Task) FutexWake(addr uint32, private bool, n int32, bits uint32) (int32, error) {
	return 0, abi.ENOSYS
}

// FutexRequeue is FUTEX_REQUEUE, and with cmp set FUTEX_CMP_REQUEUE. It wakes n tasks at addr and moves as many as
// move to addr2; it returns the number of both.
func (t *Task) FutexRequeue(addr, addr2 uint32, private bool, n, move int32, cmp bool, val uint32) (int32, error) {
	return 0, abi.ENOSYS
}

// FutexWakeOp is FUTEX_WAKE_OP; op is the encoded operation.
func (t *Task) FutexWakeOp(addr, addr2 uint32, private bool, n, n2 int32, op uint32) (int32, error) {
	return 0, abi.ENOSYS
}

// FutexLockPI is FUTEX_LOCK_PI, with try set FUTEX_TRYLOCK_PI.
func (t *Task) FutexLockPI(addr uint32, private bool, deadline int64, realtime, try bool) error {
	return abi.ENOSYS
}

// FutexUnlockPI is FUTEX_UNLOCK_PI.
func (t *Task) FutexUnlockPI(addr uint32, private bool) error { return abi.ENOSYS }

// Now is clock_gettime(2), in ns. EINVAL: no such clock.
func (t *Task) Now(clock int32) (int64, error) { return 0, abi.ENOSYS }

// SetClock is clock_settime(2).
func (t *Task) SetClock(clock int32, ns int64) error { return abi.ENOSYS }

// ClockResolution is clock_getres(2), in ns.
func (t *Task) ClockResolution(clock int32) (int64, error) { return 0, abi.ENOSYS }

// Nanosleep is clock_nanosleep(2): ns is a length, or with abs set a time of the clock. For a signal it returns
// abi.ERESTART_RESTARTBLOCK and the time that is left, or with abs abi.ERESTARTNOHAND.
func (t *Task) Nanosleep(clock int32, abs bool, ns int64) (left int64, err error) {
	return 0, abi.ENOSYS
}

// Itimer is an interval timer of setitimer(2), in ns.
type Itimer struct{ Value, Interval int64 }

// Itimer is getitimer(2), and with new setitimer(2).
func (t *Task) Itimer(which int32, new *Itimer) (old Itimer, err error) { return old, abi.ENOSYS }

// SigEvent says how a timer of timer_create(2) tells of its expiry.
type SigEvent struct {
	Notify int32 // SIGEV_*
	Signo  Signal
	Value  uint64
	TID    int32 // SIGEV_THREAD_ID
}

// TimerCreate is timer_create(2); ev nil is SIGALRM with the timer's id.
func (t *Task) TimerCreate(clock int32, ev *SigEvent) (int32, error) { return 0, abi.ENOSYS }

// TimerSet is timer_settime(2).
func (t *Task) TimerSet(id int32, abs bool, new Itimer) (old Itimer, err error) {
	return old, abi.ENOSYS
}

// TimerGet is timer_gettime(2).
func (t *Task) TimerGet(id int32) (Itimer, error) { return Itimer{}, abi.ENOSYS }

// TimerOverrun is timer_getoverrun(2).
func (t *Task) TimerOverrun(id int32) (int32, error) { return 0, abi.ENOSYS }

// TimerDelete is timer_delete(2).
func (t *Task) TimerDelete(id int32) error { return abi.ENOSYS }

// Rlimit is a resource limit (getrlimit(2)); abi.RLIM_INFINITY is none.
type Rlimit struct{ Cur, Max uint64 }

// Rlimit is prlimit64(2) for the process with the pid given, 0 for the caller's own.
func (t *Task) Rlimit(pid int32, resource int32, new *Rlimit) (old Rlimit, err error) {
	return old, abi.ENOSYS
}

// SchedParams is what the scheduling calls keep of a task (sched(7)).
type SchedParams struct {
	Policy      int32
	Priority    int32 // of SCHED_FIFO and SCHED_RR
	Nice        int32 // -20 to 19
	ResetOnFork bool
}

// Sched is sched_getscheduler(2) and the like, with new the setting call; pid 0 is the caller.
func (t *Task) Sched(pid int32, new *SchedParams) (old SchedParams, err error) {
	return old, abi.ENOSYS
}

// Priority is getpriority(2): the lowest nice value.
func (t *Task) Priority(which, who int32) (int32, error) { return 0, abi.ENOSYS }

// SetPriority is setpriority(2).
func (t *Task) SetPriority(which, who, nice int32) error { return abi.ENOSYS }

// Yield is sched_yield(2).
func (t *Task) Yield() {}
