package proc

import (
	"cleave/abi"
	"cleave/fs/netdev"
	"cleave/fs/netlink"
	"cleave/fs/socket"
	"cleave/ns"
	"cleave/ns/user"
)

// This file is what sockets have to know of a task (unix(7), SO_PEERCRED and SCM_CREDENTIALS).

var _ netlink.Task = (*Task)(nil)

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

// Links implements socket.Task.
func (t *Task) Links() *netdev.Table { return &t.set.Net.Links }

// Netlink implements netlink.Task.
func (t *Task) Netlink() *netlink.Net { return &t.set.Net.Netlink }

// LinksOfPID implements netlink.Task.
func (t *Task) LinksOfPID(pid int32) (*netdev.Table, error) {
	o := t.FindTask(pid)
	if o == nil {
		return nil, abi.ESRCH
	}
	set := o.Namespaces()
	if set == nil {
		return nil, abi.ESRCH
	}
	defer set.Put()
	set.Net.Get()
	return &set.Net.Links, nil
}

// LinksOfFD implements netlink.Task.
func (t *Task) LinksOfFD(fd int32) (*netdev.Table, error) {
	f, err := t.Files().Get(int(fd))
	if err != nil {
		return nil, err
	}
	defer f.Put()
	n, _ := ns.FromFile(f)
	net, ok := n.(*ns.NetNamespace)
	if !ok {
		return nil, abi.EINVAL
	}
	net.Get()
	return &net.Links, nil
}
