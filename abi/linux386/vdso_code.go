package linux386

import "cleave/abi"

// FastCall is the instruction by which __kernel_vsyscall enters the kernel.
type FastCall int

// The fast calls.
const (
	FastNone     FastCall = iota // int $0x80: every CPU has it
	FastSysenter                 // SYSENTER from compatibility mode: Intel's CPUs
	FastSyscall                  // SYSCALL from compatibility mode: AMD's CPUs
)

// vdsoFunctions assembles the functions of the vDSO. The data page lies before bytes below the first of them.
func vdsoFunctions(fast FastCall, before int) *assembler {
	a := newAssembler()
	a.vsyscall(fast)
	a.sigreturns()
	a.readClock(before)
	a.clockGettime("__vdso_clock_gettime64", nrClockGettime64, true)
	a.clockGettime("__vdso_clock_gettime", nrClockGettime, false)
	a.gettimeofday()
	a.time()
	a.clockGetres()
	a.link()
	return a
}

// vsyscall is __kernel_vsyscall: number and arguments are in registers, as for int $0x80. SYSENTER loses ESP, SYSCALL
// loses ECX; each travels in EBP, whose own value, the sixth argument, is on the stack. The kernel goes on at the landing, or
// two bytes before, where the call is made again. It returns by IRET, which loses no register; with SYSENTER the stack is that
// of Linux, which keeps ECX and EDX there for SYSEXIT, so that a host's kernel can land here, too.
func (a *assembler) vsyscall(fast FastCall) {
	a.begin("__kernel_vsyscall")
	switch fast {
	case FastSysenter:
		a.save(ecx)
		a.save(edx)
		a.save(ebp)
		a.mov(ebp, esp)
		a.sysenter()
	case FastSyscall:
		a.save(ebp)
		a.mov(ebp, ecx)
		a.syscall()
	}
	a.int80()
	a.label("landing")
	if fast != FastNone {
		a.restore(ebp)
	}
	if fast == FastSysenter {
		a.restore(edx)
		a.restore(ecx)
	}
	a.ret()
	a.end()
}

// sigreturns are what signal handlers return to. Debuggers and unwinders know a signal frame by these bytes.
func (a *assembler) sigreturns() {
	a.begin("__kernel_sigreturn")
	a.signalFrame(plainHead - sigcontextSize)
	a.pop(eax) // the signal's number
	a.movImm(eax, nrSigreturn)
	a.int80()
	a.end()
	a.begin("__kernel_rt_sigreturn")
	a.signalFrame(rtUCOffset + 5*wordSize) // behind flags, link and stack of its ucontext
	a.movImm(eax, nrRTSigreturn)
	a.int80()
	a.end()
}

// signalFrame says that the function begins with a signal frame at ESP, off which its return address is gone. context is
// where in the frame the sigcontext lies.
func (a *assembler) signalFrame(context int) { a.funcs[len(a.funcs)-1].context = context - wordSize }

// Where timePage has its fields.
var (
	pageSeq   = mem{ebp, 0}
	pageValid = mem{ebp, 4}
	pageMult  = mem{ebp, 8}
	pageShift = mem{ebp, 12}
	pageTSC   = mem{ebp, 16}
	pageTSCHi = mem{ebp, 20}
)

const pageBases = 24

// readClock is a subroutine: EAX is a clock. It returns its time as EDX:EAX seconds and ECX nanoseconds with the carry
// flag clear, or sets the carry flag if only the kernel knows. It uses all registers but ESP.
//
//	time = base + (TSC - base TSC) * mult >> shift
func (a *assembler) readClock(before int) {
	a.begin("read_clock")
	a.cmpImm(eax, numClocks)
	a.jcc(notBelow, "unknown")
	a.here(ebp, before)
	a.mov(ecx, eax)
	a.leaScaled16(edi, eax, ebp)
	a.label("retry")
	a.load(esi, pageSeq)
	a.testImm(esi, 1)
	a.jcc(notEqual, "busy")
	a.btMem(pageValid, ecx)
	a.jcc(notBelow, "unknown")
	a.push(ecx)
	a.lfence() // RDTSC may run ahead of what the caller has read (SDM vol. 2, RDTSC)
	a.rdtsc()
	a.subMem(eax, pageTSC)
	a.sbbMem(edx, pageTSCHi)
	a.jcc(notBelow, "later")
	a.zero(eax) // another CPU's counter may be a little behind
	a.zero(edx)
	a.label("later")
	a.mov(ebx, edx)
	a.load(ecx, pageShift)
	a.mulMem(pageMult)
	a.shrdCL(eax, edx)
	a.shrCL(edx)
	a.test(ebx, ebx)
	a.jcc(notEqual, "long")
	a.label("sum")
	a.addMem(eax, mem{edi, pageBases + 8})
	a.adcImm(edx, 0)
	a.pop(ecx)
	a.cmpMem(esi, pageSeq) // before the division, which a torn value could overflow
	a.jcc(notEqual, "retry")
	a.movImm(ebx, 1e9)
	a.div(ebx)
	a.mov(ebx, edx)
	a.zero(edx)
	a.addMem(eax, mem{edi, pageBases})
	a.adcMem(edx, mem{edi, pageBases + 4})
	a.cmpMem(esi, pageSeq)
	a.jcc(notEqual, "retry")
	a.mov(ecx, ebx)
	a.clc()
	a.ret()
	a.readLong()

	a.label("busy")
	a.moved(-4, stepMove, esp)
	a.pause()
	a.jmp("retry")
	a.label("unknown")
	a.stc()
	a.ret()
	a.end()
}

