// Package x86 is everything that is particular to the processor: its tables, the way into ring 3 and out of it, the
// copy routines for user memory, the extended state, page-table control. It has all assembly of the kernel but that of
// the runtime overlay. It implements proc.CPU and mm.CPU.
//
// How a task runs. Run loads the registers of a context and executes IRETQ. The stack that the processor switches to at
// the next trap (TSS.RSP0, Intel SDM vol. 3, 6.14.2) is the Regs of that context: the trap pushes its frame where the
// registers belong, puts the stack of the goroutine back and returns from Run. No Go code ever runs on a trap stack.
//
// Ring 0 runs with interrupts off. They come in ring 3, where they end Run, and in idle, where the entry only marks
// the vector as pending (Pending). Of exceptions in ring 0 only two are expected: page faults of the copy routines,
// which go on at their fix-up address, and debug exceptions that a user's TF or breakpoints have set off. All others are
// reported (Report).
//
// Breakpoints (DR0 to DR3, DR7) are those of the context that was the last one to run; they stay on in the kernel, whose
// addresses they cannot name.
//
// What a user can set and Go must not see: DF and AC are cleared at the entry, MXCSR is the kernel's, the base of FS is
// that of the thread. A 32-bit program can neither read nor write R8 to R15 and XMM8 to XMM15: no encoding in
// compatibility mode reaches them, and there is no 64-bit user code segment. They are not saved, and may hold what the
// kernel left there.
//
// Segments. User code and data segments are flat. CS and SS are forced to them whenever user mode is entered, and the
// other selectors are checked before they are loaded, so neither IRETQ nor a segment load can fault in ring 0.
// DIVERGES: Linux lets a program keep another SS, or a CS with the limits of a TLS entry; here they become flat again.
//
// Speculation. SMEP and SMAP keep ring 0 out of user pages, also speculatively, but for the copy routines, whose ranges
// mm has checked. Neither page tables nor predictors are switched at a trap: on processors with Meltdown (RDCL_NO
// clear) a program can read kernel memory, and Spectre v2 and MDS are not held off. One kernel that serves
// programs who distrust each other needs a processor that has these mended.
package x86
