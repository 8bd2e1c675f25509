package unix

import (
	"bytes"
	"encoding/binary"

	"cleave/abi"
	"cleave/fs"
)

// Sizes of struct sockaddr_un: the family, and sun_path.
const (
	familySize = 2
	pathSize   = 108
)

// parse splits an address into a path or an abstract name, of which the first byte, a 0, is not a part. Both are empty
// for an address that has only a family. EINVAL.
func parse(addr []byte) (path []byte, abstract string, err error) {
	if len(addr) < familySize || len(addr) > familySize+pathSize || binary.LittleEndian.Uint16(addr) != abi.AF_UNIX {
		return nil, "", abi.EINVAL
	}
	name := addr[familySize:]
	switch {
	case len(name) == 0:
		return nil, "", nil
	case name[0] == 0:
		return nil, string(name), nil
	}
	if end := bytes.IndexByte(name, 0); end >= 0 {
		name = name[:end]
	}
	return name, "", nil
}

var noName = []byte{abi.AF_UNIX, 0}

// key is a socket's abstract name in the names of its network namespace: sockets of different types do not meet.
func (s *Socket) key(abstract string) string { return string(rune(s.opts.Type())) + abstract }

// Bind gives the socket a name: a path, where an inode is made, an abstract one (a 0 and any bytes), or, for an address
// with nothing but the family, an abstract one that is free. EINVAL: it has one; EADDRINUSE, and the errors of mknod(2).
func (s *Socket) Bind(c *fs.Caller, addr []byte) error {
	path, abstract, err := parse(addr)
	if err != nil {
		return err
	}
	switch {
	case path == nil && abstract == "":
		return s.autobind()
	case path == nil:
		return s.bindAbstract(abstract, addr)
	}
	if s.addr.Load() != nil {
		return abi.EINVAL
	}
	place, err := c.MakeSocket(path, 0o777)
	if err != nil {
		if err == abi.EEXIST {
			err = abi.EADDRINUSE
		}
		return err
	}
	raw := append(append([]byte(nil), noName...), path...)
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if s.addr.Load() != nil {
		place.Put()
		return abi.EINVAL
	}
	s.place = place
	place.Inode().Private(func(any) any { return s })
	s.addr.Store(&address{raw: append(raw, 0)})
	return nil
}

func (s *Socket) bindAbstract(name string, addr []byte) error {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if s.addr.Load() != nil || s.names == nil {
		return abi.EINVAL
	}
	if err := s.names.Bind(s.key(name), s); err != nil {
		return err
	}
	s.addr.Store(&address{raw: bytes.Clone(addr)})
	return nil
}

// autobind gives a socket that has no name an abstract one of five digits (unix(7)). ENOSPC: all are taken.
func (s *Socket) autobind() error {
	const digits = "0123456789abcdef"
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if s.addr.Load() != nil || s.names == nil {
		return nil
	}
	for range 1 << 20 {
		s.d.lastAuto++
		name := []byte{0, 0, 0, 0, 0, 0}
		for i := range 5 {
			name[1+i] = digits[s.d.lastAuto>>(16-4*i)&0xf]
		}
		if s.names.Bind(s.key(string(name)), s) == nil {
			s.addr.Store(&address{raw: append(append([]byte(nil), noName...), name...)})
			return nil
		}
	}
	return abi.ENOSPC
}

// find returns the socket with an address, for a sender of the same type as from. ECONNREFUSED: no socket has it;
// EPROTOTYPE: one of another type; the errors of a path walk, and EACCES without permission to write.
func (d *Domain) find(c *fs.Caller, from *Socket, addr []byte) (*Socket, error) {
	path, abstract, err := parse(addr)
	if err != nil {
		return nil, err
	}
	if path == nil {
		if abstract == "" || from.names == nil {
			return nil, abi.ECONNREFUSED
		}
		s, _ := from.names.Find(from.key(abstract)).(*Socket)
		if s == nil {
			return nil, abi.ECONNREFUSED
		}
		return s, nil
	}
	p, err := c.Lookup(abi.AT_FDCWD, path, 0)
	if err != nil {
		return nil, err
	}
	defer p.Put()
	if err := p.Permission(c, abi.W_OK); err != nil {
		return nil, err
	}
	var s *Socket
	if p.Inode().Type() == abi.S_IFSOCK {
		p.Inode().Private(func(v any) any {
			s, _ = v.(*Socket)
			return v
		})
	}
	switch {
	case s == nil:
		return nil, abi.ECONNREFUSED
	case s.opts.Type() != from.opts.Type():
		return nil, abi.EPROTOTYPE
	}
	return s, nil
}

// unbindLocked takes the socket's name away.
func (s *Socket) unbindLocked() (place fs.Path) {
	a := s.addr.Load()
	switch {
	case a == nil:
	case s.place.Valid():
		s.place.Inode().Private(func(v any) any {
			if v == any(s) {
				return nil
			}
			return v
		})
		place, s.place = s.place, fs.Path{}
	case s.names.Find(s.key(string(a.raw[familySize:]))) == any(s):
		s.names.Unbind(s.key(string(a.raw[familySize:])), s)
	}
	return place
}

// Name appends the socket's own address.
func (s *Socket) Name(b []byte) ([]byte, error) {
	if a := s.addr.Load(); a != nil {
		return append(b, a.raw...), nil
	}
	return append(b, noName...), nil
}

// PeerName appends the address of the other side. ENOTCONN.
func (s *Socket) PeerName(b []byte) ([]byte, error) {
	p := s.peer.Load()
	if p == nil {
		return nil, abi.ENOTCONN
	}
	return p.Name(b)
}
