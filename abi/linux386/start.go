package linux386

import (
	"encoding/binary"

	"cleave/abi"
	"cleave/mm"
	"cleave/proc"
)

const (
	platform   = "i686\x00"
	clockTicks = 100 // a second, of times(2)

	eflagsStart = proc.EFLAGSFixed | proc.EFLAGSIF
)

// stackBuilder collects what lies on the start-up stack, lowest address first.
type stackBuilder struct {
	buf  []byte
	base uint32 // the address of buf
}

func (b *stackBuilder) word(v uint32) { b.buf = binary.LittleEndian.AppendUint32(b.buf, v) }

// str appends a string with its NUL and returns its address.
func (b *stackBuilder) str(s string) uint32 {
	at := b.base + uint32(len(b.buf))
	b.buf = append(append(b.buf, s...), 0)
	return at
}

// StartStack implements proc.ABI. From the top down it writes a null word, the name of the program, the environment,
// the arguments, the platform's name and the random bytes; then, at a multiple of 16, the vectors: argc, argv, envp and
// the auxiliary vector (System V ABI for i386, "Initial Process Stack").
func (a *ABI) StartStack(as *mm.AddressSpace, s *proc.StartInfo) (uint32, error) {
	size := uint32(4 + len(s.ExecFn) + 1)
	for _, l := range [][]string{s.Args, s.Env} {
		for _, str := range l {
			size += uint32(len(str)) + 1
		}
	}
	strings := stackBuilder{base: s.StackTop - size}
	random := strings.base - 16
	plat := random - uint32(len(platform))
	aux := a.auxv(s, random, plat, s.StackTop-4-uint32(len(s.ExecFn))-1)
	n := uint32(4 * (1 + len(s.Args) + 1 + len(s.Env) + 1 + len(aux)))
	sp := (plat - n) &^ 15

	vectors := stackBuilder{base: sp}
	vectors.word(uint32(len(s.Args)))
	seg := as.Segments()
	seg.StackStart = sp
	seg.ArgStart = strings.base
	for _, str := range s.Args {
		vectors.word(strings.str(str))
	}
	vectors.word(0)
	seg.ArgEnd = strings.base + uint32(len(strings.buf))
	seg.EnvStart = seg.ArgEnd
	for _, str := range s.Env {
		vectors.word(strings.str(str))
	}
	vectors.word(0)
	seg.EnvEnd = strings.base + uint32(len(strings.buf))
	for _, v := range aux {
		vectors.word(v)
	}
	strings.str(s.ExecFn)
	strings.word(0)
	vectors.buf = append(vectors.buf, make([]byte, plat-sp-n)...)
	vectors.buf = append(append(vectors.buf, platform...), s.Random[:]...)
	vectors.buf = append(vectors.buf, strings.buf...)
	if err := as.CopyOut(sp, vectors.buf); err != nil {
		return 0, err
	}
	as.SetSegments(seg)
	return sp, nil
}

// auxv is the auxiliary vector (getauxval(3)), as keys and values.
func (a *ABI) auxv(s *proc.StartInfo, random, plat, execfn uint32) []uint32 {
	secure := uint32(0)
	if s.Secure {
		secure = 1
	}
	v := make([]uint32, 0, 2*24)
	if s.VDSO != 0 {
		v = append(v, abi.AT_SYSINFO, s.VDSO+a.vdso.vsyscall, abi.AT_SYSINFO_EHDR, s.VDSO)
	}
	phdr := uint32(0)
	if s.Image.Phdr != 0 {
		phdr = s.Image.Phdr + s.Bias
	}
	return append(v,
		abi.AT_MINSIGSTKSZ, minSigStack+a.fpuFrameSize(),
		abi.AT_HWCAP, a.hwcap[0],
		abi.AT_PAGESZ, pageSize,
		abi.AT_CLKTCK, clockTicks,
		abi.AT_PHDR, phdr,
		abi.AT_PHENT, uint32(s.Image.Phentsize),
		abi.AT_PHNUM, uint32(s.Image.Phnum),
		abi.AT_BASE, s.Base,
		abi.AT_FLAGS, 0,
		abi.AT_ENTRY, s.Entry,
		abi.AT_UID, uint32(s.UID),
		abi.AT_EUID, uint32(s.EUID),
		abi.AT_GID, uint32(s.GID),
		abi.AT_EGID, uint32(s.EGID),
		abi.AT_SECURE, secure,
		abi.AT_RANDOM, random,
		abi.AT_HWCAP2, a.hwcap[1],
		abi.AT_EXECFN, execfn,
		abi.AT_PLATFORM, plat,
		abi.AT_NULL, 0)
}

// StartRegs implements proc.ABI: all registers are zero but the stack's (the psABI has EDX name a function to call at
// exit; there is none).
func (a *ABI) StartRegs(c *proc.Context, entry, sp uint32) {
	c.Regs = proc.Regs{EIP: entry, ESP: sp, CS: proc.UserCS, SS: proc.UserDS, EFLAGS: eflagsStart}
	c.DS, c.ES, c.FS, c.GS = proc.UserDS, proc.UserDS, 0, 0
	c.TLS = [3]uint64{}
}

// CloneRegs implements proc.ABI.
func (a *ABI) CloneRegs(c *proc.Context, stack uint32) {
	c.EAX = 0
	if stack != 0 {
		c.ESP = stack
	}
}
