package proc

import (
	"math"
	"testing"
)

// TestShare holds the time that a task of each nice value has beside one of nice 0 to Linux's 1.25 to the power of it.
func TestShare(t *testing.T) {
	for nice := int32(minNice); nice <= maxNice; nice++ {
		want := math.Pow(1.25, -float64(nice))
		got := float64(sliceTicks(nice)) / float64(baseTicks) / float64(turnsPassed(nice)+1)
		if most := float64(maxTicks) / baseTicks; want > most {
			want = most
		}
		if got < want/1.5 || got > want*1.5 {
			t.Errorf("nice %d: %.3f of what nice 0 has, want about %.3f", nice, got, want)
		}
	}
}
