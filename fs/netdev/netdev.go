// Package netdev has the interfaces of network namespaces (netdevice(7), network_namespaces(7)): the loopback, which
// every namespace has, and interfaces that programs make. Each has a number, a name, a state and addresses, and can move
// to another namespace. Nothing is sent through them, as there are no sockets of the Internet families.
package netdev

import (
	"slices"
	"sync"

	"cleave/abi"
	"cleave/ns/user"
)

// AddrLen is the length of a hardware address.
const AddrLen = 6

// Kind is a driver of interfaces: what they are like when they are made.
type Kind struct {
	Name       string // as in `ip link add type NAME`; "": programs can't make nor delete any
	Hardware   uint16 // ARPHRD_*
	flags      uint32
	mtu        uint32
	randomAddr bool // it begins with a hardware address of its own
	local      bool // it stays in its namespace
}

var (
	loopback = Kind{Hardware: abi.ARPHRD_LOOPBACK, flags: abi.IFF_LOOPBACK, mtu: 65536, local: true}
	dummy    = Kind{Name: "dummy", Hardware: abi.ARPHRD_ETHER, flags: abi.IFF_BROADCAST | abi.IFF_NOARP, mtu: 1500, randomAddr: true}
)

// makable are the kinds that programs can make.
var makable = [...]*Kind{&dummy}

// KindNamed returns the kind with a name that programs can make, nil if there is none.
func KindNamed(name string) *Kind {
	for _, k := range makable {
		if k.Name == name {
			return k
		}
	}
	return nil
}

// State is what there is to know of an interface at a moment.
type State struct {
	Kind       *Kind
	Index      int32
	Name       string
	Alias      string
	Flags      uint32 // IFF_*, with IFF_RUNNING and IFF_LOWER_UP of an interface that is up
	MTU        uint32
	TxQueueLen uint32
	Group      uint32
	Address    [AddrLen]byte
	Broadcast  [AddrLen]byte
	Activated  bool // it has been up since it is in its namespace
}

// Operational is the state of RFC 2863 (IF_OPER_*).
func (s *State) Operational() uint8 {
	if s.Flags&abi.IFF_UP == 0 {
		return abi.IF_OPER_DOWN
	}
	return abi.IF_OPER_UNKNOWN
}

// QueueDiscipline is the name of what orders the packets that wait, of which there are none.
func (s *State) QueueDiscipline() string {
	if s.Activated {
		return "noqueue"
	}
	return "noop"
}

// Link is an interface. Its fields are guarded by the lock of its table.
type Link struct {
	State
	table *Table // nil: it is gone
	addrs []Address
}

// Namespace is the network namespace that a Table is of.
type Namespace interface {
	Owner() *user.Namespace
	Get()
	Put()
}

// Table is the interfaces of a network namespace, in the order of their numbers.
type Table struct {
	ns     Namespace
	sys    *system
	notify func(*Event)

	// Guarded by sys.mu.
	links []*Link
	last  int32 // number given last
}

// system is what the tables of all namespaces share: an interface can move from one to another.
type system struct {
	mu     sync.Mutex
	random func([]byte)
}

// maxLinks is how many interfaces a namespace may have, and maxAddresses an interface.
//
// DIVERGES: on Linux only memory limits them.
const (
	maxLinks     = 4096
	maxAddresses = 4096
)

// InitFirst makes t the table of the initial namespace n, with the loopback and, as on a Linux whose dummy driver is
// built in, dummy0. notify, if not nil, is told of every change, with the lock held; random fills with random bits.
func (t *Table) InitFirst(n Namespace, notify func(*Event), random func([]byte)) {
	if random == nil {
		random = func([]byte) {}
	}
	t.ns, t.notify, t.sys = n, notify, &system{random: random}
	t.addLoopback()
	t.insertLocked(t.newLink(&dummy, "dummy0"), 0)
}

// Init makes t the table of a namespace n that is made beside that of from. It has the loopback.
func (t *Table) Init(n Namespace, notify func(*Event), from *Table) {
	t.ns, t.notify, t.sys = n, notify, from.sys
	t.addLoopback()
}

