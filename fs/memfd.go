package fs

import "cleave/abi"

// Seals of a memory file (fcntl(2), "File Sealing") are bits of Inode.state, from sealShift on.
const (
	sealShift = 8
	allSeals  = abi.F_SEAL_SEAL | abi.F_SEAL_SHRINK | abi.F_SEAL_GROW | abi.F_SEAL_WRITE | abi.F_SEAL_FUTURE_WRITE | abi.F_SEAL_EXEC
	noWrite   = abi.F_SEAL_WRITE | abi.F_SEAL_FUTURE_WRITE
)

// maxMemfdName is how long the name of memfd_create(2) may be.
const maxMemfdName = abi.NameMax - len("memfd:")

// NewMemfd is memfd_create(2): a file in memory, open for reading and writing, that has no name but for show. EINVAL.
func (c *Caller) NewMemfd(name string, flags uint32) (*File, error) {
	const known = abi.MFD_CLOEXEC | abi.MFD_ALLOW_SEALING | abi.MFD_NOEXEC_SEAL | abi.MFD_EXEC
	if flags&^known != 0 || len(name) > maxMemfdName || flags&(abi.MFD_NOEXEC_SEAL|abi.MFD_EXEC) == abi.MFD_NOEXEC_SEAL|abi.MFD_EXEC {
		return nil, abi.EINVAL
	}
	f, err := c.VFS.NewMemoryFile("/memfd:"+name+" (deleted)", 0, c.Cred)
	if err != nil {
		return nil, err
	}
	i := f.inode
	seals := uint32(abi.F_SEAL_SEAL)
	if flags&abi.MFD_ALLOW_SEALING != 0 {
		seals = 0
	}
	if flags&abi.MFD_NOEXEC_SEAL != 0 {
		i.mode.Store(abi.S_IFREG | 0o666)
		seals = abi.F_SEAL_EXEC
	}
	i.state.Or(inodeSealable | seals<<sealShift)
	return f, nil
}

// AddSeals is fcntl(2) F_ADD_SEALS. EINVAL: not a memory file, or unknown seals; EPERM: not open for writing, or sealed
// against seals; EBUSY: F_SEAL_WRITE while it is mapped shared and writable.
func (f *File) AddSeals(seals uint32) error {
	i := f.inode
	switch {
	case i.state.Load()&inodeSealable == 0 || seals&^allSeals != 0:
		return abi.EINVAL
	case !f.Writable():
		return abi.EPERM
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.seals()&abi.F_SEAL_SEAL != 0 {
		return abi.EPERM
	}
	added := seals &^ i.seals()
	i.state.Or(added << sealShift)
	// A mapping that is being made has been counted before its maker looks at the seals: one of the two sees the other.
	if added&abi.F_SEAL_WRITE != 0 && i.writableMaps.Load() != 0 {
		i.state.And(^(added << sealShift))
		return abi.EBUSY
	}
	return nil
}

// Seals is fcntl(2) F_GET_SEALS. EINVAL: not a memory file.
func (f *File) Seals() (uint32, error) {
	if f.inode.state.Load()&inodeSealable == 0 {
		return 0, abi.EINVAL
	}
	return f.inode.seals(), nil
}

func (i *Inode) seals() uint32 { return i.state.Load() >> sealShift }

// CountWritableMap counts d more mappings of the file that are shared and may be written to. Who makes one counts it, and
// then looks at WriteSealed.
func (i *Inode) CountWritableMap(d int32) { i.writableMaps.Add(d) }

// WriteSealed reports whether a seal forbids new mappings that are shared and may be written to.
func (i *Inode) WriteSealed() bool { return i.seals()&noWrite != 0 }

// sealedRoom cuts the room for a write at off by the seals. EPERM. The content lock is held.
func (i *Inode) sealedRoom(off, room int64) (int64, error) {
	s := i.seals()
	if s&noWrite != 0 {
		return 0, abi.EPERM
	}
	if s&abi.F_SEAL_GROW != 0 {
		if room = min(room, i.size.Load()-off); room <= 0 {
			return 0, abi.EPERM
		}
	}
	return room, nil
}

// maySize checks a change of size against the seals. EPERM. The content lock is held.
func (i *Inode) maySize(size int64) error {
	s, old := i.seals(), i.size.Load()
	if size < old && s&abi.F_SEAL_SHRINK != 0 || size > old && s&abi.F_SEAL_GROW != 0 {
		return abi.EPERM
	}
	return nil
}
