package netdev

import (
	"encoding/binary"
	"slices"

	"cleave/abi"
)

// Address is an IPv4 address of an interface.
type Address struct {
	IP        [4]byte
	Prefix    uint8 // bits of the network
	Scope     uint8 // RT_SCOPE_*
	Broadcast [4]byte
	Secondary bool // another one of the same network came before it
}

// minIPv4 is the MTU that IPv4 needs (RFC 791).
const minIPv4 = 68

// sameNet reports whether two addresses have the same network.
func (a *Address) sameNet(b *Address) bool {
	mask := ^uint32(0) << (32 - a.Prefix)
	return a.Prefix == b.Prefix && (binary.BigEndian.Uint32(a.IP[:])^binary.BigEndian.Uint32(b.IP[:]))&mask == 0
}

// Addresses lists the addresses of the interface with a number. ENODEV.
func (t *Table) Addresses(index int32) ([]Address, error) {
	t.sys.mu.Lock()
	defer t.sys.mu.Unlock()
	l := t.byIndexLocked(index)
	if l == nil {
		return nil, abi.ENODEV
	}
	return slices.Clone(l.addrs), nil
}

// AddAddress adds an address. ENODEV; EINVAL: another address of that network has another scope; EEXIST: it is there, and
// replace is not set; ENOBUFS: the interface is too small for IPv4; ENOMEM.
func (t *Table) AddAddress(index int32, a Address, replace bool) error {
	t.sys.mu.Lock()
	defer t.sys.mu.Unlock()
	l := t.byIndexLocked(index)
	switch {
	case l == nil:
		return abi.ENODEV
	case l.MTU < minIPv4:
		return abi.ENOBUFS
	case len(l.addrs) >= maxAddresses:
		return abi.ENOMEM
	}
	for i := range l.addrs {
		o := &l.addrs[i]
		if !o.sameNet(&a) {
			continue
		}
		if o.IP == a.IP {
			if !replace {
				return abi.EEXIST
			}
			t.tell(&Event{Type: AddressAdded, Link: l.State, Address: *o})
			return nil
		}
		if o.Scope != a.Scope {
			return abi.EINVAL
		}
		a.Secondary = true
	}
	t.addLocked(l, a)
	return nil
}

// addLocked puts an address behind the others, but before those of narrower scope and those that are not the first of
// their network.
func (t *Table) addLocked(l *Link, a Address) {
	at := len(l.addrs)
	if !a.Secondary {
		at = 0
		for i, o := range l.addrs {
			if !o.Secondary && a.Scope <= o.Scope {
				at = i + 1
			}
		}
	}
	l.addrs = slices.Insert(l.addrs, at, a)
	t.tell(&Event{Type: AddressAdded, Link: l.State, Address: a})
}

// DeleteAddress takes an address away; with the first address of a network go the others of it. ENODEV: also when it
// is too small for IPv4; EADDRNOTAVAIL: it is not there.
func (t *Table) DeleteAddress(index int32, a Address) error {
	t.sys.mu.Lock()
	defer t.sys.mu.Unlock()
	l := t.byIndexLocked(index)
	if l == nil || l.MTU < minIPv4 {
		return abi.ENODEV
	}
	i := slices.IndexFunc(l.addrs, func(o Address) bool { return o.IP == a.IP && o.Prefix == a.Prefix })
	if i < 0 {
		return abi.EADDRNOTAVAIL
	}
	gone := l.addrs[i]
	t.dropLocked(l, func(o *Address) bool { return o.sameNet(&gone) && (o.IP == gone.IP || !gone.Secondary) })
	return nil
}

// flushLocked takes all addresses away.
func (t *Table) flushLocked(l *Link) { t.dropLocked(l, func(*Address) bool { return true }) }

func (t *Table) dropLocked(l *Link, which func(*Address) bool) {
	l.addrs = slices.DeleteFunc(l.addrs, func(a Address) bool {
		if which(&a) {
			t.tell(&Event{Type: AddressGone, Link: l.State, Address: a})
			return true
		}
		return false
	})
}
