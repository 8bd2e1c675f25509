package mm

import (
	"sync/atomic"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm/frame"
)

const (
	faultAround = 16 // pages of a file that a read fault maps, if the page cache has them; a power of two
	faultAhead  = 8  // pages of anonymous memory that a fault in a sequence of faults maps, at most
	faultTries  = 64 // times that a page may vanish again before the program gets it
)

// Fault resolves a page fault. It returns nil if the access can be tried again, a *FaultError if the program has no
// right to it, or ENOMEM if there is no memory even after caches were emptied.
func (as *AddressSpace) Fault(addr uint32, a Access) error {
	if addr >= UserLimit {
		return ErrMap
	}
	return as.fault(addr>>frame.Shift, a)
}

// wanted is a page that a fault needs and the page cache does not have.
type wanted struct {
	mapping frame.Mapping
	file    *fs.File
	idx     uint64
	payer   *frame.Account
}

// hold keeps what is wanted alive until read has returned. It is called with the lock held.
func (w *wanted) hold(as *AddressSpace) {
	w.payer = as.payer.Load()
	w.mapping.AddMapper(as)
	if w.file != nil {
		w.file.Get()
	}
}

// read brings the page in. It is called without locks.
func (w *wanted) read(as *AddressSpace) error {
	err := w.mapping.ReadPage(w.idx)
	if w.payer != nil && err == nil {
		if f, ok := w.mapping.LookupPage(w.idx); ok {
			as.mem.pool.Charge(f, w.payer)
			as.mem.pool.Unref(f)
		}
	}
	w.mapping.RemoveMapper(as)
	if w.file != nil {
		w.file.Put()
	}
	if err != nil && err != abi.ENOMEM {
		return ErrBus
	}
	return err
}

// fault is Fault for a page below UserLimit. A page that is missing is read without the lock; then the fault starts
// over, for the mapping may be another by then.
func (as *AddressSpace) fault(page uint32, a Access) error {
	for range faultTries {
		as.mu.Lock()
		want, err := as.faultLocked(page, a)
		if want.mapping == nil {
			as.minor++
			if n := as.rss[rssAnon] + as.rss[rssFile] + as.rss[rssShared]; n > as.maxRSS {
				as.maxRSS = n
			}
			as.mu.Unlock()
			if err != nil && as.relieve(err) {
				continue
			}
			return err
		}
		as.major++
		want.hold(as)
		as.mu.Unlock()
		if err := want.read(as); err != nil {
			return err
		}
	}
	return abi.ENOMEM
}

// relieve frees memory for an operation that failed with err, and reports whether it is worth another try. The reclaimers
// that ran with the lock held could not take the pages of this address space; without it they can.
func (as *AddressSpace) relieve(err error) bool {
	return err == abi.ENOMEM && as.mem.pool.Reclaim(faultAround) > 0
}

// faultLocked resolves a fault, or says which page it wants.
func (as *AddressSpace) faultLocked(page uint32, a Access) (wanted, error) {
	v := as.lookup(page)
	if v == nil {
		if v = as.grow(page); v == nil {
			return wanted{}, ErrMap
		}
	}
	if !v.permits(a) {
		return wanted{}, ErrAccess
	}
	e, err := as.pt.ensure(page)
	if err != nil {
		return wanted{}, err
	}
	old := atomic.LoadUint64(e)
	switch {
	case old != 0 && a&Write != 0 && old&pteWrite == 0:
		return wanted{}, as.faultWrite(v, page, e, old)
	case old != 0: // another thread resolved it
		as.cpu.Invalidate(as.root, page<<frame.Shift)
		return wanted{}, nil
	case v.mapping == nil:
		return wanted{}, as.faultAnon(v, page, e, a)
	}
	return as.faultFile(v, page, e, a)
}

// grow extends the stack above page down to it, if there is one and it may. It returns nil if not.
func (as *AddressSpace) grow(page uint32) *vma {
	i := as.search(page)
	if i == len(as.vmas) || as.vmas[i].flags&vmGrowsDown == 0 || page < MinAddr>>frame.Shift {
		return nil
	}
	v := as.vmas[i]
	n := v.start - page
	switch {
	case uint64(v.end-page) > as.limits.Stack>>frame.Shift,
		uint64(as.size+n) > as.limits.AS>>frame.Shift,
		v.flags&vmLocked != 0 && uint64(as.locked+n) > as.limits.Memlock>>frame.Shift,
		v.mapping != nil && v.page < uint64(n):
		return nil
	}
	if i > 0 {
		below := as.vmas[i-1]
		if below.prot != 0 && below.flags&vmGrowsDown == 0 && page < below.end+StackGuard>>frame.Shift {
			return nil
		}
	}
	as.account(v, -1)
	v.start = page
	if v.mapping != nil {
		v.page -= uint64(n)
	}
	as.account(v, 1)
	return v
}

// faultAnon maps private memory that has not been touched: the page of zeros for a read, else a frame of its own, and
// more of them if the program goes through the memory in sequence.
func (as *AddressSpace) faultAnon(v *vma, page uint32, e *uint64, a Access) error {
	if a&Write == 0 {
		atomic.StoreUint64(e, as.mem.zero.Addr()|v.bits)
		return nil
	}
	f, err := as.newFrame()
	if err != nil {
		return err
	}
	bits := v.bits | pteHeld | pteAnon | pteWrite | pteDirty
	atomic.StoreUint64(e, f.Addr()|bits)
	as.rss[rssAnon]++
	n := uint32(1)
	if page == v.nextFault && page != 0 {
		n = min(v.window*2, faultAhead)
		if n > 1 && !as.mem.pool.Short() {
			as.mapAhead(v, page+1, page+n, bits)
		}
	}
	v.window, v.nextFault = n, page+n
	return nil
}

