package linux386

import (
	"encoding/binary"
	"math"

	"cleave/abi"
	"cleave/proc"
)

// dirWriter collects directory entries in the layout of one of the getdents calls. It takes no more than fit in its
// buffer, which goes to the program when no lock is held any more.
type dirWriter struct {
	buf  []byte
	wide bool // getdents64
	err  error
}

// Offsets of the name in struct linux_dirent and struct linux_dirent64.
const (
	direntName   = 10
	dirent64Name = 19
)

// Entry implements fs.DirSink.
func (w *dirWriter) Entry(name []byte, ino uint64, typ uint8, next int64) bool {
	le := binary.LittleEndian
	size := (direntName + len(name) + 2 + 3) &^ 3
	if w.wide {
		size = (dirent64Name + len(name) + 1 + 7) &^ 7
	}
	at := len(w.buf)
	if at+size > cap(w.buf) {
		w.err = abi.EINVAL // counts only if nothing fits at all
		return false
	}
	if !w.wide && (ino > math.MaxUint32 || next > math.MaxInt32) {
		w.err = abi.EOVERFLOW
		return false
	}
	w.buf = w.buf[:at+size]
	e := w.buf[at:]
	clear(e)
	if w.wide {
		le.PutUint64(e, ino)
		le.PutUint64(e[8:], uint64(next))
		le.PutUint16(e[16:], uint16(size))
		e[18] = typ
		copy(e[dirent64Name:], name)
		return true
	}
	le.PutUint32(e, uint32(ino))
	le.PutUint32(e[4:], uint32(next))
	le.PutUint16(e[8:], uint16(size))
	copy(e[direntName:], name)
	e[size-1] = typ
	return true
}

func getdents(t *proc.Task, fd FD, addr, n uint32, wide bool) (Size, error) {
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return 0, err
	}
	w := &dirWriter{buf: t.PathBuffer(0)[:0:min(n, abi.PathMax)], wide: wide}
	err = t.Caller.ReadDir(f, w)
	f.Put()
	if err == nil && len(w.buf) == 0 {
		err = w.err
	}
	if err != nil {
		return 0, err
	}
	return Size(len(w.buf)), t.MM().CopyOut(addr, w.buf)
}

func sysGetdents(t *proc.Task, fd FD, buf Addr, n Size) (Size, error) {
	return getdents(t, fd, uint32(buf), uint32(n), false)
}

func sysGetdents64(t *proc.Task, fd FD, buf Addr, n Size) (Size, error) {
	return getdents(t, fd, uint32(buf), uint32(n), true)
}

// oneEntry is the sink of readdir(2), which takes a single entry.
type oneEntry struct {
	name []byte
	ino  uint64
	next int64
	full bool
}

// Entry implements fs.DirSink.
func (o *oneEntry) Entry(name []byte, ino uint64, _ uint8, next int64) bool {
	if o.full {
		return false
	}
	*o = oneEntry{append(o.name, name...), ino, next, true}
	return true
}

// sysReaddir has a structure of its own: inode, offset, length of the name, name.
func sysReaddir(t *proc.Task, fd FD, buf Addr, _ Size) (Int, error) {
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return 0, err
	}
	o := &oneEntry{name: t.PathBuffer(0)[direntName:direntName]}
	err = t.Caller.ReadDir(f, o)
	f.Put()
	if err != nil || !o.full {
		return 0, err
	}
	if o.ino > math.MaxUint32 {
		return 0, abi.EOVERFLOW
	}
	b := t.PathBuffer(0)[:direntName+len(o.name)+1]
	binary.LittleEndian.PutUint32(b, uint32(o.ino))
	binary.LittleEndian.PutUint32(b[4:], uint32(o.next))
	binary.LittleEndian.PutUint16(b[8:], uint16(len(o.name)))
	b[len(b)-1] = 0
	return 1, t.MM().CopyOut(uint32(buf), b)
}
