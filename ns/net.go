package ns

import (
	"sync"

	"cleave/abi"
	"cleave/fs/netdev"
	"cleave/fs/netlink"
	"cleave/fs/socket"
	"cleave/ns/user"
)

// NetNamespace is a network namespace (network_namespaces(7)): its identity, the abstract unix sockets and the netlink
// sockets in it, and its interfaces.
type NetNamespace struct {
	user.Base
	Abstract AbstractNames
	Netlink  netlink.Net
	Links    netdev.Table
}

// AbstractNames are the names of abstract unix sockets (unix(7)). The zero value is empty.
type AbstractNames struct {
	mu    sync.Mutex
	names map[string]any // guarded by mu

	members socket.Members
}

// Members are all unix sockets of the namespace.
func (t *AbstractNames) Members() *socket.Members { return &t.members }

// NewInitialNet makes the initial network namespace. random fills with random bits; nil: zeroes are random enough.
func NewInitialNet(owner *user.Namespace, random func([]byte)) *NetNamespace {
	n := &NetNamespace{}
	n.BeginFirst(user.KindNet, owner, nil)
	n.Netlink.EnableConnector()
	n.Links.InitFirst(n, n.Netlink.LinkEvent, random)
	return n
}

// NewChild makes a network namespace with nothing but a loopback interface for a task with credentials c. ENOSPC: too
// many.
func (n *NetNamespace) NewChild(c *user.Cred) (*NetNamespace, error) {
	m := &NetNamespace{}
	if err := m.Begin(user.KindNet, c.NS, c.EUID, m.Links.Close); err != nil {
		return nil, err
	}
	m.Links.Init(m, m.Netlink.LinkEvent, &n.Links)
	return m, nil
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
