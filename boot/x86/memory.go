package x86

import (
	"unsafe"

	"cleave/mm/frame"
)

func invlpg(addr uintptr)

// setRoot loads CR3, which forgets all translations but the global ones of the kernel.
//
//go:nosplit
func (c *CPU) setRoot(root frame.PFN) {
	writeCR3(root.Addr())
	c.root, c.ready = root, nil
}

// Activate implements mm.CPU.
func (c *CPU) Activate(root frame.PFN) {
	if c.root != root {
		c.setRoot(root)
	}
}

// Drop implements mm.CPU.
func (c *CPU) Drop(root frame.PFN) {
	if c.root == root {
		c.setRoot(c.kernelRoot)
	}
}

// Invalidate implements mm.CPU. A page table that is not active has no translations: PCIDs are not used, so loading CR3
// has dropped them.
func (c *CPU) Invalidate(root frame.PFN, addr uint32) {
	if c.root == root {
		invlpg(uintptr(addr))
	}
}

// Flush implements mm.CPU.
func (c *CPU) Flush(root frame.PFN) {
	if c.root == root {
		writeCR3(root.Addr())
	}
}

// FlushAll forgets all translations, the global ones of the kernel included.
func (c *CPU) FlushAll() {
	if !c.Features.PGE {
		writeCR3(readCR3())
		return
	}
	cr4 := readCR4() // SDM vol. 3, 4.10.4.1: changing PGE invalidates all
	writeCR4(cr4 &^ cr4PGE)
	writeCR4(cr4)
}

// InvalidateKernel forgets the translation of one page of the kernel, on all page tables.
func (c *CPU) InvalidateKernel(addr uintptr) { invlpg(addr) }

// Root returns the page table that is active, and KernelRoot that which was at the start.
func (c *CPU) Root() frame.PFN       { return c.root }
func (c *CPU) KernelRoot() frame.PFN { return c.kernelRoot }

// The routines of user_amd64.s. They may fault; then they return what was done so far.

//go:noescape
func copyIn(dst unsafe.Pointer, src uintptr, n int) (done int)

//go:noescape
func copyOut(dst uintptr, src unsafe.Pointer, n int) (done int)

func zeroOut(dst uintptr, n int) (done int)
func load32(addr uintptr) (v uint32, ok bool)
func store32(addr uintptr, v uint32) (ok bool)
func cas32(addr uintptr, old, new uint32) (seen uint32, ok bool)

// CopyIn implements mm.CPU.
//
// The methods that touch user memory are the only callers of its routines, and have a stack check, as they call
// functions that have none: it leaves room for 800 bytes of such functions (abi.StackNosplitBase), of which the frame
// of a page fault takes less than 100.
func (c *CPU) CopyIn(root frame.PFN, dst []byte, src uint32) int {
	if c.root != root {
		c.setRoot(root)
	}
	return copyIn(unsafe.Pointer(unsafe.SliceData(dst)), uintptr(src), len(dst))
}

// CopyOut implements mm.CPU.
func (c *CPU) CopyOut(root frame.PFN, dst uint32, src []byte) int {
	if c.root != root {
		c.setRoot(root)
	}
	return copyOut(uintptr(dst), unsafe.Pointer(unsafe.SliceData(src)), len(src))
}

// Zero implements mm.CPU.
func (c *CPU) Zero(root frame.PFN, dst uint32, n int) int {
	if c.root != root {
		c.setRoot(root)
	}
	return zeroOut(uintptr(dst), n)
}

// Load32 implements mm.CPU.
func (c *CPU) Load32(root frame.PFN, addr uint32) (v uint32, ok bool) {
	if c.root != root {
		c.setRoot(root)
	}
	return load32(uintptr(addr))
}

// Store32 implements mm.CPU.
func (c *CPU) Store32(root frame.PFN, addr uint32, v uint32) (ok bool) {
	if c.root != root {
		c.setRoot(root)
	}
	return store32(uintptr(addr), v)
}

// CompareAndSwap32 implements mm.CPU.
func (c *CPU) CompareAndSwap32(root frame.PFN, addr, old, new uint32) (seen uint32, ok bool) {
	if c.root != root {
		c.setRoot(root)
	}
	return cas32(uintptr(addr), old, new)
}

// ZeroPage clears a page, for frame.Config.
//
//go:noescape
func ZeroPage(p *frame.Page)

// CopyPage copies a page, for frame.Config.
//
//go:noescape
func CopyPage(dst, src *frame.Page)
