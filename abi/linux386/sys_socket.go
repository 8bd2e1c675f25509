package linux386

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/fs/netlink"
	"cleave/fs/socket"
	"cleave/proc"
	"cleave/wait"
)

// Family is an address family of socket(2).
type Family uint32

func (Family) show(p *printer, i int) {
	p.one(p.regs[i], []flag{{abi.AF_UNIX, "AF_UNIX"}, {abi.AF_INET, "AF_INET"}, {abi.AF_INET6, "AF_INET6"}, {abi.AF_NETLINK, "AF_NETLINK"}})
}

// SockType is a type of socket, with flags.
type SockType uint32

func (SockType) show(p *printer, i int) {
	v := p.regs[i]
	p.one(v&abi.SOCK_TYPE_MASK, []flag{{abi.SOCK_STREAM, "SOCK_STREAM"}, {abi.SOCK_DGRAM, "SOCK_DGRAM"}, {abi.SOCK_RAW, "SOCK_RAW"},
		{abi.SOCK_SEQPACKET, "SOCK_SEQPACKET"}})
	p.more(v&^abi.SOCK_TYPE_MASK, []flag{{abi.SOCK_NONBLOCK, "SOCK_NONBLOCK"}, {abi.SOCK_CLOEXEC, "SOCK_CLOEXEC"}})
}

// MsgFlags are flags of send(2) and recv(2).
type MsgFlags uint32

func (MsgFlags) show(p *printer, i int) {
	p.flags(p.regs[i], []flag{{abi.MSG_OOB, "MSG_OOB"}, {abi.MSG_PEEK, "MSG_PEEK"}, {abi.MSG_TRUNC, "MSG_TRUNC"},
		{abi.MSG_DONTWAIT, "MSG_DONTWAIT"}, {abi.MSG_WAITALL, "MSG_WAITALL"}, {abi.MSG_NOSIGNAL, "MSG_NOSIGNAL"},
		{abi.MSG_CMSG_CLOEXEC, "MSG_CMSG_CLOEXEC"}})
}

const sockFlags = abi.SOCK_NONBLOCK | abi.SOCK_CLOEXEC

func sysSocket(t *proc.Task, family Family, typ SockType, protocol Int) (FD, error) {
	if typ&^(abi.SOCK_TYPE_MASK|sockFlags) != 0 {
		return 0, abi.EINVAL
	}
	var f *fs.File
	var err error
	switch kind, nonblock := int(typ&abi.SOCK_TYPE_MASK), uint32(typ)&abi.O_NONBLOCK; family {
	case abi.AF_UNIX:
		f, err = abiOf(t).unixDomain(t).NewSocket(&t.Caller, kind, int(protocol), nonblock)
	case abi.AF_NETLINK:
		f, err = netlink.New(t.Caller.VFS, &t.Caller, kind, int(protocol), nonblock)
	default:
		err = abi.EAFNOSUPPORT
	}
	if err != nil {
		return 0, err
	}
	return install(t, f, uint32(typ))
}

func sysSocketpair(t *proc.Task, family Family, typ SockType, protocol Int, fds Ret[[2]int32]) error {
	if typ&^(abi.SOCK_TYPE_MASK|sockFlags) != 0 {
		return abi.EINVAL
	}
	if family != abi.AF_UNIX {
		return abi.EAFNOSUPPORT
	}
	a, b, err := abiOf(t).unixDomain(t).NewPair(&t.Caller, int(typ&abi.SOCK_TYPE_MASK), int(protocol), uint32(typ)&abi.O_NONBLOCK)
	if err != nil {
		return err
	}
	return installPair(t, a, b, uint32(typ), fds)
}

// withSocket calls f with the socket of a descriptor. EBADF, ENOTSOCK.
func withSocket(t *proc.Task, fd FD, f func(*fs.File, socket.Socket) error) error {
	file, err := t.Files().GetIO(int(fd))
	if err != nil {
		return err
	}
	if s := socket.Of(file); s == nil {
		err = abi.ENOTSOCK
	} else {
		err = f(file, s)
	}
	file.Put()
	return err
}

