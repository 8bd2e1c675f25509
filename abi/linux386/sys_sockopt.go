package linux386

import (
	"encoding/binary"
	"math"
	"time"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/netlink"
	"cleave/fs/socket"
	"cleave/fs/unix"
	"cleave/ns/user"
	"cleave/proc"
)

// sysGetsockopt stores the value of an option, as much as there is room for.
func sysGetsockopt(t *proc.Task, fd FD, level, name Int, value Addr, size InOut[int32]) error {
	return withSocket(t, fd, func(_ *fs.File, s socket.Socket) error {
		if level != abi.SOL_SOCKET {
			return abi.EOPNOTSUPP
		}
		room, err := size.Load(t)
		if err != nil {
			return err
		}
		if room < 0 {
			return abi.EINVAL
		}
		v, err := sockopt(t, s, int(name))
		if err != nil {
			return err
		}
		if name == abi.SO_PEERGROUPS && len(v) > int(room) {
			n := int32(len(v))
			if err := size.Store(t, &n); err != nil {
				return err
			}
			return abi.ERANGE
		}
		v = v[:min(len(v), int(room))]
		if err := t.MM().CopyOut(uint32(value), v); err != nil {
			return err
		}
		n := int32(len(v))
		return size.Store(t, &n)
	})
}

// words lays out 32-bit words.
func words(v ...uint32) []byte {
	var b []byte
	for _, w := range v {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

// sockopt returns the value of an option as it lies in memory. ENOPROTOOPT.
func sockopt(t *proc.Task, s socket.Socket, name int) ([]byte, error) {
	o := s.Options()
	switch name {
	case abi.SO_LINGER:
		l := o.Linger()
		return words(asInt(l.On), uint32(l.Seconds)), nil
	case abi.SO_RCVTIMEO_OLD, abi.SO_SNDTIMEO_OLD, abi.SO_RCVTIMEO_NEW, abi.SO_SNDTIMEO_NEW:
		d := o.SendTimeout()
		if name == abi.SO_RCVTIMEO_OLD || name == abi.SO_RCVTIMEO_NEW {
			d = o.RecvTimeout()
		}
		sec, us := int64(d/time.Second), uint32(d%time.Second/time.Microsecond)
		if name == abi.SO_RCVTIMEO_OLD || name == abi.SO_SNDTIMEO_OLD {
			return words(uint32(min(sec, math.MaxInt32)), us), nil
		}
		return words(uint32(sec), uint32(sec>>32), us, 0), nil
	case abi.SO_PEERCRED, abi.SO_PEERGROUPS:
		return peerCreds(t, s, name)
	case abi.SO_PEERNAME:
		return s.PeerName(nil)
	}
	v, err := o.Int(name)
	return words(uint32(v)), err
}

// peerCreds is who is at the other side of a unix socket.
func peerCreds(t *proc.Task, s socket.Socket, name int) ([]byte, error) {
	n := t.Cred().NS
	u, ok := s.(*unix.Socket)
	if !ok {
		return words(0, math.MaxUint32, math.MaxUint32), nil
	}
	c, groups := u.PeerCreds()
	if name == abi.SO_PEERCRED {
		if c == socket.NoCreds {
			return words(0, math.MaxUint32, math.MaxUint32), nil
		}
		return words(uint32(c.PID(&t.Caller)), uint32(n.ShowKUID(c.UID)), uint32(n.ShowKGID(c.GID))), nil
	}
	if c == socket.NoCreds {
		return nil, abi.ENODATA
	}
	var b []byte
	for _, g := range groups {
		b = append(b, words(uint32(n.ShowKGID(user.KGID(g))))...)
	}
	return b, nil
}

// sysSetsockopt sets an option, whose value must not be too short.
func sysSetsockopt(t *proc.Task, fd FD, level, name Int, value Addr, size Int) error {
	return withSocket(t, fd, func(_ *fs.File, s socket.Socket) error {
		if n, ok := s.(*netlink.Socket); ok && level == abi.SOL_NETLINK {
			if size < 4 {
				return abi.EINVAL
			}
			v, err := Ptr[uint32](value).Load(t)
			if err != nil {
				return err
			}
			return n.SetOption(int(name), v)
		}
		if level != abi.SOL_SOCKET {
			return abi.ENOPROTOOPT
		}
		var b [16]byte
		need := 4
		switch name {
		case abi.SO_LINGER, abi.SO_RCVTIMEO_OLD, abi.SO_SNDTIMEO_OLD:
			need = 8
		case abi.SO_RCVTIMEO_NEW, abi.SO_SNDTIMEO_NEW:
			need = 16
		}
		if int(size) < need {
			return abi.EINVAL
		}
		if err := t.MM().CopyIn(b[:need], uint32(value)); err != nil {
			return err
		}
		return setSockopt(t, s, int(name), &b)
	})
}

func setSockopt(t *proc.Task, s socket.Socket, name int, b *[16]byte) error {
	o := s.Options()
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(b[4*i:]) }
	switch name {
	case abi.SO_LINGER:
		o.SetLinger(socket.Linger{On: word(0) != 0, Seconds: int32(word(1))})
		return nil
	case abi.SO_RCVTIMEO_OLD, abi.SO_SNDTIMEO_OLD:
		return setSockTimeout(o, name == abi.SO_RCVTIMEO_OLD, int64(int32(word(0))), int64(int32(word(1))))
	case abi.SO_RCVTIMEO_NEW, abi.SO_SNDTIMEO_NEW:
		return setSockTimeout(o, name == abi.SO_RCVTIMEO_NEW, int64(word(0))|int64(word(1))<<32, int64(word(2))|int64(word(3))<<32)
	}
	return o.SetInt(&t.Caller, name, int(int32(word(0))))
}

// setSockTimeout sets the limit of a transfer. 0 is none; of a negative number of seconds Linux makes an instant.
func setSockTimeout(o *socket.Options, receive bool, sec, us int64) error {
	if us < 0 || us >= 1e6 {
		return abi.EDOM
	}
	if sec < 0 {
		o.SetTimeout(receive, 1)
		return nil
	}
	o.SetTimeout(receive, time.Duration(min(sec, maxSeconds-1))*time.Second+time.Duration(us)*time.Microsecond)
	return nil
}
