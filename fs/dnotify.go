package fs

import "cleave/abi"

// dirWatch wants a signal when something happens to an entry of a directory, or to the directory (fcntl(2), F_NOTIFY).
type dirWatch struct {
	file  *File    // open on the directory. It is no reference: closing it in table ends the watch
	table *FDTable // whose descriptor of it was given
	fd    int      // the descriptor, which the signal tells
	mask  uint32   // DN_*
}

// dirEvents are the events of F_NOTIFY, with inotify's that they stand for. Renames within a directory are told apart.
var dirEvents = [...]struct{ dn, in uint32 }{
	{abi.DN_ACCESS, abi.IN_ACCESS},
	{abi.DN_MODIFY, abi.IN_MODIFY},
	{abi.DN_CREATE, abi.IN_CREATE | abi.IN_MOVED_TO},
	{abi.DN_DELETE, abi.IN_DELETE | abi.IN_MOVED_FROM},
	{abi.DN_ATTRIB, abi.IN_ATTRIB},
}

// NotifyDirectory is fcntl(2) with F_NOTIFY on fd of t, which is f: f's owner gets a signal at the next of the events of
// mask (DN_*), or at each with DN_MULTISHOT. Masks of several calls add up; none of the events ends it. ENOTDIR.
func (v *VFS) NotifyDirectory(t *FDTable, fd int, f *File, mask uint32) error {
	i := f.inode
	if !i.IsDir() {
		return abi.ENOTDIR
	}
	if mask&^abi.DN_MULTISHOT == 0 {
		f.dropDirWatch(t)
		return nil
	}
	l := &i.more().watches
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range l.signals {
		if w := &l.signals[k]; w.file == f && w.table == t {
			w.fd, w.mask = fd, w.mask|mask
			return nil
		}
	}
	if !t.is(fd, f) { // closed meanwhile, so that nothing would end the watch
		return nil
	}
	l.signals = append(l.signals, dirWatch{f, t, fd, mask})
	v.watched.Add(1)
	return nil
}

// is reports whether fd is a descriptor of f.
func (t *FDTable) is(fd int, f *File) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return uint(fd) < uint(len(t.files)) && t.files[fd] == f
}

// dropDirWatch ends the watch of f by t, if there is one.
func (f *File) dropDirWatch(t *FDTable) {
	x := f.inode.extra.Load()
	if x == nil {
		return
	}
	l := &x.watches
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range l.signals {
		if w := &l.signals[k]; w.file == f && w.table == t {
			l.dropSignalLocked(k, f.inode.sb.vfs)
			return
		}
	}
}

func (l *watchList) dropSignalLocked(k int, v *VFS) {
	l.signals = append(l.signals[:k:k], l.signals[k+1:]...)
	v.watched.Add(-1)
}

// signalDirectory sends the signals of the directory i for an event of inotify.
func (i *Inode) signalDirectory(event uint32) {
	mask := uint32(0)
	for _, e := range dirEvents {
		if event&e.in != 0 {
			mask |= e.dn
		}
	}
	i.sendDirSignals(mask)
}

// sendDirSignals sends the signals of the directory i for events DN_*. What wants only one has had it.
func (i *Inode) sendDirSignals(mask uint32) {
	x := i.extra.Load()
	if x == nil || mask == 0 {
		return
	}
	l := &x.watches
	var due []dirWatch
	l.mu.Lock()
	for k := len(l.signals) - 1; k >= 0; k-- {
		w := l.signals[k]
		if w.mask&mask == 0 || !w.file.TryGet() {
			continue
		}
		due = append(due, w)
		if w.mask&abi.DN_MULTISHOT == 0 {
			l.dropSignalLocked(k, i.sb.vfs)
		}
	}
	l.mu.Unlock()
	for _, w := range due {
		if o := w.file.Owner(); o != nil {
			o.SignalDirectory(w.fd)
		}
		w.file.Put()
	}
}
