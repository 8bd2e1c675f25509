package netdev

import (
	"strconv"
	"strings"

	"cleave/abi"
)

// Change says what to change of an interface, or how a new one shall be. What is nil or 0 stays as it is.
type Change struct {
	Flags, Mask uint32 // IFF_* where Mask has a bit
	Name        string
	Alias       *string
	MTU         *uint32
	TxQueueLen  *uint32
	Group       *uint32
	Address     []byte
	Broadcast   []byte
	To          *Table // the namespace to move to
	NewIndex    int32  // number in that namespace
}

// settable are the flags that programs can change.
const settable = abi.IFF_UP | abi.IFF_DEBUG | abi.IFF_NOTRAILERS | abi.IFF_NOARP | abi.IFF_PROMISC | abi.IFF_ALLMULTI |
	abi.IFF_MULTICAST | abi.IFF_PORTSEL | abi.IFF_AUTOMEDIA | abi.IFF_DYNAMIC

// validName reports whether an interface can have a name: at most 15 bytes, no path, no white space, no colon.
func validName(name string) bool {
	return name != "" && len(name) < abi.IFNAMSIZ && name != "." && name != ".." && !strings.ContainsAny(name, "/: \t\n\v\f\r")
}

// freeNameLocked makes a name out of what a program asks for, where %d stands for the first number that is free. EINVAL;
// EEXIST: another interface than l has it; ENFILE: all numbers are taken.
func (t *Table) freeNameLocked(want string, l *Link) (string, error) {
	if !validName(want) {
		return "", abi.EINVAL
	}
	before, after, pattern := strings.Cut(want, "%")
	if !pattern {
		if o := t.byNameLocked(want); o != nil && o != l {
			return "", abi.EEXIST
		}
		return want, nil
	}
	after, isNumber := strings.CutPrefix(after, "d")
	if !isNumber || strings.Contains(after, "%") {
		return "", abi.EINVAL
	}
	for i := range maxLinks + 1 {
		if name := before + strconv.Itoa(i) + after; t.byNameLocked(name) == nil {
			if len(name) >= abi.IFNAMSIZ {
				break
			}
			return name, nil
		}
	}
	return "", abi.ENFILE
}

// checkAddress checks a hardware address. EINVAL: too short; EADDRNOTAVAIL: it is nobody's, or many stations'.
func checkAddress(a []byte) error {
	switch {
	case a == nil:
		return nil
	case len(a) < AddrLen:
		return abi.EINVAL
	case a[0]&1 != 0 || [AddrLen]byte(a) == [AddrLen]byte{}:
		return abi.EADDRNOTAVAIL
	}
	return nil
}

// check checks what does not depend on the interface. EINVAL, EADDRNOTAVAIL, ERANGE.
func (c *Change) check() error {
	const maxAlias = 255
	switch {
	case c.MTU != nil && int32(*c.MTU) < 0, c.TxQueueLen != nil && int32(*c.TxQueueLen) < 0:
		return abi.EINVAL
	case c.Broadcast != nil && len(c.Broadcast) < AddrLen, c.NewIndex < 0:
		return abi.EINVAL
	case c.Alias != nil && len(*c.Alias) > maxAlias:
		return abi.ERANGE
	}
	return checkAddress(c.Address)
}

// Create makes an interface of kind k. It has the number index, or if that is 0, the next one; the name c.Name, which may
// be a pattern ("dummy%d"). c.To, if not nil, is where it is made. EEXIST, EINVAL, EADDRNOTAVAIL; EBUSY: the number is
// taken; ENOMEM: there are too many.
func (t *Table) Create(k *Kind, index int32, c *Change) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.To != nil {
		t = c.To
	}
	t.sys.mu.Lock()
	defer t.sys.mu.Unlock()
	name, err := t.freeNameLocked(c.Name, nil)
	switch {
	case err != nil:
		return err
	case index != 0 && t.byIndexLocked(index) != nil:
		return abi.EBUSY
	case len(t.links) >= maxLinks:
		return abi.ENOMEM
	}
	l := t.newLink(k, name)
	l.apply(c)
	t.insertLocked(l, index)
	t.setFlagsLocked(l, l.Flags&^c.Mask|c.Flags&c.Mask)
	t.tell(&Event{Type: LinkChanged, Link: l.State, Changed: ^uint32(0)})
	return nil
}

