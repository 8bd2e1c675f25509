package linux386

import (
	"fmt"
	"sync"

	"cleave/abi"
	"cleave/fs/dev"
	"cleave/ns/user"
	"cleave/proc"
	"cleave/wait"
)

// Actions of syslog(2).
const (
	syslogClose = iota
	syslogOpen
	syslogRead
	syslogReadAll
	syslogReadClear
	syslogClear
	syslogConsoleOff
	syslogConsoleOn
	syslogConsoleLevel
	syslogUnread
	syslogSize
)

// Levels of messages (syslog(2)): a level between these can be set for the console.
const (
	minConsoleLevel = 1
	maxConsoleLevel = 8
)

// KernelLog is the log that syslog(2) reads.
type KernelLog interface {
	dev.Log
	// SetLevel has messages with a lower number than level appear on the console, and returns the level before.
	SetLevel(level int) int
	// Level returns the level.
	Level() int
	// Limit returns how many bytes of messages the log holds.
	Limit() int
}

// logReader is how far syslog(2) has read the log.
type logReader struct {
	mu      sync.Mutex
	read    uint64 // the next record of syslogRead; guarded by mu, as are the others
	cleared uint64 // the first record of syslogReadAll
	level   int    // of the console while it is off; 0: it is on
}

// line is a record as syslog(2) gives it.
func line(r *dev.Record) []byte {
	return fmt.Appendf(nil, "<%d>[%5d.%06d] %s\n", r.Priority, r.Time/1e9, r.Time/1000%1e6, r.Text)
}

func sysSyslog(t *proc.Task, action Int, buf Addr, n Int) (Int, error) {
	a := abiOf(t)
	if action != syslogReadAll && action != syslogSize && !t.Cred().Has(user.CapSyslog, t.Kernel().UserNS) {
		return 0, abi.EPERM
	}
	if a.log == nil {
		return 0, abi.ENOSYS
	}
	switch action {
	case syslogClose, syslogOpen:
		return 0, nil
	case syslogRead, syslogReadAll, syslogReadClear:
		return a.readLog(t, action, buf, n)
	case syslogClear:
		a.logState.mu.Lock()
		a.logState.cleared = a.log.Next()
		a.logState.mu.Unlock()
		return 0, nil
	case syslogConsoleOff, syslogConsoleOn, syslogConsoleLevel:
		return 0, a.consoleLevel(action, n)
	case syslogUnread:
		return Int(len(a.collect(a.logState.read, maxLogRead))), nil
	case syslogSize:
		return Int(a.log.Limit()), nil
	}
	return 0, abi.EINVAL
}

func (a *ABI) consoleLevel(action, n Int) error {
	s := &a.logState
	s.mu.Lock()
	defer s.mu.Unlock()
	switch action {
	case syslogConsoleOff:
		if s.level == 0 {
			s.level = a.log.Level()
		}
		a.log.SetLevel(minConsoleLevel)
	case syslogConsoleOn:
		if s.level != 0 {
			a.log.SetLevel(s.level)
			s.level = 0
		}
	default:
		if n < minConsoleLevel || n > maxConsoleLevel {
			return abi.EINVAL
		}
		a.log.SetLevel(int(n))
		s.level = 0
	}
	return nil
}

// maxLogRead is how much of the log is looked at for one call.
const maxLogRead = 1 << 20

// collect returns the lines from record seq on that fit limit bytes.
func (a *ABI) collect(seq uint64, limit int) (out []byte) {
	for {
		r, ok := a.log.Record(seq)
		if !ok {
			return out
		}
		l := line(&r)
		if len(out)+len(l) > limit {
			return out
		}
		out, seq = append(out, l...), r.Seq+1
	}
}

// readLog gives whole lines: with syslogRead those that nobody has read yet, waiting for one; else the last that fit.
func (a *ABI) readLog(t *proc.Task, action Int, buf Addr, n Int) (Int, error) {
	if buf == 0 || n < 0 {
		return 0, abi.EINVAL
	}
	if n == 0 {
		return 0, nil
	}
	if action == syslogRead {
		return a.readNew(t, buf, int(n))
	}
	s := &a.logState
	s.mu.Lock()
	from := s.cleared
	if action == syslogReadClear {
		s.cleared = a.log.Next()
	}
	s.mu.Unlock()
	text := a.collect(from, maxLogRead)
	for len(text) > int(n) {
		r, ok := a.log.Record(from)
		if !ok {
			break
		}
		text, from = text[min(len(line(&r)), len(text)):], r.Seq+1
	}
	return Int(len(text)), t.MM().CopyOut(uint32(buf), text)
}

// readNew gives records that were not read, waiting for the first. A line that is longer than the buffer is cut.
func (a *ABI) readNew(t *proc.Task, buf Addr, n int) (Int, error) {
	s := &a.logState
	var text []byte
	err := t.Retry(a.log.Waiters(), wait.In, 0, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		r, ok := a.log.Record(s.read)
		if !ok {
			return abi.EAGAIN
		}
		text = line(&r)
		text, s.read = text[:min(len(text), n)], r.Seq+1
		for {
			r, ok := a.log.Record(s.read)
			if !ok {
				return nil
			}
			l := line(&r)
			if len(text)+len(l) > n {
				return nil
			}
			text, s.read = append(text, l...), r.Seq+1
		}
	})
	if err != nil {
		return 0, err
	}
	return Int(len(text)), t.MM().CopyOut(uint32(buf), text)
}
