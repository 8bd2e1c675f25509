package procfs

import (
	"strconv"

	"cleave/abi"
	"cleave/fs"
	"cleave/proc"
)

// fdLink is fd/N, fdInfo is fdinfo/N.
var (
	fdLink = entry{mode: abi.S_IFLNK, guard: traced}
	fdInfo = entry{mode: file0444, guard: traced}
)

func init() {
	fdLink.link, fdLink.follow = pathText(fdPath), fdPath
	fdInfo.show = showFDInfo
}

// fdMode is the mode of fd/N: it tells whether the file is open for reading and writing.
func fdMode(flags uint32) uint32 {
	mode := uint32(abi.S_IFLNK)
	if flags&abi.O_PATH != 0 {
		return mode
	}
	switch flags & abi.O_ACCMODE {
	case abi.O_RDONLY:
		return mode | 0o500
	case abi.O_WRONLY:
		return mode | 0o300
	}
	return mode | 0o700
}

func findFD(n *node, name string) (*node, error) { return findFDNode(n, name, &fdLink) }

func findFDInfo(n *node, name string) (*node, error) { return findFDNode(n, name, &fdInfo) }

func findFDNode(n *node, name string, e *entry) (*node, error) {
	fd := parseID(name)
	t := n.task()
	if fd < 0 || t == nil {
		return nil, abi.ENOENT
	}
	flags, ok := t.FDFlags(int(fd))
	if !ok {
		return nil, abi.ENOENT
	}
	row := *e
	if e == &fdLink {
		row.mode = fdMode(flags)
	}
	c := n.m.makeNode(&row, n.pid, childIno(n.inode.Ino(), int(fd)))
	c.e, c.fd, c.group = e, int(fd), n.group
	return c, nil
}

func listFDs(x *access, pos int64, emit emitter) (int64, error) {
	typ := uint8(abi.DT_LNK)
	if x.n.e.guard == tracedDir {
		typ = abi.DT_REG
	}
	for fd := int(pos - firstPIDPos); ; fd++ {
		if fd = x.t.NextFD(fd); fd < 0 {
			return endPos, nil
		}
		if !emit(strconv.Itoa(fd), childIno(x.n.inode.Ino(), fd), typ, firstPIDPos+int64(fd)+1) {
			return firstPIDPos + int64(fd), nil
		}
	}
}

// fdPath is where an open file is.
func fdPath(x *access) (fs.Path, error) {
	f := x.t.OpenFile(x.n.fd)
	if f == nil {
		return fs.Path{}, abi.ENOENT
	}
	defer f.Put()
	return f.Path().Get(), nil
}

func showFDInfo(x *access, w *text) error {
	f := x.t.OpenFile(x.n.fd)
	if f == nil {
		return abi.ENOENT
	}
	defer f.Put()
	pos, err := f.Seek(0, abi.SEEK_CUR)
	if err != nil {
		pos = 0
	}
	flags, _ := x.t.FDFlags(x.n.fd)
	w.printf("pos:\t%d\nflags:\t0%o\nmnt_id:\t%d\nino:\t%d\n", pos, flags, f.Path().Mount.ID(), f.Inode().Ino())
	if nr, ok := proc.PIDOfFile(f, x.pids); ok {
		w.printf("Pid:\t%d\nNSpid:\t%d\n", nr, nr)
	}
	return nil
}
