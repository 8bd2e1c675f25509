package dev

import (
	"bytes"
	"strconv"
	"sync"

	"cleave/abi"
	"cleave/fs"
	"cleave/wait"
)

// Record is a message of the kernel's log.
type Record struct {
	Seq      uint64
	Priority int   // facility * 8 + level (syslog(2))
	Time     int64 // ns since the start
	Text     string
}

// Log is the kernel's log.
type Log interface {
	// Record returns the oldest record whose number is at least seq; not ok: there is none yet.
	Record(seq uint64) (r Record, ok bool)
	// Next returns the number that the next record will have.
	Next() uint64
	// Add logs one line with a priority.
	Add(priority int, text string)
	// Waiters is notified, with wait.In, of each new record.
	Waiters() *wait.Queue
}

// kmsg is an open /dev/kmsg: a read gives the next record, a write adds one.
type kmsg struct {
	fs.NoFile
	log Log

	mu   sync.Mutex
	next uint64 // number of the next record to read; guarded by mu
}

const (
	maxLine     = 1024 // bytes of a record that is written
	userMessage = 1 << 3
	defaultInfo = 6
)

// Read gives one record: priority, number, microseconds, flags, text. EAGAIN: there is none; EPIPE: some that were not
// read are lost, and reading goes on behind them; EINVAL: it does not fit.
func (k *kmsg) Read(_ *fs.File, _ *fs.Caller, b fs.Buffer, _ int64) (int, error) {
	k.mu.Lock()
	r, ok := k.log.Record(k.next)
	if !ok {
		k.mu.Unlock()
		return 0, abi.EAGAIN
	}
	if r.Seq != k.next {
		k.next = r.Seq
		k.mu.Unlock()
		return 0, abi.EPIPE
	}
	text := format(&r)
	if len(text) > b.Len() {
		k.mu.Unlock()
		return 0, abi.EINVAL
	}
	k.next++
	k.mu.Unlock()
	return b.CopyOut(text)
}

func format(r *Record) []byte {
	b := strconv.AppendInt(nil, int64(r.Priority), 10)
	b = strconv.AppendUint(append(b, ','), r.Seq, 10)
	b = strconv.AppendInt(append(b, ','), r.Time/1000, 10)
	b = append(b, ",-;"...)
	for i := range len(r.Text) {
		if c := r.Text[i]; c >= ' ' && c < 0x7f && c != '\\' {
			b = append(b, c)
		} else {
			b = append(b, '\\', 'x', "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		}
	}
	return append(b, '\n')
}

// Write adds a line to the log. It may begin with a priority in angle brackets. EINVAL: it is too long.
func (k *kmsg) Write(_ *fs.File, _ *fs.Caller, b fs.Buffer, _ int64) (int, error) {
	n := b.Len()
	if n > maxLine {
		return 0, abi.EINVAL
	}
	line := make([]byte, n)
	if _, err := b.CopyIn(line); err != nil {
		return 0, err
	}
	priority := userMessage | defaultInfo
	if len(line) > 0 && line[0] == '<' {
		if end := bytes.IndexByte(line, '>'); end > 1 {
			if p, err := strconv.ParseUint(string(line[1:end]), 10, 16); err == nil {
				priority = int(p)
				if p>>3 == 0 {
					priority |= userMessage // only the kernel itself is facility 0
				}
				line = line[end+1:]
			}
		}
	}
	k.log.Add(priority, string(bytes.TrimSuffix(line, []byte("\n"))))
	return n, nil
}

// Seek goes to the first record (SEEK_SET 0), or behind the last (SEEK_END 0, SEEK_DATA 0). EINVAL, ESPIPE.
func (k *kmsg) Seek(_ *fs.File, _, off int64, whence int) (int64, error) {
	if off != 0 {
		return 0, abi.ESPIPE
	}
	next := uint64(0)
	switch whence {
	case abi.SEEK_SET:
		if r, ok := k.log.Record(0); ok {
			next = r.Seq
		}
	case abi.SEEK_END, abi.SEEK_DATA:
		next = k.log.Next()
	default:
		return 0, abi.EINVAL
	}
	k.mu.Lock()
	k.next = next
	k.mu.Unlock()
	return 0, nil
}

// Poll returns what can be done now.
func (k *kmsg) Poll(*fs.File) wait.Events {
	k.mu.Lock()
	next := k.next
	k.mu.Unlock()
	ev := wait.Writable
	if r, ok := k.log.Record(next); ok {
		ev |= wait.Readable
		if r.Seq != next {
			ev |= wait.Err | wait.Pri
		}
	}
	return ev
}

// Queue is where new records are notified.
func (k *kmsg) Queue(*fs.File) *wait.Queue { return k.log.Waiters() }
