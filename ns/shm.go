package ns

import (
	"fmt"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
)

// Shm is a segment of System V shared memory (shmget(2)).
type Shm struct {
	p     IPCPerm // guarded by ns.mu, as is all but file
	ns    *IPCNamespace
	file  *fs.File // its pages. Every mapping has a reference on it, and so has the segment until it is removed
	watch fs.Watch
	size  uint32

	atime, dtime, ctime int64
	cpid, lpid          *PID // creator, and who attached or detached last
	locked              bool
}

func (s *Shm) perm() *IPCPerm { return &s.p }

// ShmStat is struct shmid_ds.
type ShmStat struct {
	IPCPerm
	Size                uint32
	Atime, Dtime, Ctime int64
	CPID, LPID          *PID // nil: nobody
	Attached            int
}

// Shmget is shmget(2). EINVAL: a bad size; EEXIST, ENOENT, EACCES; ENOSPC: too many segments or pages; ENOMEM.
// Huge pages (SHM_HUGETLB) are not to be had: ENOMEM, as on Linux with none reserved.
func (n *IPCNamespace) Shmget(c *user.Cred, pid *PID, key int32, size uint32, flags int32) (int32, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, ok, err := n.shm.byKey(n, c, key, flags, func(s *Shm) error {
		if size > s.size {
			return abi.EINVAL
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	if ok {
		return s.p.ID, nil
	}
	pages := (uint64(size) + abi.PageSize - 1) / abi.PageSize
	switch {
	case size == 0 || uint64(size) > n.limits.ShmMax:
		return 0, abi.EINVAL
	case n.pages+pages > n.limits.ShmAll || len(n.shm.used) >= n.limits.ShmMNI:
		return 0, abi.ENOSPC
	case flags&abi.SHM_HUGETLB != 0:
		return 0, abi.ENOMEM
	case n.config.NewFile == nil:
		return 0, abi.ENOSYS
	}
	s = &Shm{ns: n, size: size, ctime: n.config.Now(), cpid: pid}
	if s.file, err = n.config.NewFile(fmt.Sprintf("SYSV%08x", uint32(key)), int64(pages*abi.PageSize), c); err != nil {
		return 0, err
	}
	id, err := n.shm.add(s, c, key, flags, n.limits.ShmMNI)
	if err != nil {
		s.file.Put()
		return 0, err
	}
	s.file.Private = s
	n.pages += pages
	s.watch.Released = func(*fs.Watch, *fs.File) { s.released() }
	s.file.Watch(&s.watch)
	return id, nil
}

// released runs when the segment is removed and nobody has it attached any more.
func (s *Shm) released() {
	s.ns.mu.Lock()
	s.ns.shm.remove(s)
	s.ns.pages -= (uint64(s.size) + abi.PageSize - 1) / abi.PageSize
	s.ns.mu.Unlock()
}

// remove drops the segment's own reference, with no lock held.
func (s *Shm) remove() {
	s.ns.mu.Lock()
	again := s.p.Mode&abi.SHM_DEST != 0
	s.p.Mode |= abi.SHM_DEST
	s.ns.shm.unkey(s)
	s.p.Key = abi.IPC_PRIVATE
	s.ns.mu.Unlock()
	if !again {
		s.file.Put()
	}
}

// Attach is the part of shmat(2) that knows the segment: it gives the file to map, with a reference, and its size.
// EINVAL: no such segment; EACCES. flags: SHM_RDONLY, SHM_EXEC.
func (n *IPCNamespace) Attach(c *user.Cred, pid *PID, id, flags int32) (f *fs.File, size uint32, err error) {
	want := int32(0o666)
	if flags&abi.SHM_RDONLY != 0 {
		want = 0o444
	}
	if flags&abi.SHM_EXEC != 0 {
		want |= 0o111
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	s, err := n.shm.byID(id)
	if err != nil {
		return nil, 0, err
	}
	if err := s.p.allows(n, c, want); err != nil {
		return nil, 0, err
	}
	if !s.file.TryGet() {
		return nil, 0, abi.EIDRM // removed, and the last mapping goes right now
	}
	s.atime, s.lpid = n.config.Now(), pid
	return s.file, s.size, nil
}

// ShmOf gives the segment that f is the file of, nil if it is none's.
func ShmOf(f *fs.File) *Shm {
	s, _ := f.Private.(*Shm)
	return s
}

// Detached records a shmdt(2). DIVERGES: a mapping that goes by munmap(2), execve(2) or exit does not change the time and
// the pid.
func (s *Shm) Detached(pid *PID) {
	s.ns.mu.Lock()
	s.dtime, s.lpid = s.ns.config.Now(), pid
	s.ns.mu.Unlock()
}

func (s *Shm) attached() int {
	refs := s.file.Refs()
	if s.p.Mode&abi.SHM_DEST == 0 {
		refs-- // its own
	}
	return refs
}

// ShmStat is IPC_STAT. cmd IPC_STAT takes an id, SHM_STAT and SHM_STAT_ANY an index; the latter needs no permission.
func (n *IPCNamespace) ShmStat(c *user.Cred, id, cmd int32) (*ShmStat, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	find := n.shm.byID
	if cmd != abi.IPC_STAT {
		find = n.shm.byIndex
	}
	s, err := find(id)
	if err != nil {
		return nil, err
	}
	if cmd != abi.SHM_STAT_ANY {
		if err := s.p.allows(n, c, 0o444); err != nil {
			return nil, err
		}
	}
	return s.stat(), nil
}

func (s *Shm) stat() *ShmStat {
	st := &ShmStat{IPCPerm: s.p, Size: s.size, Atime: s.atime, Dtime: s.dtime, Ctime: s.ctime, CPID: s.cpid, LPID: s.lpid, Attached: s.attached()}
	if s.locked {
		st.Mode |= abi.SHM_LOCKED
	}
	return st
}

// ShmSet is IPC_SET. EINVAL, EPERM.
func (n *IPCNamespace) ShmSet(c *user.Cred, id int32, uid user.UID, gid user.GID, mode uint16) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, err := n.shm.byID(id)
	if err != nil {
		return err
	}
	if err := s.p.mayChange(n, c); err != nil {
		return err
	}
	s.ctime = n.config.Now()
	return s.p.set(c, uid, gid, mode)
}

// ShmRemove is IPC_RMID: the segment goes when nobody has it attached. EINVAL, EPERM.
func (n *IPCNamespace) ShmRemove(c *user.Cred, id int32) error {
	n.mu.Lock()
	s, err := n.shm.byID(id)
	if err == nil {
		err = s.p.mayChange(n, c)
	}
	n.mu.Unlock()
	if err != nil {
		return err
	}
	s.remove()
	return nil
}

// ShmLock is SHM_LOCK and SHM_UNLOCK. There is no swap, so that only the mark is kept. EINVAL; EPERM: neither the owner
// nor CAP_IPC_LOCK.
func (n *IPCNamespace) ShmLock(c *user.Cred, id int32, lock bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, err := n.shm.byID(id)
	if err != nil {
		return err
	}
	if !s.p.isOwner(c) && !c.Has(user.CapIpcLock, n.Owner()) {
		return abi.EPERM
	}
	s.locked = lock
	return nil
}

// ShmUsage is IPC_INFO and SHM_INFO.
func (n *IPCNamespace) ShmUsage() IPCUsage {
	n.mu.Lock()
	defer n.mu.Unlock()
	u := IPCUsage{Limits: n.limits, MaxIndex: n.shm.max, Objects: len(n.shm.used), Items: n.pages}
	n.shm.each(func(s *Shm) {
		var a fs.Attr
		s.file.Inode().Attr(&a)
		u.Resident += uint64(a.Blocks) / (abi.PageSize / 512)
	})
	return u
}

// EachShm lists the segments (/proc/sysvipc/shm).
func (n *IPCNamespace) EachShm(f func(*ShmStat)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.shm.each(func(s *Shm) { f(s.stat()) })
}
