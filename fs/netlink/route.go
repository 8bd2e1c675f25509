package netlink

import (
	"bytes"
	"encoding/binary"

	"cleave/abi"
	"cleave/fs/socket"
)

// dialogue answers the requests of one datagram (rtnetlink(7)).
type dialogue struct {
	lo      *socket.Loopback
	admin   bool   // the sender may change the interface
	port    uint32 // of the sender
	answers [][]byte
}

// request is one message: its header's fields and what follows the header.
type request struct {
	whole []byte
	typ   uint16
	flags uint16
	seq   uint32
	body  []byte
}

func align(n int) int { return (n + 3) &^ 3 }

// requests answers all messages in b. What is too short to be one ends it, as on Linux.
func (d *dialogue) requests(b []byte) {
	le := binary.LittleEndian
	for len(b) >= headSize {
		n := int(le.Uint32(b))
		if n < headSize || n > len(b) {
			return
		}
		r := request{whole: b[:n], typ: le.Uint16(b[4:]), flags: le.Uint16(b[6:]), seq: le.Uint32(b[8:]), body: b[headSize:n]}
		b = b[min(align(n), len(b)):]
		if r.flags&abi.NLM_F_REQUEST == 0 || r.typ < abi.RTM_NEWLINK && r.flags&abi.NLM_F_ACK == 0 {
			continue
		}
		var err error
		if r.typ >= abi.RTM_NEWLINK {
			err = d.answer(&r)
		}
		if e, failed := err.(abi.Errno); failed || r.flags&abi.NLM_F_ACK != 0 {
			d.acknowledge(&r, e)
		}
	}
}

// answer carries out a request. EOPNOTSUPP: there is no such thing here; EPERM; EINVAL; ENODEV, EEXIST, EADDRNOTAVAIL.
func (d *dialogue) answer(r *request) error {
	if r.typ&3 != abi.RTM_GETLINK&3 && !d.admin {
		return abi.EPERM
	}
	switch r.typ {
	case abi.RTM_GETLINK:
		return d.getLink(r)
	case abi.RTM_NEWLINK, abi.RTM_SETLINK:
		return d.setLink(r)
	case abi.RTM_GETADDR:
		return d.getAddresses(r)
	case abi.RTM_NEWADDR, abi.RTM_DELADDR:
		return d.setAddress(r)
	}
	return abi.EOPNOTSUPP
}

// acknowledge answers with struct nlmsgerr: the error, 0 for success, and the request or its header.
func (d *dialogue) acknowledge(r *request, e abi.Errno) {
	body := binary.LittleEndian.AppendUint32(nil, -uint32(e))
	if e == 0 {
		body = append(body, r.whole[:headSize]...)
	} else {
		body = append(body, r.whole...)
	}
	d.send(r, abi.NLMSG_ERROR, 0, body)
}

// send appends a message, a datagram of its own.
func (d *dialogue) send(r *request, typ, flags uint16, body []byte) {
	le := binary.LittleEndian
	b := le.AppendUint32(make([]byte, 0, headSize+len(body)), uint32(headSize+len(body)))
	b = le.AppendUint16(le.AppendUint16(b, typ), flags)
	b = le.AppendUint32(le.AppendUint32(b, r.seq), d.port)
	d.answers = append(d.answers, append(b, body...))
}

// done ends a dump.
func (d *dialogue) done(r *request) {
	d.send(r, abi.NLMSG_DONE, abi.NLM_F_MULTI, []byte{0, 0, 0, 0})
}

// attribute appends an attribute (struct rtattr), padded.
func attribute(b []byte, typ uint16, data ...byte) []byte {
	le := binary.LittleEndian
	b = append(le.AppendUint16(le.AppendUint16(b, uint16(4+len(data))), typ), data...)
	return append(b, make([]byte, align(len(data))-len(data))...)
}

