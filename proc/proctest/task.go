package proctest

import (
	"encoding/binary"
	"runtime"

	"cleave/abi"
	"cleave/proc"
)

// Yield lets other goroutines run, for tests that wait for a task to get somewhere.
func Yield() { runtime.Gosched() }

// Task is a task of a kernel under test, seen from its user mode. Its methods are for one goroutine at a time.
type Task struct {
	*proc.Task
	k      *Kernel
	script *script
	next   *uint32 // the part of Scratch that Push has not used
}

func (k *Kernel) adopt(t *proc.Task) *Task {
	next := uint32(Scratch)
	return &Task{Task: t, k: k, script: k.cpu.script(t.Ctx), next: &next}
}

func (t *Task) dead() bool {
	select {
	case <-t.script.dead:
		return true
	default:
		return false
	}
}

// Result is how a system call ended.
type Result struct {
	Value   uint32    // EAX, if it is no error
	Err     error     // an abi.Errno, or nil
	Handler bool      // a signal handler runs, or another program; Regs says which
	Exited  bool      // the task has ended
	Regs    proc.Regs // after it
}

// Call is a system call that may still be going on.
type Call struct {
	t   *Task
	op  *op
	res *Result // once Wait has had it
}

// Start begins a system call; the result comes from Wait.
func (t *Task) Start(nr uint32, args ...uint32) *Call {
	return t.start(func(c *proc.Context) proc.Trap { return t.enter(c, nr, args) })
}

// enter has the registers of a system call.
func (t *Task) enter(c *proc.Context, nr uint32, args []uint32) proc.Trap {
	c.EAX = nr
	for i, r := range [...]*uint32{&c.EBX, &c.ECX, &c.EDX, &c.ESI, &c.EDI, &c.EBP} {
		*r = 0
		if i < len(args) {
			*r = args[i]
		}
	}
	return t.k.cpu.syscall(c)
}

// Offer begins a system call, before which prepare runs on the goroutine of the task. nil: the task has ended, or does
// not come back to user mode.
func (t *Task) Offer(prepare func(*proc.Task), nr uint32, args ...uint32) *Call {
	o := &op{done: make(chan proc.Regs, 1), enter: func(c *proc.Context) proc.Trap {
		prepare(t.Task)
		return t.enter(c, nr, args)
	}}
	for range 10000 {
		select {
		case t.script.ops <- o:
			return &Call{t: t, op: o}
		case <-t.script.dead:
			return nil
		default:
			Yield()
		}
	}
	return nil
}

func (t *Task) start(enter func(c *proc.Context) proc.Trap) *Call {
	t.k.t.Helper()
	return t.begin(&Call{t: t, op: &op{enter: enter, done: make(chan proc.Regs, 1)}})
}

func (t *Task) begin(c *Call) *Call {
	t.k.t.Helper()
	select {
	case t.script.ops <- c.op:
	case <-t.script.dead:
		t.k.t.Fatal("the task has ended")
	}
	return c
}

// Wait gives the result of the call, when there is one.
func (c *Call) Wait() Result {
	if c.res == nil {
		c.res = new(Result)
		select {
		case r := <-c.op.done:
			*c.res = result(r)
		case <-c.t.script.dead:
			select {
			case r := <-c.op.done: // it was done before the task ended
				*c.res = result(r)
			default:
				c.res.Exited = true
			}
		}
	}
	return *c.res
}

func result(r proc.Regs) Result {
	res := Result{Value: r.EAX, Regs: r, Handler: r.EIP != codeEnd}
	if r.EAX > ^uint32(4095) {
		res.Value, res.Err = 0, abi.Errno(-r.EAX)
	}
	return res
}

// Done reports whether the call has ended.
func (c *Call) Done() bool {
	return c.res != nil || len(c.op.done) > 0 || c.t.dead()
}

// Asleep waits until the task sleeps in the call. It fails the test if the call ends instead.
func (c *Call) Asleep() *Call {
	c.t.k.t.Helper()
	for !c.t.Sleeping() {
		if c.Done() {
			c.t.k.t.Fatal("the call has ended, but was to sleep")
		}
		Yield()
	}
	return c
}

// Syscall makes a system call and waits for its end.
func (t *Task) Syscall(nr uint32, args ...uint32) (uint32, error) {
	t.k.t.Helper()
	r := t.Start(nr, args...).Wait()
	if r.Exited {
		t.k.t.Fatalf("system call %d: the task has ended", nr)
	}
	return r.Value, r.Err
}

// Repeat makes a system call without arguments n times, as fast as it can.
func (t *Task) Repeat(nr uint32, n int) {
	t.k.t.Helper()
	c := &Call{t: t, op: &op{done: make(chan proc.Regs, 1), more: n - 1}}
	c.op.enter = func(c *proc.Context) proc.Trap {
		c.EAX = nr
		return t.k.cpu.syscall(c)
	}
	t.begin(c)
	c.Wait()
}

// Must is Syscall for a call that has to succeed.
func (t *Task) Must(nr uint32, args ...uint32) uint32 {
	t.k.t.Helper()
	v, err := t.Syscall(nr, args...)
	if err != nil {
		t.k.t.Fatalf("system call %d: %v", nr, err)
	}
	return v
}

// Do runs f on the goroutine of the task, as if it were user mode, and waits until the task is back there.
func (t *Task) Do(f func(*proc.Task)) Result {
	t.k.t.Helper()
	return t.StartDo(f).Wait()
}

