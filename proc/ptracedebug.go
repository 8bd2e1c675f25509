package proc

import "cleave/abi"

// This file has the debug registers (SDM vol. 3, 17.2), which a tracer sets for a tracee, and what they and the trap flag
// raise. No system call of the task itself reaches them.

// debugRegisters is what the tracer has written; Context has what the CPU gets.
type debugRegisters struct {
	used    uint8  // a bit for each address that was set, or enabled
	control uint32 // DR7
	status  uint32 // DR6 without its constant bits: what the last trap was
}

const (
	numBreakpoints = 4

	debugHits     = 1<<numBreakpoints - 1 // of DR6
	debugStep     = 1 << 14
	debugConstant = 0xffff0ff0 // bits of DR6 that are set and mean nothing

	debugOn      = 1 << 10 // of DR7, always set; bits 0 to 7 switch on, two for each
	debugExecute = 0       // kinds, bits 16, 20, ... and the next
	debugPort    = 2       // input and output ports: not for a tracer
)

// breakpoint gives kind and length in bytes of breakpoint i in control, and whether it is on.
func breakpoint(control uint32, i int) (kind, length uint32, on bool) {
	field := control >> (16 + 4*i)
	length = [4]uint32{1, 2, 8, 4}[field>>2&3]
	return field & 3, length, control>>(2*i)&3 != 0
}

// DebugRegister gives debug register i as a tracer sees it. It is for use in AtStop, as the next.
func (t *Task) DebugRegister(i int) uint32 {
	switch {
	case i < numBreakpoints:
		return t.Ctx.DR[i]
	case i == 6:
		return t.debug.status ^ debugConstant
	case i == 7:
		return t.debug.control
	}
	return 0
}

// SetDebugRegister changes it. EINVAL: a breakpoint of a kind that there is not, or that is not aligned to its length; EIO:
// there is no such register.
func (t *Task) SetDebugRegister(i int, v uint32) error {
	d, c := &t.debug, t.Ctx
	switch {
	case i < numBreakpoints:
		if _, length, _ := breakpoint(d.control, i); d.control>>(2*i)&3 != 0 && v%length != 0 {
			return abi.EINVAL
		}
		c.DR[i] = v
		d.used |= 1 << i
	case i == 6:
		d.status = v ^ debugConstant
		return nil
	case i == 7:
		return t.setDebugControl(v)
	default:
		return abi.EIO
	}
	t.k.cpu.Reload(c)
	return nil
}

func (t *Task) setDebugControl(v uint32) error {
	d, c := &t.debug, t.Ctx
	control := uint32(0)
	for i := range numBreakpoints {
		kind, length, on := breakpoint(v, i)
		if !on && d.used>>i&1 == 0 {
			continue
		}
		if kind == debugPort || kind == debugExecute && length != 1 || c.DR[i]%length != 0 {
			return abi.EINVAL
		}
		if on {
			control |= 1<<(2*i) | v&(0xf<<(16+4*i)) | debugOn
		}
	}
	for i := range numBreakpoints {
		if _, _, on := breakpoint(v, i); on {
			d.used |= 1 << i
		}
	}
	d.control, c.DR7 = v, control
	t.k.cpu.Reload(c)
	return nil
}

// clearDebugRegisters switches all breakpoints off, for a new program.
func (t *Task) clearDebugRegisters() {
	t.debug = debugRegisters{}
	t.Ctx.DR, t.Ctx.DR7 = [numBreakpoints]uint32{}, 0
}

// debugTrap raises the signal for a debug exception: a step, a breakpoint or watchpoint, or the instruction INT1.
func (t *Task) debugTrap(trap Trap) {
	c, hits := t.Ctx, uint32(0)
	for i := range numBreakpoints {
		kind, _, on := breakpoint(c.DR7, i)
		if !on || trap.Error>>i&1 == 0 {
			continue
		}
		hits |= 1 << i
		if kind == debugExecute {
			c.EFLAGS |= EFLAGSRF // it is before the instruction, which is to run next time
		}
	}
	step := trap.Error & debugStep
	if step != 0 && t.leftStepping() {
		step = 0
		if hits == 0 {
			return
		}
	}
	t.debug.status = hits | step
	info := SigInfo{Signo: abi.SIGTRAP, Code: abi.TRAP_BRKPT, Addr: c.EIP}
	switch {
	case step != 0:
		info.Code = abi.TRAP_TRACE
	case hits != 0:
		info.Code = abi.TRAP_HWBKPT
	case trap.Error != 0:
		return // of a breakpoint that is off
	}
	t.fault = faultInfo{vector: VectorDebug}
	t.Force(&info)
}

// leftStepping ends the stepping of a task whose tracer has gone. It reports whether that was so.
func (t *Task) leftStepping() bool {
	if !t.stepForced {
		return false
	}
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if t.trace != nil {
		return false
	}
	t.stopStepping()
	return true
}
