// Package timerfd has timers that are read as files (timerfd_create(2)).
package timerfd

import (
	"encoding/binary"
	"sync"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/scratch"
	"cleave/ns/user"
	"cleave/wait"
)

// Clock tells the time and makes timers. Times are in nanoseconds: Monotonic since the start of the kernel, Realtime since
// 1970.
type Clock interface {
	Monotonic() int64
	Realtime() int64
	// NewTimer makes a timer, which is not running. At its time f is called with no lock held; f does not block.
	NewTimer(f func()) Timer
}

// Timer calls a function once at a time.
type Timer interface {
	// Set starts the timer, or moves it, to fire at a time of the monotonic scale.
	Set(at int64)
	// Stop stops it. Its function may be running, or about to, even so.
	Stop()
}

// Timers are all timers of a kernel that are read as files.
type Timers struct {
	clock Clock

	mu       sync.Mutex        // comes before Timerfd.mu
	realtime map[*Timerfd]bool // those that are set to a time of CLOCK_REALTIME; guarded by mu
}

// New returns the timers of a kernel with a clock.
func New(c Clock) *Timers { return &Timers{clock: c, realtime: map[*Timerfd]bool{}} }

// Spec says when a timer expires: first after Value, then every Interval, in nanoseconds. 0: never.
type Spec struct {
	Interval, Value int64
}

// Flags of Set (timerfd_settime(2)).
const (
	AbsTime     = 1 // TFD_TIMER_ABSTIME
	CancelOnSet = 2 // TFD_TIMER_CANCEL_ON_SET
)

// Timerfd is a timer.
type Timerfd struct {
	fs.NoFile
	all      *Timers
	realtime bool  // its clock is CLOCK_REALTIME
	offset   int64 // what the owner's time namespace adds to the monotonic time
	queue    wait.Queue
	buf      scratch.Slot[[8]byte]

	mu       sync.Mutex
	timer    Timer // guarded by mu, as is what follows
	next     int64 // when it expires, on the scale of now(); 0: it is not set
	interval int64
	expired  uint64 // expirations that have not been read
	absolute bool   // next was given as a time of day, so that setting the clock moves it
	watching bool   // CancelOnSet
	canceled bool   // the clock has been set
}

// NewFile makes a timer on a clock (timerfd_create(2)): CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, or an _ALARM of
// these, which wakes nobody here. offset is what the caller's time namespace adds to the clock. flags: O_NONBLOCK. EINVAL.
func (a *Timers) NewFile(v *fs.VFS, clock int, offset int64, flags uint32, cred *user.Cred) (*fs.File, error) {
	t := &Timerfd{all: a, offset: offset}
	switch clock {
	case abi.CLOCK_REALTIME, abi.CLOCK_REALTIME_ALARM:
		t.realtime, t.offset = true, 0
	case abi.CLOCK_MONOTONIC, abi.CLOCK_BOOTTIME, abi.CLOCK_BOOTTIME_ALARM:
	default:
		return nil, abi.EINVAL
	}
	t.timer = a.clock.NewTimer(t.fire)
	return v.NewAnonFile(t, "anon_inode:[timerfd]", nil, flags|abi.O_RDWR, cred), nil
}

// Of returns the timer behind a file, nil if it is none (EINVAL of timerfd_settime(2)).
func Of(f *fs.File) *Timerfd {
	t, _ := f.Ops.(*Timerfd)
	return t
}

// now returns the time on the scale that next is on: a span of time runs on when somebody sets the clock.
func (t *Timerfd) now() int64 {
	if t.realtime && t.absolute {
		return t.all.clock.Realtime()
	}
	return t.all.clock.Monotonic() + t.offset
}

// Set sets the timer, or stops it if s.Value is 0, and returns how it was set (timerfd_settime(2)). EINVAL.
func (t *Timerfd) Set(s Spec, flags uint32) (old Spec, err error) {
	if flags&^(AbsTime|CancelOnSet) != 0 || s.Value < 0 || s.Interval < 0 {
		return old, abi.EINVAL
	}
	t.all.mu.Lock()
	t.mu.Lock()
	old = t.leftLocked(t.now())
	t.absolute = flags&AbsTime != 0
	now := t.now()
	t.watching = t.realtime && t.absolute && flags&CancelOnSet != 0
	t.expired, t.canceled = 0, false
	t.next, t.interval = 0, s.Interval
	if s.Value != 0 {
		t.next = s.Value
		if !t.absolute {
			t.next = saturate(now, s.Value)
		}
	}
	if t.realtime && t.absolute {
		t.all.realtime[t] = true
	} else {
		delete(t.all.realtime, t)
	}
	due := t.armLocked(now)
	t.mu.Unlock()
	t.all.mu.Unlock()
	if due {
		t.queue.Notify(wait.Readable)
	}
	return old, nil
}