// waitFor calls op until it gives something else than EAGAIN, unless the call must not wait.
func waitFor(t *proc.Task, f *fs.File, ev wait.Events, flags MsgFlags, op func() error) error {
	if flags&abi.MSG_DONTWAIT != 0 {
		return op()
	}
	return t.Await(f, ev, op)
}

// maxAddr is the size of struct sockaddr_storage.
const maxAddr = 128

// sockaddr reads an address into the task's second path buffer. EINVAL, EFAULT.
func sockaddr(t *proc.Task, at Addr, n Int) ([]byte, error) {
	if uint32(n) > maxAddr {
		return nil, abi.EINVAL
	}
	b := t.PathBuffer(1)[:n]
	return b, t.MM().CopyIn(b, uint32(at))
}

// addrRoom is room for an address that the kernel makes up.
func addrRoom(t *proc.Task) []byte { return t.PathBuffer(1)[: 0 : 2*maxAddr] }

// giveAddr stores an address, as much as the program has room for, and its whole length.
func giveAddr(t *proc.Task, b []byte, at Addr, size InOut[int32]) error {
	room, err := size.Load(t)
	if err != nil {
		return err
	}
	if room < 0 {
		return abi.EINVAL
	}
	if err := t.MM().CopyOut(uint32(at), b[:min(len(b), int(room))]); err != nil {
		return err
	}
	n := int32(len(b))
	return size.Store(t, &n)
}

func sysBind(t *proc.Task, fd FD, at Addr, n Int) error {
	return withSocket(t, fd, func(_ *fs.File, s socket.Socket) error {
		a, err := sockaddr(t, at, n)
		if err != nil {
			return err
		}
		return s.Bind(&t.Caller, a)
	})
}

func sysConnect(t *proc.Task, fd FD, at Addr, n Int) error {
	return withSocket(t, fd, func(f *fs.File, s socket.Socket) error {
		a, err := sockaddr(t, at, n)
		if err != nil {
			return err
		}
		return waitFor(t, f, wait.Out, 0, func() error { return s.Connect(&t.Caller, a) })
	})
}

func sysListen(t *proc.Task, fd FD, backlog Int) error {
	return withSocket(t, fd, func(_ *fs.File, s socket.Socket) error { return s.Listen(&t.Caller, int(backlog)) })
}

func sysAccept4(t *proc.Task, fd FD, at Addr, size InOut[int32], flags SockType) (FD, error) {
	if flags&^sockFlags != 0 {
		return 0, abi.EINVAL
	}
	var got *fs.File
	err := withSocket(t, fd, func(f *fs.File, s socket.Socket) error {
		return waitFor(t, f, wait.In, 0, func() (err error) {
			got, err = s.Accept(&t.Caller, uint32(flags)&abi.O_NONBLOCK)
			return err
		})
	})
	if err != nil {
		return 0, err
	}
	if at != 0 {
		name, err := socket.Of(got).PeerName(addrRoom(t))
		if err == nil {
			err = giveAddr(t, name, at, size)
		}
		if err != nil {
			got.Put()
			return 0, err
		}
	}
	return install(t, got, uint32(flags))
}

func sysGetsockname(t *proc.Task, fd FD, at Addr, size InOut[int32]) error {
	return withSocket(t, fd, func(_ *fs.File, s socket.Socket) error {
		name, err := s.Name(addrRoom(t))
		if err != nil {
			return err
		}
		return giveAddr(t, name, at, size)
	})
}

func sysGetpeername(t *proc.Task, fd FD, at Addr, size InOut[int32]) error {
	return withSocket(t, fd, func(_ *fs.File, s socket.Socket) error {
		name, err := s.PeerName(addrRoom(t))
		if err != nil {
			return err
		}
		return giveAddr(t, name, at, size)
	})
}

func sysShutdown(t *proc.Task, fd FD, how Int) error {
	return withSocket(t, fd, func(_ *fs.File, s socket.Socket) error { return s.Shutdown(int(how)) })
}

