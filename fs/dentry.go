package fs

import "cleave/abi"

// Dentry is a name in a directory and the inode that it leads to, in the cache of names. All fields but the constant
// ones are guarded by VFS.tree.
type Dentry struct {
	parent *Dentry // itself for a root
	inode  *Inode  // constant
	name   []byte  // never written to: a rename stores another slice
	hash   uint32  // of parent and name
	id     uint32  // constant; tells directories apart in hashes

	hashed bool   // in the table of names; false for roots, removed names and files without a name
	dead   bool   // removed: nothing can be made in it or mounted on it
	cookie uint32 // position in the parent, for getdents(2)

	hashNext    *Dentry
	next, prev  *Dentry // children of one parent, by cookie
	first, last *Dentry // own children
	lastCookie  uint32

	mounts *Mount // mounted here, in whatever namespace: linked by Mount.hereNext
}

// Inode returns the inode.
func (d *Dentry) Inode() *Inode { return d.inode }

// firstCookie leaves 0 and 1 for . and .. in getdents(2).
const firstCookie = 2

// hashSeed starts the hash of a name in dir; every byte b continues it as h*31 + b. The walk does the same as hashName
// while it looks for the end of the component.
func hashSeed(dir *Dentry) uint32 { return dir.id * 0x9e3779b1 }

func hashName(dir *Dentry, name []byte) uint32 {
	h := hashSeed(dir)
	for _, b := range name {
		h = h*31 + uint32(b)
	}
	return h
}

// nameTable is the hash table of the cache of names, guarded by VFS.tree.
type nameTable struct {
	buckets []*Dentry // a power of two
	shift   uint32    // 32 - log2 of their number
	count   int
	loose   int // of file systems that can look a name up again
	sweep   int // bucket where the next sweep starts
}

const firstNameBuckets = 1 << 10

func (t *nameTable) init(n int) {
	t.buckets = make([]*Dentry, n)
	t.shift = 32
	for ; n > 1; n >>= 1 {
		t.shift--
	}
}

func (t *nameTable) index(h uint32) uint32 { return (h * 0x9e3779b1) >> t.shift }

// find returns the entry of a name, or nil.
func (t *nameTable) find(dir *Dentry, name []byte, h uint32) *Dentry {
	for d := t.buckets[t.index(h)]; d != nil; d = d.hashNext {
		if d.hash == h && d.parent == dir && string(d.name) == string(name) {
			return d
		}
	}
	return nil
}

// insert adds d, whose parent, name and hash are set.
func (t *nameTable) insert(d *Dentry) {
	if t.count >= len(t.buckets) {
		t.grow(2 * len(t.buckets))
	}
	b := &t.buckets[t.index(d.hash)]
	d.hashNext = *b
	*b = d
	d.hashed = true
	t.count++
}

func (t *nameTable) grow(n int) {
	old := t.buckets
	t.init(n)
	for _, d := range old {
		for d != nil {
			next := d.hashNext
			b := &t.buckets[t.index(d.hash)]
			d.hashNext = *b
			*b = d
			d = next
		}
	}
}

// remove takes d out.
func (t *nameTable) remove(d *Dentry) {
	p := &t.buckets[t.index(d.hash)]
	for *p != d {
		p = &(*p).hashNext
	}
	*p = d.hashNext
	d.hashNext = nil
	d.hashed = false
	t.count--
}

// Grow makes room for n more names, for who knows that they come (the unpacking of an archive).
func (v *VFS) Grow(n int) {
	v.tree.Lock()
	size := len(v.names.buckets)
	for size < v.names.count+n {
		size *= 2
	}
	if size > len(v.names.buckets) {
		v.names.grow(size)
	}
	v.tree.Unlock()
}

// attachLocked makes d, which is new or detached, the entry name of dir. VFS.tree is held.
func (v *VFS) attachLocked(dir, d *Dentry, name []byte, h uint32) {
	d.parent, d.name, d.hash = dir, name, h
	if dir.lastCookie < firstCookie {
		dir.lastCookie = firstCookie
	}
	d.cookie = dir.lastCookie
	dir.lastCookie++
	d.prev, d.next = dir.last, nil
	if dir.last != nil {
		dir.last.next = d
	} else {
		dir.first = d
	}
	dir.last = d
	v.names.insert(d)
	if d.inode.sb.flags&SuperCached == 0 {
		v.names.loose++
	}
}

// detachLocked takes d out of its directory; d keeps parent and name, for /proc/PID/fd. VFS.tree is held.
func (v *VFS) detachLocked(d *Dentry) {
	v.names.remove(d)
	if d.inode.sb.flags&SuperCached == 0 {
		v.names.loose--
	}
	dir := d.parent
	if d.prev != nil {
		d.prev.next = d.next
	} else {
		dir.first = d.next
	}
	if d.next != nil {
		d.next.prev = d.prev
	} else {
		dir.last = d.prev
	}
	d.prev, d.next = nil, nil
}

// newDentry makes an entry for i that is in no directory yet.
func (v *VFS) newDentry(i *Inode) *Dentry {
	return &Dentry{inode: i, id: v.nextDentry.Add(1)}
}

