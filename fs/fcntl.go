package fs

import (
	"cleave/abi"
	"cleave/mm/frame"
	"cleave/wait"
)

// settable are the flags that F_SETFL changes.
const settable = abi.O_APPEND | abi.O_NONBLOCK | abi.O_ASYNC | abi.O_DIRECT | abi.O_NOATIME

// SetFlags is fcntl(2) F_SETFL. EPERM: O_NOATIME on somebody else's file, or O_APPEND away from an append-only one.
func (c *Caller) SetFlags(f *File, flags uint32) error {
	old := f.flags.Load()
	i := f.inode
	switch {
	case old&abi.O_PATH != 0:
		return abi.EBADF
	case old&abi.O_APPEND != 0 && flags&abi.O_APPEND == 0 && i.state.Load()&inodeAppend != 0:
		return abi.EPERM
	case flags&^old&abi.O_NOATIME != 0 && !c.Cred.OwnerOrCapable(i.UID()):
		return abi.EPERM
	}
	f.asyncMu.Lock()
	old = f.flags.Load()
	f.flags.Store(old&^settable | flags&settable)
	f.setAsyncLocked(flags&abi.O_ASYNC != 0)
	f.asyncMu.Unlock()
	return nil
}

// IOOwner is who wants to know of events of a file while O_ASYNC is set (fcntl(2), F_SETOWN).
type IOOwner interface {
	// SignalIO sends SIGIO or the like. It is called with the lock of the file's queue held: it must not block, nor use
	// that queue.
	SignalIO(f *File, ev wait.Events)
	// SignalDirectory sends SIGIO or the like for an event of a directory that fd is open on.
	SignalDirectory(fd int)
	// Drop is called once, when the file is closed or has another owner.
	Drop()
}

// asyncEntry waits for events of a file with O_ASYNC.
type asyncEntry struct {
	wait.Entry
	file *File
}

// Notify implements wait.Listener.
func (e *asyncEntry) Notify(_ *wait.Entry, ev wait.Events) {
	if o := e.file.Owner(); o != nil {
		o.SignalIO(e.file, ev)
	}
}

// setAsyncLocked registers or unregisters the file for SIGIO. f.asyncMu is held.
func (f *File) setAsyncLocked(on bool) {
	q := f.Ops.Queue(f)
	if q == nil || on == (f.async != nil) {
		return
	}
	if on {
		f.async = &asyncEntry{file: f}
		f.async.L, f.async.Mask = f.async, wait.All
		q.Register(&f.async.Entry)
	} else {
		q.Unregister(&f.async.Entry)
		f.async = nil
	}
}

// Sync writes all file systems back (sync(2)). The first error is returned, the others are not kept from their work.
func (v *VFS) Sync() error {
	seen := map[*Superblock]bool{}
	v.tree.RLock()
	for _, m := range v.mounts.buckets {
		for ; m != nil; m = m.hashNext {
			seen[m.sb] = true
		}
	}
	v.tree.RUnlock()
	var first error
	for sb := range seen {
		if err := sb.ops.Sync(sb); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Fsync is fsync(2), data only: fdatasync(2). EBADF, EINVAL.
func (f *File) Fsync(data bool) error {
	if f.flags.Load()&abi.O_PATH != 0 {
		return abi.EBADF
	}
	return f.Ops.Sync(f, data)
}

// maxCopy is how much one call copies at most.
const maxCopy = 0x7ffff000

// Sendfile copies up to n bytes from in, at *off or its position, to out (sendfile(2)). EINVAL: in has no positions, or
// out has O_APPEND. EAGAIN when out takes nothing now.
func (c *Caller) Sendfile(out, in *File, off *int64, n int) (int, error) {
	switch {
	case !in.Readable() || !out.Writable():
		return 0, abi.EBADF
	case in.stream && off != nil:
		return 0, abi.ESPIPE
	case in.stream || out.flags.Load()&abi.O_APPEND != 0 || off != nil && *off < 0:
		return 0, abi.EINVAL
	}
	return c.copyRange(in, off, out, nil, n)
}

// CopyFileRange is copy_file_range(2); nil offsets are the files' positions. EINVAL: not regular files, a negative offset, or
// ranges of one file that overlap; EOVERFLOW; EISDIR; EXDEV never.
func (c *Caller) CopyFileRange(in *File, inOff *int64, out *File, outOff *int64, n int) (int, error) {
	switch {
	case in.inode.IsDir() || out.inode.IsDir():
		return 0, abi.EISDIR
	case in.inode.Type() != abi.S_IFREG || out.inode.Type() != abi.S_IFREG:
		return 0, abi.EINVAL
	case !in.Readable() || !out.Writable() || out.flags.Load()&abi.O_APPEND != 0:
		return 0, abi.EBADF
	}
	from, to := in.offset(inOff), out.offset(outOff)
	switch {
	case from < 0 || to < 0:
		return 0, abi.EINVAL
	case from+int64(n) < 0 || to+int64(n) < 0:
		return 0, abi.EOVERFLOW
	case in.inode == out.inode && from < to+int64(n) && to < from+int64(n):
		return 0, abi.EINVAL
	}
	return c.copyRange(in, inOff, out, outOff, n)
}

// offset returns *off, or the file's position.
func (f *File) offset(off *int64) int64 {
	if off != nil {
		return *off
	}
	f.posMu.Lock()
	defer f.posMu.Unlock()
	return f.pos
}

// copyRange copies through a page of the kernel's.
func (c *Caller) copyRange(in *File, inOff *int64, out *File, outOff *int64, n int) (int, error) {
	pool := c.VFS.Pool
	pfn, err := pool.Alloc(frame.Kernel)
	if err != nil {
		return 0, err
	}
	page := pool.Page(pfn)
	at := in.offset(inOff)
	done := 0
	for n = min(n, maxCopy); done < n && err == nil; {
		var got, put int
		got, err = in.Ops.Read(in, c, &Bytes{page[:min(len(page), n-done)]}, at)
		if got == 0 || err != nil {
			break
		}
		if outOff == nil {
			put, err = c.Write(out, &Bytes{page[:got]})
		} else if put, err = c.Pwrite(out, &Bytes{page[:got]}, *outOff); put > 0 {
			*outOff += int64(put)
		}
		done += put
		at += int64(put)
		if put < got {
			break
		}
	}
	pool.Unref(pfn)
	if inOff != nil {
		*inOff = at
	} else {
		in.posMu.Lock()
		in.pos = at
		in.posMu.Unlock()
	}
	if done > 0 {
		return done, nil
	}
	return 0, err
}
