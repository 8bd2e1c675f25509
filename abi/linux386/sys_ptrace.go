package linux386

import (
	"cleave/abi"
	"cleave/mm"
	"cleave/proc"
)

// PtraceRequest is the request of ptrace(2).
type PtraceRequest uint32

var ptraceNames = []flag{
	{abi.PTRACE_TRACEME, "PTRACE_TRACEME"}, {abi.PTRACE_PEEKTEXT, "PTRACE_PEEKTEXT"}, {abi.PTRACE_PEEKDATA, "PTRACE_PEEKDATA"},
	{abi.PTRACE_PEEKUSR, "PTRACE_PEEKUSR"}, {abi.PTRACE_POKETEXT, "PTRACE_POKETEXT"}, {abi.PTRACE_POKEDATA, "PTRACE_POKEDATA"},
	{abi.PTRACE_POKEUSR, "PTRACE_POKEUSR"}, {abi.PTRACE_CONT, "PTRACE_CONT"}, {abi.PTRACE_KILL, "PTRACE_KILL"},
	{abi.PTRACE_SINGLESTEP, "PTRACE_SINGLESTEP"}, {abi.PTRACE_GETREGS, "PTRACE_GETREGS"}, {abi.PTRACE_SETREGS, "PTRACE_SETREGS"},
	{abi.PTRACE_GETFPREGS, "PTRACE_GETFPREGS"}, {abi.PTRACE_SETFPREGS, "PTRACE_SETFPREGS"}, {abi.PTRACE_ATTACH, "PTRACE_ATTACH"},
	{abi.PTRACE_DETACH, "PTRACE_DETACH"}, {abi.PTRACE_GETFPXREGS, "PTRACE_GETFPXREGS"}, {abi.PTRACE_SETFPXREGS, "PTRACE_SETFPXREGS"},
	{abi.PTRACE_OLDSETOPTIONS, "PTRACE_OLDSETOPTIONS"}, {abi.PTRACE_SYSCALL, "PTRACE_SYSCALL"},
	{abi.PTRACE_GET_THREAD_AREA, "PTRACE_GET_THREAD_AREA"}, {abi.PTRACE_SET_THREAD_AREA, "PTRACE_SET_THREAD_AREA"},
	{abi.PTRACE_SYSEMU, "PTRACE_SYSEMU"}, {abi.PTRACE_SYSEMU_SINGLESTEP, "PTRACE_SYSEMU_SINGLESTEP"},
	{abi.PTRACE_SINGLEBLOCK, "PTRACE_SINGLEBLOCK"}, {abi.PTRACE_SETOPTIONS, "PTRACE_SETOPTIONS"},
	{abi.PTRACE_GETEVENTMSG, "PTRACE_GETEVENTMSG"}, {abi.PTRACE_GETSIGINFO, "PTRACE_GETSIGINFO"},
	{abi.PTRACE_SETSIGINFO, "PTRACE_SETSIGINFO"}, {abi.PTRACE_GETREGSET, "PTRACE_GETREGSET"}, {abi.PTRACE_SETREGSET, "PTRACE_SETREGSET"},
	{abi.PTRACE_SEIZE, "PTRACE_SEIZE"}, {abi.PTRACE_INTERRUPT, "PTRACE_INTERRUPT"}, {abi.PTRACE_LISTEN, "PTRACE_LISTEN"},
	{abi.PTRACE_PEEKSIGINFO, "PTRACE_PEEKSIGINFO"}, {abi.PTRACE_GETSIGMASK, "PTRACE_GETSIGMASK"},
	{abi.PTRACE_SETSIGMASK, "PTRACE_SETSIGMASK"}, {abi.PTRACE_SECCOMP_GET_FILTER, "PTRACE_SECCOMP_GET_FILTER"},
	{abi.PTRACE_GET_SYSCALL_INFO, "PTRACE_GET_SYSCALL_INFO"},
}

func (PtraceRequest) show(p *printer, i int) { p.one(p.regs[i], ptraceNames) }

