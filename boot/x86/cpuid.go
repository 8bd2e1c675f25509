package x86

// Features says what this processor has and the kernel uses.
type Features struct {
	Vendor   string // CPUID leaf 0, such as "GenuineIntel"
	NX       bool
	PGE      bool // global pages survive a load of CR3
	SMEP     bool
	SMAP     bool
	UMIP     bool
	FSGSBASE bool
	XSAVE    bool
	XSAVEOPT bool
	AVX      bool // the user may use AVX: XCR0 has it
	Fast     FastCall

	fxsaveLeak bool // AMD: FXRSTOR leaves the last x87 addresses of another task in place
}

// FastCall is the instruction that enters the kernel fastest from 32-bit code.
type FastCall int

// In compatibility mode SYSENTER works on Intel's, Centaur's and Zhaoxin's processors (SDM vol. 2, SYSENTER), SYSCALL
// on AMD's and Hygon's (APM vol. 3, SYSCALL: "SYSENTER ... not valid in long mode").
const (
	FastNone     FastCall = iota // int 0x80 only
	FastSysenter                 // SYSENTER, proc.VectorSysenter
	FastSyscall                  // SYSCALL, proc.VectorSyscallInsn
)

// func cpuid(leaf, sub uint32) (eax, ebx, ecx, edx uint32)
func cpuid(leaf, sub uint32) (eax, ebx, ecx, edx uint32)

// vendor returns the twelve letters of CPUID leaf 0.
func vendor() string {
	_, b, c, d := cpuid(0, 0)
	var s []byte
	for _, r := range [3]uint32{b, d, c} {
		s = append(s, byte(r), byte(r>>8), byte(r>>16), byte(r>>24))
	}
	return string(s)
}

// detect reads CPUID (SDM vol. 2, CPUID; APM vol. 3, appendix E).
func detect() Features {
	f := Features{Vendor: vendor()}
	max, _, _, _ := cpuid(0, 0)
	maxExt, _, _, _ := cpuid(0x80000000, 0)
	_, _, c1, d1 := cpuid(1, 0)
	f.PGE = d1>>13&1 != 0
	sep := d1>>11&1 != 0
	f.XSAVE = c1>>26&1 != 0 && max >= 0xd
	if max >= 7 {
		_, b, c, _ := cpuid(7, 0)
		f.FSGSBASE = b&1 != 0
		f.SMEP = b>>7&1 != 0
		f.SMAP = b>>20&1 != 0
		f.UMIP = c>>2&1 != 0
	}
	if f.XSAVE {
		allowed, _, _, _ := cpuid(0xd, 0)
		f.AVX = c1>>28&1 != 0 && allowed&xcrAVX != 0
		a, _, _, _ := cpuid(0xd, 1)
		f.XSAVEOPT = a&1 != 0
	}
	_, _, _, dx := cpuid(0x80000001, 0)
	f.NX = dx>>20&1 != 0
	amd := f.Vendor == "AuthenticAMD" || f.Vendor == "HygonGenuine"
	switch {
	case amd && dx>>11&1 != 0:
		f.Fast = FastSyscall
	case !amd && sep:
		f.Fast = FastSysenter
	}
	f.fxsaveLeak = amd
	if amd && maxExt >= 0x80000008 {
		_, b, _, _ := cpuid(0x80000008, 0)
		f.fxsaveLeak = b>>2&1 == 0 // XSaveErPtr: the pointers are always saved and restored
	}
	return f
}
