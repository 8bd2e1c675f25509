package netlink

import (
	"cmp"
	"slices"
	"sync"
)

// Net is the netlink sockets of a network namespace. The zero value has none.
type Net struct {
	mu      sync.Mutex
	sockets map[*Socket]struct{} // guarded by mu, as are their ports and groups

	processes *connector // nil: process events are told elsewhere
}

func (n *Net) add(s *Socket) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.sockets == nil {
		n.sockets = map[*Socket]struct{}{}
	}
	n.sockets[s] = struct{}{}
}

func (n *Net) remove(s *Socket) {
	n.mu.Lock()
	delete(n.sockets, s)
	n.mu.Unlock()
}

// claim gives a socket its port, unless it has one or another socket of its protocol has that, and returns its port.
func (n *Net) claim(s *Socket, port uint32) uint32 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s.port != 0 {
		return s.port
	}
	for o := range n.sockets {
		if o.family == s.family && o.port == port {
			return 0
		}
	}
	s.port = port
	return port
}

// join puts a socket into groups, a bit for each, and takes it out of others.
func (n *Net) join(s *Socket, join, leave uint64) {
	n.mu.Lock()
	s.groups = s.groups&^leave | join
	n.mu.Unlock()
}

// Broadcast sends a message of the kernel's to the sockets of a protocol that are in a group.
func (n *Net) Broadcast(protocol int, group uint32, message []byte) {
	for _, s := range n.members(protocol, group) {
		s.deliver(datagram{data: message, group: group})
	}
}

// members lists the sockets that are in a group.
func (n *Net) members(protocol int, group uint32) []*Socket {
	n.mu.Lock()
	defer n.mu.Unlock()
	var list []*Socket
	for s := range n.sockets {
		if s.family.protocol == protocol && s.groups>>(group-1)&1 != 0 {
			list = append(list, s)
		}
	}
	return list
}

// Status is what /proc/net/netlink shows of a socket.
type Status struct {
	Protocol int
	Port     uint32
	Groups   uint32
	Queued   int // bytes that wait in it
	Dropped  uint32
	Inode    uint64
}

// Sockets lists the sockets by protocol and port.
func (n *Net) Sockets() []Status {
	n.mu.Lock()
	var list []Status
	for s := range n.sockets {
		st := Status{Protocol: s.family.protocol, Port: s.port, Groups: uint32(s.groups), Inode: s.ino}
		s.mu.Lock()
		st.Queued, st.Dropped = s.queued, s.dropped
		s.mu.Unlock()
		list = append(list, st)
	}
	n.mu.Unlock()
	slices.SortFunc(list, func(a, b Status) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port))
	})
	return list
}