// sysPtrace is ptrace(2). What a tracer reads goes to where data points, also for PTRACE_PEEKDATA: it is the C library
// that returns it.
func sysPtrace(t *proc.Task, req PtraceRequest, pid PID, addr, data Addr) (Int, error) {
	if req == abi.PTRACE_TRACEME {
		return 0, t.TraceMe()
	}
	o := t.FindTask(int32(pid))
	if o == nil {
		return 0, abi.ESRCH
	}
	switch req {
	case abi.PTRACE_ATTACH:
		return 0, t.Attach(o, false, 0)
	case abi.PTRACE_SEIZE:
		return 0, seize(t, o, addr, data)
	case abi.PTRACE_INTERRUPT:
		return 0, t.InterruptTracee(o)
	case abi.PTRACE_KILL:
		return 0, t.KillTracee(o)
	}
	if err := t.AtStop(o, func() error { return nil }); err != nil {
		return 0, err
	}
	r := ptraceCall{t: t, o: o, addr: uint32(addr), data: uint32(data)}
	switch req {
	case abi.PTRACE_GETREGSET, abi.PTRACE_SETREGSET, abi.PTRACE_GETREGS, abi.PTRACE_SETREGS, abi.PTRACE_GETFPREGS,
		abi.PTRACE_SETFPREGS, abi.PTRACE_GETFPXREGS, abi.PTRACE_SETFPXREGS, abi.PTRACE_GET_THREAD_AREA, abi.PTRACE_SET_THREAD_AREA:
		return 0, r.registers(req)
	case abi.PTRACE_PEEKSIGINFO:
		return r.peekSiginfo()
	case abi.PTRACE_GET_SYSCALL_INFO:
		return r.syscallInfo()
	case abi.PTRACE_SECCOMP_GET_FILTER:
		return r.seccompFilter()
	}
	return 0, r.plain(req)
}

// ptraceCall is a request about o, a tracee of t that is stopped.
type ptraceCall struct {
	t, o       *proc.Task
	addr, data uint32
}

// seize is PTRACE_SEIZE. EIO, EINVAL, EPERM.
func seize(t, o *proc.Task, addr, options Addr) error {
	if addr != 0 || options&^abi.PTRACE_O_MASK != 0 {
		return abi.EIO
	}
	if err := t.CheckTraceOptions(uint32(options)); err != nil {
		return err
	}
	return t.Attach(o, true, uint32(options))
}

// plain carries out the requests that do not return more than 0.
func (r *ptraceCall) plain(req PtraceRequest) error {
	t, o := r.t, r.o
	sig := proc.Signal(r.data)
	switch req {
	case abi.PTRACE_PEEKTEXT, abi.PTRACE_PEEKDATA:
		return r.peek()
	case abi.PTRACE_POKETEXT, abi.PTRACE_POKEDATA:
		return r.poke()
	case abi.PTRACE_PEEKUSR:
		return r.peekUser()
	case abi.PTRACE_POKEUSR:
		return r.pokeUser()
	case abi.PTRACE_CONT:
		return t.Resume(o, proc.Resume{Signal: sig})
	case abi.PTRACE_SYSCALL:
		return t.Resume(o, proc.Resume{Signal: sig, Calls: true})
	case abi.PTRACE_SINGLESTEP:
		return t.Resume(o, proc.Resume{Signal: sig, Step: true})
	case abi.PTRACE_SYSEMU:
		return t.Resume(o, proc.Resume{Signal: sig, Emulate: true})
	case abi.PTRACE_SYSEMU_SINGLESTEP:
		return t.Resume(o, proc.Resume{Signal: sig, Emulate: true, Step: true})
	case abi.PTRACE_DETACH:
		return t.Detach(o, sig)
	case abi.PTRACE_LISTEN:
		return t.ListenTo(o)
	case abi.PTRACE_SETOPTIONS, abi.PTRACE_OLDSETOPTIONS:
		return t.SetTraceOptions(o, r.data)
	case abi.PTRACE_GETEVENTMSG, abi.PTRACE_GETSIGINFO, abi.PTRACE_SETSIGINFO, abi.PTRACE_GETSIGMASK, abi.PTRACE_SETSIGMASK:
		return r.signals(req)
	}
	return abi.EIO
}

// memory is the memory of the tracee, with a reference. EIO: there is none, or none that the tracer may see.
func (r *ptraceCall) memory() (*mm.AddressSpace, error) {
	as := r.t.TracedMemory(r.o)
	if as == nil {
		return nil, abi.EIO
	}
	return as, nil
}

// peek is PTRACE_PEEKDATA. EIO: there is no memory; EFAULT: none at data.
func (r *ptraceCall) peek() error {
	as, err := r.memory()
	if err != nil {
		return err
	}
	defer as.Unref()
	b := r.t.PathBuffer(0)[:4]
	if n, _ := as.Peek(b, r.addr); n < len(b) {
		return abi.EIO
	}
	return r.t.MM().CopyOut(r.data, b)
}

// poke is PTRACE_POKEDATA. EIO: there is no memory, or it may not be written to even by a tracer.
func (r *ptraceCall) poke() error {
	as, err := r.memory()
	if err != nil {
		return err
	}
	defer as.Unref()
	b := r.t.PathBuffer(0)[:4]
	mm.Put(b, &r.data)
	if n, _ := as.Poke(r.addr, b); n < len(b) {
		return abi.EIO
	}
	return nil
}
