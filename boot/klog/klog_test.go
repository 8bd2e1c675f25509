package klog

import (
	"strings"
	"testing"

	"cleave/wait"
)

type counter int

func (c *counter) Notify(*wait.Entry, wait.Events) { *c++ }

func TestLog(t *testing.T) {
	var console strings.Builder
	now := int64(1_234_567_890)
	l := New(1000, func() int64 { return now }, func(s string) { console.WriteString(s) })
	var woken counter
	e := wait.Entry{L: &woken, Mask: wait.In}
	l.Waiters().Register(&e)

	l.Printf(Info, "quiet")
	l.Printf(Warning, "loud %d", 1)
	l.Add(1<<3|Error, "from a program")
	if want := "[    1.234567] loud 1\n[    1.234567] from a program\n"; console.String() != want {
		t.Errorf("console: %q, want %q", console.String(), want)
	}
	if woken != 3 {
		t.Errorf("woken %d times, want 3", woken)
	}
	if old := l.SetLevel(8); old != Warning+1 {
		t.Errorf("level was %d", old)
	}
	l.Printf(Debug, "now loud")
	if !strings.HasSuffix(console.String(), "now loud\n") {
		t.Errorf("a debug message is missing at level 8: %q", console.String())
	}
	for seq, want := range []string{"quiet", "loud 1", "from a program", "now loud"} {
		if r, ok := l.Read(uint64(seq)); !ok || r.Text != want || r.Seq != uint64(seq) {
			t.Errorf("Read(%d) = %+v, %v, want %q", seq, r, ok, want)
		}
	}
	if r, ok := l.Read(l.Next()); ok {
		t.Errorf("Read beyond the end: %+v", r)
	}
}

func TestRing(t *testing.T) {
	l := New(1000, func() int64 { return 0 }, func(string) {})
	for range 1000 {
		l.Add(Info, strings.Repeat("x", 100))
	}
	l.Add(Info, strings.Repeat("y", 2*MaxRecord))
	first, ok := l.Read(0)
	if !ok || first.Seq < 980 {
		t.Errorf("the oldest record is %d, %v", first.Seq, ok)
	}
	n := 0
	for seq := first.Seq; ; n++ {
		r, ok := l.Read(seq)
		if !ok {
			break
		}
		seq = r.Seq + 1
	}
	if want := int(l.Next() - first.Seq); n != want {
		t.Errorf("%d records, want %d", n, want)
	}
	if r, _ := l.Read(1000); len(r.Text) != MaxRecord {
		t.Errorf("a record of %d bytes", len(r.Text))
	}
}
