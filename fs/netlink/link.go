package netlink

import (
	"encoding/binary"

	"cleave/abi"
	"cleave/fs/netdev"
)

// route answers a request of rtnetlink(7). EOPNOTSUPP: there is no such thing here; EPERM; EINVAL; ENODEV, EEXIST and
// others of package netdev.
func (d *dialogue) route(r *request) error {
	const kinds, get = 3, 2 // of four types of messages for an object, one asks
	if r.typ&kinds != get && !d.admin {
		return abi.EPERM
	}
	switch r.typ {
	case abi.RTM_GETLINK:
		return d.getLink(r)
	case abi.RTM_NEWLINK, abi.RTM_SETLINK, abi.RTM_DELLINK:
		return d.changeLink(r)
	case abi.RTM_GETADDR:
		return d.getAddresses(r)
	case abi.RTM_NEWADDR, abi.RTM_DELADDR:
		return d.changeAddress(r)
	case abi.RTM_GETNSID:
		return d.getNamespaceID(r)
	}
	return abi.EOPNOTSUPP
}

const linkSize = 16 // struct ifinfomsg: family, 0, type (2), index (4), flags (4), change (4)

// linkRequest is a struct ifinfomsg with its attributes.
type linkRequest struct {
	index       int32
	name        string
	flags, mask uint32
	attributes
}

// parseLink reads the body of a message about an interface. EINVAL, ERANGE.
func parseLink(body []byte) (*linkRequest, error) {
	if len(body) < linkSize {
		return nil, abi.EINVAL
	}
	le := binary.LittleEndian
	r := &linkRequest{index: int32(le.Uint32(body[4:])), flags: le.Uint32(body[8:]), mask: le.Uint32(body[12:])}
	if r.mask == 0 && r.flags != 0 {
		r.mask = ^uint32(0)
	}
	r.attributes = parseAttributes(body[linkSize:])
	var err error
	r.name, err = r.text(abi.IFLA_IFNAME, abi.IFNAMSIZ-1)
	return r, err
}

// info is what is said of the kind of interface.
func (q *linkRequest) info() attributes { return parseAttributes(q.attributes[abi.IFLA_LINKINFO]) }

func (d *dialogue) getLink(r *request) error {
	if r.dumps() {
		if err := d.mayDump(); err != nil {
			return err
		}
		for _, s := range d.links.Links() {
			d.add(r, abi.RTM_NEWLINK, linkMessage(&s, 0))
		}
		d.done(r)
		return nil
	}
	q, err := parseLink(r.body)
	if err != nil {
		return err
	}
	s, err := d.links.Find(q.index, q.name)
	if err != nil {
		return err
	}
	d.send(r, abi.RTM_NEWLINK, 0, linkMessage(&s, 0))
	return nil
}

// linkMessage describes an interface. change has the IFF_* that have changed.
func linkMessage(s *netdev.State, change uint32) []byte {
	le := binary.LittleEndian
	b := le.AppendUint16([]byte{abi.AF_UNSPEC, 0}, s.Kind.Hardware)
	b = le.AppendUint32(le.AppendUint32(b, uint32(s.Index)), s.Flags)
	b = le.AppendUint32(b, change)
	b = attribute(b, abi.IFLA_IFNAME, text(s.Name)...)
	b = attribute(b, abi.IFLA_TXQLEN, word(s.TxQueueLen)...)
	b = attribute(b, abi.IFLA_OPERSTATE, s.Operational())
	b = attribute(b, abi.IFLA_LINKMODE, 0)
	b = attribute(b, abi.IFLA_MTU, word(s.MTU)...)
	b = attribute(b, abi.IFLA_GROUP, word(s.Group)...)
	promiscuous := s.Flags & abi.IFF_PROMISC / abi.IFF_PROMISC
	b = attribute(b, abi.IFLA_PROMISCUITY, word(promiscuous)...)
	b = attribute(b, abi.IFLA_NUM_TX_QUEUES, word(1)...)
	b = attribute(b, abi.IFLA_NUM_RX_QUEUES, word(1)...)
	b = attribute(b, abi.IFLA_CARRIER, 1)
	b = attribute(b, abi.IFLA_QDISC, text(s.QueueDiscipline())...)
	if s.Alias != "" {
		b = attribute(b, abi.IFLA_IFALIAS, text(s.Alias)...)
	}
	b = attribute(b, abi.IFLA_ADDRESS, s.Address[:]...)
	b = attribute(b, abi.IFLA_BROADCAST, s.Broadcast[:]...)
	const counters = 25 // of struct rtnl_link_stats64, and of rtnl_link_stats but for the last; all 0
	b = attribute(b, abi.IFLA_STATS64, make([]byte, 8*counters)...)
	b = attribute(b, abi.IFLA_STATS, make([]byte, 4*(counters-1))...)
	if s.Kind.Name != "" {
		b = attribute(b, abi.IFLA_LINKINFO, attribute(nil, abi.IFLA_INFO_KIND, []byte(s.Kind.Name)...)...)
	}
	return b
}