// sendMessage sends m, all of it if it may wait, and returns how much went. It drops the files of m that did not go.
func sendMessage(t *proc.Task, f *fs.File, s socket.Socket, m *socket.Message) (int, error) {
	done := 0
	err := waitFor(t, f, wait.Out, MsgFlags(m.Flags), func() error {
		n, err := s.Send(&t.Caller, m)
		done += n
		return err
	})
	m.DropRights()
	if err == abi.EPIPE && m.Flags&abi.MSG_NOSIGNAL == 0 {
		t.BrokenPipe()
	}
	if done > 0 {
		err = nil
	}
	return done, err
}

func receiveMessage(t *proc.Task, f *fs.File, s socket.Socket, m *socket.Message) (int, error) {
	done := 0
	err := waitFor(t, f, wait.In, MsgFlags(m.Flags), func() error {
		n, err := s.Receive(&t.Caller, m)
		done += n
		return err
	})
	if done > 0 {
		err = nil
	}
	return done, err
}

func sysSendto(t *proc.Task, fd FD, buf In, n Size, flags MsgFlags, to Addr, size Int) (Size, error) {
	done := 0
	err := withSocket(t, fd, func(f *fs.File, s socket.Socket) error {
		m := socket.Message{Flags: uint32(flags)}
		b, err := t.Buffer(uint32(buf), uint32(n))
		if err != nil {
			return err
		}
		m.Buf = b
		if to != 0 {
			if m.Addr, err = sockaddr(t, to, size); err != nil {
				return err
			}
		}
		done, err = sendMessage(t, f, s, &m)
		return err
	})
	return Size(done), err
}

func sysSend(t *proc.Task, fd FD, buf In, n Size, flags MsgFlags) (Size, error) {
	return sysSendto(t, fd, buf, n, flags, 0, 0)
}

func sysRecvfrom(t *proc.Task, fd FD, buf Out, n Size, flags MsgFlags, from Addr, size InOut[int32]) (Size, error) {
	done := 0
	err := withSocket(t, fd, func(f *fs.File, s socket.Socket) error {
		b, err := t.Buffer(uint32(buf), uint32(n))
		if err != nil {
			return err
		}
		m := socket.Message{Flags: uint32(flags), Buf: b}
		if from != 0 {
			m.Addr = addrRoom(t)
		}
		if done, err = receiveMessage(t, f, s, &m); err != nil {
			return err
		}
		m.DropRights()
		if from == 0 {
			return nil
		}
		return giveAddr(t, m.Addr, from, size)
	})
	return Size(done), err
}

func sysRecv(t *proc.Task, fd FD, buf Out, n Size, flags MsgFlags) (Size, error) {
	return sysRecvfrom(t, fd, buf, n, flags, 0, 0)
}

// maxControl is how much ancillary data a message may have (net.core.optmem_max).
const maxControl = 20480

// sendmsg sends the message that h describes.
func sendmsg(t *proc.Task, f *fs.File, s socket.Socket, h *msghdr, flags MsgFlags) (int, error) {
	m := socket.Message{Flags: uint32(flags)}
	b, err := vector(t, Addr(h.Iov), Int(h.Iovlen))
	if err != nil {
		if uint32(h.Iovlen) > abi.IovMax {
			err = abi.EMSGSIZE
		}
		return 0, err
	}
	m.Buf = b
	if h.Name != 0 {
		if m.Addr, err = sockaddr(t, Addr(h.Name), Int(min(h.Namelen, maxAddr))); err != nil {
			return 0, err
		}
	}
	if h.Controllen > maxControl {
		return 0, abi.ENOBUFS
	}
	if h.Controllen != 0 {
		control := make([]byte, h.Controllen)
		if err := t.MM().CopyIn(control, h.Control); err != nil {
			return 0, err
		}
		if err := socket.I386.Load(&t.Caller, control, &m); err != nil {
			return 0, err
		}
	}
	return sendMessage(t, f, s, &m)
}

func sysSendmsg(t *proc.Task, fd FD, p Ptr[msghdr], flags MsgFlags) (Size, error) {
	done := 0
	err := withSocket(t, fd, func(f *fs.File, s socket.Socket) error {
		h, err := p.Load(t)
		if err != nil {
			return err
		}
		done, err = sendmsg(t, f, s, &h, flags)
		return err
	})
	return Size(done), err
}

