// Package socket has what system calls on sockets and the address families agree on: the operations, the form of a
// message with its ancillary data, and the options that all sockets have.
package socket

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/fs/netdev"
	"cleave/ns/user"
)

// Socket is what a socket does beside what any open file does. Addresses are as user programs give them: the family in
// two bytes, then what the family wants. No operation sleeps: EAGAIN says "not now", and the caller waits on the file's
// queue, for wait.In in Accept and Receive, for wait.Out in Connect and Send, unless MSG_DONTWAIT or O_NONBLOCK is set.
type Socket interface {
	fs.FileOps
	// Bind gives the socket an address (bind(2)).
	Bind(c *fs.Caller, addr []byte) error
	// Connect connects it (connect(2)).
	Connect(c *fs.Caller, addr []byte) error
	// Listen makes it accept connections, of which up to backlog wait (listen(2)).
	Listen(c *fs.Caller, backlog int) error
	// Accept returns the next connection's socket, a file with flags (O_NONBLOCK) and one reference (accept4(2)).
	Accept(c *fs.Caller, flags uint32) (*fs.File, error)
	// Shutdown ends one direction or both (shutdown(2)): SHUT_RD, SHUT_WR, SHUT_RDWR.
	Shutdown(how int) error
	// Name and PeerName append the address of this side or the other to b (getsockname(2), getpeername(2)).
	Name(b []byte) ([]byte, error)
	PeerName(b []byte) ([]byte, error)
	// Send sends a message and returns how much of it (sendmsg(2)); as fs.FileOps.Write, it may return a part and EAGAIN.
	// EPIPE is for the caller to make SIGPIPE of, unless MSG_NOSIGNAL is set. On success the files of m.Rights are the
	// socket's, which is told by m.Rights being nil.
	Send(c *fs.Caller, m *Message) (int, error)
	// Receive fills m (recvmsg(2)). With MSG_WAITALL it may return a part and EAGAIN.
	Receive(c *fs.Caller, m *Message) (int, error)
	// Options returns the options of level SOL_SOCKET.
	Options() *Options
}

// Of returns the socket behind a file, nil if it is none (ENOTSOCK).
func Of(f *fs.File) Socket {
	s, _ := f.Ops.(Socket)
	return s
}

// Message is what Send sends and Receive receives.
type Message struct {
	Buf   fs.Buffer
	Flags uint32 // MSG_*
	// Addr is where to send to, if it is not empty; Receive appends to it where the message came from.
	Addr []byte
	// Rights are files that go along (SCM_RIGHTS), each with a reference.
	Rights []*fs.File
	// Creds are the credentials that go along (SCM_CREDENTIALS), if HasCreds says so.
	Creds    Creds
	HasCreds bool
	// Out has MSG_TRUNC, MSG_CTRUNC and MSG_EOR of a message that was received.
	Out uint32
}

// DropRights lets go of the files.
func (m *Message) DropRights() {
	for i, f := range m.Rights {
		f.Put()
		m.Rights[i] = nil
	}
	m.Rights = nil
}

// Process names a process for as long as somebody wants to know its id; proc gives it a meaning. Two values that are the
// same process compare equal.
type Process any

// Creds say who sent a message, or who connected or listened (unix(7)).
type Creds struct {
	Process Process // nil: unknown
	UID     user.KUID
	GID     user.KGID
}

// Names are the names of sockets that are in no file system, of one network namespace (unix(7), abstract). Names of
// different types of sockets do not meet.
type Names interface {
	// Bind gives a name to a socket. EADDRINUSE.
	Bind(name string, socket any) error
	// Find returns the socket with a name, or nil.
	Find(name string) any
	// Unbind takes the name from the socket.
	Unbind(name string, socket any)
	// Members are all unix sockets of the namespace, also those without such a name.
	Members() *Members
}

// Task is what sockets have to know of the acting task, which fs.Caller.Task is.
type Task interface {
	// Process returns the task's process.
	Process() Process
	// ProcessID returns the id of a process in the task's pid namespace; 0: it is not there.
	ProcessID(p Process) int32
	// FindProcess returns the process with an id in the task's pid namespace, nil: there is none.
	FindProcess(pid int32) Process
	// MayClaimProcess reports whether the task may pass off another process as the sender: it has CAP_SYS_ADMIN over
	// its pid namespace.
	MayClaimProcess() bool
	// Names returns the abstract names of the task's network namespace.
	Names() Names
	// Links returns the interfaces of the task's network namespace.
	Links() *netdev.Table
}

// CredsOf returns what SCM_CREDENTIALS says of c if it does not say anything itself. Real ids: Linux sends those.
func CredsOf(c *fs.Caller) Creds {
	if c == nil {
		return Creds{}
	}
	cr := Creds{UID: c.Cred.UID, GID: c.Cred.GID}
	if t, ok := c.Task.(Task); ok {
		cr.Process = t.Process()
	}
	return cr
}

// PeerCredsOf returns what SO_PEERCRED says of c: effective ids.
func PeerCredsOf(c *fs.Caller) Creds {
	cr := CredsOf(c)
	if c != nil {
		cr.UID, cr.GID = c.Cred.EUID, c.Cred.EGID
	}
	return cr
}

// NoCreds is what a receiver that asked for credentials is shown of a message that has none.
var NoCreds = Creds{UID: user.InvalidKUID, GID: user.InvalidKGID}

// PID returns the id by which c knows the process of cr.
func (cr *Creds) PID(c *fs.Caller) int32 {
	if t, ok := c.Task.(Task); ok && cr.Process != nil {
		return t.ProcessID(cr.Process)
	}
	return 0
}

// check reports whether c may send a message with credentials that it has made up (unix(7)): EPERM.
func check(c *fs.Caller, t Task, pid int32, uid user.KUID, gid user.KGID) (Process, error) {
	p := t.Process()
	if pid != t.ProcessID(p) {
		if p = t.FindProcess(pid); p == nil {
			return nil, abi.ESRCH
		}
		if !t.MayClaimProcess() {
			return nil, abi.EPERM
		}
	}
	cr := c.Cred
	if uid != cr.UID && uid != cr.EUID && uid != cr.SUID && !cr.HasHere(user.CapSetuid) {
		return nil, abi.EPERM
	}
	if gid != cr.GID && gid != cr.EGID && gid != cr.SGID && !cr.HasHere(user.CapSetgid) {
		return nil, abi.EPERM
	}
	return p, nil
}
