package linux386

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/proc"
)

// OpenFlags are flags of open(2).
type OpenFlags uint32

func (OpenFlags) show(p *printer, i int) {
	v := p.regs[i]
	p.text([]string{"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"}[v&abi.O_ACCMODE])
	p.more(v&^abi.O_ACCMODE, []flag{{abi.O_CREAT, "O_CREAT"}, {abi.O_EXCL, "O_EXCL"}, {abi.O_NOCTTY, "O_NOCTTY"}, {abi.O_TRUNC, "O_TRUNC"},
		{abi.O_APPEND, "O_APPEND"}, {abi.O_NONBLOCK, "O_NONBLOCK"}, {abi.O_SYNC, "O_SYNC"}, {abi.O_DSYNC, "O_DSYNC"},
		{abi.O_ASYNC, "O_ASYNC"}, {abi.O_DIRECT, "O_DIRECT"}, {abi.O_LARGEFILE, "O_LARGEFILE"}, {abi.O_TMPFILE, "O_TMPFILE"},
		{abi.O_DIRECTORY, "O_DIRECTORY"}, {abi.O_NOFOLLOW, "O_NOFOLLOW"}, {abi.O_NOATIME, "O_NOATIME"},
		{abi.O_CLOEXEC, "O_CLOEXEC"}, {abi.O_PATH, "O_PATH"}})
}

// openFlags are those that open(2) knows; it ignores others.
const openFlags = abi.O_ACCMODE | abi.O_CREAT | abi.O_EXCL | abi.O_NOCTTY | abi.O_TRUNC | abi.O_APPEND | abi.O_NONBLOCK | abi.O_SYNC |
	abi.O_ASYNC | abi.O_DIRECT | abi.O_LARGEFILE | abi.O_DIRECTORY | abi.O_NOFOLLOW | abi.O_NOATIME | abi.O_CLOEXEC | abi.O_PATH |
	abi.O_TMPFILE

// openAt opens a file and gives it a descriptor, which is taken before, so that no file is made for want of one.
func openAt(t *proc.Task, dir DirFD, path Path, how fs.OpenHow) (FD, error) {
	name, err := path.load(t)
	if err != nil {
		return 0, err
	}
	files := t.Files()
	fd, err := files.Reserve(t.NoFile(), how.Flags&abi.O_CLOEXEC != 0)
	if err != nil {
		return 0, err
	}
	f, err := t.Open(int(dir), name, how)
	if err != nil {
		files.Cancel(fd)
		return 0, err
	}
	files.Fill(fd, f)
	return FD(fd), nil
}

func sysOpenat(t *proc.Task, dir DirFD, path Path, flags OpenFlags, mode Mode) (FD, error) {
	how := fs.OpenHow{Flags: uint32(flags) & openFlags}
	if flags&abi.O_CREAT != 0 || flags&abi.O_TMPFILE == abi.O_TMPFILE {
		how.Mode = uint32(mode) & abi.S_IALLUGO
	}
	return openAt(t, dir, path, how)
}

func sysOpen(t *proc.Task, path Path, flags OpenFlags, mode Mode) (FD, error) {
	return sysOpenat(t, abi.AT_FDCWD, path, flags, mode)
}

func sysCreat(t *proc.Task, path Path, mode Mode) (FD, error) {
	return sysOpen(t, path, abi.O_CREAT|abi.O_WRONLY|abi.O_TRUNC, mode)
}

func sysOpenat2(t *proc.Task, dir DirFD, path Path, how Ptr[openHow], size Size) (FD, error) {
	const resolve = abi.RESOLVE_NO_XDEV | abi.RESOLVE_NO_MAGICLINKS | abi.RESOLVE_NO_SYMLINKS | abi.RESOLVE_BENEATH |
		abi.RESOLVE_IN_ROOT | abi.RESOLVE_CACHED
	var w [3]uint64
	if err := loadWords(t, uint32(how), uint32(size), 24, w[:]); err != nil {
		return 0, err
	}
	h := openHow{w[0], w[1], w[2]}
	makes := h.Flags&abi.O_CREAT != 0 || h.Flags&abi.O_TMPFILE == abi.O_TMPFILE
	switch {
	case h.Flags&^openFlags != 0, h.Resolve&^resolve != 0, h.Mode&^abi.S_IALLUGO != 0, h.Mode != 0 && !makes,
		h.Resolve&abi.RESOLVE_BENEATH != 0 && h.Resolve&abi.RESOLVE_IN_ROOT != 0,
		h.Flags&abi.O_PATH != 0 && h.Flags&^(abi.O_PATH|abi.O_DIRECTORY|abi.O_NOFOLLOW|abi.O_CLOEXEC) != 0:
		return 0, abi.EINVAL
	case h.Resolve&abi.RESOLVE_CACHED != 0 && h.Flags&(abi.O_TRUNC|abi.O_CREAT|abi.O_TMPFILE&^abi.O_DIRECTORY) != 0:
		return 0, abi.EAGAIN
	}
	return openAt(t, dir, path, fs.OpenHow{Flags: uint32(h.Flags), Mode: uint32(h.Mode), Resolve: uint32(h.Resolve)})
}