func saturate(a, b int64) int64 {
	if s := a + b; s >= a {
		return s
	}
	return 1<<63 - 1
}

// Get returns how the timer is set (timerfd_gettime(2)).
func (t *Timerfd) Get() Spec {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.leftLocked(t.now())
}

// leftLocked returns the time that is left. A timer that is due but has no interval shows 0, like one that is not set.
func (t *Timerfd) leftLocked(now int64) Spec {
	t.countLocked(now)
	s := Spec{Interval: t.interval}
	if t.next != 0 {
		s.Value = t.next - now
	}
	return s
}

// countLocked counts the expirations up to now and moves next behind it.
func (t *Timerfd) countLocked(now int64) {
	if t.next == 0 || now < t.next {
		return
	}
	if t.interval == 0 {
		t.expired++
		t.next = 0
		return
	}
	n := (now-t.next)/t.interval + 1
	t.expired += uint64(n)
	t.next = saturate(t.next, n*t.interval)
}

// armLocked counts what is due, and reports whether there is something to read. If not, it starts the timer for what is
// next; otherwise the read does, so that an interval too short for anybody to follow costs no more than its reader wants.
func (t *Timerfd) armLocked(now int64) bool {
	t.countLocked(now)
	if t.next == 0 || t.expired > 0 {
		t.timer.Stop()
	} else {
		t.timer.Set(saturate(t.all.clock.Monotonic(), t.next-now))
	}
	return t.expired > 0
}

// fire is called at the time of the timer.
func (t *Timerfd) fire() {
	t.mu.Lock()
	due := t.armLocked(t.now())
	t.mu.Unlock()
	if due {
		t.queue.Notify(wait.Readable)
	}
}

// ClockWasSet tells that CLOCK_REALTIME has been set: timers for a time of day are due at another moment, and those with
// CancelOnSet are canceled.
func (a *Timers) ClockWasSet() {
	a.mu.Lock()
	for t := range a.realtime {
		t.mu.Lock()
		t.canceled = t.watching
		ready := t.armLocked(t.now()) || t.canceled
		t.mu.Unlock()
		if ready {
			t.queue.Notify(wait.Readable)
		}
	}
	a.mu.Unlock()
}

// Read gives the number of expirations since the last read or Set as 8 bytes. EAGAIN: there was none; ECANCELED: the
// clock has been set; EINVAL: less than 8 bytes of room.
func (t *Timerfd) Read(_ *fs.File, _ *fs.Caller, b fs.Buffer, _ int64) (int, error) {
	if b.Len() < 8 {
		return 0, abi.EINVAL
	}
	t.mu.Lock()
	now := t.now()
	t.countLocked(now)
	n, canceled := t.expired, t.canceled
	t.expired, t.canceled = 0, false
	if n > 0 {
		t.armLocked(now)
	}
	t.mu.Unlock()
	switch {
	case canceled:
		return 0, abi.ECANCELED
	case n == 0:
		return 0, abi.EAGAIN
	}
	buf := t.buf.Take()
	binary.LittleEndian.PutUint64(buf[:], n)
	k, err := b.CopyOut(buf[:])
	t.buf.Give(buf)
	if err != nil {
		return 0, err
	}
	return k, nil
}

// Poll returns what can be done now.
func (t *Timerfd) Poll(*fs.File) wait.Events {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.expired > 0 || t.canceled {
		return wait.Readable
	}
	return 0
}

// Queue is where expirations are notified.
func (t *Timerfd) Queue(*fs.File) *wait.Queue { return &t.queue }

// ticks is TFD_IOC_SET_TICKS, which a checkpoint uses to set the count.
const ticks = 0x40085400

// Ioctl knows TFD_IOC_SET_TICKS.
func (t *Timerfd) Ioctl(_ *fs.File, _ *fs.Caller, cmd, arg uint32, m fs.UserMemory) (uint32, error) {
	if cmd != ticks {
		return 0, abi.ENOTTY
	}
	buf := make([]byte, 8)
	if err := m.CopyIn(buf, arg); err != nil {
		return 0, err
	}
	n := binary.LittleEndian.Uint64(buf)
	if n == 0 {
		return 0, abi.EINVAL
	}
	t.mu.Lock()
	t.expired = n
	t.mu.Unlock()
	t.queue.Notify(wait.Readable)
	return 0, nil
}

// Release stops the timer.
func (t *Timerfd) Release(*fs.File) {
	t.all.mu.Lock()
	delete(t.all.realtime, t)
	t.mu.Lock()
	t.next = 0
	t.timer.Stop()
	t.mu.Unlock()
	t.all.mu.Unlock()
}
