package linux386

import (
	"bytes"
	"encoding/binary"
	"strings"

	"cleave/abi"
	"cleave/fs"
	"cleave/mm"
	"cleave/proc"
)

// mntIDReq is struct mnt_id_req (statmount(2)); its first version ends before NS.
type mntIDReq struct {
	Size  uint32 `c:"size"`
	FD    uint32 `c:"mnt_ns_fd"`
	ID    uint64 `c:"mnt_id"`
	Param uint64 `c:"param"`
	NS    uint64 `c:"mnt_ns_id"`
}

const mntIDReqSize0 = 24

// loadRequest reads a request. EINVAL, E2BIG: its size; EINVAL: two namespaces, or no number of a mount.
func loadRequest(t *proc.Task, p Ptr[mntIDReq]) (q fs.MountQuery, param uint64, err error) {
	size, err := Ptr[uint32](p).Load(t)
	if err != nil {
		return q, 0, err
	}
	if size > pageSize {
		return q, 0, abi.E2BIG
	}
	var w [4]uint64
	if err := loadWords(t, uint32(p), size, mntIDReqSize0, w[:]); err != nil {
		return q, 0, err
	}
	q = fs.MountQuery{FD: int(w[0] >> 32), ID: w[1], NS: w[3]}
	if q.FD != 0 && q.NS != 0 || q.ID <= fs.FirstUniqueID {
		return q, 0, abi.EINVAL
	}
	return q, w[2], nil
}

// statmount is struct statmount, which the strings follow: places of strings are offsets from there.
type statmount struct {
	Size          uint32 `c:"size"`
	Opts          uint32 `c:"mnt_opts"`
	Mask          uint64 `c:"mask"`
	DevMajor      uint32 `c:"sb_dev_major"`
	DevMinor      uint32 `c:"sb_dev_minor"`
	Magic         uint64 `c:"sb_magic"`
	SBFlags       uint32 `c:"sb_flags"`
	FSType        uint32 `c:"fs_type"`
	ID            uint64 `c:"mnt_id"`
	Parent        uint64 `c:"mnt_parent_id"`
	OldID         uint32 `c:"mnt_id_old"`
	OldParent     uint32 `c:"mnt_parent_id_old"`
	Attr          uint64 `c:"mnt_attr"`
	Propagation   uint64 `c:"mnt_propagation"`
	PeerGroup     uint64 `c:"mnt_peer_group"`
	Master        uint64 `c:"mnt_master"`
	PropagateFrom uint64 `c:"propagate_from"`
	Root          uint32 `c:"mnt_root"`
	Point         uint32 `c:"mnt_point"`
	NS            uint64 `c:"mnt_ns_id"`
	FSSubtype     uint32 `c:"fs_subtype"`
	Source        uint32 `c:"sb_source"`
	OptNum        uint32 `c:"opt_num"`
	OptArray      uint32 `c:"opt_array"`
	OptSecNum     uint32 `c:"opt_sec_num"`
	OptSecArray   uint32 `c:"opt_sec_array"`
	Supported     uint64 `c:"supported_mask"`
	UIDMapNum     uint32 `c:"mnt_uidmap_num"`
	UIDMap        uint32 `c:"mnt_uidmap"`
	GIDMapNum     uint32 `c:"mnt_gidmap_num"`
	GIDMap        uint32 `c:"mnt_gidmap"`
	_             [43]uint64
}

const (
	statmountSize = 512
	// statmountStrings are the parts that come as strings. There is no file system with a subtype, no security module and
	// no mount with other ids, so that some of them are never there.
	statmountStrings = abi.STATMOUNT_MNT_ROOT | abi.STATMOUNT_MNT_POINT | abi.STATMOUNT_FS_TYPE | abi.STATMOUNT_MNT_OPTS |
		abi.STATMOUNT_FS_SUBTYPE | abi.STATMOUNT_SB_SOURCE | abi.STATMOUNT_OPT_ARRAY | abi.STATMOUNT_OPT_SEC_ARRAY |
		abi.STATMOUNT_MNT_UIDMAP | abi.STATMOUNT_MNT_GIDMAP
	statmountKnown = statmountStrings | abi.STATMOUNT_SB_BASIC | abi.STATMOUNT_MNT_BASIC | abi.STATMOUNT_PROPAGATE_FROM |
		abi.STATMOUNT_MNT_NS_ID | abi.STATMOUNT_SUPPORTED_MASK
)

