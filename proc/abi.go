package proc

import (
	"cleave/mm"
	"cleave/ns/user"
	"cleave/proc/elf"
)

// ABI is how programs see the kernel: the numbers and memory layouts of system calls, signal frames and the start of a
// program. abi/linux386 implements it. Its methods are called on the task's own goroutine, with no lock held.
type ABI interface {
	// Target says which programs run under this ABI.
	Target() elf.Target

	Syscaller

	// Restart sets the registers so that the last system call is made again, by the instruction that made it; with
	// block set as restart_syscall(2).
	Restart(t *Task, block bool)

	// SettleCall makes the system call that t has trapped with look as if the plain instruction had made it, with all
	// arguments in registers, however it was made. If the last argument can't be read, it stays as it is.
	SettleCall(t *Task)

	// PushSignal builds the frame of a handler, on the alternate stack if the action asks for it, and aims the
	// registers at the handler. mask is the one to restore when the handler returns. After an error the registers are
	// as before.
	PushSignal(t *Task, info *SigInfo, act *SigAction, mask SigSet) error

	// MapVDSO maps the vDSO and its data into a new address space. landing is the address after the instruction of
	// its __kernel_vsyscall that enters the kernel. With shifted set it knows no clock, because those of the program's
	// time namespace are not the machine's, and makes system calls instead.
	MapVDSO(as *mm.AddressSpace, shifted bool) (base, landing uint32, err error)

	// ShiftVDSO makes the vDSO of an address space, a copy made by fork, as if it had been mapped with shifted set.
	ShiftVDSO(as *mm.AddressSpace, landing uint32) error

	// StartStack writes the stack of a new program below s.StackTop and returns the stack pointer.
	StartStack(as *mm.AddressSpace, s *StartInfo) (sp uint32, err error)

	// StartRegs sets the registers for the first instruction of a program. It cannot fail.
	StartRegs(c *Context, entry, sp uint32)

	// CloneRegs sets the registers of a new task, a copy of its parent's: the result 0, and the stack if it is not 0.
	CloneRegs(c *Context, stack uint32)

	// RobustList calls visit for the address of every futex word in the robust list at head, and last, with pending set,
	// for the one that was being locked or unlocked (get_robust_list(2)). It stops at an address that it cannot read.
	RobustList(t *Task, head uint32, visit func(addr uint32, pi, pending bool))

	// CloneTLS gives the new thread with context c the TLS that clone's argument asks for; t is the parent.
	CloneTLS(t *Task, c *Context, tls uint32) error
}

// StartInfo is what the start-up stack of a program tells.
type StartInfo struct {
	Args, Env []string
	ExecFn    string // the path given to execve
	StackTop  uint32
	Image     *elf.Image
	Bias      uint32 // of the program, 0 for one at fixed addresses
	Base      uint32 // of the interpreter, 0 without one
	Entry     uint32 // of the program itself
	VDSO      uint32
	UID, EUID user.UID // in the user namespace of the task
	GID, EGID user.GID
	Secure    bool // AT_SECURE: the program gained privileges
	Random    [16]byte
}
