package ns

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cleave/abi"
	"cleave/ns/user"
)

// TimeNamespace has offsets of the monotonic and the boot-time clock (time_namespaces(7)).
type TimeNamespace struct {
	user.Base
	monotonic atomic.Int64 // nanoseconds, added to the clock
	boottime  atomic.Int64

	mu     sync.Mutex
	frozen bool // a task is in it: the offsets stay; guarded by mu
}

// NewInitialTime makes the initial time namespace, whose offsets are 0.
func NewInitialTime(owner *user.Namespace) *TimeNamespace {
	n := &TimeNamespace{frozen: true}
	n.BeginFirst(user.KindTime, owner, nil)
	return n
}

// Copy makes a time namespace with the same offsets, which can be changed until a task is in it. ENOSPC: too many.
func (n *TimeNamespace) Copy(c *user.Cred) (*TimeNamespace, error) {
	m := &TimeNamespace{}
	if err := m.Begin(user.KindTime, c.NS, c.EUID, nil); err != nil {
		return nil, err
	}
	m.monotonic.Store(n.monotonic.Load())
	m.boottime.Store(n.boottime.Load())
	return m, nil
}

// Monotonic is what is added to CLOCK_MONOTONIC for tasks in n.
func (n *TimeNamespace) Monotonic() time.Duration { return time.Duration(n.monotonic.Load()) }

// Shifted reports whether a clock of the namespace shows another time than the machine's.
func (n *TimeNamespace) Shifted() bool { return n.monotonic.Load() != 0 || n.boottime.Load() != 0 }

// Boottime is what is added to CLOCK_BOOTTIME for tasks in n.
func (n *TimeNamespace) Boottime() time.Duration { return time.Duration(n.boottime.Load()) }

// freeze fixes the offsets, because a task enters.
func (n *TimeNamespace) freeze() {
	n.mu.Lock()
	n.frozen = true
	n.mu.Unlock()
}

// maxSeconds is the largest time in seconds that fits in nanoseconds of 63 bits.
const maxSeconds = (1<<63 - 1) / int64(time.Second)

// ShowOffsets gives the text of /proc/PID/timens_offsets.
func (n *TimeNamespace) ShowOffsets() string {
	var b strings.Builder
	for _, c := range [2]struct {
		name string
		off  int64
	}{{"monotonic", n.monotonic.Load()}, {"boottime", n.boottime.Load()}} {
		sec, ns := c.off/int64(time.Second), c.off%int64(time.Second)
		if ns < 0 {
			sec, ns = sec-1, ns+int64(time.Second)
		}
		fmt.Fprintf(&b, "%-10s %10d %9d\n", c.name, sec, ns)
	}
	return b.String()
}

// WriteOffsets is a write to /proc/PID/timens_offsets, which opener opened: one or two lines of clock, seconds and
// nanoseconds. now is both clocks without an offset. It gives the number of bytes that it has used.
// EINVAL: not that form; EPERM: opener has no CAP_SYS_TIME over n; ERANGE: the clock would be negative or too large;
// EACCES: a task is in n already.
func (n *TimeNamespace) WriteOffsets(opener *user.Cred, data string, now time.Duration) (int, error) {
	used := 0
	var offs []clockOffset
	for len(offs) < 2 && (used < len(data) || len(offs) == 0) {
		line, _, more := strings.Cut(data[used:], "\n")
		used += len(line)
		if more {
			used++
		}
		o, err := parseOffset(line)
		if err != nil {
			return 0, err
		}
		offs = append(offs, o)
	}
	if !opener.Has(user.CapSysTime, n.Owner()) {
		return 0, abi.EPERM
	}
	for _, o := range offs {
		if o.sec > maxSeconds || o.sec < -maxSeconds {
			return 0, abi.ERANGE
		}
		// Half of the range is left, so that the clock never gets to its end.
		if at := o.sec + int64(now/time.Second); at < 0 || at > maxSeconds/2 {
			return 0, abi.ERANGE
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.frozen {
		return 0, abi.EACCES
	}
	for _, o := range offs {
		clock := &n.monotonic
		if o.boottime {
			clock = &n.boottime
		}
		clock.Store(o.sec*int64(time.Second) + o.ns)
	}
	return used, nil
}

type clockOffset struct {
	boottime bool
	sec, ns  int64
}

func parseOffset(line string) (o clockOffset, err error) {
	f := strings.Fields(line)
	if len(f) < 3 {
		return o, abi.EINVAL
	}
	switch f[0] {
	case "monotonic", "1":
	case "boottime", "7":
		o.boottime = true
	default:
		return o, abi.EINVAL
	}
	sec, err1 := strconv.ParseInt(f[1], 10, 64)
	ns, err2 := strconv.ParseUint(f[2], 10, 32)
	if err1 != nil || err2 != nil || ns >= uint64(time.Second) {
		return o, abi.EINVAL
	}
	o.sec, o.ns = sec, int64(ns)
	return o, nil
}
