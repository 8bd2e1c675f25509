package proc

import (
	"sync/atomic"

	"cleave/abi"
	"cleave/fs/cgroup"
	"cleave/fs/tty"
	"cleave/mm/frame"
	"cleave/ns"
	"cleave/wait"
)

// ThreadGroup is a process: the tasks that CLONE_THREAD made of one, and what they share. Kernel.mu guards it.
type ThreadGroup struct {
	k       *Kernel
	leader  *Task
	threads []*Task // those that are not gone; the leader stays until the group is reaped
	live    int     // threads that have not begun to exit

	pending pending
	next    int // the thread to look at first for the next signal

	closing  bool        // an init that kills its pid namespace
	exiting  bool        // all threads exit, with exitCode
	execTask *Task       // the thread whose execve kills the others
	mourner  *Task       // the last thread of an exiting init, which waits until its pid namespace is empty
	zombie   atomic.Bool // all threads have exited; waits for its parent
	gone     atomic.Bool // reaped; both written with the lock held
	exitCode int32       // as wait(2) gives it

	stopSignal Signal // of the stop that is going on or done
	stopCount  int    // threads that have still to stop
	stopped    bool   // all have stopped
	frozen     bool   // by its control group
	stopNews   bool   // and no wait(2) has told so yet
	contNews   bool   // continued, and no wait(2) has told so yet

	parent         *Task        // the task that waits for this group
	ppid           atomic.Int32 // its process's id in the pid namespace of this group; 0: not there
	exitSignal     Signal
	children       childList
	nextSib        *ThreadGroup
	prevSib        *ThreadGroup
	subreaper      bool // orphaned descendants come here (PR_SET_CHILD_SUBREAPER)
	underSubreaper bool // an ancestor is, or was, a subreaper
	isInit         bool // the init of its pid namespace
	execed         bool // has called execve since it was forked: setpgid(2) by the parent is too late

	pgrp *ProcessGroup
	tty  atomic.Pointer[tty.TTY]

	signalQueue wait.Queue // for signalfds; notified when a signal is sent
	childQueue  wait.Queue // for tasks in wait(2); notified of every change of a child
	exitQueue   wait.Queue // for pidfds and who needs memory; notified when a thread ends, and when the group becomes a zombie

	limits     limits
	deadUsage  Usage // of threads that are gone
	childUsage Usage // of children that were reaped
	maxRSS     int64 // KiB, of address spaces left behind
	started    int64 // monotonic time

	cgroup  atomic.Pointer[cgroup.Group]  // changed with Kernel.mu held, as is account
	account atomic.Pointer[frame.Account] // who pays for memory

	timers   timerSet
	oomScore atomic.Int32 // oom_score_adj
	dumpable atomic.Int32 // PR_SET_DUMPABLE: 0, 1, 2
}

// childList is a list of children in the order of their birth.
type childList struct {
	first, last *ThreadGroup
}

func (l *childList) add(g *ThreadGroup) {
	g.prevSib, g.nextSib = l.last, nil
	if l.last != nil {
		l.last.nextSib = g
	} else {
		l.first = g
	}
	l.last = g
}

func (l *childList) remove(g *ThreadGroup) {
	if g.prevSib != nil {
		g.prevSib.nextSib = g.nextSib
	} else {
		l.first = g.nextSib
	}
	if g.nextSib != nil {
		g.nextSib.prevSib = g.prevSib
	} else {
		l.last = g.prevSib
	}
	g.prevSib, g.nextSib = nil, nil
}

// Leader is the first thread; after an execve of another thread, that one.
func (g *ThreadGroup) Leader() *Task {
	g.k.mu.Lock()
	defer g.k.mu.Unlock()
	return g.leader
}

// Threads lists the threads that are not gone.
func (g *ThreadGroup) Threads() []*Task {
	g.k.mu.Lock()
	defer g.k.mu.Unlock()
	return append([]*Task(nil), g.threads...)
}

// setParentLocked makes t, which may be nil, the parent.
func (g *ThreadGroup) setParentLocked(t *Task) {
	g.parent = t
	ppid := int32(0)
	if t != nil {
		ppid = t.group.pidLocked().In(g.leader.pidNS)
	}
	g.ppid.Store(ppid)
}

// pidLocked is the id of the process.
func (g *ThreadGroup) pidLocked() *ns.PID { return g.leader.pid }

// removeThreadLocked takes t out of the list.
func (g *ThreadGroup) removeThreadLocked(t *Task) {
	for i, o := range g.threads {
		if o == t {
			g.threads = append(g.threads[:i], g.threads[i+1:]...)
			return
		}
	}
}

// emptyLocked reports whether the leader is the only thread that is not gone.
func (g *ThreadGroup) emptyLocked() bool { return len(g.threads) <= 1 }

// unkillableLocked reports whether the group is the init of a pid namespace: only what it has a handler for reaches
// it, and SIGKILL and SIGSTOP from outside of the namespace (pid_namespaces(7)).
func (g *ThreadGroup) unkillableLocked() bool { return g.isInit }

// statusLocked is the exit status as wait(2) gives it.
func (g *ThreadGroup) statusLocked() int32 {
	if g.exiting {
		return g.exitCode
	}
	return g.leader.exitCode
}

// statusLocked is the exit status of a thread as wait(2) gives it to its tracer.
func (t *Task) statusLocked() int32 {
	if t.group.exiting {
		return t.group.exitCode
	}
	return t.exitCode
}

// exitStatus makes a wait(2) status of an argument of _exit(2).
func exitStatus(status uint32) int32 { return int32(status&0xff) << 8 }

// childCode splits a wait(2) status into si_code and si_status.
func childCode(status int32) (code, value int32) {
	if status&0x7f == 0 {
		return abi.CLD_EXITED, status >> 8 & 0xff
	}
	if status&0x80 != 0 {
		return abi.CLD_DUMPED, status & 0x7f
	}
	return abi.CLD_KILLED, status & 0x7f
}