func sysStatmount(t *proc.Task, req Ptr[mntIDReq], buf Addr, size Size, flags Hex) error {
	if flags != 0 {
		return abi.EINVAL
	}
	q, mask, err := loadRequest(t, req)
	if err != nil {
		return err
	}
	st, err := t.Caller.StatMount(q)
	if err != nil {
		return err
	}
	v, text := newStatmount(&st, mask)
	if mask&statmountStrings != 0 && size == statmountSize || len(text) > 1 && statmountSize+len(text) > int(size) {
		return abi.EOVERFLOW
	}
	v.Size = min(uint32(size), statmountSize)
	if size > statmountSize {
		v.Size += uint32(len(text))
	}
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, &v); err != nil {
		return err
	}
	b.Write(text)
	return t.MM().CopyOut(uint32(buf), b.Bytes()[:v.Size])
}

// newStatmount lays out the parts of s that mask asks for. The strings begin with an empty one, at offset 0.
func newStatmount(s *fs.MountStat, mask uint64) (v statmount, text []byte) {
	if mask&abi.STATMOUNT_SB_BASIC != 0 {
		v.Mask |= abi.STATMOUNT_SB_BASIC
		v.DevMajor, v.DevMinor, v.Magic, v.SBFlags = s.Dev.Major(), s.Dev.Minor(), uint64(s.Magic), s.SuperFlags
	}
	if mask&abi.STATMOUNT_MNT_BASIC != 0 {
		v.Mask |= abi.STATMOUNT_MNT_BASIC
		v.ID, v.Parent, v.OldID, v.OldParent = s.ID, s.Parent, s.OldID, s.OldParent
		v.Attr, v.Propagation, v.PeerGroup, v.Master = s.Attr, s.Propagation, s.Group, s.Master
	}
	if mask&abi.STATMOUNT_PROPAGATE_FROM != 0 {
		v.Mask |= abi.STATMOUNT_PROPAGATE_FROM
		v.PropagateFrom = s.From
	}
	if mask&abi.STATMOUNT_MNT_NS_ID != 0 {
		v.Mask |= abi.STATMOUNT_MNT_NS_ID
		v.NS = s.NS
	}
	if mask&abi.STATMOUNT_SUPPORTED_MASK != 0 {
		v.Mask |= abi.STATMOUNT_SUPPORTED_MASK
		v.Supported = statmountKnown
	}
	if mask&statmountStrings != 0 {
		text = v.addStrings(s, mask)
	}
	return v, text
}

// addStrings returns the strings that mask asks for, and says where they are. Those that are empty count as not there.
func (v *statmount) addStrings(s *fs.MountStat, mask uint64) []byte {
	text := []byte{0}
	for _, p := range [...]struct {
		bit uint64
		at  *uint32
		s   string
	}{
		{abi.STATMOUNT_FS_TYPE, &v.FSType, s.Type}, {abi.STATMOUNT_MNT_ROOT, &v.Root, s.Root},
		{abi.STATMOUNT_MNT_POINT, &v.Point, s.Point}, {abi.STATMOUNT_MNT_OPTS, &v.Opts, s.Options},
		{abi.STATMOUNT_OPT_ARRAY, &v.OptArray, strings.ReplaceAll(s.Options, ",", "\x00")},
		{abi.STATMOUNT_SB_SOURCE, &v.Source, s.Source},
	} {
		if mask&p.bit != 0 && p.s != "" {
			v.Mask |= p.bit
			*p.at = uint32(len(text))
			text = append(append(text, p.s...), 0)
		}
	}
	if v.OptArray != 0 {
		v.OptNum = uint32(strings.Count(s.Options, ",")) + 1
	}
	return text
}

// maxListed is how many mounts listmount(2) may be asked for.
const maxListed = 1000000

func sysListmount(t *proc.Task, req Ptr[mntIDReq], out Addr, n Size, flags Hex) (Size, error) {
	switch {
	case flags&^abi.LISTMOUNT_REVERSE != 0:
		return 0, abi.EINVAL
	case n > maxListed:
		return 0, abi.EOVERFLOW
	}
	q, last, err := loadRequest(t, req)
	if err != nil {
		return 0, err
	}
	if last != 0 && last <= fs.FirstUniqueID {
		return 0, abi.EINVAL
	}
	ids, err := t.Caller.ListMount(q, last, flags&abi.LISTMOUNT_REVERSE != 0, int(n))
	if err != nil {
		return 0, err
	}
	return Size(len(ids)), mm.StoreSlice(t.MM(), uint32(out), ids)
}