func word(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

// find returns the value of an attribute among those in b, nil if it is not there.
func find(b []byte, typ uint16) []byte {
	le := binary.LittleEndian
	for len(b) >= 4 {
		n := int(le.Uint16(b))
		if n < 4 || n > len(b) {
			return nil
		}
		if le.Uint16(b[2:]) == typ {
			return b[4:n]
		}
		b = b[min(align(n), len(b)):]
	}
	return nil
}

const linkSize = 16 // struct ifinfomsg: family, 0, type (2), index (4), flags (4), change (4)

// named checks that a struct ifinfomsg and its attributes name the interface. EINVAL, ENODEV.
func (r *request) named() error {
	if len(r.body) < linkSize {
		return abi.EINVAL
	}
	index := binary.LittleEndian.Uint32(r.body[4:])
	name, _, _ := bytes.Cut(find(r.body[linkSize:], abi.IFLA_IFNAME), []byte{0})
	switch {
	case index == 0 && len(name) == 0:
		return abi.EINVAL
	case index != 0 && index != socket.LoopbackIndex, index == 0 && string(name) != socket.LoopbackName:
		return abi.ENODEV
	}
	return nil
}

func (d *dialogue) getLink(r *request) error {
	dump := r.flags&abi.NLM_F_DUMP == abi.NLM_F_DUMP
	flags := uint16(abi.NLM_F_MULTI)
	if !dump {
		flags = 0
		if err := r.named(); err != nil {
			return err
		}
	}
	d.send(r, abi.RTM_NEWLINK, flags, linkMessage(d.lo.Flags()))
	if dump {
		d.done(r)
	}
	return nil
}

// linkMessage describes the interface.
func linkMessage(flags uint32) []byte {
	le := binary.LittleEndian
	b := le.AppendUint16([]byte{abi.AF_UNSPEC, 0}, abi.ARPHRD_LOOPBACK)
	b = le.AppendUint32(le.AppendUint32(b, socket.LoopbackIndex), flags)
	b = le.AppendUint32(b, 0)
	state, qdisc := byte(abi.IF_OPER_DOWN), "noop\x00"
	if flags&abi.IFF_UP != 0 {
		state, qdisc = abi.IF_OPER_UNKNOWN, "noqueue\x00"
	}
	b = attribute(b, abi.IFLA_IFNAME, []byte(socket.LoopbackName+"\x00")...)
	b = attribute(b, abi.IFLA_TXQLEN, word(socket.LoopbackTxqlen)...)
	b = attribute(b, abi.IFLA_OPERSTATE, state)
	b = attribute(b, abi.IFLA_LINKMODE, 0)
	b = attribute(b, abi.IFLA_MTU, word(socket.LoopbackMTU)...)
	b = attribute(b, abi.IFLA_GROUP, word(0)...)
	b = attribute(b, abi.IFLA_QDISC, []byte(qdisc)...)
	b = attribute(b, abi.IFLA_ADDRESS, make([]byte, 6)...)
	return attribute(b, abi.IFLA_BROADCAST, make([]byte, 6)...)
}

// setLink switches the interface on or off. Making another one is EOPNOTSUPP.
func (d *dialogue) setLink(r *request) error {
	err := r.named()
	if err == abi.ENODEV && r.typ == abi.RTM_NEWLINK && r.flags&abi.NLM_F_CREATE != 0 {
		return abi.EOPNOTSUPP
	}
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	flags, change := le.Uint32(r.body[8:]), le.Uint32(r.body[12:])
	if flags|change == 0 {
		return nil
	}
	if change == 0 {
		change = ^uint32(0)
	}
	if change&abi.IFF_UP != 0 {
		d.lo.SetUp(flags&abi.IFF_UP != 0)
	}
	return nil
}

const ifaddrSize = 8 // struct ifaddrmsg: family, prefix, flags, scope, index (4)

func (d *dialogue) getAddresses(r *request) error {
	if r.flags&abi.NLM_F_DUMP != abi.NLM_F_DUMP {
		return abi.EOPNOTSUPP
	}
	family := byte(abi.AF_UNSPEC)
	if len(r.body) > 0 {
		family = r.body[0]
	}
	if family == abi.AF_UNSPEC || family == abi.AF_INET {
		for _, a := range d.lo.Addresses() {
			d.send(r, abi.RTM_NEWADDR, abi.NLM_F_MULTI, addressMessage(a))
		}
	}
	d.done(r)
	return nil
}

// addressMessage describes an address, which is for ever.
func addressMessage(a socket.Address) []byte {
	b := []byte{abi.AF_INET, a.Prefix, abi.IFA_F_PERMANENT, a.Scope}
	b = append(b, word(socket.LoopbackIndex)...)
	b = attribute(b, abi.IFA_ADDRESS, a.IP[:]...)
	b = attribute(b, abi.IFA_LOCAL, a.IP[:]...)
	b = attribute(b, abi.IFA_LABEL, []byte(socket.LoopbackName+"\x00")...)
	b = attribute(b, abi.IFA_FLAGS, word(abi.IFA_F_PERMANENT)...)
	always := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	return attribute(b, abi.IFA_CACHEINFO, append(always, make([]byte, 8)...)...)
}

// setAddress adds or deletes an address of IPv4.
func (d *dialogue) setAddress(r *request) error {
	if len(r.body) < ifaddrSize {
		return abi.EINVAL
	}
	if r.body[0] != abi.AF_INET {
		return abi.EOPNOTSUPP
	}
	attrs := r.body[ifaddrSize:]
	ip := find(attrs, abi.IFA_LOCAL)
	if ip == nil {
		ip = find(attrs, abi.IFA_ADDRESS)
	}
	switch {
	case binary.LittleEndian.Uint32(r.body[4:]) != socket.LoopbackIndex:
		return abi.ENODEV
	case len(ip) != 4 || r.body[1] > 32:
		return abi.EINVAL
	}
	a := socket.Address{IP: [4]byte(ip), Prefix: r.body[1], Scope: r.body[3]}
	if r.typ == abi.RTM_DELADDR {
		return d.lo.DeleteAddress(a)
	}
	return d.lo.AddAddress(a, r.flags&abi.NLM_F_REPLACE != 0)
}
