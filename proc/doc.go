// Package proc has tasks and what tasks do to each other: creation, exec, exit and wait, signals, futexes, timers,
// process groups and sessions, credentials, and the sharing of the CPU.
//
// # The life of a task
//
// A Task is a goroutine that runs Task.run: CPU.Run takes it to user mode and comes back at the next trap; a system call
// goes to the ABI, whose handler calls methods of Task; a page fault goes to mm; an interrupt to whom the wiring names.
// Whatever others want of a task they put into one word, Context.Work, which Run tests with interrupts off as its last
// step: a signal to deliver, a call to restart, the end of the slice, the end of the task.
//
// A task sleeps in Block, on a channel that holds one token. Everybody who has news for it calls kick, which puts the
// token there and never blocks; the task looks again at what it waits for after every token and before every sleep. So no
// wake-up is lost, and a sleep may end for nothing. File operations never sleep: they answer EAGAIN, and Retry waits on
// the file's queue.
//
// Clone, Unshare, Join and Exec first build everything that can fail, in a value that no one else sees (birth, parts,
// program), and then swap it in under the task lock, which cannot fail. An error leaves the task as it was.
//
// Exit sets WorkExit, and the task's own goroutine does the rest in finish: memory, timers, descriptors, namespaces, in
// this order; then it finds new parents for its children and tells its own. A thread is gone then; the last one leaves a
// zombie ThreadGroup for wait(2). The end of a pid namespace's init kills all of the namespace and waits for it.
//
// # Tracing
//
// The relation of a tracer and a tracee (ptrace(2)) is a tracing, which the tracee points to. All of it is guarded by the
// task lock. A tracee stops in standLocked, on its own goroutine, and nowhere else: it makes its stop known, sleeps, and
// goes on when the tracer resumes it, the relation ends, or it is killed, whatever comes first. While it stands there the
// tracer may use its registers, in AtStop, with the lock held; so a tracee that wakes waits until that is done. Memory is
// reached without the lock, by a reference to the address space. A stop at the end of a system call is work like others
// (WorkTraceEnd), and one at its entry is a part of the way of calls that are filtered; who is not traced tests no more bits
// than without tracing. A dead tracee stays among the threads until its tracer has waited for it.
//
// # Who may touch what
//
// The fields of a Task belong to its goroutine unless they say otherwise. The parts that tasks share (address space,
// descriptors, root and cwd, signal handlers, namespaces, credentials) count their users; a task reads its own pointers to
// them freely, changes them with the task lock held, and others take a View of them, which keeps them alive. Credentials
// never change once they can be seen: they are replaced.
//
// # Locks
//
// A lock may be taken while those to the left of it in this tree are held:
//
//	futexBucket.mu (two: in the order of the table)
//	limits.mu
//	loadAverage.mu
//	Kernel.mu, the task lock
//	├── wait.Queue of a ThreadGroup ── epoll and poll, whose listeners call nothing of proc but kick
//	├── ns: the lock of pid numbers, counts of namespaces and users
//	├── cgroup.Hierarchy.mu ── the frame pool's lock; wait.Queue of control files
//	├── timers of the Clock (their functions run with no lock held, and take Kernel.mu)
//	├── limits.mu
//	└── fs.FDTable, fs.Context: their counts of users only
//
// Nothing of fs or tty is called with the task lock held but what counts users, and no lock is held while user memory is
// touched, except by TryLoad32 and tryCAS, which resolve no fault.
//
// A function whose name ends in Locked is called with Kernel.mu held, or for a futexBucket with the bucket's own lock.
package proc
