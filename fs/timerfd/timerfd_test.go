package timerfd

import (
	"encoding/binary"
	"testing"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/fstest"
	"cleave/wait"
)

// clock is a clock that the test moves.
type clock struct {
	now    int64
	offset int64 // of the wall clock
	timers []*timer
}

type timer struct {
	c  *clock
	f  func()
	at int64 // 0: stopped
}

func (c *clock) Monotonic() int64 { return c.now }
func (c *clock) Realtime() int64  { return c.now + c.offset }
func (c *clock) NewTimer(f func()) Timer {
	t := &timer{c: c, f: f}
	c.timers = append(c.timers, t)
	return t
}

func (t *timer) Set(at int64) { t.at = at }
func (t *timer) Stop()        { t.at = 0 }

// advance moves the clock and fires what is due, in order.
func (c *clock) advance(d int64) {
	end := c.now + d
	for {
		var next *timer
		for _, t := range c.timers {
			if t.at != 0 && t.at <= end && (next == nil || t.at < next.at) {
				next = t
			}
		}
		if next == nil {
			break
		}
		c.now = max(c.now, next.at)
		next.at = 0
		next.f()
	}
	c.now = end
}

type bench struct {
	*fstest.Kit
	clock *clock
	all   *Timers
	f     *fs.File
	t     *Timerfd
}

func newBench(t *testing.T, id int, offset int64) *bench {
	b := &bench{Kit: fstest.New(t), clock: &clock{now: 1000, offset: 5000000}}
	b.all = New(b.clock)
	var err error
	if b.f, err = b.all.NewFile(b.V, id, offset, abi.O_NONBLOCK, b.Cred); err != nil {
		t.Fatal(err)
	}
	b.t = Of(b.f)
	t.Cleanup(func() {
		b.f.Put()
		if len(b.all.realtime) != 0 {
			t.Error("a closed timer is kept")
		}
		for _, x := range b.clock.timers {
			if x.at != 0 {
				t.Error("a closed timer runs")
			}
		}
	})
	return b
}

func (b *bench) set(s Spec, flags uint32) {
	b.T.Helper()
	if _, err := b.t.Set(s, flags); err != nil {
		b.T.Fatal(err)
	}
}

func (b *bench) read(want uint64, wantErr error) {
	b.T.Helper()
	s, err := b.Get(b.f, 8)
	var n uint64
	if err == nil {
		n = binary.LittleEndian.Uint64([]byte(s))
	}
	if n != want || err != wantErr {
		b.T.Errorf("read %d, %v; want %d, %v", n, err, want, wantErr)
	}
}

// TestShortInterval sets an interval that nobody could follow: the timer fires once for each read.
func TestShortInterval(t *testing.T) {
	b := newBench(t, abi.CLOCK_MONOTONIC, 0)
	b.set(Spec{Value: 100, Interval: 1}, 0)
	fired := 0
	f := b.clock.timers[0].f
	b.clock.timers[0].f = func() { fired++; f() }
	b.clock.advance(1_000_000)
	b.clock.advance(1_000_000)
	if fired != 1 {
		t.Errorf("fired %d times", fired)
	}
	b.read(2_000_000-99, nil)
	b.clock.advance(10)
	b.read(10, nil)
	if fired != 2 {
		t.Errorf("fired %d times", fired)
	}
}

func TestOnce(t *testing.T) {
	b := newBench(t, abi.CLOCK_MONOTONIC, 0)
	b.read(0, abi.EAGAIN)
	b.set(Spec{Value: 100}, 0)
	b.clock.advance(40)
	if got := b.t.Get(); got != (Spec{Value: 60}) {
		t.Errorf("left %v", got)
	}
	b.clock.advance(59)
	b.read(0, abi.EAGAIN)
	if ev := b.f.Ops.Poll(b.f); ev != 0 {
		t.Errorf("poll: %#x", ev)
	}
	b.clock.advance(1)
	if ev := b.f.Ops.Poll(b.f); ev != wait.Readable {
		t.Errorf("poll: %#x", ev)
	}
	if got := b.t.Get(); got != (Spec{}) {
		t.Errorf("left %v", got)
	}
	b.read(1, nil)
	b.clock.advance(1000)
	b.read(0, abi.EAGAIN)
}

