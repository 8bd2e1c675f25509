package linux386

import (
	"encoding/binary"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm"
	"cleave/proc"
)

func sysOpenTree(t *proc.Task, dir DirFD, path Path, flags Hex) (FD, error) {
	const known = abi.OPEN_TREE_CLONE | abi.OPEN_TREE_CLOEXEC | abi.AT_EMPTY_PATH | abi.AT_NO_AUTOMOUNT | abi.AT_RECURSIVE |
		abi.AT_SYMLINK_NOFOLLOW
	if flags&^known != 0 || flags&(abi.AT_RECURSIVE|abi.OPEN_TREE_CLONE) == abi.AT_RECURSIVE {
		return 0, abi.EINVAL
	}
	p, err := path.load(t)
	if err != nil {
		return 0, err
	}
	f, err := t.Caller.OpenTree(int(dir), p, uint32(flags)&^abi.OPEN_TREE_CLOEXEC)
	if err != nil {
		return 0, err
	}
	return install(t, f, uint32(flags))
}

func sysMoveMount(t *proc.Task, fromDir DirFD, from Path, toDir DirFD, to Path, flags Hex) error {
	pf, pt, err := paths(t, from, to)
	if err != nil {
		return err
	}
	return t.Caller.MoveMount(int(fromDir), pf, int(toDir), pt, uint32(flags))
}

// cloexec is the flag of a descriptor for the calls that have a 1 for it.
func cloexec(flags Hex) uint32 {
	if flags&abi.FSOPEN_CLOEXEC != 0 {
		return abi.O_CLOEXEC
	}
	return 0
}

func sysFsopen(t *proc.Task, fstype Str, flags Hex) (FD, error) {
	typ, err := fstype.load(t, pageSize)
	if err != nil {
		return 0, err
	}
	f, err := t.Caller.Fsopen(typ, uint32(flags))
	if err != nil {
		return 0, err
	}
	return install(t, f, cloexec(flags))
}

func sysFspick(t *proc.Task, dir DirFD, path Path, flags Hex) (FD, error) {
	p, err := path.load(t)
	if err != nil {
		return 0, err
	}
	f, err := t.Caller.Fspick(int(dir), p, uint32(flags))
	if err != nil {
		return 0, err
	}
	return install(t, f, cloexec(flags))
}

// maxParameter is the longest key or value of fsconfig(2), with its NUL.
const maxParameter = 256

func sysFsconfig(t *proc.Task, fd FD, cmd Uint, key, value Str, aux Int) error {
	if fd < 0 {
		return abi.EINVAL
	}
	if err := checkFsconfig(uint32(cmd), key, value, aux); err != nil {
		return err
	}
	var k, v string
	var err error
	if key != 0 {
		if k, err = key.load(t, maxParameter); err != nil {
			return err
		}
	}
	if value != 0 && cmd == abi.FSCONFIG_SET_STRING {
		if v, err = value.load(t, maxParameter); err != nil {
			return err
		}
	}
	f, err := t.Files().GetIO(int(fd))
	if err != nil {
		return err
	}
	err = t.Caller.Fsconfig(f, int(cmd), k, v)
	f.Put()
	return err
}

// checkFsconfig refuses what does not go together: EINVAL; EOPNOTSUPP for an unknown command.
func checkFsconfig(cmd uint32, key, value Str, aux Int) error {
	bad := false
	switch cmd {
	case abi.FSCONFIG_SET_FLAG:
		bad = key == 0 || value != 0 || aux != 0
	case abi.FSCONFIG_SET_STRING:
		bad = key == 0 || value == 0 || aux != 0
	case abi.FSCONFIG_SET_BINARY:
		bad = key == 0 || value == 0 || aux <= 0 || aux > 1<<20
	case abi.FSCONFIG_SET_PATH, abi.FSCONFIG_SET_PATH_EMPTY:
		bad = key == 0 || value == 0 || aux != abi.AT_FDCWD && aux < 0
	case abi.FSCONFIG_SET_FD:
		bad = key == 0 || value != 0 || aux < 0
	case abi.FSCONFIG_CMD_CREATE, abi.FSCONFIG_CMD_RECONFIGURE, abi.FSCONFIG_CMD_CREATE_EXCL:
		bad = key != 0 || value != 0 || aux != 0
	default:
		return abi.EOPNOTSUPP
	}
	if bad {
		return abi.EINVAL
	}
	return nil
}

func sysFsmount(t *proc.Task, fd FD, flags, attrs Hex) (FD, error) {
	ctx, err := t.Files().GetIO(int(fd))
	if err != nil {
		return 0, err
	}
	f, err := t.Caller.Fsmount(ctx, uint32(flags), uint32(attrs))
	ctx.Put()
	if err != nil {
		return 0, err
	}
	return install(t, f, cloexec(flags))
}

// mountAttrSize is the size of the only version of struct mount_attr.
const mountAttrSize = 32

func sysMountSetattr(t *proc.Task, dir DirFD, path Path, flags AtFlags, attr Ptr[mountAttr], size Size) error {
	if err := flags.check(abi.AT_EMPTY_PATH | abi.AT_RECURSIVE | abi.AT_SYMLINK_NOFOLLOW | abi.AT_NO_AUTOMOUNT); err != nil {
		return err
	}
	var w [4]uint64
	if err := loadWords(t, uint32(attr), uint32(size), mountAttrSize, w[:]); err != nil {
		return err
	}
	a := mountAttr{w[0], w[1], w[2], w[3]}
	if a.Set == 0 && a.Clr == 0 && a.Propagation == 0 {
		return nil
	}
	p, err := path.load(t)
	if err != nil {
		return err
	}
	return t.Caller.MountSetattr(int(dir), p, uint32(flags), fs.MountAttr{Set: a.Set, Clear: a.Clr, Propagation: a.Propagation})
}

