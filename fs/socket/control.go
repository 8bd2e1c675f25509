package socket

import (
	"encoding/binary"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
)

// Layout is the form of control messages in an ABI (cmsg(3)): a head of the length (of head and data, without padding),
// the level and the type, then data, padded.
type Layout struct {
	Head  int // bytes of the head
	Align int // to which each message is padded
}

// I386 is the layout of 32-bit programs.
var I386 = Layout{Head: 12, Align: 4}

// maxRights is how many files one message can take along (SCM_MAX_FD).
const maxRights = 253

func (l Layout) pad(n int) int { return (n + l.Align - 1) &^ (l.Align - 1) }

// head reads the head of the message at the start of b. EINVAL: its length is impossible.
func (l Layout) head(b []byte) (size int, level, typ int32, err error) {
	le := binary.LittleEndian
	words := l.Head - 8 // bytes of the length
	n := uint64(le.Uint32(b))
	if words == 8 {
		n = le.Uint64(b)
	}
	if n < uint64(l.Head) || n > uint64(len(b)) {
		return 0, 0, 0, abi.EINVAL
	}
	return int(n), int32(le.Uint32(b[words:])), int32(le.Uint32(b[words+4:])), nil
}

// Each calls f for every control message in b, in order, with its data. EINVAL: b is malformed.
func (l Layout) Each(b []byte, f func(level, typ int32, data []byte) error) error {
	for len(b) >= l.Head {
		size, level, typ, err := l.head(b)
		if err != nil {
			return err
		}
		if err := f(level, typ, b[l.Head:size]); err != nil {
			return err
		}
		b = b[min(l.pad(size), len(b)):]
	}
	return nil
}

// Load reads the control messages of sendmsg(2) into m: files are looked up, credentials checked. Messages of levels
// other than SOL_SOCKET are left to the family. Errors: EINVAL, EBADF, EPERM, ESRCH; m has no files then.
func (l Layout) Load(c *fs.Caller, b []byte, m *Message) error {
	err := l.Each(b, func(level, typ int32, data []byte) error {
		switch {
		case level != abi.SOL_SOCKET:
			return nil
		case typ == abi.SCM_RIGHTS:
			return m.loadRights(c, data)
		case typ == abi.SCM_CREDENTIALS:
			return m.loadCreds(c, data)
		}
		return abi.EINVAL
	})
	if err != nil {
		m.DropRights()
	}
	return err
}

func (m *Message) loadRights(c *fs.Caller, data []byte) error {
	if len(m.Rights)+len(data)/4 > maxRights {
		return abi.EINVAL
	}
	for ; len(data) >= 4; data = data[4:] {
		f, err := c.Files.Get(int(int32(binary.LittleEndian.Uint32(data))))
		if err != nil {
			return err
		}
		m.Rights = append(m.Rights, f)
	}
	return nil
}

func (m *Message) loadCreds(c *fs.Caller, data []byte) error {
	t, ok := c.Task.(Task)
	if len(data) != 12 || !ok {
		return abi.EINVAL
	}
	le := binary.LittleEndian
	ns := c.Cred.NS
	uid, gid := ns.ToKUID(user.UID(le.Uint32(data[4:]))), ns.ToKGID(user.GID(le.Uint32(data[8:])))
	if !uid.Valid() || !gid.Valid() {
		return abi.EINVAL
	}
	p, err := check(c, t, int32(le.Uint32(data)), uid, gid)
	if err != nil {
		return err
	}
	m.Creds, m.HasCreds = Creds{p, uid, gid}, true
	return nil
}

// Store makes control messages of what m has brought and appends them to b, up to its capacity: credentials first, then
// files, which get descriptors below limit. What does not fit is dropped, and told by MSG_CTRUNC in m.Out.
func (l Layout) Store(c *fs.Caller, m *Message, b []byte, limit int, cloexec bool) []byte {
	le := binary.LittleEndian
	if m.HasCreds {
		var data [12]byte
		ns := c.Cred.NS
		le.PutUint32(data[0:], uint32(m.Creds.PID(c)))
		le.PutUint32(data[4:], uint32(ns.ShowKUID(m.Creds.UID)))
		le.PutUint32(data[8:], uint32(ns.ShowKGID(m.Creds.GID)))
		b = l.append(b, m, abi.SCM_CREDENTIALS, data[:])
	}
	if len(m.Rights) > 0 {
		b = l.storeRights(c, m, b, limit, cloexec)
	}
	return b
}

// append adds one message. If only its head and a part of the data fit, so much is added.
func (l Layout) append(b []byte, m *Message, typ uint32, data []byte) []byte {
	room := cap(b) - len(b)
	if room < l.Head {
		m.Out |= abi.MSG_CTRUNC
		return b
	}
	if len(data) > room-l.Head {
		data = data[:room-l.Head]
		m.Out |= abi.MSG_CTRUNC
	}
	size := l.Head + len(data)
	le := binary.LittleEndian
	if l.Head == 16 {
		b = le.AppendUint64(b, uint64(size))
	} else {
		b = le.AppendUint32(b, uint32(size))
	}
	b = le.AppendUint32(b, abi.SOL_SOCKET)
	b = le.AppendUint32(b, typ)
	b = append(b, data...)
	for size%l.Align != 0 && len(b) < cap(b) {
		b = append(b, 0)
		size++
	}
	return b
}

// storeRights installs as many files as there is room for, and drops the rest.
func (l Layout) storeRights(c *fs.Caller, m *Message, b []byte, limit int, cloexec bool) []byte {
	room := (cap(b) - len(b) - l.Head) / 4
	var data []byte
	n := 0
	for ; n < len(m.Rights) && n < room; n++ {
		fd, err := c.Files.Install(m.Rights[n], limit, cloexec)
		if err != nil {
			break
		}
		data = binary.LittleEndian.AppendUint32(data, uint32(fd))
	}
	if n > 0 {
		b = l.append(b, m, abi.SCM_RIGHTS, data)
	}
	if n < len(m.Rights) {
		m.Out |= abi.MSG_CTRUNC
	}
	m.Rights = m.Rights[n:]
	m.DropRights()
	return b
}
