package ns

import (
	"sync"

	"cleave/abi"
	"cleave/fs/socket"
	"cleave/ns/user"
)

// NetNamespace is a network namespace (network_namespaces(7)): its identity, the abstract unix sockets in it, and a
// loopback interface that can be switched on and that has addresses.
type NetNamespace struct {
	user.Base
	Abstract AbstractNames
	Loopback socket.Loopback
}

// AbstractNames are the names of abstract unix sockets (unix(7)). The zero value is empty.
type AbstractNames struct {
	mu    sync.Mutex
	names map[string]any // guarded by mu
}

// NewInitialNet makes the initial network namespace.
func NewInitialNet(owner *user.Namespace) *NetNamespace {
	n := &NetNamespace{Loopback: socket.Loopback{Owner: owner}}
	n.BeginFirst(user.KindNet, owner, nil)
	return n
}

// NewNet makes an empty network namespace for a task with credentials c. ENOSPC: too many.
func NewNet(c *user.Cred) (*NetNamespace, error) {
	n := &NetNamespace{Loopback: socket.Loopback{Owner: c.NS}}
	if err := n.Begin(user.KindNet, c.NS, c.EUID, nil); err != nil {
		return nil, err
	}
	return n, nil
}

// Bind gives a name to a socket. EADDRINUSE: another has it.
func (t *AbstractNames) Bind(name string, socket any) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, taken := t.names[name]; taken {
		return abi.EADDRINUSE
	}
	if t.names == nil {
		t.names = map[string]any{}
	}
	t.names[name] = socket
	return nil
}

// Find gives the socket with a name, nil if there is none.
func (t *AbstractNames) Find(name string) any {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.names[name]
}

// Unbind takes the name from a socket that has it.
func (t *AbstractNames) Unbind(name string, socket any) {
	t.mu.Lock()
	if t.names[name] == socket {
		delete(t.names, name)
	}
	t.mu.Unlock()
}
