package ns

import "cleave/ns/user"

// IPCNamespace has System V shared memory, semaphores and message queues, and POSIX message queues (ipc_namespaces(7)).
type IPCNamespace struct {
	user.Base
}

// NewInitialIPC makes the initial IPC namespace.
func NewInitialIPC(owner *user.Namespace) *IPCNamespace {
	n := &IPCNamespace{}
	n.BeginFirst(user.KindIPC, owner, nil)
	return n
}

// NewIPC makes an empty IPC namespace for a task with credentials c. ENOSPC: too many.
func NewIPC(c *user.Cred) (*IPCNamespace, error) {
	n := &IPCNamespace{}
	if err := n.Begin(user.KindIPC, c.NS, c.EUID, nil); err != nil {
		return nil, err
	}
	return n, nil
}
