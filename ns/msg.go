package ns

import (
	"cleave/abi"
	"cleave/ns/user"
	"cleave/wait"
)

// Msg is a System V message queue (msgget(2)).
type Msg struct {
	p                   IPCPerm // guarded by ns.mu, as is the rest but Queue
	ns                  *IPCNamespace
	messages            []message
	bytes               uint32
	limit               uint32 // of bytes
	stime, rtime, ctime int64
	lspid, lrpid        *PID // who sent and received last
	// Queue tells of wait.In when a message has come, of wait.Out when there is room, and of both when the queue is removed.
	Queue wait.Queue
}

type message struct {
	typ  int32
	data []byte
}

func (q *Msg) perm() *IPCPerm { return &q.p }

// MsgStat is struct msqid_ds.
type MsgStat struct {
	IPCPerm
	Stime, Rtime, Ctime int64
	Bytes               uint32
	Messages            int
	Limit               uint32
	LSPID, LRPID        *PID
}

// Msgget is msgget(2). EEXIST, ENOENT, EACCES, ENOSPC.
func (n *IPCNamespace) Msgget(c *user.Cred, key, flags int32) (int32, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	q, ok, err := n.msg.byKey(n, c, key, flags, func(*Msg) error { return nil })
	if err != nil {
		return 0, err
	}
	if ok {
		return q.p.ID, nil
	}
	q = &Msg{ns: n, limit: n.limits.MsgMNB, ctime: n.config.Now()}
	return n.msg.add(q, c, key, flags, n.limits.MsgMNI)
}

// Msg finds a queue for msgsnd(2) and msgrcv(2). EINVAL.
func (n *IPCNamespace) Msg(id int32) (*Msg, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.msg.byID(id)
}

// Send is msgsnd(2); data becomes the queue's. EINVAL: a type below 1, or too long; EACCES; EIDRM: the queue was removed;
// EAGAIN: no room: wait for wait.Out, unless IPC_NOWAIT.
func (q *Msg) Send(c *user.Cred, pid *PID, typ int32, data []byte) error {
	q.ns.mu.Lock()
	defer q.ns.mu.Unlock()
	switch {
	case typ < 1 || uint64(len(data)) > uint64(q.ns.limits.MsgMax):
		return abi.EINVAL
	case q.p.removed:
		return abi.EIDRM
	}
	if err := q.p.allows(q.ns, c, 0o222); err != nil {
		return err
	}
	if uint64(q.bytes)+uint64(len(data)) > uint64(q.limit) || len(q.messages) >= int(q.limit) {
		return abi.EAGAIN
	}
	q.messages = append(q.messages, message{typ, data})
	q.bytes += uint32(len(data))
	q.stime, q.lspid = q.ns.config.Now(), pid
	q.Queue.Notify(wait.In)
	return nil
}

// Receive is msgrcv(2): it takes a message of at most size bytes. typ 0: the first; above 0: the first of that type, or,
// with MSG_EXCEPT, of another; below 0: the first of the lowest type up to -typ. EACCES; EIDRM; E2BIG without MSG_NOERROR;
// ENOMSG: there is none and IPC_NOWAIT; EAGAIN: wait for wait.In. MSG_COPY: ENOSYS, as on a Linux without checkpoints.
func (q *Msg) Receive(c *user.Cred, pid *PID, size uint32, typ, flags int32) (got int32, data []byte, err error) {
	if flags&abi.MSG_COPY != 0 {
		return 0, nil, abi.ENOSYS
	}
	q.ns.mu.Lock()
	defer q.ns.mu.Unlock()
	if q.p.removed {
		return 0, nil, abi.EIDRM
	}
	if err := q.p.allows(q.ns, c, 0o444); err != nil {
		return 0, nil, err
	}
	i := q.findLocked(typ, flags)
	if i < 0 {
		if flags&abi.IPC_NOWAIT != 0 {
			return 0, nil, abi.ENOMSG
		}
		return 0, nil, abi.EAGAIN
	}
	m := q.messages[i]
	if uint64(len(m.data)) > uint64(size) && flags&abi.MSG_NOERROR == 0 {
		return 0, nil, abi.E2BIG
	}
	q.messages = append(q.messages[:i], q.messages[i+1:]...)
	q.bytes -= uint32(len(m.data))
	q.rtime, q.lrpid = q.ns.config.Now(), pid
	q.Queue.Notify(wait.Out)
	return m.typ, m.data[:min(uint64(len(m.data)), uint64(size))], nil
}

