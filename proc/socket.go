package proc

import (
	"cleave/fs/socket"
	"cleave/ns/user"
)

// This file is what sockets have to know of a task (unix(7), SO_PEERCRED and SCM_CREDENTIALS).

var _ socket.Task = (*Task)(nil)

// Process implements socket.Task.
func (t *Task) Process() socket.Process { return t.group }

// ProcessID implements socket.Task.
func (t *Task) ProcessID(p socket.Process) int32 {
	g, ok := p.(*ThreadGroup)
	if !ok {
		return 0
	}
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	return g.pidLocked().In(t.pidNS)
}

// FindProcess implements socket.Task.
func (t *Task) FindProcess(pid int32) socket.Process {
	o := t.FindTask(pid)
	if o == nil {
		return nil
	}
	return o.group
}

// MayClaimProcess implements socket.Task.
func (t *Task) MayClaimProcess() bool { return t.Cred().Has(user.CapSysAdmin, t.pidNS.Owner()) }

// Names implements socket.Task.
func (t *Task) Names() socket.Names { return &t.set.Net.Abstract }

// Loopback implements socket.Task.
func (t *Task) Loopback() *socket.Loopback { return &t.set.Net.Loopback }
