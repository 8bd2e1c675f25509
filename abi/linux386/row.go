package linux386

import "cleave/proc"

// row is one system call.
type row struct {
	name string
	call func(*proc.Task) (uint32, error)
	args []shower // one for each register that the call uses
	ret  shower   // nil: 0 or an error

	lacks  string // what is missing of the call, "" if nothing is
	absent bool   // the call fails with ENOSYS, or with whatever call gives
	final  bool   // the call does not return
}

// shower is a type of argument or result, which can print itself: i is the argument's register, or inResult.
type shower interface {
	show(p *printer, i int)
}

// word is a type of argument: what one register holds.
type word interface {
	~uint32 | ~int32
	shower
}

func types(s ...shower) []shower { return s }

// The constructors below make the row of a handler from its type: fnN of one with a result, opN of one without. The
// arguments are in EBX, ECX, EDX, ESI, EDI, EBP. They cost an indirect call, and nothing is allocated when they run.

// fn0 takes the handler as it is: these are the calls that cost nearly nothing else.
func fn0(name string, h func(*proc.Task) (uint32, error)) row {
	return row{name: name, ret: Int(0), call: h}
}

// fnRaw is fn0 for a call with arguments, which the handler takes from the registers: for calls that are made very often.
func fnRaw(name string, h func(*proc.Task) (uint32, error), args ...shower) row {
	return row{name: name, args: args, ret: Int(0), call: h}
}

func fn1[A, R word](name string, h func(*proc.Task, A) (R, error)) row {
	var a A
	var r R
	return row{name: name, args: types(a), ret: r, call: func(t *proc.Task) (uint32, error) {
		v, err := h(t, A(t.Ctx.EBX))
		return uint32(v), err
	}}
}

func fn2[A, B, R word](name string, h func(*proc.Task, A, B) (R, error)) row {
	var a A
	var b B
	var r R
	return row{name: name, args: types(a, b), ret: r, call: func(t *proc.Task) (uint32, error) {
		v, err := h(t, A(t.Ctx.EBX), B(t.Ctx.ECX))
		return uint32(v), err
	}}
}

func fn3[A, B, C, R word](name string, h func(*proc.Task, A, B, C) (R, error)) row {
	var a A
	var b B
	var c C
	var r R
	return row{name: name, args: types(a, b, c), ret: r, call: func(t *proc.Task) (uint32, error) {
		v, err := h(t, A(t.Ctx.EBX), B(t.Ctx.ECX), C(t.Ctx.EDX))
		return uint32(v), err
	}}
}

func fn4[A, B, C, D, R word](name string, h func(*proc.Task, A, B, C, D) (R, error)) row {
	var a A
	var b B
	var c C
	var d D
	var r R
	return row{name: name, args: types(a, b, c, d), ret: r, call: func(t *proc.Task) (uint32, error) {
		v, err := h(t, A(t.Ctx.EBX), B(t.Ctx.ECX), C(t.Ctx.EDX), D(t.Ctx.ESI))
		return uint32(v), err
	}}
}

func fn5[A, B, C, D, E, R word](name string, h func(*proc.Task, A, B, C, D, E) (R, error)) row {
	var a A
	var b B
	var c C
	var d D
	var e E
	var r R
	return row{name: name, args: types(a, b, c, d, e), ret: r, call: func(t *proc.Task) (uint32, error) {
		v, err := h(t, A(t.Ctx.EBX), B(t.Ctx.ECX), C(t.Ctx.EDX), D(t.Ctx.ESI), E(t.Ctx.EDI))
		return uint32(v), err
	}}
}

func fn6[A, B, C, D, E, F, R word](name string, h func(*proc.Task, A, B, C, D, E, F) (R, error)) row {
	var a A
	var b B
	var c C
	var d D
	var e E
	var f F
	var r R
	return row{name: name, args: types(a, b, c, d, e, f), ret: r, call: func(t *proc.Task) (uint32, error) {
		sixth, err := arg6(t)
		if err != nil {
			return 0, err
		}
		v, err := h(t, A(t.Ctx.EBX), B(t.Ctx.ECX), C(t.Ctx.EDX), D(t.Ctx.ESI), E(t.Ctx.EDI), F(sixth))
		return uint32(v), err
	}}
}

// arg6 returns the sixth argument: EBP, which a fast call has on top of the stack. EFAULT.
func arg6(t *proc.Task) (uint32, error) {
	if t.Ctx.Vector == proc.VectorSyscall {
		return t.Ctx.EBP, nil
	}
	return load32(t, t.Ctx.ESP)
}

func op0(name string, h func(*proc.Task) error) row {
	return row{name: name, call: func(t *proc.Task) (uint32, error) { return 0, h(t) }}
}

func op1[A word](name string, h func(*proc.Task, A) error) row {
	var a A
	return row{name: name, args: types(a), call: func(t *proc.Task) (uint32, error) {
		return 0, h(t, A(t.Ctx.EBX))
	}}
}

func op2[A, B word](name string, h func(*proc.Task, A, B) error) row {
	var a A
	var b B
	return row{name: name, args: types(a, b), call: func(t *proc.Task) (uint32, error) {
		return 0, h(t, A(t.Ctx.EBX), B(t.Ctx.ECX))
	}}
}

func op3[A, B, C word](name string, h func(*proc.Task, A, B, C) error) row {
	var a A
	var b B
	var c C
	return row{name: name, args: types(a, b, c), call: func(t *proc.Task) (uint32, error) {
		return 0, h(t, A(t.Ctx.EBX), B(t.Ctx.ECX), C(t.Ctx.EDX))
	}}
}

func op4[A, B, C, D word](name string, h func(*proc.Task, A, B, C, D) error) row {
	var a A
	var b B
	var c C
	var d D
	return row{name: name, args: types(a, b, c, d), call: func(t *proc.Task) (uint32, error) {
		return 0, h(t, A(t.Ctx.EBX), B(t.Ctx.ECX), C(t.Ctx.EDX), D(t.Ctx.ESI))
	}}
}

func op5[A, B, C, D, E word](name string, h func(*proc.Task, A, B, C, D, E) error) row {
	var a A
	var b B
	var c C
	var d D
	var e E
	return row{name: name, args: types(a, b, c, d, e), call: func(t *proc.Task) (uint32, error) {
		return 0, h(t, A(t.Ctx.EBX), B(t.Ctx.ECX), C(t.Ctx.EDX), D(t.Ctx.ESI), E(t.Ctx.EDI))
	}}
}

func op6[A, B, C, D, E, F word](name string, h func(*proc.Task, A, B, C, D, E, F) error) row {
	var a A
	var b B
	var c C
	var d D
	var e E
	var f F
	return row{name: name, args: types(a, b, c, d, e, f), call: func(t *proc.Task) (uint32, error) {
		sixth, err := arg6(t)
		if err != nil {
			return 0, err
		}
		return 0, h(t, A(t.Ctx.EBX), B(t.Ctx.ECX), C(t.Ctx.EDX), D(t.Ctx.ESI), E(t.Ctx.EDI), F(sixth))
	}}
}

// but notes what is missing of a call.
func (r row) but(lacks string) row {
	r.lacks = lacks
	return r
}

// noReturn notes that the call does not come back, so the trace prints it before.
func (r row) noReturn() row {
	r.final = true
	return r
}

// none is the row of a call that is not there, and why.
func none(name, why string) row {
	return row{name: name, lacks: why, absent: true, call: noSyscall}
}
