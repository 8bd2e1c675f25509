package mm

import (
	"sync/atomic"

	"cleave/abi"
	"cleave/mm/frame"
)

// Peek reads memory whatever its rights, for a debugger (ptrace(2), /proc/PID/mem). It returns how many bytes it got, with EFAULT
// if a page is not mapped or its file has no such page.
func (as *AddressSpace) Peek(dst []byte, addr uint32) (int, error) {
	return as.access(len(dst), addr, false, func(p []byte, done int) { copy(dst[done:], p) })
}

// Poke writes memory whatever its rights: a private page that is not writable is copied first, so that a breakpoint stays
// in this address space. A shared page that is not writable gives EFAULT.
func (as *AddressSpace) Poke(addr uint32, src []byte) (int, error) {
	return as.access(len(src), addr, true, func(p []byte, done int) { copy(p, src[done:]) })
}

// access calls f for the part of each page in the n bytes at addr, with a reference to the page and without the lock.
func (as *AddressSpace) access(n int, addr uint32, write bool, f func(p []byte, done int)) (int, error) {
	if err := CheckRange(addr, n); err != nil {
		return 0, err
	}
	done := 0
	for done < n {
		at := addr + uint32(done)
		fr, err := as.pageOf(at>>frame.Shift, write)
		if err != nil {
			return done, err
		}
		off := int(at & (PageSize - 1))
		k := min(PageSize-off, n-done)
		f(as.mem.pool.Page(fr)[off:off+k], done)
		if fr != as.mem.zero {
			as.mem.pool.Unref(fr)
		}
		done += k
	}
	return done, nil
}

// pageOf returns the frame of a page with a reference (the page of zeros without); for writing, one that no other address
// space sees unless the mapping is shared.
func (as *AddressSpace) pageOf(page uint32, write bool) (frame.PFN, error) {
	for range faultTries {
		as.mu.Lock()
		f, want, err := as.forceLocked(page, write)
		if want.mapping == nil {
			as.mu.Unlock()
			return f, err
		}
		want.hold(as)
		as.mu.Unlock()
		switch err := want.read(as); err {
		case nil:
		case error(abi.ENOMEM):
			return 0, err
		default:
			return 0, abi.EFAULT
		}
	}
	return 0, abi.ENOMEM
}

// forceLocked makes a page present, or writable by the kernel, whatever v.prot says.
func (as *AddressSpace) forceLocked(page uint32, write bool) (frame.PFN, wanted, error) {
	v := as.lookup(page)
	if v == nil || write && v.flags&vmShared != 0 && v.prot&ProtWrite == 0 {
		return 0, wanted{}, abi.EFAULT
	}
	e, err := as.pt.ensure(page)
	if err != nil {
		return 0, wanted{}, err
	}
	if atomic.LoadUint64(e) == 0 {
		want, err := as.forceIn(v, page, e)
		if want.mapping != nil || err != nil {
			return 0, want, err
		}
	}
	old := atomic.LoadUint64(e)
	if write {
		switch {
		case v.flags&vmShared != 0:
			v.mapping.DirtyPage(v.index(page))
		case old&pteAnon == 0 || as.mem.pool.Refs(pteFrame(old)) != 1:
			if err := as.copyOnWrite(v, page, e, old, pteDirty); err != nil {
				return 0, wanted{}, err
			}
			old = atomic.LoadUint64(e)
		}
	}
	f := pteFrame(old)
	if f != as.mem.zero {
		as.mem.pool.Ref(f)
	}
	return f, wanted{}, nil
}

// forceIn fills an empty entry: private memory with a frame of its own, since the page of zeros cannot be kept without
// the right to read.
func (as *AddressSpace) forceIn(v *vma, page uint32, e *uint64) (wanted, error) {
	if v.mapping != nil {
		return as.faultFile(v, page, e, Read)
	}
	f, err := as.newFrame()
	if err != nil {
		return wanted{}, err
	}
	atomic.StoreUint64(e, f.Addr()|v.bits|pteHeld|pteAnon)
	as.rss[rssAnon]++
	return wanted{}, nil
}
