package linux386

// userRegs is struct user_regs_struct of i386 (sys/user.h).
type userRegs struct {
	EBX     uint32 `c:"ebx"`
	ECX     uint32 `c:"ecx"`
	EDX     uint32 `c:"edx"`
	ESI     uint32 `c:"esi"`
	EDI     uint32 `c:"edi"`
	EBP     uint32 `c:"ebp"`
	EAX     uint32 `c:"eax"`
	DS      uint32 `c:"xds"`
	ES      uint32 `c:"xes"`
	FS      uint32 `c:"xfs"`
	GS      uint32 `c:"xgs"`
	OrigEAX uint32 `c:"orig_eax"`
	EIP     uint32 `c:"eip"`
	CS      uint32 `c:"xcs"`
	EFLAGS  uint32 `c:"eflags"`
	ESP     uint32 `c:"esp"`
	SS      uint32 `c:"xss"`
}

// userArea is struct user of i386, which PTRACE_PEEKUSR reads by offset. Only the registers have a meaning.
type userArea struct {
	Regs     userRegs `c:"regs"`
	_        [46]uint32
	DebugReg [8]uint32 `c:"u_debugreg"`
}

// peekSiginfoArgs is struct ptrace_peeksiginfo_args.
type peekSiginfoArgs struct {
	Off   long64 `c:"off"`
	Flags uint32 `c:"flags"`
	Nr    int32  `c:"nr"`
}

// syscallInfo is struct ptrace_syscall_info. Its words are those of the union: entry and seccomp have the number and the
// arguments, exit has the result and whether it is an error.
type syscallInfo struct {
	Op    uint8 `c:"op"`
	_     [3]uint8
	Arch  uint32 `c:"arch"`
	EIP   long64 `c:"instruction_pointer"`
	ESP   long64 `c:"stack_pointer"`
	Words [7]long64
	Data  uint32 `c:"seccomp.ret_data"`
}
