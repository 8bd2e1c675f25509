package bare

// KVMTime is what KVM tells a guest about its time stamp counter: struct pvclock_vcpu_time_info of Linux's
// Documentation/virt/kvm/x86/msr.rst, MSR_KVM_SYSTEM_TIME_NEW.
type KVMTime struct {
	Version    uint32 // odd while the host writes
	_          uint32
	Timestamp  uint64 // a reading of the counter
	SystemTime uint64 // and the host's time then, in ns
	Mult       uint32 // ns = ticks << Shift * Mult >> 32; a negative shift is to the right
	Shift      int8
	Flags      uint8
	_          [2]uint8
}

// Rate returns the rate of the time stamp counter in Hz, or 0 if the host has not told one that can be.
//
//go:nosplit
func (k *KVMTime) Rate() uint64 {
	if k.Mult == 0 || k.Shift < -31 || k.Shift > 31 {
		return 0
	}
	const second = uint64(1e9) << 32
	mult := uint64(k.Mult)
	if k.Shift >= 0 {
		return second / mult >> uint8(k.Shift)
	}
	left := uint8(-k.Shift)
	whole, rest := second/mult, second%mult
	if whole>>(64-left) != 0 {
		return 0
	}
	return whole<<left + rest<<left/mult
}
