package bare

import (
	"math/big"
	"testing"
	"unsafe"
)

// The host writes the structure, so its layout is given.
func TestKVMTimeLayout(t *testing.T) {
	var k KVMTime
	for name, x := range map[string][2]uintptr{
		"size": {unsafe.Sizeof(k), 32}, "version": {unsafe.Offsetof(k.Version), 0},
		"timestamp": {unsafe.Offsetof(k.Timestamp), 8}, "system time": {unsafe.Offsetof(k.SystemTime), 16},
		"mult": {unsafe.Offsetof(k.Mult), 24}, "shift": {unsafe.Offsetof(k.Shift), 28}, "flags": {unsafe.Offsetof(k.Flags), 29},
	} {
		if x[0] != x[1] {
			t.Errorf("%s: %d, want %d", name, x[0], x[1])
		}
	}
}

// scale makes the multiplier and the shift as a host does: the multiplier has its highest bit set.
func scale(hz uint64) KVMTime {
	mult := new(big.Int).Div(new(big.Int).Lsh(big.NewInt(1e9), 64), new(big.Int).SetUint64(hz)) // ns per tick << 64
	shift := mult.BitLen() - 64
	return KVMTime{Mult: uint32(mult.Rsh(mult, uint(mult.BitLen()-32)).Uint64()), Shift: int8(shift)}
}

func TestKVMTimeRate(t *testing.T) {
	for _, hz := range []uint64{1e6, 33333333, 999999999, 1e9, 1000000001, 1.5e9, 2e9, 2095078000, 2.4e9, 2893202000, 3.2e9, 4e9, 5.7e9, 12e9} {
		k := scale(hz)
		got := k.Rate()
		if diff := int64(got - hz); diff < 0 || uint64(diff) > hz>>31+1 {
			t.Errorf("mult %#x, shift %d: %d Hz, want %d", k.Mult, k.Shift, got, hz)
		}
		// A clock of that rate agrees with the host's own formula over an hour, to 5 parts in 10^9.
		var c Clock
		c.SetRate(got)
		ticks := 3600 * hz
		host := new(big.Int).SetUint64(ticks)
		if k.Shift < 0 {
			host.Rsh(host, uint(-k.Shift))
		} else {
			host.Lsh(host, uint(k.Shift))
		}
		host.Mul(host, big.NewInt(int64(k.Mult))).Rsh(host, 32)
		if d := c.Nanoseconds(ticks) - host.Int64(); d < -18000 || d > 18000 {
			t.Errorf("%d Hz: an hour is off by %d ns", hz, d)
		}
	}
}

// A host that has not filled the structure, or fills it with what cannot be, leaves the rate to others.
func TestKVMTimeNone(t *testing.T) {
	for _, k := range []KVMTime{{}, {Shift: 1}, {Mult: 1, Shift: 32}, {Mult: 1, Shift: -32}, {Mult: 1, Shift: -31}, {Mult: 1 << 31, Shift: -128}} {
		if hz := k.Rate(); hz != 0 {
			t.Errorf("%+v: %d Hz", k, hz)
		}
	}
}