// apply changes all but the flags, the name and the namespace.
func (l *Link) apply(c *Change) {
	for _, v := range [...]struct {
		to   *uint32
		from *uint32
	}{{&l.MTU, c.MTU}, {&l.TxQueueLen, c.TxQueueLen}, {&l.Group, c.Group}} {
		if v.from != nil {
			*v.to = *v.from
		}
	}
	if c.Alias != nil {
		l.Alias = *c.Alias
	}
	if c.Address != nil {
		l.Address = [AddrLen]byte(c.Address)
	}
	if c.Broadcast != nil {
		l.Broadcast = [AddrLen]byte(c.Broadcast)
	}
}

// Delete deletes an interface. ENODEV, EINVAL; EOPNOTSUPP: the loopback stays.
func (t *Table) Delete(index int32, name string) error {
	t.sys.mu.Lock()
	defer t.sys.mu.Unlock()
	l, err := t.findLocked(index, name)
	switch {
	case err != nil:
		return err
	case l.Kind.Name == "":
		return abi.EOPNOTSUPP
	}
	t.removeLocked(l)
	return nil
}

// Set changes an interface, which is found by its number, or if that is 0, by its name. All of c is done or nothing.
// ENODEV, EINVAL, EEXIST, EADDRNOTAVAIL; EBUSY: NewIndex is taken; ENOMEM.
func (t *Table) Set(index int32, name string, c *Change) error {
	if err := c.check(); err != nil {
		return err
	}
	t.sys.mu.Lock()
	defer t.sys.mu.Unlock()
	l, err := t.findLocked(index, name)
	if err != nil {
		return err
	}
	to := t
	if c.To != nil && c.To != t {
		to = c.To
		if err := to.acceptsLocked(l, c); err != nil {
			return err
		}
	}
	newName := l.Name
	if c.Name != "" {
		if newName, err = to.freeNameLocked(c.Name, l); err != nil {
			return err
		}
	}
	if to != t {
		t.moveLocked(l, to, newName, c.NewIndex)
	}
	before := l.State
	l.Name = newName
	l.apply(c)
	if l.MTU < minIPv4 {
		to.flushLocked(l)
	}
	changed := to.setFlagsLocked(l, l.Flags&^c.Mask|c.Flags&c.Mask)
	if l.State != before {
		to.tell(&Event{Type: LinkChanged, Link: l.State, Changed: changed})
	}
	if l.Name != before.Name {
		for _, a := range l.addrs { // they are called after it
			to.tell(&Event{Type: AddressAdded, Link: l.State, Address: a})
		}
	}
	return nil
}

// acceptsLocked checks that an interface can move to t. EINVAL: it can't move at all; EEXIST: its name is taken, and no
// other is given; EBUSY: so is the number that is asked for.
func (t *Table) acceptsLocked(l *Link, c *Change) error {
	switch {
	case l.Kind.local:
		return abi.EINVAL
	case c.Name == "" && t.byNameLocked(l.Name) != nil:
		return abi.EEXIST
	case c.NewIndex != 0 && t.byIndexLocked(c.NewIndex) != nil:
		return abi.EBUSY
	case len(t.links) >= maxLinks:
		return abi.ENOMEM
	}
	return nil
}

// moveLocked moves an interface to another namespace. It goes down, and keeps its number if that is free there.
func (t *Table) moveLocked(l *Link, to *Table, name string, index int32) {
	if index == 0 && to.byIndexLocked(l.Index) == nil {
		index = l.Index
	}
	t.removeLocked(l)
	l.Name = name
	to.insertLocked(l, index)
	to.tell(&Event{Type: LinkChanged, Link: l.State, Changed: ^uint32(0)})
}

// setFlagsLocked changes the flags of an interface to those wanted, as far as programs can, and returns which have changed.
// The loopback gets 127.0.0.1/8 when it comes up without an address.
func (t *Table) setFlagsLocked(l *Link, want uint32) uint32 {
	flags := l.Flags&^(settable|abi.IFF_RUNNING|abi.IFF_LOWER_UP) | want&settable
	if flags&abi.IFF_UP != 0 {
		flags |= abi.IFF_RUNNING | abi.IFF_LOWER_UP
		l.Activated = true
	}
	changed := (flags ^ l.Flags) & settable
	l.Flags = flags
	if changed&flags&abi.IFF_UP != 0 && flags&abi.IFF_LOOPBACK != 0 && len(l.addrs) == 0 && l.MTU >= minIPv4 {
		t.addLocked(l, Address{IP: [4]byte{127, 0, 0, 1}, Prefix: 8, Scope: abi.RT_SCOPE_HOST})
	}
	return changed
}
