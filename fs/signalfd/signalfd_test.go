package signalfd

import (
	"encoding/binary"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/fstest"
	"cleave/ns/user"
	"cleave/wait"
)

// task is a task with pending signals.
type task struct {
	pending []Info
	q       wait.Queue
}

func (t *task) TakeSignal(mask uint64) (Info, bool) {
	for i, s := range t.pending {
		if mask>>(s.Signo-1)&1 != 0 {
			t.pending = append(t.pending[:i:i], t.pending[i+1:]...)
			return s, true
		}
	}
	return Info{}, false
}

func (t *task) PendingSignals() (set uint64) {
	for _, s := range t.pending {
		set |= 1 << (s.Signo - 1)
	}
	return set
}

func (t *task) SignalQueue() *wait.Queue { return &t.q }

func (t *task) send(i Info) {
	t.pending = append(t.pending, i)
	t.q.Notify(wait.In)
}

func mask(sigs ...int) (m uint64) {
	for _, s := range sigs {
		m |= 1 << (s - 1)
	}
	return m
}

func TestRead(t *testing.T) {
	k := fstest.New(t)
	me := &task{}
	k.Task = me
	f := NewFile(k.V, me, mask(abi.SIGINT, abi.SIGUSR1, abi.SIGKILL), abi.O_NONBLOCK, k.Cred)
	defer f.Put()
	if Of(f).Mask() != mask(abi.SIGINT, abi.SIGUSR1) {
		t.Errorf("mask %#x: SIGKILL can't be received", Of(f).Mask())
	}
	if _, err := k.Get(f, 1000); err != abi.EAGAIN {
		t.Errorf("nothing pending: %v", err)
	}
	me.send(Info{Signo: abi.SIGTERM})
	if ev := f.Ops.Poll(f); ev != 0 {
		t.Errorf("poll: %#x", ev)
	}
	me.send(Info{Signo: abi.SIGINT, Code: -1, PID: 77, UID: 1000, Value: 0x1122334455667788, Status: 5, Addr: 9})
	me.send(Info{Signo: abi.SIGUSR1})
	me.send(Info{Signo: abi.SIGUSR1})
	if ev := f.Ops.Poll(f); ev != wait.Readable {
		t.Errorf("poll: %#x", ev)
	}
	s, err := k.Get(f, 300)
	if len(s) != 2*infoSize || err != nil {
		t.Fatalf("%d bytes, %v; want two signals", len(s), err)
	}
	le := binary.LittleEndian
	b := []byte(s)
	for _, c := range []struct {
		name string
		off  int
		want uint32
	}{
		{"signo", 0, abi.SIGINT}, {"code", 8, 0xffffffff}, {"pid", 12, 77}, {"uid", 16, 1000}, {"status", 40, 5},
		{"int", 44, 0x55667788}, {"ptr", 52, 0x11223344}, {"addr", 72, 9}, {"next signo", 128, abi.SIGUSR1},
	} {
		if got := le.Uint32(b[c.off:]); got != c.want {
			t.Errorf("%s: %#x, want %#x", c.name, got, c.want)
		}
	}
	if _, err := k.Get(f, 127); err != abi.EINVAL {
		t.Errorf("a short read: %v", err)
	}
	if s, err := k.Get(f, 1000); len(s) != infoSize || err != nil {
		t.Errorf("%d bytes, %v; want the third signal", len(s), err)
	}
}

func TestReaderGetsItsOwn(t *testing.T) {
	k := fstest.New(t)
	maker, reader := &task{}, &task{}
	f := NewFile(k.V, maker, mask(abi.SIGINT), 0, k.Cred)
	defer f.Put()
	maker.send(Info{Signo: abi.SIGINT})
	k.Task = reader
	if _, err := k.Get(f, 200); err != abi.EAGAIN {
		t.Errorf("another task's signal was read: %v", err)
	}
	reader.send(Info{Signo: abi.SIGINT})
	if _, err := k.Get(f, 200); err != nil || len(maker.pending) != 1 {
		t.Errorf("own signal: %v", err)
	}
}

func TestUIDIsTranslated(t *testing.T) {
	k := fstest.New(t)
	parent := k.As(1000)
	cred, err := parent.Cred.Create(false)
	if err != nil {
		t.Fatal(err)
	}
	defer cred.NS.Put()
	raw, err := encode(&Info{Signo: 1, UID: 55}, cred.NS)
	if err != nil || binary.LittleEndian.Uint32(raw[16:]) != user.DefaultOverflow {
		t.Errorf("an unmapped user is shown as %d, %v", binary.LittleEndian.Uint32(raw[16:]), err)
	}
}

func TestNotifications(t *testing.T) {
	k := fstest.New(t)
	me := &task{}
	f := NewFile(k.V, me, mask(abi.SIGINT), 0, k.Cred)
	defer f.Put()
	s := fstest.NewSleeper()
	e := &wait.Entry{L: s, Mask: wait.In}
	f.Ops.Queue(f).Register(e)
	me.send(Info{Signo: abi.SIGINT})
	if s.Woken != 1 {
		t.Errorf("woken %d times", s.Woken)
	}
	f.Ops.Queue(f).Unregister(e)
	var _ fs.FileOps = Of(f)
}
