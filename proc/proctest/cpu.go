package proctest

import (
	"sync"

	"cleave/proc"
)

// The program of every task is one instruction, int $0x80, at codeAddr. Between two steps of a script a task stands
// behind it. A task that stands anywhere else has been sent there by the kernel: to a handler, or to the start of a
// program.
const (
	codeAddr = 0x08048100
	codeEnd  = codeAddr + 2
)

// cpu is a processor whose user mode is played by the test.
type cpu struct {
	mu      sync.Mutex
	scripts map[*proc.Context]*script
}

// script is the user mode of one task.
type script struct {
	ops  chan *op
	kick chan struct{} // capacity 1
	dead chan struct{} // closed when the task has gone
	op   *op           // the step that is being done; the task's goroutine owns it
}

// op is one step. It is done when the task is back in user mode, or gone.
type op struct {
	enter func(c *proc.Context) proc.Trap // on the goroutine of the task
	done  chan proc.Regs                  // the registers after it
	more  int                             // how often to do it again
}

func newCPU() *cpu { return &cpu{scripts: map[*proc.Context]*script{}} }

func (p *cpu) script(c *proc.Context) *script {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.scripts[c]
	if s == nil {
		s = &script{ops: make(chan *op), kick: make(chan struct{}, 1), dead: make(chan struct{})}
		p.scripts[c] = s
	}
	return s
}

// Run implements proc.CPU.
func (p *cpu) Run(c *proc.Context, t *proc.Task, calls proc.Syscaller) proc.Trap {
	for {
		trap := p.step(c)
		if trap.Vector != proc.VectorWork {
			c.Vector = trap.Vector
		}
		if trap.Vector != proc.VectorSyscall {
			return trap
		}
		calls.Syscall(t)
	}
}

// step is user mode up to a trap.
func (p *cpu) step(c *proc.Context) proc.Trap {
	s := p.script(c)
	for {
		if c.Work.Load()&proc.WorkReturn != 0 {
			return proc.Trap{Vector: proc.VectorWork}
		}
		if s.op != nil && c.EIP == codeAddr {
			return p.syscall(c) // the kernel has wound the program back
		}
		if s.op != nil && s.op.more > 0 {
			s.op.more--
			return s.op.enter(c)
		}
		if s.op != nil {
			s.op.done <- c.Regs
			s.op = nil
		}
		select {
		case s.op = <-s.ops:
			return s.op.enter(c)
		case <-s.kick:
		}
	}
}

// syscall executes the instruction at codeAddr.
func (p *cpu) syscall(c *proc.Context) proc.Trap {
	c.EIP = codeEnd
	c.Vector = proc.VectorSyscall
	return proc.Trap{Vector: proc.VectorSyscall}
}

// Interrupt implements proc.CPU.
func (p *cpu) Interrupt(c *proc.Context) {
	select {
	case p.script(c).kick <- struct{}{}:
	default:
	}
}

// Release implements proc.CPU.
func (p *cpu) Release(c *proc.Context) {
	p.mu.Lock()
	s := p.scripts[c]
	delete(p.scripts, c)
	p.mu.Unlock()
	if s != nil {
		close(s.dead)
	}
}

// InitFPU implements proc.CPU.
func (p *cpu) InitFPU(c *proc.Context) {
	c.XMM, c.FPU = [8][16]byte{}, [proc.FPUSize]byte{}
	c.FPU[0], c.FPU[1] = 0x7f, 0x03
	c.MXCSR = 0x1f80
	c.FPU[24], c.FPU[25] = 0x80, 0x1f
}

// CopyFPU implements proc.CPU.
func (p *cpu) CopyFPU(dst, src *proc.Context) {
	dst.XMM, dst.MXCSR, dst.FPU = src.XMM, src.MXCSR, src.FPU
}

// fpuSize is the size of an XSAVE image of x87 and SSE state.
const fpuSize = 576

// SaveFPU implements proc.CPU: an XSAVE image of x87 and SSE only.
func (p *cpu) SaveFPU(c *proc.Context) []byte { return c.FPU[:fpuSize] }

// FPUBuffer implements proc.CPU.
func (p *cpu) FPUBuffer(c *proc.Context) []byte { return c.FPU[:fpuSize] }

// LoadFPU implements proc.CPU.
func (p *cpu) LoadFPU(*proc.Context) {}

// Reload implements proc.CPU.
func (p *cpu) Reload(*proc.Context) {}
