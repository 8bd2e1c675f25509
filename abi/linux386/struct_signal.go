package linux386

// oldSigaction is the struct sigaction of sigaction(2), whose mask has the first 32 signals.
type oldSigaction struct {
	Handler  uint32 `c:"_u._sa_handler"`
	Mask     uint32 `c:"sa_mask"`
	Flags    uint32 `c:"sa_flags"`
	Restorer uint32 `c:"sa_restorer"`
}

// sigaction is the kernel's struct sigaction, of rt_sigaction.
type sigaction struct {
	Handler  uint32 `c:"handler"`
	Flags    uint32 `c:"flags"`
	Restorer uint32 `c:"restorer"`
	Mask     long64 `c:"mask"`
}

// stackT is stack_t (sigaltstack(2)).
type stackT struct {
	SP    uint32 `c:"ss_sp"`
	Flags int32  `c:"ss_flags"`
	Size  uint32 `c:"ss_size"`
}

// siginfo is siginfo_t: the three numbers that all signals have, and a union that setSiginfo fills.
type siginfo struct {
	Signo  int32 `c:"si_signo"`
	Errno  int32 `c:"si_errno"`
	Code   int32 `c:"si_code"`
	Fields [29]uint32
}

// sigevent is struct sigevent (timer_create(2), mq_notify(3)).
type sigevent struct {
	Value  uint32 `c:"sigev_value"`
	Signo  int32  `c:"sigev_signo"`
	Notify int32  `c:"sigev_notify"`
	TID    int32  `c:"_sigev_un._tid"`
	_      [12]uint32
}

// sigcontext is struct sigcontext_32: the registers in a signal frame.
type sigcontext struct {
	GS      uint16 `c:"gs"`
	_       uint16
	FS      uint16 `c:"fs"`
	_       uint16
	ES      uint16 `c:"es"`
	_       uint16
	DS      uint16 `c:"ds"`
	_       uint16
	EDI     uint32 `c:"di"`
	ESI     uint32 `c:"si"`
	EBP     uint32 `c:"bp"`
	ESP     uint32 `c:"sp"`
	EBX     uint32 `c:"bx"`
	EDX     uint32 `c:"dx"`
	ECX     uint32 `c:"cx"`
	EAX     uint32 `c:"ax"`
	Trapno  uint32 `c:"trapno"`
	Err     uint32 `c:"err"`
	EIP     uint32 `c:"ip"`
	CS      uint16 `c:"cs"`
	_       uint16
	EFLAGS  uint32 `c:"flags"`
	ESPSig  uint32 `c:"sp_at_signal"`
	SS      uint16 `c:"ss"`
	_       uint16
	Fpstate uint32 `c:"fpstate"`
	Oldmask uint32 `c:"oldmask"`
	CR2     uint32 `c:"cr2"`
}

// ucontext is struct ucontext of a real-time signal frame.
type ucontext struct {
	Flags   uint32     `c:"uc_flags"`
	Link    uint32     `c:"uc_link"`
	Stack   stackT     `c:"uc_stack"`
	Context sigcontext `c:"uc_mcontext"`
	Mask    long64     `c:"uc_sigmask"`
}

// fpstate is the head of struct _fpstate_32: the x87 state as FSAVE stores it, then a status word and a magic number
// that says that an FXSAVE image follows.
type fpstate struct {
	CW      uint32      `c:"cw"`
	SW      uint32      `c:"sw"`
	Tag     uint32      `c:"tag"`
	IPOff   uint32      `c:"ipoff"`
	CSSel   uint32      `c:"cssel"`
	DataOff uint32      `c:"dataoff"`
	DataSel uint32      `c:"datasel"`
	ST      [8][10]byte `c:"_st"`
	Status  uint16      `c:"status"`
	Magic   uint16      `c:"magic"`
}

// fpxSW is struct _fpx_sw_bytes: the last 48 bytes of the FXSAVE image say how much extended state follows it.
type fpxSW struct {
	Magic1       uint32 `c:"magic1"`
	ExtendedSize uint32 `c:"extended_size"`
	Features     uint64 `c:"xfeatures"`
	XstateSize   uint32 `c:"xstate_size"`
	_            [7]uint32
}