// findLocked gives the index of the message to receive, -1 if there is none.
func (q *Msg) findLocked(typ, flags int32) int {
	found := -1
	for i, m := range q.messages {
		switch {
		case typ == 0, typ > 0 && (m.typ == typ) != (flags&abi.MSG_EXCEPT != 0):
			return i
		case typ < 0 && int64(m.typ) <= -int64(typ) && (found < 0 || m.typ < q.messages[found].typ):
			found = i
		}
	}
	return found
}

// MsgStat is IPC_STAT (cmd IPC_STAT takes an id, MSG_STAT and MSG_STAT_ANY an index). EINVAL, EACCES.
func (n *IPCNamespace) MsgStat(c *user.Cred, id, cmd int32) (*MsgStat, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	find := n.msg.byID
	if cmd != abi.IPC_STAT {
		find = n.msg.byIndex
	}
	q, err := find(id)
	if err != nil {
		return nil, err
	}
	if cmd != abi.MSG_STAT_ANY {
		if err := q.p.allows(n, c, 0o444); err != nil {
			return nil, err
		}
	}
	return q.stat(), nil
}

func (q *Msg) stat() *MsgStat {
	return &MsgStat{IPCPerm: q.p, Stime: q.stime, Rtime: q.rtime, Ctime: q.ctime, Bytes: q.bytes,
		Messages: len(q.messages), Limit: q.limit, LSPID: q.lspid, LRPID: q.lrpid}
}

// MsgSet is IPC_SET. EINVAL; EPERM, also for a limit above msgmnb without CAP_SYS_RESOURCE.
func (n *IPCNamespace) MsgSet(c *user.Cred, id int32, uid user.UID, gid user.GID, mode uint16, limit uint32) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	q, err := n.msg.byID(id)
	if err != nil {
		return err
	}
	if err := q.p.mayChange(n, c); err != nil {
		return err
	}
	if limit > n.limits.MsgMNB && !c.Has(user.CapSysResource, n.Owner()) {
		return abi.EPERM
	}
	if err := q.p.set(c, uid, gid, mode); err != nil {
		return err
	}
	q.limit, q.ctime = limit, n.config.Now()
	q.Queue.Notify(wait.In | wait.Out)
	return nil
}

// MsgRemove is IPC_RMID: who waits gets EIDRM. EINVAL, EPERM.
func (n *IPCNamespace) MsgRemove(c *user.Cred, id int32) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	q, err := n.msg.byID(id)
	if err != nil {
		return err
	}
	if err := q.p.mayChange(n, c); err != nil {
		return err
	}
	n.msg.remove(q)
	q.messages = nil
	q.Queue.Notify(wait.In | wait.Out)
	return nil
}

// MsgUsage is IPC_INFO and MSG_INFO.
func (n *IPCNamespace) MsgUsage() IPCUsage {
	n.mu.Lock()
	defer n.mu.Unlock()
	u := IPCUsage{Limits: n.limits, MaxIndex: n.msg.max, Objects: len(n.msg.used)}
	for _, q := range n.msg.used {
		u.Items += uint64(len(q.messages))
		u.Bytes += uint64(q.bytes)
	}
	return u
}

// EachMsg lists the queues (/proc/sysvipc/msg).
func (n *IPCNamespace) EachMsg(f func(*MsgStat)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.msg.each(func(q *Msg) { f(q.stat()) })
}
