// Package klog is the kernel's log: a ring of records that dmesg(1) shows, and that go to the console by their level.
package klog

import (
	"fmt"
	"sync"

	"cleave/wait"
)

// The levels of messages (syslog(2)); the lower, the worse.
const (
	Emergency = iota
	Alert
	Critical
	Error
	Warning
	Notice
	Info
	Debug
)

// MaxRecord is how many bytes of a message are kept.
const MaxRecord = 1024

// Record is a message.
type Record struct {
	Seq      uint64
	Priority int   // facility * 8 + level
	Time     int64 // ns since the start
	Text     string
}

// Level returns the level of the record.
func (r Record) Level() int { return r.Priority & 7 }

// String returns the record as the console and syslog(2) show it.
func (r Record) String() string {
	us := r.Time / 1000
	return fmt.Sprintf("[%5d.%06d] %s\n", us/1e6, us%1e6, r.Text)
}

// Log holds the newest records.
type Log struct {
	now     func() int64
	console func(string)
	limit   int // bytes of text

	mu      sync.Mutex
	records []Record // guarded by mu, as is all below; the oldest first
	size    int      // bytes of text in records
	next    uint64   // sequence number
	level   int      // of records that go to the console: those below
	waiters wait.Queue
}

// New returns a log that keeps about limit bytes of text, takes the time (in ns since the start) from now, and writes to
// console. Both are called with the log's lock held.
func New(limit int, now func() int64, console func(string)) *Log {
	return &Log{now: now, console: console, limit: limit, level: Warning + 1}
}

// SetLevel has records of a level below n appear on the console, and returns the n before.
func (l *Log) SetLevel(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.level
	l.level = n
	return old
}

// Limit returns about how many bytes of text the log keeps.
func (l *Log) Limit() int { return l.limit }

// Level returns the level below which records appear on the console.
func (l *Log) Level() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.level
}

// Printf logs a message of the kernel.
func (l *Log) Printf(level int, format string, args ...any) {
	l.Add(level, fmt.Sprintf(format, args...))
}

// Add logs a message of one line with a priority. What is longer than MaxRecord is cut off.
func (l *Log) Add(priority int, text string) {
	l.mu.Lock()
	r := Record{Seq: l.next, Priority: priority, Time: l.now(), Text: text[:min(len(text), MaxRecord)]}
	l.next++
	l.records = append(l.records, r)
	l.size += len(r.Text)
	if l.size > l.limit {
		l.dropLocked()
	}
	if r.Level() < l.level {
		l.console(r.String())
	}
	l.mu.Unlock()
	l.waiters.Notify(wait.In)
}

// dropLocked drops the oldest records, a quarter of all text at once.
func (l *Log) dropLocked() {
	drop := 0
	for l.size > l.limit*3/4 && drop < len(l.records)-1 {
		l.size -= len(l.records[drop].Text)
		drop++
	}
	n := copy(l.records, l.records[drop:])
	clear(l.records[n:])
	l.records = l.records[:n]
}

// Read returns the oldest record whose sequence number is at least seq, and whether there is one.
func (l *Log) Read(seq uint64) (Record, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.records) == 0 || seq >= l.next {
		return Record{}, false
	}
	first := l.records[0].Seq
	return l.records[max(seq, first)-first], true
}

// Next returns the sequence number that the next record will have.
func (l *Log) Next() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

// Waiters is notified, with wait.In, of each new record.
func (l *Log) Waiters() *wait.Queue { return &l.waiters }
