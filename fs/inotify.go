package fs

import (
	"encoding/binary"
	"sync"

	"cleave/abi"
	"cleave/ns/user"
	"cleave/wait"
)

// watchList has the watches of one inode.
type watchList struct {
	mu      sync.Mutex // taken before Inotify.mu and FDTable.mu
	list    []*inotifyWatch
	signals []dirWatch // of a directory, by F_NOTIFY
}

// inotifyWatch is one watch (inotify(7)).
type inotifyWatch struct {
	inode *Inode // a user of it
	in    *Inotify
	wd    int32
	mask  uint32 // guarded by the inode's watchList.mu
}

// Inotify is an inotify instance, behind an open file.
type Inotify struct {
	NoFile
	vfs     *VFS
	account *user.Account
	queue   wait.Queue

	mu      sync.Mutex
	watches map[int32]*inotifyWatch // guarded by mu, as is what follows
	lastWD  int32
	events  []inotifyEvent
}

type inotifyEvent struct {
	wd           int32
	mask, cookie uint32
	name         []byte
}

const (
	inotifyHeader = 16    // bytes of struct inotify_event
	maxEvents     = 16384 // of one instance (/proc/sys/fs/inotify/max_queued_events)
)

// size is how many bytes the event is read as: the name is padded to a multiple of the header's size.
func (e *inotifyEvent) size() int {
	if len(e.name) == 0 {
		return inotifyHeader
	}
	return inotifyHeader + (len(e.name)+inotifyHeader)&^(inotifyHeader-1)
}

// NewInotify is inotify_init1(2). flags: O_NONBLOCK. EMFILE: the user has too many instances.
func (v *VFS) NewInotify(cred *user.Cred, flags uint32) (*File, error) {
	if !cred.Account.Charge(user.InotifyInstances, 1, int64(cred.NS.Limit(user.LimitInotifyInstances))) {
		return nil, abi.EMFILE
	}
	in := &Inotify{vfs: v, account: cred.Account, watches: map[int32]*inotifyWatch{}}
	return v.NewAnonFile(in, "anon_inode:inotify", nil, flags&abi.O_NONBLOCK|abi.O_RDONLY, cred), nil
}

// InotifyAdd is inotify_add_watch(2). EINVAL: f is no inotify instance, or no event in mask; EACCES, ENOSPC, ENOTDIR,
// EEXIST.
func (c *Caller) InotifyAdd(f *File, path []byte, mask uint32) (int32, error) {
	in, ok := f.Ops.(*Inotify)
	if !ok || mask&(abi.IN_ALL_EVENTS|abi.IN_UNMOUNT) == 0 || mask&abi.IN_MASK_ADD != 0 && mask&abi.IN_MASK_CREATE != 0 {
		return 0, abi.EINVAL
	}
	walk := uint32(walkFollow)
	if mask&abi.IN_DONT_FOLLOW != 0 {
		walk = 0
	}
	if mask&abi.IN_ONLYDIR != 0 {
		walk |= walkDir
	}
	p, err := c.lookup(abi.AT_FDCWD, path, walk, 0)
	if err != nil {
		return 0, err
	}
	defer p.Put()
	if err := p.permission(c, abi.R_OK); err != nil {
		return 0, err
	}
	return in.add(c, p.Dentry.inode, mask)
}

func (in *Inotify) add(c *Caller, i *Inode, mask uint32) (int32, error) {
	l := &i.more().watches
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.list {
		if w.in != in {
			continue
		}
		if mask&abi.IN_MASK_CREATE != 0 {
			return 0, abi.EEXIST
		}
		if mask&abi.IN_MASK_ADD != 0 {
			mask |= w.mask
		}
		w.mask = mask
		return w.wd, nil
	}
	if !in.account.Charge(user.InotifyWatches, 1, int64(c.Cred.NS.Limit(user.LimitInotifyWatches))) {
		return 0, abi.ENOSPC
	}
	i.Get()
	w := &inotifyWatch{inode: i, in: in, mask: mask}
	in.mu.Lock()
	in.lastWD++
	w.wd = in.lastWD
	in.watches[w.wd] = w
	in.mu.Unlock()
	l.list = append(l.list, w)
	in.vfs.watched.Add(1)
	return w.wd, nil
}

// InotifyRemove is inotify_rm_watch(2). EINVAL: no such watch, or f is no inotify instance.
func (c *Caller) InotifyRemove(f *File, wd int32) error {
	in, ok := f.Ops.(*Inotify)
	if !ok {
		return abi.EINVAL
	}
	in.mu.Lock()
	w := in.watches[wd]
	in.mu.Unlock()
	if w == nil || !w.remove() {
		return abi.EINVAL
	}
	return nil
}

// remove ends a watch, and tells so. It returns false if somebody else has been faster.
func (w *inotifyWatch) remove() bool {
	l := &w.inode.extra.Load().watches
	l.mu.Lock()
	found := false
	for k, x := range l.list {
		if x == w {
			l.list = append(l.list[:k:k], l.list[k+1:]...)
			found = true
			break
		}
	}
	l.mu.Unlock()
	if !found {
		return false
	}
	in := w.in
	in.mu.Lock()
	delete(in.watches, w.wd)
	in.mu.Unlock()
	in.post(inotifyEvent{wd: w.wd, mask: abi.IN_IGNORED})
	in.account.Add(user.InotifyWatches, -1)
	in.vfs.watched.Add(-1)
	w.inode.Put()
	return true
}

