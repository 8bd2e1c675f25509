package linux386

import (
	"strconv"

	"cleave/abi"
	"cleave/proc"
)

// watched carries out a system call of a task that is traced, by the kernel or another task, has filters, or has a limit
// of memory.
func (a *ABI) watched(t *proc.Task, nr uint32) {
	if t.Ctx.Work.Load()&proc.WorkTrace == 0 || a.trace == nil {
		t.Ctx.EAX = a.filtered(t)
		return
	}
	r := rowFor(nr)
	p := printer{t: t, regs: registers(t)}
	args := p.early(r)
	if r.final {
		p.text(") = ?")
		a.trace(t, p.buf)
	}
	v := a.filtered(t)
	t.Ctx.EAX = v
	if r.final {
		return
	}
	p.regs[inResult] = v
	p.done = v <= maxResult
	p.rest(r, args)
	p.text(") = ")
	p.result(r, v)
	a.trace(t, p.buf)
}

// maxResult is the greatest result that is not an error: the numbers above are negative errors.
const maxResult = ^uint32(4095)

// filtered carries out a system call if the tracer and the filters of the task let it through.
func (a *ABI) filtered(t *proc.Task) uint32 {
	if t.Ctx.Work.Load()&proc.WorkTraceCall != 0 {
		if run := t.CallEntry(); !run || t.SyscallNr == proc.NoSyscall {
			return t.Ctx.EAX
		}
	}
	if t.Ctx.Work.Load()&proc.WorkSeccomp != 0 {
		if v, run := askFilters(t); !run {
			return v
		}
	}
	v := a.carryOut(t, t.SyscallNr)
	if t.Ctx.Work.Load()&proc.WorkLimited != 0 {
		t.KeepLimits()
	}
	return v
}

// carryOut does what Syscall does, after the trace and the filters.
func (a *ABI) carryOut(t *proc.Task, nr uint32) uint32 {
	if nr >= uint32(len(a.calls)) {
		return noSyscallResult
	}
	v, err := a.calls[nr](t)
	if err != nil {
		v = failed(t, err)
	}
	return v
}

// rowFor returns the row of a number, one without arguments for a number that has none.
func rowFor(nr uint32) *row {
	if r := findRow(nr); r != nil {
		return r
	}
	return &row{name: "syscall_" + strconv.FormatUint(uint64(nr), 10)}
}

// registers returns the arguments of the call. A sixth that can't be read is 0.
func registers(t *proc.Task) (r [inResult + 1]uint32) {
	c := t.Ctx
	sixth, err := arg6(t)
	if err != nil {
		sixth = 0
	}
	return [inResult + 1]uint32{c.EBX, c.ECX, c.EDX, c.ESI, c.EDI, sixth}
}

// early prints the name and the arguments up to the first that the call fills in, and returns how many.
func (p *printer) early(r *row) int {
	p.text(r.name + "(")
	for i, s := range r.args {
		if _, ok := s.(late); ok && !r.final {
			return i
		}
		p.arg(s, i)
	}
	return len(r.args)
}

// rest prints the arguments from the n-th on.
func (p *printer) rest(r *row, n int) {
	for i := n; i < len(r.args); i++ {
		p.arg(r.args[i], i)
	}
}

func (p *printer) arg(s shower, i int) {
	if _, ok := s.(OffHi); ok {
		return
	}
	if i > 0 {
		p.text(", ")
	}
	s.show(p, i)
}

func (p *printer) result(r *row, v uint32) {
	switch {
	case v > maxResult:
		p.text("-1 " + abi.Errno(-v).Error())
	case r.ret == nil:
		p.dec(int64(v))
	default:
		r.ret.show(p, inResult)
	}
}