func sysClose(t *proc.Task, fd FD) error { return t.Files().Close(int(fd)) }

func sysCloseRange(t *proc.Task, first, last Uint, flags Hex) error {
	if flags&^(abi.CLOSE_RANGE_UNSHARE|abi.CLOSE_RANGE_CLOEXEC) != 0 || first > last {
		return abi.EINVAL
	}
	if flags&abi.CLOSE_RANGE_UNSHARE != 0 {
		if err := t.Unshare(abi.CLONE_FILES); err != nil {
			return err
		}
	}
	t.Files().CloseRange(uint(first), uint(last), flags&abi.CLOSE_RANGE_CLOEXEC != 0)
	return nil
}

func sysDup(t *proc.Task, fd FD) (FD, error) {
	n, err := t.Files().Dup(int(fd), 0, t.NoFile(), false)
	return FD(n), err
}

func sysDup3(t *proc.Task, old, new FD, flags OpenFlags) (FD, error) {
	if flags&^abi.O_CLOEXEC != 0 || old == new {
		return 0, abi.EINVAL
	}
	return new, t.Files().DupTo(int(old), int(new), t.NoFile(), flags&abi.O_CLOEXEC != 0)
}

func sysDup2(t *proc.Task, old, new FD) (FD, error) {
	if old != new {
		return sysDup3(t, old, new, 0)
	}
	f, err := t.Files().Get(int(old))
	if err != nil {
		return 0, err
	}
	f.Put()
	return new, nil
}

// install gives a new file, whose reference it takes over, a descriptor.
func install(t *proc.Task, f *fs.File, flags uint32) (FD, error) {
	fd, err := t.Files().Install(f, t.NoFile(), flags&abi.O_CLOEXEC != 0)
	if err != nil {
		f.Put()
	}
	return FD(fd), err
}

// installPair gives two new files descriptors and tells them to the program. On an error neither stays.
func installPair(t *proc.Task, a, b *fs.File, flags uint32, at Ret[[2]int32]) error {
	fa, err := install(t, a, flags)
	if err != nil {
		b.Put()
		return err
	}
	fb, err := install(t, b, flags)
	if err == nil {
		if err = at.Store(t, &[2]int32{int32(fa), int32(fb)}); err == nil {
			return nil
		}
		_ = t.Files().Close(int(fb))
	}
	_ = t.Files().Close(int(fa)) // another thread may have closed it first
	return err
}

func sysUmask(t *proc.Task, mask Mode) (Mode, error) { return Mode(t.FS().SetUmask(uint32(mask))), nil }

func sysChdir(t *proc.Task, path Path) error {
	p, err := path.load(t)
	if err != nil {
		return err
	}
	return t.Caller.Chdir(p)
}

func sysFchdir(t *proc.Task, fd FD) error {
	f, err := t.Files().Get(int(fd))
	if err != nil {
		return err
	}
	err = t.Caller.Fchdir(f)
	f.Put()
	return err
}

func sysChroot(t *proc.Task, path Path) error {
	p, err := path.load(t)
	if err != nil {
		return err
	}
	return t.Caller.Chroot(p)
}

// sysGetcwd returns the length with the NUL.
func sysGetcwd(t *proc.Task, buf Ret[[0]byte], size Size) (Size, error) {
	p, err := t.Caller.Getcwd(t.PathBuffer(0)[:0])
	if err != nil {
		return 0, err
	}
	p = append(p, 0)
	if uint64(len(p)) > uint64(size) {
		return 0, abi.ERANGE
	}
	return Size(len(p)), t.MM().CopyOut(uint32(buf), p)
}
