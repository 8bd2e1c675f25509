package procfs

import (
	"encoding/binary"
	"strings"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm"
)

// nameColumn is where the name in a line of maps begins: that of a 64-bit Linux.
const nameColumn = 73

// eachMapping calls f for every mapping of the task.
func (x *access) eachMapping(f func(m *mm.Mapping)) {
	as := x.t.AddressSpace()
	if as == nil {
		return
	}
	defer as.Unref()
	as.Mappings(0, func(m *mm.Mapping) bool {
		f(m)
		return true
	})
}

// mapLine writes the line of a mapping in maps and smaps.
func (x *access) mapLine(w *text, m *mm.Mapping) {
	flags := []byte("---p")
	for i, p := range [3]mm.Prot{mm.ProtRead, mm.ProtWrite, mm.ProtExec} {
		if m.Prot&p != 0 {
			flags[i] = "rwx"[i]
		}
	}
	if m.Shared {
		flags[3] = 's'
	}
	var a fs.Attr
	if m.File != nil {
		m.File.Inode().Attr(&a)
	}
	begin := w.Len()
	w.printf("%08x-%08x %s %08x %02x:%02x %d ", m.Start, m.End, flags, m.Page*abi.PageSize, a.Dev.Major(), a.Dev.Minor(), a.Ino)
	name := m.Name
	if m.File != nil {
		name = strings.ReplaceAll(string(x.nameOf(nil, m.File.Path())), "\n", `\012`)
	}
	if name != "" {
		for w.Len()-begin < nameColumn {
			w.WriteByte(' ')
		}
		w.WriteString(name)
	}
	w.WriteByte('\n')
}

func showMaps(x *access, w *text) error {
	x.eachMapping(func(m *mm.Mapping) { x.mapLine(w, m) })
	return nil
}

// showSmaps is smaps. DIVERGES: the resident pages of a single mapping are not counted; they are shown as 0.
func showSmaps(x *access, w *text) error {
	x.eachMapping(func(m *mm.Mapping) {
		x.mapLine(w, m)
		size := uint64(m.End-m.Start) / 1024
		locked := uint64(0)
		if m.Locked {
			locked = size
		}
		w.printf("Size:           %8d kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\n", size)
		smapsCounts(w, 0, 0, locked)
		w.printf("VmFlags: %s\n", vmFlags(m))
	})
	return nil
}

func smapsCounts(w *text, resident, anonymous, locked uint64) {
	for _, line := range []struct {
		name string
		kib  uint64
	}{
		{"Rss", resident}, {"Pss", resident}, {"Shared_Clean", 0}, {"Shared_Dirty", 0}, {"Private_Clean", resident - anonymous},
		{"Private_Dirty", anonymous}, {"Referenced", resident}, {"Anonymous", anonymous}, {"Swap", 0}, {"SwapPss", 0}, {"Locked", locked},
	} {
		w.printf("%-16s%8d kB\n", line.name+":", line.kib)
	}
}

func vmFlags(m *mm.Mapping) string {
	s := ""
	for _, f := range []struct {
		on   bool
		name string
	}{
		{m.Prot&mm.ProtRead != 0, "rd"}, {m.Prot&mm.ProtWrite != 0, "wr"}, {m.Prot&mm.ProtExec != 0, "ex"}, {m.Shared, "sh"},
		{true, "mr"}, {true, "mw"}, {true, "me"}, {m.GrowsDown, "gd"}, {m.Locked, "lo"}, {m.DontFork, "dc"}, {m.WipeOnFork, "wf"},
	} {
		if f.on {
			s += f.name + " "
		}
	}
	return s
}

// showSmapsRollup is the sum of smaps, out of the counts of the whole address space.
func showSmapsRollup(x *access, w *text) error {
	var lo, hi uint32
	x.eachMapping(func(m *mm.Mapping) {
		if hi == 0 {
			lo = m.Start
		}
		hi = m.End
	})
	as := x.t.AddressSpace()
	if as == nil {
		return abi.ESRCH
	}
	defer as.Unref()
	s := as.Stats()
	w.printf("%08x-%08x ---p 00000000 00:00 0 %*s[rollup]\n", lo, hi, nameColumn-40, "")
	smapsCounts(w, uint64(s.Resident)*pageKiB, uint64(s.Anonymous)*pageKiB, uint64(s.Locked)*pageKiB)
	return nil
}

// showAuxv is the auxiliary vector: it lies on the stack behind the environment pointers, up to AT_NULL.
func showAuxv(x *access, w *text) error {
	as := x.t.AddressSpace()
	if as == nil {
		return nil
	}
	defer as.Unref()
	at := uint64(as.Segments().StackStart)
	var word [8]byte
	peek := func(n int) uint32 {
		got, _ := as.Peek(word[:n], uint32(at))
		at += uint64(n)
		if got < n || at >= 1<<32 {
			return 0
		}
		return binary.LittleEndian.Uint32(word[:])
	}
	at += uint64(peek(4)) * 4 // the arguments
	for i := 0; i < 2; i++ {  // their NULL, and the environment's
		for peek(4) != 0 {
		}
	}
	for i := 0; i < maxAuxv; i++ {
		key := peek(8)
		w.Write(word[:])
		if key == abi.AT_NULL {
			break
		}
	}
	return nil
}

