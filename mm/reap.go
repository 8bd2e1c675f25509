package mm

// SetShortage has f called when there is no memory to resolve a fault of a copy to or from as in the middle of a system
// call. f holds no lock of mm and must not wait for another task, for the copy may have its turn at something that the
// other needs. It reports whether trying again makes sense. Without it, and when it says no, the copy ends with ENOMEM.
func (m *Memory) SetShortage(f func(as *AddressSpace) bool) { m.shortage = f }

// Reap takes all private pages from a program that is being killed, before it can end by itself, and returns how many
// there were. The mappings stay without rights: what its system calls still copy is EFAULT.
func (as *AddressSpace) Reap() int {
	as.mu.Lock()
	defer as.unlock()
	before := as.rss[rssAnon]
	for _, v := range as.vmas {
		if v.flags&(vmShared|vmSpecial) != 0 {
			continue
		}
		as.zap(v, v.start, v.end, false)
		as.account(v, -1)
		v.setProt(0, as.mem.nx)
		as.account(v, 1)
	}
	as.flush()
	return int(before - as.rss[rssAnon])
}
