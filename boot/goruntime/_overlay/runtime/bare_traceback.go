package runtime

import _ "unsafe" // for go:linkname

// bareTraceback prints the calls that led to pc, with the stack pointer sp, on the stack [lo, hi) of this goroutine,
// which runs elsewhere: on a stack for reports. If that is the stack of an M, the goroutine that it worked for is shown
// as well.
//
//go:linkname bareTraceback
func bareTraceback(pc, sp, lo, hi uintptr) {
	gp := getg()
	here := gp.stack
	systemstack(func() { // for a goroutine can't be traced on its own stack
		gp.stack = stack{lo, hi}
		goroutineheader(gp)
		traceback(pc, sp, 0, gp)
		gp.stack = here
		if user := gp.m.curg; gp == gp.m.g0 && user != nil {
			goroutineheader(user)
			traceback(^uintptr(0), ^uintptr(0), 0, user)
		}
	})
}

// bareMayAllocate reports whether this goroutine was interrupted where it could have allocated memory.
//
//go:linkname bareMayAllocate
func bareMayAllocate() bool {
	gp := getg()
	return gp == gp.m.curg && gp.m.mallocing == 0 && gp.m.locks == 0
}

// bareText returns where the kernel's code begins and ends.
//
//go:linkname bareText
func bareText() (start, end uint64) {
	return uint64(firstmoduledata.text), uint64(firstmoduledata.etext)
}