// changeLink makes, changes or deletes an interface.
func (d *dialogue) changeLink(r *request) error {
	q, err := parseLink(r.body)
	if err != nil {
		return err
	}
	if r.typ == abi.RTM_DELLINK {
		return d.links.Delete(q.index, q.name)
	}
	ch, err := d.linkChange(q)
	if ch.To != nil {
		defer ch.To.Namespace().Put()
	}
	if err != nil {
		return err
	}
	old, missing := d.links.Find(q.index, q.name)
	switch {
	case q.index < 0:
		return abi.EINVAL
	case r.typ == abi.RTM_NEWLINK && missing != nil && r.flags&abi.NLM_F_CREATE != 0:
		return d.createLink(q, ch)
	case r.typ == abi.RTM_NEWLINK && missing != nil:
		return abi.ENODEV // also when nothing is named, by which ip(8) knows that there is this message
	case missing != nil:
		return missing
	case r.typ == abi.RTM_NEWLINK && r.flags&abi.NLM_F_EXCL != 0:
		return abi.EEXIST
	case r.typ == abi.RTM_NEWLINK && r.flags&abi.NLM_F_REPLACE != 0:
		return abi.EOPNOTSUPP
	}
	if _, ok := q.info()[abi.IFLA_INFO_DATA]; ok {
		return abi.EOPNOTSUPP // no kind has anything else to change
	}
	if q.index > 0 {
		ch.Name = q.name
	}
	err = d.links.Set(old.Index, "", ch)
	if err == abi.EINVAL && ch.To != nil && old.Kind.Name == "" {
		err = &refusal{abi.EINVAL, "The interface netns is immutable"}
	}
	return err
}

func (d *dialogue) createLink(q *linkRequest, ch *netdev.Change) error {
	name, err := q.info().text(abi.IFLA_INFO_KIND, abi.NameMax)
	if err != nil {
		return err
	}
	k := netdev.KindNamed(name)
	if k == nil {
		return &refusal{abi.EOPNOTSUPP, "Unknown device type"}
	}
	if ch.Name = q.name; ch.Name == "" {
		ch.Name = k.Name + "%d"
	}
	return d.links.Create(k, q.index, ch)
}

