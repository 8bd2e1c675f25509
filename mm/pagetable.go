package mm

import (
	"sync/atomic"
	"unsafe"

	"cleave/mm/frame"
)

// The bits of a page table entry: Intel SDM vol. 3, table 4-20. Bits 9 and 10 are ignored by the CPU and ours.
const (
	ptePresent  = 1 << 0
	pteWrite    = 1 << 1
	pteUser     = 1 << 2
	pteAccessed = 1 << 5
	pteDirty    = 1 << 6
	pteHeld     = 1 << 9  // the entry owns a reference to its frame, whether present or not
	pteAnon     = 1 << 10 // the frame is private memory, not a page of a Mapping
	pteNX       = 1 << 63
	pteAddr     = 1<<52 - PageSize

	// pteTable is what entries of the upper levels have: the last level decides about rights.
	pteTable = ptePresent | pteWrite | pteUser | pteAccessed
)

// pteFrame returns the frame that an entry refers to.
func pteFrame(e uint64) frame.PFN { return frame.PFN(e & pteAddr >> frame.Shift) }

// table is a page of entries, of any level.
type table [512]uint64

func tableAt(p *frame.Pool, f frame.PFN) *table { return (*table)(unsafe.Pointer(p.Page(f))) }

// pageTable is the tree of tables of one address space: a PML4 whose entry 0 leads to a PDPT with four directories.
// Pages are numbered by their address / PageSize, so that no sum overflows.
type pageTable struct {
	pool   *frame.Pool
	root   frame.PFN
	pdpt   frame.PFN
	dirs   [4]*table // the directories that exist, by gigabyte
	frames int       // in use by the tree
}

// init makes an empty tree out of two frames.
func (t *pageTable) init(p *frame.Pool, kernel *[512]uint64, root, pdpt frame.PFN) {
	*t = pageTable{pool: p, root: root, pdpt: pdpt, frames: 2}
	top := tableAt(p, root)
	*top = *kernel
	p.Zero(pdpt)
	top[0] = pdpt.Addr() | pteTable
}

// table returns the last-level table of a page, nil if there is none.
func (t *pageTable) table(page uint32) *table {
	dir := t.dirs[page>>18]
	if dir == nil {
		return nil
	}
	e := atomic.LoadUint64(&dir[page>>9&511])
	if e == 0 {
		return nil
	}
	return tableAt(t.pool, pteFrame(e))
}

// entry returns the entry of a page, nil if there is no table for it.
func (t *pageTable) entry(page uint32) *uint64 {
	tab := t.table(page)
	if tab == nil {
		return nil
	}
	return &tab[page&511]
}

// ensure returns the entry of a page and makes the tables for it if need be, or fails with ENOMEM.
func (t *pageTable) ensure(page uint32) (*uint64, error) {
	if tab := t.table(page); tab != nil {
		return &tab[page&511], nil
	}
	if t.dirs[page>>18] == nil {
		f, err := t.pool.AllocZeroed(frame.PageTable)
		if err != nil {
			return nil, err
		}
		t.addDir(page, f)
	}
	f, err := t.pool.AllocZeroed(frame.PageTable)
	if err != nil {
		return nil, err
	}
	return &t.addTable(page, f)[page&511], nil
}

// ensureFrom is ensure with frames that were reserved. It returns the whole table.
func (t *pageTable) ensureFrom(page uint32, r *frame.Reservation) *table {
	if tab := t.table(page); tab != nil {
		return tab
	}
	if t.dirs[page>>18] == nil {
		t.addDir(page, r.AllocZeroed(frame.PageTable))
	}
	return t.addTable(page, r.AllocZeroed(frame.PageTable))
}

func (t *pageTable) addDir(page uint32, f frame.PFN) {
	atomic.StoreUint64(&tableAt(t.pool, t.pdpt)[page>>18], f.Addr()|pteTable)
	t.dirs[page>>18] = tableAt(t.pool, f)
	t.frames++
}

func (t *pageTable) addTable(page uint32, f frame.PFN) *table {
	atomic.StoreUint64(&t.dirs[page>>18][page>>9&511], f.Addr()|pteTable)
	t.frames++
	return tableAt(t.pool, f)
}

// needs returns how many frames the pages from start up to end can need at most, even if tables go away before.
func (t *pageTable) needs(start, end uint32) int {
	n := 0
	for p := start; p < end; p = nextTable(p) {
		n++
		if t.dirs[p>>18] == nil && (p == start || p&(1<<18-1) == 0) {
			n++
		}
	}
	return n
}

// removeTable takes the last-level table of a page out of the tree and returns its frame, 0 if there is none. The
// caller frees it once the CPU has forgotten it.
func (t *pageTable) removeTable(page uint32) frame.PFN {
	dir := t.dirs[page>>18]
	if dir == nil {
		return 0
	}
	e := atomic.SwapUint64(&dir[page>>9&511], 0)
	if e == 0 {
		return 0
	}
	t.frames--
	return pteFrame(e)
}

// release drops the references of the entries of the pages from start up to end, and frees the tables on the way that no
// page at or above next needs. No CPU uses the tree any more, so g is only there to do it in batches.
func (t *pageTable) release(start, end, next uint32, g *gather) {
	for p := start; p < end; {
		lim := min(end, nextTable(p))
		tab := t.table(p)
		if tab == nil {
			p = lim
			continue
		}
		first := p
		for ; p < lim; p++ {
			if e := tab[p&511]; e&pteHeld != 0 {
				g.unref(t.pool, pteFrame(e))
			}
		}
		if next >= nextTable(first) {
			g.unref(t.pool, t.removeTable(first))
		}
	}
}

// destroy frees what is left of the tree after every page was released.
func (t *pageTable) destroy() {
	pdpt := tableAt(t.pool, t.pdpt)
	for i, dir := range t.dirs {
		if dir != nil {
			t.pool.Unref(pteFrame(pdpt[i]))
		}
	}
	t.pool.Unref(t.pdpt)
	t.pool.Unref(t.root)
}

// nextTable returns the first page behind the last-level table that page lies in.
func nextTable(page uint32) uint32 { return (page | 511) + 1 }