func TestInterval(t *testing.T) {
	b := newBench(t, abi.CLOCK_BOOTTIME, 0)
	b.set(Spec{Interval: 10, Value: 5}, 0)
	b.clock.advance(5)
	b.read(1, nil)
	b.clock.advance(35)
	b.read(3, nil)
	b.clock.now += 1000 // the timer's function comes late
	b.clock.advance(0)
	b.read(100, nil)
	if got := b.t.Get(); got != (Spec{10, 5}) {
		t.Errorf("left %v", got)
	}
	old, err := b.t.Set(Spec{}, 0)
	if old != (Spec{10, 5}) || err != nil {
		t.Errorf("was %v, %v", old, err)
	}
	b.clock.advance(1000)
	b.read(0, abi.EAGAIN)
}

func TestAbsolute(t *testing.T) {
	b := newBench(t, abi.CLOCK_MONOTONIC, 500) // a time namespace that is 500 ahead
	b.set(Spec{Value: 1700}, AbsTime)
	b.clock.advance(199)
	b.read(0, abi.EAGAIN)
	b.clock.advance(1)
	b.read(1, nil)
	b.set(Spec{Interval: 100, Value: 1000}, AbsTime) // long past: every missed one counts
	b.read(8, nil)
	b.set(Spec{Value: 1<<63 - 1, Interval: 1<<63 - 1}, 0)
	b.clock.advance(1 << 40)
	b.read(0, abi.EAGAIN)
}

func TestClockIsSet(t *testing.T) {
	b := newBench(t, abi.CLOCK_REALTIME, 99)
	at := b.clock.Realtime() + 1000
	b.set(Spec{Value: at}, AbsTime)
	b.clock.offset += 900
	b.all.ClockWasSet()
	b.clock.advance(99)
	b.read(0, abi.EAGAIN)
	b.clock.advance(1)
	b.read(1, nil)
	b.set(Spec{Value: b.clock.Realtime() + 1000}, AbsTime|CancelOnSet)
	b.clock.offset -= 5000
	b.all.ClockWasSet()
	if ev := b.f.Ops.Poll(b.f); ev != wait.Readable {
		t.Errorf("poll: %#x", ev)
	}
	b.read(0, abi.ECANCELED)
	b.read(0, abi.EAGAIN)
	b.set(Spec{Value: 1000}, 0) // a span of time is not changed by it
	b.clock.offset += 5000
	b.all.ClockWasSet()
	b.read(0, abi.EAGAIN)
	b.clock.advance(1000)
	b.read(1, nil)
}

func TestErrors(t *testing.T) {
	b := newBench(t, abi.CLOCK_MONOTONIC, 0)
	if _, err := b.all.NewFile(b.V, abi.CLOCK_PROCESS_CPUTIME_ID, 0, 0, b.Cred); err != abi.EINVAL {
		t.Errorf("clock of a process: %v", err)
	}
	for _, c := range []struct {
		s     Spec
		flags uint32
	}{{Spec{Value: -1}, 0}, {Spec{Interval: -1}, 0}, {Spec{}, 4}} {
		if _, err := b.t.Set(c.s, c.flags); err != abi.EINVAL {
			t.Errorf("Set(%v, %d): %v", c.s, c.flags, err)
		}
	}
	if _, err := b.Get(b.f, 7); err != abi.EINVAL {
		t.Errorf("a short read: %v", err)
	}
	if _, err := b.Put(b.f, "12345678"); err != abi.EINVAL {
		t.Errorf("a write: %v", err)
	}
}

func TestSetTicks(t *testing.T) {
	b := newBench(t, abi.CLOCK_MONOTONIC, 0)
	mem := fstest.Memory(binary.LittleEndian.AppendUint64(nil, 7))
	if _, err := b.f.Ops.Ioctl(b.f, b.Caller, ticks, 0, mem); err != nil {
		t.Fatal(err)
	}
	b.read(7, nil)
}

func TestWakesUp(t *testing.T) {
	b := newBench(t, abi.CLOCK_MONOTONIC, 0)
	s := fstest.NewSleeper()
	e := &wait.Entry{L: s, Mask: wait.In}
	b.f.Ops.Queue(b.f).Register(e)
	defer b.f.Ops.Queue(b.f).Unregister(e)
	b.set(Spec{Value: 10}, 0)
	if s.Woken != 0 {
		t.Error("woken too early")
	}
	b.clock.advance(10)
	if s.Woken != 1 {
		t.Errorf("woken %d times", s.Woken)
	}
}