// addName makes name in dir lead to i, and counts the name as a user of i. dir.inode.mu is held. keep: name is not the
// caller's buffer, so it may stay.
func (v *VFS) addName(dir *Dentry, name []byte, i *Inode) *Dentry {
	d := v.newDentry(i)
	i.users.Add(1)
	own := make([]byte, len(name))
	copy(own, name)
	v.tree.Lock()
	v.attachLocked(dir, d, own, hashName(dir, own))
	tooMany := v.names.loose > maxLooseNames
	v.tree.Unlock()
	if tooMany {
		v.shrinkNames(maxLooseNames / 8)
	}
	return d
}

// Plant makes name in dir lead to i, with d, which is new: for who fills a file system in bulk. name is kept.
func (v *VFS) Plant(dir, d *Dentry, name []byte, i *Inode) {
	d.inode, d.id = i, v.nextDentry.Add(1)
	i.users.Add(1)
	h := hashName(dir, name)
	v.tree.Lock()
	v.attachLocked(dir, d, name, h)
	v.tree.Unlock()
}

// Child returns the entry name of dir in the cache, or nil.
func (v *VFS) Child(dir *Dentry, name []byte) *Dentry {
	v.tree.RLock()
	d := v.names.find(dir, name, hashName(dir, name))
	v.tree.RUnlock()
	return d
}

// Remove forgets d, an entry that Plant has made: the bulk filling replaces it.
func (v *VFS) Remove(d *Dentry) { v.dropName(d) }

// maxLooseNames is how many names of file systems that could look them up again are kept.
const maxLooseNames = 1 << 14

// shrinkNames forgets up to n names that nobody uses and that their file system can look up again.
func (v *VFS) shrinkNames(n int) int {
	var gone []*Inode
	v.tree.Lock()
	t := &v.names
	for range t.buckets {
		t.sweep = (t.sweep + 1) & (len(t.buckets) - 1)
		for d := t.buckets[t.sweep]; d != nil && len(gone) < n; {
			next := d.hashNext
			if d.inode.sb.flags&SuperCached == 0 && d.first == nil && d.mounts == nil && d.inode.users.Load() == 1 {
				v.detachLocked(d)
				gone = append(gone, d.inode)
			}
			d = next
		}
		if len(gone) >= n {
			break
		}
	}
	v.tree.Unlock()
	for _, i := range gone {
		i.Put()
	}
	return len(gone)
}

// dropName removes d from the cache: the name is gone, or no longer true. What is mounted on it, or below it in the
// cache, goes as well.
func (v *VFS) dropName(d *Dentry) {
	var gone dropped
	v.tree.Lock()
	v.dropLocked(d, &gone)
	v.tree.Unlock()
	gone.finish(v)
}

// dropped collects what is let go of once VFS.tree has been released.
type dropped struct {
	inodes []*Inode
	mounts []*Mount
	unused []*Inode      // without users
	supers []*Superblock // without references
}

func (v *VFS) dropLocked(d *Dentry, gone *dropped) {
	for d.first != nil {
		v.dropLocked(d.first, gone)
	}
	d.dead = true
	if d.hashed {
		v.detachLocked(d)
		gone.inodes = append(gone.inodes, d.inode)
	}
	for d.mounts != nil {
		v.umountTreeLocked(d.mounts, umountConnected, gone)
	}
}

func (g *dropped) finish(v *VFS) {
	for _, i := range g.inodes {
		i.Put()
	}
	for _, m := range g.mounts {
		m.Put()
	}
	for _, i := range g.unused {
		i.evict()
	}
	for _, sb := range g.supers {
		sb.shutdown()
	}
}

// unlinked reports whether d has been removed from its directory. VFS.tree is held.
func (d *Dentry) unlinked() bool { return !d.hashed && d.parent != d }

// isBelow reports whether d is top or lies below it. VFS.tree is held.
func (d *Dentry) isBelow(top *Dentry) bool {
	for d != top {
		if d.parent == d || d.parent == nil {
			return false
		}
		d = d.parent
	}
	return true
}

// lookupSlow asks the file system for a name that is not in the cache, or no longer valid. No lock is held.
func (v *VFS) lookupSlow(dir *Dentry, name []byte, h uint32) (*Dentry, error) {
	i := dir.inode
	i.mu.Lock()
	d, err := v.lookupIn(dir, name, h)
	i.mu.Unlock()
	return d, err
}

// lookupIn finds a name with the directory's content lock held.
func (v *VFS) lookupIn(dir *Dentry, name []byte, h uint32) (*Dentry, error) {
	v.tree.RLock()
	d := v.names.find(dir, name, h)
	dead := dir.dead
	v.tree.RUnlock()
	sb := dir.inode.sb
	if d != nil {
		if sb.flags&SuperVolatile == 0 || d.inode.ops.Valid(d.inode) {
			return d, nil
		}
		v.dropName(d)
	}
	if dead || sb.flags&SuperCached != 0 {
		return nil, abi.ENOENT
	}
	i, err := dir.inode.ops.Lookup(dir.inode, name)
	if err != nil {
		return nil, err
	}
	d = v.addName(dir, name, i)
	return d, nil
}

// Entry finds name in the directory dir, in the cache or by asking the file system. The caller knows that the inode stays.
func (v *VFS) Entry(dir *Dentry, name []byte) (*Dentry, error) {
	return v.lookupSlow(dir, name, hashName(dir, name))
}
