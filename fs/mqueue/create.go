package mqueue

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
)

// What a message and its place in the queue cost besides its bytes, as a 64-bit Linux counts it (mq_overview(7),
// sizeof(struct msg_msg) and sizeof(struct posix_msg_tree_node)).
const (
	messageCost  = 48
	priorityCost = 48
)

// cost is what a queue counts for RLIMIT_MSGQUEUE, in bytes.
func (a Attr) cost() int64 {
	n := int64(a.MaxMessages)
	return n*messageCost + min(n, PriorityMax)*priorityCost + n*int64(a.MessageSize)
}

// check checks the attributes that are asked for a new queue. EINVAL.
func (a Attr) check(l *Limits, powerful bool) error {
	messages, size := l.Messages, l.MessageSize
	if powerful {
		messages, size = hardMessages, hardMessageSize
	}
	if a.MaxMessages <= 0 || a.MessageSize <= 0 || a.MaxMessages > messages || a.MessageSize > size {
		return abi.EINVAL
	}
	return nil
}

// createLocked makes a queue for mq_open(2).
func (s *FS) createLocked(c *fs.Caller, name string, how *OpenHow) (*Queue, error) {
	powerful := c.Cred.Has(user.CapSysResource, c.Cred.NS.Initial())
	a := s.limits.defaults()
	if how.Attr != nil {
		a = Attr{MaxMessages: how.Attr.MaxMessages, MessageSize: how.Attr.MessageSize}
		if err := a.check(&s.limits, powerful); err != nil {
			return nil, err
		}
	}
	if err := s.root.inode.Access(c, abi.W_OK|abi.X_OK); err != nil {
		return nil, err
	}
	if len(s.queues) >= s.limits.Queues && !powerful {
		return nil, abi.ENOSPC
	}
	account, cost := c.Cred.Account, a.cost()
	if !account.Charge(user.QueueBytes, cost, how.Limit) {
		return nil, abi.EMFILE
	}
	mode := how.Mode & abi.S_IALLUGO &^ c.FS.Umask()
	q := s.newQueue(name, &fs.Node{Mode: abi.S_IFREG | mode, UID: c.Cred.FSUID, GID: c.Cred.FSGID}, a)
	account.Hold()
	q.account, q.charge = account, cost
	s.addLocked(q)
	return q, nil
}

// Unlink removes the name of a queue: mq_unlink(2). ENOENT; EACCES; EPERM: it is somebody else's.
func (s *FS) Unlink(c *fs.Caller, name []byte) error {
	if err := checkName(name); err != nil {
		return err
	}
	s.mu.Lock()
	q := s.findLocked(name)
	err := error(abi.ENOENT)
	if q != nil {
		if err = s.mayUnlink(c, q); err == nil {
			s.removeLocked(q)
		}
	}
	s.mu.Unlock()
	if err == nil {
		q.inode.Put()
	}
	return err
}

// mayUnlink checks the permission of the directory, and its sticky bit.
func (s *FS) mayUnlink(c *fs.Caller, q *Queue) error {
	dir := &s.root.inode
	if err := dir.Access(c, abi.W_OK|abi.X_OK); err != nil {
		return err
	}
	if dir.Mode()&abi.S_ISVTX != 0 && c.Cred.FSUID != q.inode.UID() && c.Cred.FSUID != dir.UID() &&
		!c.Cred.HasOverInode(user.CapFowner, q.inode.UID(), q.inode.GID()) {
		return abi.EPERM
	}
	return nil
}
