package netdev

import (
	"bytes"
	"encoding/binary"

	"cleave/abi"
	"cleave/fs"
)

// ifreqSize is the size of struct ifreq: 16 bytes of name, then a union.
const ifreqSize = abi.IFNAMSIZ + 16

// Ioctl is the part of netdevice(7) that programs ask any socket for; struct ifreq or struct ifconf is at arg. ENODEV;
// EPERM; ENOTTY: another command.
func (t *Table) Ioctl(c *fs.Caller, cmd, arg uint32, m fs.UserMemory) (uint32, error) {
	switch cmd {
	case abi.SIOCGIFCONF:
		return 0, t.listIPv4(arg, m)
	case abi.SIOCGIFNAME, abi.SIOCGIFFLAGS, abi.SIOCGIFMETRIC, abi.SIOCGIFMTU, abi.SIOCGIFHWADDR, abi.SIOCGIFINDEX, abi.SIOCGIFTXQLEN:
	case abi.SIOCSIFFLAGS, abi.SIOCSIFMTU, abi.SIOCSIFNAME, abi.SIOCSIFHWADDR, abi.SIOCSIFTXQLEN:
		if !t.MayChange(c.Cred) {
			return 0, abi.EPERM
		}
	default:
		return 0, abi.ENOTTY
	}
	var req [ifreqSize]byte
	if err := m.CopyIn(req[:], arg); err != nil {
		return 0, err
	}
	name, value := reqName(req[:abi.IFNAMSIZ]), req[abi.IFNAMSIZ:]
	switch cmd {
	case abi.SIOCSIFFLAGS, abi.SIOCSIFMTU, abi.SIOCSIFNAME, abi.SIOCSIFHWADDR, abi.SIOCSIFTXQLEN:
		return 0, t.ioctlSet(cmd, name, value)
	}
	s, err := t.ioctlFind(cmd, name, value)
	if err != nil {
		return 0, err
	}
	if cmd == abi.SIOCGIFNAME {
		copy(req[:abi.IFNAMSIZ], s.Name+"\x00")
	} else {
		s.ioctlGet(cmd, value)
	}
	return 0, m.CopyOut(arg, req[:])
}

// reqName is the name in a struct ifreq, without what makes it the name of one of several addresses ("eth0:1").
func reqName(b []byte) string {
	name, _, _ := bytes.Cut(b[:abi.IFNAMSIZ-1], []byte{0})
	name, _, _ = bytes.Cut(name, []byte{':'})
	return string(name)
}

// ioctlFind finds the interface that a question is about. ENODEV.
func (t *Table) ioctlFind(cmd uint32, name string, value []byte) (State, error) {
	index := int32(0)
	if cmd == abi.SIOCGIFNAME {
		name, index = "", int32(binary.LittleEndian.Uint32(value))
	}
	s, err := t.Find(index, name)
	if err != nil {
		err = abi.ENODEV
	}
	return s, err
}

func (s *State) ioctlGet(cmd uint32, value []byte) {
	le := binary.LittleEndian
	switch cmd {
	case abi.SIOCGIFFLAGS:
		le.PutUint16(value, uint16(s.Flags))
	case abi.SIOCGIFMETRIC:
		le.PutUint32(value, 0)
	case abi.SIOCGIFMTU:
		le.PutUint32(value, s.MTU)
	case abi.SIOCGIFTXQLEN:
		le.PutUint32(value, s.TxQueueLen)
	case abi.SIOCGIFHWADDR:
		clear(value)
		le.PutUint16(value, s.Kind.Hardware)
		copy(value[2:], s.Address[:])
	case abi.SIOCGIFINDEX:
		le.PutUint32(value, uint32(s.Index))
	}
}

func (t *Table) ioctlSet(cmd uint32, name string, value []byte) error {
	le := binary.LittleEndian
	number := le.Uint32(value)
	var ch Change
	switch cmd {
	case abi.SIOCSIFFLAGS:
		ch.Flags, ch.Mask = uint32(le.Uint16(value)), settable
	case abi.SIOCSIFMTU:
		ch.MTU = &number
	case abi.SIOCSIFTXQLEN:
		ch.TxQueueLen = &number
	case abi.SIOCSIFNAME:
		text, _, _ := bytes.Cut(value[:abi.IFNAMSIZ-1], []byte{0})
		if len(text) == 0 {
			return abi.EINVAL
		}
		ch.Name = string(text)
	case abi.SIOCSIFHWADDR:
		s, err := t.ioctlFind(cmd, name, value)
		switch {
		case err != nil:
			return err
		case le.Uint16(value) != s.Kind.Hardware:
			return abi.EINVAL
		}
		ch.Address = value[2 : 2+AddrLen]
	}
	if name == "" {
		return abi.ENODEV
	}
	return t.Set(0, name, &ch)
}

// listIPv4 is SIOCGIFCONF: an entry for each IPv4 address, as many as there is room for; without a buffer, only how many
// bytes that would be. EINVAL: a negative size.
func (t *Table) listIPv4(arg uint32, m fs.UserMemory) error {
	le := binary.LittleEndian
	var conf [8]byte // struct ifconf: bytes of room, then where
	if err := m.CopyIn(conf[:], arg); err != nil {
		return err
	}
	room, at := int32(le.Uint32(conf[:])), le.Uint32(conf[4:])
	if room < 0 {
		return abi.EINVAL
	}
	var list []byte
	t.sys.mu.Lock()
	for _, l := range t.links {
		for i := range l.addrs {
			req := append(make([]byte, 0, ifreqSize), l.Name...)
			req = le.AppendUint32(req[:abi.IFNAMSIZ], abi.AF_INET) // and no port
			list = append(list, append(req, l.addrs[i].IP[:]...)[:ifreqSize]...)
		}
	}
	t.sys.mu.Unlock()
	if at != 0 {
		list = list[:min(len(list), int(room)/ifreqSize*ifreqSize)]
		if err := m.CopyOut(at, list); err != nil {
			return err
		}
	}
	le.PutUint32(conf[:], uint32(len(list)))
	return m.CopyOut(arg, conf[:])
}