// mntIDReq is struct mnt_id_req (statmount(2)); its first version ends before NS.
type mntIDReq struct {
	Size  uint32 `c:"size"`
	_     uint32
	ID    uint64 `c:"mnt_id"`
	Param uint64 `c:"param"`
	NS    uint64 `c:"mnt_ns_id"`
}

const mntIDReqSize0 = 24

// loadRequest reads a request. EINVAL: another namespace than the caller's is asked for.
func loadRequest(t *proc.Task, p Ptr[mntIDReq]) (r mntIDReq, err error) {
	size, err := Ptr[uint32](p).Load(t)
	if err != nil {
		return r, err
	}
	var w [4]uint64
	if err := loadWords(t, uint32(p), size, mntIDReqSize0, w[:]); err != nil {
		return r, err
	}
	r = mntIDReq{Size: uint32(w[0]), ID: w[1], Param: w[2], NS: w[3]}
	if w[0]>>32 != 0 || r.NS != 0 {
		return r, abi.EINVAL
	}
	return r, nil
}

// statmount is struct statmount, which the strings follow; Opts, FSType, Root and Point are offsets from there.
type statmount struct {
	Size          uint32
	Opts          uint32
	Mask          uint64
	DevMajor      uint32
	DevMinor      uint32
	Magic         uint64
	SBFlags       uint32
	FSType        uint32
	ID            uint64
	Parent        uint64
	OldID         uint32
	OldParent     uint32
	Attr          uint64
	Propagation   uint64
	PeerGroup     uint64
	Master        uint64
	PropagateFrom uint64
	Root          uint32
	Point         uint32
	NS            uint64
	_             [49]uint64
}

const statmountSize = 512

func sysStatmount(t *proc.Task, req Ptr[mntIDReq], buf Addr, size Size, flags Hex) error {
	if flags != 0 {
		return abi.EINVAL
	}
	r, err := loadRequest(t, req)
	if err != nil {
		return err
	}
	st, err := t.Caller.StatMount(r.ID)
	if err != nil {
		return err
	}
	v, strings := newStatmount(&st, r.Param)
	v.Size = statmountSize + uint32(len(strings))
	if strings != nil && uint64(v.Size) > uint64(size) {
		return abi.EOVERFLOW
	}
	head, _ := binary.Append(nil, binary.LittleEndian, &v) // fails for types without a fixed size only
	return t.MM().CopyOut(uint32(buf), append(head, strings...)[:min(int(size), int(v.Size))])
}

// newStatmount lays out the parts of s that mask asks for.
func newStatmount(s *fs.MountStat, mask uint64) (v statmount, strings []byte) {
	str := func(bit uint64, text string) uint32 {
		v.Mask |= bit
		at := len(strings)
		strings = append(append(strings, text...), 0)
		return uint32(at)
	}
	if mask&abi.STATMOUNT_SB_BASIC != 0 {
		v.Mask |= abi.STATMOUNT_SB_BASIC
		v.DevMajor, v.DevMinor, v.Magic, v.SBFlags = s.Dev.Major(), s.Dev.Minor(), uint64(s.Magic), s.SuperFlags
	}
	if mask&abi.STATMOUNT_MNT_BASIC != 0 {
		v.Mask |= abi.STATMOUNT_MNT_BASIC
		v.ID, v.Parent, v.OldID, v.OldParent = s.ID, s.Parent, uint32(s.ID), uint32(s.Parent)
		v.Attr, v.Propagation, v.PeerGroup, v.Master = s.Attr, s.Propagation, s.Group, s.Master
	}
	if mask&abi.STATMOUNT_PROPAGATE_FROM != 0 {
		v.Mask |= abi.STATMOUNT_PROPAGATE_FROM
		v.PropagateFrom = s.From
	}
	if mask&abi.STATMOUNT_FS_TYPE != 0 {
		v.FSType = str(abi.STATMOUNT_FS_TYPE, s.Type)
	}
	if mask&abi.STATMOUNT_MNT_OPTS != 0 {
		v.Opts = str(abi.STATMOUNT_MNT_OPTS, s.Options)
	}
	if mask&abi.STATMOUNT_MNT_ROOT != 0 {
		v.Root = str(abi.STATMOUNT_MNT_ROOT, s.Root)
	}
	if mask&abi.STATMOUNT_MNT_POINT != 0 {
		v.Point = str(abi.STATMOUNT_MNT_POINT, s.Point)
	}
	return v, strings
}

// maxListed is how many mounts listmount(2) lists at once.
const maxListed = 1 << 12

func sysListmount(t *proc.Task, req Ptr[mntIDReq], out Addr, n Size, flags Hex) (Size, error) {
	if flags != 0 {
		return 0, abi.EINVAL
	}
	r, err := loadRequest(t, req)
	if err != nil {
		return 0, err
	}
	ids := make([]uint64, min(n, maxListed))
	k, err := t.Caller.ListMount(r.ID, r.Param, ids)
	if err != nil {
		return 0, err
	}
	return Size(k), mm.StoreSlice(t.MM(), uint32(out), ids[:k])
}
