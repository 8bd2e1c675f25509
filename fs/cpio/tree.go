package cpio

import (
	"bytes"

	"cleave/abi"
	"cleave/fs"
	"cleave/fs/tmpfs"
	"cleave/ns/user"
)

// unpacker puts entries into the tree of a tmpfs.
type unpacker struct {
	fs    *tmpfs.FS
	vfs   *fs.VFS
	fill  *tmpfs.Filler
	root  *fs.Dentry
	links map[linkKey]*fs.Dentry // files with several links, of one archive

	lastDir    []byte // the directory part of the last name, and where it is
	lastDentry *fs.Dentry
	node       fs.Node
}

// add makes the file that an entry describes. name and target, the data of a symbolic link, are kept. It returns the
// file, or what is wrong with the entry.
func (u *unpacker) add(name []byte, e *entry, target []byte) (*fs.Dentry, string) {
	for len(name) > 0 && (name[0] == '/' || name[0] == '.' && len(name) > 1 && name[1] == '/') {
		name = name[1:]
	}
	if len(name) == 0 || string(name) == "." {
		return u.root, u.setRoot(e)
	}
	dir, base, bad := u.parent(name)
	if bad != "" {
		return nil, bad
	}
	if d, bad := u.link(dir, base, e); d != nil || bad != "" {
		return d, bad
	}
	n := &u.node
	*n = fs.Node{Mode: e.mode & (abi.S_IFMT | abi.S_IALLUGO), UID: user.KUID(e.uid), GID: user.KGID(e.gid), Rdev: e.rdev}
	switch e.mode & abi.S_IFMT {
	case abi.S_IFREG, abi.S_IFCHR, abi.S_IFBLK, abi.S_IFIFO, abi.S_IFSOCK:
	case abi.S_IFLNK:
		if len(target) == 0 || len(target) >= abi.PathMax {
			return nil, "the target of a symbolic link is empty or too long"
		}
		n.Target = target[:len(target):len(target)]
	case abi.S_IFDIR:
		if d := u.vfs.Child(dir, base); d != nil && d.Inode().IsDir() {
			d.Inode().SetNode(n)
			d.Inode().SetMode(n.Mode)
			return d, ""
		}
	default:
		return nil, "an unknown type of file"
	}
	if bad := u.clear(dir, base); bad != "" {
		return nil, bad
	}
	d := u.fill.Add(dir, base, n, int64(e.mtime)*1e9)
	if e.link != (linkKey{}) {
		if u.links == nil {
			u.links = map[linkKey]*fs.Dentry{}
		}
		u.links[e.link] = d
	}
	return d, ""
}

// setRoot gives the root directory the attributes of the entry ".".
func (u *unpacker) setRoot(e *entry) string {
	if e.mode&abi.S_IFMT != abi.S_IFDIR {
		return "the root is no directory"
	}
	i := u.root.Inode()
	i.SetNode(&fs.Node{UID: user.KUID(e.uid), GID: user.KGID(e.gid)})
	i.SetMode(e.mode & (abi.S_IFMT | abi.S_IALLUGO))
	return ""
}

// link makes base another link of a file that has been there already.
func (u *unpacker) link(dir *fs.Dentry, base []byte, e *entry) (*fs.Dentry, string) {
	if e.link == (linkKey{}) || u.links[e.link] == nil {
		return nil, ""
	}
	d := u.links[e.link]
	if u.vfs.Child(dir, base) == d {
		return d, ""
	}
	if bad := u.clear(dir, base); bad != "" {
		return nil, bad
	}
	u.fill.Link(dir, base, d)
	return d, ""
}

// clear removes what an earlier archive has put at base.
func (u *unpacker) clear(dir *fs.Dentry, base []byte) string {
	d := u.vfs.Child(dir, base)
	switch {
	case d == nil:
		return ""
	case d.Inode().IsDir():
		return "a directory is in the place of a file"
	}
	for k, l := range u.links {
		if l == d {
			delete(u.links, k)
		}
	}
	u.fill.Remove(dir, d)
	return ""
}

// parent finds the directory of a name; those that the archive has no entry for are made.
func (u *unpacker) parent(name []byte) (dir *fs.Dentry, base []byte, bad string) {
	name = bytes.TrimRight(name, "/")
	cut := bytes.LastIndexByte(name, '/')
	base = name[cut+1:]
	if bad := checkName(base); bad != "" {
		return nil, nil, bad
	}
	if cut < 0 {
		return u.root, base, ""
	}
	if u.lastDentry != nil && bytes.Equal(name[:cut], u.lastDir) {
		return u.lastDentry, base, ""
	}
	dir = u.root
	for rest := name[:cut]; len(rest) > 0; {
		part, next, _ := bytes.Cut(rest, []byte("/"))
		rest = next
		if len(part) == 0 || string(part) == "." {
			continue
		}
		if bad := checkName(part); bad != "" {
			return nil, nil, bad
		}
		d := u.vfs.Child(dir, part)
		if d == nil {
			u.node = fs.Node{Mode: abi.S_IFDIR | 0o755}
			d = u.fill.Add(dir, part, &u.node, 0)
		}
		if !d.Inode().IsDir() {
			return nil, nil, "a part of the name is no directory"
		}
		dir = d
	}
	u.lastDir, u.lastDentry = name[:cut], dir
	return dir, base, ""
}

func checkName(name []byte) string {
	switch {
	case len(name) > abi.NameMax:
		return "a part of the name is too long"
	case string(name) == "..", string(name) == ".", len(name) == 0:
		return "the name has a part that is no name"
	}
	return ""
}
