package mm

import "cleave/mm/frame"

// CPU is what address spaces need of the processor. boot/x86 implements it; without one, a walk of the page tables in
// Go does the same (NewWalker).
//
// Every method names the root of the page table that it means, because another goroutine may have made another one
// active since the caller last looked: a copy routine makes root active, if it is not, and copies without giving up
// the processor in between. The copy routines obey the rights of user mode (present, user, writable), set the accessed
// and dirty bits, and never reach an address at or above UserLimit: mm checks that first.
//
// On return from Invalidate, Flush and Drop no CPU uses, nor will use, a translation that was removed from the page
// table before the call: mm frees frames only after that.
type CPU interface {
	// Activate makes root the page table of this CPU, if it is not.
	Activate(root frame.PFN)
	// Drop makes sure that no CPU has root as its page table: it is about to be freed.
	Drop(root frame.PFN)
	// Invalidate forgets the translation of the page at addr.
	Invalidate(root frame.PFN, addr uint32)
	// Flush forgets all translations of user addresses.
	Flush(root frame.PFN)

	// CopyIn copies from user address src to dst and returns how many bytes it copied: fewer than len(dst) if the page
	// at src plus that number faults.
	CopyIn(root frame.PFN, dst []byte, src uint32) int
	// CopyOut copies src to user address dst, likewise.
	CopyOut(root frame.PFN, dst uint32, src []byte) int
	// Zero clears n bytes at user address dst, likewise.
	Zero(root frame.PFN, dst uint32, n int) int

	// Load32 reads the word at addr, a multiple of 4, atomically. ok is false if it faults.
	Load32(root frame.PFN, addr uint32) (v uint32, ok bool)
	// Store32 writes the word at addr, a multiple of 4, atomically.
	Store32(root frame.PFN, addr uint32, v uint32) (ok bool)
	// CompareAndSwap32 stores new in the word at addr, a multiple of 4, if it holds old, atomically. seen is what it
	// held: the store was done if that equals old and ok is true. It needs the right to write in any case.
	CompareAndSwap32(root frame.PFN, addr, old, new uint32) (seen uint32, ok bool)
}