func (t *Table) addLoopback() { t.insertLocked(t.newLink(&loopback, "lo"), 0) }

// newLink makes an interface that is in no table.
func (t *Table) newLink(k *Kind, name string) *Link {
	const defaultQueue = 1000
	l := &Link{State: State{Kind: k, Name: name, Flags: k.flags, MTU: k.mtu, TxQueueLen: defaultQueue}}
	if k.randomAddr {
		t.sys.random(l.Address[:])
		l.Address[0] = l.Address[0]&^1 | 2 // for one station, locally administered
		l.Broadcast = [AddrLen]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	}
	return l
}

// insertLocked puts an interface into t under a number that is free, 0: the next one.
func (t *Table) insertLocked(l *Link, index int32) {
	for index == 0 {
		t.last = max(t.last+1, 1)
		if t.byIndexLocked(t.last) == nil {
			index = t.last
		}
	}
	l.table, l.Index = t, index
	at, _ := slices.BinarySearchFunc(t.links, index, func(l *Link, index int32) int { return int(l.Index) - int(index) })
	t.links = slices.Insert(t.links, at, l)
}

// removeLocked takes an interface out of t: it goes down and loses its addresses.
func (t *Table) removeLocked(l *Link) {
	if changed := t.setFlagsLocked(l, l.Flags&^abi.IFF_UP); changed != 0 {
		t.tell(&Event{Type: LinkChanged, Link: l.State, Changed: changed})
	}
	t.flushLocked(l)
	l.Activated = false
	t.tell(&Event{Type: LinkGone, Link: l.State})
	l.table = nil
	t.links = slices.DeleteFunc(t.links, func(o *Link) bool { return o == l })
}

// Close lets the interfaces go when nobody uses the namespace any more.
func (t *Table) Close() {
	t.sys.mu.Lock()
	defer t.sys.mu.Unlock()
	for _, l := range t.links {
		l.table = nil
	}
	t.links = nil
}

// Namespace is the network namespace that t is of.
func (t *Table) Namespace() Namespace { return t.ns }

// MayChange reports whether c may change the interfaces: CAP_NET_ADMIN.
func (t *Table) MayChange(c *user.Cred) bool { return c.Has(user.CapNetAdmin, t.ns.Owner()) }

func (t *Table) byIndexLocked(index int32) *Link {
	for _, l := range t.links {
		if l.Index == index {
			return l
		}
	}
	return nil
}

func (t *Table) byNameLocked(name string) *Link {
	for _, l := range t.links {
		if l.Name == name {
			return l
		}
	}
	return nil
}

// findLocked finds an interface by its number, or if that is 0, by its name. ENODEV; EINVAL: neither is given.
func (t *Table) findLocked(index int32, name string) (*Link, error) {
	var l *Link
	switch {
	case index > 0:
		l = t.byIndexLocked(index)
	case index < 0 || name == "":
		return nil, abi.EINVAL
	default:
		l = t.byNameLocked(name)
	}
	if l == nil {
		return nil, abi.ENODEV
	}
	return l, nil
}

// Find gives the state of the interface with a number, or if that is 0, with a name. ENODEV; EINVAL: neither is given.
func (t *Table) Find(index int32, name string) (State, error) {
	t.sys.mu.Lock()
	defer t.sys.mu.Unlock()
	l, err := t.findLocked(index, name)
	if err != nil {
		return State{}, err
	}
	return l.State, nil
}

// Links lists the interfaces.
func (t *Table) Links() []State {
	t.sys.mu.Lock()
	defer t.sys.mu.Unlock()
	list := make([]State, len(t.links))
	for i, l := range t.links {
		list[i] = l.State
	}
	return list
}

// EventType is what has happened.
type EventType uint8

// The types of events.
const (
	LinkChanged EventType = iota // or made
	LinkGone                     // from the namespace
	AddressAdded
	AddressGone
)

// Event is a change in a namespace.
type Event struct {
	Type    EventType
	Link    State   // after it
	Changed uint32  // IFF_* that have changed
	Address Address // of AddressAdded and AddressGone
}

func (t *Table) tell(e *Event) {
	if t.notify != nil {
		t.notify(e)
	}
}
