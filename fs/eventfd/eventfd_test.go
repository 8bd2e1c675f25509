package eventfd

import (
	"encoding/binary"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/fstest"
	"cleave/wait"
)

type counter struct {
	*fstest.Kit
	f *fs.File
}

func newCounter(t *testing.T, n uint32, semaphore bool) *counter {
	k := fstest.New(t)
	c := &counter{k, NewFile(k.V, n, semaphore, abi.O_NONBLOCK, k.Cred)}
	t.Cleanup(c.f.Put)
	return c
}

func (c *counter) add(n uint64) error {
	_, err := c.Put(c.f, string(binary.LittleEndian.AppendUint64(nil, n)))
	return err
}

func (c *counter) take(want uint64, wantErr error) {
	c.T.Helper()
	s, err := c.Get(c.f, 8)
	var n uint64
	if err == nil {
		n = binary.LittleEndian.Uint64([]byte(s))
	}
	if n != want || err != wantErr {
		c.T.Errorf("read %d, %v; want %d, %v", n, err, want, wantErr)
	}
}

func TestCounter(t *testing.T) {
	c := newCounter(t, 3, false)
	c.take(3, nil)
	c.take(0, abi.EAGAIN)
	c.add(5)
	c.add(1 << 40)
	c.take(1<<40+5, nil)
}

func TestSemaphore(t *testing.T) {
	c := newCounter(t, 2, true)
	c.take(1, nil)
	c.take(1, nil)
	c.take(0, abi.EAGAIN)
}

func TestLimits(t *testing.T) {
	c := newCounter(t, 0, false)
	for _, s := range []struct {
		n    uint64
		want error
		poll wait.Events
	}{
		{^uint64(0), abi.EINVAL, wait.Writable},
		{most - 1, nil, wait.Readable | wait.Writable},
		{2, abi.EAGAIN, wait.Readable | wait.Writable},
		{1, nil, wait.Readable},
		{1, abi.EAGAIN, wait.Readable},
		{0, nil, wait.Readable},
	} {
		if err := c.add(s.n); err != s.want {
			t.Errorf("add %d: %v, want %v", s.n, err, s.want)
		}
		if ev := c.f.Ops.Poll(c.f); ev != s.poll {
			t.Errorf("poll after %d: %#x, want %#x", s.n, ev, s.poll)
		}
	}
	c.take(most, nil)
	if _, err := c.Get(c.f, 7); err != abi.EINVAL {
		t.Errorf("a short read: %v", err)
	}
	if _, err := c.Put(c.f, "1234567"); err != abi.EINVAL {
		t.Errorf("a short write: %v", err)
	}
}

func TestNotifications(t *testing.T) {
	c := newCounter(t, 0, false)
	s := fstest.NewSleeper()
	e := &wait.Entry{L: s, Mask: wait.In | wait.Out}
	c.f.Ops.Queue(c.f).Register(e)
	defer c.f.Ops.Queue(c.f).Unregister(e)
	c.add(1)
	if s.Events != wait.In {
		t.Errorf("write: %#x", s.Events)
	}
	s.Events = 0
	c.take(1, nil)
	if s.Events != wait.Out {
		t.Errorf("read: %#x", s.Events)
	}
}

func TestAllocatesNothing(t *testing.T) {
	c := newCounter(t, 0, false)
	buf, p := &fs.Bytes{}, []byte{1, 0, 0, 0, 0, 0, 0, 0}
	if n := testing.AllocsPerRun(100, func() {
		buf.B = p
		c.f.Ops.Write(c.f, c.Caller, buf, 0)
		buf.B = p
		c.f.Ops.Read(c.f, c.Caller, buf, 0)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
