package fs

import "cleave/abi"

// cachedDir is a directory of a file system whose entries are all in the cache of names.
type cachedDir struct{ NoFile }

// Read refuses.
func (cachedDir) Read(*File, *Caller, Buffer, int64) (int, error) { return 0, abi.EISDIR }

// Seek sets the position to what ReadDir has told, or to 0.
func (cachedDir) Seek(_ *File, pos, off int64, whence int) (int64, error) {
	if whence == abi.SEEK_END {
		return 0, abi.EINVAL
	}
	return SeekWithin(pos, off, whence, 0, 1<<31-1)
}

// Sync has nothing to write.
func (cachedDir) Sync(*File, bool) error { return nil }

// dirBatch is how many entries are read under the lock at once.
const dirBatch = 32

type dirEntry struct {
	name []byte
	ino  uint64
	typ  uint8
	next int64
}

// ReadDir gives the entries in the order in which they were made.
func (cachedDir) ReadDir(f *File, _ *Caller, pos int64, sink DirSink) (int64, error) {
	pos, ok := EmitDots(f, pos, sink)
	var batch [dirBatch]dirEntry
	for ok {
		n := f.readNames(pos, &batch)
		if n == 0 {
			break
		}
		for i := range batch[:n] {
			e := &batch[i]
			if ok = sink.Entry(e.name, e.ino, e.typ, e.next); !ok {
				break
			}
			pos = e.next
		}
	}
	return pos, nil
}

// readNames fills batch with the names from position pos on. f.posMu is held.
func (f *File) readNames(pos int64, batch *[dirBatch]dirEntry) int {
	v, dir := f.inode.sb.vfs, f.path.Dentry
	v.tree.RLock()
	d := dir.first
	if at := f.dirNext; at != nil && at.hashed && at.parent == dir && int64(at.cookie) <= pos {
		d = at // where the last call has ended
	}
	n := 0
	for ; d != nil && n < dirBatch; d = d.next {
		if int64(d.cookie) < pos {
			continue
		}
		batch[n] = dirEntry{d.name, d.inode.ino, uint8(d.inode.mode.Load() >> 12 & 15), int64(d.cookie) + 1}
		f.dirNext = d
		n++
	}
	v.tree.RUnlock()
	return n
}

// EmitDots gives "." and ".." if pos is still before them, and returns the position after. ok: sink has room for more.
func EmitDots(f *File, pos int64, sink DirSink) (next int64, ok bool) {
	d := f.path.Dentry
	if pos < 1 {
		if !sink.Entry([]byte("."), d.inode.ino, abi.DT_DIR, 1) {
			return pos, false
		}
		pos = 1
	}
	if pos < firstCookie {
		v := f.inode.sb.vfs
		v.tree.RLock()
		up := d.parent.inode.ino
		v.tree.RUnlock()
		if !sink.Entry([]byte(".."), up, abi.DT_DIR, firstCookie) {
			return pos, false
		}
		pos = firstCookie
	}
	return pos, true
}

// ReadDir gives the directory's entries from the file's position on to sink. ENOTDIR; ENOENT: the directory has been removed.
func (c *Caller) ReadDir(f *File, sink DirSink) error {
	if f.flags.Load()&abi.O_PATH != 0 {
		return abi.EBADF
	}
	if !f.inode.IsDir() {
		return abi.ENOTDIR
	}
	v := c.VFS
	v.tree.RLock()
	dead := f.path.Dentry.dead
	v.tree.RUnlock()
	if dead {
		return abi.ENOENT
	}
	f.posMu.Lock()
	pos, err := f.Ops.ReadDir(f, c, f.pos, sink)
	f.pos = pos
	f.posMu.Unlock()
	f.accessed()
	return err
}