// linkChange reads what to change. Where the interface is to move to, or to be made, has a reference, also on an error.
// EOPNOTSUPP: there is no such property here.
func (d *dialogue) linkChange(q *linkRequest) (*netdev.Change, error) {
	ch := &netdev.Change{Flags: q.flags, Mask: q.mask, Address: q.attributes[abi.IFLA_ADDRESS], Broadcast: q.attributes[abi.IFLA_BROADCAST]}
	var pid, fd, master, index *uint32
	for _, v := range [...]struct {
		typ uint16
		to  **uint32
	}{
		{abi.IFLA_MTU, &ch.MTU}, {abi.IFLA_TXQLEN, &ch.TxQueueLen}, {abi.IFLA_GROUP, &ch.Group}, {abi.IFLA_NET_NS_PID, &pid},
		{abi.IFLA_NET_NS_FD, &fd}, {abi.IFLA_MASTER, &master}, {abi.IFLA_NEW_IFINDEX, &index},
	} {
		var err error
		if *v.to, err = q.word(v.typ); err != nil {
			return ch, err
		}
	}
	if index != nil {
		ch.NewIndex = int32(*index)
	}
	if _, ok := q.attributes[abi.IFLA_IFALIAS]; ok {
		const longest = 256 // more is ERANGE anyway
		alias, err := q.text(abi.IFLA_IFALIAS, longest)
		if err != nil {
			return ch, err
		}
		ch.Alias = &alias
	}
	if _, carrier := q.attributes[abi.IFLA_CARRIER]; carrier || master != nil && *master != 0 {
		return ch, abi.EOPNOTSUPP
	}
	return ch, d.destination(ch, pid, fd)
}

// destination sets the namespace that an interface is to move to. ESRCH, EBADF, EINVAL; EPERM: no CAP_NET_ADMIN there.
func (d *dialogue) destination(ch *netdev.Change, pid, fd *uint32) (err error) {
	ch.To, err = d.namespace(pid, fd)
	if err == nil && ch.To != nil && !ch.To.MayChange(d.c.Cred) {
		return abi.EPERM
	}
	return err
}

// namespace gives the interfaces of the namespace of a process or of a descriptor, with a reference on that; nil: neither
// is given. ESRCH, EBADF, EINVAL.
func (d *dialogue) namespace(pid, fd *uint32) (*netdev.Table, error) {
	t, ok := d.c.Task.(Task)
	switch {
	case ok && pid != nil:
		return t.LinksOfPID(int32(*pid))
	case ok && fd != nil:
		return t.LinksOfFD(int32(*fd))
	}
	return nil, nil
}

// LinkEvent tells the sockets of a namespace of a change (RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR).
func (n *Net) LinkEvent(e *netdev.Event) {
	typ, group := uint16(abi.RTM_NEWLINK), uint32(abi.RTNLGRP_LINK)
	switch e.Type {
	case netdev.LinkGone:
		typ = abi.RTM_DELLINK
	case netdev.AddressAdded:
		typ, group = abi.RTM_NEWADDR, abi.RTNLGRP_IPV4_IFADDR
	case netdev.AddressGone:
		typ, group = abi.RTM_DELADDR, abi.RTNLGRP_IPV4_IFADDR
	}
	if len(n.members(abi.NETLINK_ROUTE, group)) == 0 {
		return
	}
	var body []byte
	if group == abi.RTNLGRP_LINK {
		body = linkMessage(&e.Link, e.Changed)
	} else {
		body = addressMessage(&e.Link, &e.Address)
	}
	n.Broadcast(abi.NETLINK_ROUTE, group, message(typ, 0, 0, 0, body))
}

// getNamespaceID answers which number another namespace has here: none (-1).
//
// DIVERGES: Linux gives a namespace a number here when it is told of it (RTM_NEWNSID), or an interface moves there.
func (d *dialogue) getNamespaceID(r *request) error {
	const family = 4 // struct rtgenmsg, padded
	if r.dumps() {
		if err := d.mayDump(); err != nil {
			return err
		}
		d.done(r)
		return nil
	}
	if len(r.body) < family {
		return abi.EINVAL
	}
	q := parseAttributes(r.body[family:])
	pid, err := q.word(abi.NETNSA_PID)
	if err != nil {
		return err
	}
	fd, err := q.word(abi.NETNSA_FD)
	if err != nil {
		return err
	}
	other, err := d.namespace(pid, fd)
	switch {
	case err != nil:
		return err
	case other == nil:
		return abi.EINVAL
	}
	other.Namespace().Put()
	d.send(r, abi.RTM_NEWNSID, 0, attribute([]byte{0, 0, 0, 0}, abi.NETNSA_NSID, word(^uint32(0))...))
	return nil
}