// maxAuxv is more than the kernel ever puts there.
const maxAuxv = 64

// span is an open file that shows a part of the memory of a process, read from there each time.
type span struct {
	fs.NoFile
	n      *node
	bounds func(s mm.Segments) (from, to uint32)
}

func openArguments(n *node, _ *fs.File, _ *access) (fs.FileOps, error) {
	return &span{n: n, bounds: func(s mm.Segments) (uint32, uint32) { return s.ArgStart, s.ArgEnd }}, nil
}

func openEnvironment(n *node, _ *fs.File, _ *access) (fs.FileOps, error) {
	return &span{n: n, bounds: func(s mm.Segments) (uint32, uint32) { return s.EnvStart, s.EnvEnd }}, nil
}

// Seek implements fs.FileOps.
func (*span) Seek(_ *fs.File, pos, off int64, whence int) (int64, error) {
	if whence == abi.SEEK_END {
		return 0, abi.EINVAL
	}
	return fs.SeekWithin(pos, off, whence, 0, 1<<62)
}

// Read implements fs.FileOps.
func (o *span) Read(f *fs.File, c *fs.Caller, b fs.Buffer, off int64) (int, error) {
	x, err := o.n.enter(c, f)
	if err != nil {
		return 0, err
	}
	as := x.t.AddressSpace()
	if as == nil {
		return 0, nil
	}
	defer as.Unref()
	from, to := o.bounds(as.Segments())
	if to <= from || off >= int64(to-from) {
		return 0, nil
	}
	return copyMemory(as, b, uint64(from)+uint64(off), uint64(to))
}

// copyMemory copies from the memory of another process to b, page by page. It stops where there is no memory.
func copyMemory(as *mm.AddressSpace, b fs.Buffer, from, to uint64) (int, error) {
	var page [abi.PageSize]byte
	done := 0
	for from < to && b.Len() > 0 {
		n := min(uint64(b.Len()), to-from, abi.PageSize-from%abi.PageSize)
		got, err := as.Peek(page[:n], uint32(from))
		if got == 0 {
			if done == 0 && err != nil {
				return 0, abi.EIO
			}
			break
		}
		n2, err := b.CopyOut(page[:got])
		done += n2
		if err != nil {
			return done, err
		}
		from += uint64(n2)
		if uint64(n2) < n {
			break
		}
	}
	return done, nil
}

// memoryFile is mem: the memory of a process, by address.
type memoryFile struct {
	fs.NoFile
	as *mm.AddressSpace // of the moment when it was opened; nil: there was none. The file keeps nothing of it in memory.
}

func openMemory(_ *node, _ *fs.File, x *access) (fs.FileOps, error) {
	return &memoryFile{as: unheld(x.t.AddressSpace())}, nil
}

// unheld gives a reference to an address space back.
func unheld(as *mm.AddressSpace) *mm.AddressSpace {
	if as != nil {
		as.Unref()
	}
	return as
}

// hold makes sure of the memory while it is used. It fails after an execve or the end of the process: there is nothing then.
func (o *memoryFile) hold() bool { return o.as != nil && o.as.TryRef() }

// Seek implements fs.FileOps.
func (o *memoryFile) Seek(_ *fs.File, pos, off int64, whence int) (int64, error) {
	if whence == abi.SEEK_END {
		return 0, abi.EINVAL
	}
	return fs.SeekWithin(pos, off, whence, 0, 1<<62)
}

// Read implements fs.FileOps.
func (o *memoryFile) Read(_ *fs.File, _ *fs.Caller, b fs.Buffer, off int64) (int, error) {
	if off >= 1<<32 || !o.hold() {
		return 0, nil
	}
	defer o.as.Unref()
	return copyMemory(o.as, b, uint64(off), 1<<32)
}

// Write implements fs.FileOps. Who may open the file may write to it: it is how debuggers do.
func (o *memoryFile) Write(_ *fs.File, _ *fs.Caller, b fs.Buffer, off int64) (int, error) {
	if off >= 1<<32 || !o.hold() {
		return 0, nil
	}
	defer o.as.Unref()
	var page [abi.PageSize]byte
	done := 0
	for b.Len() > 0 && off < 1<<32 {
		n := min(int64(b.Len()), abi.PageSize-off%abi.PageSize)
		if _, err := b.CopyIn(page[:n]); err != nil {
			return done, err
		}
		got, err := o.as.Poke(uint32(off), page[:n])
		done += got
		off += int64(got)
		if err != nil || int64(got) < n {
			if done == 0 {
				return 0, abi.EIO
			}
			break
		}
	}
	return done, nil
}