// readLong is the part of read_clock for when much time has passed since the page was written: EBX is the high word of the
// difference, EBX * mult << (32 - shift) is to be added.
func (a *assembler) readLong() {
	a.label("long")
	a.moved(4, stepMove, esp)
	a.push(edx)
	a.push(eax)
	a.mov(eax, ebx)
	a.mulMem(pageMult)
	a.neg(ecx)
	a.shldCL(edx, eax)
	a.shlCL(eax)
	a.pop(ebx)
	a.add(eax, ebx)
	a.pop(ebx)
	a.adc(edx, ebx)
	a.jmp("sum")
}

// Where a function with four saved registers finds its arguments.
var (
	arg1 = mem{esp, 20}
	arg2 = mem{esp, 24}
)

func (a *assembler) enter(name string) {
	a.begin(name)
	a.save(ebx)
	a.save(esi)
	a.save(edi)
	a.save(ebp)
}

func (a *assembler) leave() {
	a.restore(ebp)
	a.restore(edi)
	a.restore(esi)
	a.restore(ebx)
	a.ret()
}

// orSyscall is the end of a function of two arguments: the result in EAX or, from the label on, what the system call says.
func (a *assembler) orSyscall(label string, nr uint32) {
	a.moved(0, stepRemember, esp)
	a.leave()
	a.moved(16, stepRecall, esp)
	a.label(label)
	a.load(ebx, arg1)
	a.load(ecx, arg2)
	a.movImm(eax, nr)
	a.call("__kernel_vsyscall")
	a.leave()
	a.end()
}

// clockGettime is int f(clockid_t, struct timespec *), with 64-bit or 32-bit seconds.
func (a *assembler) clockGettime(name string, nr uint32, wide bool) {
	a.enter(name)
	a.load(eax, arg1)
	a.call("read_clock")
	a.jcc(below, name+" call")
	a.load(ebx, arg2)
	a.store(mem{ebx, 0}, eax)
	if wide {
		a.store(mem{ebx, 4}, edx)
		a.store(mem{ebx, 8}, ecx)
		a.storeImm(mem{ebx, 12}, 0)
	} else {
		a.store(mem{ebx, 4}, ecx)
	}
	a.zero(eax)
	a.orSyscall(name+" call", nr)
}

// gettimeofday is int f(struct timeval *, struct timezone *). The kernel knows the time zone.
func (a *assembler) gettimeofday() {
	a.enter("__vdso_gettimeofday")
	a.load(eax, arg2)
	a.test(eax, eax)
	a.jcc(notEqual, "gettimeofday call")
	a.load(ebx, arg1)
	a.test(ebx, ebx)
	a.jcc(equal, "gettimeofday call")
	a.zero(eax) // CLOCK_REALTIME
	a.call("read_clock")
	a.jcc(below, "gettimeofday call")
	a.load(esi, arg1)
	a.store(mem{esi, 0}, eax)
	a.mov(eax, ecx)
	a.zero(edx)
	a.movImm(ebx, 1000)
	a.div(ebx)
	a.store(mem{esi, 4}, eax)
	a.zero(eax)
	a.orSyscall("gettimeofday call", nrGettimeofday)
}

// time is time_t f(time_t *).
func (a *assembler) time() {
	a.enter("__vdso_time")
	a.zero(eax)
	a.call("read_clock")
	a.jcc(below, "time call")
	a.load(ebx, arg1)
	a.test(ebx, ebx)
	a.jcc(equal, "time done")
	a.store(mem{ebx, 0}, eax)
	a.label("time done")
	a.orSyscall("time call", nrTime)
}

// clockGetres is int f(clockid_t, struct timespec *): a nanosecond for the clocks that the data page has.
func (a *assembler) clockGetres() {
	a.enter("__vdso_clock_getres")
	a.load(eax, arg1)
	a.call("read_clock")
	a.jcc(below, "getres call")
	a.load(ebx, arg2)
	a.test(ebx, ebx)
	a.jcc(equal, "getres done")
	a.storeImm(mem{ebx, 0}, 0)
	a.storeImm(mem{ebx, 4}, 1)
	a.label("getres done")
	a.zero(eax)
	a.orSyscall("getres call", nrClockGetres)
}

// The clocks of the data page are numbered below numClocks; a bit of vdsoClocks says that it has one. The coarse clocks
// are as fine as the others there.
const (
	numClocks       = abi.CLOCK_TAI + 1
	realtimeClocks  = 1<<abi.CLOCK_REALTIME | 1<<abi.CLOCK_REALTIME_COARSE | 1<<abi.CLOCK_TAI
	monotonicClocks = 1<<abi.CLOCK_MONOTONIC | 1<<abi.CLOCK_MONOTONIC_RAW | 1<<abi.CLOCK_MONOTONIC_COARSE | 1<<abi.CLOCK_BOOTTIME
	vdsoClocks      = realtimeClocks | monotonicClocks
)

// The numbers of system calls that this package's own code uses.
const (
	nrRestartSyscall = 0
	nrTime           = 13
	nrGettimeofday   = 78
	nrSigreturn      = 119
	nrRTSigreturn    = 173
	nrClockGettime   = 265
	nrClockGetres    = 266
	nrClockGettime64 = 403
)
