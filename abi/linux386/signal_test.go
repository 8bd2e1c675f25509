package linux386_test

import (
	"encoding/binary"
	"testing"

	"cleave/abi"
	"cleave/proc"
	"cleave/proc/proctest"
)

const handler = 0x08048200

// act sets a handler by rt_sigaction and returns nothing: flags and mask are as in sigaction(2).
func act(i *proctest.Task, sig, flags uint32, mask uint64) {
	i.Must(nrSigaction, sig, i.PushWords(handler, flags, 0xcafe0000, uint32(mask), uint32(mask>>32)), 0, 8)
}

func words(b []byte) []uint32 {
	w := make([]uint32, len(b)/4)
	for i := range w {
		w[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return w
}

// TestPlainFrame looks at the frame of a plain handler as i386 Linux lays it out, and returns from it.
func TestPlainFrame(t *testing.T) {
	k := proctest.New(t)
	i := k.Init
	act(i, abi.SIGUSR1, abi.SA_RESTORER, 1<<(abi.SIGHUP-1))
	before := i.Sync().Regs
	r := i.Start(nrKill, 1, abi.SIGUSR1).Wait()
	if r.Regs.EIP != handler || (r.Regs.ESP+4)%16 != 0 || r.Regs.EAX != abi.SIGUSR1 || r.Regs.EDX != 0 {
		t.Fatalf("%+v", r.Regs)
	}
	f := words(i.Load(r.Regs.ESP, 24*4))
	if f[0] != 0xcafe0000 || f[1] != abi.SIGUSR1 {
		t.Errorf("return address %x, signal %d", f[0], f[1])
	}
	const context = 2 // its first word
	if f[context+14] != before.EIP || f[context+7] != before.ESP || f[context+15] != proc.UserCS || f[context+18] != proc.UserDS {
		t.Errorf("sigcontext %x", f[context:])
	}
	if f[context+11] != 0 { // EAX: the result of kill
		t.Errorf("EAX %x", f[context+11])
	}
	// The floating point state: the magic number of an FXSAVE image, and where it says the extended state ends.
	fp := f[context+19]
	if fp%16 != 0 || (fp+112)%64 != 0 {
		t.Errorf("fpstate at %x", fp)
	}
	if status := i.Word(fp + 108); status>>16 != 0 {
		t.Errorf("magic %x", status>>16)
	}
	sw := words(i.Load(fp+112+464, 20))
	if size := sw[4]; sw[0] != 0x46505853 || i.Word(fp+112+size) != 0x46505845 {
		t.Errorf("extended state %x", sw)
	}
	mask := i.Alloc(8)
	i.Must(175, 0, 0, mask, 8)
	if got := i.Word(mask); got != 1<<(abi.SIGHUP-1)|1<<(abi.SIGUSR1-1) {
		t.Errorf("mask in the handler %x", got)
	}
	i.Do(func(p *proc.Task) { p.Ctx.ESP, p.Ctx.EBX = r.Regs.ESP+4, 0x1234 }) // the handler has returned
	i.Do(func(p *proc.Task) { p.Ctx.ESP -= 4 })
	back := i.Return().Regs
	if back.EIP != before.EIP || back.ESP != before.ESP || back.EBX != 1 {
		t.Errorf("after the handler: %+v", back)
	}
	i.Must(175, 0, 0, mask, 8)
	if got := i.Word(mask); got != 0 {
		t.Errorf("mask after the handler %x", got)
	}
}

// TestRTFrame looks at the frame of a handler with SA_SIGINFO on the alternate stack.
func TestRTFrame(t *testing.T) {
	k := proctest.New(t)
	i := k.Init
	stack := i.Alloc(8192)
	i.Must(186, i.PushWords(stack, 0, 8192), 0)
	act(i, abi.SIGUSR2, abi.SA_SIGINFO|abi.SA_ONSTACK, 0)
	info := make([]byte, 128)
	code := int32(abi.SI_QUEUE)
	binary.LittleEndian.PutUint32(info, abi.SIGUSR2)
	binary.LittleEndian.PutUint32(info[8:], uint32(code))
	binary.LittleEndian.PutUint32(info[20:], 0xabcdef01)
	r := i.Start(178, 1, abi.SIGUSR2, i.Push(info)).Wait()
	sp := r.Regs.ESP
	if sp < stack || sp >= stack+8192 || (sp+4)%16 != 0 {
		t.Fatalf("stack pointer %x, stack at %x", sp, stack)
	}
	f := words(i.Load(sp, 16))
	if f[1] != abi.SIGUSR2 || f[2] != sp+16 || f[3] != sp+16+128 || r.Regs.EDX != f[2] || r.Regs.ECX != f[3] {
		t.Errorf("frame %x, EDX %x, ECX %x", f, r.Regs.EDX, r.Regs.ECX)
	}
	if si := words(i.Load(f[2], 24)); si[0] != abi.SIGUSR2 || int32(si[2]) != abi.SI_QUEUE || si[5] != 0xabcdef01 {
		t.Errorf("siginfo %x", si)
	}
	if code := i.Load(f[0], 7); string(code) != "\xb8\xad\x00\x00\x00\xcd\x80" {
		t.Errorf("the return address leads to %x", code)
	}
	uc := words(i.Load(f[3], 20))
	if uc[2] != stack || uc[4] != 8192 {
		t.Errorf("uc_stack %x", uc)
	}
	old := i.Alloc(12)
	i.Must(186, 0, old)
	if flags := i.Word(old + 4); flags != abi.SS_ONSTACK {
		t.Errorf("sigaltstack in the handler: flags %x", flags)
	}
	if _, err := i.Syscall(186, i.PushWords(stack, 0, 4096), 0); err != abi.EPERM {
		t.Errorf("changing the stack that is in use: %v", err)
	}
	// A handler may change where it returns to, and the selectors that it must not are put right or kill it.
	i.SetWord(f[3]+20+14*4, 0x08048102)
	back := i.ReturnRT().Regs
	if back.EIP != 0x08048102 {
		t.Errorf("after the handler: EIP %x", back.EIP)
	}
}

// TestBadReturn gives sigreturn frames that no handler had: SIGSEGV, and nothing of the kernel's is loaded.
func TestBadReturn(t *testing.T) {
	k := proctest.New(t)
	for name, change := range map[string]func(c *proctest.Task, sp uint32){
		"kernel code":   func(c *proctest.Task, sp uint32) { c.SetWord(sp+8+15*4, 0x08) },
		"64-bit code":   func(c *proctest.Task, sp uint32) { c.SetWord(sp+8+15*4, 0x33) },
		"kernel stack":  func(c *proctest.Task, sp uint32) { c.SetWord(sp+8+18*4, 0x18) },
		"no fpstate":    func(c *proctest.Task, sp uint32) { c.SetWord(sp+8+19*4, 4) },
		"frame at zero": func(c *proctest.Task, _ uint32) { c.Do(func(p *proc.Task) { p.Ctx.ESP = 0 }) },
	} {
		c := k.Init.Fork()
		pid := uint32(c.TGID())
		act(c, abi.SIGUSR1, 0, 0)
		sp := c.Start(nrKill, pid, abi.SIGUSR1).Wait().Regs.ESP
		change(c, sp)
		if r := c.Return(); !r.Exited {
			t.Errorf("%s: goes on at %x", name, r.Regs.EIP)
		}
		status := k.Init.Alloc(4)
		k.Init.Must(nrWait4, pid, status, 0, 0)
		if got := k.Init.Word(status) & 0x7f; got != abi.SIGSEGV {
			t.Errorf("%s: died of signal %d", name, got)
		}
	}
}

// TestKeepsSelectors: what sigreturn loads into DS, ES, FS and GS are segments of the program, or none.
func TestKeepsSelectors(t *testing.T) {
	k := proctest.New(t)
	i := k.Init
	i.Must(nrSetThread, i.PushWords(12, 0x1000, 0xfffff, 0x51))
	act(i, abi.SIGUSR1, 0, 0)
	sp := i.Start(nrKill, 1, abi.SIGUSR1).Wait().Regs.ESP
	for n, sel := range []uint32{12<<3 | 3, 13<<3 | 3, 0x10, 0x2b} { // gs fs es ds: set, empty, the kernel's, data
		i.SetWord(sp+8+4*uint32(n), sel)
	}
	i.SetWord(sp+8+16*4, ^uint32(0)) // all flags
	r := i.Return().Regs
	i.Do(func(p *proc.Task) {
		c := p.Ctx
		if c.GS != 12<<3|3 || c.FS != 0 || c.ES != 0 || c.DS != proc.UserDS {
			t.Errorf("gs %x fs %x es %x ds %x", c.GS, c.FS, c.ES, c.DS)
		}
	})
	if r.EFLAGS&(3<<12|1<<17|1<<14|1<<19|1<<20) != 0 { // IOPL, VM, NT, VIF, VIP
		t.Errorf("flags %x", r.EFLAGS)
	}
}

// TestRestarts: a call that a signal interrupts is made again or not, as the handler's flags say.
func TestRestarts(t *testing.T) {
	k := proctest.New(t)
	for _, flags := range []uint32{0, abi.SA_RESTART} {
		c := k.Init.Fork()
		pid := uint32(c.TGID())
		act(c, abi.SIGUSR1, flags, 0)
		fds := c.Alloc(8)
		c.Must(nrPipe, fds)
		call := c.Start(3, c.Word(fds), fds, 1).Asleep()
		k.Init.Must(nrKill, pid, abi.SIGUSR1)
		if res := call.Wait(); res.Regs.EIP != handler {
			t.Fatalf("flags %x: EIP %x", flags, res.Regs.EIP)
		}
		back := c.StartReturn()
		if flags == 0 {
			if res := back.Wait(); res.Err != abi.EINTR {
				t.Errorf("without SA_RESTART: %d %v", res.Value, res.Err)
			}
		} else {
			back.Asleep() // reads again
		}
		k.Init.Must(nrKill, pid, abi.SIGKILL)
		c.Gone()
		k.Init.Must(nrWait4, pid, 0, 0, 0)
	}
}
