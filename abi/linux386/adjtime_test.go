package linux386_test

import (
	"encoding/binary"
	"testing"

	"cleave/abi"
	"cleave/proc/proctest"
)

const nrAdjtimex = 124

// Offsets in struct timex, and its size.
const (
	timexOffset, timexFreq, timexMaxError = 4, 8, 12
	timexStatus, timexSec, timexTick      = 20, 36, 44
	timexSize                             = 128
)

// adjtimex calls adjtimex(2) with some fields set, and returns the state of the clock and the structure.
func adjtimex(t *testing.T, k *proctest.Kernel, modes uint32, fields map[int]int32) (uint32, []byte, error) {
	t.Helper()
	b := make([]byte, timexSize)
	binary.LittleEndian.PutUint32(b, modes)
	for at, v := range fields {
		binary.LittleEndian.PutUint32(b[at:], uint32(v))
	}
	addr := k.Init.Push(b)
	state, err := k.Init.Syscall(nrAdjtimex, addr)
	return state, k.Init.Load(addr, timexSize), err
}

func TestAdjtimex(t *testing.T) {
	k := proctest.New(t)
	field := func(b []byte, at int) int32 { return int32(binary.LittleEndian.Uint32(b[at:])) }
	state, b, err := adjtimex(t, k, 0, nil)
	if state != abi.TIME_ERROR || err != nil || field(b, timexStatus) != abi.STA_UNSYNC || field(b, timexTick) != 10000 {
		t.Fatalf("at first: state %d, %v, % x", state, err, b)
	}
	before := field(b, timexSec)

	state, b, err = adjtimex(t, k, abi.ADJ_STATUS|abi.ADJ_MAXERROR, map[int]int32{timexStatus: abi.STA_PLL, timexMaxError: 500})
	if state != abi.TIME_OK || err != nil || field(b, timexMaxError) != 500 || field(b, timexStatus) != abi.STA_PLL {
		t.Errorf("a clock that is said to be synchronised: state %d, %v, % x", state, err, b)
	}
	_, b, err = adjtimex(t, k, abi.ADJ_OFFSET_SINGLESHOT, map[int]int32{timexOffset: 5_000_000})
	if d := field(b, timexSec) - before; err != nil || d < 5 || d > 15 {
		t.Errorf("adjtime by 5 s moved the clock by %d s, %v", d, err)
	}
	if _, b, err = adjtimex(t, k, abi.ADJ_OFFSET_SS_READ, nil); err != nil || field(b, timexOffset) != 0 {
		t.Errorf("what is left of it: %d, %v", field(b, timexOffset), err)
	}
	for _, bad := range []struct {
		modes  uint32
		fields map[int]int32
	}{
		{abi.ADJ_FREQUENCY, map[int]int32{timexFreq: 1}}, {abi.ADJ_TICK, map[int]int32{timexTick: 9999}}, {abi.ADJ_ADJTIME, nil},
		{abi.ADJ_SETOFFSET, map[int]int32{timexSec + 4: -1}},
	} {
		if _, _, err := adjtimex(t, k, bad.modes, bad.fields); err != abi.EINVAL {
			t.Errorf("modes %#x: %v", bad.modes, err)
		}
	}
}
