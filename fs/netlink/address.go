package netlink

import (
	"encoding/binary"

	"cleave/abi"
	"cleave/fs/netdev"
)

const ifaddrSize = 8 // struct ifaddrmsg: family, prefix, flags, scope, index (4)

func (d *dialogue) getAddresses(r *request) error {
	if !r.dumps() {
		return abi.EOPNOTSUPP
	}
	if err := d.mayDump(); err != nil {
		return err
	}
	family, only := byte(abi.AF_UNSPEC), int32(0)
	if len(r.body) > 0 {
		family = r.body[0]
	}
	if len(r.body) >= ifaddrSize {
		only = int32(binary.LittleEndian.Uint32(r.body[4:]))
	}
	for _, s := range d.links.Links() {
		if family != abi.AF_UNSPEC && family != abi.AF_INET || only != 0 && only != s.Index {
			continue
		}
		list, err := d.links.Addresses(s.Index)
		if err != nil {
			continue // it is gone meanwhile
		}
		for i := range list {
			d.add(r, abi.RTM_NEWADDR, addressMessage(&s, &list[i]))
		}
	}
	d.done(r)
	return nil
}

// addressMessage describes an address of an interface. It is for ever.
func addressMessage(s *netdev.State, a *netdev.Address) []byte {
	flags := byte(abi.IFA_F_PERMANENT)
	if a.Secondary {
		flags |= abi.IFA_F_SECONDARY
	}
	b := append([]byte{abi.AF_INET, a.Prefix, flags, a.Scope}, word(uint32(s.Index))...)
	b = attribute(b, abi.IFA_ADDRESS, a.IP[:]...)
	b = attribute(b, abi.IFA_LOCAL, a.IP[:]...)
	if a.Broadcast != [4]byte{} {
		b = attribute(b, abi.IFA_BROADCAST, a.Broadcast[:]...)
	}
	b = attribute(b, abi.IFA_LABEL, text(s.Name)...)
	b = attribute(b, abi.IFA_FLAGS, word(uint32(flags))...)
	always := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	return attribute(b, abi.IFA_CACHEINFO, append(always, make([]byte, 8)...)...)
}

// changeAddress adds or deletes an address of IPv4.
func (d *dialogue) changeAddress(r *request) error {
	if len(r.body) < ifaddrSize {
		return abi.EINVAL
	}
	if r.body[0] != abi.AF_INET {
		return abi.EOPNOTSUPP
	}
	attrs := parseAttributes(r.body[ifaddrSize:])
	ip, ok := attrs[abi.IFA_LOCAL]
	if !ok {
		ip = attrs[abi.IFA_ADDRESS]
	}
	broadcast := attrs[abi.IFA_BROADCAST]
	if len(ip) != 4 || r.body[1] > 32 || broadcast != nil && len(broadcast) != 4 {
		return abi.EINVAL
	}
	index := int32(binary.LittleEndian.Uint32(r.body[4:]))
	a := netdev.Address{IP: [4]byte(ip), Prefix: r.body[1], Scope: r.body[3]}
	copy(a.Broadcast[:], broadcast)
	if r.typ == abi.RTM_DELADDR {
		return explain(d.links.DeleteAddress(index, a))
	}
	return explain(d.links.AddAddress(index, a, r.flags&(abi.NLM_F_REPLACE|abi.NLM_F_EXCL) == abi.NLM_F_REPLACE))
}

// explain gives an error of an address the text that Linux has for it.
func explain(err error) error {
	switch err {
	case abi.EEXIST:
		return &refusal{abi.EEXIST, "ipv4: Address already assigned"}
	case abi.EINVAL:
		return &refusal{abi.EINVAL, "ipv4: Invalid scope value"}
	case abi.EADDRNOTAVAIL:
		return &refusal{abi.EADDRNOTAVAIL, "ipv4: Address not found"}
	case abi.ENODEV:
		return &refusal{abi.ENODEV, "ipv4: Device not found"}
	}
	return err
}
