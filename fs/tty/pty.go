package tty

import (
	"sync"
	"sync/atomic"

	"cleave/abi"
	"cleave/fs"
	"cleave/wait"
)

// PTYMajor is the major device number of the slaves of pseudo-terminals (devices.txt).
const PTYMajor = 136

// Master is the master side of a pseudo-terminal (pty(7)), which one open file has: it reads what programs show on the
// slave and writes what is typed there.
type Master struct {
	fs.NoFile
	slave  *TTY
	index  uint32
	host   Host
	queue  wait.Queue
	closed atomic.Bool
	freed  atomic.Bool

	mu       sync.Mutex // comes before the slave's lock
	locked   bool       // the slave can't be opened (TIOCSPTLCK)
	packet   bool       // reads begin with a byte of status
	status   uint8      // TIOCPKT_ bits that have not been read
	deserted bool       // the slave was open and is no more
	scratch  *[chunk]byte
}

// Host is the file system that shows the slaves of pseudo-terminals.
type Host interface {
	// Closed is told that the master is closed: its slave can't be opened any more.
	Closed(m *Master)
	// Freed is told, after that, that the slave is closed too: the number is free.
	Freed(m *Master)
}

// NewPair makes a pseudo-terminal with a number. The slave is locked.
func NewPair(name string, index uint32, host Host) *Master {
	t := &TTY{name: name, dev: fs.MakeDev(PTYMajor, index), initial: abi.DefaultTermios, held: ring{size: heldSize}}
	t.initial.Cflag = abi.B38400 | abi.CS8 | abi.CREAD
	t.d.Init(&t.initial)
	m := &Master{slave: t, index: index, host: host, locked: true}
	t.ptm = m
	return m
}

// Slave returns the terminal, Index its number.
func (m *Master) Slave() *TTY { return m.slave }

// Index returns the number of the pseudo-terminal in its file system.
func (m *Master) Index() uint32 { return m.index }

// OpenSlave opens the slave. EIO: it is locked, or the master is closed.
func (m *Master) OpenSlave(f *fs.File, c *fs.Caller) error {
	m.mu.Lock()
	locked := m.locked
	m.mu.Unlock()
	if locked || m.gone() {
		return abi.EIO
	}
	return m.slave.Open(f, c)
}

func (m *Master) gone() bool { return m.closed.Load() }

func (m *Master) slaveOpened() {
	m.mu.Lock()
	m.deserted = false
	m.mu.Unlock()
}

func (m *Master) slaveClosed() {
	m.mu.Lock()
	m.deserted = true
	m.mu.Unlock()
	m.queue.Notify(wait.Hup | wait.Readable)
	if m.gone() {
		m.free()
	}
}

// free gives the number back once both sides are closed.
func (m *Master) free() {
	m.slave.mu.Lock()
	unused := m.slave.opens == 0
	m.slave.mu.Unlock()
	if unused && !m.freed.Swap(true) {
		m.host.Freed(m)
	}
}

// changed is told what happened on the slave.
func (m *Master) changed(e Effects) {
	var ev wait.Events
	if e.Output {
		ev |= wait.Readable
	}
	if e.Room {
		ev |= wait.Writable
	}
	if e.Packet != 0 {
		m.mu.Lock()
		if m.packet {
			m.status = merge(m.status, e.Packet)
			ev |= wait.Readable | wait.Pri
		}
		m.mu.Unlock()
	}
	if ev != 0 {
		m.queue.Notify(ev)
	}
}

// merge adds news to a packet status, of which START undoes STOP and DOSTOP undoes NOSTOP, and the reverse.
func merge(old, news uint8) uint8 {
	for _, pair := range [...]uint8{abi.TIOCPKT_STOP | abi.TIOCPKT_START, abi.TIOCPKT_DOSTOP | abi.TIOCPKT_NOSTOP} {
		if news&pair != 0 {
			old &^= pair
		}
	}
	return old | news
}

// Release closes the master: the slave is hung up.
func (m *Master) Release(*fs.File) {
	m.closed.Store(true)
	m.host.Closed(m)
	m.slave.Hangup(false)
	m.free()
}

func (m *Master) takeScratch() *[chunk]byte {
	m.mu.Lock()
	s := m.scratch
	m.scratch = nil
	m.mu.Unlock()
	if s == nil {
		s = new([chunk]byte)
	}
	return s
}

func (m *Master) putScratch(s *[chunk]byte) {
	m.mu.Lock()
	m.scratch = s
	m.mu.Unlock()
}