// Release ends all watches.
func (in *Inotify) Release(*File) {
	for {
		in.mu.Lock()
		var w *inotifyWatch
		for _, w = range in.watches {
			break
		}
		in.mu.Unlock()
		if w == nil {
			break
		}
		w.remove()
	}
	in.account.Add(user.InotifyInstances, -1)
}

// post queues an event. One that is like the last is not queued again.
func (in *Inotify) post(e inotifyEvent) {
	in.mu.Lock()
	n := len(in.events)
	switch {
	case n > 0 && in.events[n-1].wd == e.wd && in.events[n-1].mask == e.mask && in.events[n-1].cookie == e.cookie &&
		string(in.events[n-1].name) == string(e.name):
	case n == maxEvents:
		in.events = append(in.events, inotifyEvent{wd: -1, mask: abi.IN_Q_OVERFLOW})
	case n < maxEvents:
		in.events = append(in.events, e)
	}
	in.mu.Unlock()
	in.queue.Notify(wait.Readable)
}

// Read returns whole events. EAGAIN: none; EINVAL: no room for the next.
func (in *Inotify) Read(_ *File, _ *Caller, b Buffer, _ int64) (int, error) {
	done := 0
	for {
		in.mu.Lock()
		if len(in.events) == 0 {
			in.mu.Unlock()
			if done == 0 {
				return 0, abi.EAGAIN
			}
			return done, nil
		}
		e := in.events[0]
		if e.size() > b.Len() {
			in.mu.Unlock()
			if done == 0 {
				return 0, abi.EINVAL
			}
			return done, nil
		}
		if in.events = in.events[1:]; len(in.events) == 0 {
			in.events = nil
		}
		in.mu.Unlock()
		raw := make([]byte, e.size())
		binary.LittleEndian.PutUint32(raw, uint32(e.wd))
		binary.LittleEndian.PutUint32(raw[4:], e.mask)
		binary.LittleEndian.PutUint32(raw[8:], e.cookie)
		binary.LittleEndian.PutUint32(raw[12:], uint32(len(raw)-inotifyHeader))
		copy(raw[inotifyHeader:], e.name)
		n, err := b.CopyOut(raw)
		done += n
		if err != nil {
			return done, err
		}
	}
}

// Poll says whether there are events.
func (in *Inotify) Poll(*File) wait.Events {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.events) > 0 {
		return wait.Readable
	}
	return 0
}

// Queue is notified of events.
func (in *Inotify) Queue(*File) *wait.Queue { return &in.queue }

// Ioctl answers FIONREAD.
func (in *Inotify) Ioctl(_ *File, _ *Caller, cmd, arg uint32, m UserMemory) (uint32, error) {
	if cmd != abi.FIONREAD {
		return 0, abi.ENOTTY
	}
	in.mu.Lock()
	n := 0
	for k := range in.events {
		n += in.events[k].size()
	}
	in.mu.Unlock()
	return 0, m.CopyOut(arg, binary.LittleEndian.AppendUint32(nil, uint32(n)))
}

// tell passes an event to the watches of i. name is that of an entry of i, or nil.
func (i *Inode) tell(mask uint32, name []byte, cookie uint32) {
	x := i.extra.Load()
	if x == nil {
		return
	}
	var once []*inotifyWatch
	x.watches.mu.Lock()
	for _, w := range x.watches.list {
		if w.mask&mask&abi.IN_ALL_EVENTS != 0 || mask&(abi.IN_UNMOUNT|abi.IN_IGNORED) != 0 {
			w.in.post(inotifyEvent{wd: w.wd, mask: mask, cookie: cookie, name: name})
			if w.mask&abi.IN_ONESHOT != 0 {
				once = append(once, w)
			}
		}
	}
	x.watches.mu.Unlock()
	for _, w := range once {
		w.remove()
	}
	if i.IsDir() {
		i.signalDirectory(mask)
	}
}

// notify tells of an event of the file at p: those who watch it, and those who watch its directory.
func (p Path) notify(mask uint32) {
	d := p.Dentry
	v := d.inode.sb.vfs
	if v.watched.Load() == 0 {
		return
	}
	if d.inode.IsDir() {
		mask |= abi.IN_ISDIR
	}
	v.tree.RLock()
	parent, name, hashed := d.parent, d.name, d.hashed
	v.tree.RUnlock()
	if parent != d && hashed {
		parent.inode.tell(mask, name, 0)
	}
	d.inode.tell(mask, nil, 0)
}

// notify tells of an event of an open file.
func (f *File) notify(mask uint32) { f.path.notify(mask) }

// notifyName tells of an event of an entry of the directory i.
func (i *Inode) notifyName(mask uint32, name []byte, cookie uint32) {
	if i.sb.vfs.watched.Load() != 0 {
		i.tell(mask, append([]byte(nil), name...), cookie)
	}
}

// notifySelf tells those who watch i itself.
func (i *Inode) notifySelf(mask uint32) {
	if i.sb.vfs.watched.Load() != 0 {
		i.tell(mask, nil, 0)
	}
}

// notifyGone tells that a name of i has gone; with the last one, all watches end.
func (i *Inode) notifyGone() {
	if i.sb.vfs.watched.Load() == 0 {
		return
	}
	if i.nlink.Load() != 0 {
		i.tell(abi.IN_ATTRIB, nil, 0)
		return
	}
	i.tell(abi.IN_DELETE_SELF, nil, 0)
	x := i.extra.Load()
	for x != nil {
		x.watches.mu.Lock()
		var w *inotifyWatch
		if len(x.watches.list) > 0 {
			w = x.watches.list[0]
		}
		x.watches.mu.Unlock()
		if w == nil || !w.remove() {
			return
		}
	}
}