// newFrame returns a cleared frame of private memory, charged to the account.
func (as *AddressSpace) newFrame() (frame.PFN, error) {
	f, err := as.mem.pool.AllocZeroed(frame.Anonymous)
	if err == nil {
		as.mem.pool.Charge(f, as.payer.Load())
	}
	return f, err
}

// mapAhead gives frames to the pages from start up to end, as far as they are in v and in one table, untouched, and
// frames are there.
func (as *AddressSpace) mapAhead(v *vma, start, end uint32, bits uint64) {
	end = min(end, v.end, nextTable(start-1))
	tab := as.pt.table(start - 1)
	for p := start; p < end; p++ {
		e := &tab[p&511]
		if atomic.LoadUint64(e) != 0 {
			return
		}
		f, err := as.newFrame()
		if err != nil {
			return
		}
		atomic.StoreUint64(e, f.Addr()|bits)
		as.rss[rssAnon]++
	}
}

// faultFile maps a page of v's Mapping, or a private copy of it.
func (as *AddressSpace) faultFile(v *vma, page uint32, e *uint64, a Access) (wanted, error) {
	idx := v.index(page)
	f, ok := v.mapping.LookupPage(idx)
	if !ok {
		return wanted{mapping: v.mapping, file: v.file, idx: idx}, nil
	}
	bits := v.bits | pteHeld
	switch {
	case a&Write == 0:
		if v.flags&vmShmem != 0 && v.prot&ProtWrite != 0 {
			bits |= pteWrite
		}
	case v.flags&vmShared == 0:
		return wanted{}, as.copyPage(page, e, f, bits|pteAnon|pteWrite|pteDirty)
	default:
		v.mapping.DirtyPage(idx)
		bits |= pteWrite | pteDirty
	}
	atomic.StoreUint64(e, f.Addr()|bits)
	as.rss[v.kind()]++
	if a&Write == 0 {
		as.mapAround(v, page, bits)
	}
	return wanted{}, nil
}

// copyPage puts a copy of the file's frame f in an empty entry, and drops f.
func (as *AddressSpace) copyPage(page uint32, e *uint64, f frame.PFN, bits uint64) error {
	c, err := as.mem.pool.Alloc(frame.Anonymous)
	if err == nil {
		as.mem.pool.Charge(c, as.payer.Load())
		as.mem.pool.Copy(c, f)
		atomic.StoreUint64(e, c.Addr()|bits)
		as.rss[rssAnon]++
	}
	as.mem.pool.Unref(f)
	return err
}

// mapAround maps the pages near page that the page cache has.
func (as *AddressSpace) mapAround(v *vma, page uint32, bits uint64) {
	start := max(page&^(faultAround-1), v.start)
	end := min(page|(faultAround-1)+1, v.end)
	tab := as.pt.table(page)
	n, free := 0, start // up to free, entries from p on are empty
	for p := start; p < end; {
		for free = max(free, p); free < end && atomic.LoadUint64(&tab[free&511]) == 0; {
			free++
		}
		if free == p {
			p++
			continue
		}
		frames := as.around[:free-p]
		frames = frames[:v.mapping.LookupPages(v.index(p), frames)]
		for i, f := range frames {
			atomic.StoreUint64(&tab[(p+uint32(i))&511], f.Addr()|bits)
		}
		n += len(frames)
		p += max(uint32(len(frames)), 1)
	}
	as.rss[v.kind()] += uint32(n)
}

// faultWrite makes a page that is mapped for reading writable: a shared page as it is, a private page that nobody else
// has as well; any other is copied first.
func (as *AddressSpace) faultWrite(v *vma, page uint32, e *uint64, old uint64) error {
	pool, f := as.mem.pool, pteFrame(old)
	switch {
	case v.flags&vmShared != 0:
		v.mapping.DirtyPage(v.index(page))
		atomic.OrUint64(e, pteWrite|pteDirty)
		as.cpu.Invalidate(as.root, page<<frame.Shift)
		return nil
	case old&pteAnon != 0 && pool.Refs(f) == 1:
		atomic.OrUint64(e, pteWrite|pteDirty)
		as.cpu.Invalidate(as.root, page<<frame.Shift)
		return nil
	}
	return as.copyOnWrite(v, page, e, old, pteWrite|pteDirty)
}

// copyOnWrite replaces the frame of a private entry by a copy.
func (as *AddressSpace) copyOnWrite(v *vma, page uint32, e *uint64, old, bits uint64) error {
	pool := as.mem.pool
	c, err := pool.Alloc(frame.Anonymous)
	if err != nil {
		return err
	}
	pool.Charge(c, as.payer.Load())
	if old&pteHeld == 0 {
		pool.Zero(c)
	} else {
		pool.Copy(c, pteFrame(old))
	}
	atomic.StoreUint64(e, c.Addr()|v.bits|pteHeld|pteAnon|bits)
	as.cpu.Invalidate(as.root, page<<frame.Shift)
	if old&pteHeld != 0 {
		kind := rssAnon
		if old&pteAnon == 0 {
			kind = v.kind()
		}
		as.rss[kind]--
		pool.Unref(pteFrame(old))
	}
	as.rss[rssAnon]++
	return nil
}
