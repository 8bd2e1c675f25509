package bare

import (
	"math/big"
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	for _, hz := range []uint64{1e6, 3579545, 24e6, 957449488, 1e9, 2100012345, 2.2e9, 4e9, 6.5e9} {
		c := Clock{Since: 12345, Base: 1000}
		c.SetRate(hz)
		for _, ticks := range []uint64{0, 1, 1000, hz, hz * 10, 1<<32 - 1, 1 << 32, 1<<32 + 1, hz * 86400 * 30} {
			got := c.Nanoseconds(12345+ticks) - 1000
			exact := new(big.Int).Mul(new(big.Int).SetUint64(ticks), big.NewInt(1e9))
			want := exact.Div(exact, new(big.Int).SetUint64(hz)).Int64()
			if d := got - want; d > want/1e8+2 || d < -want/1e8-2 {
				t.Errorf("%d Hz: %d ticks are %d ns, want %d", hz, ticks, got, want)
			}
			if back := c.Ticks(got); back > ticks+ticks/1e6+hz/1e9+2 || back+ticks/1e6+hz/1e9+2 < ticks {
				t.Errorf("%d Hz: %d ticks became %d", hz, ticks, back)
			}
		}
		if c.Nanoseconds(12344) != 1000 || c.Ticks(-5) != 0 {
			t.Errorf("%d Hz: time before the beginning", hz)
		}
	}
}

func TestClockRebase(t *testing.T) {
	var c Clock
	if c.Running() {
		t.Error("a clock without a rate runs")
	}
	c.SetRate(2e9)
	before := c.Nanoseconds(3e9)
	c.Rebase(3e9)
	c.SetRate(2.1e9)
	if got := c.Nanoseconds(3e9); got != before || !c.Running() {
		t.Errorf("a new rate moved the time from %d to %d", before, got)
	}
}

func TestUnixTime(t *testing.T) {
	for _, s := range []string{"1970-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "2000-02-29T12:00:00Z", "2000-03-01T00:00:00Z",
		"2038-01-19T03:14:08Z", "2100-02-28T23:59:59Z", "2100-03-01T00:00:00Z", "2026-11-21T19:48:00Z"} {
		d, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		if got := UnixTime(d.Year(), int(d.Month()), d.Day(), d.Hour(), d.Minute(), d.Second()); got != d.Unix() {
			t.Errorf("%s: %d, want %d", s, got, d.Unix())
		}
	}
}

func BenchmarkClock(b *testing.B) {
	c := Clock{}
	c.SetRate(2.1e9)
	b.ReportAllocs()
	n := uint64(0)
	for b.Loop() {
		n += 12345
		c.Nanoseconds(n)
	}
}
