package tmpfs

import (
	"cleave/abi"
	"cleave/fs"
	"cleave/mm/frame"
)

// cluster is how many pages BringPage takes from the boot image at once.
const cluster = 16

// BringPage puts the page, and its neighbours if that needs no copy, from the boot image into the page cache.
func (n *node) BringPage(i *fs.Inode, idx uint64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	pages := uint64(len(n.data)+abi.PageSize-1) / abi.PageSize
	if idx >= pages || n.isBrought(int(idx)) {
		return nil
	}
	if n.brought == nil {
		n.brought = make([]uint64, (pages+63)/64)
	}
	whole := uint64(len(n.data)) / abi.PageSize
	if n.first == 0 || idx >= whole {
		return n.copyPage(i, idx)
	}
	for p := idx &^ (cluster - 1); p < min(whole, idx|(cluster-1)+1); p++ {
		if n.isBrought(int(p)) {
			continue
		}
		f := n.first + frame.PFN(p)
		n.fs.vfs.Pool.Adopt(f, 1, frame.PageCache)
		i.Pages().Insert(p, f)
		n.setBrought(p)
	}
	return nil
}

// copyPage copies a page that does not fill a frame of the boot image. n.mu is held.
func (n *node) copyPage(i *fs.Inode, idx uint64) error {
	pool := n.fs.vfs.Pool
	f, err := pool.Alloc(frame.PageCache)
	if err != nil {
		return err
	}
	page := pool.Page(f)
	k := copy(page[:], n.data[idx*abi.PageSize:])
	clear(page[k:])
	i.Pages().Insert(idx, f)
	n.setBrought(idx)
	return nil
}

func (n *node) isBrought(p int) bool { return n.brought != nil && n.brought[p>>6]>>(p&63)&1 != 0 }

func (n *node) setBrought(p uint64) { n.brought[p>>6] |= 1 << (p & 63) }

// Backed returns how much of the file the boot image has.
func (n *node) Backed(*fs.Inode) int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return int64(len(n.data))
}

// Filler puts files into a tmpfs that nobody uses yet, in bulk: inodes and names come from blocks of memory, and the
// data of files stay where they are until they are needed.
type Filler struct {
	fs    *FS
	nodes []node
	pages []fs.Mapping
	names []fs.Dentry
}

// NewFiller returns a filler for t.
func (t *FS) NewFiller() *Filler { return &Filler{fs: t} }

// fillBlock is how many inodes and names are made at once.
const fillBlock = 64

// Add makes a file as entry name of dir. name, n.Target and what SetData gives are kept, not copied: they must never
// change. mtime is in nanoseconds.
func (f *Filler) Add(dir *fs.Dentry, name []byte, n *fs.Node, mtime int64) *fs.Dentry {
	if len(f.nodes) == 0 {
		f.nodes = make([]node, fillBlock)
	}
	var pages *fs.Mapping
	if n.Mode&abi.S_IFMT == abi.S_IFREG {
		if len(f.pages) == 0 {
			f.pages = make([]fs.Mapping, fillBlock)
		}
		pages, f.pages = &f.pages[0], f.pages[1:]
	}
	i := f.fs.newInode(&f.nodes[0], pages, n)
	f.nodes = f.nodes[1:]
	i.SetTimes(mtime, mtime, mtime)
	switch n.Mode & abi.S_IFMT {
	case abi.S_IFLNK:
		i.SetLink(n.Target)
	case abi.S_IFDIR:
		dir.Inode().AddNlink(1)
	}
	return f.place(dir, name, i)
}

// Link makes name another link of the file at d.
func (f *Filler) Link(dir *fs.Dentry, name []byte, d *fs.Dentry) {
	d.Inode().AddNlink(1)
	f.place(dir, name, d.Inode())
}

// Remove takes d, an entry of dir that is no directory, out again.
func (f *Filler) Remove(dir, d *fs.Dentry) {
	d.Inode().AddNlink(-1)
	dir.Inode().SetSize(dir.Inode().Size() - direntSize)
	f.fs.vfs.Remove(d)
}

func (f *Filler) place(dir *fs.Dentry, name []byte, i *fs.Inode) *fs.Dentry {
	if len(f.names) == 0 {
		f.names = make([]fs.Dentry, fillBlock)
	}
	d := &f.names[0]
	f.names = f.names[1:]
	dir.Inode().SetSize(dir.Inode().Size() + direntSize)
	f.fs.vfs.Plant(dir, d, name, i)
	return d
}

// SetData makes data the content of the regular file at d. If it starts in a frame that only the file's data are in,
// first is that frame, and whole pages are adopted when they are first used; 0: all pages are copied then.
func (f *Filler) SetData(d *fs.Dentry, data []byte, first frame.PFN) {
	i := d.Inode()
	n := i.Ops().(*node)
	n.data, n.first = data, first
	i.SetSize(int64(len(data)))
	pages := int64(len(data)+abi.PageSize-1) / abi.PageSize
	i.AddBlocks(pages * blocksPerPage)
	f.fs.addImage(pages)
}

// addImage counts pages that a Filler brings. They do not count against the limit.
func (t *FS) addImage(pages int64) {
	t.pages.Add(pages)
	if t.maxPages.Load() != 0 {
		t.maxPages.Add(pages)
	}
}

// Append adds a page of n bytes to the regular file at d, whose size was a multiple of the page size. pfn's reference
// becomes the file's.
func (f *Filler) Append(d *fs.Dentry, pfn frame.PFN, n int) {
	i := d.Inode()
	i.Pages().Insert(uint64(i.Size())/abi.PageSize, pfn)
	i.SetSize(i.Size() + int64(n))
	i.AddBlocks(blocksPerPage)
	f.fs.addImage(1)
}
