// Package mm has address spaces of 32-bit programs: their mappings, page tables, page faults, and the copies between
// the kernel and a program's memory.
//
// # Locks, outermost first
//
//	AddressSpace.mu       mappings and page tables of one address space; of two, the parent's before the new child's
//	  frame.Mapping       whatever LookupPage and DirtyPage of the mapped file take
//	  frame.Mappers       who maps a file
//	  frame.Pool          the free frames
//
// No user copy is made, and no file is read, with AddressSpace.mu held.
//
// # When a frame may be freed
//
// A frame is freed, or written by the kernel as somebody else's, only after its page table entry was cleared and the
// CPU has forgotten the translation, in this order (see CPU). Page tables are changed under AddressSpace.mu, but the
// CPU sets accessed and dirty bits at any time, so entries are read, swapped and masked atomically.
//
// # Page table entries
//
// Intel SDM vol. 3, 4.5. Of the bits that the CPU ignores, pteHeld says that the entry owns a reference to its frame,
// present or not (PROT_NONE keeps the frame and clears the present bit), and pteAnon that the frame is private memory
// and not a page of a Mapping.
//
// # When memory is short
//
// Every frame is allocated before anything is changed that could not be taken back, so ENOMEM leaves an address space
// as it was. Fork and mremap reserve their page tables first. Fault reports ENOMEM only after the reclaimers had two
// chances: with the lock of the address space held, when they cannot take its pages, and without it.
package mm