// Read reads what is shown on the slave. EIO: the slave has been closed by all, and everything has been read.
func (m *Master) Read(f *fs.File, _ *fs.Caller, b fs.Buffer, _ int64) (int, error) {
	total := 0
	m.mu.Lock()
	packet, status := m.packet, m.status
	m.status = 0
	m.mu.Unlock()
	if b.Len() == 0 {
		return 0, nil
	}
	if packet && status != 0 {
		return b.CopyOut([]byte{status})
	}
	s := m.takeScratch()
	defer m.putScratch(s)
	for b.Len() > 0 {
		head := 0
		if packet && total == 0 {
			s[0], head = abi.TIOCPKT_DATA, 1
		}
		n := 0
		if size := min(b.Len(), chunk); size > head {
			n = m.slave.Output(s[head:size])
		}
		if n == 0 {
			break
		}
		k, err := b.CopyOut(s[:head+n])
		total += k
		if err != nil {
			if total == 0 {
				return 0, err
			}
			break
		}
	}
	if total > 0 {
		return total, nil
	}
	m.mu.Lock()
	deserted := m.deserted
	m.mu.Unlock()
	if deserted {
		return 0, abi.EIO
	}
	return 0, abi.EAGAIN
}

// Write types on the slave. It takes part of a large write, with EAGAIN, when nobody reads there.
func (m *Master) Write(f *fs.File, _ *fs.Caller, b fs.Buffer, _ int64) (int, error) {
	t := m.slave
	s := m.takeScratch()
	defer m.putScratch(s)
	total := 0
	for b.Len() > 0 {
		t.mu.Lock()
		room := t.inputRoomLocked()
		t.mu.Unlock()
		if room == 0 {
			return total, abi.EAGAIN
		}
		n, err := b.CopyIn(s[:min(b.Len(), chunk, room)])
		t.mu.Lock()
		t.inputLocked(s[:n])
		t.unlock()
		total += n
		if err != nil {
			if total > 0 {
				err = nil
			}
			return total, err
		}
	}
	return total, nil
}

// Poll returns what can be done now.
func (m *Master) Poll(*fs.File) wait.Events {
	var ev wait.Events
	t := m.slave
	t.mu.Lock()
	if t.d.OutputLen() > 0 {
		ev |= wait.Readable
	}
	if t.inputRoomLocked() > 0 {
		ev |= wait.Writable
	}
	t.mu.Unlock()
	m.mu.Lock()
	if m.deserted {
		ev |= wait.Hup
	}
	if m.packet && m.status != 0 {
		ev |= wait.Readable | wait.Pri
	}
	m.mu.Unlock()
	return ev
}

// Queue is where changes are notified.
func (m *Master) Queue(*fs.File) *wait.Queue { return &m.queue }

// Ioctl carries out the requests of a master (ioctl_tty(2)); most act on the slave.
// DIVERGES: there is no TIOCGPTPEER; C libraries open the slave by its name then.
func (m *Master) Ioctl(f *fs.File, c *fs.Caller, cmd, arg uint32, mem fs.UserMemory) (uint32, error) {
	r := request{m.slave, f, callerOf(c), cmd, arg, mem}
	switch cmd {
	case abi.TIOCGPTN:
		return 0, store(mem, arg, m.index)
	case abi.TIOCSPTLCK, abi.TIOCPKT:
		n, err := load[uint32](mem, arg)
		if err == nil {
			m.set(cmd, n != 0)
		}
		return 0, err
	case abi.TIOCGPTLCK, abi.TIOCGPKT:
		return 0, store(mem, arg, flag(m.get(cmd)))
	case abi.TIOCGPGRP:
		if r.c == nil {
			return 0, abi.ENOTTY
		}
		return 0, store(mem, arg, m.slave.foregroundID(r.c))
	case abi.TIOCGSID:
		if r.c == nil {
			return 0, abi.ENOTTY
		}
		id, err := m.slave.sessionID(r.c)
		if err != nil {
			return 0, err
		}
		return 0, store(mem, arg, id)
	case abi.TIOCSCTTY, abi.TIOCNOTTY:
		return 0, abi.ENOTTY
	case abi.FIONREAD, abi.TIOCOUTQ:
		return 0, m.count(r)
	}
	return 0, r.do()
}

func (m *Master) set(cmd uint32, on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if cmd == abi.TIOCSPTLCK {
		m.locked = on
		return
	}
	if on && !m.packet {
		m.status = 0
	}
	m.packet = on
}

func (m *Master) get(cmd uint32) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if cmd == abi.TIOCGPTLCK {
		return m.locked
	}
	return m.packet
}

// count is FIONREAD and TIOCOUTQ as the master sees it.
func (m *Master) count(r request) error {
	m.slave.mu.Lock()
	n := m.slave.d.OutputLen()
	if r.cmd == abi.TIOCOUTQ {
		n = 0
	}
	m.slave.mu.Unlock()
	return store(r.m, r.arg, uint32(n))
}
