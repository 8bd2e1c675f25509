package proc

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/fs/mqueue"
	"cleave/ns"
	"cleave/wait"
)

// This file has what POSIX message queues want of tasks: sleeping, and signals (mq_overview(7)).

var _ mqueue.Holder = (*Task)(nil)

// MessageQueues is the queues of t's IPC namespace.
func (t *Task) MessageQueues() *mqueue.FS { return t.set.IPC.Queues(t.k.VFS) }

// OpenQueue is mq_open(2), within RLIMIT_MSGQUEUE. Errors are those of mqueue.FS.Open.
func (t *Task) OpenQueue(name []byte, how mqueue.OpenHow) (*fs.File, error) {
	how.Limit = int64(min(t.group.limits.get(abi.RLIMIT_MSGQUEUE).Cur, 1<<62))
	return t.MessageQueues().Open(&t.Caller, name, how)
}

// QueueSend is mq_timedsend(2) with a message that the queue keeps. EAGAIN: the queue of f is full, and f has
// O_NONBLOCK; ETIMEDOUT; abi.ERESTARTSYS.
func (t *Task) QueueSend(f *fs.File, q *mqueue.Queue, data []byte, priority uint32, d Deadline) error {
	send := func() error { return q.Send(&t.Caller, data, priority) }
	if f.Nonblock() {
		return send()
	}
	return t.Retry(&q.Events, wait.Out, t.monotonic(d), send)
}

// QueueReceive is mq_timedreceive(2) for a buffer of room bytes. EMSGSIZE; EAGAIN: the queue of f is empty, and f has
// O_NONBLOCK; ETIMEDOUT; abi.ERESTARTSYS.
func (t *Task) QueueReceive(f *fs.File, q *mqueue.Queue, room uint32, d Deadline) (data []byte, priority uint32, err error) {
	data, priority, err = q.Receive(room)
	if err != abi.EAGAIN || f.Nonblock() {
		return data, priority, err
	}
	q.Waiting(1)
	err = t.Retry(&q.Events, wait.In, t.monotonic(d), func() error {
		data, priority, err = q.Receive(room)
		return err
	})
	q.Waiting(-1)
	return data, priority, err
}

// NotifyMessage has t's process told, once, of a message in an empty queue: mq_notify(2). EBUSY: another process is to be
// told; EINVAL: a bad event.
//
// DIVERGES: SIGEV_THREAD, which the C library builds on a netlink socket, is EINVAL.
func (t *Task) NotifyMessage(q *mqueue.Queue, e *SigEvent) error {
	if e.Notify == abi.SIGEV_THREAD {
		return abi.EINVAL
	}
	t.k.mu.Lock()
	pid := t.group.pidLocked()
	pid.Get()
	t.k.mu.Unlock()
	n := &messageNotice{k: t.k, event: *e, pid: pid}
	err := q.Notify(n, t.Caller.Files)
	if err != nil {
		n.Drop()
	}
	return err
}

// CheckNotify checks an event for mq_notify(2). EINVAL.
func (e *SigEvent) CheckNotify() error {
	switch e.Notify {
	case abi.SIGEV_NONE, abi.SIGEV_THREAD:
		return nil
	case abi.SIGEV_SIGNAL:
		if e.Signo == 0 || e.Signo.Valid() {
			return nil
		}
	}
	return abi.EINVAL
}

// messageNotice tells a process of a message.
type messageNotice struct {
	k     *Kernel
	event SigEvent
	pid   *ns.PID // of the process; with a reference
}

// Message sends the signal. Who may put messages into the queue may cause it, whatever the permission to send signals.
func (n *messageNotice) Message(from *fs.Caller) {
	if n.event.Notify != abi.SIGEV_SIGNAL || n.event.Signo == 0 {
		return
	}
	info := SigInfo{Signo: n.event.Signo, Code: abi.SI_MESGQ, Value: n.event.Value}
	n.k.mu.Lock()
	defer n.k.mu.Unlock()
	to, ok := n.pid.Task.(*Task)
	if !ok {
		return
	}
	if t, ok := from.Task.(*Task); ok {
		info.PID, info.UID = t.group.pidLocked().In(to.pidNS), t.Caller.Cred.UID
	}
	_ = to.sendLocked(&info, true, false) // a full queue of signals loses a real-time one (signal(7))
}

// Show implements mqueue.Notice.
func (n *messageNotice) Show(reader *fs.Caller) (how, signo, pid int32) {
	t, ok := reader.Task.(*Task)
	if !ok {
		return 0, 0, 0
	}
	how = n.event.Notify
	if how == abi.SIGEV_SIGNAL {
		signo = int32(n.event.Signo)
	}
	return how, signo, n.pid.In(t.pidNS)
}

// Drop lets go of the process.
func (n *messageNotice) Drop() { n.pid.Put() }