// StartDo begins Do.
func (t *Task) StartDo(f func(*proc.Task)) *Call {
	t.k.t.Helper()
	return t.start(func(c *proc.Context) proc.Trap {
		f(t.Task)
		return proc.Trap{Vector: proc.VectorWork}
	})
}

// Trap makes the task leave user mode by a trap, and waits until it is back there.
func (t *Task) Trap(trap proc.Trap) Result {
	t.k.t.Helper()
	return t.StartTrap(trap).Wait()
}

// StartTrap begins Trap.
func (t *Task) StartTrap(trap proc.Trap) *Call {
	t.k.t.Helper()
	return t.start(func(*proc.Context) proc.Trap { return trap })
}

// StartFaults begins to write to each of the n pages from addr on, by a page fault for each.
func (t *Task) StartFaults(addr uint32, n int) *Call {
	t.k.t.Helper()
	c := &Call{t: t, op: &op{done: make(chan proc.Regs, 1), more: n - 1}}
	at := addr
	c.op.enter = func(*proc.Context) proc.Trap {
		at += abi.PageSize
		return proc.Trap{Vector: proc.VectorPageFault, Error: proc.PFUser | proc.PFWrite, Addr: at - abi.PageSize}
	}
	return t.begin(c)
}

// Sync waits until the task has done what other tasks asked of it, signals above all.
func (t *Task) Sync() Result {
	t.k.t.Helper()
	return t.Trap(proc.Trap{Vector: proc.VectorWork})
}

// The ways back from a handler: the system call, and how far the stub that makes it has moved the stack pointer.
const (
	nrSigreturn   = 119
	nrRTSigreturn = 173
)

// Return returns from a signal handler, as the end of its function does. The result is that of the system call that the
// signal has interrupted, which may have been made again.
func (t *Task) Return() Result { return t.back(nrSigreturn, 8).Wait() }

// ReturnRT is Return for a handler with SA_SIGINFO.
func (t *Task) ReturnRT() Result { return t.back(nrRTSigreturn, 4).Wait() }

// StartReturn begins Return, for a call that sleeps again.
func (t *Task) StartReturn() *Call { return t.back(nrSigreturn, 8) }

func (t *Task) back(nr, pop uint32) *Call {
	t.k.t.Helper()
	return t.start(func(c *proc.Context) proc.Trap {
		c.ESP += pop
		c.EAX = nr
		return t.k.cpu.syscall(c)
	})
}

// Exit ends the process of the task and waits until its goroutine is done.
func (t *Task) Exit(status uint32) {
	t.k.t.Helper()
	t.StartDo(func(p *proc.Task) { p.ExitGroup(status) })
	t.Gone()
}

// Gone waits until the task has ended.
func (t *Task) Gone() { <-t.script.dead }

// Fork makes a child process by fork and returns it.
func (t *Task) Fork() *Task { return t.Clone(proc.CloneArgs{ExitSignal: abi.SIGCHLD}) }

// Clone makes a task and returns it. It must succeed.
func (t *Task) Clone(a proc.CloneArgs) *Task {
	t.k.t.Helper()
	var pid int32
	var err error
	var child *proc.Task
	t.Do(func(p *proc.Task) {
		if pid, err = p.Clone(&a); err == nil {
			child = p.FindTask(pid)
		}
	})
	if err != nil {
		t.k.t.Fatal("clone: ", err)
	}
	c := t.k.adopt(child)
	if a.Flags&abi.CLONE_VM != 0 {
		c.next = t.next
	} else {
		*c.next = *t.next
	}
	return c
}

// Alloc takes n bytes of the scratch memory, at a multiple of 16.
func (t *Task) Alloc(n int) uint32 {
	t.k.t.Helper()
	at := *t.next
	*t.next += uint32(n+15) &^ 15
	if *t.next > Scratch+ScratchSize {
		t.k.t.Fatal("the scratch memory is used up")
	}
	return at
}

// Push puts bytes into the scratch memory and returns their address.
func (t *Task) Push(p []byte) uint32 {
	t.k.t.Helper()
	at := t.Alloc(len(p))
	t.Store(at, p)
	return at
}

// PushString puts a string and a NUL into the scratch memory and returns its address.
func (t *Task) PushString(s string) uint32 {
	t.k.t.Helper()
	return t.Push(append([]byte(s), 0))
}

// PushWords puts 32-bit words into the scratch memory and returns their address.
func (t *Task) PushWords(words ...uint32) uint32 {
	t.k.t.Helper()
	var b []byte
	for _, w := range words {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return t.Push(b)
}

// Store puts bytes into user memory.
func (t *Task) Store(addr uint32, p []byte) {
	t.k.t.Helper()
	var err error
	t.Do(func(p2 *proc.Task) { err = p2.MM().CopyOut(addr, p) })
	t.k.must(err)
}

// Load gives n bytes of user memory.
func (t *Task) Load(addr uint32, n int) []byte {
	t.k.t.Helper()
	b := make([]byte, n)
	var err error
	t.Do(func(p *proc.Task) { err = p.MM().CopyIn(b, addr) })
	t.k.must(err)
	return b
}

// Word loads a 32-bit word of user memory.
func (t *Task) Word(addr uint32) uint32 {
	t.k.t.Helper()
	return binary.LittleEndian.Uint32(t.Load(addr, 4))
}

// SetWord stores a 32-bit word in user memory.
func (t *Task) SetWord(addr, v uint32) {
	t.k.t.Helper()
	t.Store(addr, binary.LittleEndian.AppendUint32(nil, v))
}
