// Package linux386 is the system call interface of Linux for i386 programs: numbers, arguments, structures, signal
// frames, the start-up stack and the vDSO. What the calls do lives in proc, fs, mm and ns, which know nothing of it.
//
// A system call is one row of the table and one function. The types of the function's parameters say how to decode the
// registers (FD, Path, Ptr[T] ...) and how to print them, so dispatch, the trace and the support table come from the
// same row. A function gets its arguments checked by whom it calls: user memory by mm, descriptors by fs.
//
// Sources: the manual pages of section 2, Linux's arch/x86/entry/syscalls/syscall_32.tbl for the numbers, and the host's
// own Linux, against which the tests hold structures and behaviour.
package linux386
