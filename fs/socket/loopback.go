package socket

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
)

// What never changes of a loopback interface.
const (
	LoopbackName   = "lo"
	LoopbackIndex  = 1
	LoopbackMTU    = 65536
	LoopbackTxqlen = 1000
)

// Address is an IPv4 address of an interface.
type Address struct {
	IP     [4]byte
	Prefix uint8 // bits of the network
	Scope  uint8 // RT_SCOPE_*
}

// Loopback is the only interface of a network namespace. It has a state and addresses; nothing can be sent through it, as
// there are no sockets of the internet families.
type Loopback struct {
	Owner *user.Namespace // that the network namespace belongs to

	mu    sync.Mutex
	up    bool            // guarded by mu, as is what follows
	addrs []Address       // in the order of making
	ports map[uint32]bool // of the namespace's netlink sockets
}

// Flags returns IFF_*.
func (l *Loopback) Flags() uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.up {
		return abi.IFF_LOOPBACK | abi.IFF_UP | abi.IFF_RUNNING | abi.IFF_LOWER_UP
	}
	return abi.IFF_LOOPBACK
}

// MayChange reports whether a task with credentials c may change the interface: CAP_NET_ADMIN.
func (l *Loopback) MayChange(c *user.Cred) bool { return c.Has(user.CapNetAdmin, l.Owner) }

// SetUp switches the interface on or off. When it comes up without an address, it gets 127.0.0.1/8.
func (l *Loopback) SetUp(up bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up = up
	if up && len(l.addrs) == 0 {
		l.addrs = []Address{{IP: [4]byte{127, 0, 0, 1}, Prefix: 8, Scope: abi.RT_SCOPE_HOST}}
	}
}

// Addresses lists the addresses.
func (l *Loopback) Addresses() []Address {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.addrs)
}

// AddAddress adds an address. EEXIST: it is there, and replace is not set.
func (l *Loopback) AddAddress(a Address, replace bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, o := range l.addrs {
		if o.IP == a.IP && o.Prefix == a.Prefix {
			if !replace {
				return abi.EEXIST
			}
			l.addrs[i] = a
			return nil
		}
	}
	l.addrs = append(l.addrs, a)
	return nil
}

// DeleteAddress takes an address away. EADDRNOTAVAIL: it is not there.
func (l *Loopback) DeleteAddress(a Address) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, o := range l.addrs {
		if o.IP == a.IP && o.Prefix == a.Prefix {
			l.addrs = slices.Delete(l.addrs, i, i+1)
			return nil
		}
	}
	return abi.EADDRNOTAVAIL
}

// ClaimPort gives a netlink socket its address, and reports whether no other had it.
func (l *Loopback) ClaimPort(port uint32) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ports[port] {
		return false
	}
	if l.ports == nil {
		l.ports = map[uint32]bool{}
	}
	l.ports[port] = true
	return true
}

// ReleasePort gives an address back.
func (l *Loopback) ReleasePort(port uint32) {
	l.mu.Lock()
	delete(l.ports, port)
	l.mu.Unlock()
}

// Ioctl is the part of netdevice(7) that programs ask any socket for: struct ifreq is at arg. ENODEV: another name or
// number than the interface's; EPERM; ENOTTY.
func (l *Loopback) Ioctl(c *fs.Caller, cmd, arg uint32, m fs.UserMemory) (uint32, error) {
	switch cmd {
	case abi.SIOCGIFNAME, abi.SIOCGIFFLAGS, abi.SIOCSIFFLAGS, abi.SIOCGIFMTU, abi.SIOCGIFHWADDR, abi.SIOCGIFINDEX, abi.SIOCGIFTXQLEN:
	default:
		return 0, abi.ENOTTY
	}
	var req [32]byte // 16 bytes of name, then a union
	if err := m.CopyIn(req[:], arg); err != nil {
		return 0, err
	}
	le := binary.LittleEndian
	value := req[16:]
	if cmd == abi.SIOCGIFNAME {
		if le.Uint32(value) != LoopbackIndex {
			return 0, abi.ENODEV
		}
		copy(req[:16], LoopbackName+"\x00")
		return 0, m.CopyOut(arg, req[:])
	}
	name, _, _ := bytes.Cut(req[:16], []byte{0})
	if string(name) != LoopbackName {
		return 0, abi.ENODEV
	}
	switch cmd {
	case abi.SIOCSIFFLAGS:
		if !l.MayChange(c.Cred) {
			return 0, abi.EPERM
		}
		l.SetUp(le.Uint16(value)&abi.IFF_UP != 0)
		return 0, nil
	case abi.SIOCGIFFLAGS:
		le.PutUint16(value, uint16(l.Flags()))
	case abi.SIOCGIFMTU:
		le.PutUint32(value, LoopbackMTU)
	case abi.SIOCGIFTXQLEN:
		le.PutUint32(value, LoopbackTxqlen)
	case abi.SIOCGIFHWADDR:
		clear(value)
		le.PutUint16(value, abi.ARPHRD_LOOPBACK)
	case abi.SIOCGIFINDEX:
		le.PutUint32(value, LoopbackIndex)
	}
	return 0, m.CopyOut(arg, req[:])
}
