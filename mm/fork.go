package mm

import (
	"sync/atomic"

	"cleave/abi"
	"cleave/mm/frame"
)

// Fork returns a copy of the address space with one user. Private pages are shared until either side writes (fork(2)).
// It fails with ENOMEM and changes nothing.
func (as *AddressSpace) Fork() (*AddressSpace, error) {
	child, err := as.fork()
	for try := 0; try < faultTries && err != nil && as.relieve(err); try++ {
		child, err = as.fork()
	}
	return child, err
}

func (as *AddressSpace) fork() (*AddressSpace, error) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.users.Load() == 0 {
		return nil, abi.ESRCH
	}
	var r frame.Reservation
	if err := as.mem.pool.Reserve(&r, as.pt.frames); err != nil {
		return nil, err
	}
	child := as.mem.newSpace(&r)
	child.mu.Lock() // a file may unmap pages from it as soon as it has mappings
	child.inherit(as)
	cow := as.copyMappings(child, &r)
	r.Release()
	if cow {
		as.cpu.Flush(as.root)
	}
	child.mu.Unlock()
	return child, nil
}

// inherit copies what is not mappings. The memory locks of the parent are not inherited (mlock(2)).
func (as *AddressSpace) inherit(p *AddressSpace) {
	as.limits, as.segments, as.exe = p.limits, p.segments, p.exe
	as.payer.Store(p.payer.Load())
	as.stackTop, as.base, as.randomize = p.stackTop, p.base, p.randomize
	as.brkStart, as.brkEnd = p.brkStart, p.brkEnd
	if as.exe != nil {
		as.exe.Get()
	}
}

// copyMappings copies the mappings and their entries, and reports whether entries of as lost the right to write.
func (as *AddressSpace) copyMappings(child *AddressSpace, r *frame.Reservation) bool {
	block := make([]vma, len(as.vmas))
	child.vmas = make([]*vma, 0, len(as.vmas)+4)
	cow := false
	for i, v := range as.vmas {
		if v.flags&vmDontFork != 0 {
			continue
		}
		c := &block[i]
		*c = *v
		c.link = nil
		c.flags &^= vmLocked | vmLockOnFault
		child.hold(c)
		child.account(c, 1)
		child.vmas = append(child.vmas, c)
		if v.flags&vmWipeOnFork == 0 && as.copyEntries(child, v, r) {
			cow = true
		}
	}
	child.maxRSS = child.rss[rssAnon] + child.rss[rssFile] + child.rss[rssShared]
	return cow
}

// copyEntries copies the entries of v, after it took the right to write from private ones; it reports whether it did.
// Each entry that holds a frame gets a reference of its own.
func (as *AddressSpace) copyEntries(child *AddressSpace, v *vma, r *frame.Reservation) bool {
	keep := ^uint64(0)
	if v.flags&vmShared == 0 {
		keep = ^uint64(pteWrite)
	}
	pool, changed := as.mem.pool, false
	held, anon := uint32(0), uint32(0)
	for p := v.start; p < v.end; {
		lim := min(v.end, nextTable(p))
		src := as.pt.table(p)
		if src == nil {
			p = lim
			continue
		}
		dst := child.pt.ensureFrom(p, r)
		for ; p < lim; p++ {
			e := atomic.LoadUint64(&src[p&511])
			if e == 0 {
				continue
			}
			if e&^keep != 0 {
				atomic.AndUint64(&src[p&511], keep)
				changed = true
			}
			if e&pteHeld != 0 {
				pool.Ref(pteFrame(e))
				held++
				anon += uint32(e / pteAnon & 1)
			}
			dst[p&511] = e & keep
		}
	}
	child.rss[rssAnon] += anon
	child.rss[v.kind()] += held - anon
	return changed
}
