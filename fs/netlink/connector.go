package netlink

import (
	"encoding/binary"
	"sync/atomic"

	"cleave/abi"
)

// ProcessEvent is something that has happened to a process (struct proc_event of Linux's cn_proc.h). Ids are those of
// the initial pid and user namespaces.
//
// DIVERGES: that a signal dumps core (PROC_EVENT_COREDUMP), and ptrace(2), are not told.
type ProcessEvent struct {
	What uint32 // PROC_EVENT_*
	Time int64  // ns since the start
	// Data is what the event has to say, in the order of its struct: for PROC_EVENT_FORK the parent's thread and process id
	// and the child's, for the others the task's, and then real and effective id, exit status, exit signal and the parent's
	// ids, or the name in the words that it fills.
	Data [6]uint32
}

// connector is who listens to process events; the initial network namespace has one.
type connector struct {
	listeners atomic.Int32
	sent      atomic.Uint32 // numbers the events
}

// processListener is what a socket has asked of the connector. The socket's Net.mu guards it.
type processListener struct {
	told   bool   // it has asked for something
	listen bool   // PROC_CN_MCAST_LISTEN was the last that it asked for
	mask   uint32 // PROC_EVENT_*, 0: all
}

const (
	connectorSize    = 20 // struct cn_msg: index, value, seq, ack, len (2), flags (2)
	processEventSize = 40 // struct proc_event: what, cpu, time (8), then 24 bytes
)

// EnableConnector makes n the namespace whose sockets are told of process events: the initial one.
func (n *Net) EnableConnector() { n.processes = new(connector) }

// TellsProcesses reports whether somebody listens to process events.
func (n *Net) TellsProcesses() bool { return n.processes != nil && n.processes.listeners.Load() > 0 }

// connector takes a request of the connector: a datagram of one message, which starts or ends listening to process events.
// Whatever else comes is not answered.
func (d *dialogue) connector(b []byte) {
	le := binary.LittleEndian
	if len(b) < headSize+connectorSize || int(le.Uint32(b)) > len(b) || le.Uint32(b) < headSize+connectorSize {
		return
	}
	m := b[headSize:le.Uint32(b)]
	t, ok := d.c.Task.(Task)
	if le.Uint32(m) != abi.CN_IDX_PROC || le.Uint32(m[4:]) != abi.CN_VAL_PROC || !ok || !t.InInitialNamespaces() {
		return
	}
	data := m[connectorSize:]
	size, mask := int(le.Uint16(m[16:])), uint32(0)
	switch {
	case size > len(data):
		return
	case size == 4:
	case size == 8: // struct proc_input
		mask = le.Uint32(data[4:]) & abi.PROC_EVENT_ALL
	default:
		return
	}
	err := abi.Errno(0)
	switch le.Uint32(data) {
	case abi.PROC_CN_MCAST_LISTEN:
		d.s.setListening(true, mask)
	case abi.PROC_CN_MCAST_IGNORE:
		d.s.setListening(false, mask)
	default:
		err = abi.EINVAL
	}
	e := ProcessEvent{What: abi.PROC_EVENT_NONE, Time: t.Monotonic(), Data: [6]uint32{uint32(err)}}
	d.s.net.tellProcess(&e, le.Uint32(m[12:])+1)
}

// setListening starts or ends listening to process events.
func (s *Socket) setListening(on bool, mask uint32) {
	n := s.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if on != s.processes.listen {
		by := int32(1)
		if !on {
			by = -1
		}
		n.processes.listeners.Add(by)
	}
	s.processes = processListener{told: true, listen: on, mask: mask}
}

// wantsLocked reports whether the socket is to be told of an event. Net.mu is held.
func (p *processListener) wantsLocked(e *ProcessEvent) bool {
	const status = 2 // in the data of PROC_EVENT_EXIT
	switch {
	case !p.told, p.listen && p.mask == 0:
		return true
	case !p.listen:
		return false
	case p.mask&abi.PROC_EVENT_NONZERO_EXIT != 0 && e.What == abi.PROC_EVENT_EXIT && e.Data[status] != 0:
		return true
	}
	return p.mask&e.What != 0
}

// TellProcess tells of an event.
func (n *Net) TellProcess(e *ProcessEvent) { n.tellProcess(e, 0) }

// tellProcess tells of an event, or answers with the number ack.
func (n *Net) tellProcess(e *ProcessEvent, ack uint32) {
	if !n.TellsProcesses() {
		return
	}
	le := binary.LittleEndian
	const cpu = 0
	seq := n.processes.sent.Add(1) - 1
	b := le.AppendUint32(le.AppendUint32(nil, abi.CN_IDX_PROC), abi.CN_VAL_PROC)
	b = le.AppendUint32(le.AppendUint32(b, seq), ack)
	b = le.AppendUint32(b, processEventSize)
	b = le.AppendUint32(le.AppendUint32(b, e.What), cpu)
	b = le.AppendUint64(b, uint64(e.Time))
	for _, v := range e.Data {
		b = le.AppendUint32(b, v)
	}
	data := message(abi.NLMSG_DONE, 0, seq, 0, b)
	var to []*Socket
	n.mu.Lock()
	for s := range n.sockets {
		if s.family.protocol == abi.NETLINK_CONNECTOR && s.groups>>(abi.CN_IDX_PROC-1)&1 != 0 && s.processes.wantsLocked(e) {
			to = append(to, s)
		}
	}
	n.mu.Unlock()
	for _, s := range to {
		s.deliver(datagram{data: data, group: abi.CN_IDX_PROC})
	}
}
