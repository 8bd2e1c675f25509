package netlink

import (
	"encoding/binary"
	"sync"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/socket"
)

// listenMessage asks the connector for something; with a mask of events, if that is not 0.
func listenMessage(op, mask uint32) []byte {
	le := binary.LittleEndian
	size := uint32(4)
	if mask != 0 {
		size = 8
	}
	b := le.AppendUint32(word(abi.CN_IDX_PROC), abi.CN_VAL_PROC)
	b = le.AppendUint32(le.AppendUint32(le.AppendUint32(b, 1), 2), size)
	b = le.AppendUint32(le.AppendUint32(b, op), mask)
	return message(abi.NLMSG_DONE, 0, 0, 0, b[:len(b)-8+int(size)])
}

func (k *kit) listener(t *testing.T, op, mask uint32) (*fs.File, *Socket) {
	t.Helper()
	f := k.open(t, abi.NETLINK_CONNECTOR)
	s := f.Ops.(*Socket)
	if err := s.Bind(k.Caller, appendAddr(nil, 0, abi.CN_IDX_PROC)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Send(k.Caller, &socket.Message{Buf: &fs.Bytes{B: listenMessage(op, mask)}}); err != nil {
		t.Fatal(err)
	}
	return f, s
}

// events takes all messages out of a socket and returns what they are about.
func events(s *Socket) (list []uint32) {
	for {
		b := make([]byte, 200)
		n, err := s.Receive(nil, &socket.Message{Buf: &fs.Bytes{B: b}})
		if err != nil || n != headSize+connectorSize+processEventSize {
			return list
		}
		list = append(list, binary.LittleEndian.Uint32(b[headSize+connectorSize:]))
	}
}

func TestConnector(t *testing.T) {
	k := newKit(t)
	n := &k.task.here.net
	if n.TellsProcesses() {
		t.Error("somebody listens")
	}
	fa, all := k.listener(t, abi.PROC_CN_MCAST_LISTEN, 0)
	fb, bad := k.listener(t, abi.PROC_CN_MCAST_LISTEN, abi.PROC_EVENT_NONZERO_EXIT|abi.PROC_EVENT_FORK)
	for _, e := range []ProcessEvent{
		{What: abi.PROC_EVENT_FORK}, {What: abi.PROC_EVENT_EXEC}, {What: abi.PROC_EVENT_EXIT}, {What: abi.PROC_EVENT_EXIT, Data: [6]uint32{1, 1, 256}},
	} {
		n.TellProcess(&e)
	}
	// The first hears two answers and all events, the second a fork and one end.
	if got := events(all); len(got) != 6 || got[5] != abi.PROC_EVENT_EXIT {
		t.Errorf("%x", got)
	}
	if got := events(bad); len(got) != 2 || got[1] != abi.PROC_EVENT_EXIT {
		t.Errorf("%x", got)
	}
	fb.Put()
	if !n.TellsProcesses() {
		t.Error("nobody listens")
	}
	if _, err := all.Send(k.Caller, &socket.Message{Buf: &fs.Bytes{B: listenMessage(abi.PROC_CN_MCAST_IGNORE, 0)}}); err != nil {
		t.Fatal(err)
	}
	if n.TellsProcesses() {
		t.Error("somebody listens still")
	}
	fa.Put()
	k.task.initial = false
	f, deaf := k.listener(t, abi.PROC_CN_MCAST_LISTEN, 0)
	defer f.Put()
	if n.TellsProcesses() || len(events(deaf)) != 0 {
		t.Error("heard from another pid namespace")
	}
	k.task.here = k.task.there
	g := k.open(t, abi.NETLINK_CONNECTOR)
	defer g.Put()
	if _, err := g.Ops.(*Socket).Send(k.Caller, &socket.Message{Buf: &fs.Bytes{B: listenMessage(abi.PROC_CN_MCAST_LISTEN, 0)}}); err != abi.ECONNREFUSED {
		t.Errorf("in another network namespace: %v", err)
	}
}

// TestConnectorRace tells of events while sockets come and go.
func TestConnectorRace(t *testing.T) {
	k := newKit(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 200 {
				f, s := k.listener(t, abi.PROC_CN_MCAST_LISTEN, 0)
				k.task.here.net.TellProcess(&ProcessEvent{What: abi.PROC_EVENT_EXEC})
				if len(events(s)) < 2 {
					t.Error("an event is lost")
				}
				f.Put()
			}
		})
	}
	wg.Wait()
	if k.task.here.net.TellsProcesses() {
		t.Error("somebody listens still")
	}
}

// TestGeneric asks for families and for a task.
func TestGeneric(t *testing.T) {
	k := newKit(t)
	f := k.open(t, abi.NETLINK_GENERIC)
	defer f.Put()
	k.s = f.Ops.(*Socket)
	if err := k.s.Bind(k.Caller, appendAddr(nil, 0, 0)); err != nil {
		t.Fatal(err)
	}
	k.s.port = 7 // as ask wants it
	ctrl, family := uint16(abi.GENL_ID_CTRL), genericFamilies[1].id
	get := []byte{abi.CTRL_CMD_GETFAMILY, 1, 0, 0}
	pid := func(nr uint32) []byte {
		return attribute([]byte{abi.TASKSTATS_CMD_GET, 1, 0, 0}, abi.TASKSTATS_CMD_ATTR_PID, word(nr)...)
	}
	for _, c := range []struct {
		name  string
		typ   uint16
		flags uint16
		body  []byte
		types int
		err   abi.Errno
	}{
		{"by name", ctrl, 0, attribute(get, abi.CTRL_ATTR_FAMILY_NAME, text("TASKSTATS")...), 1, 0},
		{"by number", ctrl, 0, attribute(get, abi.CTRL_ATTR_FAMILY_ID, 16, 0), 1, 0},
		{"half a number", ctrl, 0, attribute(get, abi.CTRL_ATTR_FAMILY_ID, 16), 0, abi.ERANGE},
		{"a long name", ctrl, 0, attribute(get, abi.CTRL_ATTR_FAMILY_NAME, text("sixteen-letters-")...), 0, abi.ERANGE},
		{"another name", ctrl, 0, attribute(get, abi.CTRL_ATTR_FAMILY_NAME, text("x")...), 0, abi.ENOENT},
		{"all", ctrl, abi.NLM_F_DUMP, get, 3, 0},
		{"no head", ctrl, 0, get[:3], 0, abi.EINVAL},
		{"a task", family, 0, pid(7), 1, 0},
		{"no task", family, 0, pid(8), 0, abi.ESRCH},
		{"nobody", family, 0, []byte{abi.TASKSTATS_CMD_GET, 1, 0, 0}, 0, abi.EINVAL},
		{"another family", family + 1, 0, get, 0, abi.ENOENT},
	} {
		types, err := k.ask(t, k.Caller, c.typ, c.flags, c.body)
		want := c.types
		if c.err != 0 {
			want++
		}
		if err != c.err || len(types) != want {
			t.Errorf("%s: answers %v, %v", c.name, types, err)
		}
	}
	if _, err := k.ask(t, k.As(1000).Caller, family, 0, pid(7)); err != abi.EPERM {
		t.Errorf("by an ordinary user: %v", err)
	}
}