// recvmsg receives into what h describes and notes the rest in h.
func recvmsg(t *proc.Task, f *fs.File, s socket.Socket, h *msghdr, flags MsgFlags) (int, error) {
	b, err := vector(t, Addr(h.Iov), Int(h.Iovlen))
	if err != nil {
		if uint32(h.Iovlen) > abi.IovMax {
			err = abi.EMSGSIZE
		}
		return 0, err
	}
	m := socket.Message{Flags: uint32(flags), Buf: b}
	if h.Name != 0 {
		m.Addr = addrRoom(t)
	}
	done, err := receiveMessage(t, f, s, &m)
	if err != nil {
		return 0, err
	}
	if h.Name != 0 {
		if int32(h.Namelen) < 0 {
			err = abi.EINVAL
		} else {
			err = t.MM().CopyOut(h.Name, m.Addr[:min(len(m.Addr), int(h.Namelen))])
		}
		h.Namelen = uint32(len(m.Addr))
		if err != nil {
			m.DropRights()
			return 0, err
		}
	}
	control := make([]byte, 0, min(h.Controllen, maxControl))
	control = socket.I386.Store(&t.Caller, &m, control, t.NoFile(), flags&abi.MSG_CMSG_CLOEXEC != 0)
	if err := t.MM().CopyOut(h.Control, control); err != nil {
		return 0, err
	}
	h.Controllen = uint32(len(control))
	h.Flags = m.Out | uint32(flags)&abi.MSG_CMSG_CLOEXEC
	return done, nil
}

func sysRecvmsg(t *proc.Task, fd FD, p InOut[msghdr], flags MsgFlags) (Size, error) {
	done := 0
	err := withSocket(t, fd, func(f *fs.File, s socket.Socket) error {
		h, err := p.Load(t)
		if err != nil {
			return err
		}
		if done, err = recvmsg(t, f, s, &h, flags); err != nil {
			return err
		}
		return p.Store(t, &h)
	})
	return Size(done), err
}

// maxMessages is how many messages sendmmsg(2) and recvmmsg(2) take at most.
const maxMessages = 1024

func sysSendmmsg(t *proc.Task, fd FD, at Addr, n Uint, flags MsgFlags) (Int, error) {
	sent := Int(0)
	err := withSocket(t, fd, func(f *fs.File, s socket.Socket) error {
		for ; sent < Int(min(n, maxMessages)); sent++ {
			p := InOut[mmsghdr](at + Addr(sent)*mmsghdrSize)
			m, err := p.Load(t)
			if err != nil {
				return err
			}
			k, err := sendmsg(t, f, s, &m.Hdr, flags)
			if err != nil {
				return err
			}
			m.Len = uint32(k)
			if err := p.Store(t, &m); err != nil {
				return err
			}
		}
		return nil
	})
	if sent > 0 {
		err = nil
	}
	return sent, err
}

// mmsghdrSize is the size of struct mmsghdr.
const mmsghdrSize = 32

func sysRecvmmsg[T spec[T]](t *proc.Task, fd FD, at Addr, n Uint, flags MsgFlags, timeout InOut[T]) (Int, error) {
	deadline := int64(0)
	if timeout != 0 {
		ns, err := loadTime(t, Ptr[T](timeout))
		if err != nil {
			return 0, err
		}
		deadline = t.Kernel().Clock.Monotonic() + ns
	}
	got := Int(0)
	err := withSocket(t, fd, func(f *fs.File, s socket.Socket) error {
		for got < Int(min(n, maxMessages)) {
			p := InOut[mmsghdr](at + Addr(got)*mmsghdrSize)
			m, err := p.Load(t)
			if err != nil {
				return err
			}
			k, err := recvmsg(t, f, s, &m.Hdr, flags&^abi.MSG_WAITFORONE)
			if err != nil {
				return err
			}
			m.Len = uint32(k)
			if err := p.Store(t, &m); err != nil {
				return err
			}
			got++
			if flags&abi.MSG_WAITFORONE != 0 {
				flags |= abi.MSG_DONTWAIT
			}
			// As on Linux, the limit is looked at after each message only (recvmmsg(2), BUGS).
			if deadline != 0 && t.Kernel().Clock.Monotonic() >= deadline {
				break
			}
		}
		return nil
	})
	if got > 0 {
		err = nil
	}
	return got, err
}
