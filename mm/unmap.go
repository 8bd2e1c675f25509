package mm

import (
	"slices"
	"sync/atomic"

	"cleave/abi"
	"cleave/mm/frame"
)

// gather collects what was taken out of page tables, to free it once the CPU has forgotten the translations.
type gather struct {
	n      int
	frames [64]frame.PFN
	lo, hi uint32 // pages whose translations must be forgotten: lo up to hi
}

// fewPages is up to how many pages are invalidated one by one.
const fewPages = 16

// note records that the translation of page was removed or lost rights.
func (g *gather) note(page uint32) {
	if g.hi == 0 {
		g.lo = page
	}
	g.lo = min(g.lo, page)
	g.hi = max(g.hi, page+1)
}

// unref collects a frame that no CPU can reach, to drop a reference to it.
func (g *gather) unref(p *frame.Pool, f frame.PFN) {
	g.frames[g.n] = f
	if g.n++; g.n == len(g.frames) {
		p.UnrefAll(g.frames[:])
		g.n = 0
	}
}

// flush makes the CPU forget the translations that were noted, and frees the frames.
func (as *AddressSpace) flush() {
	g := &as.gather
	switch {
	case g.hi == 0:
		return
	case g.hi-g.lo > fewPages:
		as.cpu.Flush(as.root)
	default:
		for p := g.lo; p < g.hi; p++ {
			as.cpu.Invalidate(as.root, p<<frame.Shift)
		}
	}
	as.mem.pool.UnrefAll(g.frames[:g.n])
	g.n, g.lo, g.hi = 0, 0, 0
}

// gatherEntry counts an entry that was cleared; its frame loses a reference at the next flush.
func (as *AddressSpace) gatherEntry(page uint32, e uint64, kind int) {
	as.gather.note(page)
	if e&pteHeld == 0 {
		return
	}
	if e&pteAnon != 0 {
		kind = rssAnon
	}
	as.rss[kind]--
	g := &as.gather
	g.frames[g.n] = pteFrame(e)
	if g.n++; g.n == len(g.frames) {
		as.flush()
	}
}

// zap clears the entries of v's pages from start up to end, but for private copies of file pages if keep is set. The
// caller calls flush in the end.
func (as *AddressSpace) zap(v *vma, start, end uint32, keep bool) {
	kind := v.kind()
	for p := start; p < end; {
		lim := min(end, nextTable(p))
		tab := as.pt.table(p)
		if tab == nil {
			p = lim
			continue
		}
		for ; p < lim; p++ {
			e := &tab[p&511]
			old := atomic.LoadUint64(e)
			if old == 0 || keep && old&pteAnon != 0 {
				continue
			}
			as.gatherEntry(p, atomic.SwapUint64(e, 0), kind)
		}
	}
}

// freeTables frees the page tables between start and end that no mapping needs any more.
func (as *AddressSpace) freeTables(start, end uint32) {
	i := as.search(start)
	lo, hi := uint32(0), uint32(1<<20)
	if i > 0 {
		lo = as.vmas[i-1].end
	}
	if i < len(as.vmas) {
		hi = as.vmas[i].start
	}
	first := max(start&^511, (lo+511)&^511)
	for p := first; p < end && nextTable(p) <= hi; p = nextTable(p) {
		f := as.pt.removeTable(p)
		if f == 0 {
			continue
		}
		as.gather.lo, as.gather.hi = 0, 1<<20
		as.gather.frames[as.gather.n] = f
		if as.gather.n++; as.gather.n == len(as.gather.frames) {
			as.flush()
		}
	}
	as.flush()
}

// unmapLocked removes whatever is mapped from page start up to end. It fails with ENOMEM, before anything is changed,
// if a split would make too many mappings.
func (as *AddressSpace) unmapLocked(start, end uint32) error {
	i := as.search(start)
	if i == len(as.vmas) || as.vmas[i].start >= end {
		return nil
	}
	i, j, err := as.isolate(start, end)
	if err != nil {
		return err
	}
	for _, v := range as.vmas[i:j] {
		as.zap(v, v.start, v.end, false)
		as.account(v, -1)
	}
	as.flush()
	for _, v := range as.vmas[i:j] {
		as.drop(v)
	}
	as.vmas = slices.Delete(as.vmas, i, j)
	as.freeTables(start, end)
	if end > as.holeTop {
		as.holeMin = 0
	}
	return nil
}

// Unmap removes whatever is mapped in n bytes at addr (munmap(2)): EINVAL for a bad range, ENOMEM for too many mappings.
func (as *AddressSpace) Unmap(addr, n uint32) error {
	start, end, err := pageRange(addr, n)
	if err != nil || start == end {
		return abi.EINVAL
	}
	as.mu.Lock()
	err = as.unmapLocked(start, end)
	as.unlock()
	return err
}

// UnmapPages implements frame.Mapper.
func (as *AddressSpace) UnmapPages(of frame.Mapping, idx, n uint64, private, try bool) bool {
	if !try {
		as.mu.Lock()
	} else if !as.mu.TryLock() {
		return false
	}
	all := true
	for _, v := range as.vmas {
		if v.mapping != of || idx >= v.page+uint64(v.pages()) || idx+n <= v.page && idx+n > idx {
			continue
		}
		if try && v.flags&vmLocked != 0 {
			all = false
			continue
		}
		start, end := v.start, v.end
		if idx > v.page {
			start += uint32(idx - v.page)
		}
		if last := idx + n; last > idx && last < v.page+uint64(v.pages()) {
			end = v.start + uint32(last-v.page)
		}
		as.zap(v, start, end, !private)
	}
	as.flush()
	as.unlock()
	return all
}
