package proc

import (
	"encoding/binary"

	"cleave/abi"
	"cleave/fs"
	"cleave/ns/user"
)

// The format of the attribute security.capability (capabilities(7), "File capability extended attribute versioning"):
// a word with the version and a flag, the low and then the high words of both sets, and in version 3 a user id.
const (
	capVersionMask = 0xff000000
	capVersion1    = 0x01000000
	capVersion2    = 0x02000000
	capVersion3    = 0x03000000
	capEffective   = 1
)

// fileCaps reads the capabilities of a program, nil if it has none. EINVAL: the attribute is malformed.
func (t *Task) fileCaps(f *fs.File) (*user.FileCaps, error) {
	b, err := t.Caller.Getxattr(f.Path(), []byte("security.capability"))
	if err == abi.ENODATA || err == abi.EOPNOTSUPP {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseFileCaps(b, f.Inode().Superblock().Owner())
}

// parseFileCaps reads the attribute; owner is the user namespace of the file system, nil: the initial one.
func parseFileCaps(b []byte, owner *user.Namespace) (*user.FileCaps, error) {
	var words [6]uint32
	if len(b) > 4*len(words) || len(b)%4 != 0 {
		return nil, abi.EINVAL
	}
	for i := range len(b) / 4 {
		words[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	size := map[uint32]int{capVersion1: 12, capVersion2: 20, capVersion3: 24}[words[0]&capVersionMask]
	if len(b) == 0 || size != len(b) {
		return nil, abi.EINVAL
	}
	c := &user.FileCaps{
		Permitted: user.Caps(words[1]), Inheritable: user.Caps(words[2]), Effective: words[0]&capEffective != 0, Root: user.RootKUID,
	}
	if size > 12 {
		c.Permitted |= user.Caps(words[3]) << 32
		c.Inheritable |= user.Caps(words[4]) << 32
	}
	c.Permitted &= user.AllCaps
	c.Inheritable &= user.AllCaps
	root := user.UID(0)
	if size == 24 {
		root = user.UID(words[5])
	}
	if owner != nil {
		c.Root = owner.ToKUID(root)
	}
	return c, nil
}
