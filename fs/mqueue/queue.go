package mqueue

import (
	"container/heap"
	"sync"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
	"cleave/wait"
)

// PriorityMax is the first priority that is too high (MQ_PRIO_MAX).
const PriorityMax = 32768

// Attr is what mq_getattr(3) shows of a queue.
type Attr struct {
	MaxMessages int
	MessageSize int // bytes of a message, at most
	Messages    int // in the queue
}

// defaults are the attributes of a queue for which none are asked.
func (l *Limits) defaults() Attr {
	return Attr{MaxMessages: min(l.Messages, l.MessagesDef), MessageSize: min(l.MessageSize, l.MessageSizeDef)}
}

// message is one message; of those with one priority, the oldest comes first.
type message struct {
	priority uint32
	seq      uint64
	data     []byte
}

// messages is a heap of messages, the next to be received on top.
type messages []message

func (m messages) Len() int      { return len(m) }
func (m messages) Swap(i, j int) { m[i], m[j] = m[j], m[i] }
func (m *messages) Push(x any)   { *m = append(*m, x.(message)) }

func (m messages) Less(i, j int) bool {
	if m[i].priority != m[j].priority {
		return m[i].priority > m[j].priority
	}
	return m[i].seq < m[j].seq
}

func (m *messages) Pop() any {
	last := len(*m) - 1
	x := (*m)[last]
	(*m)[last] = message{}
	*m = (*m)[:last]
	return x
}

// Queue is a message queue. It is the operations of its own inode.
type Queue struct {
	fs.NoInode
	inode fs.Inode
	fs    *FS
	name  string
	pos   int64 // in the directory

	account *user.Account // charged for the queue; nil: nobody
	charge  int64         // bytes

	// Events tells of wait.Readable when a message has come, of wait.Writable when one has gone.
	Events wait.Queue

	mu        sync.Mutex // guards what follows; FS.mu is not taken under it
	attr      Attr
	messages  messages
	seq       uint64
	bytes     int
	receivers int // that wait
	notice    *registration
}

// registration is what mq_notify(2) has asked for.
type registration struct {
	notice Notice
	table  *fs.FDTable // whose close ends it
}

// Notice is how a process wants to be told of a message in an empty queue. Its methods are called without locks.
type Notice interface {
	// Message is called once, when the message has come; from is the sender, nil for the kernel.
	Message(from *fs.Caller)
	// Show returns how the process is told (SIGEV_*), the signal, and the process's id as reader sees it, for read(2).
	Show(reader *fs.Caller) (how, signo, pid int32)
	// Drop is called when the registration ends in whatever way.
	Drop()
}

// newQueue makes a queue without a name.
func (s *FS) newQueue(name string, n *fs.Node, a Attr) *Queue {
	const size = 80 // of what read(2) gives, as Linux shows it
	q := &Queue{fs: s, name: name, attr: a}
	s.sb.InitInode(&q.inode, q, s.lastIno.Add(1), n.Mode)
	q.inode.SetNode(n)
	q.inode.SetSize(size)
	q.inode.SetFileOps(queueOps{})
	return q
}

// Of returns the queue that f is open on. EBADF: it is something else.
func Of(f *fs.File) (*Queue, error) {
	q, ok := f.Inode().Ops().(*Queue)
	if !ok || f.Flags()&abi.O_PATH != 0 {
		return nil, abi.EBADF
	}
	return q, nil
}

// Attr returns the attributes.
func (q *Queue) Attr() Attr {
	q.mu.Lock()
	defer q.mu.Unlock()
	a := q.attr
	a.Messages = len(q.messages)
	return a
}

// Fits checks the length of a message before it is copied. EMSGSIZE.
func (q *Queue) Fits(n uint32) error {
	if uint64(n) > uint64(q.attr.MessageSize) { // constant after the making
		return abi.EMSGSIZE
	}
	return nil
}

// Send adds a message, which the queue keeps: mq_send(3). EAGAIN: the queue is full; wait for wait.Out.
func (q *Queue) Send(from *fs.Caller, data []byte, priority uint32) error {
	q.mu.Lock()
	if len(q.messages) >= q.attr.MaxMessages {
		q.mu.Unlock()
		return abi.EAGAIN
	}
	var told *registration
	if len(q.messages) == 0 && q.receivers == 0 {
		told, q.notice = q.notice, nil
	}
	q.seq++
	heap.Push(&q.messages, message{priority, q.seq, data})
	q.bytes += len(data)
	q.mu.Unlock()
	q.touch()
	q.Events.Notify(wait.Readable)
	if told != nil {
		told.notice.Message(from)
		told.notice.Drop()
	}
	return nil
}

// Receive takes the oldest message of the highest priority: mq_receive(3). room is the size of the caller's buffer.
// EMSGSIZE: a message may be larger; EAGAIN: there is none; wait for wait.In.
func (q *Queue) Receive(room uint32) (data []byte, priority uint32, err error) {
	if uint64(room) < uint64(q.attr.MessageSize) {
		return nil, 0, abi.EMSGSIZE
	}
	q.mu.Lock()
	if len(q.messages) == 0 {
		q.mu.Unlock()
		return nil, 0, abi.EAGAIN
	}
	m := heap.Pop(&q.messages).(message)
	q.bytes -= len(m.data)
	q.mu.Unlock()
	q.touch()
	q.Events.Notify(wait.Writable)
	return m.data, m.priority, nil
}

// Waiting counts n more receivers that wait: while one does, nobody is notified of a message (mq_notify(3)).
func (q *Queue) Waiting(n int) {
	q.mu.Lock()
	q.receivers += n
	q.mu.Unlock()
}

// touch sets the times of the file.
func (q *Queue) touch() {
	now := q.fs.vfs.Now()
	q.inode.SetTimes(now, now, now)
}

// Notify registers a process, whose descriptor table is t, to be told once of a message in the empty queue:
// mq_notify(2). EBUSY: another one is registered.
func (q *Queue) Notify(n Notice, t *fs.FDTable) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.notice != nil {
		return abi.EBUSY
	}
	q.notice = &registration{n, t}
	return nil
}

// Forget ends the registration of the process with descriptor table t, if it has one.
func (q *Queue) Forget(t *fs.FDTable) {
	q.mu.Lock()
	r := q.notice
	if r == nil || r.table != t {
		q.mu.Unlock()
		return
	}
	q.notice = nil
	q.mu.Unlock()
	r.notice.Drop()
}

// Valid reports whether the queue still has its name.
func (q *Queue) Valid(i *fs.Inode) bool { return i.Nlink() != 0 }

// SetAttr refuses to change the size.
func (q *Queue) SetAttr(_ *fs.Inode, set *fs.SetAttr) error { return noSize(set) }

// Evict frees a queue that has no name and that nobody has open.
func (q *Queue) Evict(*fs.Inode) {
	q.mu.Lock()
	r := q.notice
	q.notice, q.messages = nil, nil
	q.mu.Unlock()
	if r != nil {
		r.notice.Drop()
	}
	if q.account != nil {
		q.account.Add(user.QueueBytes, -q.charge)
		q.account.Release()
		q.account = nil
	}
}
